"""A real trial painted into MNI space: dead parcels are found, connectivity is the trial's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_runs import process_run, run_settings

from ketfc.imaging.atlas.parcellations import load_parcellation
from ketfc.imaging.denoise.confounds import STRATEGIES
from ketfc.imaging.group.excluded_runs import excluded_runs
from ketfc.imaging.regions.placing import label_regions, sphere_regions
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.run.denoising import RunResult
from ketfc.imaging.run.operators import RunFiles

SPACE = "MNI152NLin2009cAsym"
UPPER = np.triu_indices(400, 1)


@pytest.fixture(scope="module")
def results(kit) -> dict[str, RunResult]:
    """Every run of the study, cleaned by every strategy."""
    parcellation = load_parcellation(
        "Schaefer400",
        kit / "atlases/MNI152NLin2009cAsym_4mm/Schaefer2018_400Parcels_7Networks.nii.gz",
        labels=kit / "atlases/MNI152NLin6Asym_2mm/Schaefer2018_400Parcels_7Networks_order.txt",
        space=SPACE,
    )
    registry = load_registry(Path(__file__).parents[2] / "atlases" / "circuits.yaml")
    settings = run_settings(
        strategies=(*(name for name in STRATEGIES if "aroma" not in name), "acompcor_noscrub"),
        fd_thresh=0.5,
        dvars_thresh=None,
        min_time=150.0,
        lower_bpf=0.01,
        upper_bpf=None,
        min_coverage=0.5,
    )

    def place(grid):
        spheres = sphere_regions(registry.used_regions, SPACE, grid)
        return [spheres, label_regions(parcellation, grid)]

    found = {}
    for folder in sorted((kit / "studies/stages").glob("sub-*/ses-*/func")):
        stem = f"{folder.parts[-3]}_{folder.parts[-2]}"
        base = folder / f"{stem}_task-rest"
        files = RunFiles(
            bold=Path(f"{base}_space-{SPACE}_desc-preproc_bold.nii.gz"),
            mask=Path(f"{base}_space-{SPACE}_desc-brain_mask.nii.gz"),
            confounds=Path(f"{base}_desc-confounds_timeseries.tsv"),
        )
        found[stem] = process_run(files, place, settings)
    return found


@pytest.fixture(scope="module")
def published(kit) -> dict[str, np.ndarray]:
    """Fisher z over edges of the trial's own series, in the 120 volumes that were painted."""
    series = np.load(kit / "series/stages/ts_dt_AROMA_8Phys_bpf_419_parc.npz")
    z = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for stem in series.files:
            z[stem] = np.arctanh(np.corrcoef(series[stem][:400, :120])[UPPER].clip(-0.9999, 0.9999))
    return z


def fisher(result: RunResult, name: str) -> np.ndarray:
    return np.arctanh(result.strategies[name].matrices["Schaefer400"].to_numpy()[UPPER])


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    assert both.sum() > 60_000
    return float(np.corrcoef(a[both], b[both])[0, 1])


def test_every_run_can_be_used_with_every_strategy(results):
    assert len(results) == 24
    for result in results.values():
        assert result.error is None
        assert all(cleaned.error is None for cleaned in result.strategies.values())
        assert str(result.strategies["acompcor"].compcor) == "8 combined"
        assert result.strategies["acompcor"].high_pass == "3 cosine regressors of fMRIPrep"


def test_dead_parcels_are_found_where_they_are_and_nowhere_else(results):
    uncovered = {}
    for stem, result in results.items():
        part = result.series["Schaefer400"]
        low = part.coverage["coverage"] < 0.5
        uncovered[stem] = int(low.sum())
        missing = part.series.isna().all()
        np.testing.assert_array_equal(missing.to_numpy(), low.to_numpy())
        assert part.series.loc[:, ~missing].notna().all(axis=None)
        for cleaned in result.strategies.values():
            matrix = cleaned.matrices["Schaefer400"]
            assert matrix.loc[missing].isna().all(axis=None)
            covered = matrix.loc[~missing, ~missing].to_numpy()
            assert np.isfinite(covered[~np.eye(len(covered), dtype=bool)]).all()
    assert uncovered["sub-001_ses-1"] == 31
    assert uncovered["sub-001_ses-2"] == 32
    assert {n for stem, n in uncovered.items() if not stem.startswith("sub-001")} == {0}


def test_dead_parcels_are_listed_with_the_number_that_decided(results):
    import pandas as pd

    stem = "sub-001_ses-1"
    run = pd.DataFrame(
        {"run": [stem], "participant_id": ["sub-001"], "session": ["1"], "reason": [None]}
    )
    quality = {stem: {"status": "ok", "strategies": {}}}
    parcels = {"Schaefer400": results[stem].series["Schaefer400"].coverage}
    table = excluded_runs(run, quality, {stem: parcels}, 0.5)
    assert len(table) == 31
    assert (table["rule"] == "min-coverage").all()
    assert (table["value"] < 0.5).all()
    assert table["reason"].str.contains("voxels lie in the brain mask and have signal").all()


@pytest.mark.parametrize(
    ("name", "lowest", "medians"),
    [("none", 0.7, (0.85, 0.95)), ("acompcor", 0.75, (0.82, 0.95)), ("36P", 0.4, (0.65, 0.85))],
)
def test_connectivity_follows_that_of_the_trials_own_series(
    name, lowest, medians, results, published
):
    r = [likeness(fisher(result, name), published[stem]) for stem, result in results.items()]
    assert min(r) > lowest
    # what is regressed differs from the trial's own denoising: no strategy comes out the same
    assert medians[0] < np.median(r) < medians[1]


def test_each_scan_is_most_like_its_own_series(results, published):
    stems = list(results)
    for stem in stems:
        found = fisher(results[stem], "acompcor")
        likest = max(stems, key=lambda other: likeness(found, published[other]))
        assert likest == stem


def test_series_in_the_image_are_those_of_the_trial(results, kit):
    series = np.load(kit / "series/stages/ts_dt_AROMA_8Phys_bpf_419_parc.npz")
    for stem in ("sub-002_ses-1", "sub-009_ses-2"):
        found = results[stem].series["Schaefer400"].series.to_numpy()
        truth = series[stem][:400, :120]
        r = [np.corrcoef(found[:, i], truth[i])[0, 1] for i in range(400)]
        # a column out of place would correlate with its neighbour's series at best
        assert np.median(r) > 0.8
