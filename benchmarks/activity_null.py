"""Rejection rates of activity where censoring changes and the brain does not.

Two sessions of 20 participants, 240 volumes of 2 s. Of the first session 5 % of volumes are
censored, of the second 10, 20 or 30 %, in bursts of one to four; what is censored holds spikes. A
region of 27 voxels and four others, which make up the brain with it, are autoregressive processes
of different colours, so that a change of the spectrum by interpolation does not cancel when a
measure is divided by its mean over the brain.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketfc.base.files import write_tsv
from ketfc.imaging.activity.alff import Spectra, amplitudes, spectra
from ketfc.imaging.activity.reho import reho
from ketfc.imaging.denoise.operator import filled_operator, within
from ketfc.imaging.io.grid import Grid
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.model import mean_change

N_VOLUMES, T_R, BAND = 240, 2.0, (0.01, 0.08)
N_PEOPLE, N_REGRESSORS = 20, 12
COLOURS = (0.4, 0.0, 0.2, 0.6, 0.8)
"""Of the region tested, and of the rest of the brain."""

MEASURES = ("alff", "falff", "reho", "malff", "mfalff", "mreho")
POOL = 24
"""Runs whose censoring and confounds are drawn; sessions take one of them each."""


@dataclass(frozen=True, eq=False)
class _Run:
    """One run's censoring, with what cleans it."""

    keep: NDArray[np.bool_]
    of_run: Spectra
    kept: NDArray[np.float64]


def rates(
    share: float,
    studies: int,
    *,
    before: float = 0.05,
    seed: int = 20251122,
    permutations: int = 199,
) -> pd.DataFrame:
    """Return how often each measure of the region is said to have changed at .05.

    Parameters
    ----------
    share, before : float
        Share of censored volumes of the second session and of the first.
    studies : int
        How many.
    seed : int
        Of the stream.
    permutations : int
        Of every test.

    Returns
    -------
    pandas.DataFrame
        `censored_before`, `censored_after`, `measure`, `rate`, `effect` (mean over studies of the
        mean change by its standard deviation), `low` and `high` (the binomial 99 % band of .05).
    """
    from scipy import stats

    rng = stream(seed, f"activity-null/{before}/{share}")
    first, second = (_pool(each, rng) for each in (before, share))
    rejected, effect = np.zeros(len(MEASURES)), np.zeros(len(MEASURES))
    for _ in range(studies):
        change = np.array([_session(second, rng) - _session(first, rng) for _ in range(N_PEOPLE)])
        effect += change.mean(axis=0) / change.std(axis=0, ddof=1)
        for i, own in enumerate(change.T):
            model = mean_change(("the change", own))
            found = evidence_of(model, alpha=0.05, permutations=permutations, rng=rng)
            rejected[i] += found.p_permutation <= 0.05
    low, high = stats.binom.ppf([0.005, 0.995], studies, 0.05) / studies
    return pd.DataFrame(
        {
            "censored_before": before,
            "censored_after": share,
            "measure": MEASURES,
            "rate": rejected / studies,
            "effect": effect / studies,
            "low": low,
            "high": high,
            "studies": studies,
        }
    )


def _pool(share: float, rng: np.random.Generator) -> list[_Run]:
    from scipy.signal import lfilter

    runs = []
    for _ in range(POOL):
        keep = np.ones(N_VOLUMES, dtype=bool)
        while (~keep).sum() < round(share * N_VOLUMES):
            start = rng.integers(0, N_VOLUMES)
            keep[start : start + rng.integers(1, 5)] = False
        noise = rng.standard_normal((N_VOLUMES, N_REGRESSORS))
        regressors = pd.DataFrame(lfilter([1], [1, -0.7], noise, axis=0))
        regressors[~keep] += 5
        banded = filled_operator(
            regressors, keep, repetition_time=T_R, high_pass=BAND[0], low_pass=BAND[1]
        )
        whole = filled_operator(
            regressors, keep, repetition_time=T_R, high_pass=None, low_pass=None
        )
        of_run = spectra(banded, whole, repetition_time=T_R, band=BAND)
        runs.append(_Run(keep, of_run, banded[within(keep)]))
    return runs


_GRID = Grid((3, 3, 4 * len(COLOURS)), np.eye(4))
_VOXELS = np.arange(_GRID.n_voxels).reshape(len(COLOURS), 4, 9)[:, :3].reshape(-1)
"""Cubes of 27 voxels along k, an empty slice between any two."""


def _session(pool: Sequence[_Run], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the measures of the region in one session."""
    from scipy.signal import lfilter

    run = pool[rng.integers(len(pool))]
    series = []
    for colour in COLOURS:
        noise = rng.standard_normal((N_VOLUMES + 40, 28), dtype=np.float32)
        own = lfilter([1], [1, -colour], noise, axis=0)[40:]
        # what neighbours share, which ReHo measures
        series.append(own[:, :27] + 0.7 * own[:, 27:])
    values = np.concatenate(series, axis=1)
    values[~run.keep] += 20 * rng.standard_normal((int((~run.keep).sum()), 1))
    values -= values.mean(axis=0)
    found = np.array([*amplitudes(run.of_run, values), reho(run.kept, values, _VOXELS, _GRID)])
    region = np.nanmean(found[:, :27], axis=1)
    return np.concatenate([region, region / np.nanmean(found, axis=1)])


def main() -> None:
    """Read the command line, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the table to write")
    parser.add_argument("--studies", type=int, default=1000)
    given = parser.parse_args()
    table = pd.concat(rates(share, given.studies) for share in (0.1, 0.2, 0.3))
    write_tsv(given.out, table, digits=4)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
