"""Tables of a prediction: accuracy beside a clinical model, curves, and predictions left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import stream
from ketfc.inference.prediction.curves import learning_curve, points
from ketfc.inference.prediction.fits import BOTH, CLINICAL, CONNECTIVITY, Fits
from ketfc.inference.prediction.settings import Settings
from ketfc.study.predicted import too_few

if TYPE_CHECKING:
    from ketfc.inference.prediction.sample import PredictionSample
    from ketfc.inference.prediction.validation import OutOfFold

PREDICTION_COLUMNS = (
    "outcome",
    "role",
    "arm",
    "features",
    "model",
    "predictors",
    "metric",
    "estimate",
    "ci_low",
    "ci_high",
    "p_permutation",
    "permutations",
    "difference",
    "difference_ci_low",
    "difference_ci_high",
    "p_difference",
    "p_holm",
    "n",
    "n_with",
    "n_features",
    "n_excluded",
    "folds",
    "repeats",
    "label",
    "reason",
)
"""Columns of ``tests/prediction.tsv``."""

PREDICTION_NUMBERS = (
    *("estimate", "ci_low", "ci_high", "p_permutation", "permutations", "difference"),
    *("difference_ci_low", "difference_ci_high", "p_difference", "p_holm", "n", "n_with"),
    *("n_features", "n_excluded", "folds", "repeats"),
)

PREDICTION_CURVE_COLUMNS = (
    *("outcome", "features", "model", "predictors", "curve", "x", "y", "low", "high", "n"),
)
"""Columns of ``tests/prediction_curve.tsv``."""

PREDICTION_CURVE_NUMBERS = ("x", "y", "low", "high", "n")

OUT_OF_FOLD_COLUMNS = (
    *("outcome", "features", "model", "predictors", "participant_id", "observed"),
    *("predicted", "predicted_sd"),
)
"""Columns of ``tests/prediction_out_of_fold.tsv``."""

OUT_OF_FOLD_NUMBERS = ("observed", "predicted", "predicted_sd")

EXPLORATORY, VALIDATED = "exploratory", "internally validated"
"""Labels of a result: always the first below ``min-n`` or without a lock."""

_WHOLE = ("permutations", "n", "n_with", "n_features", "n_excluded", "folds", "repeats")


@dataclass(frozen=True)
class Tables:
    """The three tables of one prediction."""

    accuracy: pd.DataFrame
    curves: pd.DataFrame
    out_of_fold: pd.DataFrame


def prediction_tables(sample: PredictionSample, settings: Settings) -> Tables:
    """Predict the outcome, test the prediction and hold it against a clinical model.

    Parameters
    ----------
    sample : PredictionSample
        Who is predicted from what.
    settings : Settings
        Features, model and the group of the config.

    Returns
    -------
    Tables
        `accuracy` has :data:`PREDICTION_COLUMNS`, a row for each measure of the predictions from
        clinical predictors, from connectivity and from both; a single row with a `reason` where
        nothing can be predicted. The p of clinical predictors and of connectivity are by
        permuting the outcome; that of the difference of both and the clinical model by permuting
        what the clinical predictors do not explain of connectivity. Both repeat the whole
        procedure.
    """
    from ketfc.inference.prediction.validation import Scheme

    about, target = settings.about, sample.target
    classes = target.classes
    outcome = pd.Series(sample.outcome, index=sample.people)
    reason = too_few(outcome, target, folds=about.folds, by_site=about.site_folds)
    if reason is None and not sample.connectivity.shape[1]:
        reason = "no connectivity that all of them have"
    scheme = Scheme(about.folds, about.repeats, classes, sample.sites, settings.seed)
    if reason is None:
        divided = scheme.divided(sample.outcome)
        if classes and any(
            len(set(sample.outcome[train])) < 2 for folds in divided for train, _ in folds
        ):
            reason = f"without one of the sites everybody has the same {target.outcome}"
    stem = _stem(sample, settings)
    if reason is not None:
        return Tables(
            _accuracy([stem | {"reason": reason}]),
            pd.DataFrame(columns=list(PREDICTION_CURVE_COLUMNS)),
            pd.DataFrame(columns=list(OUT_OF_FOLD_COLUMNS)),
        )
    stem |= {
        "folds": len(divided[0]),
        "repeats": len(divided),
    }
    fits = Fits(sample, settings, scheme)
    found = {name: fits.predicted(name, sample.outcome) for name in fits.sets}
    rows = _measured(sample, settings, fits, found)
    curves = [*learning_curve(sample, settings, fits), *points(sample, settings, found)]
    key = {name: stem[name] for name in ("outcome", "features", "model")}
    left = [
        key | {
            "predictors": name,
            "participant_id": who,
            "observed": sample.outcome[i],
            "predicted": one.predicted[:, i].mean(),
            "predicted_sd": one.predicted[:, i].std(),
        }
        for name, one in found.items()
        for i, who in enumerate(sample.people)
    ]  # fmt: skip
    return Tables(
        _accuracy([stem | row for row in rows]),
        pd.DataFrame([key | row for row in curves], columns=list(PREDICTION_CURVE_COLUMNS)),
        pd.DataFrame(left, columns=list(OUT_OF_FOLD_COLUMNS)),
    )


def _measured(
    sample: PredictionSample, settings: Settings, fits: Fits, found: Mapping[str, OutOfFold]
) -> Iterable[dict[str, Any]]:
    """Yield a row for each set of predictors and measure."""
    from ketfc.inference.prediction.accuracy import (
        TESTED,
        calibration,
        interval,
        measures,
        weights,
    )

    classes, alpha = sample.target.classes, settings.alpha
    # the same samples for all predictions of a study, so that their differences are paired
    times = weights(len(sample.people), stream(settings.seed, "prediction/bootstrap"))
    values = {
        name: measures(sample.outcome, one, times, classes=classes) for name, one in found.items()
    }
    for name, one in found.items():
        for metric, value in values[name].items():
            low, high = interval(value, alpha)
            row = {"predictors": name, "metric": metric, "estimate": value[0]}
            row |= {"ci_low": low, "ci_high": high}
            if name != CLINICAL and CLINICAL in values:
                gain = value - values[CLINICAL][metric]
                low, high = interval(gain, alpha)
                row |= {"difference": gain[0], "difference_ci_low": low}
                row |= {"difference_ci_high": high}
            if metric == TESTED[classes]:
                row |= _permuted(name, float(value[0]), sample, settings, fits)
            yield row
        said = one.predicted.mean(axis=0)
        checked = calibration(sample.outcome, said, classes=classes, alpha=alpha)
        for metric, (estimate, (low, high)) in checked.items():
            row = {"predictors": name, "metric": metric, "estimate": estimate}
            yield row | {"ci_low": low, "ci_high": high}


def _permuted(
    name: str, observed: float, sample: PredictionSample, settings: Settings, fits: Fits
) -> dict[str, Any]:
    """Return the p of one set of predictors; of both that of what connectivity adds."""
    from ketfc.inference.prediction.permutations import beside, sequential_test

    if name == BOTH:
        brain = np.hstack([fits.connectivity, sample.motion])
        fitted, residual = beside(brain, sample.clinical)

        def statistic(order: np.ndarray) -> float:
            return fits.tested(BOTH, sample.outcome, brain=fitted + residual[order])

    else:

        def statistic(order: np.ndarray) -> float:
            return fits.tested(name, sample.outcome[order])

    p, drawn = sequential_test(
        observed, statistic, sample.blocks,
        permutations=settings.about.permutations, seed=settings.seed,
        # the clinical model is the same whatever stands beside it
        name=f"prediction/{settings.about.outcome}/clinical"
        if name == CLINICAL
        else f"{settings.name}/{name}",
    )  # fmt: skip
    return {"p_difference" if name == BOTH else "p_permutation": p, "permutations": drawn}


def _stem(sample: PredictionSample, settings: Settings) -> dict[str, Any]:
    n = len(sample.people)
    sound = n >= settings.about.min_n and settings.preregistered
    return {
        "outcome": sample.target.outcome,
        "role": sample.target.at,
        "arm": sample.target.arm or "all",
        "features": settings.features,
        "model": settings.model,
        "n": n,
        "n_with": int(sample.outcome.sum()) if sample.target.classes else None,
        "n_features": sample.connectivity.shape[1],
        "n_excluded": len(sample.left_out),
        "label": VALIDATED if sound else EXPLORATORY,
    }


def _accuracy(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    return _typed(pd.DataFrame(list(rows), columns=list(PREDICTION_COLUMNS)))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    numbers = {name: np.float64 for name in PREDICTION_NUMBERS if name not in _WHOLE}
    return table.astype({**numbers, **dict.fromkeys(_WHOLE, "Int64")})


def corrected(accuracy: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return ``tests/prediction.tsv`` from the tables of all features and models.

    Parameters
    ----------
    accuracy : iterable of pandas.DataFrame
        Of :func:`prediction_tables`, numbers as numbers, in the order of the config.

    Returns
    -------
    pandas.DataFrame
        With `p_holm`: the p of connectivity over all features and models by Holm's method, and
        likewise that of what it adds to the clinical model.
    """
    from statsmodels.stats.multitest import multipletests

    table = _typed(pd.concat(list(accuracy), ignore_index=True))
    for predictors, p in ((CONNECTIVITY, "p_permutation"), (BOTH, "p_difference")):
        own = (table["predictors"] == predictors) & table[p].notna()
        if own.any():
            table.loc[own, "p_holm"] = multipletests(table.loc[own, p], method="holm")[1]
    return table
