"""What of a study is stored, sent to jobs on other machines, and looked for on their volume."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_study import CONFIG, REPO, Study, touch_run, write_blocks, write_participants

from ketfc.base.errors import RefusalError
from ketfc.workflow import StudyWorkflow, is_made, sent_files, study_workflow


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    """A study in a folder of its own, where this process is, with its images elsewhere."""
    volume = Study(tmp_path / "volume")
    for session in ("pre", "post"):
        touch_run(volume, "01", session)
    study = Study(tmp_path / "study")
    study.folder.mkdir()
    write_participants(study, [{"participant_id": "sub-01", "SSI_ses-pre": 9, "SSI_ses-post": 1}])
    write_blocks(study)
    study.configure(study={"derivatives": str(volume.derivatives), "arms": None})
    before = Path.cwd()
    os.chdir(study.folder)
    yield study
    os.chdir(before)


def start(given: dict[str, Any] | None = None) -> StudyWorkflow:
    if given is None:
        given = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    return study_workflow(given, REPO, first=True)


def test_results_logs_and_the_demo_are_stored_and_nothing_else() -> None:
    made = ["results/plan/runs.tsv", Path("logs/plan.log"), "resources/demo/truth.json"]
    assert all(map(is_made, made))
    others = [
        *("participants.tsv", "/data/results/fmriprep/x.tsv", "results.tsv", "my/results/x.tsv"),
        *(".snakemake/ketfc/x_runs.json", "../results/x.tsv", "resources/atlases/x.nii.gz"),
    ]
    assert not any(map(is_made, others))


def test_the_plan_the_config_and_what_it_names_are_sent(study: Study) -> None:
    work = start()
    planned, runs = work.left
    assert (planned.endswith("_planned.json"), runs.endswith("_runs.json")) == (True, True)
    assert all(Path(path).is_file() for path in work.left)
    tables = ["participants.tsv", "blocks.nii.gz", "blocks.tsv"]
    assert sorted(sent_files(work, ["config.yaml"])) == sorted([*work.left, *tables, "config.yaml"])
    # Snakemake may name the config from the root
    here = str(study.folder / "config.yaml")
    assert sent_files(work, [here]) == sent_files(work, ["config.yaml"])


def test_own_circuits_are_sent_and_those_of_the_image_are_not(study: Study) -> None:
    own = study.folder / "mine.yaml"
    own.write_bytes((REPO / "atlases/circuits.yaml").read_bytes())
    circuits = CONFIG["circuits"] | {"registry": "mine.yaml"}
    study.configure(
        study={"derivatives": str(study.folder.parent / "volume/fmriprep"), "arms": None},
        circuits=circuits,
    )
    assert "mine.yaml" in sent_files(start(), ["config.yaml"])


def test_of_the_demo_the_plan_alone_is_sent(study: Study) -> None:
    (study.folder / "participants.tsv").unlink()
    given = yaml.safe_load((REPO / "config/config.yaml").read_text(encoding="utf-8"))
    work = start(given)
    assert sent_files(work, [REPO / "config/config.yaml"]) == work.left == [work.left[0]]


def test_images_in_the_folder_are_refused(study: Study) -> None:
    (study.folder / "fmriprep").symlink_to(study.folder.parent / "volume/fmriprep")
    study.configure(study={"arms": None})
    with pytest.raises(RefusalError, match=r"^study\.derivatives: fmriprep/sub-01/.*absolute path"):
        sent_files(start(), ["config.yaml"])


@pytest.mark.parametrize("place", ["../other.yaml", "/elsewhere/other.yaml"])
def test_a_config_that_cannot_be_sent_is_refused(study: Study, place: str) -> None:
    with pytest.raises(RefusalError, match=r"other\.yaml: jobs on other machines do not see this"):
        sent_files(start(), [place])
