"""Made people whose outcome is predicted, for its tests and for what is written of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.prediction.sample import PredictionSample
from ketfc.inference.prediction.settings import Settings
from ketfc.inference.prediction.table import Tables, corrected, prediction_tables
from ketfc.study.config.analyses.prediction import Prediction
from ketfc.study.predicted import Target


def made(
    seed: int,
    *,
    n: int = 41,
    columns: int = 6,
    signal: float = 0.0,
    clinical: float = 0.0,
    classes: bool = False,
    motion: float = 0.0,
) -> PredictionSample:
    """Make people whose first feature and first clinical predictor may go with the outcome."""
    rng = np.random.default_rng(seed)
    features, own = rng.normal(size=(n, columns)), rng.normal(size=(n, 2))
    fd = rng.exponential(size=(n, 1))
    outcome = signal * features[:, 0] + clinical * own[:, 0] + rng.normal(size=n)
    if classes:
        # fewer with the outcome than without
        outcome = (outcome > np.quantile(outcome, 0.6)).astype(float)
    return PredictionSample(
        target=Target("response" if classes else "change", "pre", "post", None),
        people=[f"sub-{i:03d}" for i in range(n)],
        outcome=outcome,
        connectivity=features + motion * fd,
        motion=fd,
        clinical=own,
        names={"connectivity": [], "clinical": ["a", "b"]},
        blocks=np.zeros(n, dtype=np.int64),
        sites=None,
        left_out={"sub-999": "no score"},
    )


def settings(features: str = "circuits", model: str = "ridge", **keys: Any) -> Settings:
    about: dict[str, Any] = {
        "features": ["circuits", "matrix"],
        "models": ["ridge", "elastic-net", "cpm"],
    }
    about |= {"repeats": 2, "permutations": 100} | keys
    return Settings(Prediction.model_validate(about), features, model, 11, 0.05, False)


@cache
def predicted(*, classes: bool = False) -> Tables:
    """Return the tables of one prediction."""
    asked = settings(outcome="response" if classes else "change", repeats=1)
    return prediction_tables(made(41, n=24, classes=classes), asked)


def table_of(*, classes: bool = False) -> pd.DataFrame:
    """Return ``tests/prediction.tsv`` of one prediction."""
    return corrected([predicted(classes=classes).accuracy])
