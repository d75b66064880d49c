"""Entities in the names of files, and the folders that are searched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ketfc.study.runs.bids_files import functional_files, has_bids_files, name_parts


def add(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def paths(root: Path) -> list[str]:
    return [str(parts["path"]) for parts in functional_files(root)]


def test_a_name_is_taken_apart() -> None:
    name = "sub-01_ses-pre_task-rest_acq-a_run-02_space-MNI_res-2_desc-preproc_bold.nii.gz"
    assert {key: value for key, value in (name_parts(name) or {}).items() if value is not None} == {
        "sub": "01", "ses": "pre", "task": "rest", "acq": "a", "run": 2, "space": "MNI",
        "res": "2", "desc": "preproc", "suffix": "bold", "ext": ".nii.gz",
    }  # fmt: skip


def test_a_run_that_is_no_number_keeps_its_label() -> None:
    assert (name_parts("sub-01_task-rest_run-1a_bold.nii.gz") or {})["run"] == "1a"


@pytest.mark.parametrize(
    "name", ["notes.txt", "sub-01_bold", "sub-01_task-rest.json", "sub-01_.tsv", ".sub-01_x.tsv"]
)
def test_other_names_say_nothing(name: str) -> None:
    assert name_parts(name) is None


def test_only_functional_folders_are_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    func = "sub-01/ses-pre/func/sub-01_ses-pre_task-rest"
    add(tmp_path, f"{func}_bold.nii.gz", f"{func}_bold.json", "sub-02/func/sub-02_bold.nii.gz")
    add(tmp_path, *(f"sub-01/{place}/sub-01_T1w.nii.gz" for place in ("anat", "figures", "log")))
    add(tmp_path, "sub-03.html", "sourcedata/sub-04/func/sub-04_bold.nii.gz")
    seen = []
    real = os.scandir

    def scandir(path: Path) -> object:
        seen.append(Path(path).relative_to(tmp_path).as_posix())
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert paths(tmp_path) == [f"{func}_bold.nii.gz", "sub-02/func/sub-02_bold.nii.gz"]
    assert sorted(seen) == [".", "sub-01", "sub-02"]


def test_a_folder_named_after_a_version_is_read(tmp_path: Path) -> None:
    add(tmp_path / "fmriprep-24.1.1", "sub-01/func/sub-01_task-rest_bold.nii.gz")
    assert paths(tmp_path / "fmriprep-24.1.1") == ["sub-01/func/sub-01_task-rest_bold.nii.gz"]


def test_linked_participants_are_followed(tmp_path: Path) -> None:
    add(tmp_path / "elsewhere", "sub-01/func/sub-01_task-rest_bold.nii.gz")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/sub-01").symlink_to(tmp_path / "elsewhere/sub-01")
    assert paths(tmp_path / "here") == ["sub-01/func/sub-01_task-rest_bold.nii.gz"]


def test_files_of_anatomy_are_bids_files_too(tmp_path: Path) -> None:
    (tmp_path / "sub-01/anat").mkdir(parents=True)
    assert not has_bids_files(tmp_path)
    add(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz")
    assert has_bids_files(tmp_path)
