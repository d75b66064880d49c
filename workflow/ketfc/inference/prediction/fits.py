"""Fits of one prediction: its sets of predictors, and what each of them predicts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ketfc.inference.core.permutation import Floats
from ketfc.inference.prediction.settings import Settings

if TYPE_CHECKING:
    from ketfc.inference.prediction.sample import PredictionSample
    from ketfc.inference.prediction.validation import OutOfFold, Scheme

CLINICAL, CONNECTIVITY, BOTH = "clinical", "connectivity", "both"


class Fits:
    """The predictors and models of one prediction."""

    def __init__(self, sample: PredictionSample, settings: Settings, scheme: Scheme) -> None:
        self.sample = sample
        self.scheme = scheme
        self.matrix = settings.matrix
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
