"""Mixed model of three or more sessions with planned contrasts between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp, log, sqrt

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.effect_sizes import DZ, hedges_factor
from ketfc.inference.core.evidence import Evidence, permutation_flags, untestable
from ketfc.inference.core.linear import is_constant
from ketfc.inference.core.permutation import Floats, sign_flip_test, stream

_RATIOS = (log(1e-4), log(1e6))
"""Search of the variance between participants over that within, in logarithms."""


def contrasts_over_time(
    values: Floats,
    contrasts: Mapping[str, Sequence[float]],
    *,
    alpha: float,
    permutations: int,
    seed: int,
    name: str,
) -> dict[str, Evidence]:
    """Estimate and test planned contrasts between time points.

    Parameters
    ----------
    values : numpy.ndarray of shape (n, times)
        Fisher z, a row per participant; NaN where a session is missing.
    contrasts : mapping of str to sequence of float
        Weight of each time point, by the contrast's name; weights add to 0.
    alpha : float
        Intervals cover 1 − `alpha`.
    permutations : int
        Random sign patterns per contrast.
    seed : int
        The study's seed.
    name : str
        What is tested, in the names of the random streams ``name/contrast``.

    Returns
    -------
    dict of str to Evidence
        By contrast. Estimate, interval, t and parametric p are those of a mixed model with a mean
        per time point and a random intercept per participant (restricted maximum likelihood, all
        sessions of everybody; degrees of freedom: sessions − participants − times + 1). The
        permutation p flips the signs of the contrast within the participants who have all the
        sessions that it needs; the effect size is their dz. Flag ``fallback: singular`` (no
        variance between participants was found) or ``fallback: not-converged`` (none within them,
        or too few sessions): the model has no trustworthy fit, and all numbers are those of the
        paired test of the same participants. Flag ``sessions-missing``: some participants have
        some of the sessions only. Without numbers, ``too-few`` or ``constant``.

    Raises
    ------
    ValueError
        If a contrast has another number of weights than there are time points, or they do not add
        to 0, or all are 0.

    References
    ----------
    Laird NM, Ware JH (1982), Biometrics 38:963–974.
    Schluchter MD, Elashoff JT (1990), J Stat Comput Simul 37:69–87 (degrees of freedom).
    """
    weights = {label: np.asarray(w, dtype=np.float64) for label, w in contrasts.items()}
    for label, w in weights.items():
        if w.shape != (values.shape[1],) or abs(w.sum()) > 1e-9 or not w.any():
            raise ValueError(
                f"contrast {label!r}: {len(w)} weights that add to {w.sum():g}, where "
                f"{values.shape[1]} that add to 0 are needed"
            )
    seen = np.isfinite(values)
    kept = seen.any(axis=0)
    model = _MixedModel(values[:, kept])
    found = {}
    for label, w in weights.items():
        test_id = f"{name}/{label}"
        paired = _paired(
            values, w, alpha=alpha, permutations=permutations, rng=stream(seed, test_id)
        )
        if paired.obstacle is None:
            paired = model.improve(paired, w[kept], alpha)
            if (seen.any(axis=1) & ~seen.all(axis=1)).any():
                paired = replace(paired, flags=(*paired.flags, "sessions-missing"))
        found[label] = paired
    return found


class _MixedModel:
    """A fitted mixed model, or the reason that there is no fit.

    Its only unknown that needs a search is the ratio of the variances between and within
    participants, along which the restricted likelihood is maximised; general optimisers of mixed
    models fail more often than there is no maximum.

    Parameters
    ----------
    values : numpy.ndarray of shape (n, times)
        With at least one value at every time.
    """

    def __init__(self, values: Floats) -> None:
        from scipy import optimize

        seen = np.isfinite(values)
        seen, values = seen[seen.any(axis=1)], values[seen.any(axis=1)]
        participants, times = seen.shape
        self.df = int(seen.sum()) - participants - times + 1
        self.failure: str | None = None
        if self.df < 1 or participants == 0 or is_constant(values[seen]):
            self.failure = "not-converged"
            return
        # in units of their own spread: the search does not see how small Fisher z are
        centre, scale = float(values[seen].mean()), float(values[seen].std())
        self._seen = seen.astype(np.float64)
        self._y = np.where(seen, (values - centre) / scale, 0.0)

        def lack(ratio: float) -> float:
            _, precision, unexplained = self._given(exp(ratio))
            within = (seen.sum() - times) * log(unexplained)
            between = float(np.log1p(exp(ratio) * seen.sum(axis=1)).sum())
            return float(within + between + np.linalg.slogdet(precision)[1])

        grid = np.linspace(*_RATIOS, 61)
        best = int(np.argmin([lack(ratio) for ratio in grid]))
        if best == 0:
            self.failure = "singular"
            return
        if best == len(grid) - 1:
            self.failure = "not-converged"
            return
        ratio = optimize.minimize_scalar(
            lack, bounds=(grid[best - 1], grid[best + 1]), method="bounded", options={"xatol": 1e-8}
        ).x
        means, precision, unexplained = self._given(exp(float(ratio)))
        self.means = means * scale + centre
        within = unexplained / (seen.sum() - times)
        self.covariance = np.linalg.inv(precision) * within * scale**2

    def _given(self, ratio: float) -> tuple[Floats, Floats, float]:
        """Return means, their precision and the weighted sum of squares for a ratio of variances.

        Of the inverse covariance of one participant's k sessions, 1 − ratio / (1 + k ratio) 11ᵀ,
        only sums over sessions are needed.
        """
        shrink = ratio / (1 + ratio * self._seen.sum(axis=1))
        sums = self._y.sum(axis=1)
        precision = np.diag(self._seen.sum(axis=0)) - (self._seen.T * shrink) @ self._seen
        weighted = self._y.sum(axis=0) - self._seen.T @ (shrink * sums)
        means: Floats = np.linalg.solve(precision, weighted)
        unexplained = (self._y**2).sum() - (shrink * sums**2).sum() - means @ weighted
        return means, precision, float(unexplained)

    def improve(self, paired: Evidence, weights: Floats, alpha: float) -> Evidence:
        """Return the paired evidence with the model's estimate in place of its own, if it fits."""
        from scipy import stats

        if self.failure is not None:
            return replace(paired, flags=(*paired.flags, f"fallback: {self.failure}"))
        estimate = float(weights @ self.means)
        error = sqrt(float(weights @ self.covariance @ weights))
        half = float(stats.t.ppf(1 - alpha / 2, self.df)) * error
        return replace(
            paired,
            estimate=estimate,
            ci_low=estimate - half,
            ci_high=estimate + half,
            statistic=estimate / error,
            df=self.df,
            p_parametric=float(2 * stats.t.sf(abs(estimate / error), self.df)),
        )


def _paired(
    values: Floats,
    weights: npt.NDArray[np.float64],
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
) -> Evidence:
    """Test the contrast within participants who have all the sessions it needs."""
    from scipy import stats

    needed = weights != 0
    complete = np.isfinite(values[:, needed]).all(axis=1)
    change = values[complete][:, needed] @ weights[needed]
    n = len(change)
    if n < 3:
        return untestable("too-few", f"{n} participants with all sessions, at least 3 are needed")
    if is_constant(change):
        return untestable("constant", f"the contrast is the same in all {n} participants")
    fit = stats.ttest_1samp(change, 0.0)
    ends = fit.confidence_interval(1 - alpha)
    test = sign_flip_test(change, permutations=permutations, rng=rng)
    return Evidence(
        estimate=float(change.mean()),
        ci_low=float(ends.low),
        ci_high=float(ends.high),
        effect_size=hedges_factor(n - 1) * float(change.mean() / change.std(ddof=1)),
        effect_size_type=DZ,
        statistic=float(fit.statistic),
        df=n - 1,
        p_permutation=test.p,
        p_parametric=float(fit.pvalue),
        permutations=test.permutations,
        flags=permutation_flags(
            exhaustive=test.exhaustive, smallest_p=test.smallest_p, alpha=alpha
        ),
    )
