"""Sources of the recorded voxel size, valid and invalid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ketfc.imaging.io.native_size import header_size, native_problems, native_sizes, raw_folders
from ketfc.study.runs.index import Run

NAME = "sub-01_ses-pre_task-rest_run-1"
SPACE = "MNI152NLin2009cAsym"


def save(path: Path, size: tuple[float, float, float], n_dimensions: int = 4) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (4, 5, 3, 2)[:n_dimensions]
    nib.save(nib.Nifti1Image(np.zeros(shape, np.int16), np.diag([*size, 1.0])), path)
    return path


@pytest.fixture
def derivatives(tmp_path) -> Path:
    folder = tmp_path / "somewhere" / "fmriprep"
    save(folder / f"sub-01/ses-pre/func/{NAME}_space-{SPACE}_desc-preproc_bold.nii.gz", (2, 2, 2))
    return folder


@pytest.fixture
def run(derivatives) -> Run:
    func = derivatives / "sub-01/ses-pre/func"
    stem = f"{NAME}_space-{SPACE}_desc-preproc_bold"
    return Run(
        name=NAME,
        participant_id="sub-01",
        session="pre",
        role="pre",
        bold=str(func / f"{stem}.nii.gz"),
        sidecar=str(func / f"{stem}.json"),
        mask=None,
        confounds=None,
    )


@pytest.fixture
def raw(tmp_path) -> Path:
    folder = tmp_path / "raw data"
    save(folder / f"sub-01/ses-pre/func/{NAME}_bold.nii.gz", (3.75, 3.75, 3.5))
    return folder


def describe(folder: Path, **content: object) -> None:
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "x", **content}))


def found(run: Run, derivatives: Path, configured=None) -> tuple:
    table = native_sizes([run], [derivatives], configured)
    assert list(table["run"]) == [NAME]
    row = table.iloc[0]
    return (*row[["native_x", "native_y", "native_z"]], row["native_source"])


def test_the_config_goes_first(run, derivatives, raw):
    describe(derivatives, DatasetLinks={"raw": str(raw)})
    assert found(run, derivatives, (3, 3, 4)) == (3, 3, 4, "config")


@pytest.mark.parametrize("form", ["links", "links-uri", "relative", "sources", "layout"])
def test_the_source_image_is_found_where_the_dataset_says(form, run, derivatives, raw, tmp_path):
    if form == "links":
        describe(derivatives, DatasetLinks={"raw": str(raw), "templateflow": "/nowhere"})
    elif form == "links-uri":
        describe(derivatives, DatasetLinks={"raw": raw.as_uri()})
    elif form == "relative":
        describe(derivatives, DatasetLinks={"raw": "../../raw data"})
    elif form == "sources":
        describe(derivatives, SourceDatasets=[{"DOI": "10.1/2"}, {"URL": raw.as_uri()}])
    else:
        inside = raw / "derivatives" / "fmriprep"
        inside.parent.mkdir()
        derivatives = derivatives.rename(inside)
        moved = {
            key: getattr(run, key).replace(str(tmp_path / "somewhere"), str(inside.parent))
            for key in ("bold", "sidecar")
        }
        run = Run(**{**vars(run), **moved})
    assert found(run, derivatives) == (3.75, 3.75, 3.5, "source image")


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("Sources", "bids:raw:sub-01/ses-pre/func/sub-01_ses-pre_task-rest_acq-odd_bold.nii.gz"),
        ("RawSources", "sub-01/ses-pre/func/sub-01_ses-pre_task-rest_acq-odd_bold.nii.gz"),
    ],
)
def test_the_sidecar_names_the_source_image(key, entry, run, derivatives, raw):
    # the sidecar is believed before the name
    save(raw / "sub-01/ses-pre/func/sub-01_ses-pre_task-rest_acq-odd_bold.nii.gz", (3, 3, 3.3))
    # but not where it names other images
    others = ("anat/sub-01_T1w", f"ses-pre/func/{NAME}_desc-x_bold", f"func/{NAME}_space-x_bold")
    for other in others:
        save(raw / f"sub-01/{other}.nii.gz", (1, 1, 1))
    before = ["bids::sub-01/other_xfm.txt", *(f"sub-01/{other}.nii.gz" for other in others)]
    describe(derivatives, DatasetLinks={"raw": str(raw)})
    Path(run.sidecar).write_text(json.dumps({key: [*before, entry]}))
    assert found(run, derivatives) == pytest.approx((3, 3, 3.3, "source image"))


def test_the_echoes_of_a_run_are_its_source(run, derivatives, raw):
    func = raw / "sub-01/ses-pre/func"
    (func / f"{NAME}_bold.nii.gz").unlink()
    save(func / f"{NAME}_echo-1_bold.nii.gz", (3.2, 3.2, 3))
    describe(derivatives, DatasetLinks={"raw": str(raw)})
    assert found(run, derivatives) == pytest.approx((3.2, 3.2, 3, "source image"))


def test_the_reference_on_the_grid_of_the_scan_stands_in(run, derivatives):
    func = Path(run.bold).parent
    save(func / f"{NAME}_desc-coreg_boldref.nii.gz", (3.5, 3.5, 4), 3)
    assert found(run, derivatives) == (3.5, 3.5, 4, "reference image")


@pytest.mark.parametrize(
    "source",
    [
        f"bids::sub-01/ses-pre/func/{NAME}_space-{SPACE}_desc-preproc_bold.nii.gz",
        f"sub-01/ses-pre/func/{NAME}_space-{SPACE}_desc-preproc_bold.nii.gz",
        "https://example.org/bold.nii.gz",
        17,
    ],
)
def test_the_resampled_image_is_never_asked(source, run, derivatives):
    describe(
        derivatives,
        SourceDatasets=[{"URL": "https://doi.org/10.1/2"}, {"URL": str(derivatives)}],
        DatasetLinks={"raw": str(derivatives)},
    )
    Path(run.sidecar).write_text(json.dumps({"Sources": [source], "RawSources": source}))
    save(Path(run.bold).parent / f"{NAME}_space-{SPACE}_boldref.nii.gz", (2, 2, 2), 3)
    size, kind = found(run, derivatives)[:3], found(run, derivatives)[3]
    assert np.isnan(size).all()
    assert kind is None


def test_damaged_files_are_as_good_as_none(run, derivatives, raw):
    describe(derivatives, DatasetLinks={"raw": str(raw)})
    (raw / f"sub-01/ses-pre/func/{NAME}_bold.nii.gz").write_bytes(b"no image")
    Path(run.sidecar).write_text("{")
    assert found(run, derivatives)[3] is None
    (derivatives / "dataset_description.json").write_text("[]")
    assert raw_folders(derivatives) == []
    for nothing in ("", 5, None, "https://example.org/raw", "../nowhere"):
        describe(derivatives, DatasetLinks={"raw": nothing}, SourceDatasets=[{"URL": nothing}, 7])
        assert raw_folders(derivatives) == []


def test_every_run_is_looked_for_in_the_raw_data_of_its_own_derivatives(
    run, derivatives, raw, tmp_path
):
    other = derivatives.with_name("other")
    other.mkdir()
    wrong = tmp_path / "wrong"
    save(wrong / f"sub-01/ses-pre/func/{NAME}_bold.nii.gz", (9, 9, 9))
    describe(derivatives, DatasetLinks={"raw": str(raw)})
    describe(other, DatasetLinks={"raw": str(wrong)})
    unknown = replace(run, name="sub-02_task-rest", participant_id="sub-02", session=None)
    runs = [unknown, run]
    table = native_sizes(runs, [other, derivatives], None)
    assert table["run"].tolist() == [unknown.name, NAME]
    assert table["native_x"].isna().tolist() == [True, False]
    assert table.loc[1, ["native_x", "native_z"]].tolist() == [3.75, 3.5]
    (problem,) = native_problems(table)
    assert "the recorded voxel size of 1 of 2 runs is not known" in problem.message
    assert native_sizes(runs, [other], (3, 3, 4))["native_z"].tolist() == [4, 4]
    assert native_sizes([], [other], None).empty


@pytest.mark.parametrize("n_dimensions", [2, 3])
def test_an_image_whose_header_gives_no_size_is_passed_over(n_dimensions, run, derivatives, raw):
    func = raw / "sub-01/ses-pre/func"
    (func / f"{NAME}_bold.nii.gz").unlink()
    path = save(func / f"{NAME}_bold.nii", (3, 3, 3), n_dimensions)
    if n_dimensions == 3:
        content = bytearray(path.read_bytes())
        # the size along k, beside a sound affine
        content[88:92] = np.array([np.nan], dtype="<f4").tobytes()
        path.write_bytes(content)
    save(func / f"{NAME}_echo-2_bold.nii", (3.2, 3.2, 3))
    describe(derivatives, DatasetLinks={"raw": str(raw)})
    assert header_size(path) is None
    assert header_size(func / "none.nii") is None
    assert found(run, derivatives) == pytest.approx((3.2, 3.2, 3, "source image"))


def test_the_reference_of_head_motion_goes_before_that_of_registration(run, derivatives):
    func = Path(run.bold).parent
    save(func / f"{NAME}_desc-coreg_boldref.nii.gz", (3.5, 3.5, 4), 3)
    save(func / f"{NAME}_desc-hmc_boldref.nii.gz", (3, 3, 3.3), 3)
    assert found(run, derivatives) == pytest.approx((3, 3, 3.3, "reference image"))


def test_a_sagittal_scan_has_its_slices_along_left_and_right(tmp_path):
    affine = np.array([[0, 0, 3.5, 0], [-2, 0, 0, 0], [0, -2.5, 0, 0], [0, 0, 0, 1.0]])
    path = tmp_path / "sagittal.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6, 2), np.int16), affine), path)
    assert header_size(path) == pytest.approx((3.5, 2, 2.5))


def test_a_tilted_scan_keeps_its_voxel_size(tmp_path):
    angle = np.deg2rad(30)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([3.75, 3.75, 3.5])
    path = tmp_path / "tilted.nii"
    nib.save(nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), affine), path)
    assert header_size(path) == pytest.approx((3.75, 3.75, 3.5))


def test_what_is_unknown_is_asked_for_at_the_plan(run, derivatives):
    table = native_sizes([run], [derivatives], None)
    (problem,) = native_problems(table)
    assert problem.severity == "note"
    assert problem.field == "study.native-voxel-size"
    assert "1 of 1 runs" in problem.message
    assert native_problems(native_sizes([run], [derivatives], (3, 3, 3))) == []
