"""Accuracy of predictions, with intervals by a bootstrap over participants."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.permutation import Floats
from ketfc.inference.prediction.validation import OutOfFold

AUC, BALANCED, BRIER, BRIER_SKILL = "auc", "balanced accuracy", "brier", "brier skill"
R2, R = "r2", "r"
IN_THE_LARGE, SLOPE = "calibration in the large", "calibration slope"

TESTED = {True: AUC, False: R2}
"""The measure that is permuted, of classes and of numbers."""

RESAMPLES = 2000
"""Bootstrap samples of an interval."""

Interval = tuple[float, float]


def weights(n: int, rng: np.random.Generator) -> Floats:
    """Return how often each participant is in each bootstrap sample, the sample itself first.

    Parameters
    ----------
    n : int
        Participants.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    numpy.ndarray of shape (RESAMPLES + 1, n)
    """
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)
    return np.vstack([np.ones(n), drawn])


def measures(
    outcome: Floats, found: OutOfFold, times: Floats, *, classes: bool
) -> dict[str, Floats]:
    """Return the measures of accuracy in every weighting of the participants.

    Parameters
    ----------
    outcome : numpy.ndarray of shape (n,)
        What was predicted.
    found : OutOfFold
        The predictions; measures are means over the repeats.
    times : numpy.ndarray of shape (weightings, n)
        How often each participant counts.
    classes : bool
        Whether the outcome is 0 or 1.

    Returns
    -------
    dict of str to numpy.ndarray of shape (weightings,)
        Of classes the area under the receiver operating characteristic, balanced accuracy with
        the share of the training participants as threshold, the Brier score, and 1 less its
        ratio to that of predicting that share; of numbers R² against the mean of the training
        participants, and Pearson's r. Undefined measures, as of a sample with one class, are NaN.
    """
    error = ((outcome - found.predicted) ** 2) @ times.T
    base = ((outcome - found.expected) ** 2) @ times.T
    skill = 1 - _ratio(error, base).mean(axis=0)
    if not classes:
        return {R2: skill, R: _correlation(outcome, found.predicted, times)}
    ones, zeros = outcome == 1, outcome == 0
    of_ones, of_zeros = times[:, ones].sum(axis=1), times[:, zeros].sum(axis=1)
    high, low = found.predicted[:, ones], found.predicted[:, zeros]
    above = high[:, :, np.newaxis] - low[:, np.newaxis, :]
    won = ((above > 0) + 0.5 * (above == 0)).mean(axis=0)
    pairs = np.einsum("bi,ij,bj->b", times[:, ones], won, times[:, zeros], optimize=True)
    right = ((found.predicted > found.expected) == ones).mean(axis=0)
    sensitivity = _ratio(times[:, ones] @ right[ones], of_ones)
    specificity = _ratio(times[:, zeros] @ right[zeros], of_zeros)
    return {
        AUC: _ratio(pairs, of_ones * of_zeros),
        BALANCED: (sensitivity + specificity) / 2,
        BRIER: (error / times.sum(axis=1)).mean(axis=0),
        BRIER_SKILL: skill,
    }


def tested(outcome: Floats, found: OutOfFold, *, classes: bool) -> float:
    """Return the measure that is permuted: the area under the curve, or R²."""
    one = np.ones((1, len(outcome)))
    return float(measures(outcome, found, one, classes=classes)[TESTED[classes]][0])


def interval(values: Floats, alpha: float) -> Interval:
    """Return the percentile interval of a measure whose first value is that of the sample."""
    drawn = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or len(drawn) < RESAMPLES / 2:
        return nan, nan
    low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)


def calibration(
    outcome: Floats, predicted: Floats, *, classes: bool, alpha: float
) -> Mapping[str, tuple[float, Interval]]:
    """Return calibration in the large and the calibration slope, with their intervals.

    Parameters
    ----------
    outcome, predicted : numpy.ndarray of shape (n,)
        The outcome, and the mean prediction over the repeats.
    classes : bool
        Whether these are classes and probabilities: a logistic regression of the class on the logit
        of the probability, and for the first its intercept beside a slope of 1. Else least squares
        of the outcome on the prediction, and the mean of their difference.
    alpha : float
        Intervals (Wald's) cover 1 − `alpha`.

    Returns
    -------
    mapping of str to (float, (float, float))
        0 and 1 are perfect. NaN where predictions do not vary or divide the classes perfectly.

    References
    ----------
    Cox DR (1958), Biometrika 45:562–565, doi:10.1093/biomet/45.3-4.562.
    Van Calster B et al. (2019), BMC Med 17:230, doi:10.1186/s12916-019-1466-7.
    """
    import statsmodels.api as sm

    missing = nan, (nan, nan)
    found = {IN_THE_LARGE: missing, SLOPE: missing}
    said = np.log(predicted / (1 - predicted)) if classes else predicted
    family = sm.families.Binomial() if classes else sm.families.Gaussian()
    ones = np.ones((len(outcome), 1))
    fitted = sm.GLM(outcome, ones, family=family, offset=said).fit()
    found[IN_THE_LARGE] = float(fitted.params[0]), _wald(fitted, 0, alpha)
    separate = classes and (
        predicted[outcome == 1].min() > predicted[outcome == 0].max()
        or predicted[outcome == 1].max() < predicted[outcome == 0].min()
    )
    if np.ptp(said) > 1e-9 and not separate:
        fitted = sm.GLM(outcome, np.column_stack([ones, said]), family=family).fit()
        found[SLOPE] = float(fitted.params[1]), _wald(fitted, 1, alpha)
    return found


def groups_of(predicted: Floats, most: int = 5, fewest: int = 5) -> list[npt.NDArray[np.intp]]:
    """Return the places of participants with similar predictions, in groups of as many each.

    Parameters
    ----------
    predicted : numpy.ndarray of shape (n,)
        Predictions.
    most : int
        How many groups at most.
    fewest : int
        How many participants a group has at least, if there are as many.
    """
    order = np.argsort(predicted, kind="stable")
    return np.array_split(order, max(1, min(most, len(order) // fewest)))


def _wald(fitted: object, place: int, alpha: float) -> Interval:
    low, high = np.asarray(fitted.conf_int(alpha=alpha))[place]  # type: ignore[attr-defined]
    return float(low), float(high)


def _ratio(part: Floats, whole: Floats) -> Floats:
    ratio: Floats = np.divide(part, whole, out=np.full(part.shape, nan), where=whole > 0)
    return ratio


def _correlation(outcome: Floats, predicted: Floats, times: Floats) -> Floats:
    """Return Pearson's r in every weighting, averaged over repeats; 0 of constant predictions."""
    total = times.sum(axis=1)

    def mean(values: Floats) -> Floats:
        weighted: Floats = (values @ times.T) / total
        return weighted

    y = mean(outcome)
    spread = mean(outcome**2) - y**2
    r = np.zeros((len(predicted), len(times)))
    for place, row in enumerate(predicted):
        p = mean(row)
        size = np.sqrt(np.clip(spread * (mean(row**2) - p**2), 0, None))
        along = mean(outcome * row) - y * p
        r[place] = np.divide(along, size, out=np.zeros(len(times)), where=size > 1e-12)
    averaged: Floats = r.mean(axis=0)
    return averaged
