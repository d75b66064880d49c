"""Cross-validation: folds of whole participants, and predictions of those who were left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.permutation import Floats, stream

Places = npt.NDArray[np.intp]
Fold = tuple[Places, Places]
"""Places of the training and of the test participants."""

LOWEST, HIGHEST = 0.01, 0.99
"""Limits of a value fitted to a class of 0 and 1, which is then read as a probability."""


@dataclass(frozen=True)
class Scheme:
    """Division of participants into folds.

    Attributes
    ----------
    folds, repeats : int
        Folds, and how often participants are divided anew.
    classes : bool
        Whether the outcome is 0 or 1; every fold then has as many of each as can be.
    sites : numpy.ndarray of shape (n,) or None
        Where given, every fold is a site, and there is one repeat.
    seed : int
        The study's seed; the folds of a study are the same for every model.
    """

    folds: int
    repeats: int
    classes: bool
    sites: npt.NDArray[Any] | None
    seed: int

    def divided(self, outcome: Floats) -> list[list[Fold]]:
        """Return the folds of every repeat, for an outcome of shape (n,)."""
        from sklearn.model_selection import KFold, LeaveOneGroupOut, StratifiedKFold

        places = np.arange(len(outcome))
        if self.sites is not None:
            return [list(LeaveOneGroupOut().split(places, groups=self.sites))]
        kind = StratifiedKFold if self.classes else KFold
        seeds = stream(self.seed, "prediction/folds").integers(0, 2**31 - 1, self.repeats)
        return [
            list(kind(self.folds, shuffle=True, random_state=int(one)).split(places, outcome))
            for one in seeds
        ]


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Predictions of everybody by models that did not see them.

    Attributes
    ----------
    predicted, expected : numpy.ndarray of shape (repeats, n)
        What the model predicts, and the mean of the training participants.
    """

    predicted: Floats
    expected: Floats


def out_of_fold(
    model: Callable[[], Any],
    predictors: Floats,
    outcome: Floats,
    divided: Sequence[Sequence[Fold]],
    *,
    classes: bool,
) -> OutOfFold:
    """Predict every participant by models fitted to the participants of the other folds.

    Parameters
    ----------
    model : callable
        Makes an unfitted model.
    predictors : numpy.ndarray of shape (n, columns)
        A row per participant.
    outcome : numpy.ndarray of shape (n,)
        What is predicted.
    divided : sequence of sequence of (numpy.ndarray, numpy.ndarray)
        The folds of each repeat; in a repeat every participant is tested once.
    classes : bool
        Whether predictions are limited to probabilities.
    """
    from sklearn import config_context

    predicted = np.full((len(divided), len(outcome)), np.nan)
    expected = np.full_like(predicted, np.nan)
    # checks of the input take longer than most of these small fits
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for repeat, folds in enumerate(divided):
            for train, test in folds:
                expected[repeat, test] = outcome[train].mean()
                fitted = model().fit(predictors[train], outcome[train])
                predicted[repeat, test] = fitted.predict(predictors[test])
    if classes:
        predicted = np.clip(predicted, LOWEST, HIGHEST)
    return OutOfFold(predicted, expected)


def fewer(
    divided: Sequence[Sequence[Fold]],
    outcome: Floats,
    share: float,
    *,
    classes: bool,
    rng: np.random.Generator,
) -> list[list[Fold]]:
    """Return folds whose training part is cut to a share of its participants, drawn at random.

    Parameters
    ----------
    divided : sequence of sequence of (numpy.ndarray, numpy.ndarray)
        The folds of each repeat.
    outcome : numpy.ndarray of shape (n,)
        The outcome; of classes as large a share of each is kept, and at least two.
    share : float
        Above 0, at most 1.
    classes : bool
        Whether the outcome is 0 or 1.
    rng : numpy.random.Generator
        Source of the draws.
    """

    def cut(train: Places) -> Places:
        groups = [train[outcome[train] == each] for each in (0, 1)] if classes else [train]
        kept = [rng.permutation(group)[: max(2, round(share * len(group)))] for group in groups]
        return np.sort(np.concatenate(kept))

    return [[(cut(train), test) for train, test in folds] for folds in divided]
