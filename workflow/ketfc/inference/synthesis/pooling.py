"""Effects of several studies in one: random effects, a common effect, and without each study."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np

from ketfc.inference.core.permutation import Floats

TO_POOL = 2
"""With fewer studies nothing is pooled."""

TO_PREDICT = 3
"""With fewer studies there is no prediction interval: it has two degrees of freedom less than
there are studies."""


@dataclass(frozen=True)
class Pooled:
    """A meta-analysis; numbers that do not exist are not-a-number.

    Attributes
    ----------
    k : int
        Studies.
    estimate, se, ci_low, ci_high, df, p : float
        Mean of the distribution of effects, with Knapp and Hartung's error, or the one with τ²
        known where that is larger, and the t interval and two-sided p of k − 1 degrees of freedom.
    truncated : bool
        Whether Knapp and Hartung's error is smaller, and was not used.
    prediction_low, prediction_high : float
        Where the effect of a further study would lie, by t with k − 2 degrees of freedom.
    normal_low, normal_high : float
        The same by the normal distribution, as if τ² were known.
    tau2 : float
        Variance between studies (REML).
    q, q_p : float
        Cochran's Q with k − 1 degrees of freedom, and its p.
    i2 : float
        Share of the variation that is between studies, per cent, from Q.
    weights : numpy.ndarray of shape (k,)
        Of the studies, per cent.
    common, common_se, common_low, common_high : float
        Inverse-variance mean if all studies had the same effect, with its normal interval.
    """

    k: int
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    df: float
    p: float
    truncated: bool
    prediction_low: float
    prediction_high: float
    normal_low: float
    normal_high: float
    tau2: float
    q: float
    q_p: float
    i2: float
    weights: Floats
    common: float
    common_se: float
    common_low: float
    common_high: float


def pooled(estimates: Floats, variances: Floats, *, alpha: float) -> Pooled:
    """Combine the effects of studies.

    Parameters
    ----------
    estimates, variances : numpy.ndarray of shape (k,)
        At least :data:`TO_POOL` effects of one metric, with variances above 0.
    alpha : float
        Intervals cover 1 − `alpha`.

    Raises
    ------
    ValueError
        If there are fewer studies.

    References
    ----------
    Knapp G, Hartung J (2003), Stat Med 22:2693–2710, doi:10.1002/sim.1482.
    Röver C, Knapp G, Friede T (2015), BMC Med Res Methodol 15:99, doi:10.1186/s12874-015-0091-1
    (the larger of the two errors: of few studies that happen to agree, Knapp and Hartung's alone
    may be smaller than that of any of them).
    Higgins JPT, Thompson SG, Spiegelhalter DJ (2009), J R Stat Soc A 172:137–159,
    doi:10.1111/j.1467-985X.2008.00552.x (prediction interval).
    """
    from pymare import meta_regression
    from scipy import stats

    k = len(estimates)
    if k < TO_POOL:
        raise ValueError(f"{k} study cannot be pooled")
    result = meta_regression(y=estimates, v=variances, method="REML")
    found = {name: float(np.ravel(value)[0]) for name, value in result.get_fe_stats(alpha).items()}
    mean, df = found["est"], float(k - 1)
    about = {
        name: float(np.ravel(value)[0]) for name, value in result.get_heterogeneity_stats().items()
    }
    tau2 = float(np.ravel(result.tau2)[0])
    weights = 1 / (variances + tau2)
    wald = sqrt(1 / float(weights.sum()))
    se = max(found["se"], wald)
    reach = float(stats.t.ppf(1 - alpha / 2, df)) * se
    normal = float(stats.norm.ppf(1 - alpha / 2))
    spread = sqrt(tau2 + wald**2)
    low = high = nan
    if k >= TO_PREDICT:
        half = float(stats.t.ppf(1 - alpha / 2, k - 2)) * sqrt(tau2 + se**2)
        low, high = mean - half, mean + half
    precision = 1 / variances
    common = float(precision @ estimates / precision.sum())
    common_se = sqrt(1 / float(precision.sum()))
    return Pooled(
        k=k,
        estimate=mean,
        se=se,
        ci_low=mean - reach,
        ci_high=mean + reach,
        df=df,
        p=float(2 * stats.t.sf(abs(mean / se), df)),
        truncated=found["se"] < wald,
        prediction_low=low,
        prediction_high=high,
        normal_low=mean - normal * spread,
        normal_high=mean + normal * spread,
        tau2=tau2,
        q=about["Q"],
        q_p=about["p(Q)"],
        i2=about["I^2"],
        weights=100 * weights / weights.sum(),
        common=common,
        common_se=common_se,
        common_low=common - normal * common_se,
        common_high=common + normal * common_se,
    )
