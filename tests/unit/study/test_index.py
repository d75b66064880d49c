"""Runs that an index finds, on trees of empty files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ketfc.base.errors import Problem
from ketfc.study.config.config import parse_config
from ketfc.study.config.study import Study
from ketfc.study.runs.index import Index, Run, index_runs

SPACE = "MNI152NLin2009cAsym"


def study(**keys: Any) -> Study:
    """Return that section of a config with a pre and a post session."""
    section = {"name": "t", "derivatives": "d", "sessions": {"pre": "pre", "post": "post"}} | keys
    scores = {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}}
    return parse_config({"study": section, "scores": scores}).study


def add_run(
    root: Path,
    participant: str,
    session: str | None,
    *,
    entities: str = "",
    task: str = "rest",
    space: str = f"space-{SPACE}",
    image: str = ".nii.gz",
    confounds: str | None = "confounds_timeseries.tsv",
    mask: str | None = "brain_mask.nii.gz",
) -> None:
    """Add the empty files of one run."""
    folder = root / f"sub-{participant}" / (f"ses-{session}" if session else "") / "func"
    labels = f"sub-{participant}_" + (f"ses-{session}_" if session else "")
    stem = f"{labels}task-{task}{entities}"
    names = [f"{stem}_{space}_desc-preproc_bold{image}"]
    names += [f"{stem}_{space}_desc-{mask}"] if mask else []
    names += [f"{stem}_desc-{confounds}"] if confounds else []
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def add_everybody(root: Path, *, participants: Iterable[str] = ("01", "02"), **run: Any) -> None:
    """Add a run per participant and session."""
    for participant in participants:
        for session in ("pre", "post"):
            add_run(root, participant, session, **run)


def found(root: Path, **keys: Any) -> Index:
    return index_runs(study(**keys), [root])


def names(index: Index) -> list[str]:
    return [run.name for run in index.runs]


def only_problem(index: Index) -> Problem:
    assert len(index.problems) == 1, index.problems
    return index.problems[0]


def test_a_run_comes_with_its_mask_confounds_and_role(tmp_path: Path) -> None:
    add_everybody(tmp_path, participants=["01"])
    index = found(tmp_path)
    folder = tmp_path / "sub-01/ses-post/func"
    stem = f"{folder}/sub-01_ses-post_task-rest"
    assert index.runs[0] == Run(
        name="sub-01_ses-post_task-rest",
        participant_id="sub-01",
        session="post",
        role="post",
        bold=f"{stem}_space-{SPACE}_desc-preproc_bold.nii.gz",
        sidecar=f"{stem}_space-{SPACE}_desc-preproc_bold.json",
        mask=f"{stem}_space-{SPACE}_desc-brain_mask.nii.gz",
        confounds=f"{stem}_desc-confounds_timeseries.tsv",
    )
    assert index.runs[0].folder == "sub-01/ses-post/func"
    assert index.runs[0].complete
    assert index.problems == ()


def test_a_session_label_is_not_its_role(tmp_path: Path) -> None:
    for session in ("1", "02", "fu"):
        add_run(tmp_path, "01", session)
    index = found(tmp_path, sessions={"pre": "1", "post": "02"})
    assert [(run.session, run.role) for run in index.runs] == [("02", "post"), ("1", "pre")]


def test_runs_of_a_session_are_told_apart(tmp_path: Path) -> None:
    for entities in ("_run-1", "_run-2", "_acq-fast_dir-AP_run-1", "_echo-1", "_part-mag"):
        add_run(tmp_path, "01", "pre", entities=entities)
    add_run(tmp_path, "01", "post")
    index = found(tmp_path)
    assert names(index) == [
        "sub-01_ses-post_task-rest",
        "sub-01_ses-pre_task-rest_acq-fast_dir-AP_run-1",
        "sub-01_ses-pre_task-rest_echo-1",
        "sub-01_ses-pre_task-rest_part-mag",
        "sub-01_ses-pre_task-rest_run-1",
        "sub-01_ses-pre_task-rest_run-2",
    ]
    for run in index.runs:
        # a run must never be paired with the mask or the confounds of another
        assert Path(str(run.mask)).name.startswith(f"{run.name}_space-")
        assert Path(str(run.confounds)).name.startswith(f"{run.name}_desc-")
    assert index.problems == ()


def test_an_uncompressed_image_and_old_confounds_are_found(tmp_path: Path) -> None:
    add_everybody(tmp_path, image=".nii", confounds="confounds_regressors.tsv")
    index = found(tmp_path)
    assert len(index.runs) == 4
    assert all(run.complete for run in index.runs)
    assert index.runs[0].sidecar.endswith("_desc-preproc_bold.json")
    assert str(index.runs[0].confounds).endswith("_desc-confounds_regressors.tsv")


def test_other_files_of_fmriprep_are_passed_over(tmp_path: Path) -> None:
    add_everybody(tmp_path, participants=["01"])
    func = tmp_path / "sub-01/ses-pre/func"
    stem = f"sub-01_ses-pre_task-rest_space-{SPACE}"
    for other in (
        tmp_path / "dataset_description.json",
        tmp_path / "sub-01.html",
        tmp_path / "sub-01/figures/sub-01_task-rest_desc-carpetplot_bold.svg",
        tmp_path / f"sub-01/anat/sub-01_space-{SPACE}_desc-brain_mask.nii.gz",
        tmp_path / "sourcedata/sub-09/ses-pre/func/sub-09_ses-pre_task-rest_bold.nii.gz",
        func / f"{stem}_desc-brain_mask.json",
        func / f"{stem}_desc-preproc_bold.json",
        func / f"{stem}_boldref.nii.gz",
        func / f"{stem}_desc-aparcaseg_dseg.nii.gz",
        func / "sub-01_ses-pre_task-rest_desc-confounds_timeseries.json",
        func / "sub-01_ses-pre_task-rest_desc-preproc_bold.nii.gz",
        func / "notes.txt",
    ):
        other.parent.mkdir(parents=True, exist_ok=True)
        other.touch()
    add_run(tmp_path, "01", "pre", task="nback")
    add_run(tmp_path, "01", "pre", space="space-T1w")
    index = found(tmp_path)
    assert names(index) == ["sub-01_ses-post_task-rest", "sub-01_ses-pre_task-rest"]
    assert all(str(run.mask).endswith(".nii.gz") for run in index.runs)
    assert all(str(run.confounds).endswith(".tsv") for run in index.runs)
    assert index.participants == {"sub-01"}
    assert index.problems == ()


def test_a_run_without_mask_or_confounds_is_listed_with_what_is_missing(tmp_path: Path) -> None:
    add_everybody(tmp_path)
    add_run(tmp_path, "03", "pre", mask=None, confounds=None)
    index = found(tmp_path)
    run = next(run for run in index.runs if run.participant_id == "sub-03")
    assert (run.mask, run.confounds, run.complete) == (None, None, False)
    assert [(p.severity, p.run, p.field, p.allowed) for p in index.problems] == [
        ("excluded", run.name, "brain mask", f"{run.name}_space-{SPACE}_desc-brain_mask.nii.gz"),
        ("excluded", run.name, "confounds", f"{run.name}_desc-confounds_timeseries.tsv"),
    ]


def test_a_mask_of_another_resolution_is_not_used(tmp_path: Path) -> None:
    add_everybody(tmp_path)
    add_run(tmp_path, "03", "pre", space=f"space-{SPACE}_res-2", mask=None)
    wrong = f"sub-03_ses-pre_task-rest_space-{SPACE}_res-1_desc-brain_mask.nii.gz"
    (tmp_path / "sub-03/ses-pre/func" / wrong).touch()
    assert only_problem(found(tmp_path)).field == "brain mask"


@pytest.mark.parametrize(
    ("key", "label", "hint", "allowed"),
    [
        ("task", "resting", "did you mean 'rest'?", "rest"),
        ("space", "MNI152NLin6Asym", "did you mean", SPACE),
        ("resolution", "2", "no preprocessed BOLD image has this label", "none has one"),
    ],
)
def test_a_label_that_no_image_has_is_an_error_that_names_those_there_are(
    tmp_path: Path, key: str, label: str, hint: str, allowed: str
) -> None:
    add_everybody(tmp_path)
    problem = only_problem(found(tmp_path, **{key: label}))
    assert (problem.severity, problem.file) == ("error", "config")
    assert (problem.field, problem.value) == (f"study.{key}", label)
    assert hint in problem.message
    assert problem.allowed == allowed


def test_labels_that_never_come_together_are_an_error(tmp_path: Path) -> None:
    add_everybody(tmp_path, task="nback")
    add_everybody(tmp_path, space="space-T1w")
    problem = only_problem(found(tmp_path))
    assert problem.severity == "error"
    assert problem.value == f"task-rest space-{SPACE}"


def test_a_session_label_that_no_image_has_is_an_error_with_the_closest(tmp_path: Path) -> None:
    add_everybody(tmp_path)
    index = found(tmp_path, sessions={"pre": "pre", "post": "posst", "late": "day7"})
    assert [(p.severity, p.field, p.value, p.allowed) for p in index.problems] == [
        ("error", "study.sessions.post", "posst", "post, pre"),
        ("error", "study.sessions.late", "day7", "post, pre"),
    ]
    assert "did you mean 'post'?" in index.problems[0].message
    assert "did you mean" not in index.problems[1].message


def test_derivatives_without_sessions_are_an_error(tmp_path: Path) -> None:
    add_run(tmp_path, "01", None)
    index = found(tmp_path)
    assert index.runs == ()
    assert [(p.field, p.allowed) for p in index.problems] == [
        ("study.sessions.pre", "none has one"),
        ("study.sessions.post", "none has one"),
    ]


def test_two_resolutions_of_a_run_must_be_chosen_from(tmp_path: Path) -> None:
    for res in ("1", "2"):
        add_everybody(tmp_path, participants=["01"], space=f"space-{SPACE}_res-{res}")
    index = found(tmp_path)
    assert len(index.runs) == 2
    assert [(p.severity, p.field, p.value, p.session) for p in index.problems] == [
        ("error", "study.resolution", "1, 2", "post"),
        ("error", "study.resolution", "1, 2", "pre"),
    ]
    chosen = found(tmp_path, resolution="2")
    assert chosen.problems == ()
    assert all("_res-2_" in run.bold and "_res-2_" in str(run.mask) for run in chosen.runs)


def test_a_run_in_two_derivatives_folders_is_an_error(tmp_path: Path) -> None:
    first, second = tmp_path / "a/fmriprep", tmp_path / "b/fmriprep"
    add_everybody(first, participants=["01", "02"])
    add_everybody(second, participants=["02", "03"])
    index = index_runs(study(), [first, second])
    assert len(index.runs) == 6
    assert index.participants == {"sub-01", "sub-02", "sub-03"}
    assert [(p.severity, p.participant_id, p.field) for p in index.problems] == [
        ("error", "sub-02", "study.derivatives")
    ] * 2
    assert str(first) in str(index.problems[0].value)
    assert str(second) in str(index.problems[0].value)


def test_folders_of_one_name_keep_their_own_files(tmp_path: Path) -> None:
    first, second = tmp_path / "a/fmriprep", tmp_path / "b/fmriprep"
    add_everybody(first, participants=["01"])
    add_everybody(second, participants=["02"])
    index = index_runs(study(), [first, second])
    assert index.problems == ()
    assert all(Path(run.bold).is_file() and Path(str(run.mask)).is_file() for run in index.runs)


def test_two_images_of_a_run_in_one_folder_are_an_error(tmp_path: Path) -> None:
    add_everybody(tmp_path)
    add_run(tmp_path, "01", "pre", image=".nii")
    problem = only_problem(found(tmp_path))
    assert problem.severity == "error"
    assert "keep one of them" in problem.message
    assert "bold.nii, " in str(problem.value)
    assert "bold.nii.gz" in str(problem.value)


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_derivatives_that_are_no_folder_are_an_error(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "fmriprep"
    if kind == "file":
        place.touch()
    problem = only_problem(found(place))
    assert (problem.severity, problem.field) == ("error", "study.derivatives")
    assert (problem.value, problem.message) == (str(place), "is not a folder")


def test_a_folder_without_participants_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "dataset_description.json").touch()
    problem = only_problem(found(tmp_path))
    assert problem.severity == "error"
    assert "holds no BIDS file" in problem.message


def test_raw_data_instead_of_derivatives_are_an_error(tmp_path: Path) -> None:
    raw = tmp_path / "sub-01/ses-pre/func/sub-01_ses-pre_task-rest_bold.nii.gz"
    raw.parent.mkdir(parents=True)
    raw.touch()
    problem = only_problem(found(tmp_path))
    assert problem.severity == "error"
    assert problem.message.startswith("is a raw BIDS dataset, not preprocessed; name its fMRIPrep")


def test_a_participant_whose_folder_holds_nothing_is_still_known(tmp_path: Path) -> None:
    add_everybody(tmp_path, participants=["01"])
    (tmp_path / "sub-02/figures").mkdir(parents=True)
    (tmp_path / "sub-03.html").touch()
    assert found(tmp_path).participants == {"sub-01", "sub-02"}


def test_by_default_the_folders_of_the_config_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_everybody(tmp_path / "here/fmriprep", participants=["01"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KETFC_TEST_FOLDER", "here")
    index = index_runs(study(derivatives="$KETFC_TEST_FOLDER/fmriprep"))
    assert index.problems == ()
    assert index.runs[0].bold.startswith("here/fmriprep/sub-01/")
