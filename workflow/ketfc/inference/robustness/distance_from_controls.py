"""Distance of patients from healthy controls before and after, beside that of a control arm."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np

from ketfc.inference.core.bootstrap import Rows, two_sample_interval
from ketfc.inference.core.evidence import Interval
from ketfc.inference.core.linear import is_constant
from ketfc.inference.core.permutation import Blocks, Floats, orders_within, sign_flips

_TIE = 1e-10
"""Differences of distances that differ by less are equal: they differ by rounding only."""


@dataclass(frozen=True)
class Guard:
    """An approach to controls beside what regression to the mean, or time, brings about alone.

    Attributes
    ----------
    kind : str
        ``control arm``, or ``none`` (there is none: no claim can be made).
    expected : float
        The approach without any effect of treatment: that of the control arm.
    difference : float
        Observed less expected; below 0 where patients came closer than that.
    p : float
        Two-sided, by permuted arms.
    """

    kind: str
    expected: float
    difference: float
    p: float


NO_GUARD = Guard("none", nan, nan, nan)
"""There is no control arm."""


@dataclass(frozen=True)
class Distance:
    """Distance of the patients' mean from the controls', in the controls' standard deviations.

    Attributes
    ----------
    n, n_controls : int
        Patients and healthy controls.
    interval : ketfc.inference.core.evidence.Interval
        Bootstrap interval of `estimate` over patients and controls.
    before, after : float
        Distance (not negative) at baseline and at follow-up.
    estimate : float
        after − before: below 0 where patients came closer.
    p : float
        Two-sided, sessions swapped within patients.
    permutations : int or None
        Arrangements it rests on.
    crossed : bool
        Whether patients went past the controls' mean.
    obstacle : str or None
        ``too-few`` (fewer than 3 patients or controls) or ``constant`` where there are no numbers.
    """

    n: int
    n_controls: int
    interval: Interval
    before: float = nan
    after: float = nan
    estimate: float = nan
    p: float = nan
    permutations: int | None = None
    crossed: bool = False
    obstacle: str | None = None


def distance_from_controls(
    baseline: Floats,
    followup: Floats,
    controls: Floats,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
) -> Distance:
    """Compare the patients' distance from healthy controls before and after.

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,)
        Fisher z of the same patients.
    controls : numpy.ndarray of shape (m,)
        Fisher z of healthy controls, one session each.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Random swaps, and bootstrap samples.
    rng : numpy.random.Generator
        Stream of this test.

    Returns
    -------
    Distance
        It cannot be told from regression to the mean without :func:`guard_by_arm`. p is exact
        whichever controls were drawn: where nothing changes, swapped sessions are as likely. The
        interval covered .91 of 95 % in simulated studies where patients end at the controls' mean,
        and .93 to .99 elsewhere (12 to 40 patients, 12 to 40 controls).
    """
    n, m = len(baseline), len(controls)
    why = "too-few" if min(n, m) < 3 else None
    if why is None and (is_constant(controls) or is_constant(followup - baseline)):
        why = "constant"
    if why is not None:
        return Distance(n, m, Interval(nan, nan, why), obstacle=why)
    pre, post = _scaled(baseline, controls), _scaled(followup, controls)
    estimate = float(_approach(pre.mean(), post.mean()))
    signs, exhaustive = sign_flips(n, permutations=permutations, rng=rng)
    middle, half = (pre + post).mean() / 2, signs @ (post - pre) / (2 * n)
    null = _approach(middle - half, middle + half)
    beyond = int(np.count_nonzero(np.abs(null) >= abs(estimate) - _TIE))

    def resampled(rows: Rows, of_controls: Rows) -> Floats:
        # which sample of controls was drawn decides where they are, and the unit
        reference = controls[of_controls]
        centre, spread = reference.mean(axis=1), reference.std(axis=1, ddof=1)
        grown = _approach(
            baseline[rows].mean(axis=1) - centre, followup[rows].mean(axis=1) - centre
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(spread > 0, grown / spread, nan)

    return Distance(
        before=abs(float(pre.mean())),
        after=abs(float(post.mean())),
        estimate=estimate,
        interval=two_sample_interval(n, m, resampled, alpha=alpha, resamples=permutations, rng=rng),
        p=beyond / len(null) if exhaustive else (beyond + 1) / (len(null) + 1),
        permutations=len(null),
        n=n,
        n_controls=m,
        crossed=bool(pre.mean() * post.mean() < 0),
    )


def guard_by_arm(
    baseline: Floats,
    followup: Floats,
    treated: Floats,
    controls: Floats,
    *,
    permutations: int,
    rng: np.random.Generator,
    blocks: Blocks | None = None,
) -> Guard:
    """Compare the approach of the treated arm with that of the control arm.

    Parameters
    ----------
    baseline, followup, treated : numpy.ndarray of shape (n,)
        Fisher z of the patients of both arms, and 1 in the ketamine arm, 0 in the control arm.
    controls : numpy.ndarray of shape (m,)
        Fisher z of healthy controls.
    permutations : int
        Random assignments to arms.
    rng : numpy.random.Generator
        Stream of this test.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are assigned to arms within their block (site) only.

    Returns
    -------
    Guard
        ``none`` where an arm or the controls have fewer than 3, or the controls do not vary.
    """
    active = treated == 1
    few = min(int(active.sum()), int((~active).sum()), len(controls)) < 3
    if few or is_constant(controls):
        return NO_GUARD
    both = np.stack([_scaled(baseline, controls), _scaled(followup, controls)])
    blocks = np.zeros(len(treated), dtype=np.int64) if blocks is None else blocks
    order, exhaustive = orders_within(blocks, permutations=permutations, rng=rng)
    arms = np.stack([active / active.sum(), ~active / (~active).sum()])

    def approaches(weights: Floats) -> Floats:
        pre, post = np.einsum("tn,apn->tap", both, weights)
        return _approach(pre, post)

    observed = approaches(arms[:, np.newaxis])[:, 0]
    null = approaches(arms[:, order])
    difference = float(observed[0] - observed[1])
    beyond = int(np.count_nonzero(np.abs(null[0] - null[1]) >= abs(difference) - _TIE))
    return Guard(
        kind="control arm",
        expected=float(observed[1]),
        difference=difference,
        p=beyond / len(order) if exhaustive else (beyond + 1) / (len(order) + 1),
    )


def _scaled(values: Floats, controls: Floats) -> Floats:
    scaled: Floats = (values - controls.mean()) / controls.std(ddof=1)
    return scaled


def _approach(pre: Floats, post: Floats) -> Floats:
    """Return by how much the distance from 0 grew."""
    grown: Floats = np.abs(post) - np.abs(pre)
    return grown
