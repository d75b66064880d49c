"""A crossover with a healthy control group, from made images to the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_study import CONFIG, Study, write_blocks, write_participants, write_run

from ketfc.base.files import read_json, read_tsv

# of different lengths, on which the made images depend
SESSIONS = {"pre": "b", "post": "ket", "control": "pl"}
ORDERS = [("d", "p"), ("p", "d")] * 3 + [("d", None)]
PATIENTS = [f"sub-{i:02d}" for i in range(1, len(ORDERS) + 1)]


def rows() -> list[dict[str, Any]]:
    """Seven patients, the last with ketamine alone, and two healthy controls."""
    patients = [
        {
            "participant_id": who,
            "group": "MDD" if i % 3 else "BP",
            "first": first,
            "second": second,
            "SSI_ses-b": 20 + i,
            "SSI_ses-ket": 4 + (7 * i) % 11,
            "SSI_ses-pl": None if second is None else 12 + (5 * i) % 9,
        }
        for i, (who, (first, second)) in enumerate(zip(PATIENTS, ORDERS, strict=True), start=1)
    ]
    healthy = [{"participant_id": f"sub-{i}", "group": "HC"} for i in (21, 22)]
    return [*patients, *healthy]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = Study(tmp_path_factory.mktemp("crossover"))
    for row in rows():
        for session in SESSIONS.values():
            if row["group"] == "HC" and session != "b":
                continue
            if session == "pl" and row["second"] is None:
                continue
            write_run(study, row["participant_id"].removeprefix("sub-"), session)
    write_participants(study, rows())
    write_blocks(study)
    order = {"order": ["first", "second"], "ketamine": "d", "control": "p"}
    about = {key: value for key, value in CONFIG["study"].items() if key != "arms"}
    study.configure(
        study=about
        | {
            "sessions": SESSIONS,
            "arms": None,
            "crossover": order | {"control-name": "saline"},
            "groups": {"column": "group", "patients": ["MDD", "BP"], "controls": "HC"},
        },
        denoising={"strategies": ["acompcor"]},
    )
    # no page of a participant is looked at
    done = study.run("results/report.html", "results/methods.md")
    assert done.code == 0, done.text
    return study


def test_the_hypotheses_are_those_of_a_crossover_without_controls(finished: Study) -> None:
    table = read_tsv(finished.results / "tests/hypotheses.tsv", numeric=("n", "n_excluded"))
    primary = table[table["primary"].astype(str).str.lower() == "true"]
    tests = ["change", "association", "change-first-period"]
    assert table["test"].unique().tolist() == tests
    assert (table["n"] + table["n_excluded"] == len(ORDERS)).all()
    for test, n in zip(tests, (6, 6, 7), strict=True):
        assert primary.loc[primary["test"] == test, "n"].max() == n
    assert set(primary.loc[primary["test"] == "change", "family"]) == {"primary-change"}
    assert set(table.loc[table["test"] == "change-first-period", "family"]) == {"secondary"}
    assert table["verdict"].str.contains("saline").any()


def test_everybody_is_accounted_for(finished: Study) -> None:
    design = read_json(finished.results / "plan/design.json")
    assert len(design["participants"]) == len(rows())
    left = read_tsv(finished.results / "tests/left_out.tsv")
    assert set(left["participant_id"]) <= set(PATIENTS)
    assert left.loc[left["participant_id"] == "sub-07", "reason"].str.contains("second drug").all()
    listed = read_tsv(finished.results / "quality/exclusions.tsv")
    by_design = listed[listed["stage"] == "design"]
    assert by_design["participant_id"].tolist() == ["sub-21", "sub-22"]
    assert set(by_design["reason"]) == {"healthy control: not in drug contrasts"}
    connectivity = read_tsv(finished.results / "connectivity.tsv")
    # they are measured all the same
    assert {"sub-21", "sub-22"} <= set(connectivity["participant_id"])


def test_the_figures_show_patients_alone(finished: Study) -> None:
    paired = read_tsv(finished.results / "figures/paired.tsv")
    people = paired.loc[paired["kind"] == "participant", "participant_id"]
    assert set(people) == set(PATIENTS)
    relmat = read_tsv(finished.results / "tests/mean_relmat.tsv", numeric=("n",))
    counts = relmat.groupby("role")["n"].max()
    assert counts.to_dict() == {"pre": 7, "post": 7, "control": 6}


@pytest.mark.parametrize("name", ["report.html", "methods.md"])
def test_what_is_read_by_people_says_what_the_design_allows(finished: Study, name: str) -> None:
    text = (finished.results / name).read_text(encoding="utf-8")
    design = read_json(finished.results / "plan/design.json")
    for said in ("crossover", "saline", "2 healthy controls", design["estimand"]["change"][:-1]):
        assert said in text, said
    for word in ("ketamine-specific", "no control arm", "single arm"):
        assert word not in text
    assert "nan" not in text.lower().split()


def test_the_verdicts_hold_no_forbidden_word(finished: Study) -> None:
    design = read_json(finished.results / "plan/design.json")
    table: pd.DataFrame = read_tsv(finished.results / "tests/hypotheses.tsv")
    text = " ".join([*table["verdict"], Path(finished.results / "methods.md").read_text("utf-8")])
    assert not [word for word in design["may_not_say"] if word in text]
