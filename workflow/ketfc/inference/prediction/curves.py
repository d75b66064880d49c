"""Curves of a prediction: learning, calibration, and receiver operating characteristic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np

from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.prediction.fits import Fits
from ketfc.inference.prediction.settings import Settings

if TYPE_CHECKING:
    from ketfc.inference.prediction.sample import PredictionSample
    from ketfc.inference.prediction.validation import OutOfFold

LEARNING, CALIBRATION, ROC = "learning", "calibration", "roc"

SHARES = (0.4, 0.55, 0.7, 0.85, 1.0)
"""Shares of the training participants at which the learning curve is taken."""


def learning_curve(
    sample: PredictionSample, settings: Settings, fits: Fits
) -> Iterable[dict[str, Any]]:
    """Yield the measure that is permuted by the number of training participants."""
    from ketfc.inference.prediction.accuracy import TESTED, interval, measures, weights
    from ketfc.inference.prediction.validation import fewer

    classes = sample.target.classes
    divided = fits.scheme.divided(sample.outcome)
    times = weights(len(sample.people), stream(settings.seed, "prediction/bootstrap"))
    for name in fits.sets:
        for share in SHARES:
            rng = stream(settings.seed, f"prediction/learning/{share:g}")
            folds = fewer(divided, sample.outcome, share, classes=classes, rng=rng)
            size = float(np.mean([len(train) for repeat in folds for train, _ in repeat]))
            found = fits.predicted(name, sample.outcome, divided=folds)
            value = measures(sample.outcome, found, times, classes=classes)[TESTED[classes]]
            low, high = interval(value, settings.alpha)
            row = {"predictors": name, "curve": LEARNING, "x": size, "y": value[0]}
            yield row | {"low": low, "high": high, "n": len(sample.people)}


def points(
    sample: PredictionSample, settings: Settings, found: Mapping[str, OutOfFold]
) -> Iterable[dict[str, Any]]:
    """Yield the points of the calibration curves and, of classes, of the ROC curves."""
    from ketfc.inference.prediction.accuracy import groups_of

    for name, one in found.items():
        said = one.predicted.mean(axis=0)
        for places in groups_of(said):
            own = sample.outcome[places]
            low, high = _interval(own, classes=sample.target.classes, alpha=settings.alpha)
            row = {"predictors": name, "curve": CALIBRATION, "x": said[places].mean()}
            yield row | {"y": own.mean(), "low": low, "high": high, "n": len(places)}
        if sample.target.classes:
            from sklearn.metrics import roc_curve

            false, true, _ = roc_curve(sample.outcome, said)
            for x, y in zip(false, true, strict=True):
                yield {"predictors": name, "curve": ROC, "x": x, "y": y, "n": len(said)}


def _interval(own: Floats, *, classes: bool, alpha: float) -> tuple[float, float]:
    """Return the interval of a group's mean: Wilson's of a share, that of t of a mean."""
    if classes:
        from statsmodels.stats.proportion import proportion_confint

        low, high = proportion_confint(own.sum(), len(own), alpha=alpha, method="wilson")
        return float(low), float(high)
    if len(own) < 2:
        return nan, nan
    from scipy import stats

    half = float(stats.t.isf(alpha / 2, len(own) - 1) * own.std(ddof=1) / np.sqrt(len(own)))
    return float(own.mean()) - half, float(own.mean()) + half
