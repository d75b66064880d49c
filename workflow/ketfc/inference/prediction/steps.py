"""Steps of a prediction: everything that is estimated from participants is estimated in `fit`.

These are scikit-learn's kind of object, so that a `Pipeline` hands them the training participants
alone. They hold no option that would let them see others.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.linear_model import enet_path
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline

from ketfc.inference.core.permutation import Floats

SHARES = np.logspace(0, -2, 12)
"""Penalties of the elastic net, as shares of the smallest one at which no column is left."""

_INNER = 5
"""Folds of the inner cross-validation."""


class MeanImputer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[misc,call-arg]
    """Replace missing values of a column by its mean; columns without any value become 0."""

    def fit(self, X: Floats, y: Floats | None = None) -> Self:
        """Learn the means, of X with shape (n, columns)."""
        there = np.isfinite(X)
        count = there.sum(axis=0)
        self.mean_ = np.where(there, X, 0.0).sum(axis=0) / np.maximum(count, 1)
        return self

    def transform(self, X: Floats) -> Floats:
        """Return X without missing values."""
        return np.where(np.isfinite(X), X, self.mean_)


class Adjusted(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[misc,call-arg]
    """Take out of the other columns what the last ones explain, and drop these.

    Parameters
    ----------
    nuisance : int
        How many of the last columns are nuisance, such as head motion.
    """

    def __init__(self, nuisance: int) -> None:
        self.nuisance = nuisance

    def fit(self, X: Floats, y: Floats | None = None) -> Self:
        """Learn the coefficients, of X with shape (n, columns)."""
        if self.nuisance:
            columns, last = self._split(X)
            self.mean_ = last.mean(axis=0)
            self.slope_ = np.linalg.lstsq(
                last - self.mean_, columns - columns.mean(axis=0), rcond=None
            )[0]
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the adjusted columns."""
        columns, last = self._split(X)
        if not self.nuisance:
            return columns
        adjusted: Floats = columns - (last - self.mean_) @ self.slope_
        return adjusted

    def _split(self, X: Floats) -> tuple[Floats, Floats]:
        place = X.shape[1] - self.nuisance
        return X[:, :place], X[:, place:]


class Scaled(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[misc,call-arg]
    """Centre columns; divide each by its standard deviation, or all by that of the whole.

    Parameters
    ----------
    together : bool
        True for columns of one unit, such as the edges of a matrix: their variances then sum to 1,
        and one that hardly varies is not blown up.
    """

    def __init__(self, *, together: bool = False) -> None:
        self.together = together

    def fit(self, X: Floats, y: Floats | None = None) -> Self:
        """Learn means and standard deviations, of X with shape (n, columns)."""
        self.mean_ = X.mean(axis=0)
        spread = X.std(axis=0)
        if self.together:
            spread = np.full(X.shape[1], np.sqrt((spread**2).sum()))
        self.spread_ = np.where(spread > 1e-12, spread, 1.0)
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the scaled columns."""
        scaled: Floats = (X - self.mean_) / self.spread_
        return scaled


class Strongest(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[misc,call-arg]
    """Keep the columns whose correlation with the outcome is the largest.

    Parameters
    ----------
    most : int
        How many are kept at most.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def fit(self, X: Floats, y: Floats) -> Self:
        """Choose the columns, of X with shape (n, columns)."""
        if X.shape[1] <= self.most:
            self.kept_ = np.arange(X.shape[1])
        else:
            size = np.abs(correlations(X, y))
            self.kept_ = np.sort(np.argsort(-size, kind="stable")[: self.most])
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the columns that were chosen."""
        return X[:, self.kept_]


class NetworkStrength(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[misc,call-arg]
    """Sum the edges that go with the outcome, less the sum of those that go against it.

    Parameters
    ----------
    threshold : float
        Two-sided p of the correlation with the outcome below which an edge is selected.

    References
    ----------
    Shen X et al. (2017), Nat Protoc 12:506–518, doi:10.1038/nprot.2016.178.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def fit(self, X: Floats, y: Floats) -> Self:
        """Select the edges, of X with shape (n, edges)."""
        from scipy import stats

        r = correlations(X, y)
        df = len(y) - 2
        t = stats.t.isf(self.threshold / 2, df)
        self.sign_ = np.sign(r) * (np.abs(r) > t / np.sqrt(df + t**2))
        return self

    def transform(self, X: Floats) -> Floats:
        """Return a single column."""
        strength: Floats = (X @ self.sign_)[:, np.newaxis]
        return strength


class Joined(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[misc,call-arg]
    """Put the first and the last columns through steps of their own, and join the results.

    Parameters
    ----------
    first, last : sklearn.pipeline.Pipeline
        The steps.
    columns : int
        How many columns are last.
    """

    def __init__(self, first: Pipeline, last: Pipeline, columns: int) -> None:
        self.first = first
        self.last = last
        self.columns = columns

    def fit(self, X: Floats, y: Floats) -> Self:
        """Fit both."""
        place = X.shape[1] - self.columns
        self.place_ = place
        self.first.fit(X[:, :place], y)
        self.last.fit(X[:, place:], y)
        return self

    def transform(self, X: Floats) -> Floats:
        """Return the columns of both, side by side."""
        parts = (
            self.first.transform(X[:, : self.place_]),
            self.last.transform(X[:, self.place_ :]),
        )
        return np.hstack(parts)


class ElasticNet(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Fit an elastic net behind steps, its penalty chosen by an inner cross-validation of both.

    Parameters
    ----------
    steps : sklearn.pipeline.Pipeline
        What comes before, fitted anew in every inner fold.
    mixing : float
        Share of the penalty on absolute coefficients.
    """

    def __init__(self, steps: Pipeline, mixing: float = 0.5) -> None:
        self.steps = steps
        self.mixing = mixing

    def fit(self, X: Floats, y: Floats) -> Self:
        """Choose the penalty, then fit steps and net on all of X, shape (n, columns)."""
        folds = KFold(min(_INNER, len(y) // 2), shuffle=True, random_state=0)
        error = np.zeros(len(SHARES))
        for train, test in folds.split(X):
            slopes, middle = self._path(X[train], y[train])
            fitted = self.steps.transform(X[test]) @ slopes + middle
            error += ((y[test, np.newaxis] - fitted) ** 2).sum(axis=0)
        slopes, self.intercept_ = self._path(X, y)
        self.coef_ = slopes[:, int(np.argmin(error))]
        return self

    def predict(self, X: Floats) -> Floats:
        """Return the outcome expected of each row."""
        expected: Floats = self.steps.transform(X) @ self.coef_ + self.intercept_
        return expected

    def _path(self, X: Floats, y: Floats) -> tuple[Floats, float]:
        """Fit the steps; return a column of slopes for each of :data:`SHARES`, and the intercept.

        The steps end with centred columns, and are fitted in place, as those of a `Pipeline`.
        """
        columns = self.steps.fit_transform(X, y)
        middle = float(y.mean())
        along = np.abs(columns.T @ (y - middle)).max(initial=0.0)
        if along < 1e-12:
            return np.zeros((columns.shape[1], len(SHARES))), middle
        largest = along / (len(y) * self.mixing)
        slopes = enet_path(
            np.asfortranarray(columns), y - middle, l1_ratio=self.mixing,
            alphas=largest * SHARES, tol=1e-3, max_iter=5000,
        )[1]  # fmt: skip
        return slopes, middle


def correlations(X: Floats, y: Floats) -> Floats:
    """Return Pearson's r of every column, shape (n, columns), with the outcome; 0 if constant."""
    columns, outcome = X - X.mean(axis=0), y - y.mean()
    size = np.sqrt(np.einsum("ij,ij->j", columns, columns)) * np.linalg.norm(outcome)
    r: Floats = np.divide(outcome @ columns, size, out=np.zeros(X.shape[1]), where=size > 1e-12)
    return r
