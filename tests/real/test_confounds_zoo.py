"""Real confounds of fMRIPrep 1.0 to 21: what is read, refused, chosen, censored and cleaned."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_runs import denoising

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.censoring import censor, dummy_volumes
from ketfc.imaging.denoise.confounds import STRATEGIES, read_confounds, regressors, strategy_columns
from ketfc.imaging.denoise.head_motion import framewise_displacement
from ketfc.imaging.denoise.operator import operator

pytestmark = pytest.mark.usefixtures("interpolating_nilearn")

FILES = {
    "aomic": "fmriprep1_4_snakecase/"
    "aomic-piop1_sub-0001_task-anticipation_desc-confounds_regressors.tsv",
    "learningbrain": "fmriprep1_4_snakecase/"
    "learningbrain_sub-01_ses-1_task-audionback_desc-confounds_regressors.tsv",
    "loadconfounds": "fmriprep1_4_snakecase/"
    "loadconfounds_405vol_480col_desc-confounds_regressors.tsv.gz",
    "nilearn": "nilearn_14x/test_desc-confounds_regressors.tsv",
    "v21": "fmriprep21/test-v21_full90_desc-confounds_timeseries.tsv",
}

SIX = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]
SIGNALS = ["csf", "global_signal", "white_matter"]


def expanded(columns: list[str], *suffixes: str) -> set[str]:
    return {column + suffix for column in columns for suffix in ("", *suffixes)}


def numbered(stem: str, digits: int, *numbers: int) -> set[str]:
    return {f"{stem}{number:0{digits}d}" for number in numbers}


FULL = ("_derivative1", "_power2", "_derivative1_power2")
SAME = {
    "none": set(),
    "24P": expanded(SIX, *FULL),
    "27P": expanded(SIX, *FULL) | set(SIGNALS),
    "36P": expanded(SIX + SIGNALS, *FULL),
    "gsr_only": {"global_signal"},
}
"""Strategies that do not depend on the version."""

COMPCOR = {
    # no sidecar tells white matter from CSF: ten of the combined mask
    "aomic": numbered("a_comp_cor_", 2, *range(10)) | numbered("cosine", 2, *range(5)),
    "loadconfounds": numbered("a_comp_cor_", 2, *range(10)) | numbered("cosine", 2, *range(8)),
    # the sidecars tell that, after the combined mask's, CSF and then white matter have theirs
    "learningbrain": numbered("a_comp_cor_", 2, *range(82, 87), *range(68, 73))
    | numbered("cosine", 2, *range(9)),
    "nilearn": numbered("a_comp_cor_", 2, *range(70, 75), *range(57, 62))
    | numbered("cosine", 2, *range(4)),
    # the file has been cut down to four and three components
    "v21": numbered("w_comp_cor_", 2, *range(4))
    | numbered("c_comp_cor_", 2, *range(3))
    | {"cosine00"},
}

AROMA = {"learningbrain": 38, "nilearn": 13}
"""Components taken for motion, in the files that have any."""


def opened(kit: Path, name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    path = kit / "confounds" / FILES[name]
    sidecar = path.with_name(path.name.removesuffix(".gz")).with_suffix(".json")
    about = json.loads(sidecar.read_text(encoding="utf-8")) if sidecar.exists() else {}
    return read_confounds(path), about


def chosen(kit: Path, name: str, strategy: str) -> set[str]:
    table, about = opened(kit, name)
    columns = strategy_columns(STRATEGIES[strategy], list(table.columns), about)
    assert len(set(columns)) == len(columns)
    return set(columns)


@pytest.mark.parametrize("name", ["aomic", "learningbrain", "loadconfounds", "v21"])
def test_displacement_from_the_motion_parameters_is_fmripreps(name, kit):
    table, _ = opened(kit, name)
    fd = framewise_displacement(table, 2.0)
    assert np.isnan(fd[0])
    np.testing.assert_allclose(fd[1:], table["framewise_displacement"][1:], rtol=0, atol=1e-6)


def test_displacement_that_others_made_up_is_seen_to_differ(kit):
    # nilearn's own test file has motion parameters that its framewise displacement is not of
    table, _ = opened(kit, "nilearn")
    fd = framewise_displacement(table, 2.0)
    assert np.abs(fd[1:] - table["framewise_displacement"][1:]).max() > 0.04


@pytest.mark.parametrize("strategy", SAME)
@pytest.mark.parametrize("name", FILES)
def test_strategies_without_components_take_the_same_columns_of_every_version(name, strategy, kit):
    assert chosen(kit, name, strategy) == SAME[strategy]
    sizes = {"none": 0, "24P": 24, "27P": 27, "36P": 36, "gsr_only": 1}
    assert len(SAME[strategy]) == sizes[strategy]


@pytest.mark.parametrize("name", FILES)
def test_acompcor_takes_its_components_and_their_cosines(name, kit):
    twelve = expanded(SIX, "_derivative1")
    expected = twelve | COMPCOR[name]
    assert chosen(kit, name, "acompcor") == expected
    assert chosen(kit, name, "acompcor_gsr") == expected | {"global_signal"}


@pytest.mark.parametrize("name", FILES)
def test_aroma_takes_all_motion_components_or_says_how_to_get_them(name, kit):
    table, _ = opened(kit, name)
    motion = {column for column in table if column.startswith("aroma_motion_")}
    assert len(motion) == AROMA.get(name, 0)
    if motion:
        assert chosen(kit, name, "aroma") == motion | {"csf", "white_matter"}
        assert chosen(kit, name, "aroma_gsr") == motion | set(SIGNALS)
        return
    for strategy in ("aroma", "aroma_gsr"):
        with pytest.raises(RunError) as caught:
            chosen(kit, name, strategy)
        assert caught.value.reason == (
            f"the confounds lack aroma_motion_*, which strategy {strategy} needs; fMRIPrep before "
            "24 writes them with --use-aroma: run it so, or take the strategy out of "
            "denoising.strategies"
        )


@pytest.mark.parametrize(
    ("name", "above", "largest"),
    [
        ("v21", 50, 7.250588),
        ("aomic", 44, 2.297232),
        ("learningbrain", 6, 1.147357),
        ("loadconfounds", 0, 0.25764),
        ("nilearn", 0, 0.204795),
    ],
)
def test_runs_are_censored_as_their_displacement_says(name, above, largest, kit):
    table, _ = opened(kit, name)
    fd = table["framewise_displacement"].to_numpy()
    found = censor(table, denoising(fd_thresh=0.5, dummy_scans=0), 2.0)
    assert np.nanmax(fd) == pytest.approx(largest, abs=1e-6)
    assert np.flatnonzero(~found.keep).tolist() == [i for i, v in enumerate(fd) if v > 0.5]
    assert (found.counts["fd"], int((~found.keep).sum())) == (above, above)


def test_files_of_fmriprep_1_0_are_refused_in_words(kit):
    paths = sorted((kit / "confounds/fmriprep1_camelcase").glob("*.tsv"))
    assert len(paths) == 11
    for path in paths:
        with pytest.raises(RunError) as caught:
            read_confounds(path)
        assert caught.value.rule == "confounds-version"
        assert caught.value.reason.startswith(
            f"{path.name} has the column names of fMRIPrep before 1.2 ("
        )
        assert caught.value.reason.endswith("); run fMRIPrep 20.2 or later")


KNOWN_TO_NILEARN: dict[str, dict[str, Any]] = {
    "none": {"strategy": []},
    "gsr_only": {"strategy": ["global_signal"], "global_signal": "basic"},
    "24P": {"strategy": ["motion"], "motion": "full"},
    "27P": {
        "strategy": ["motion", "wm_csf", "global_signal"],
        "motion": "full",
        "wm_csf": "basic",
        "global_signal": "basic",
    },
    "36P": {
        "strategy": ["motion", "wm_csf", "global_signal"],
        "motion": "full",
        "wm_csf": "full",
        "global_signal": "full",
    },
    "acompcor": {
        "strategy": ["motion", "high_pass", "compcor"],
        "motion": "derivatives",
        "compcor": "anat_separated",
        "n_compcor": 5,
    },
    "acompcor_gsr": {
        "strategy": ["motion", "high_pass", "compcor", "global_signal"],
        "motion": "derivatives",
        "compcor": "anat_separated",
        "n_compcor": 5,
        "global_signal": "basic",
    },
    "aroma": {"strategy": ["wm_csf", "ica_aroma"], "wm_csf": "basic", "ica_aroma": "basic"},
    "aroma_gsr": {
        "strategy": ["wm_csf", "global_signal", "ica_aroma"],
        "wm_csf": "basic",
        "global_signal": "basic",
        "ica_aroma": "basic",
    },
}


FD = {"learningbrain": 0.5, "nilearn": 0.21, "v21": 3.0}
"""mm, such that enough stay; of the file with 30 volumes, one goes that is not yet steady."""

TOO_SHORT = {("nilearn", name) for name in ("24P", "27P", "36P", "acompcor", "acompcor_gsr")}
"""Strategies that 30 volumes are too few for, scrubbed or not."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scrub", [True, False], ids=["scrub", "noscrub"])
@pytest.mark.parametrize("strategy", KNOWN_TO_NILEARN)
@pytest.mark.parametrize("name", ["learningbrain", "nilearn", "v21"])
def test_series_are_those_of_load_confounds_and_clean(name, strategy, scrub, kit, tmp_path):
    from nilearn.interfaces.fmriprep import load_confounds
    from nilearn.signal import clean

    table, about = opened(kit, name)
    n = len(table)
    if strategy.startswith("aroma") and name not in AROMA:
        pytest.skip("the file has no components of ICA-AROMA")
    suffix = "timeseries" if name == "v21" else "regressors"
    base = tmp_path / "sub-01_task-rest"
    source = kit / "confounds" / FILES[name]
    for ending in (".tsv", ".json"):
        shutil.copy(source.with_suffix(ending), f"{base}_desc-confounds_{suffix}{ending}")
    image = Path(f"{base}_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz")
    image.touch()
    wanted = dict(KNOWN_TO_NILEARN[strategy])
    if scrub:
        # an empty list is no strategy to nilearn, so that scrubbing alone is one
        wanted["strategy"] = [*wanted["strategy"], "scrub"]
        wanted |= {"scrub": 0, "fd_threshold": FD[name], "std_dvars_threshold": 1e9}
    theirs, mask = load_confounds(str(image), **wanted) if wanted["strategy"] else (None, None)
    mask = np.arange(n) if mask is None else mask

    # an image without confounds keeps its dummy scans in nilearn, which then looks at no table
    dummies = "auto" if theirs is not None else 0
    keep = ~dummy_volumes(table, dummies)
    if scrub:
        keep = censor(table, denoising(fd_thresh=FD[name], dummy_scans=dummies), 2.0).keep
    assert np.flatnonzero(keep).tolist() == mask.tolist()

    columns = strategy_columns(STRATEGIES[strategy], list(table.columns), about)
    ours = regressors(table, columns)
    high_pass = None if STRATEGIES[strategy].compcor else 0.01
    arguments = {"repetition_time": 2.0, "high_pass": high_pass, "low_pass": None}
    if (name, strategy) in TOO_SHORT:
        with pytest.raises(RunError, match="temporal degrees of freedom are left of"):
            operator(ours, keep, **arguments)
        return
    matrix = operator(ours, keep, **arguments)
    data = 1000 + np.random.default_rng(1).standard_normal((n, 12)).cumsum(axis=0)
    expected = clean(
        data,
        detrend=True,
        standardize=False,
        confounds=None if theirs is None or theirs.shape[1] == 0 else theirs,
        standardize_confounds=True,
        sample_mask=None if keep.all() else mask.copy(),
        high_pass=high_pass,
        t_r=2.0,
        extrapolate=False,
    )
    assert np.abs(matrix @ data - expected).max() / np.abs(expected).max() < 1e-8
