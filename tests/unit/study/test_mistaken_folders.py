"""Folders that labs name for fMRIPrep derivatives and that are something else."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from made_scores import SCORES, STUDY, lines_of, plan_of

from ketfc.study.config.config import parse_config
from ketfc.study.runs.datasets import mistaken_folder
from ketfc.study.runs.index import index_runs

SPACE = "space-MNI152NLin2009cAsym"


def add(folder: Path, name: str, **about: Any) -> None:
    """Add a file of a participant, and what describes the dataset."""
    place = folder / name.split("_")[0] / "ses-pre/func"
    place.mkdir(parents=True, exist_ok=True)
    (place / name).touch()
    text = json.dumps({"Name": "x", **about})
    (folder / "dataset_description.json").write_text(text, encoding="utf-8")


def fmriprep(folder: Path) -> Path:
    made = [{"Name": "fMRIPrep", "Version": "24.1.1"}]
    add(folder, f"sub-01_ses-pre_task-rest_{SPACE}_desc-preproc_bold.nii.gz", GeneratedBy=made)
    return folder


def said(folder: Path) -> list[str]:
    """Return the messages of the index for a study that names this folder."""
    config = parse_config({"study": STUDY | {"derivatives": str(folder)}, "scores": SCORES})
    return [problem.message for problem in index_runs(config.study).problems]


def test_a_raw_dataset_is_recognised_by_its_type_or_its_names(tmp_path: Path) -> None:
    add(tmp_path, "sub-01_ses-pre_task-rest_bold.nii.gz", DatasetType="raw")
    assert said(tmp_path) == [
        "is a raw BIDS dataset, not preprocessed; name its fMRIPrep derivatives"
    ]
    (tmp_path / "dataset_description.json").unlink()
    below = fmriprep(tmp_path / "derivatives/fmriprep")
    assert said(tmp_path) == [f"is a raw BIDS dataset, not preprocessed; write {below}"]


def test_results_of_other_software_are_named_with_the_derivatives(tmp_path: Path) -> None:
    below = fmriprep(tmp_path / "xcp/sourcedata/fmriprep")
    for software, name in (
        ("xcp_d", f"sub-01_ses-pre_task-rest_{SPACE}_desc-denoised_bold.nii.gz"),
        ("giga_connectome", "sub-01_ses-pre_task-rest_seg-Schaefer_stat-mean_timeseries.tsv"),
    ):
        folder = tmp_path / "xcp" if software == "xcp_d" else tmp_path / software
        add(folder, name, GeneratedBy=[{"Name": software}], DatasetType="derivative")
        (message,) = said(folder)
        assert message.startswith(f"holds the results of {software.replace('xcp_d', 'XCP-D')}, and")
        assert (f"write {below}" in message) == (software == "xcp_d")
    # without a description, the images tell
    (tmp_path / "xcp/dataset_description.json").unlink()
    assert said(tmp_path / "xcp")[0].startswith("holds the results of XCP-D")


@pytest.mark.parametrize("place", ["fmriprep", "derivatives/fmriprep-24.1.1"])
def test_a_folder_above_the_derivatives_is_told_which_to_write(tmp_path: Path, place: str) -> None:
    below = fmriprep(tmp_path / place)
    assert said(tmp_path) == [f"lies above the derivatives; write {below}"]
    other = fmriprep(tmp_path / "other")
    assert said(tmp_path) == [f"lies above the derivatives; write {below} or {other}"]


def test_a_participants_own_folder_is_too_low(tmp_path: Path) -> None:
    folder = fmriprep(tmp_path)
    assert said(folder / "sub-01") == [
        f"is the folder of one participant; write the folder above it: {folder}"
    ]


def test_fmriprep_without_images_in_a_template_says_how_to_make_them(tmp_path: Path) -> None:
    add(
        tmp_path,
        "sub-01_ses-pre_task-rest_desc-brain_mask.nii.gz",
        GeneratedBy=[{"Name": "fMRIPrep"}],
    )
    assert "--output-spaces MNI152NLin2009cAsym" in said(tmp_path)[0]


@pytest.mark.parametrize("text", ["", "[]", '{"GeneratedBy": "fMRIPrep"}', '{"GeneratedBy": [1]}'])
def test_what_is_not_known_is_not_guessed(tmp_path: Path, text: str) -> None:
    (tmp_path / "sub-01/figures").mkdir(parents=True)
    (tmp_path / "dataset_description.json").write_text(text, encoding="utf-8")
    assert mistaken_folder(tmp_path) is None
    assert "has folders of 1 participants" in said(tmp_path)[0]


def test_raw_data_beside_derivatives_are_no_mistake(tmp_path: Path) -> None:
    add(tmp_path / "raw", "sub-01_ses-pre_task-rest_bold.nii.gz", DatasetType="raw")
    both = [tmp_path / "raw", fmriprep(tmp_path / "fmriprep")]
    config = parse_config({"study": STUDY, "scores": SCORES})
    fields = [problem.field for problem in index_runs(config.study, both).problems]
    assert "study.derivatives" not in fields


def test_a_participants_table_that_is_written_down_must_be_there(tmp_path: Path) -> None:
    files = {"scores.tsv": "participant_id SSI_ses-pre SSI_ses-post\n01 12 3\n02 9 4\n"}
    # nobody needs it, so that it may be missing, but not if the config names it
    assert lines_of(plan_of(tmp_path, files)) == []
    (line,) = lines_of(plan_of(tmp_path, files, study={"participants": "people.tsv"}))
    assert line.startswith("study.participants = people.tsv: there is no such file")
