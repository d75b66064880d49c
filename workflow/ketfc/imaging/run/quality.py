"""Timing, spikes and global signal of a run, and the limits beyond which it is excluded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.censoring import DVARS, FD
from ketfc.study.config.quality import Quality

GLOBAL_SIGNAL = "global_signal"

SPIKE_FD, SPIKE_DVARS = 0.5, 1.5
"""mm and units of ``std_dvars`` above which a volume is a spike.

The defaults of fMRIPrep's ``--fd-spike-threshold`` and ``--dvars-spike-threshold``, by which it
makes its ``motion_outlier`` columns; they do not follow the study's own censoring, so that spikes
mean the same in every study.
"""


def timing(found: float | None, sidecar: Mapping[str, Any]) -> dict[str, float | int | None]:
    """Return the repetition times of header and sidecar in seconds, None where there is none."""
    told = sidecar.get("RepetitionTime")
    is_number = isinstance(told, int | float) and not isinstance(told, bool)
    return {
        "header_repetition_time": found,
        "sidecar_repetition_time": _finite(told) if is_number else None,  # type: ignore[arg-type]
    }


def _finite(number: float) -> float | None:
    try:
        value = float(number)
    except OverflowError:
        return None
    return value if np.isfinite(value) else None


def signals(confounds: pd.DataFrame) -> dict[str, float | int | None]:
    """Return the spikes of a run, and the level and the swing of its global signal.

    Parameters
    ----------
    confounds : pandas.DataFrame
        The run's confounds table.

    Returns
    -------
    dict
        ``n_spikes`` (volumes above :data:`SPIKE_FD` or :data:`SPIKE_DVARS`), ``share_spikes``,
        ``mean_global_signal`` (units of the image) and ``sd_global_signal_percent`` (temporal SD
        in per cent of that mean), over all volumes and before denoising; None where the columns
        do not allow it.
    """
    spikes = np.zeros(len(confounds), dtype=bool)
    known = False
    for column, limit in ((FD, SPIKE_FD), (DVARS, SPIKE_DVARS)):
        if column in confounds:
            known = True
            spikes |= (confounds[column] > limit).to_numpy()
    level = swing = None
    if GLOBAL_SIGNAL in confounds:
        values = confounds[GLOBAL_SIGNAL].to_numpy(dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values) > 1:
            level = float(values.mean())
            # a signal around zero has had its mean taken out: there is nothing to compare with
            swing = 100 * float(values.std(ddof=1)) / level if level > 0 else None
    return {
        "n_spikes": int(spikes.sum()) if known else None,
        "share_spikes": float(spikes.mean()) if known and len(spikes) else None,
        "mean_global_signal": level,
        "sd_global_signal_percent": swing,
    }


def require_limits(quality: Mapping[str, float | int | None], limits: Quality) -> None:
    """Refuse a run that moved, or was censored, beyond the limits.

    Parameters
    ----------
    quality : mapping
        ``mean_fd``, ``max_fd`` (mm, over all volumes) and ``share_censored``.
    limits : Quality
        ``max-mean-fd`` (mm), ``max-fd`` (mm) and ``max-censored`` (a share from 0 to 1) of the
        configuration; None for no limit.

    Raises
    ------
    RunError
        ``max-mean-fd``, ``max-fd`` or ``max-censored``: the first of them that is broken, and
        all that are in the reason. ``confounds-column`` if a limit of displacement is set and
        the run has none.
    """
    broken: list[tuple[str, float, float, str]] = []
    for rule, name, limit, text in (
        ("max-mean-fd", "mean_fd", limits.max_mean_fd, "mean framewise displacement {:.3g} mm"),
        ("max-fd", "max_fd", limits.max_fd, "largest framewise displacement {:.3g} mm"),
        ("max-censored", "share_censored", limits.max_censored, "share of censored volumes {:.3g}"),
    ):
        if limit is None:
            continue
        value = quality.get(name)
        if value is None:
            raise RunError(
                "confounds-column", f"the confounds lack {FD}, for which {rule} sets a limit"
            )
        if value > limit:
            broken.append((rule, value, limit, f"{text.format(value)}, above {rule} {limit:g}"))
    if broken:
        rule, value, limit, _ = broken[0]
        reason = "; ".join(text for *_, text in broken)
        raise RunError(rule, reason, value=value, threshold=limit)
