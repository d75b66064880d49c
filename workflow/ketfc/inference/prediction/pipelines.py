"""Pipelines of the models: what is done to connectivity and clinical predictors, in which order."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline

from ketfc.inference.prediction.steps import (
    Adjusted,
    ElasticNet,
    Joined,
    MeanImputer,
    NetworkStrength,
    Scaled,
    Strongest,
)

RIDGE, ELASTIC_NET, CPM = "ridge", "elastic-net", "cpm"

PENALTIES = np.logspace(-3, 5, 17)
"""Penalties of the ridge; the largest leaves hardly more than the mean."""

SCREENED = 200
"""Edges that the elastic net is given at most, those that correlate most in the training data: a
screening of many columns (Fan and Lv 2008, doi:10.1111/j.1467-9868.2008.00674.x)."""

SELECTED = 0.01
"""Threshold of p at which connectome-based predictive modelling selects edges (Shen 2017)."""


def pipeline(model: str, *, clinical: int, motion: int, matrix: bool, connectivity: bool) -> Any:
    """Return an unfitted pipeline from predictors to the outcome.

    Parameters
    ----------
    model : str
        ``ridge``, ``elastic-net`` or ``cpm``.
    clinical : int
        Clinical columns, which are the last ones; 0 for connectivity alone.
    motion : int
        Columns of head motion, which stand between connectivity and clinical ones.
    matrix : bool
        Whether connectivity is a matrix's edges, which share a unit.
    connectivity : bool
        False for the clinical model: a ridge of the clinical columns, whatever the model beside it.

    Returns
    -------
    sklearn.base.BaseEstimator
        Of the columns connectivity, motion, clinical, as far as they are asked for. A penalty is
        chosen by leaving out one training participant after the other (ridge) or by an inner
        cross-validation with selection inside (elastic net).
    """
    own = make_pipeline(MeanImputer(), Scaled())
    if not connectivity:
        return _model(own, RIDGE)
    seen = _connectivity(model, motion=motion, matrix=matrix)
    if clinical:
        seen = make_pipeline(Joined(seen, own, clinical))
    return _model(seen, model)


def _connectivity(model: str, *, motion: int, matrix: bool) -> Pipeline:
    steps: list[Any] = [MeanImputer(), Adjusted(motion)]
    if model == CPM:
        steps += [NetworkStrength(SELECTED), Scaled()]
    elif model == ELASTIC_NET:
        steps += [Strongest(SCREENED), Scaled()]
    else:
        steps += [Scaled(together=matrix)]
    return make_pipeline(*steps)


def _model(seen: Pipeline, model: str) -> Any:
    if model == ELASTIC_NET:
        return ElasticNet(seen)
    last = LinearRegression() if model == CPM else RidgeCV(PENALTIES)
    return make_pipeline(seen, last)
