"""Shares of responders, of two arms or of people who had both drugs: differences and ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import inf, nan

import numpy as np

RISK_DIFFERENCE, RISK_RATIO, ODDS_RATIO = "risk difference", "risk ratio", "odds ratio"
NEEDED_TO_TREAT, NEEDED_TO_HARM = "number needed to treat", "number needed to harm"

EMPTY_CELL = "empty-cell"
"""Flag: a cell is empty; the ratios of two arms are of counts with a half added to each."""

NOT_ESTIMABLE = "not-estimable"
"""Flag: there is no such number, since the interval of the risk difference holds 0."""


@dataclass(frozen=True)
class Counts:
    """Events and participants of a treated and a control arm."""

    treated: int
    of_treated: int
    control: int
    of_control: int

    @property
    def table(self) -> list[list[int]]:
        """Events and others by arm, the treated arm first."""
        return [
            [self.treated, self.of_treated - self.treated],
            [self.control, self.of_control - self.control],
        ]


@dataclass(frozen=True)
class Matched:
    """People who had both drugs, by the drugs after which they had the event."""

    both: int
    treated_only: int
    control_only: int
    neither: int

    @property
    def n(self) -> int:
        """Everybody."""
        return self.both + self.treated_only + self.control_only + self.neither


@dataclass(frozen=True)
class ShareEffect:
    """One comparison of two shares; numbers that do not exist are not-a-number.

    Attributes
    ----------
    kind : str
        One of :data:`RISK_DIFFERENCE`, :data:`RISK_RATIO`, :data:`ODDS_RATIO`,
        :data:`NEEDED_TO_TREAT` and :data:`NEEDED_TO_HARM`.
    estimate, ci_low, ci_high : float
        The effect and its interval.
    flags : tuple of str
        :data:`EMPTY_CELL` or :data:`NOT_ESTIMABLE`.
    """

    kind: str
    estimate: float = nan
    ci_low: float = nan
    ci_high: float = nan
    flags: tuple[str, ...] = ()


def fisher_p(counts: Counts) -> float:
    """Return the two-sided p of Fisher's exact test."""
    from scipy import stats

    return float(stats.fisher_exact(counts.table).pvalue)


def share_effects(counts: Counts, *, alpha: float) -> list[ShareEffect]:
    """Compare the shares of two arms.

    Parameters
    ----------
    counts : Counts
        Somebody in both arms.
    alpha : float
        Intervals cover 1 − `alpha`.

    Returns
    -------
    list of ShareEffect
        The risk difference (treated − control) with Newcombe's interval; risk and odds ratio with
        intervals on the logarithmic scale (Katz, Woolf); and the number needed to treat, or to harm
        where the control arm does better, with the reciprocals of the difference's interval: none
        where that holds 0, since the number then runs from benefit over infinity to harm. For the
        ratios, half a participant is added to every cell where one is empty; there are none where
        nobody or everybody had the event.

    References
    ----------
    Newcombe RG (1998), Stat Med 17:873–890 (method 10, hybrid score interval).
    Altman DG (1998), BMJ 317:1309–1312, doi:10.1136/bmj.317.7168.1309.
    """
    from statsmodels.stats.contingency_tables import Table2x2
    from statsmodels.stats.proportion import confint_proportions_2indep

    difference = counts.treated / counts.of_treated - counts.control / counts.of_control
    low, high = confint_proportions_2indep(
        counts.treated,
        counts.of_treated,
        counts.control,
        counts.of_control,
        method="newcomb",
        compare="diff",
        alpha=alpha,
    )
    risk = ShareEffect(RISK_DIFFERENCE, difference, float(low), float(high))
    events = counts.treated + counts.control
    if events in (0, counts.of_treated + counts.of_control):
        ratios = [ShareEffect(kind) for kind in (RISK_RATIO, ODDS_RATIO)]
    else:
        cells = np.asarray(counts.table, dtype=np.float64)
        empty = bool((cells == 0).any())
        table = Table2x2(cells + 0.5 if empty else cells)
        flags = (EMPTY_CELL,) if empty else ()
        ratios = []
        for kind, name in ((RISK_RATIO, "riskratio"), (ODDS_RATIO, "oddsratio")):
            ends = getattr(table, f"{name}_confint")(alpha)
            ratio = float(getattr(table, name))
            ratios.append(ShareEffect(kind, ratio, float(ends[0]), float(ends[1]), flags))
    return [risk, *ratios, needed(risk)]


def mcnemar_p(counts: Matched) -> float:
    """Return the two-sided p of McNemar's exact test; 1 where nobody had the event once alone."""
    from statsmodels.stats.contingency_tables import mcnemar

    table = [[counts.both, counts.treated_only], [counts.control_only, counts.neither]]
    return min(1.0, float(mcnemar(table, exact=True).pvalue))


def matched_effects(counts: Matched, *, alpha: float) -> list[ShareEffect]:
    """Compare the shares of the same people after two drugs.

    Parameters
    ----------
    counts : Matched
        Somebody.
    alpha : float
        Intervals cover 1 − `alpha`.

    Returns
    -------
    list of ShareEffect
        The risk difference (treated − control) with Newcombe's interval for matched pairs; the
        conditional odds ratio, of those with the event once alone (treated : control), with the
        exact interval of its binomial share, infinite or zero where one of the two is empty; and
        the number needed, as :func:`share_effects` gives it. Neither is adjusted for period.

    References
    ----------
    Newcombe RG (1998), Stat Med 17:2635–2650 (method 10: score intervals, and a
    correlation with a correction for continuity).
    """
    from statsmodels.stats.proportion import proportion_confint

    n, once = counts.n, counts.treated_only + counts.control_only
    events = counts.both + counts.treated_only, counts.both + counts.control_only
    (one, low_one, high_one), (two, low_two, high_two) = (
        (count / n, *map(float, proportion_confint(count, n, alpha=alpha, method="wilson")))
        for count in events
    )
    margins = float(events[0] * (n - events[0]) * events[1] * (n - events[1]))
    product: float = counts.both * counts.neither - counts.treated_only * counts.control_only
    if product > 0:
        product = max(product - n / 2, 0.0)
    phi = product / margins**0.5 if margins else 0.0

    def width(near: float, far: float) -> float:
        # rounding may take the smallest sums of squares below 0
        return math.sqrt(max(0.0, near**2 - 2 * phi * near * far + far**2))

    difference = one - two
    risk = ShareEffect(
        RISK_DIFFERENCE,
        difference,
        difference - width(one - low_one, high_two - two),
        difference + width(high_one - one, two - low_two),
    )
    ratio = ShareEffect(ODDS_RATIO)
    if once:
        low, high = proportion_confint(counts.treated_only, once, alpha=alpha, method="beta")
        empty = (EMPTY_CELL,) if 0 in (counts.treated_only, counts.control_only) else ()
        ends = (_odds(counts.treated_only / once), _odds(float(low)), _odds(float(high)))
        ratio = ShareEffect(ODDS_RATIO, *ends, flags=empty)
    return [risk, ratio, needed(risk)]


def _odds(share: float) -> float:
    return inf if share >= 1 else share / (1 - share)


def needed(risk: ShareEffect) -> ShareEffect:
    """Return the number needed to treat, or to harm, for a risk difference.

    Parameters
    ----------
    risk : ShareEffect
        The difference in the share of those who do well, with its interval.

    Returns
    -------
    ShareEffect
        Flagged :data:`NOT_ESTIMABLE` and without numbers where the interval of the difference
        holds 0.
    """
    kind = NEEDED_TO_TREAT if risk.estimate >= 0 else NEEDED_TO_HARM
    if not (risk.ci_low > 0 or risk.ci_high < 0):
        return ShareEffect(kind, flags=(NOT_ESTIMABLE,))
    least, most = sorted(1 / abs(end) for end in (risk.ci_low, risk.ci_high))
    return ShareEffect(kind, 1 / abs(risk.estimate), least, most)
