"""One fault of every kind in one study: every count of every table is explained."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_runs import confounds_table
from made_study import (
    AFFINE,
    N_VOLUMES,
    SHAPE,
    SPACE,
    STRATEGIES,
    Study,
    brain,
    people,
    save,
    write_confounds,
    write_participants,
    write_run,
)

from ketfc.base.files import read_json, read_tsv

CONFOUNDS = "_desc-confounds_timeseries.tsv"


def spoil(study: Study) -> None:
    """Put every kind of fault into the study, each into another participant."""
    # 01: truncated image; a second run of the session makes up for it
    write_run(study, "01", "pre", run="_run-2")
    path = study.func("01", "pre") / f"sub-01_ses-pre_task-rest_space-{SPACE}_desc-preproc_bold"
    path = path.with_name(path.name + ".nii.gz")
    path.write_bytes(path.read_bytes()[:-2000])
    # 02: a whole session missing
    for file in study.func("02", "post").iterdir():
        file.unlink()
    # 03: hardly any volume kept
    table = confounds_table(N_VOLUMES)
    table.loc[10:90, "framewise_displacement"] = 0.9
    write_confounds(study.file("03", "post", CONFOUNDS), table)
    # 04: moved all the time, though never enough to be censored
    table = confounds_table(N_VOLUMES).assign(framewise_displacement=0.45)
    write_confounds(study.file("04", "pre", CONFOUNDS), table)
    # 05: the right lateral frontal lobe outside the mask
    x, y, z = (
        np.indices(SHAPE) * AFFINE.diagonal()[:3, None, None, None]
        + AFFINE[:3, 3][:, None, None, None]
    )
    seen = brain() & ~((x > 20) & (y > 25) & (z > 10))
    save(study.file("05", "post", "_desc-brain_mask.nii.gz"), seen.astype(np.uint8))
    # 07: no mask; 08: not one column of the primary strategy
    study.file("07", "pre", "_desc-brain_mask.nii.gz").unlink()
    table = confounds_table(N_VOLUMES).drop(columns="rot_y_derivative1")
    write_confounds(study.file("08", "post", CONFOUNDS), table)
    # 06 lacks a score, 12 is in neither arm, 14 is in the table alone
    rows = people()
    rows[5]["SSI_ses-post"] = None
    rows[11]["arm"] = "open"
    write_participants(study, [*rows, rows[0] | {"participant_id": "sub-14"}])
    # 09 altogether, and one session of 10, by hand
    (study.folder / "mine.tsv").write_text(
        "participant_id\tsession\treason\n"
        "sub-09\tn/a\tincidental finding\nsub-10\tses-post\tasleep\n",
        encoding="utf-8",
    )
    study.configure(quality={"max-mean-fd": 0.4, "exclusions": "mine.tsv"})


@pytest.fixture(scope="module")
def spoilt(pristine: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = pristine.copy(tmp_path_factory.mktemp("spoilt"))
    spoil(study)
    # no page of a participant is looked at
    done = study.run("results/report.html", "results/methods.md")
    assert done.code == 0, done.text
    return study


@pytest.fixture(scope="module")
def listed(spoilt: Study) -> pd.DataFrame:
    return read_tsv(spoilt.results / "quality/exclusions.tsv")


def test_each_fault_has_its_line_with_stage_unit_and_rule(listed: pd.DataFrame) -> None:
    assert listed[["stage", "unit", "rule", "consequence", "reason"]].notna().all(axis=None)
    before = listed[(listed["stage"] != "test") & ~listed["region"].fillna("").str.match("Blocks")]
    found = {
        tuple(row)
        for row in before[["participant_id", "session", "stage", "unit", "rule"]].to_numpy()
    }
    post, pre = "study.sessions.post", "study.sessions.pre"
    assert {row for row in found if row[3] != "strategy"} == {
        ("sub-01", "pre", "imaging", "run", "damaged-image"),
        ("sub-02", "post", "plan", "session", post),
        ("sub-03", "post", "imaging", "run", "min-time"),
        ("sub-04", "pre", "imaging", "run", "max-mean-fd"),
        ("sub-05", "pre", "region", "region", "min-coverage"),
        ("sub-05", "post", "region", "region", "min-coverage"),
        ("sub-06", "post", "plan", "session", "SSI_ses-post"),
        ("sub-07", "pre", "plan", "run", "missing-file"),
        ("sub-07", "pre", "plan", "session", pre),
        ("sub-08", "post", "plan", "session", post),
        ("sub-09", "pre", "manual", "run", "manual"),
        ("sub-09", "post", "manual", "run", "manual"),
        ("sub-09", "pre", "plan", "session", pre),
        ("sub-09", "post", "plan", "session", post),
        ("sub-10", "post", "manual", "run", "manual"),
        ("sub-10", "post", "plan", "session", post),
        ("sub-12", None, "plan", "participant", "arm"),
        ("sub-14", None, "plan", "participant", "participant_id"),
        ("sub-14", "pre", "plan", "session", pre),
        ("sub-14", "post", "plan", "session", post),
    }
    lost = before[before["unit"] == "strategy"]
    assert set(lost["participant_id"]) == {"sub-08"}
    assert sorted(lost["strategy"]) == sorted(set(STRATEGIES) - {"none"})
    reasons = set(listed.loc[listed["rule"] == "manual", "reason"])
    assert reasons == {"left out by hand: incidental finding", "left out by hand: asleep"}
    moved = listed[listed["rule"] == "max-mean-fd"].iloc[0]
    assert (moved["threshold"], round(float(moved["value"]), 3)) == ("0.4", 0.45)


def test_n_and_those_left_out_are_all_who_were_planned(spoilt: Study, listed: pd.DataFrame) -> None:
    design = read_json(spoilt.results / "plan/design.json")
    hypotheses = read_tsv(spoilt.results / "tests/hypotheses.tsv", numeric=("n", "n_excluded"))
    assert len(design["participants"]) == 13
    arms = {label: role for role, label in design["arms"].items()}
    for row in hypotheses.to_dict("records"):
        role = arms.get(row["test"].partition("-")[2])
        planned = {one for one, arm in design["participants"].items() if role in (None, arm)}
        own = listed[listed["rule"] == f"{row['hypothesis']} / {row['test']}"]
        assert row["n"] + row["n_excluded"] == len(planned)
        assert row["n_excluded"] == own["participant_id"].nunique() == len(own)
        # each of them has a line of an earlier stage, and so has nobody who is in the test
        out = set(own["participant_id"])
        earlier = set(listed.loc[listed["stage"] != "test", "participant_id"])
        assert out <= earlier
    primary = hypotheses[hypotheses["family"] == "primary-change"].set_index("hypothesis")
    # 01, 06 and 11 are whole; 05 lacks the right lateral prefrontal cortex; 06 has no score
    assert primary.loc["dmn", "n"] == 4
    assert primary.loc["sgacc-rlpfc", "n"] == 3
    scored = hypotheses[hypotheses["family"] == "primary-association"].set_index("hypothesis")
    assert scored.loc["dmn", "n"] == 3
    assert scored.loc["sgacc-rlpfc", "n"] == 2


def test_runs_that_were_used_and_runs_that_were_not_are_all_runs(
    spoilt: Study, listed: pd.DataFrame
) -> None:
    planned = read_tsv(spoilt.results / "plan/runs.tsv")
    runs = read_tsv(spoilt.results / "quality/runs.tsv")
    assert sorted(runs["run"]) == sorted(planned["run"])
    assert len(runs) == 24
    lost = listed[listed["unit"] == "run"]
    assert not lost["run"].duplicated().any()
    assert set(runs.loc[runs["status"] != "ok", "run"]) == set(lost["run"])
    assert len(lost) == 7


def test_every_missing_edge_has_a_line_of_its_run_strategy_or_region(
    spoilt: Study, listed: pd.DataFrame
) -> None:
    table = read_tsv(spoilt.results / "connectivity.tsv", numeric=("z",))
    missing = table[table["z"].isna() & (table["measure"] == "edge")]
    assert len(missing) > 0
    lost = listed[listed["unit"].isin(["run", "session"])]
    gone = {(row.participant_id, row.session) for row in lost.itertuples()}
    for row in missing.itertuples():
        key = (row.participant_id, row.session)
        own = listed[(listed["participant_id"] == key[0]) & (listed["session"] == key[1])]
        regions = {f"Circuits:{row.region_a}", f"Circuits:{row.region_b}"}
        assert (
            key in gone
            or row.strategy in set(own["strategy"])
            or regions & set(own["region"].dropna())
        ), row
    # and a session with all its runs, strategies and regions has all its edges
    whole = table[table["participant_id"].isin(["sub-01", "sub-06", "sub-11"])]
    assert whole["z"].notna().all()


def test_what_is_left_out_by_hand_was_never_read(spoilt: Study) -> None:
    assert not (spoilt.results / "derivatives/sub-09").exists()
    assert not (spoilt.results / "derivatives/sub-10/ses-post").exists()
    assert (spoilt.results / "derivatives/sub-10/ses-pre").exists()
    summary = (spoilt.results / "plan/summary.txt").read_text(encoding="utf-8")
    assert "left out by hand: incidental finding" in summary


def test_no_count_of_the_flow_is_lost_between_two_steps(spoilt: Study) -> None:
    flow = read_tsv(spoilt.results / "figures/flow.tsv", numeric=("n",))
    hypotheses = read_tsv(spoilt.results / "tests/hypotheses.tsv", numeric=("n",))
    runs = read_tsv(spoilt.results / "quality/runs.tsv")

    def n(arm: str, step: str, state: str, unit: str = "participants") -> float:
        rows = flow[(flow["arm"] == arm) & (flow["step"] == step) & (flow["unit"] == unit)]
        return rows.loc[rows["state"] == state, "n"].sum()

    arms = ("ketamine", "midazolam")
    assert n("all", "found", "in") == 13
    out_of_arms = n("all", "assigned", "out")
    assert sum(n(arm, "assigned", "in") for arm in arms) + out_of_arms == 13
    for arm in arms:
        for before, after in (("assigned", "imaged"), ("imaged", "usable")):
            assert n(arm, after, "in") + n(arm, after, "out") == n(arm, before, "in")
        found = n(arm, "imaged", "in", "runs")
        assert n(arm, "usable", "in", "runs") + n(arm, "usable", "out", "runs") == found
    tested = flow[(flow["step"] == "tested")]
    for row in hypotheses[hypotheses["family"].str.startswith("primary")].itertuples():
        own = tested[(tested["circuit"] == row.hypothesis) & (tested["test"] == row.test)]
        assert own.loc[own["state"] == "in", "n"].sum() == row.n
        for arm in arms:
            assert own.loc[own["arm"] == arm, "n"].sum() == n(arm, "usable", "in")
    # sub-12, who is in no arm, has two runs
    assert sum(n(arm, "imaged", "in", "runs") for arm in arms) == len(runs) - 2
    reasons = dict(
        zip(flow.loc[flow["unit"] == "runs", "reason"], flow.loc[flow["unit"] == "runs", "n"],
            strict=True)
    )  # fmt: skip
    assert reasons["left out by hand: incidental finding"] == 2
    assert reasons["confounds-column"] == 1


def test_only_the_report_of_this_study_names_what_was_left_out_by_hand(
    spoilt: Study, finished: Study
) -> None:
    for study, wanted in ((spoilt, True), (finished, False)):
        page = (study.results / "report.html").read_text(encoding="utf-8")
        assert ("left out by hand" in page) is wanted
        assert 'id="figure-flow"' in page
    methods = (spoilt.results / "methods.md").read_text(encoding="utf-8")
    assert "a mean framewise displacement above 0.4 mm were excluded" in methods


def test_a_line_that_names_nobody_stops_the_plan(spoilt: Study, tmp_path) -> None:
    study = spoilt.copy(tmp_path / "study")
    table = study.folder / "mine.tsv"
    table.write_text(
        "participant_id\tsession\treason\nsub-9\tn/a\tcyst\nsub-10\tpots\tn/a\n",
        encoding="utf-8",
    )
    done = study.run("plan", cores=1)
    assert done.code != 0
    assert "Traceback" not in done.text
    assert "line 2: has no run in this study; did you mean 'sub-09'?" in done.text
    assert "line 3: has no reason, and nothing is left out without one" in done.text
