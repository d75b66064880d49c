"""Tables of a prediction: accuracy beside a clinical model, curves, and predictions left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import Floats, stream
from ketfc.study.config.analyses.prediction import MATRIX, Prediction
from ketfc.study.predicted import too_few

if TYPE_CHECKING:
    from ketfc.inference.prediction.sample import PredictionSample
    from ketfc.inference.prediction.validation import OutOfFold, Scheme

CLINICAL, CONNECTIVITY, BOTH = "clinical", "connectivity", "both"

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
"""What a result is called: nothing else than the first below ``min-n`` or without a lock."""

LEARNING, CALIBRATION, ROC = "learning", "calibration", "roc"

SHARES = (0.4, 0.55, 0.7, 0.85, 1.0)
"""Shares of the training participants at which the learning curve is taken."""

_WHOLE = ("permutations", "n", "n_with", "n_features", "n_excluded", "folds", "repeats")


@dataclass(frozen=True)
class Tables:
    """The three tables of one prediction."""

    accuracy: pd.DataFrame
    curves: pd.DataFrame
    out_of_fold: pd.DataFrame


@dataclass(frozen=True)
class Settings:
    """What a prediction is made with, beside its sample.

    Attributes
    ----------
    about : Prediction
        The group of the config.
    features, model : str
        One of the pairs that it asks for.
    seed : int
        The study's seed.
    alpha : float
        Intervals cover 1 − `alpha`.
    preregistered : bool
        Whether the hypotheses were locked.
    """

    about: Prediction
    features: str
    model: str
    seed: int
    alpha: float
    preregistered: bool

    @property
    def name(self) -> str:
        """Name of the random streams."""
        return f"prediction/{self.about.outcome}/{self.features}/{self.model}"


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
    fits = _Fits(sample, settings, scheme)
    found = {name: fits.predicted(name, sample.outcome) for name in fits.sets}
    rows = _measured(sample, settings, fits, found)
    curves = [*_learning(sample, settings, fits), *_drawn(sample, settings, found)]
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


class _Fits:
    """The predictors and models of one prediction."""

    def __init__(self, sample: PredictionSample, settings: Settings, scheme: Scheme) -> None:
        self.sample = sample
        self.scheme = scheme
        self.matrix = settings.features == MATRIX
        self.model = settings.model
        n, many = sample.connectivity.shape
        self.connectivity = sample.connectivity
        if self.matrix and self.model == "ridge" and many > n:
            # Distances between participants are all that a ridge of columns of one unit knows. As
            # many columns as participants hold them; this is a rotation, which estimates nothing.
            left, values, _ = np.linalg.svd(sample.connectivity, full_matrices=False)
            self.connectivity = left * values
        self.sets = [CONNECTIVITY]
        if sample.clinical.shape[1]:
            self.sets = [CLINICAL, CONNECTIVITY, BOTH]

    def predictors(self, name: str, brain: Floats | None = None) -> Floats:
        """Return the columns of one of the sets, with other connectivity where it is given."""
        clinical = self.sample.clinical
        if name == CLINICAL:
            return clinical
        if brain is None:
            brain = np.hstack([self.connectivity, self.sample.motion])
        return brain if name == CONNECTIVITY else np.hstack([brain, clinical])

    def predicted(
        self, name: str, outcome: Floats, *, brain: Floats | None = None, divided: Any = None
    ) -> OutOfFold:
        """Return what a set predicts, in the folds of the outcome unless others are given."""
        from ketfc.inference.prediction.pipelines import pipeline
        from ketfc.inference.prediction.validation import out_of_fold

        model = partial(
            pipeline,
            self.model,
            clinical=self.sample.clinical.shape[1] if name == BOTH else 0,
            motion=self.sample.motion.shape[1],
            matrix=self.matrix,
            connectivity=name != CLINICAL,
        )
        return out_of_fold(
            model,
            self.predictors(name, brain),
            outcome,
            divided or self.scheme.divided(outcome),
            classes=self.scheme.classes,
        )

    def tested(self, name: str, outcome: Floats, *, brain: Floats | None = None) -> float:
        """Return the measure that is permuted."""
        from ketfc.inference.prediction.accuracy import tested

        found = self.predicted(name, outcome, brain=brain)
        return tested(outcome, found, classes=self.scheme.classes)


def _measured(
    sample: PredictionSample, settings: Settings, fits: _Fits, found: Mapping[str, OutOfFold]
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
    name: str, observed: float, sample: PredictionSample, settings: Settings, fits: _Fits
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


def _learning(
    sample: PredictionSample, settings: Settings, fits: _Fits
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


def _drawn(
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
    table = pd.DataFrame(list(rows), columns=list(PREDICTION_COLUMNS))
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

    table = _accuracy(pd.concat(list(accuracy), ignore_index=True).to_dict("records"))
    for predictors, p in ((CONNECTIVITY, "p_permutation"), (BOTH, "p_difference")):
        own = (table["predictors"] == predictors) & table[p].notna()
        if own.any():
            table.loc[own, "p_holm"] = multipletests(table.loc[own, p], method="holm")[1]
    return table
