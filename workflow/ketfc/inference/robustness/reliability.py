"""What unreliable measures do to correlations, and to the slope of a change on its baseline.

There is no Oldham's method here (change against the mean of both): it is misleading where
participants were selected by a cut-off at baseline, as every trial of suicidal ideation does, and
where effects differ between participants (Hayes RJ 1988, Stat Med 7:915–927,
doi:10.1002/sim.4780070903; Chiolero A et al. 2013, Front Public Health 1:29,
doi:10.3389/fpubh.2013.00029).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np

from ketfc.inference.core.linear import is_constant
from ketfc.inference.core.permutation import Floats


@dataclass(frozen=True)
class BaselineCoupling:
    """Slope of a change on its own baseline, as observed, as expected and as corrected.

    Attributes
    ----------
    r : float
        Correlation of baseline and change, as observed.
    r_independent : float
        The one expected if baseline and follow-up had nothing in common, given their spread:
        about −0.71 at equal spread.
    slope, ci_low, ci_high : float
        Regression of the change on the baseline.
    corrected, corrected_low, corrected_high : float
        The same had the baseline no measurement error, by Blomqvist's method: 0 where the change
        does not depend on the true baseline. The interval takes the reliability as known.
    obstacle : str or None
        ``too-few`` (n < 4) or ``constant`` where there are no numbers.
    """

    r: float = nan
    r_independent: float = nan
    slope: float = nan
    ci_low: float = nan
    ci_high: float = nan
    corrected: float = nan
    corrected_low: float = nan
    corrected_high: float = nan
    obstacle: str | None = None


def attenuated(true_r: float, reliability_x: float, reliability_y: float) -> float:
    """Return the correlation that is observed where the true one is `true_r`.

    With ``true_r=1`` this is the bound: the largest correlation that measures of such reliability
    can show. Spearman C (1904), Am J Psychol 15:72–101.

    Parameters
    ----------
    true_r : float
        Correlation of the true values.
    reliability_x, reliability_y : float
        Shares of the observed variances that are true, between 0 and 1.

    Raises
    ------
    ValueError
        If a reliability is not between 0 and 1.
    """
    return true_r * sqrt(_share(reliability_x) * _share(reliability_y))


def change_reliability(reliability: float, r: float) -> float:
    """Return the reliability of a change.

    Parameters
    ----------
    reliability : float
        Of the measure at either time.
    r : float
        Correlation between the times.

    Returns
    -------
    float
        (reliability − r) / (1 − r) at equal spread; 0 where r is no smaller than the reliability.

    Raises
    ------
    ValueError
        If the reliability is not between 0 and 1.
    """
    if _share(reliability) <= r:
        return 0.0
    return (reliability - r) / (1 - r)


def expected_coupling(sd_baseline: float, sd_followup: float, r: float = 0.0) -> float:
    """Return the correlation of baseline and change that their spread and correlation entail.

    Parameters
    ----------
    sd_baseline, sd_followup : float
        Standard deviations; not both 0.
    r : float
        Correlation between the times; 0 where they have nothing in common.
    """
    change = sqrt(sd_baseline**2 + sd_followup**2 - 2 * r * sd_baseline * sd_followup)
    return (r * sd_followup - sd_baseline) / change


def baseline_coupling(
    baseline: Floats, followup: Floats, *, reliability: float | None, alpha: float
) -> BaselineCoupling:
    """Regress the change on the baseline and correct for the baseline's measurement error.

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,)
        Values of the same participants.
    reliability : float or None
        Of the baseline in such participants, from repeated measurements; the corrected numbers are
        NaN without it.
    alpha : float
        Intervals cover 1 − `alpha`.

    Raises
    ------
    ValueError
        If the reliability is not above 0 and up to 1.

    References
    ----------
    Blomqvist N (1977), J Am Stat Assoc 72:746–749: (slope + 1 − reliability) / reliability.
    """
    from scipy import stats

    if reliability is not None and _share(reliability) == 0:
        raise ValueError("the reliability is 0: nothing can be corrected")
    n = len(baseline)
    why = "too-few" if n < 4 else None
    if why is None and (is_constant(baseline) or is_constant(followup - baseline)):
        why = "constant"
    if why is not None:
        return BaselineCoupling(obstacle=why)
    fit = stats.linregress(baseline, followup - baseline)
    half = float(stats.t.ppf(1 - alpha / 2, n - 2)) * float(fit.stderr)
    observed = np.array([fit.slope, fit.slope - half, fit.slope + half])
    corrected = (
        np.full(3, nan) if reliability is None else (observed + 1 - reliability) / reliability
    )
    return BaselineCoupling(
        r=float(fit.rvalue),
        r_independent=expected_coupling(float(baseline.std(ddof=1)), float(followup.std(ddof=1))),
        slope=float(observed[0]),
        ci_low=float(observed[1]),
        ci_high=float(observed[2]),
        corrected=float(corrected[0]),
        corrected_low=float(corrected[1]),
        corrected_high=float(corrected[2]),
    )


def _share(reliability: float) -> float:
    if not 0 <= reliability <= 1:
        raise ValueError(f"a reliability of {reliability}, where it must be between 0 and 1")
    return reliability
