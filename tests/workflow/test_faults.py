"""One bad run each: it is left out with its own reason, and the rest of the study goes on."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import confounds_table
from made_study import (
    AFFINE,
    N_VOLUMES,
    STRATEGIES,
    Study,
    bold_image,
    brain,
    save,
    write_confounds,
)

from ketfc.base.files import read_tsv
from ketfc.imaging.group.sessions import NUMERIC

BOLD, MASK = "_desc-preproc_bold.nii.gz", "_desc-brain_mask.nii.gz"
CONFOUNDS = "_desc-confounds_timeseries.tsv"


def fewer_rows(study: Study) -> None:
    write_confounds(study.file("01", "pre", CONFOUNDS), confounds_table(N_VOLUMES - 1))


def more_rows(study: Study) -> None:
    write_confounds(study.file("01", "post", CONFOUNDS), confounds_table(N_VOLUMES + 1))


def no_censoring_column(study: Study) -> None:
    table = confounds_table(N_VOLUMES).drop(columns="framewise_displacement")
    write_confounds(study.file("02", "pre", CONFOUNDS), table)


def no_column_of_the_primary_strategy(study: Study) -> None:
    table = confounds_table(N_VOLUMES).drop(columns="rot_y_derivative1")
    write_confounds(study.file("02", "post", CONFOUNDS), table)


def truncated(study: Study) -> None:
    path = study.file("03", "pre", BOLD)
    path.write_bytes(path.read_bytes()[:-2000])


def not_finite(study: Study) -> None:
    image = bold_image(np.random.default_rng(0)).astype(np.float32)
    save(study.file("03", "post", BOLD), np.full_like(image, np.nan))


def mask_elsewhere(study: Study) -> None:
    moved = AFFINE + np.array([[0, 0, 0, 2.0]] * 3 + [[0, 0, 0, 0]])
    save(study.file("07", "pre", MASK), brain().astype(np.uint8), moved)


def another_repetition_time(study: Study) -> None:
    image = bold_image(np.random.default_rng(0))
    save(study.file("07", "post", BOLD), image, repetition_time=0.8)


def no_confounds(study: Study) -> None:
    study.file("08", "pre", CONFOUNDS).unlink()


def no_column_of_another_strategy(study: Study) -> None:
    table = confounds_table(N_VOLUMES).drop(columns=["csf_power2", "csf"])
    write_confounds(study.file("09", "post", CONFOUNDS), table)


# participant, session, rule, value, threshold, and what the reason must say
RUNS = {
    fewer_rows: ("01", "pre", "confounds-rows", "99", "100", r"99 rows, .* has 100 volumes"),
    more_rows: ("01", "post", "confounds-rows", "101", "100", r"101 rows, .* has 100 volumes"),
    no_censoring_column: (
        "02", "pre", "confounds-column", None, None, "lack framewise_displacement, by which",
    ),
    truncated: ("03", "pre", "damaged-image", None, None, "is truncated"),
    not_finite: ("03", "post", "not-finite", None, "0", "no finite number"),
    mask_elsewhere: (
        "07", "pre", "mask-grid", None, None, r"another grid .*\(-78, .*BOLD .*\(-80, ",
    ),
    another_repetition_time: (
        "07", "post", "repetition-time", "0.8", "2", "0.8 s in the header and 2 s in the sidecar",
    ),
    no_confounds: ("08", "pre", "missing-file", None, None, "has no confounds: sub-08_ses-pre"),
}  # fmt: skip
STRATEGY_RUNS = {
    no_column_of_the_primary_strategy: ("02", "post", "rot_y_derivative1", STRATEGIES[1:]),
    no_column_of_another_strategy: ("09", "post", "csf", ["36P"]),
}


@pytest.fixture(scope="module")
def faulty(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The small study with one fault in each of ten runs, run again."""
    study = finished.copy(tmp_path_factory.mktemp("faulty"))
    for fault in (*RUNS, *STRATEGY_RUNS):
        fault(study)
    # no page of a participant is looked at
    done = study.run("results/report.html", "results/methods.md")
    assert done.code == 0, done.text
    assert "Traceback" not in done.text
    # one is gone; the nine others are denoised again, and so is the other session of the one that
    # is gone, which shares its voxels with nobody now; that one is read again, and both sessions
    # of the two participants with faults in their images; whose confounds are gone has a session
    # that must be cleaned of the same kinds of components
    assert done.jobs["denoise_run"] == 11
    assert done.jobs["extract_run"] == 5
    return study


def exclusions(study: Study) -> pd.DataFrame:
    return read_tsv(study.results / "quality/exclusions.tsv")


@pytest.mark.parametrize("fault", RUNS, ids=lambda fault: fault.__name__)
def test_a_bad_run_is_left_out_with_its_own_reason(faulty: Study, fault: object) -> None:
    participant, session, rule, value, threshold, said = RUNS[fault]
    rows = exclusions(faulty)
    rows = rows[rows["run"] == f"sub-{participant}_ses-{session}_task-rest"]
    rows = rows[rows["region"].isna()]
    assert len(rows) == 1, rows.to_string()
    row = rows.iloc[0]
    assert (row["participant_id"], row["session"]) == (f"sub-{participant}", session)
    assert (row["rule"], row["consequence"]) == (rule, "run not used")
    assert re.search(said, row["reason"]), row["reason"]
    if value is not None:
        assert row["value"] == value
    if threshold is not None:
        assert row["threshold"] == threshold


@pytest.mark.parametrize("fault", STRATEGY_RUNS, ids=lambda fault: fault.__name__)
def test_a_missing_column_hits_only_the_strategies_that_need_it(
    faulty: Study, fault: object
) -> None:
    participant, session, column, strategies = STRATEGY_RUNS[fault]
    rows = exclusions(faulty)
    rows = rows[rows["run"] == f"sub-{participant}_ses-{session}_task-rest"]
    assert sorted(rows["strategy"]) == sorted(strategies)
    assert set(rows["rule"]) == {"confounds-column"}
    assert all(column in reason for reason in rows["reason"])
    table = read_tsv(faulty.results / "connectivity.tsv", numeric=("z",))
    own = table[(table["participant_id"] == f"sub-{participant}") & (table["session"] == session)]
    assert set(own.loc[own["z"].isna(), "strategy"]) == set(strategies)
    assert set(own.loc[own["z"].notna(), "strategy"]) == set(STRATEGIES) - set(strategies)


def test_the_other_runs_keep_their_values(faulty: Study, finished: Study) -> None:
    hit = {(f"sub-{p}", s) for p, s, *_ in (*RUNS.values(), *STRATEGY_RUNS.values())}
    before, after = (
        read_tsv(study.results / "connectivity.tsv", numeric=NUMERIC)
        for study in (finished, faulty)
    )
    kept = [key not in hit for key in zip(before["participant_id"], before["session"], strict=True)]
    assert sum(kept) == len(before) * 14 / 24
    # the last digit of a mean may depend on the order in which pandas adds up
    pd.testing.assert_frame_equal(after[kept], before[kept], rtol=1e-7, atol=0)
    assert after.loc[kept, "z"].notna().all()


def test_nobody_vanishes_from_the_tables(faulty: Study) -> None:
    everybody = {f"sub-{n:02d}" for n in range(1, 13)}
    table = read_tsv(faulty.results / "connectivity.tsv")
    assert set(table["participant_id"]) == everybody
    # sub-08 has no confounds before, and so no job, but rows without values all the same
    assert len(table) == 24 * len(table[table["participant_id"] == "sub-04"]) / 2
    quality = read_tsv(faulty.results / "quality/runs.tsv").set_index("run")
    assert len(quality) == 24
    bad = {f"sub-{p}_ses-{s}_task-rest" for p, s, *_ in RUNS.values()}
    assert set(quality.index[quality["status"] == "excluded"]) == bad
    assert quality.loc[sorted(bad), "reason"].notna().all()


def test_the_tests_count_who_is_left(faulty: Study) -> None:
    hypotheses = read_tsv(faulty.results / "tests/hypotheses.tsv", numeric=("n", "n_excluded"))
    change = hypotheses[hypotheses["test"] == "change"]
    # 01, 02, 03, 07 and 08 lack a session
    assert set(change["n"]) == {7.0}
    assert set(change["n_excluded"]) == {5.0}
    left_out = read_tsv(faulty.results / "tests/left_out.tsv")
    assert set(left_out["participant_id"]) == {f"sub-{n}" for n in ("01", "02", "03", "07", "08")}


def test_the_plan_foresaw_what_can_be_seen_without_opening_an_image(faulty: Study) -> None:
    problems = read_tsv(faulty.results / "plan/problems.tsv")
    excluded = problems[(problems["severity"] == "excluded") & problems["run"].notna()]
    assert sorted(excluded["run"]) == [
        "sub-02_ses-post_task-rest",
        "sub-02_ses-pre_task-rest",
        "sub-08_ses-pre_task-rest",
    ]
    notes = problems[(problems["severity"] == "note") & problems["run"].notna()]
    assert sorted({(row.run, row.field) for row in notes.itertuples()}) == [
        ("sub-02_ses-post_task-rest", "strategy 24P"),
        ("sub-02_ses-post_task-rest", "strategy 36P"),
        ("sub-02_ses-post_task-rest", "strategy acompcor_gsr"),
        ("sub-09_ses-post_task-rest", "strategy 36P"),
    ]
    assert "the confounds lack csf, csf_power2, which strategy 36P needs" in set(notes["message"])


def test_a_mended_run_comes_back_and_nothing_is_left_of_its_fault(
    faulty: Study, pristine: Study, tmp_path: Path
) -> None:
    study = faulty.copy(tmp_path / "mended")
    for session in ("pre", "post"):
        good = pristine.file("02", session, CONFOUNDS)
        study.file("02", session, CONFOUNDS).write_bytes(good.read_bytes())
    done = study.run("results/quality/exclusions.tsv")
    assert done.code == 0, done.text
    assert done.jobs["denoise_run"] == 2
    assert "extract_run" not in done.jobs
    rows = exclusions(study)
    assert "sub-02" not in set(rows["participant_id"])
    assert {"sub-01", "sub-08"} <= set(rows["participant_id"])
