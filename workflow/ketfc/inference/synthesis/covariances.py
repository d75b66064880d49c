"""Covariances between the estimates of a study's hypotheses, which rest on the same people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.circuit_tests import Planned
from ketfc.inference.design.model import model_of


def covariances(
    tests: Sequence[tuple[Planned, Mapping[str, Any]]], *, smallest_cell: int
) -> dict[str, Any]:
    """Return the covariances between the estimates of one test in several hypotheses.

    Two estimates are correlated as far as the same participants move both: their correlation is
    that of the participants' influences, over who is in both (a sandwich estimator clustered by
    participant), and the covariance has the standard errors of the tests.

    Parameters
    ----------
    tests : sequence of (Planned, mapping)
        The same test of each hypothesis, and what the export gives of it.
    smallest_cell : int
        Pairs of hypotheses that share fewer participants have no number.

    Returns
    -------
    dict
        For JSON: `hypotheses`, and the `matrix` of covariances in that order.
    """
    values = [influence(planned) for planned, _ in tests]
    errors = [float(given["standard_error"]) for _, given in tests]
    matrix = [
        [
            _correlation(one, other, smallest_cell) * error * another
            for other, another in zip(values, errors, strict=True)
        ]
        for one, error in zip(values, errors, strict=True)
    ]
    return {"hypotheses": [planned.circuit.id for planned, _ in tests], "matrix": matrix}


def influence(planned: Planned) -> pd.Series[float]:
    """Return how far each participant moves the estimate of a test, up to a factor.

    Returns
    -------
    pandas.Series
        By participant; with sum 0. Of a mean the deviation from it, of a slope residual times
        term beside the nuisance, of a partial correlation of ranks that of both residuals u and v
        in their standard deviations, uv − ρ (u² + v²) / 2.
    """
    complete = planned.sample.complete
    model = model_of(planned.test, complete, planned.design)
    if model.term is None:
        y: Floats = model.response[1]
        found = y - y.mean()
    elif model.by_ranks:
        u, v = (one / np.sqrt((one**2).mean()) for one in model.ranked().residuals)
        found = u * v - (u * v).mean() * (u**2 + v**2) / 2
    else:
        y, x = model.residuals
        found = x * (y - (y @ x) / (x @ x) * x)
    return pd.Series(found, index=complete.index)


def _correlation(one: pd.Series[float], other: pd.Series[float], smallest_cell: int) -> float:
    both = one.index.intersection(other.index)
    if len(both) < smallest_cell:
        return float("nan")
    size = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one[both] * other[both]).sum()) / size
