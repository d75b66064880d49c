"""Real parcellations by their names: the data kit's folders as ``circuits.atlases-dir``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from made_atlases import ASYM, PARCELLATIONS, SIX, no_network, planned  # noqa: F401

from ketfc.base.errors import StudyError
from ketfc.imaging.atlas.atlas_choice import choose
from ketfc.imaging.atlas.catalogue import load_catalogue
from ketfc.imaging.atlas.making import make_parcellation
from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.masks import read_mask
from ketfc.imaging.io.reader import read_header, read_volume
from ketfc.imaging.regions.placing import label_regions
from ketfc.imaging.run.extraction import extract

CATALOGUE = load_catalogue(PARCELLATIONS)
NAMES = {
    ASYM: [
        *(f"Schaefer{n}x{k}" for n in (100, 200, 400) for k in (7, 17)),
        *(f"Schaefer{n}x7TianS2" for n in (100, 200, 400)),
        *(f"TianS{s}" for s in (1, 2, 3, 4)),
        "Yeo7",
        "CIT168",
        "THOMAS",
    ],
    SIX: [
        "Schaefer100x7",
        "Schaefer400x7",
        *(f"Schaefer{n}x17" for n in (100, 200, 400)),
        "Yeo7",
        "Yeo17",
        "CIT168",
        "THOMAS",
    ],
}
BY_NAME = [(name, space) for space, names in NAMES.items() for name in names]
COUNTS = {"CIT168": 28, "THOMAS": 24, "TianS1": 16, "TianS2": 32, "TianS3": 50, "TianS4": 54}
NAMELESS = {"Schaefer200x7", "Schaefer200x17"}
"""The kit has no table of these names."""


def count(name: str) -> int:
    if name in COUNTS:
        return COUNTS[name]
    if name.startswith("Yeo"):
        return int(name[3:])
    return int(name[8:].partition("x")[0]) + 32 * name.endswith("TianS2")


def make(name: str, space: str, folder: Path) -> tuple[Parcellation, dict[str, Any]]:
    return make_parcellation(
        {"name": name, "image": None, "labels": None, "space": None},
        space,
        catalogue=CATALOGUE,
        folder=folder,
        other_templates=False,
        cache=Path("nowhere"),
    )


@pytest.fixture
def atlases(kit: Path, no_network: Path) -> Path:  # noqa: F811
    """The kit's atlases, with nothing else to turn to."""
    return kit / "atlases"


@pytest.mark.parametrize(("name", "space"), BY_NAME)
def test_every_image_of_the_kit_is_found_by_its_name(name, space, atlases):
    found, about = make(name, space, atlases)
    assert len(found.names) == len(set(found.names)) == count(name)
    assert (found.space, about["Template"]) == (space, space)
    assert about["KnownFile"] is True
    assert about["LabelsWithoutVoxels"] == []
    assert about["TemplateMismatch"] is None
    assert all(found.names)
    assert found.names[0].startswith("label") == (name in NAMELESS)
    if name.startswith("Schaefer") and name not in NAMELESS and not name.endswith("TianS2"):
        assert all(network for network in found.networks)
        networks = f"{name.partition('x')[2]}Networks"
        assert found.names[0].startswith(f"{networks}_LH_Vis")
        assert found.names[-1].startswith(f"{networks}_RH_")


@pytest.mark.parametrize(("name", "space"), [each for each in BY_NAME if each[0] not in NAMELESS])
def test_names_are_on_the_side_that_they_say(name, space, atlases):
    found, _ = make(name, space, atlases)
    said = {"LH": -1, "RH": 1, "lh": -1, "rh": 1, "L": -1, "R": 1}
    sided = 0
    labelled = np.argwhere(found.labels)
    x = nib.affines.apply_affine(found.grid.affine, labelled)[:, 0]
    sums = np.bincount(found.labels[tuple(labelled.T)], weights=x)
    for label, parcel in zip(found.indices, found.names, strict=True):
        side = [said[part] for part in parcel.replace("-", "_").split("_") if part in said]
        if side:
            assert np.sign(sums[label]) == side[0], parcel
            sided += 1
    assert sided == (0 if name.startswith("Yeo") else len(found.names))


def test_yeos_networks_are_named_after_the_schaefer_parcels_in_them(atlases):
    for n_networks in (7, 17):
        networks, _ = make(f"Yeo{n_networks}", SIX, atlases)
        parcels, _ = make(f"Schaefer400x{n_networks}", SIX, atlases)
        of_parcel = np.array(["", *parcels.networks])
        for label, name in zip(networks.indices, networks.names, strict=True):
            inside = of_parcel[parcels.labels[(networks.labels == label) & (parcels.labels > 0)]]
            found, counts = np.unique(inside, return_counts=True)
            assert found[counts.argmax()] == name


def habenulae(space: str, grid: Grid, folder: Path) -> dict[str, np.ndarray]:
    """Return the world coordinates of the voxels of both habenulae on a grid."""
    found, _ = make("CIT168", space, folder)
    placed = label_regions(found, grid)
    rows = {name: placed.weights[i].indices for i, name in enumerate(placed.names)}
    return {
        side: nib.affines.apply_affine(
            grid.affine,
            np.stack(np.unravel_index(rows[f"HN_{side}H"], grid.shape, order="F"), axis=1),
        )
        for side in "LR"
    }


@pytest.mark.parametrize(("space", "centre"), [(ASYM, (3.6, -23.1, 2.7)), (SIX, (2.5, -23.0, 3.0))])
def test_the_habenula_is_where_the_kit_says(space, centre, atlases):
    found, _ = make("CIT168", space, atlases)
    right = found.indices[found.names.index("HN_RH")]
    world = nib.affines.apply_affine(found.grid.affine, np.argwhere(found.labels == right))
    np.testing.assert_allclose(world.mean(axis=0).round(1), centre, atol=0.051)


def test_the_habenula_has_as_many_voxels_as_the_kit_says(atlases, kit):
    """8 + 8 by nearest neighbour at 2 mm and 1 + 1 at 4 mm."""
    fine = habenulae(
        ASYM, read_volume(atlases / "MNI152NLin2009cAsym_2mm/brain_mask.nii.gz")[1], atlases
    )
    assert {side: len(voxels) for side, voxels in fine.items()} == {"L": 8, "R": 8}
    bold = next((kit / "studies/stages/sub-002/ses-1/func").glob("*_bold.nii.gz"))
    coarse = habenulae(ASYM, read_header(bold).grid, atlases)
    assert {side: len(voxels) for side, voxels in coarse.items()} == {"L": 1, "R": 1}
    # the kit gives no number for the other template's 2 mm grid; it is nilearn's
    grid = read_volume(atlases / "MNI152NLin6Asym_2mm/Yeo_7_Liberal_2mm.nii.gz")[1]
    other = habenulae(SIX, grid, atlases)
    assert {side: len(voxels) for side, voxels in other.items()} == nilearns(grid, atlases)


def nilearns(grid: Grid, folder: Path) -> dict[str, int]:
    """Return how many voxels nilearn gives to each habenula of the older template."""
    from nilearn.image import resample_img

    image = nib.load(folder / f"CIT168/{SIX}_CIT168_subcortex.nii.gz")
    moved: Any = resample_img(
        image,
        target_affine=grid.affine,
        target_shape=grid.shape,
        interpolation="nearest",
        force_resample=True,
        copy_header=True,
    )
    counts = np.bincount(np.asarray(moved.dataobj).astype(int).ravel(), minlength=117)
    return {"L": int(counts[13]), "R": int(counts[113])}


def merged(kit: Path, folder: Path) -> Path:
    """Write the kit's CIT168 as its authors distribute it: both sides under one label."""
    source: Any = nib.load(kit / f"atlases/CIT168/{ASYM}_CIT168_subcortex.nii.gz")
    data = np.asarray(source.dataobj).astype(np.int16) % 100
    # the kit's copy has merged PBP and VTA into SNc
    parts = np.argwhere(data == 7)
    data[tuple(parts[0])], data[tuple(parts[-1])] = 10, 11
    folder.mkdir()
    nib.save(nib.Nifti1Image(data, source.affine), folder / "CIT168toMNI152-2009c_det.nii.gz")
    return folder


def test_an_unsplit_habenula_is_split_into_the_very_voxels_of_the_split_one(kit, tmp_path):
    whole, _ = make("CIT168", ASYM, merged(kit, tmp_path / "merged"))
    split, _ = make("CIT168", ASYM, kit / "atlases")
    for side in ("LH", "RH"):
        ours, theirs = (
            one.labels == one.indices[one.names.index(f"HN_{side}")] for one in (whole, split)
        )
        assert ours.sum() > 50
        np.testing.assert_array_equal(ours, theirs)


def test_a_swapped_template_is_caught(kit, tmp_path):
    """A file of one template under a name, or in a folder, of the other."""
    shutil.copy(
        kit / f"atlases/CIT168/{SIX}_CIT168_subcortex.nii.gz",
        tmp_path / f"{ASYM}_CIT168_subcortex.nii.gz",
    )
    with pytest.raises(StudyError, match=f"by its checksum it is in {SIX}"):
        make("CIT168", ASYM, tmp_path)
    (problem,) = planned(["CIT168"], ASYM, tmp_path, others=True)
    assert problem.severity == "error"


def test_a_swapped_template_is_caught_even_if_the_file_was_written_anew(kit, tmp_path):
    image: Any = nib.load(kit / f"atlases/CIT168/{SIX}_CIT168_subcortex.nii.gz")
    nib.save(image, tmp_path / f"{ASYM}_CIT168_subcortex.nii.gz")
    with pytest.raises(StudyError, match=f"its grid is that of {SIX}"):
        make("CIT168", ASYM, tmp_path)


def test_only_the_other_template_is_refused_at_plan_or_noted(kit, tmp_path):
    shutil.copytree(kit / "atlases/MNI152NLin6Asym_2mm", tmp_path / SIX)
    options = {"folder": tmp_path, "catalogue": CATALOGUE}
    (refused,) = planned(["Yeo17"], ASYM, tmp_path)
    assert refused.severity == "error"
    assert f"It is available in {SIX}" in refused.message
    notes = planned(["Yeo17"], ASYM, tmp_path, others=True)
    assert {note.severity for note in notes} == {"note"}
    choice = choose(CATALOGUE.atlases["Yeo17"], ASYM, other_templates=True, **options)
    assert choice.space == SIX


@pytest.mark.parametrize("name", ["Schaefer100x7", "TianS2", "CIT168"])
@pytest.mark.filterwarnings("ignore")
def test_region_means_equal_nilearns_on_the_same_label_image(name, kit, atlases):
    from nilearn.maskers import NiftiLabelsMasker

    func = kit / "studies/stages/sub-002/ses-1/func"
    bold = next(func.glob("*_bold.nii.gz"))
    grid = read_header(bold).grid
    found, _ = make(name, ASYM, atlases)
    placed = label_regions(found, grid)
    mask = read_mask(next(func.glob("*_mask.nii.gz")), grid)
    ours = extract(bold, mask, [placed]).by_atlas(0)[name].series
    # nilearn counts voxels without signal too, so it gets none
    values = np.asarray(nib.load(bold).dataobj)
    signal = mask & (np.ptp(values, axis=3) > 0).ravel(order="F")
    labels = np.zeros(grid.n_voxels, dtype=np.int32)
    for i in range(len(placed.names)):
        labels[placed.weights[i].indices] = i + 1
    labels[~signal] = 0
    image = nib.Nifti1Image(labels.reshape(grid.shape, order="F"), grid.affine)
    theirs = NiftiLabelsMasker(image, standardize=None).fit_transform(str(bold))
    present = np.unique(labels)[1:] - 1
    assert present.size > 0.9 * len(placed.names)
    np.testing.assert_allclose(ours.to_numpy()[:, present], theirs, rtol=1e-6)
