"""A real image whose header says 1 s where the truth is 2.4 s, and of which six regions exist."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from made_runs import confounds_table, process_run, run_settings

from ketfc.imaging.atlas.parcellations import load_parcellation
from ketfc.imaging.regions.placing import label_regions
from ketfc.imaging.run.operators import RunFiles

SETTINGS = {
    "strategies": ("none", "24P"),
    "fd_thresh": None,
    "dvars_thresh": None,
    "min_time": 240.0,
    "lower_bpf": 0.01,
    "upper_bpf": None,
    "min_coverage": 0.5,
}


@pytest.fixture
def run(kit, tmp_path):
    """The run with a sidecar that tells the truth, and its six regions."""
    folder = kit / "bold/pyhrf_mni_6rois"
    stem = tmp_path / "sub-01_task-loc"
    files = RunFiles(
        bold=Path(f"{stem}_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"),
        mask=Path(f"{stem}_space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz"),
        confounds=Path(f"{stem}_desc-confounds_timeseries.tsv"),
    )
    files.bold.symlink_to(folder / "real_data_vol_4_regions_BOLD.nii.gz")
    labels = folder / "real_data_vol_4_regions_mask.nii.gz"
    image = nib.load(labels)
    inside = (np.asanyarray(image.dataobj) > 0).astype(np.uint8)
    nib.save(nib.Nifti1Image(inside, image.affine), files.mask)
    files.sidecar.write_text(json.dumps({"RepetitionTime": 2.4}))
    confounds_table(128).to_csv(files.confounds, sep="\t", na_rep="n/a", index=False)
    regions = load_parcellation("Six", labels, space="MNI152NLin2009cAsym")
    return files, lambda grid: [label_regions(regions, grid)]


def test_a_header_that_lies_about_the_repetition_time_excludes_the_run(run):
    result = process_run(*run, run_settings(**SETTINGS))
    assert result.error.rule == "repetition-time"
    assert "is 1 s in the header and 2.4 s in the sidecar" in result.error.reason
    assert (result.error.value, result.error.threshold) == ("1", "2.4")
    assert result.series == {}


def test_with_the_studys_own_repetition_time_the_run_is_used(run):
    files, place = run
    result = process_run(files, place, run_settings(**SETTINGS, repetition_time=2.4))
    assert result.error is None
    assert result.quality["seconds_kept"] == pytest.approx(128 * 2.4)
    part = result.series["Six"]
    assert part.coverage["coverage"].min() > 0.9
    assert part.coverage["tsnr"].between(10, 500).all()
    r = result.strategies["24P"].matrices["Six"].to_numpy()
    assert np.isfinite(r[~np.eye(len(r), dtype=bool)]).all()


def test_without_a_sidecar_only_the_header_speaks(run):
    files, place = run
    files.sidecar.unlink()
    result = process_run(files, place, run_settings(**SETTINGS))
    # believed, 128 volumes of 1 s are too short
    assert result.error.rule == "min-time"
    assert result.quality["repetition_time"] == 1.0
