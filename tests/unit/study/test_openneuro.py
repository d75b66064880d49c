"""Files of an OpenNeuro study that are listed, pinned and fetched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_store import ACCESSION, DERIVATIVES, PREFIX, RAW, Store, about, serving

from ketfc.base.errors import StudyError
from ketfc.base.files import read_json
from ketfc.study.config.config import parse_config
from ketfc.study.config.study import Study
from ketfc.study.runs.fetch.openneuro import (
    earlier_images,
    fetch_image,
    images_summary,
    prepare,
    version_problems,
)
from ketfc.study.runs.index import index_runs
from ketfc.study.runs.listing import listing_of

SPACE = "MNI152NLin2009cAsym"
STEM = "sub-{}/ses-{}/func/sub-{}_ses-{}_task-{}"
BOLD = f"_space-{SPACE}_res-2_desc-preproc_bold.nii.gz"
OF_A_RUN = (
    BOLD,
    f"_space-{SPACE}_res-2_desc-preproc_bold.json",
    f"_space-{SPACE}_res-2_desc-brain_mask.nii.gz",
    "_desc-confounds_timeseries.tsv",
    "_desc-confounds_timeseries.json",
    "_desc-hmc_boldref.nii.gz",
)
NOT_NEEDED = (
    f"_space-{SPACE}_res-2_desc-aseg_dseg.nii.gz",
    "_space-T1w_desc-preproc_bold.nii.gz",
    "_space-T1w_desc-brain_mask.nii.gz",
    "_hemi-L_space-fsaverage5_bold.func.gii",
    "_space-fsLR_den-91k_bold.dtseries.nii",
    "_desc-MELODIC_mixing.tsv",
)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with serving() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", store.url)
        yield store


def publish(store: Store, *, made_from: str = "1.0.1") -> None:
    """Put a dataset of two participants into the store, with all that derivatives have."""
    raw = {
        "dataset_description.json": about("1.0.1")[0],
        "participants.tsv": b"participant_id\nsub-01\nsub-02\n",
        "README": b"not a table",
        "phenotype/ssi.tsv": b"participant_id\tSSI\n",
        "sub-01/sub-01_sessions.tsv": b"session_id\n",
        "sub-01/ses-pre/func/sub-01_ses-pre_task-rest_bold.nii.gz": b"raw",
    }
    derived = {
        "dataset_description.json": about(made_from)[1],
        "sub-01/anat/sub-01_desc-preproc_T1w.nii.gz": b"anatomy",
        "sub-01.html": b"a report",
        "sourcedata/freesurfer/sub-01/mri/orig.mgz": b"surfaces",
    }
    for who in ("01", "02"):
        for session in ("pre", "post"):
            for task in ("rest", "nback"):
                stem = STEM.format(who, session, who, session, task)
                for end in OF_A_RUN + NOT_NEEDED:
                    derived[stem + end] = f"{stem}{end}".encode()
    store.put_dataset(raw, derived)


def study(folder: Path, **openneuro: Any) -> Study:
    named = {"accession": ACCESSION, "folder": str(folder), **openneuro}
    section = {"name": "t", "openneuro": named, "sessions": {"pre": "pre", "post": "post"}}
    scores = {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}}
    return parse_config({"study": section, "scores": scores}).study


def said(section: Study) -> str:
    with pytest.raises(StudyError) as caught:
        prepare(section)
    return str(caught.value)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_accession_alone_is_a_whole_section() -> None:
    section = {"name": "t", "openneuro": ACCESSION, "sessions": {"pre": "a", "post": "b"}}
    scores = {"table": "x.tsv", "si": {"instrument": "SSI", "column": "SSI"}}
    parsed = parse_config({"study": section, "scores": scores}).study
    dataset = f"sourcedata/openneuro/{ACCESSION}"
    assert parsed.derivatives == (f"{dataset}/derivatives/fmriprep",)
    assert parsed.folders == (f"{dataset}/derivatives/fmriprep", dataset)
    assert parsed.openneuro is not None
    assert parsed.openneuro.keep_images


@pytest.mark.parametrize("derivatives", ["simulate", "here", ["here", "there"]])
def test_derivatives_of_ones_own_cannot_stand_beside_it(derivatives: object) -> None:
    section = {"name": "t", "openneuro": ACCESSION, "sessions": {"pre": "a", "post": "b"}}
    scores = {"table": "x.tsv", "si": {"instrument": "SSI", "column": "SSI"}}
    with pytest.raises(StudyError, match=r"derivatives .*cannot be given beside openneuro"):
        parse_config({"study": section | {"derivatives": derivatives}, "scores": scores})


def test_what_the_study_needs_is_fetched_and_nothing_else_is_asked_for(
    store: Store, tmp_path: Path
) -> None:
    publish(store)
    section = study(tmp_path)
    prepare(section)
    stems = [STEM.format(w, s, w, s, "rest") for w in ("01", "02") for s in ("pre", "post")]
    derived = {f"{stem}{end}" for stem in stems for end in OF_A_RUN if end != BOLD}
    raw = {"dataset_description.json", "participants.tsv"}
    raw |= {"phenotype/ssi.tsv", "sub-01/sub-01_sessions.tsv"}
    wanted = {f"{RAW}/{ACCESSION}/{name}" for name in raw}
    about_them = f"{DERIVATIVES}/{PREFIX}dataset_description.json"
    assert set(store.got) == wanted | {about_them} | {
        f"{DERIVATIVES}/{PREFIX}{name}" for name in derived
    }
    assert len(store.got) == len(set(store.got))
    derived |= {"dataset_description.json"}
    assert files(tmp_path / ACCESSION) == raw | {f"derivatives/fmriprep/{x}" for x in derived}
    # no folder of FreeSurfer is even listed
    asked = [name for method, name, _ in store.asked if method == "GET"]
    assert not [name for name in asked if "freesurfer" in name]


def test_a_second_time_no_network_is_needed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store)
    prepare(study(tmp_path))
    store.asked.clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    prepare(study(tmp_path))
    assert store.asked == []


def test_runs_are_indexed_before_their_images_are_here(store: Store, tmp_path: Path) -> None:
    publish(store)
    section = study(tmp_path)
    prepare(section)
    index = index_runs(section)
    assert index.problems == ()
    assert index.participants == {"sub-01", "sub-02"}
    assert [run.name for run in index.runs] == [
        f"sub-{w}_ses-{s}_task-rest" for w in ("01", "02") for s in ("post", "pre")
    ]
    assert not any(Path(run.bold).exists() for run in index.runs)
    assert all(Path(str(run.mask)).is_file() for run in index.runs)
    assert all(Path(str(run.confounds)).is_file() for run in index.runs)


def test_a_task_that_no_image_has_is_reported_with_those_there_are(
    store: Store, tmp_path: Path
) -> None:
    publish(store)
    prepare(study(tmp_path))
    section = study(tmp_path).model_copy(update={"task": "rst"})
    (problem,) = index_runs(section).problems
    assert problem.field == "study.task"
    assert "did you mean 'rest'" in problem.message
    assert problem.allowed == "nback, rest"


def test_an_image_is_fetched_once_and_compared_with_the_listing(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(store)
    section = study(tmp_path)
    prepare(section)
    listing = listing_of(section)
    assert listing is not None
    first, *others = [run.bold for run in index_runs(section).runs]
    size = listing.stored(first).size
    total = size + sum(listing.stored(path).size for path in others)
    assert f"to fetch: 4 files, {total} B (0 already here)" in images_summary(
        listing, [first, *others], kept=True
    )
    fetch_image(listing, Path(first))
    fetch_image(listing, Path(first))
    assert len([name for name in store.got if name.endswith("preproc_bold.nii.gz")]) == 1
    assert Path(first).stat().st_size == size
    text = images_summary(listing, [first, *others], kept=False)
    assert f"to fetch: 3 files, {total - size} B (1 already here)" in text
    assert "each is deleted once it has been read" in text


def test_a_disk_too_small_for_the_images_is_told(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store)
    section = study(tmp_path)
    prepare(section)
    listing = listing_of(section)
    assert listing is not None
    images = [run.bold for run in index_runs(section).runs]
    told = "only 50 B are free for them: keep-images: false needs far less"
    assert told not in images_summary(listing, images, kept=True)
    usage = shutil.disk_usage(tmp_path)._replace(free=50)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert told in images_summary(listing, images, kept=True)
    assert told not in images_summary(listing, images, kept=False)


def test_an_object_that_changed_since_the_listing_is_refused(store: Store, tmp_path: Path) -> None:
    publish(store)
    section = study(tmp_path)
    prepare(section)
    listing = listing_of(section)
    assert listing is not None
    bold = Path(index_runs(section).runs[0].bold)
    name = bold.relative_to(tmp_path / ACCESSION / "derivatives/fmriprep").as_posix()
    store.put(DERIVATIVES, PREFIX + name, b"corrected upstream")
    with pytest.raises(StudyError, match="has changed on OpenNeuro since it was listed"):
        fetch_image(listing, bold)


def test_files_edited_here_are_named_and_not_overwritten(store: Store, tmp_path: Path) -> None:
    publish(store)
    prepare(study(tmp_path))
    edited = tmp_path / ACCESSION / "participants.tsv"
    edited.write_text("mine")
    message = said(study(tmp_path))
    assert str(edited) in message
    assert "delete it to have it fetched again" in message
    assert edited.read_text() == "mine"
    edited.unlink()
    prepare(study(tmp_path))
    assert edited.read_text().startswith("participant_id")


def test_an_image_that_is_not_what_was_listed_is_named(store: Store, tmp_path: Path) -> None:
    publish(store)
    section = study(tmp_path)
    prepare(section)
    bold = Path(index_runs(section).runs[0].bold)
    bold.write_bytes(b"half")
    assert said(section).startswith(f"{bold}: study.openneuro: is not what OpenNeuro was listed to")


def test_a_new_listing_compares_what_is_here_by_its_checksum(store: Store, tmp_path: Path) -> None:
    publish(store)
    prepare(study(tmp_path))
    store.put(RAW, f"{ACCESSION}/phenotype/ssi.tsv", b"participant_id\tSSJ\n")
    # the old listing pins the old table, which is here
    prepare(study(tmp_path))
    (tmp_path / f"{ACCESSION}_objects.json").unlink()
    message = said(study(tmp_path))
    assert "phenotype/ssi.tsv" in message
    assert len(message.splitlines()) == 1


def test_everything_that_cannot_be_fetched_is_reported_together(
    store: Store, tmp_path: Path
) -> None:
    publish(store)
    spoilt = [STEM.format(w, "pre", w, "pre", "rest") + OF_A_RUN[3] for w in ("01", "02")]
    store.spoilt |= {f"{DERIVATIVES}/{PREFIX}{name}" for name in spoilt}
    lines = said(study(tmp_path)).splitlines()
    assert len(lines) == 2
    assert all(name in line for name, line in zip(spoilt, sorted(lines), strict=True))
    assert not any(
        (tmp_path / ACCESSION / "derivatives/fmriprep" / name).exists() for name in spoilt
    )


def test_an_unknown_accession_is_named(store: Store, tmp_path: Path) -> None:
    publish(store)
    message = said(study(tmp_path, accession="ds999999"))
    assert "s3://openneuro.org/ds999999/" in message
    assert "there is no such dataset" in message
    assert files(tmp_path) == set()


def test_a_dataset_without_derivatives_says_so(store: Store, tmp_path: Path) -> None:
    store.put_dataset({"participants.tsv": b"participant_id\n"}, {})
    assert "the dataset has no fMRIPrep derivatives" in said(study(tmp_path))


def test_no_network_is_one_sentence(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    message = said(study(tmp_path))
    assert "OpenNeuro's server cannot be reached" in message
    assert len(message.splitlines()) == 1


def test_the_version_asked_for_must_be_the_one_there_is(store: Store, tmp_path: Path) -> None:
    publish(store)
    prepare(study(tmp_path))
    assert version_problems(study(tmp_path, version="1.0.1")) == []
    both = version_problems(study(tmp_path, version="1.0.0"))
    assert [(p.severity, p.value, p.allowed) for p in both] == [("error", "1.0.0", "1.0.1")] * 2
    assert "OpenNeuro's store, which holds one version" in both[0].message
    assert "the derivatives were made from" in both[1].message


def test_derivatives_made_from_another_version_are_refused(store: Store, tmp_path: Path) -> None:
    publish(store, made_from="1.0.0")
    prepare(study(tmp_path))
    (problem,) = version_problems(study(tmp_path, version="1.0.1"))
    assert (problem.severity, problem.allowed) == ("error", "1.0.0")
    (note,) = version_problems(study(tmp_path))
    assert note.severity == "note"
    assert "version 1.0.1 of the dataset" in note.message
    assert "made from version 1.0.0" in note.message


def test_the_listing_holds_size_and_checksum_of_every_object(store: Store, tmp_path: Path) -> None:
    publish(store)
    prepare(study(tmp_path))
    content = read_json(tmp_path / f"{ACCESSION}_objects.json")
    assert content["participants"] == ["sub-01", "sub-02"]
    # as md5sum says
    assert content["objects"]["participants.tsv"] == [
        len(b"participant_id\nsub-01\nsub-02\n"),
        "7a6977599cecfbf9d570d85492affb21",
    ]


def test_the_images_of_a_participant_follow_one_another() -> None:
    runs = {
        "a1": {"participant_id": "sub-a", "bold": "a1.nii.gz"},
        "b1": {"participant_id": "sub-b", "bold": "b1.nii.gz"},
        "a2": {"participant_id": "sub-a", "bold": "a2.nii.gz"},
        "a3": {"participant_id": "sub-a", "bold": "a3.nii.gz"},
    }
    assert earlier_images(runs) == {"a1": [], "b1": [], "a2": ["a1.nii.gz"], "a3": ["a2.nii.gz"]}


def test_the_example_names_a_dataset_that_is_fetched_and_not_kept() -> None:
    path = Path(__file__).parents[3] / "config/examples/ds003007.yaml"
    parsed = parse_config(yaml.safe_load(path.read_text(encoding="utf-8"))).study.openneuro
    assert parsed is not None
    assert (parsed.accession, parsed.version) == ("ds003007", "1.0.1")
    assert not parsed.keep_images
