"""A study of OpenNeuro, from a store on this machine; the real one is never asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_store import ACCESSION, DERIVATIVES, PREFIX, Store, about, serving
from made_study import SPACE, Study, contents, tables

MAKE = Callable[..., Study]
BOLD = "_desc-preproc_bold.nii.gz"
FETCHED = f"sourcedata/openneuro/{ACCESSION}"
OTHERS = {
    f"sub-01/ses-pre/func/sub-01_ses-pre_task-nback_space-{SPACE}{BOLD}": b"another task",
    f"sub-01/ses-pre/func/sub-01_ses-pre_task-nback_space-{SPACE}_desc-brain_mask.nii.gz": b"its",
    "sub-01/ses-pre/func/sub-01_ses-pre_task-nback_desc-confounds_timeseries.tsv": b"its",
    f"sub-01/ses-pre/func/sub-01_ses-pre_task-rest_space-T1w{BOLD}": b"another space",
    "sub-01/ses-pre/func/sub-01_ses-pre_task-rest_hemi-L_space-fsaverage5_bold.func.gii": b"surf",
    "sub-01/anat/sub-01_desc-preproc_T1w.nii.gz": b"anatomy",
    "sub-01/figures/sub-01_ses-pre_task-rest_desc-carpetplot_bold.svg": b"a figure",
    "sourcedata/freesurfer/sub-01/mri/orig.mgz": b"FreeSurfer",
}
"""Files of derivatives that the study does not need."""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with serving() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", store.url)
        yield store


def published(store: Store, local: Study, folder: Path, **openneuro: object) -> Study:
    """Put a local study into the store, and return one of the same config that names it there."""
    raw, derived = about("1.0.1")
    participants = (local.folder / "participants.tsv").read_bytes()
    images = {"sub-01/ses-pre/func/sub-01_ses-pre_task-rest_bold.nii.gz": b"raw image"}
    tables = {"dataset_description.json": raw, "participants.tsv": participants}
    store.put_dataset(tables | images, {"dataset_description.json": derived, **OTHERS})
    store.put_folder(local.derivatives)
    folder.mkdir()
    for name in ("blocks.nii.gz", "blocks.tsv"):
        (folder / name).write_bytes((local.folder / name).read_bytes())
    study = Study(folder)
    study.configure(**sections(**openneuro))
    return study


def sections(**openneuro: object) -> dict[str, dict[str, object]]:
    """Return the sections of a config that names the store's dataset."""
    named = {"accession": ACCESSION, "version": "1.0.1", **openneuro}
    return {"study": {"openneuro": named, "derivatives": None}}


def test_a_plan_fetches_what_it_needs_and_tells_how_much_is_left(
    store: Store, empty: MAKE, tmp_path: Path
) -> None:
    study = published(store, empty(), tmp_path / "mine")
    done = study.run("plan", cores=1)
    assert done.code == 0, done.text
    assert "Study tiny: parallel design, 4 participants" in done.text
    assert "images on OpenNeuro: 8 files, 0 B; they stay" in done.text
    assert "to fetch: 8 files, 0 B (0 already here)" in done.text
    # masks, tables and descriptions; no image, and nothing of another task or space
    here = set(contents(study.folder / FETCHED))
    assert {"participants.tsv", "dataset_description.json"} < here
    assert len([name for name in here if name.endswith("_mask.nii.gz")]) == 8
    assert not any(name.endswith(BOLD) for name in here)
    wanted = {f"{DERIVATIVES}/{PREFIX}{name}" for name in OTHERS}
    assert not wanted & set(store.got)
    # a second call asks nothing, and knows what is left
    store.asked.clear()
    rest = study.run("-n")
    assert rest.code == 0, rest.text
    assert (rest.jobs["fetch_bold"], rest.jobs["fetch_further_bold"]) == (4, 4)
    assert rest.jobs["extract_run"] == rest.jobs["denoise_run"] == 8
    assert not {"inventory", "plan"} & set(rest.jobs)
    assert store.asked == []
    # an image that is here, and kept, is no longer fetched, whatever becomes of the code
    image = "sub-01/ses-pre/func/sub-01_ses-pre_task-rest_space-" + SPACE + BOLD
    (study.folder / FETCHED / "derivatives/fmriprep" / image).touch()
    rest = study.run("-n")
    assert (rest.jobs["fetch_bold"], rest.jobs["fetch_further_bold"]) == (4, 3)


def test_a_network_that_is_down_ends_in_one_message(
    store: Store, empty: MAKE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = published(store, empty(), tmp_path / "mine")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    done = study.run("plan", cores=1)
    assert done.code != 0
    assert done.text.count("OpenNeuro's server cannot be reached") == 1
    assert "The study cannot be fetched" in done.text
    assert "Traceback" not in done.text


@pytest.mark.slow
def test_a_fetched_study_has_the_tables_of_the_local_one_and_keeps_no_image(
    store: Store, finished: Study, tmp_path: Path
) -> None:
    study = published(store, finished, tmp_path / "mine", **{"keep-images": False})
    broken_off = next(
        f"{DERIVATIVES}/{PREFIX}{path.relative_to(finished.derivatives).as_posix()}"
        for path in sorted(finished.derivatives.rglob(f"*{BOLD}"))
    )
    store.cut[broken_off] = 5000
    done = study.run()
    assert done.code == 0, done.text
    assert (done.jobs["fetch_bold"], done.jobs["fetch_further_bold"]) == (12, 12)
    assert ("GET", broken_off, "bytes=5000-") in store.asked
    assert list(study.folder.rglob(f"*{BOLD}")) == []
    assert begun_at_a_time(store) <= 2
    ours, theirs = tables(study), tables(finished)
    # the plan names where the files are
    place = f"{FETCHED}/derivatives/fmriprep/".encode()
    ours["plan/runs.tsv"] = ours["plan/runs.tsv"].replace(place, b"fmriprep/")
    assert sorted(ours) == sorted(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []
    store.asked.clear()
    again = study.run("-n")
    assert "Nothing to be done" in again.text, again.text
    # nor does a change that reads no image fetch any
    fetching = {"fetch_bold", "fetch_further_bold", "extract_run"}
    gone = sections(**{"keep-images": False})
    study.configure(**gone, statistics={"alpha": 0.01})
    again = study.run("-n")
    assert "hypotheses" in again.jobs
    assert not (fetching | {"denoise_run"}) & set(again.jobs)
    # such as a threshold, with which all are denoised again from what was kept of the images
    study.configure(**gone, denoising={"fd-thresh": 0.4})
    again = study.run("-n")
    assert again.jobs["denoise_run"] == 24
    assert not fetching & set(again.jobs)
    assert store.asked == []


def begun_at_a_time(store: Store) -> int:
    """Return of how many participants one of two images had come, but not the other, at most."""
    begun: set[str] = set()
    most = 0
    for name in dict.fromkeys(name for name in store.got if name.endswith(BOLD)):
        begun ^= {name.removeprefix(f"{DERIVATIVES}/{PREFIX}").split("/")[0]}
        most = max(most, len(begun))
    return most
