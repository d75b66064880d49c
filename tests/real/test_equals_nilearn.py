"""Series of real images after denoising, against nilearn's maskers reading the same files."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from made_runs import AXES, denoising

from ketfc.imaging.atlas.parcellations import Parcellation, load_parcellation
from ketfc.imaging.denoise import confounds
from ketfc.imaging.denoise.censoring import censor
from ketfc.imaging.denoise.operator import operator
from ketfc.imaging.io.masks import read_mask
from ketfc.imaging.io.reader import read_header
from ketfc.imaging.io.sidecars import read_sidecar
from ketfc.imaging.regions.definitions import Region, Sphere
from ketfc.imaging.regions.placing import label_regions, sphere_regions
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.extraction import extract

SPACE = "MNI152NLin2009cAsym"
SCHAEFER = "atlases/MNI152NLin2009cAsym_4mm/Schaefer2018_400Parcels_7Networks.nii.gz"
CIT168 = "atlases/CIT168/MNI152NLin2009cAsym_CIT168_subcortex.nii.gz"

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("interpolating_nilearn"),
]


def z_scored(series: np.ndarray) -> np.ndarray:
    return (series - series.mean(axis=0)) / series.std(axis=0, ddof=1)


def cleaned_by_nilearn(kind, atlas, mask, high_pass, t_r, bold, regressors, keep, **more):
    masker = kind(
        atlas,
        mask_img=mask,
        standardize="zscore_sample",
        standardize_confounds=True,
        detrend=True,
        high_pass=high_pass,
        t_r=t_r,
        clean_args={"extrapolate": False},
        **more,
    )
    return masker.fit_transform(
        bold,
        confounds=regressors if regressors.shape[1] else None,
        sample_mask=None if keep.all() else np.flatnonzero(keep),
    )


@pytest.mark.parametrize(
    ("participant", "session", "name"),
    [("002", "1", "none"), ("006", "1", "36P"), ("006", "1", "acompcor_gsr")],
)
def test_parcels_nuclei_and_spheres_of_a_study_equal_nilearns(participant, session, name, kit):
    from nilearn.maskers import NiftiLabelsMasker, NiftiSpheresMasker

    folder = kit / f"studies/stages/sub-{participant}/ses-{session}/func"
    stem = f"sub-{participant}_ses-{session}_task-rest"
    bold = folder / f"{stem}_space-{SPACE}_desc-preproc_bold.nii.gz"
    mask = folder / f"{stem}_space-{SPACE}_desc-brain_mask.nii.gz"
    path = folder / f"{stem}_desc-confounds_timeseries.tsv"
    table = confounds.read_confounds(path)
    strategy = confounds.STRATEGIES[name]
    columns = confounds.strategy_columns(
        strategy, list(table), read_sidecar(path.with_suffix(".json"))
    )
    regressors = confounds.regressors(table, columns)
    keep = censor(table, denoising(fd_thresh=0.5), 2.0).keep
    assert keep.all() == (participant == "002")
    high_pass = None if strategy.compcor else 0.01
    matrix = operator(regressors, keep, repetition_time=2.0, high_pass=high_pass, low_pass=None)

    grid = read_header(bold).grid
    registry = load_registry(Path(__file__).parents[2] / "atlases" / "circuits.yaml")
    parcellations = {
        atlas: load_parcellation(atlas, kit / image, space=SPACE)
        for atlas, image in (("Schaefer", SCHAEFER), ("CIT", CIT168))
    }
    sets = [
        sphere_regions(registry.used_regions, SPACE, grid),
        *(label_regions(each, grid) for each in parcellations.values()),
    ]
    found = extract(bold, read_mask(mask, grid), sets).by_atlas(0.0)

    def ours(atlas: str) -> pd.DataFrame:
        series = found[atlas].series.dropna(axis=1)
        return z_scored(matrix @ (series - series.mean()))

    arguments = (mask, high_pass, 2.0, bold, regressors, keep)
    schaefer = cleaned_by_nilearn(NiftiLabelsMasker, kit / SCHAEFER, *arguments)
    assert ours("Schaefer").shape == (keep.sum(), 400)
    assert np.abs(ours("Schaefer") - schaefer).max(axis=None) < 1e-3
    nuclei = cleaned_by_nilearn(
        NiftiLabelsMasker, kit / CIT168, *arguments, resampling_target="data"
    )
    inside = found["CIT"].coverage["n_covered"].to_numpy() > 0
    if nuclei.shape[1] == len(inside):
        nuclei = nuclei[:, inside]
    assert np.abs(ours("CIT") - nuclei).max(axis=None) < 1e-3
    for radius in (3.0, 5.0, 6.0, 8.0):
        spheres = {
            region.id: sphere.centre
            for region in registry.used_regions
            for sphere in region.spheres_in(SPACE)
            if sphere.radius == radius
        }
        theirs = cleaned_by_nilearn(
            NiftiSpheresMasker,
            list(spheres.values()),
            *arguments,
            radius=radius,
            allow_overlap=True,
        )
        assert np.abs(ours("Circuits")[list(spheres)] - theirs).max(axis=None) < 1e-3


@pytest.mark.parametrize("run", ["01", "07"])
def test_real_voxels_of_25_mm_equal_nilearns(run, kit):
    from nilearn.maskers import NiftiLabelsMasker, NiftiSpheresMasker

    folder = kit / "bold/haxby25mm"
    bold, mask = folder / f"run-{run}_bold_25mm.nii.gz", folder / "mask_brain.nii.gz"
    header = read_header(bold)
    assert header.repetition_time == 2.5
    motion = np.loadtxt(folder / f"run-{run}_bold_moest.txt")
    regressors = pd.DataFrame(motion, columns=AXES)
    for axis in AXES:
        regressors[f"{axis}_derivative1"] = regressors[axis].diff().bfill()
    keep = np.ones(header.n_volumes, dtype=bool)
    keep[[0, 1, 40, 41, 42, 90]] = False
    matrix = operator(regressors, keep, repetition_time=2.5, high_pass=0.01, low_pass=0.1)

    brain = read_mask(mask, header.grid)
    labels = np.where(brain, np.arange(brain.size) // 15 + 1, 0)
    indices = np.unique(labels[labels > 0]).astype(np.int32)
    atlas = labels.astype(np.int32).reshape(header.grid.shape, order="F")
    parcels = Parcellation(
        "Rods",
        "native",
        atlas,
        header.grid,
        indices,
        tuple(map(str, indices)),
        ("",) * len(indices),
    )
    centres = [(12.0, -30.0, 10.0), (-25.0, 20.0, 30.0)]
    balls = [
        Region(f"s{i}", "", "left", (Sphere("native", centre, 30.0),), "", True)
        for i, centre in enumerate(centres)
    ]
    sets = [sphere_regions(balls, "native", header.grid), label_regions(parcels, header.grid)]
    found = extract(bold, brain, sets).by_atlas(0.0)
    # NiftiSpheresMasker (0.12.1 and 0.14.1) cuts the means of whole numbers down to whole numbers
    floats = nib.Nifti1Image(nib.load(bold).get_fdata(dtype=np.float32), header.grid.affine)
    image = nib.Nifti1Image(atlas, header.grid.affine)
    settings, more = (mask, 0.01, 2.5), (regressors, keep)
    for name, theirs in (
        (
            "Rods",
            cleaned_by_nilearn(NiftiLabelsMasker, image, *settings, bold, *more, low_pass=0.1),
        ),
        (
            "Circuits",
            cleaned_by_nilearn(
                NiftiSpheresMasker,
                centres,
                *settings,
                floats,
                *more,
                radius=30.0,
                allow_overlap=True,
                low_pass=0.1,
            ),
        ),
    ):
        series = found[name].series.dropna(axis=1)
        assert series.shape[1] == theirs.shape[1]
        assert np.abs(z_scored(matrix @ (series - series.mean())) - theirs).max(axis=None) < 1e-3
