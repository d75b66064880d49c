"""Mixed model for repeated measures: two arms compared at every follow-up of a trial.

The response is connectivity at the follow-ups; every column (arm, baseline, covariates) has a
coefficient of its own at each of them. Participants enter with the follow-ups that they have. The
covariance between follow-ups is estimated by restricted maximum likelihood, standard errors and
degrees of freedom are those of Kenward and Roger. With nobody missing and one covariance for both
arms, this is the analysis of covariance of each follow-up with its classical t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.core.permutation import Floats

STRUCTURES = ("unstructured-by-arm", "unstructured", "compound-symmetry")
"""Structures of the covariance between follow-ups, in the order in which they are tried."""

_ITERATIONS = 100
_TOLERANCE = 1e-10
"""Of Fisher scoring: the squared length of a step in standard errors of the variances."""

_SINGULAR = 1e-10
"""Smallest over largest eigenvalue of a matrix that can be inverted."""


def arms_over_time(
    followups: Floats,
    treated: Floats,
    nuisance: Floats,
    *,
    alpha: float,
    structures: Sequence[str] = STRUCTURES,
) -> list[Evidence]:
    """Compare two arms at every follow-up in one model of all of them.

    Parameters
    ----------
    followups : numpy.ndarray of shape (n, times)
        Fisher z, NaN where a session is missing.
    treated : numpy.ndarray of shape (n,)
        1 in the ketamine arm, 0 in the control arm.
    nuisance : numpy.ndarray of shape (n, k)
        Intercept, baseline and covariates, without missing values.
    alpha : float
        Intervals cover 1 − `alpha`.
    structures : sequence of str
        Those of :data:`STRUCTURES` to try, in order; the first that can be fitted is reported.

    Returns
    -------
    list of Evidence
        By follow-up: the difference between the arms, its interval, t, degrees of freedom and p
        (parametric). Flags ``sessions-missing`` (somebody has some of the follow-ups only) and,
        where the first structure could not be fitted, ``fallback: NAME`` of the one that was.
        Without numbers: ``too-few`` or ``collinear`` for a follow-up whose own participants cannot
        tell the columns apart, ``not-estimable`` where no structure can be fitted.

    References
    ----------
    Mallinckrodt CH et al. (2008), Drug Inf J 42:303–319, doi:10.1177/009286150804200402.
    Kenward MG, Roger JH (1997), Biometrics 53:983–997, doi:10.2307/2533558.
    """
    from scipy import stats

    times = followups.shape[1]
    columns = np.column_stack([treated, nuisance])
    seen = np.isfinite(followups)
    few = [_too_few(columns[seen[:, t]]) for t in range(times)]
    kept = [t for t in range(times) if few[t] is None]
    if not kept:
        return [one for one in few if one is not None]
    there = seen[:, kept].any(axis=1)
    data = _Data(followups[there][:, kept], columns[there])
    fitted = None
    for structure in structures:
        fitted = _fit(data, _bases(structure, len(kept)))
        if fitted is not None:
            break
    if fitted is None:
        why = "no covariance between the follow-ups could be estimated"
        found = iter([untestable("not-estimable", why)] * len(kept))
    else:
        flags = [] if data.complete else ["sessions-missing"]
        flags += [] if structure == structures[0] else [f"fallback: {structure}"]
        quantile = 1 - alpha / 2
        found = iter(
            Evidence(
                estimate=estimate,
                ci_low=estimate - stats.t.ppf(quantile, df) * error,
                ci_high=estimate + stats.t.ppf(quantile, df) * error,
                statistic=estimate / error,
                df=df,
                p_parametric=float(2 * stats.t.sf(abs(estimate / error), df)),
                flags=tuple(flags),
            )
            for estimate, error, df in fitted.first_coefficients()
        )
    return [next(found) if one is None else one for one in few]


def _too_few(columns: Floats) -> Evidence | None:
    """Return the reason that a follow-up cannot be modelled, None where it can."""
    n, needed = len(columns), columns.shape[1] + 2
    if n < needed:
        return untestable("too-few", f"{n} participants at this follow-up, {needed} are needed")
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        return untestable("collinear", "arm, baseline and covariates determine one another there")
    return None


class _Data:
    """Responses and columns as the sums that the likelihood needs, in units of their spread.

    Parameters
    ----------
    y : numpy.ndarray of shape (n, times)
        Responses, NaN where missing.
    columns : numpy.ndarray of shape (n, columns)
        The arm first.

    Attributes
    ----------
    arm, size, seen : numpy.ndarray of shape (groups,), (groups,) and (groups, times)
        Of the participants of one arm who have the same follow-ups: the arm (0 or 1), how many
        they are, and which follow-ups they have.
    xx, yx, yy : numpy.ndarray, the first axis the groups
        Sums of products of columns and responses, those of follow-ups they lack 0.
    """

    def __init__(self, y: Floats, columns: Floats) -> None:
        seen = np.isfinite(y)
        self.times, self.columns, self.complete = y.shape[1], columns.shape[1], bool(seen.all())
        # in units of what the columns leave: steps do not see how small Fisher z are
        left = [
            y[own, t] - columns[own] @ np.linalg.lstsq(columns[own], y[own, t])[0]
            for t, own in enumerate(seen.T)
        ]
        self.variances = np.array([one @ one / (len(one) - self.columns) for one in left])
        self.unit = float(self.variances.mean() ** 0.5) or 1.0
        arm = (columns[:, 0] > columns[:, 0].mean()).astype(np.int64)
        keys, of = np.unique(np.column_stack([arm, seen]), axis=0, return_inverse=True)
        self.arm, self.seen, self.size = keys[:, 0], keys[:, 1:] == 1, np.bincount(of)
        member = (of == np.arange(len(keys))[:, np.newaxis]).astype(np.float64)
        filled = np.where(seen, y / self.unit, 0.0)
        self.xx = np.einsum("gn,ni,nj->gij", member, columns, columns)
        self.yx = np.einsum("gn,ni,nj->gij", member, filled, columns)
        self.yy = np.einsum("gn,ni,nj->gij", member, filled, filled)

    def summed(self, weights: Floats) -> Floats:
        """Return the sum over participants of X' W X, follow-ups outer, columns inner.

        `weights` has a shape (..., groups, times, times).
        """
        size = self.times * self.columns
        both: Floats = np.einsum("...gij,gab->...iajb", weights, self.xx)
        return both.reshape(*weights.shape[:-3], size, size)

    def unexplained(self, coefficients: Floats) -> Floats:
        """Return the sums of products of the residuals, shape (groups, times, times)."""
        by_time = coefficients.reshape(self.times, self.columns)
        told = self.yx @ by_time.T
        left: Floats = self.yy - told - told.transpose(0, 2, 1) + by_time @ self.xx @ by_time.T
        return left


def _bases(structure: str, times: int) -> Floats:
    """Return matrices whose weighted sum is the covariance, shape (parameters, arms, times, times).

    Every structure is linear in its parameters, so that Kenward and Roger's correction needs no
    second derivatives.
    """
    one = np.eye(times)
    if structure == "compound-symmetry":
        return np.stack([[one, one], [np.ones((times, times))] * 2])
    pairs = [(i, j) for i in range(times) for j in range(i + 1)]
    both = np.stack(
        [np.maximum(np.outer(one[i], one[j]), np.outer(one[j], one[i])) for i, j in pairs]
    )
    if structure == "unstructured":
        return np.stack([both, both], axis=1)
    none = np.zeros_like(both)
    return np.concatenate([np.stack([both, none], axis=1), np.stack([none, both], axis=1)])


@dataclass(frozen=True, eq=False)
class _State:
    """The model at one covariance."""

    lack: float
    """−2 log restricted likelihood, without its constant."""
    coefficients: Floats
    covariance: Floats
    """Of the coefficients, the variances taken as known."""
    weights: Floats
    """Of each group, the inverse covariance of its follow-ups, 0 for those they lack."""


@dataclass(frozen=True, eq=False)
class _Fit:
    """A fitted model: coefficients, and what Kenward and Roger make of their covariance."""

    data: _Data
    state: _State
    slopes: Floats
    """Of the covariance of the coefficients over each parameter."""
    of_parameters: Floats
    """Covariance of the parameters: their inverse expected information."""
    correction: Floats

    def first_coefficients(self) -> list[tuple[float, float, float]]:
        """Return the first column's coefficient, error and degrees of freedom, by follow-up."""
        found = []
        for i in range(0, len(self.state.coefficients), self.data.columns):
            plain = self.state.covariance[i, i]
            slope = self.slopes[:, i, i]
            error = (plain + self.correction[i, i]) ** 0.5 * self.data.unit
            df = 2 * plain**2 / (slope @ self.of_parameters @ slope)
            found.append(
                (float(self.state.coefficients[i]) * self.data.unit, float(error), float(df))
            )
        return found


def _fit(data: _Data, bases: Floats) -> _Fit | None:
    """Fit the model by Fisher scoring of the restricted likelihood; None where that fails."""
    # from no covariance between the follow-ups, each with its own variance
    start = np.diag(data.variances) / data.unit**2
    flat = bases.reshape(len(bases), -1)
    parameters = _inverse(flat @ flat.T) @ flat @ np.stack([start, start]).ravel()
    state = _state(data, bases, parameters)
    for _ in range(_ITERATIONS):
        if state is None:
            return None
        score, information, slopes, correction = _derivatives(data, bases, state)
        values = np.linalg.eigvalsh(information)
        if not values[0] > _SINGULAR * values[-1]:
            return None
        step = np.linalg.solve(information, score)
        if score @ step < _TOLERANCE:
            of_parameters = _inverse(information)
            corrected = 2 * np.einsum("kl,klij->ij", of_parameters, correction)
            # the correction is an approximation that can take more than there is in small arms
            if not (np.diag(state.covariance + corrected) > 0).all():
                return None
            return _Fit(data, state, slopes, of_parameters, corrected)
        better = None
        for halving in range(20):
            trial: Floats = parameters + step / 2**halving
            better = _state(data, bases, trial)
            if better is not None and better.lack <= state.lack + 1e-12 * abs(state.lack):
                break
            better = None
        state, parameters = better, trial
    return None


def _state(data: _Data, bases: Floats, parameters: Floats) -> _State | None:
    """Return the model at one covariance, None where that is no covariance."""
    covariances = np.einsum("k,kaij->aij", parameters, bases)
    values = np.linalg.eigvalsh(covariances)
    if not (values[:, 0] > _SINGULAR * values[:, -1]).all():
        return None
    weights, lack = np.zeros((len(data.arm), data.times, data.times)), 0.0
    for weight, arm, seen, size in zip(weights, data.arm, data.seen, data.size, strict=True):
        own = np.ix_(seen, seen)
        weight[own] = _inverse(covariances[arm][own])
        lack -= float(size * np.linalg.slogdet(weight[own])[1])
    precision = data.summed(weights)
    covariance = _inverse(precision)
    coefficients = covariance @ (weights @ data.yx).sum(axis=0).ravel()
    lack += float(np.linalg.slogdet(precision)[1])
    lack += float((weights * data.unexplained(coefficients)).sum())
    return _State(lack, coefficients, covariance, weights)


def _derivatives(
    data: _Data, bases: Floats, state: _State
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return score, expected information, slopes of the coefficients' covariance, correction.

    The last, shape (parameters, parameters, coefficients, coefficients), is to be weighted by twice
    the covariance of the parameters.
    """
    known, weights, own = state.covariance, state.weights, bases[:, data.arm]
    # the slopes of the weights, but for their sign
    turned = weights @ own @ weights
    precisions = data.summed(turned)
    slopes = known @ precisions @ known
    score = (
        (turned * data.unexplained(state.coefficients)).sum(axis=(1, 2, 3))
        - np.einsum("g,kgij,gij->k", data.size, own, weights)
        + (known * precisions).sum(axis=(1, 2))
    ) / 2
    both = data.summed(turned[:, np.newaxis] @ own @ weights)
    product = precisions[:, np.newaxis] @ known @ precisions
    information = (
        np.einsum("g,kgij,mgij->km", data.size, turned, own)
        - np.einsum("ij,kmji->km", known, 2 * both - product)
    ) / 2
    return score, information, slopes, known @ (both - product) @ known


def _inverse(matrix: Floats) -> Floats:
    return np.linalg.inv(matrix).astype(np.float64)
