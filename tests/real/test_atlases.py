"""Real atlases: resampling equals nilearn's, names fit, and the habenula is where it should be."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ketfc.imaging.atlas.parcellations import Parcellation, load_parcellation
from ketfc.imaging.io.grid import Grid, resample_labels
from ketfc.imaging.io.reader import read_header, read_volume
from ketfc.imaging.regions.placing import label_regions, sphere_regions
from ketfc.imaging.regions.registry import load_registry

SPACE = "MNI152NLin2009cAsym"
IMAGES = {
    "MNI152NLin2009cAsym_2mm/schaefer400x7.nii.gz": 400,
    "MNI152NLin2009cAsym_2mm/Tian_Subcortex_S1_3T.nii.gz": 16,
    "MNI152NLin2009cAsym_2mm/yeo7.nii.gz": 7,
    "MNI152NLin6Asym_2mm/Schaefer2018_400Parcels_17Networks_order_FSLMNI152_2mm.nii.gz": 400,
    "CIT168/MNI152NLin2009cAsym_CIT168_subcortex.nii.gz": 28,
}


def grid_of(kit: Path, name: str) -> Grid:
    """Return the 2 mm grid of the template, the 4 mm one of the study, or a flipped one."""
    if name == "2 mm":
        return read_volume(kit / "atlases/MNI152NLin2009cAsym_2mm/brain_mask.nii.gz")[1]
    if name == "4 mm":
        folder = kit / "studies/stages/sub-002/ses-1/func"
        return read_header(next(folder.glob("*_bold.nii.gz"))).grid
    return read_header(kit / "bold/pyhrf_mni_6rois/real_data_vol_4_regions_BOLD.nii.gz").grid


def cit168(kit: Path, space: str = SPACE) -> Parcellation:
    return load_parcellation(
        "CIT168", kit / f"atlases/CIT168/{space}_CIT168_subcortex.nii.gz", space=space
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("name", ["2 mm", "4 mm", "flipped"])
def test_labels_arrive_on_every_grid_as_nilearn_puts_them(image, name, kit):
    from nilearn.image import resample_img

    found = load_parcellation("Atlas", kit / "atlases" / image, space=SPACE)
    assert len(found.indices) == IMAGES[image]
    grid = grid_of(kit, name)
    ours = resample_labels(found.labels, found.grid, grid)
    theirs = resample_img(
        nib.Nifti1Image(found.labels, found.grid.affine),
        target_affine=grid.affine,
        target_shape=grid.shape,
        interpolation="nearest",
        force_resample=True,
        copy_header=True,
    )
    np.testing.assert_array_equal(ours, np.asarray(theirs.dataobj).ravel(order="F"))
    # no parcel is lost on the way
    assert len(np.unique(ours)) == IMAGES[image] + 1


@pytest.mark.parametrize("space", [SPACE, "MNI152NLin6Asym"])
def test_the_registrys_habenulae_lie_on_the_centroids_of_cit168(space, kit):
    found = cit168(kit, space)
    registry = load_registry(Path(__file__).parents[2] / "atlases" / "circuits.yaml")
    for region, label in (("rHabenula", 113), ("lHabenula", 13)):
        voxels = np.argwhere(found.labels == label)
        centroid = nib.affines.apply_affine(found.grid.affine, voxels).mean(axis=0)
        (sphere,) = registry.regions[region].spheres_in(space)
        np.testing.assert_allclose(sphere.centre, centroid, atol=0.06)


def test_the_habenula_keeps_eight_voxels_at_2_mm_and_one_at_4_mm(kit):
    found = cit168(kit)
    for name, size in (("2 mm", 8), ("4 mm", 1)):
        placed = label_regions(found, grid_of(kit, name))
        sizes = dict(zip(found.indices, np.diff(placed.weights.indptr), strict=True))
        assert (sizes[13], sizes[113]) == (size, size)


def test_a_habenula_sphere_on_a_4_mm_grid_is_never_empty(kit):
    registry = load_registry(Path(__file__).parents[2] / "atlases" / "circuits.yaml")
    for name in ("2 mm", "4 mm"):
        placed = sphere_regions(registry.used_regions, SPACE, grid_of(kit, name))
        sizes = dict(zip(placed.names, np.diff(placed.weights.indptr), strict=True))
        assert min(sizes.values()) >= 1
        # a 3 mm sphere has 113 mm³: about 14 voxels of 2 mm, two of 4 mm
        assert sizes["rHabenula"] in {"2 mm": range(10, 19), "4 mm": range(1, 4)}[name]


def test_schaefers_look_up_table_gives_its_names_and_networks(kit):
    folder = kit / "atlases"
    found = load_parcellation(
        "Schaefer400",
        folder / "MNI152NLin2009cAsym_4mm/Schaefer2018_400Parcels_7Networks.nii.gz",
        labels=folder / "MNI152NLin6Asym_2mm/Schaefer2018_400Parcels_7Networks_order.txt",
        space=SPACE,
    )
    assert found.names[0] == "7Networks_LH_Vis_1"
    assert len(found.names) == 400
    assert set(found.networks) == {
        "Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default",
    }  # fmt: skip
    side = nib.affines.apply_affine(found.grid.affine, np.argwhere(found.labels == 1))[:, 0]
    assert (side < 0).all()
