"""Confounds of the demo study, with the columns and metadata that fMRIPrep 24 writes.

Everything that fMRIPrep computes from the image is computed from the simulated image, after the
definitions in `nipype.algorithms.confounds` (DVARS, CompCor, cosine basis).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ketfc.demo.signals import (
    Array,
    cosine_drift,
    framewise_displacement,
    relative_rms,
)

if TYPE_CHECKING:
    import pandas as pd

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
FD_OUTLIER_MM, DVARS_OUTLIER = 0.5, 1.5
"""Thresholds above which fMRIPrep marks a volume as a motion outlier."""

_VARIANCE = 0.5
_N_EDGE = 24
_DECIMALS = 6


def confounds_table(
    bold: NDArray[np.float32],
    masks: Mapping[str, NDArray[np.bool_]],
    motion: Array,
    *,
    t_r: float,
) -> tuple[pd.DataFrame, dict[str, dict[str, Any]]]:
    """Return a run's confounds and the metadata beside them.

    Parameters
    ----------
    bold : numpy.ndarray, shape (n_volumes, n_voxels)
        Intensities as stored in the image.
    masks : mapping of str to numpy.ndarray of bool, shape (n_voxels,)
        ``brain``, ``csf``, ``white_matter`` (the latter two without any grey matter) and
        ``edge``, the rim around the brain.
    motion : numpy.ndarray, shape (n_volumes, 6)
        Rigid-body parameters, mm and radians.
    t_r : float
        Repetition time in s.

    Returns
    -------
    table : pandas.DataFrame
        One row per volume; columns in fMRIPrep's order.
    metadata : dict
        Content of the JSON sidecar.
    """
    import pandas as pd

    drift = cosine_drift(len(bold), t_r)
    brain = bold[:, masks["brain"]]
    variable = _most_variable(brain)
    either = masks["csf"] | masks["white_matter"]
    components = {
        "t": (brain[:, variable], None, "tCompCor"),
        "c": (bold[:, masks["csf"]], "CSF", "aCompCor"),
        "w": (bold[:, masks["white_matter"]], "WM", "aCompCor"),
        "a": (bold[:, either], "combined", "aCompCor"),
    }
    means = {
        "global_signal": _mean(brain),
        "csf": _mean(bold[:, masks["csf"]]),
        "white_matter": _mean(bold[:, masks["white_matter"]]),
    }
    columns: dict[str, Array] = {}
    for name, series in means.items():
        columns |= _expanded(name, series)
    columns["csf_wm"] = _mean(bold[:, either])
    columns["tcompcor"] = _mean(brain[:, variable])
    metadata: dict[str, dict[str, Any]] = {
        name: {"Method": "Mean"} for name in (*means, "csf_wm", "tcompcor")
    }
    columns["std_dvars"], columns["dvars"] = dvars(brain)
    columns["framewise_displacement"] = framewise_displacement(motion)
    columns["rmsd"] = relative_rms(motion)
    for prefix, (voxels, mask, method) in components.items():
        series_by_name, details = _compcor(voxels, drift, f"{prefix}_comp_cor_", mask, method)
        columns |= series_by_name
        metadata |= details
    series_by_name, details = _compcor(
        bold[:, masks["edge"]], drift, "edge_comp_", "Edge", "EdgeRegressor"
    )
    columns |= series_by_name
    metadata |= details
    columns |= {f"cosine{k:02d}": column for k, column in enumerate(drift.T)}
    for name, series in zip(MOTION, motion.T, strict=True):
        columns |= _expanded(name, series)
    columns |= _outliers(columns["framewise_displacement"], columns["std_dvars"])
    metadata |= _MOTION_METADATA
    return pd.DataFrame(columns), {name: metadata[name] for name in sorted(metadata)}


def dvars(brain: NDArray[np.float32]) -> tuple[Array, Array]:
    """Return standardised and plain DVARS, as nipype's ``compute_dvars`` defines them.

    Parameters
    ----------
    brain : numpy.ndarray, shape (n_volumes, n_voxels)
        Intensities within the brain.

    Returns
    -------
    standardised, plain : numpy.ndarray, shape (n_volumes,)
        The first volume is not a number. Plain DVARS is in units of a thousandth of the median
        intensity; standardised DVARS is about 1 in a run without artefacts.
    """
    scaled = brain * np.float32(1000 / np.median(brain))
    ordered = np.sort(scaled, axis=0)
    # the quartiles without interpolation, as FSL takes them
    low, high = ordered[[int(0.25 * (len(ordered) - 1)), int(0.75 * (len(ordered) - 1))]]
    spread = (high - low) / 1.349
    moving = spread != 0
    scaled, spread = scaled[:, moving], spread[moving].astype(np.float64)
    centred = scaled - scaled.mean(axis=0)
    lagged = np.einsum("tv,tv->v", centred[1:], centred[:-1])
    autocorrelation = lagged / np.einsum("tv,tv->v", centred, centred)
    expected = (np.sqrt(2 * (1 - autocorrelation)) * spread).mean()
    change = np.diff(scaled, axis=0)
    plain = np.sqrt(np.einsum("tv,tv->t", change, change, dtype=np.float64) / change.shape[1])
    plain = np.concatenate([[np.nan], plain])
    return plain / expected, plain


def _mean(voxels: NDArray[np.float32]) -> Array:
    return np.asarray(voxels.mean(axis=1, dtype=np.float64))


def _expanded(name: str, series: Array) -> dict[str, Array]:
    """Return a series with its derivative and their squares, in fMRIPrep's order."""
    derivative = np.concatenate([[np.nan], np.diff(series)])
    return {
        name: series,
        f"{name}_derivative1": derivative,
        f"{name}_derivative1_power2": derivative**2,
        f"{name}_power2": series**2,
    }


def _most_variable(brain: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the 2 % of voxels that vary most once a quadratic trend is gone, for tCompCor."""
    time = np.linspace(-1, 1, len(brain))
    basis = np.linalg.qr(np.vander(time, 3))[0]
    total = np.einsum("tv,tv->v", brain, brain, dtype=np.float64)
    remaining = total - ((basis.T @ brain) ** 2).sum(axis=0)
    return np.asarray(remaining >= np.percentile(remaining, 98))


def _compcor(
    voxels: NDArray[np.float32], drift: Array, prefix: str, mask: str | None, method: str
) -> tuple[dict[str, Array], dict[str, dict[str, Any]]]:
    """Return principal components of a mask and their metadata.

    fMRIPrep keeps as many as explain half of the variance, and 24 of the brain's edge.
    """
    residual = voxels - voxels.mean(axis=0, dtype=np.float64)
    residual -= drift @ (drift.T @ residual)
    residual /= residual.std(axis=0)
    # eigenvectors of time × time are the left singular vectors, at a fraction of the cost
    values, vectors = np.linalg.eigh(residual @ residual.T)
    values, vectors = np.clip(values[::-1], 0, None), vectors[:, ::-1]
    explained = values / values.sum()
    cumulative = np.cumsum(explained)
    count = _N_EDGE if mask == "Edge" else int(np.searchsorted(cumulative, _VARIANCE)) + 1
    series: dict[str, Array] = {}
    metadata: dict[str, dict[str, Any]] = {}
    for k in range(count):
        name = f"{prefix}{k:02d}"
        component = vectors[:, k]
        # an eigenvector's sign is arbitrary; fix it, so that the file is the same everywhere
        component = component * np.sign(component[np.abs(component).argmax()])
        series[name] = np.round(component, _DECIMALS)
        metadata[name] = {
            "CumulativeVarianceExplained": round(float(cumulative[k]), _DECIMALS),
            **({} if mask is None else {"Mask": mask}),
            "Method": method,
            "Retained": True,
            "SingularValue": round(float(np.sqrt(values[k])), _DECIMALS),
            "VarianceExplained": round(float(explained[k]), _DECIMALS),
        }
    return series, metadata


def _outliers(displacement: Array, standardised: Array) -> dict[str, Array]:
    """Return one column per volume over fMRIPrep's thresholds, 1 there and 0 elsewhere."""
    with np.errstate(invalid="ignore"):
        marked = (displacement > FD_OUTLIER_MM) | (standardised > DVARS_OUTLIER)
    eye = np.eye(len(marked))
    return {f"motion_outlier{k:02d}": eye[v] for k, v in enumerate(np.flatnonzero(marked))}


_MOTION_METADATA: dict[str, dict[str, Any]] = {
    "trans_x": {"Description": "Translation along left-right axis.", "Units": "mm"},
    "trans_y": {"Description": "Translation along anterior-posterior axis.", "Units": "mm"},
    "trans_z": {"Description": "Translation along superior-inferior axis.", "Units": "mm"},
    "rot_x": {"Description": "Rotation about left-right axis.", "Units": "rad"},
    "rot_y": {"Description": "Rotation about anterior-posterior axis.", "Units": "rad"},
    "rot_z": {"Description": "Rotation about superior-inferior axis.", "Units": "rad"},
    "framewise_displacement": {"Units": "mm"},
}
