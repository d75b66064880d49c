"""Files that git-annex knows, but whose content is not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketfc.study.config.config import Config, parse_config
from ketfc.study.runs.fetch.annex import absent_files, annex_problems, is_absent
from ketfc.study.runs.index import index_runs

SPACE = "MNI152NLin2009cAsym"
KEY = "MD5E-s12--9a0364b9e99bb480dd25e1f0284c8555.nii.gz"
ENDINGS = (
    f"space-{SPACE}_desc-preproc_bold.nii.gz",
    f"space-{SPACE}_desc-brain_mask.nii.gz",
    f"space-{SPACE}_desc-preproc_bold.json",
    "desc-confounds_timeseries.tsv",
    "desc-confounds_timeseries.json",
)


def config(**study: object) -> Config:
    section = {"name": "t", "derivatives": "d", "sessions": {"pre": "pre", "post": "post"}}
    scores = {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}}
    return parse_config({"study": section | study, "scores": scores})


def link(path: Path, key: str = KEY) -> None:
    """Make a locked file without content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(f"../../../.git/annex/objects/XX/yy/{key}/{key}")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two participants, of whom nothing but the links is here."""
    (tmp_path / ".git").mkdir()
    for participant in ("01", "02"):
        for session in ("pre", "post"):
            stem = f"sub-{participant}/ses-{session}/func/sub-{participant}_ses-{session}_task-rest"
            for ending in ENDINGS:
                link(tmp_path / f"{stem}_{ending}")
    return tmp_path


def problems(folder: Path, **study: object) -> list[str]:
    parsed = config(**study)
    absent = absent_files(index_runs(parsed.study, [folder]), [folder])
    return [str(problem) for problem in annex_problems(parsed, absent, [folder])]


def test_links_that_lead_nowhere_are_one_error_with_the_command(dataset: Path) -> None:
    (found,) = problems(dataset)
    assert found.startswith("sub-01/ses-post/func/sub-01_ses-post_task-rest_space-")
    assert "study.derivatives: 20 files are not here yet, only git-annex's links to them" in found
    assert f"cd '{dataset}' && datalad get sub-*/ses-*/func/sub-*_ses-*_task-rest_" in found
    assert all(f"sub-*/ses-*/func/sub-*_ses-*_task-rest_{ending}" in found for ending in ENDINGS)
    assert "git annex get" in found


def test_what_is_here_is_not_asked_for(dataset: Path) -> None:
    content = dataset / ".git/annex/objects/XX/yy" / KEY / KEY
    content.parent.mkdir(parents=True)
    content.write_bytes(b"here")
    lacking = dataset / "sub-02/ses-pre/func" / f"sub-02_ses-pre_task-rest_{ENDINGS[0]}"
    lacking.unlink()
    link(lacking, "MD5E-s9--other.nii.gz")
    (found,) = problems(dataset)
    assert "study.derivatives: is not here yet" in found
    assert f"datalad get sub-02/ses-pre/func/sub-02_ses-pre_task-rest_{ENDINGS[0]} (or" in found


def test_a_dataset_that_is_all_here_has_no_problem(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    stem = tmp_path / "sub-01/ses-pre/func/sub-01_ses-pre_task-rest"
    stem.parent.mkdir(parents=True)
    for ending in ENDINGS:
        Path(f"{stem}_{ending}").write_text("{}")
    assert problems(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        f"/annex/objects/{KEY}\n",
        f"../../../.git/annex/objects/XX/yy/{KEY}/{KEY}",
    ],
    ids=["unlocked", "no-links"],
)
def test_pointer_files_have_no_content_either(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_text(content)
    assert is_absent(path)
    assert not is_absent(path, pointers=False)


def test_pointer_files_of_a_dataset_are_found(dataset: Path) -> None:
    for path in dataset.rglob("sub-*_*"):
        path.unlink()
        path.write_text(f"/annex/objects/{KEY}\n")
    (found,) = problems(dataset)
    assert "20 files are not here yet" in found


def test_other_links_and_files_are_not_taken_for_those_of_an_annex(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "text").write_text("participant_id\t/annex/objects/\n")
    assert not any(map(is_absent, tmp_path.iterdir()))


def test_a_table_that_is_only_a_link_is_named_too(dataset: Path) -> None:
    link(dataset / "participants.tsv")
    found = problems(dataset)
    tables = [line for line in found if line.startswith("participants.tsv")]
    assert [line.split(": ")[1] for line in tables] == ["scores.table", "study.participants"]
    assert f"cd '{dataset}' && datalad get participants.tsv" in tables[0]
