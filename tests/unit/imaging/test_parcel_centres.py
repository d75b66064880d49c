"""Centres of parcels."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import ndimage

from ketfc.imaging.atlas.parcel_centres import parcel_centres


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
