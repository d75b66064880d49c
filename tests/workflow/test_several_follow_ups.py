"""A trial with two scans after treatment and scores of a third session, to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_study import CONFIG, Study, write_blocks, write_participants, write_run

from ketfc.base.files import read_json, read_tsv

# labels of different lengths, on which the made images depend
SESSIONS = {"pre": "b", "post": "d1", "late": "day3", "far": "month1"}
TREATED, CONTROLS = 5, 7


def rows() -> list[dict[str, Any]]:
    """Five had ketamine, seven midazolam; the fourth has no score of the last session."""
    return [
        {
            "participant_id": f"sub-{i:02d}",
            "arm": "ketamine" if i <= TREATED else "midazolam",
            "SSI_ses-b": 14 + (5 * i) % 9,
            "SSI_ses-d1": 3 + (7 * i) % 11,
            "SSI_ses-day3": 2 + (3 * i) % 10,
            "SSI_ses-month1": None if i == 4 else 1 + (4 * i) % 13,
        }
        for i in range(1, TREATED + CONTROLS + 1)
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = Study(tmp_path_factory.mktemp("followups"))
    for i in range(1, TREATED + CONTROLS + 1):
        for label in ("b", "d1", "day3"):
            # the second was scanned on day 3 in place of day 1
            if (i, label) != (2, "d1"):
                write_run(study, f"{i:02d}", label)
    write_participants(study, rows())
    write_blocks(study)
    asked = [
        {"name": "far", "score": "far"},
        {"name": "lateFar", "connectivity": "late", "score": "far"},
    ]
    study.configure(
        study={"sessions": SESSIONS},
        denoising={"strategies": ["acompcor"]},
        statistics={"later-outcomes": asked},
    )
    done = study.run()
    assert done.code == 0, done.text
    return study


def table_of(study: Study, name: str) -> Any:
    return read_tsv(study.results / f"tests/{name}.tsv", numeric=("n", "n_excluded", "p", "df"))


@pytest.mark.slow
def test_the_session_with_scores_alone_is_in_no_contrast(finished: Study) -> None:
    design = read_json(finished.results / "plan/design.json")
    assert design["contrasts"] == [["pre", "post"], ["pre", "late"]]
    assert [one["score"] for one in design["later_outcomes"]] == [["pre", "far"]] * 2
    said = (finished.results / "plan/summary.txt").read_text(encoding="utf-8")
    assert "later-far: Partial Spearman correlation of SSI at month1" in said
    tests = table_of(finished, "hypotheses")["test"].unique().tolist()
    assert [name for name in tests if name.startswith(("change-", "later-"))] == [
        *("change-late", "later-far", "later-lateFar", "change-ketamine", "change-midazolam")
    ]


@pytest.mark.slow
def test_each_question_has_its_own_participants(finished: Study) -> None:
    table = table_of(finished, "hypotheses").set_index(["hypothesis", "test"])
    assert table.loc[("dmn", "later-far"), "n"] == 10
    assert table.loc[("dmn", "later-lateFar"), "n"] == 11
    assert table.loc[("dmn", "later-far"), "family"] == "secondary"
    # who has no scan on day 1 has one before, and the score
    assert table.loc[("dmn", "baseline-prognostic"), "n"] == 12
    assert table.loc[("dmn", "baseline-prescriptive"), "flags"].startswith("small-cell: ketamine")
    out = read_tsv(finished.results / "quality/exclusions.tsv")
    own = out[out["rule"] == "dmn / later-far"].set_index("participant_id")["reason"]
    assert own.to_dict() == {
        "sub-02": "no connectivity at post",
        "sub-04": "no SSI score at far",
    }


@pytest.mark.slow
def test_both_follow_ups_are_compared_in_one_model(finished: Study) -> None:
    table = table_of(finished, "robustness")
    rows = table[(table["method"] == "mmrm") & (table["hypothesis"] == "dmn")].set_index("test")
    assert rows.index.tolist() == ["change", "change-late"]
    assert (rows["n"] == 12).all()
    assert rows["p"].between(0, 1).all()
    assert rows["flags"].str.startswith("sessions-missing").all()


@pytest.mark.slow
def test_report_and_methods_say_what_was_asked(finished: Study) -> None:
    page = (finished.results / "report.html").read_text(encoding="utf-8")
    assert "Connectivity before treatment: exploratory" in page
    assert "later-lateFar" in page
    assert "MMRM, all follow-ups" in page
    methods = (finished.results / "methods.md").read_text(encoding="utf-8")
    assert "(far with the change until post and far with the change until late)" in methods
    assert "[@mallinckrodt2008; @kenward1997]" in methods
    assert "connectivity before it" in methods


@pytest.mark.slow
def test_a_lock_holds_the_questions(finished: Study, tmp_path: Path) -> None:
    study = finished.copy(tmp_path)
    assert study.run("preregistration").code == 0
    lock = json.loads((study.results / "plan/preregistration.json").read_text(encoding="utf-8"))
    asked = lock["locked"]["statistics"]["later-outcomes"]
    assert [one["name"] for one in asked] == ["far", "lateFar"]
    assert CONFIG["study"]["sessions"] != lock["locked"]["sessions"] == SESSIONS
