"""A lab's own parcellations in all their forms, and the built-in one."""

from __future__ import annotations

import socket
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from made_runs import AFFINE, nifti_bytes, write_gzip
from scipy import ndimage

from ketfc.base.errors import StudyError
from ketfc.base.files import read_json, read_tsv
from ketfc.imaging.atlas.parcellations import (
    VORONOI,
    Parcellation,
    load_parcellation,
    parcel_centres,
    save_parcellation,
    split_at_midline,
    voronoi_parcellation,
)
from ketfc.imaging.io.grid import Grid

SPACE = "MNI152NLin2009cAsym"
LABELS = np.zeros((6, 7, 8), dtype=np.int16)
LABELS[1:3], LABELS[3:5, 2:], LABELS[5, :3] = 1, 200, 17


@pytest.fixture
def image(tmp_path) -> Path:
    path = tmp_path / "atlas.nii.gz"
    write_gzip(path, nifti_bytes(LABELS))
    return path


def table(folder: Path, content: str, name: str = "atlas_dseg.tsv") -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


def refused(image: Path, labels: Path | None = None) -> str:
    with pytest.raises(StudyError) as caught:
        load_parcellation("Mine", image, labels=labels, space=SPACE)
    (problem,) = caught.value.problems
    assert (problem.field, problem.value) == ("circuits.parcellation", "Mine")
    assert problem.file == (labels or image).name
    return problem.message


def test_without_names_parcels_are_called_by_their_labels(image):
    found = load_parcellation("Mine", image, space=SPACE)
    assert found.indices.tolist() == [1, 17, 200]
    assert found.names == ("label1", "label17", "label200")
    assert found.networks == ("", "", "")
    np.testing.assert_array_equal(found.labels, LABELS)
    np.testing.assert_allclose(found.grid.affine, AFFINE)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_bids_table_gives_names_and_networks(end, image, tmp_path):
    rows = ["index\tname\tnetwork", "200\tright\tn/a", "1\tleft one\tVis", "17\tmid\tSal"]
    labels = table(tmp_path, end.join(rows) + end)
    found = load_parcellation("Mine", image, labels=labels, space=SPACE)
    assert found.indices.tolist() == [1, 17, 200]
    assert found.names == ("left one", "mid", "right")
    assert found.networks == ("Vis", "Sal", "")


def test_a_look_up_table_gives_names_and_schaefers_networks(image, tmp_path):
    lines = "# made by somebody\n0 Unknown 0 0 0 0\n1\t7Networks_LH_Vis_1\t120\t18\t128\t0\n"
    labels = table(tmp_path, lines + "17 7Networks_RH_Default_PFC_3 0 0 0 0\n200 HIP-rh\n", "a.txt")
    found = load_parcellation("Mine", image, labels=labels, space=SPACE)
    assert found.names == ("7Networks_LH_Vis_1", "7Networks_RH_Default_PFC_3", "HIP-rh")
    assert found.networks == ("Vis", "Default", "")


def test_a_name_without_a_voxel_stays_so_that_its_loss_is_seen(image, tmp_path):
    labels = table(tmp_path, "index\tname\n1\ta\n17\tb\n99\tlost\n200\tc\n")
    found = load_parcellation("Mine", image, labels=labels, space=SPACE)
    assert found.indices.tolist() == [1, 17, 99, 200]
    assert found.names == ("a", "b", "lost", "c")


@pytest.mark.parametrize("dtype", ["uint8", "int32", ">i2", "float32", "float64", "int64"])
def test_labels_may_be_stored_as_any_type(dtype, tmp_path):
    path = tmp_path / "atlas.nii.gz"
    kind = np.dtype(dtype)
    order = kind.byteorder if kind.byteorder == ">" else "<"
    write_gzip(path, nifti_bytes(LABELS.astype(dtype)[..., None], order=order))
    found = load_parcellation("Mine", path, space=SPACE)
    assert found.indices.tolist() == [1, 17, 200]
    assert found.labels.dtype == np.int32
    np.testing.assert_array_equal(found.labels, LABELS)


def test_labels_may_be_scaled_and_have_nan_for_background(tmp_path):
    path = tmp_path / "atlas.nii.gz"
    write_gzip(path, nifti_bytes((LABELS // 1).astype("i2"), slope=2.0, inter=0.0))
    assert load_parcellation("Mine", path, space=SPACE).indices.tolist() == [2, 34, 400]
    write_gzip(path, nifti_bytes(np.where(LABELS > 0, LABELS, np.nan).astype("f4")))
    assert load_parcellation("Mine", path, space=SPACE).indices.tolist() == [1, 17, 200]


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (np.full((3, 3, 3), 1.5, "f4"), "holds fractions, negative or huge numbers"),
        (np.full((3, 3, 3), -1, "i2"), "holds negative labels, down to -1"),
        (np.full((3, 3, 3), -1.5, "f4"), "holds fractions, negative or huge numbers"),
        (np.full((3, 3, 3), 1j, "c8"), "stores complex64"),
        (np.full((3, 3, 3), 2**40, "i8"), "holds fractions, negative or huge numbers"),
        (np.full((3, 3, 3), np.inf, "f4"), "holds fractions, negative or huge numbers"),
        (np.zeros((3, 3, 3), "u1"), "holds no label"),
        (np.ones((3, 3, 3, 2), "u1"), "has 4 dimensions, not 3"),
    ],
    ids=["fraction", "negative", "minus-1.5", "complex", "huge", "infinite", "empty", "4-D"],
)
def test_an_image_that_is_no_parcellation_is_refused(stored, message, tmp_path):
    path = tmp_path / "atlas.nii.gz"
    write_gzip(path, nifti_bytes(stored))
    assert message in refused(path)


def test_labels_that_int8_turned_negative_are_told_from_real_ones(tmp_path):
    path = tmp_path / "atlas.nii.gz"
    write_gzip(path, nifti_bytes(LABELS.astype(np.uint8).view(np.int8)))
    message = refused(path)
    # 200 becomes -56
    assert "down to -56" in message
    assert "stored as int8" in message


def test_labels_that_uint8_cut_short_are_found_by_the_table(tmp_path):
    path = tmp_path / "atlas.nii.gz"
    large = LABELS + np.int16(100) * (LABELS == 200)
    write_gzip(path, nifti_bytes(large.astype(np.uint8)))
    labels = table(tmp_path, "index\tname\n1\ta\n17\tb\n44\tc\n300\td\n")
    with pytest.raises(StudyError, match=r"stored as uint8, which cannot hold label 300"):
        load_parcellation("Mine", path, labels=labels, space=SPACE)
    # the same labels in two bytes are whole
    write_gzip(path, nifti_bytes(large))
    found = load_parcellation("Mine", path, labels=labels, space=SPACE)
    assert set(np.unique(found.labels)) == {0, 1, 17, 300}


def test_an_image_that_cannot_be_read_is_refused(tmp_path):
    assert "cannot be read" in refused(tmp_path / "none.nii.gz")
    path = tmp_path / "text.nii.gz"
    path.write_text("no image")
    assert "is truncated or damaged" in refused(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("index\tname\n1\ta\n17\tb\n", "has no name for 1 label of the image: 200"),
        ("index\tname\n1\ta\n17\tn/a\n200\tc\n", "has no name for 1 label of the image: 17"),
        ("index\tname\n1\ta\n17\ta\n200\tc\n", "gives the name a twice"),
        ("index\tname\n1\ta\n1\tb\n17\tc\n200\td\n", "gives the index 1 twice"),
        ("number\tname\n1\ta\n", "is not a table of labels"),
        ("index\tcolour\n1\ta\n", "is not a table of labels"),
        ("", "is not a table of labels (index, name): is empty"),
    ],
)
def test_names_that_do_not_fit_the_image_are_refused(content, message, image, tmp_path):
    assert message in refused(image, table(tmp_path, content))


def test_a_missing_table_of_names_is_refused(image, tmp_path):
    assert "is not a table of labels" in refused(image, tmp_path / "none.tsv")


def test_what_is_saved_is_read_back(image, tmp_path):
    labels = table(
        tmp_path, "index\tname\tnetwork\n1\ta\tVis\n17\tb\tn/a\n99\tlost\tX\n200\tc\tY\n"
    )
    found = load_parcellation("Mine", image, labels=labels, space=SPACE)
    out = tmp_path / "out"
    files = {"image": out / "dseg.nii.gz", "table": out / "dseg.tsv", "sidecar": out / "dseg.json"}
    save_parcellation(found, {"License": "mine"}, **files)
    again = load_parcellation("Mine", files["image"], labels=files["table"], space=SPACE)
    about = read_json(files["sidecar"])
    assert about.pop("GeneratedBy")[0]["Name"] == "ketfc"
    assert about == {"License": "mine"}
    np.testing.assert_array_equal(again.labels, found.labels)
    assert (again.names, again.networks) == (found.names, found.networks)
    assert again.grid.matches(found.grid)
    assert list(read_tsv(tmp_path / "out" / "dseg.tsv").columns) == ["index", "name", "network"]


@pytest.mark.parametrize("flip", [1, -1])
def test_labels_of_both_hemispheres_are_split_at_x_0(flip):
    # voxel centres at x = -4, -2, 0, 2, 4, or the other way round in the file
    affine = np.diag([2.0 * flip, 2, 2, 1])
    affine[0, 3] = -4.0 * flip
    labels = np.zeros((5, 1, 2), dtype=np.int32)
    labels[:, 0, 0] = 7
    labels[[1, 3], 0, 1] = 13
    whole = Parcellation(
        name="Test",
        space=SPACE,
        labels=labels,
        grid=Grid(labels.shape, affine),
        indices=np.array([7, 13], dtype=np.int32),
        names=("MN", "HN"),
        networks=("", "x"),
    )
    split = split_at_midline(whole)
    assert split.indices.tolist() == [7, 13, 107, 113]
    assert split.names == ("MN_LH", "HN_LH", "MN_RH", "HN_RH")
    assert split.networks == ("", "x", "", "x")
    assert split.labels[::flip, 0, 0].tolist() == [7, 7, 107, 107, 107]
    assert split.labels[::flip, 0, 1].tolist() == [0, 13, 0, 113, 0]
    assert split.labels.dtype == np.int32


@pytest.fixture(scope="module")
def voronoi():
    """The built-in parcellation, made while every connection is refused."""
    connect = socket.socket.connect

    def refuse(*_: object) -> None:
        raise AssertionError("the built-in parcellation wanted the network")

    socket.socket.connect = refuse
    try:
        return voronoi_parcellation()
    finally:
        socket.socket.connect = connect


def test_the_built_in_parcellation_has_239_parcels_and_needs_no_network(voronoi):
    assert voronoi.name == VORONOI == "KetfcVoronoi239"
    assert voronoi.indices.tolist() == list(range(1, 240))
    assert len(set(voronoi.names)) == 239
    counts = np.bincount(voronoi.labels.ravel(), minlength=240)[1:]
    assert counts.min() > 50
    assert voronoi.labels.max() == 239
    assert all(voronoi.networks)


def test_cells_of_the_built_in_parcellation_lie_around_their_centres(voronoi):
    from nilearn.datasets import fetch_coords_seitzman_2018, load_mni152_gm_mask

    published = fetch_coords_seitzman_2018()
    centres = np.array([[row[axis] for axis in "xyz"] for row in _records(published.rois)])
    cortical = [i for i, region in enumerate(published.regions) if region.startswith("cortex")]
    mask = np.asarray(load_mni152_gm_mask(resolution=2).dataobj) > 0
    rng = np.random.default_rng(0)
    voxels = np.argwhere(mask)
    for ijk in voxels[rng.choice(len(voxels), 300, replace=False)]:
        world = nib.affines.apply_affine(voronoi.grid.affine, ijk)
        distance = np.linalg.norm(centres - world, axis=1)
        nearest = int(distance.argmin())
        near = distance[nearest] <= 25 and nearest in cortical
        assert voronoi.labels[tuple(ijk)] == (cortical.index(nearest) + 1 if near else 0)
    assert not voronoi.labels[~mask].any()
    for name, i in zip(voronoi.names, cortical, strict=True):
        assert name.startswith("LH_" if centres[i, 0] < 0 else "RH_")
        assert name.split("_")[1] == published.networks[i]
    # numbered from 1 in the order of the file
    for start in ("LH_Visual_", "RH_DefaultMode_"):
        numbers = [int(name.removeprefix(start)) for name in voronoi.names if start in name]
        assert numbers == list(range(1, len(numbers) + 1)) != []


def _records(rois) -> list:
    """Return rows of nilearn's table, a data frame or, in older versions, a record array."""
    return rois.to_dict("records") if hasattr(rois, "to_dict") else list(rois)


def test_centres_are_those_of_scipy_in_mm_and_lost_parcels_have_none(tmp_path):
    rng = np.random.default_rng(1)
    labels = rng.choice(np.array([0, 3, 7, 250], dtype=np.int16), (9, 8, 7))
    affine = np.array([[-2, 0.1, 0, 80], [0, 3, 0, -70], [0, 0.2, 4, -50], [0, 0, 0, 1.0]])
    nib.save(nib.Nifti1Image(labels, affine), tmp_path / "dseg.nii.gz")
    table = pd.DataFrame({"index": [7, 3, 5, 900, 250], "name": ["b", "a", "lost", "far", "c"]})
    found = parcel_centres(tmp_path / "dseg.nii.gz", table)
    assert list(found.index) == ["b", "a", "lost", "far", "c"]
    for name, label in (("a", 3), ("b", 7), ("c", 250)):
        voxel = ndimage.center_of_mass(labels == label)
        np.testing.assert_allclose(found.loc[name], nib.affines.apply_affine(affine, voxel))
    assert found.loc[["lost", "far"]].isna().all(axis=None)


@pytest.mark.parametrize("n", [1, 5, 6])
def test_five_at_most_of_the_labels_without_a_name_are_told(n, tmp_path):
    values = np.arange(27).reshape(3, 3, 3) % (n + 1)
    write_gzip(tmp_path / "a.nii.gz", nifti_bytes(values.astype(np.int16)))
    (tmp_path / "a.tsv").write_text("index\tname\n9\tz\n")
    with pytest.raises(StudyError) as caught:
        load_parcellation("A", tmp_path / "a.nii.gz", labels=tmp_path / "a.tsv", space="x")
    (problem,) = caught.value.problems
    which = {1: "1 label of the image: 1", 5: "5 labels of the image: 1, 2, 3, 4, 5",
             6: "6 labels of the image: 1, 2, 3, 4, 5 …"}[n]  # fmt: skip
    assert problem.message == f"has no name for {which}"


@pytest.mark.parametrize(("largest", "fine"), [(2.0**31 - 1, True), (2.0**31, False)])
def test_the_largest_label_is_that_of_int32(largest, fine, tmp_path):
    values = np.zeros((3, 3, 3))
    values[0, 0, 0], values[1, 1, 1] = largest, 1.0009
    write_gzip(tmp_path / "a.nii.gz", nifti_bytes(values))
    if fine:
        found = load_parcellation("A", tmp_path / "a.nii.gz", labels=None, space="x")
        assert found.indices.tolist() == [1, 2**31 - 1]
    else:
        with pytest.raises(StudyError, match="negative or huge numbers"):
            load_parcellation("A", tmp_path / "a.nii.gz", labels=None, space="x")
    values[0, 0, 0], values[1, 1, 1] = 2, 1.0011
    write_gzip(tmp_path / "a.nii.gz", nifti_bytes(values))
    with pytest.raises(StudyError, match="holds fractions"):
        load_parcellation("A", tmp_path / "a.nii.gz", labels=None, space="x")
