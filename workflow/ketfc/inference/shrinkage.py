"""Estimates of the primary circuits, shrunken towards their common mean: ``tests/shrinkage.tsv``.

Five circuits of one study are not five studies: estimates scatter more than the true effects, and
the largest is the most exaggerated. A normal–normal model says by how much. It stands beside Holm's
correction and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import Floats, orthonormal
from ketfc.inference.design.model import Model
from ketfc.inference.families import PRIMARY_ASSOCIATION, PRIMARY_CHANGE
from ketfc.inference.hypotheses import Tested

SHRINKAGE_COLUMNS = (
    "hypothesis",
    "name",
    "test",
    "estimate",
    "ci_low",
    "ci_high",
    "shrunken",
    "shrunken_low",
    "shrunken_high",
    "mean",
    "mean_low",
    "mean_high",
    "tau",
    "circuits",
    "error_correlation",
    "flags",
)

LEAST = 3
"""With fewer circuits the spread between them cannot be told from error: its likelihood falls too
slowly to be integrated over."""

_NODES = 400


@dataclass(frozen=True, eq=False)
class Shrunken:
    """Estimates under a normal–normal model.

    Attributes
    ----------
    estimates, low, high : numpy.ndarray of shape (k,)
        Shrunken estimates (means of their distributions) and the ends of their intervals.
    mean, mean_low, mean_high : float
        The common mean.
    tau : float
        Standard deviation of the true effects between circuits, by restricted maximum likelihood;
        0 where they scatter no more than error does.
    """

    estimates: Floats
    low: Floats
    high: Floats
    mean: float
    mean_low: float
    mean_high: float
    tau: float


def shrunken_table(tested: Sequence[Tested], *, alpha: float) -> pd.DataFrame:
    """Shrink the estimates of the primary families of change and of association.

    Parameters
    ----------
    tested : sequence of Tested
        All tests of a study.
    alpha : float
        Intervals cover 1 − `alpha`.

    Returns
    -------
    pandas.DataFrame
        :data:`SHRINKAGE_COLUMNS`, a row per circuit of a primary family that could be tested.
        `estimate` and its interval are those of ``tests/hypotheses.tsv``; `mean`, `tau` (of
        correlations in Fisher z), the number of `circuits` and the mean correlation between the
        errors of two of them are those of the family. Without numbers and flagged
        ``too-few-circuits`` (fewer than :data:`LEAST`), ``too-few`` (so few participants that
        nothing is known of an error) or ``not-separable`` (the errors of some follow from those of
        others).
    """
    rows: list[dict[str, Any]] = []
    for family in (PRIMARY_CHANGE, PRIMARY_ASSOCIATION):
        members = [one for one in tested if one.family == family and one.evidence.obstacle is None]
        # of two questions within a family, each has its own circuits
        for test in dict.fromkeys(one.planned.test.name for one in members):
            rows += _family([one for one in members if one.planned.test.name == test], alpha)
    return pd.DataFrame(rows, columns=list(SHRINKAGE_COLUMNS))


def _family(members: list[Tested], alpha: float) -> list[dict[str, Any]]:
    by_ranks = members[0].model.by_ranks
    back = np.tanh if by_ranks else np.asarray
    estimates = np.array([one.evidence.estimate for one in members])
    about: dict[str, Any] = {"circuits": len(members), "flags": "too-few-circuits"}
    found = None
    if len(members) >= LEAST:
        covariance, correlation = error_covariance(members, alpha=alpha)
        known = bool(np.isfinite(covariance).all())
        about |= {
            "error_correlation": correlation,
            "flags": "not-separable" if known else "too-few",
        }
        if known and _separable(covariance):
            found = shrink(
                np.arctanh(estimates) if by_ranks else estimates, covariance, alpha=alpha
            )
            ends = found.mean, found.mean_low, found.mean_high
            about |= dict(
                zip(
                    ("mean", "mean_low", "mean_high"),
                    [float(back(end)) for end in ends],
                    strict=True,
                )
            )
            about |= {"tau": found.tau, "flags": None}
    rows: list[dict[str, Any]] = []
    for i, one in enumerate(members):
        own = (nan, nan, nan) if found is None else (found.estimates, found.low, found.high)
        shown = [float(back(each[i])) if isinstance(each, np.ndarray) else each for each in own]
        rows.append(
            {
                "hypothesis": one.planned.circuit.id,
                "name": one.planned.circuit.name,
                "test": one.planned.test.name,
                "estimate": one.evidence.estimate,
                "ci_low": one.evidence.ci_low,
                "ci_high": one.evidence.ci_high,
            }
            | dict(zip(("shrunken", "shrunken_low", "shrunken_high"), shown, strict=True))
            | about
        )
    return rows


def _separable(covariance: Floats) -> bool:
    """Return whether no error follows from the others."""
    values = np.linalg.eigvalsh(covariance)
    return bool(values[0] > 1e-6 * values[-1])


def error_covariance(members: Sequence[Tested], *, alpha: float) -> tuple[Floats, float]:
    """Return the covariance of the errors of several circuits' estimates.

    The circuits are measured in the same participants, so their errors are correlated. What each
    participant adds to an estimate (its influence) gives that correlation; somebody who is in one
    test alone adds nothing to it.

    Parameters
    ----------
    members : sequence of Tested
        Tests of one kind that could be made.
    alpha : float
        Their intervals cover 1 − `alpha`.

    Returns
    -------
    covariance : numpy.ndarray of shape (k, k)
        Standard errors are the half-widths of the tests' own intervals (of rank correlations in
        Fisher z) over the normal quantile, so that shrinking knows how few participants there are;
        of a change without an interval HC2's, as much wider as t is. NaN with too few.
    correlation : float
        Mean correlation between two errors.
    """
    parts = []
    for one in members:
        people = list(map(str, one.planned.sample.complete.index))
        parts.append(pd.Series(influence(one.model), index=people))
    influences = pd.concat(parts, axis=1).fillna(0.0).to_numpy(dtype=np.float64)
    lengths = np.linalg.norm(influences, axis=0)
    correlation = influences.T @ influences / np.outer(lengths, lengths)
    errors = np.array(
        [_error(one, float(s), alpha) for one, s in zip(members, lengths, strict=True)]
    )
    k = len(members)
    mean = float((correlation.sum() - k) / (k * (k - 1)))
    return correlation * np.outer(errors, errors), mean


def influence(model: Model) -> Floats:
    """Return what each participant adds to the estimate of a model, beside its expectation.

    Parameters
    ----------
    model : Model
        One that can be fitted.

    Returns
    -------
    numpy.ndarray of shape (n,)
        Their squares add up to HC2's variance of a mean or a slope; of a rank correlation they are
        those of its Fisher z.
    """
    if model.by_ranks:
        ranked = model.ranked()
        basis = orthonormal(ranked.adjustment)
        y, x = (
            column - basis @ (basis.T @ column) for column in (ranked.response[1], ranked.tested)
        )
        u, v = y / np.sqrt((y**2).mean()), x / np.sqrt((x**2).mean())
        r = float((u * v).mean())
        added: Floats = (u * v - r * (u**2 + v**2) / 2) / ((1 - r**2) * model.n)
        return added
    y = model.response[1]
    if model.term is None:
        own, space = np.ones(model.n), np.ones((model.n, 1)) / model.n**0.5
    else:
        basis = orthonormal(model.adjustment)
        own = model.tested - basis @ (basis.T @ model.tested)
        space = orthonormal(np.column_stack([model.adjustment, model.tested]))
    free = 1 - (space**2).sum(axis=1)
    left = y - space @ (space.T @ y)
    # somebody whom the model fits whatever they have says nothing
    spread = np.where(free > 1e-9, left / np.sqrt(np.maximum(free, 1e-9)), 0.0)
    added = own / (own @ own) * spread
    return added


def _error(one: Tested, length: float, alpha: float) -> float:
    """Return the standard error that an estimate's interval stands for, as of a normal estimate."""
    from scipy import stats

    evidence, model = one.evidence, one.model
    ends = np.array([evidence.ci_low, evidence.ci_high])
    z = float(stats.norm.ppf(1 - alpha / 2))
    if np.isfinite(ends).all():
        low, high = np.arctanh(ends) if model.by_ranks else ends
        return float(high - low) / (2 * z)
    df = model.n - 1 - len(model.regressors)
    if model.by_ranks or df < 3:
        return nan
    return length * float(stats.t.ppf(1 - alpha / 2, df)) / z


def shrink(estimates: Floats, covariance: Floats, *, alpha: float) -> Shrunken:
    """Shrink estimates towards their common mean, as much as their scatter asks for.

    estimates ~ N(θ, covariance), θ ~ N(μ, τ²) each, with flat priors of μ and τ. The shrunken
    estimates and intervals are integrated over the restricted likelihood of τ instead of taken at
    its maximum: there τ is 0 half of the time where circuits are few, and an interval that takes
    τ = 0 for known is far too short.

    Parameters
    ----------
    estimates : numpy.ndarray of shape (k,)
        Estimates; k ≥ 3.
    covariance : numpy.ndarray of shape (k, k)
        Of their errors, taken as known; positive definite.
    alpha : float
        The intervals cover 1 − `alpha`.

    Returns
    -------
    Shrunken
        In the units of the estimates.

    References
    ----------
    Morris CN (1983), J Am Stat Assoc 78:47–55, doi:10.1080/01621459.1983.10477920 (empirical Bayes
    with intervals that know that τ is estimated).
    Gelman A (2006), Bayesian Anal 1:515–534, doi:10.1214/06-BA117A (flat prior of τ, k ≥ 3).
    """
    from scipy import stats

    k = len(estimates)
    scale = float(np.sqrt(np.trace(covariance) / k))
    # τ = scale · u / (1 − u) takes [0, 1) to all of τ
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    u = (nodes + 1) / 2
    taus = scale * u / (1 - u)
    fits = [predictions(float(tau), estimates, covariance) for tau in taus]
    likelihood = np.array([fit[0] for fit in fits])
    share = np.exp(likelihood - likelihood.max()) * weights / (1 - u) ** 2
    share /= share.sum()
    means = np.array([np.append(fit[1], fit[3]) for fit in fits])
    spreads = np.sqrt(np.array([np.append(fit[2], fit[4]) for fit in fits]))
    centres = share @ means

    def end(which: int, level: float) -> float:
        from scipy import optimize

        def missing(at: float) -> float:
            below = stats.norm.cdf((at - means[:, which]) / spreads[:, which])
            return float(share @ below) - level

        reach = 50 * (scale + float(np.ptp(estimates)))
        middle = float(centres[which])
        return float(optimize.brentq(missing, middle - reach, middle + reach))

    ends = np.array([[end(i, level) for i in range(k + 1)] for level in (alpha / 2, 1 - alpha / 2)])
    return Shrunken(
        estimates=centres[:k],
        low=ends[0, :k],
        high=ends[1, :k],
        mean=float(centres[k]),
        mean_low=float(ends[0, k]),
        mean_high=float(ends[1, k]),
        tau=restricted_tau(estimates, covariance),
    )


def restricted_tau(estimates: Floats, covariance: Floats) -> float:
    """Return the standard deviation between true effects, by restricted maximum likelihood.

    Parameters are those of :func:`shrink`.
    """
    from scipy import optimize

    most = 10 * float(np.ptp(estimates)) + 1e-12
    grid = np.linspace(0, most**0.5, 200) ** 2
    at = int(np.argmax([predictions(float(tau), estimates, covariance)[0] for tau in grid]))
    if at == 0:
        near = (0.0, float(grid[1]))
    else:
        near = (float(grid[at - 1]), float(grid[min(at + 1, len(grid) - 1)]))
    found = optimize.minimize_scalar(
        lambda tau: -predictions(float(tau), estimates, covariance)[0],
        bounds=near,
        method="bounded",
        options={"xatol": 1e-10 * most},
    )
    zero = predictions(0.0, estimates, covariance)[0]
    return float(found.x) if -found.fun > zero + 1e-9 else 0.0


def predictions(
    tau: float, estimates: Floats, covariance: Floats
) -> tuple[float, Floats, Floats, float, float]:
    """Return the restricted log-likelihood of τ, and the predictions that τ makes of the estimates.

    Parameters
    ----------
    tau : float
        Standard deviation between true effects.
    estimates, covariance
        As for :func:`shrink`.

    Returns
    -------
    likelihood : float
        But for a constant.
    means, variances : numpy.ndarray of shape (k,)
        Best linear unbiased predictions, with the error of the common mean in their variances.
    mean, variance : float
        The common mean by generalised least squares.
    """
    k = len(estimates)
    inverse = np.linalg.inv(covariance + tau**2 * np.eye(k))
    weight = inverse.sum(axis=1)
    total = float(weight.sum())
    mean = float(weight @ estimates) / total
    left = estimates - mean
    likelihood = (np.linalg.slogdet(inverse)[1] - np.log(total) - float(left @ inverse @ left)) / 2
    pull = tau**2 * inverse
    means = mean + pull @ left
    own = tau**2 * (1 - np.diag(pull))
    variances = own + (1 - tau**2 * weight) ** 2 / total
    return likelihood, means, variances, mean, 1 / total
