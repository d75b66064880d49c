"""Cells of a simulation: what one study after another shows, kept in a file, and its rates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ketfc.base.files import read_tsv, write_tsv
from ketfc.inference.core.permutation import Floats

ALPHA = 0.05
"""Level of every test; intervals cover 1 − ALPHA."""

LEVELS = (0.01, ALPHA, 0.1, *(round(0.1 * i, 1) for i in range(2, 10)))
"""Levels at which p values of the primary methods are counted where all levels are asked for."""

PRIMARY = ("permutation", "max-t")
"""Methods behind `p_permutation` and `p_fwer` of ``tests/hypotheses.tsv``."""

COLUMNS = ("test", "method", "kind", "level", "studies", "rate", "expected", "low", "high")
"""Columns of every table of rates, after those that tell cells apart.

`kind` is ``rejection`` (expected: `level`), ``coverage`` (1 − ALPHA) or ``power``; `studies` are
those with a result; `low` and `high` are the binomial 99 % band about what is expected.
"""

_CHUNK = 100
"""Studies after which the file is written."""

_CHECKED = 3
"""Studies of a file that are simulated again, to see that it is of this code."""


class Seen(NamedTuple):
    """One number of one study: a p value, or 1 or 0 for an interval that covers or does not."""

    kind: str
    test: str
    method: str
    value: float


@dataclass(frozen=True)
class Cell:
    """One kind of simulated study.

    Attributes
    ----------
    about : mapping of str to (str, int or float)
        What tells it from other cells, the first columns of its table.
    study : callable
        Return everything that is seen in the study of a number.
    settings : str
        Seed and permutations, for the name of its file.
    all_levels : bool
        Whether p values of the primary methods are counted at all of :data:`LEVELS`.
    power : float
        What is expected of ``power``.
    """

    about: Mapping[str, str | int | float]
    study: Callable[[int], Iterable[Seen]]
    settings: str = ""
    all_levels: bool = False
    power: float = nan

    def rates(self, studies: int, folder: Path | None = None) -> pd.DataFrame:
        """Return the rates of so many studies, in the columns of `about` and :data:`COLUMNS`.

        Parameters
        ----------
        studies : int
            Simulated studies.
        folder : path, optional
            Where every study's numbers are kept, and taken from as far as they go; of a file whose
            first studies are not what the code now gives, nothing is used.
        """
        if folder is None:
            return self._summary(self._seen(range(studies)))
        what = "-".join(map(str, self.about.values())) + f"-{self.settings}"
        path = folder / f"{re.sub('[^A-Za-z0-9.]+', '-', what)}.tsv"
        known = pd.DataFrame()
        if path.exists():
            known = read_tsv(path).astype(np.float64)
            again = self._seen(range(min(_CHECKED, len(known))))
            if not _same(again, known[: len(again)]):
                print(f"{path.name}: made by other code, simulated again", flush=True)
                known = pd.DataFrame()
        for start in range(len(known), studies, _CHUNK):
            found = self._seen(range(start, min(start + _CHUNK, studies)))
            known = pd.concat([known, found], ignore_index=True)
            write_tsv(path, known, digits=6)
        return self._summary(known[:studies])

    def _seen(self, numbers: Iterable[int]) -> pd.DataFrame:
        """Return a row per study, a column for each kind, test and method."""
        return pd.DataFrame(
            [
                {f"{one.kind}|{one.test}|{one.method}": one.value for one in self.study(i)}
                for i in numbers
            ]
        ).astype(np.float64)

    def _summary(self, found: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for column in found:
            kind, test, method = str(column).split("|")
            values = found[column].to_numpy(dtype=np.float64)
            values = values[np.isfinite(values)]
            if len(values) <= len(found) / 2:
                # most studies are too small for this test
                continue
            about = {**self.about, "test": test, "method": method, "kind": kind}
            if kind != "rejection":
                expected = self.power if kind == "power" else 1 - ALPHA
                rows.append({**about, "level": ALPHA, **rate_of(values, expected)})
                continue
            for level in LEVELS if self.all_levels and method in PRIMARY else (ALPHA,):
                # p values are multiples of 1 / (permutations + 1), in floating point; those of
                # several edges are counted when they are seen
                hits = values if method in SHARES else (values <= level + 1e-9).astype(np.float64)
                rows.append({**about, "level": level, **rate_of(hits, level)})
        return pd.DataFrame(rows, columns=[*self.about, *COLUMNS])


SHARES = ("each edge",)
"""Methods whose number of a study is the share of its edges that are rejected."""


def rate_of(hits: Floats, expected: float) -> dict[str, float]:
    """Return `studies`, `rate`, `expected`, and `low` and `high` of the band of what is expected.

    Parameters
    ----------
    hits : numpy.ndarray of shape (studies,)
        1 or 0 of each study.
    expected : float
        The rate that there should be.
    """
    from scipy import stats

    m = len(hits)
    low, high = stats.binom.interval(0.99, m, expected)
    return {
        "studies": m,
        "rate": float(hits.mean()),
        "expected": expected,
        "low": low / m,
        "high": high / m,
    }


def _same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return whether two tables hold the same but for rounding."""
    return set(one.columns) == set(other.columns) and np.allclose(
        one, other[list(one.columns)], atol=2e-6, equal_nan=True
    )
