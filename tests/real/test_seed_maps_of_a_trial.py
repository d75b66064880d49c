"""Seed maps of a real trial's run with dead parcels, scaled whole numbers and real motion."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from made_runs import run_settings
from scipy.stats import zscore

from ketfc.base.files import read_json
from ketfc.imaging.denoise.confounds import read_confounds, regressors
from ketfc.imaging.maps.run_maps import run_seeds, write_maps
from ketfc.imaging.regions.placing import sphere_regions
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.operators import RunFiles, VoxelRun, run_operators
from ketfc.imaging.run.reading import extract_run_and_voxels

SPACE = "MNI152NLin2009cAsym"


def files_of(kit: Path, session: str) -> RunFiles:
    base = kit / f"studies/stages/sub-001/ses-{session}/func/sub-001_ses-{session}_task-rest"
    return RunFiles(
        bold=Path(f"{base}_space-{SPACE}_desc-preproc_bold.nii.gz"),
        mask=Path(f"{base}_space-{SPACE}_desc-brain_mask.nii.gz"),
        confounds=Path(f"{base}_desc-confounds_timeseries.tsv"),
    )


@pytest.mark.filterwarnings("ignore")
def test_maps_are_those_of_nilearn_in_the_voxels_that_both_sessions_have(kit, tmp_path):
    from nilearn.maskers import NiftiMasker, NiftiSpheresMasker
    from nilearn.signal import clean

    files, other = files_of(kit, "1"), files_of(kit, "2")
    registry = load_registry(Path(__file__).parents[2] / "atlases" / "circuits.yaml")
    given = run_settings(strategies=("acompcor",), fd_thresh=0.5, min_time=150.0)
    extraction, brain = extract_run_and_voxels(
        files.bold,
        files.mask,
        lambda grid: [sphere_regions(registry.used_regions, SPACE, grid)],
        {},
        others=[(other.bold, other.mask)],
    )
    found = run_operators(extraction, files, given)
    seeds = [registry.regions[name] for name in registry.primary_seeds]
    write_maps(
        tmp_path,
        "a",
        VoxelRun(files, brain, found),
        seeds=run_seeds(extraction, seeds, 0.5),
        denoising=given.denoising,
        strategies=["acompcor"],
        space=SPACE,
        fwhm=0,
    )
    mask = nib.load(files.mask).get_fdata() > 0
    alive = mask & (nib.load(other.mask).get_fdata() > 0)
    for each in (files, other):
        alive &= np.asarray(nib.load(each.bold).dataobj).any(axis=-1)
    assert 0.7 < alive.sum() / mask.sum() < 0.98
    masked = nib.Nifti1Image(alive.astype(np.uint8), nib.load(files.mask).affine)
    voxels = NiftiMasker(masked, standardize=None).fit_transform(files.bold)
    measured = [region for region in seeds if region.id != "rLPFC"]
    series = [
        NiftiSpheresMasker(
            [sphere.centre], radius=sphere.radius, mask_img=masked, standardize=None
        ).fit_transform(files.bold)
        for region in measured
        for sphere in region.spheres_in(SPACE)[:1]
    ]
    cleaned = clean(
        np.c_[*series, voxels].astype(float),
        detrend=True,
        standardize=None,
        sample_mask=np.flatnonzero(found.keep["acompcor"]),
        confounds=regressors(
            read_confounds(files.confounds), list(found.strategies["acompcor"].operator.columns)
        ),
        standardize_confounds=True,
        t_r=2.0,
        extrapolate=False,
    )

    deviates = zscore(cleaned)
    of_seeds, of_voxels = np.split(deviates, [len(measured)], axis=1)
    expected = of_seeds.T @ of_voxels / len(deviates)

    def map_of(region):
        path = tmp_path / f"a_seed-{region.id}_desc-acompcor_stat-fisherz_boldmap.nii.gz"
        sidecar = read_json(path.with_name(path.name.replace(".nii.gz", ".json")))
        return np.asarray(nib.load(path).dataobj), sidecar["Excluded"]

    for i, region in enumerate(measured):
        z, excluded = map_of(region)
        assert (np.isfinite(z) == alive).all()
        np.testing.assert_allclose(np.tanh(z[alive]), expected[i], rtol=0, atol=1e-4)
        assert excluded is None
    z, excluded = map_of(registry.regions["rLPFC"])
    # its parcels are dead in this participant
    assert np.isnan(z).all()
    assert "29% of the seed has signal" in excluded
