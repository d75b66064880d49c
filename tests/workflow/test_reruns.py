"""Jobs that run again after a change, and jobs that do not, by dry runs."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from made_study import Study, people, write_participants, write_run

from ketfc.base.files import read_json, write_json

BELOW_RUNS = {
    "all": 1,
    "attrition": 1,
    "edges": 1,
    "exclusions": 1,
    "figure": 13,
    "group_quality": 1,
    "quality_strip": 1,
    "hypotheses": 1,
    "influence": 1,
    "matched_null": 1,
    "mean_relmat": 1,
    "methods": 1,
    "motion": 1,
    "network_tests": 1,
    "networks": 1,
    "qcfc": 1,
    "reliability": 1,
    "report": 1,
    "robustness": 1,
    "captions": 1,
    "tipping_point": 1,
    "specifications": 1,
    "sessions": 1,
    "similarity": 1,
    "summary": 1,
}
PLAN = {
    "clinical_course": 1,
    "clinical_effects": 1,
    "habenula": 1,
    "headers": 1,
    "inventory": 1,
    "plan": 1,
}
SESSIONS_OF_03 = ["sub-03_ses-post_task-rest", "sub-03_ses-pre_task-rest"]
MEASURE = "results/connectivity.tsv"
CONFOUNDS = "_desc-confounds_timeseries.tsv"


def test_a_new_date_alone_changes_nothing(done: Study) -> None:
    done.file("03", "pre", CONFOUNDS).touch()
    (done.folder / "participants.tsv").touch()
    assert done.run("-n").jobs == {}


def test_edited_confounds_run_its_sessions_again_and_what_follows(done: Study) -> None:
    path = done.file("03", "pre", CONFOUNDS)
    path.write_text(path.read_text(encoding="utf-8").replace("0.8", "0.9"), encoding="utf-8")
    planned = done.run("-n")
    # a participant's sessions are cleaned of the same kinds of aCompCor's components
    assert planned.runs == SESSIONS_OF_03
    # no image is read for that
    assert planned.jobs == BELOW_RUNS | PLAN | {"denoise_run": 2, "participant_quality": 1}


def test_an_edited_sidecar_runs_its_sessions_again(done: Study) -> None:
    path = done.file("03", "pre", "_desc-preproc_bold.json")
    path.write_text('{"RepetitionTime": 2.5}', encoding="utf-8")
    planned = done.run("-n")
    assert (planned.runs, planned.reads) == (SESSIONS_OF_03, [])


def test_an_edited_image_runs_all_runs_of_its_participant_again(done: Study) -> None:
    path = done.file("03", "post", "_desc-preproc_bold.nii.gz")
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-40_000] ^= 1
    path.write_bytes(gzip.compress(bytes(content), 1))
    # the sessions of a participant are measured in the voxels that all of them have
    planned = done.run("-n")
    assert planned.reads == ["sub-03_ses-post_task-rest", "sub-03_ses-pre_task-rest"]
    assert planned.runs == planned.reads


def test_a_new_participant_is_noticed_by_a_plain_call(done: Study) -> None:
    for session in ("pre", "post"):
        write_run(done, "13", session)
    newcomer = people()[0] | {"participant_id": "sub-13"}
    write_participants(done, [*people(), newcomer])
    planned = done.run("-n")
    assert planned.runs == ["sub-13_ses-post_task-rest", "sub-13_ses-pre_task-rest"]
    assert planned.jobs == BELOW_RUNS | PLAN | {
        "extract_run": 2,
        "denoise_run": 2,
        "participant_quality": 1,
    }


def test_a_new_run_is_noticed_without_a_change_of_any_table(done: Study) -> None:
    write_run(done, "05", "pre", run="_run-2")
    planned = done.run("-n")
    assert planned.runs == [
        "sub-05_ses-post_task-rest",
        "sub-05_ses-pre_task-rest",
        "sub-05_ses-pre_task-rest_run-2",
    ]
    assert planned.jobs == BELOW_RUNS | PLAN | {
        "extract_run": 3,
        "denoise_run": 3,
        "participant_quality": 1,
    }


def test_a_participant_who_is_taken_out_leaves_the_results(done: Study) -> None:
    for session in ("pre", "post"):
        for file in done.func("12", session).iterdir():
            file.unlink()
    planned = done.run("-n")
    assert planned.runs == []
    assert planned.jobs == BELOW_RUNS | PLAN


def test_a_changed_score_reads_no_image_again(done: Study) -> None:
    rows = people()
    rows[0]["SSI_ses-post"] += 1
    write_participants(done, rows)
    # nor what stands in the heads of all confounds
    unread = {rule: n for rule, n in PLAN.items() if rule != "headers"}
    assert done.run("-n").jobs == BELOW_RUNS | unread


@pytest.mark.parametrize(
    "sections",
    [
        {"denoising": {"fd-thresh": 0.4}},
        {"denoising": {"primary": "24P"}},
        {"denoising": {"strategies": ["acompcor", "none"], "match-volumes": True}},
        {"quality": {"max-mean-fd": 0.3}},
        {"study": {"repetition-time": 2.0}},
        {"circuits": {"min-coverage": 0.6}},
    ],
    ids=["fd-thresh", "primary", "strategies", "max-mean-fd", "repetition-time", "min-coverage"],
)
def test_what_is_set_of_denoising_and_quality_reads_no_image(
    done: Study, sections: dict[str, dict[str, Any]]
) -> None:
    done.configure(**sections)
    planned = done.run("-n")
    assert planned.jobs == BELOW_RUNS | PLAN | {"denoise_run": 24, "participant_quality": 12}


def test_a_preset_that_sets_the_same_limits_denoises_nothing_again(
    few_measured: Study, tmp_path: Path
) -> None:
    study = few_measured.copy(tmp_path / "study")
    of_few = {"primary": "24P", "strategies": ["24P"], "min-time": 60}
    limits = {"max-mean-fd": 0.55, "max-fd": None, "max-censored": 0.5}
    study.configure(denoising=of_few, quality=limits)
    ran = study.run(MEASURE)
    assert ran.code == 0, ran.text
    assert ran.jobs["denoise_run"] == 4
    study.configure(denoising=of_few, quality={"preset": "lenient"})
    assert "denoise_run" not in study.run("-n", MEASURE).jobs


def test_a_study_denoised_again_has_the_bytes_of_one_that_began_so(
    few: Study, few_measured: Study, tmp_path: Path
) -> None:
    changed = {
        "fd-thresh": 0.4,
        "primary": "acompcor",
        "strategies": ["acompcor", "24P", "36P_noscrub"],
        "min-time": 60,
        "match-volumes": True,
    }
    fresh, again = few.copy(tmp_path / "fresh"), few_measured.copy(tmp_path / "again")
    for study in (fresh, again):
        study.configure(denoising=changed)
        # the second file needs the matrices of the primary strategy, which is a new one
        ran = study.run(MEASURE, "results/quality/similarity.tsv")
        assert ran.code == 0, ran.text
        assert ran.jobs["denoise_run"] == 4
        assert ("extract_run" in ran.jobs) == (study is fresh)
    # series, matrices, carpets and sidecars of every run, and the tables of all
    theirs = {path.relative_to(fresh.results): path for path in of_the_runs(fresh)}
    assert len(theirs) > 4 * 20
    different = [
        str(name)
        for name, path in theirs.items()
        if (again.results / name).read_bytes() != path.read_bytes()
    ]
    assert different == []


def of_the_runs(study: Study) -> list[Path]:
    """Return the files of all runs in the results of a study, and the tables made of them."""
    return [
        *(path for path in study.results.rglob("sub-*") if path.is_file()),
        *(study.results / f"{name}.tsv" for name in ("connectivity", "quality/runs")),
    ]


def test_what_is_left_out_by_hand_is_taken_from_its_participant_alone(done: Study) -> None:
    done.configure(quality={"exclusions": "mine.tsv"})
    table = done.folder / "mine.tsv"
    table.write_text("participant_id\tsession\treason\nsub-03\tpre\tcyst\n", encoding="utf-8")
    planned = done.run("-n")
    # the other session shares its voxels with nobody now
    assert planned.reads == planned.runs == ["sub-03_ses-post_task-rest"]
    assert planned.jobs == BELOW_RUNS | PLAN | {
        "extract_run": 1,
        "denoise_run": 1,
        "participant_quality": 1,
    }


def test_a_changed_parcellation_is_prepared_and_read_again(done: Study) -> None:
    table = done.folder / "blocks.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("Block", "Brick"), encoding="utf-8")
    # the figure of the scores and the captions need no connectivity
    without_captions = {rule: jobs for rule, jobs in BELOW_RUNS.items() if rule != "captions"}
    assert done.run("-n").jobs == without_captions | {
        "figure": BELOW_RUNS["figure"] - 1,
        "extract_run": 24,
        "denoise_run": 24,
        "participant_quality": 12,
        "parcellation": 1,
    }


def test_a_changed_level_of_significance_reads_no_image_again(done: Study) -> None:
    done.configure(statistics={"alpha": 0.01, "permutations": 300})
    assert done.run("-n").jobs == BELOW_RUNS | PLAN


def test_another_journal_draws_figures_again_and_tests_nothing(done: Study) -> None:
    done.configure(figures={"journal": "nature", "single-column": ["paired"]})
    report = ("methods", "report", "summary", "group_quality")
    assert done.run("-n").jobs == {"figure": 13, "all": 1} | dict.fromkeys(report, 1)


def test_two_changes_at_once_are_both_noticed(done: Study) -> None:
    # one of them runs the plan again, which must not hide the other (snakemake#4166)
    rows = people()
    rows[0]["SSI_ses-post"] += 1
    write_participants(done, rows)
    path = done.file("03", "pre", "_desc-preproc_bold.json")
    path.write_text('{"RepetitionTime": 2.5}', encoding="utf-8")
    table = done.folder / "blocks.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("Block", "Brick"), encoding="utf-8")
    assert done.run("-n").jobs == BELOW_RUNS | PLAN | {
        "extract_run": 24,
        "denoise_run": 24,
        "participant_quality": 12,
        "parcellation": 1,
    }


def test_figures_are_redrawn_from_the_tables_alone(done: Study) -> None:
    before = {path.name: path.read_bytes() for path in (done.results / "figures").glob("*.tsv")}
    for file in (done.results / "figures").iterdir():
        file.unlink()
    again = done.run("figures")
    assert again.code == 0, again.text
    assert again.jobs == {"figure": 13, "figures": 1}
    after = {path.name: path.read_bytes() for path in (done.results / "figures").glob("*.tsv")}
    assert after == before
    assert len(list((done.results / "figures").iterdir())) == 65


def test_the_plan_alone_may_be_asked_for_again(done: Study) -> None:
    (done.results / "plan/summary.txt").unlink()
    assert done.run("plan", "-n").jobs == {"plan": 1}


def test_a_job_on_another_machine_reads_the_list_of_runs_and_not_the_derivatives(
    done: Study, tmp_path: Path
) -> None:
    # an image where only the list that the first process left can say that it is
    (listed,) = done.folder.glob(".snakemake/ketfc/*_runs.json")
    runs = read_json(listed)
    moved = done.file("03", "pre", "_desc-preproc_bold.nii.gz").rename(tmp_path / "x.nii.gz")
    runs["sub-03_ses-pre_task-rest"]["bold"] = str(moved)
    write_json(listed, runs)
    relmats = list((done.results / "derivatives/sub-03/ses-pre/func").glob("*_relmat.tsv"))
    before = {path: path.read_bytes() for path in relmats}
    for path in relmats:
        path.unlink()
    # as a cluster's executor calls it on a node, where the Snakefile is parsed again
    call = (
        "--mode", "remote", "--force", "--nolock", "--target-jobs",
        *(f"{rule}:folder=sub-03/ses-pre/func,run=sub-03_ses-pre_task-rest"
          for rule in ("extract_run", "denoise_run")),
    )  # fmt: skip
    node = done.run(*call, cores=1)
    assert node.code == 0, node.text
    assert {path: path.read_bytes() for path in relmats} == before

    # a config that is edited while jobs wait in the queue would be read by those that start later
    done.configure(denoising={"fd-thresh": 0.3})
    late = done.run(*call, cores=1)
    assert late.code != 0
    assert "The configuration was changed while jobs were waiting" in late.text
    assert {path: path.read_bytes() for path in relmats} == before
