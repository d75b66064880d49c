"""The list of runs that the workflow is built from."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketfc.base.files import read_json, write_json
from ketfc.demo.study import demo_runs
from ketfc.study.config.config import Config, parse_config
from ketfc.study.runs.index import index_runs
from ketfc.study.runs.manifest import Manifest, demo_manifest, digest, indexed_manifest, siblings

SPACE = "MNI152NLin2009cAsym"


def add_run(root: Path, person: str, session: str, *, run: int = 1, mask: bool = True) -> Path:
    folder = root / f"sub-{person}/ses-{session}/func"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"sub-{person}_ses-{session}_task-rest_run-{run}"
    (folder / f"{stem}_space-{SPACE}_desc-preproc_bold.nii.gz").touch()
    (folder / f"{stem}_desc-confounds_timeseries.tsv").touch()
    if mask:
        (folder / f"{stem}_space-{SPACE}_desc-brain_mask.nii.gz").touch()
    return folder / stem


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Change to a folder with derivatives of two participants, one of whom lacks a mask."""
    monkeypatch.chdir(tmp_path)
    for session in ("pre", "post"):
        add_run(Path("derivatives/a"), "01", session)
        add_run(Path("derivatives/b"), "02", session)
    add_run(Path("derivatives/b"), "02", "post", run=2, mask=False)
    Path("scores.tsv").write_text("participant_id\tSSI_ses-pre\tSSI_ses-post\n01\t3\t1\n02\t4\t2\n")
    study = {
        "name": "t",
        "derivatives": ["derivatives/a", "derivatives/b"],
        "sessions": {"pre": "pre", "post": "post"},
    }
    si = {"instrument": "SSI", "column": "SSI"}
    return parse_config({"study": study, "scores": {"table": "scores.tsv", "si": si}})


def runs_of(config: Config) -> Manifest:
    return indexed_manifest(index_runs(config.study))


def test_runs_come_with_the_sidecars_that_exist(config: Config) -> None:
    stem = add_run(Path("derivatives/a"), "01", "pre")
    sidecars = [
        f"{stem}{ending}"
        for ending in (f"_space-{SPACE}_desc-preproc_bold.json", "_desc-confounds_timeseries.json")
    ]
    for path in sidecars:
        Path(path).write_text("{}")
    runs = runs_of(config)
    assert runs["sub-01_ses-pre_task-rest_run-1"]["sidecars"] == sidecars
    assert runs["sub-01_ses-post_task-rest_run-1"]["sidecars"] == []


def test_runs_survive_the_way_through_a_file(config: Config) -> None:
    runs = runs_of(config)
    write_json("runs.json", runs)
    assert read_json("runs.json") == runs
    assert list(read_json("runs.json")) == list(runs)


def test_a_run_that_lacks_a_file_is_no_job(config: Config) -> None:
    runs = runs_of(config)
    assert list(runs) == [
        "sub-01_ses-post_task-rest_run-1",
        "sub-01_ses-pre_task-rest_run-1",
        "sub-02_ses-post_task-rest_run-1",
        "sub-02_ses-pre_task-rest_run-1",
    ]
    run = runs["sub-01_ses-pre_task-rest_run-1"]
    assert (run["participant_id"], run["session"]) == ("sub-01", "pre")
    assert run["folder"] == "sub-01/ses-pre/func"
    assert all(Path(str(run[key])).is_file() for key in ("bold", "mask", "confounds"))


def test_derivatives_that_are_not_there_give_no_runs(tmp_path: Path, config: Config) -> None:
    study = config.study.model_copy(update={"derivatives": (str(tmp_path / "none"),)})
    assert runs_of(config.model_copy(update={"study": study})) == {}


def test_the_digest_changes_when_runs_come_go_or_gain_a_sidecar(config: Config) -> None:
    before = digest(runs_of(config))
    assert digest(runs_of(config)) == before
    stem = add_run(Path("derivatives/a"), "03", "pre")
    added = digest(runs_of(config))
    Path(f"{stem}_desc-confounds_timeseries.json").write_text("{}")
    described = digest(runs_of(config))
    Path(f"{stem}_space-{SPACE}_desc-brain_mask.nii.gz").unlink()
    Path(f"{stem}_desc-confounds_timeseries.json").unlink()
    assert digest(runs_of(config)) == before
    assert len({before, added, described}) == 3


def test_the_demo_is_known_before_it_is_made(tmp_path: Path) -> None:
    runs = demo_manifest(7, tmp_path)
    assert len(runs) == len(demo_runs(7))
    assert list(tmp_path.iterdir()) == []
    name, run = next(iter(runs.items()))
    assert str(run["bold"]) == (
        f"{tmp_path}/{run['folder']}/{name}_space-{SPACE}_desc-preproc_bold.nii.gz"
    )


def test_siblings_are_the_other_runs_of_the_same_participant():
    runs = demo_manifest(1, Path("demo"))
    found = siblings(runs, compared=False)
    matched = siblings(runs, compared=True)
    assert found.keys() == runs.keys()
    for name, run in runs.items():
        others = [
            other
            for key, other in runs.items()
            if other["participant_id"] == run["participant_id"] and key != name
        ]
        assert found[name]["bold"] == [other["bold"] for other in others]
        assert found[name]["mask"] == [other["mask"] for other in others]
        for key in ("bold", "mask", "confounds", "session"):
            assert matched[name][key] == [other[key] for other in others]
        assert matched[name]["sidecars"] == [path for each in others for path in each["sidecars"]]
        # nobody's job depends on confounds that it does not read
        assert found[name]["confounds"] == found[name]["session"] == found[name]["sidecars"] == []
    assert {len(each["bold"]) for each in found.values()} == {0, 1}
