"""Specification curve: many models of one question under the same arrangements of participants.

Simonsohn U, Simmons JP, Nelson LD (2020), Nat Hum Behav 4:1208–1214,
doi:10.1038/s41562-020-0912-z, test a curve by resampling under the null; here whole participants
are rearranged (Freedman–Lane, or sign flips of changes), in all specifications alike, so that
their dependence is kept. The null is sharp: nobody's outcome has to do with what is tested,
whatever the choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import numpy.typing as npt

from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.core.joint_tests import Models
from ketfc.inference.core.permutation import Floats, below, stream
from ketfc.inference.core.variance_groups import deviates
from ketfc.inference.design.model import Model
from ketfc.inference.specifications.arrangements import Arrangements, shared_arrangements

_PERFECT = 1e-14
"""Unexplained share of a sum of squares below which a fit leaves nothing unexplained."""

_TIE = 1e-7
"""Deviates that differ by less, of a size of 1 or of their own, differ by rounding only."""

_DIGITS = 10
"""Decimals up to which the numbers of two specifications are compared."""


@dataclass(frozen=True, eq=False)
class Member:
    """One specification: its model, and its participants in the order of the model's rows."""

    people: tuple[str, ...]
    model: Model


@dataclass(frozen=True)
class Point:
    """Result of one specification.

    Attributes
    ----------
    effect : float
        Partial correlation of outcome and term (of ranks where ranks are tested); of a mean change
        t/√(t² + df).
    statistic, df, p : float
        t, its degrees of freedom and its permutation p.
    n : int
        Participants.
    same_as : int or None
        The first specification with the same participants and numbers, which counts instead of
        this one.
    flags : tuple of str
        Why there are no numbers.
    """

    effect: float = nan
    statistic: float = nan
    df: float = nan
    p: float = nan
    n: int = 0
    same_as: int | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Curve:
    """Results of all specifications of one question, and the test of the whole.

    Attributes
    ----------
    points : tuple of Point
        In the order of the specifications.
    counted : int
        Specifications that could be tested, duplicates once.
    median_effect, lowest, highest : float
        Of their effects.
    median_deviate : float
        Median of the standard normal deviates that their t amount to: what `p_median` tests.
    p_median : float
        Two-sided p of that median.
    share_significant : float
        Share whose own two-sided p is not above alpha.
    p_share : float
        Share of arrangements in which as many would be significant.
    share_same_sign : float
        Share whose effect has the sign of the first specification's.
    permutations : int
        Arrangements.
    """

    points: tuple[Point, ...]
    counted: int = 0
    median_effect: float = nan
    lowest: float = nan
    highest: float = nan
    median_deviate: float = nan
    p_median: float = nan
    share_significant: float = nan
    p_share: float = nan
    share_same_sign: float = nan
    permutations: int = 0


def specification_curve(
    members: Sequence[Member],
    *,
    blocks: dict[str, int] | None,
    name: str,
    seed: int,
    permutations: int,
    alpha: float,
    direction: str | None = None,
) -> Curve:
    """Test all specifications of one question, and the median and share of the whole curve.

    Parameters
    ----------
    members : sequence of Member
        All specifications, that of the primary test first; all of means, or none.
    blocks : dict of str to int, or None
        Block of every participant of any of them.
    name : str
        Name of the primary test in random streams: arrangements are those of that test.
    seed, permutations : int
        The study's.
    alpha : float
        Level of the tests.
    direction : str or None
        ``+`` or ``-`` where the primary test is one-sided; `p` of each specification is then too,
        the tests of the curve stay two-sided.

    Returns
    -------
    Curve
        `p` of the first specification is exactly the primary test's.
    """
    people = sorted({who for member in members for who in member.people})
    first = sorted(members[0].people)
    drawn = shared_arrangements(
        people,
        first,
        blocks=None if blocks is None else np.array([blocks[who] for who in people]),
        flipped=members[0].model.term is None,
        permutations=permutations,
        rng=stream(seed, name),
    )
    points: list[Point] = []
    seen: dict[tuple[object, ...], int] = {}
    observed, nulls, significant = [], [], []
    for i, member in enumerate(members):
        found = _statistics(member, drawn)
        if isinstance(found, Evidence):
            points.append(Point(n=len(member.people), flags=found.flags))
            continue
        key = _key(member)
        if key in seen:
            points.append(replace(points[seen[key]], same_as=seen[key]))
            continue
        seen[key] = i
        all_of_them = drawn.complete(drawn.of(member.people))
        p = _p(found.observed, found.null, exhaustive=all_of_them, direction=direction)
        points.append(Point(found.effect, found.t, found.df, p, len(member.people)))
        observed.append(found.observed)
        nulls.append(found.null)
        significant.append(_significant(found, alpha=alpha, exhaustive=all_of_them))
    if not nulls:
        return Curve(tuple(points))
    exhaustive = all(drawn.complete(drawn.of(members[i].people)) for i in seen.values())
    effects = np.array([points[i].effect for i in seen.values()])
    median = float(np.median(observed))
    medians = np.median(np.stack(nulls), axis=0)
    shares = np.mean(significant, axis=0)
    return Curve(
        points=tuple(points),
        counted=len(effects),
        median_effect=float(np.median(effects)),
        lowest=float(effects.min()),
        highest=float(effects.max()),
        median_deviate=median,
        p_median=_p(median, medians, exhaustive=exhaustive),
        share_significant=float(shares[0]),
        p_share=_p(float(shares[0]), shares[1:], exhaustive=exhaustive),
        share_same_sign=float(np.mean(np.sign(effects) == np.sign(effects[0]))),
        permutations=len(medians),
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """A specification's statistics: `null` are the deviates of the arrangements."""

    effect: float
    t: float
    df: float
    observed: float
    null: Floats


def _statistics(member: Member, drawn: Arrangements) -> _Found | Evidence:
    """Return a specification's statistics, or why there are none."""
    model, rows = member.model, drawn.of(member.people)
    obstacle = model.obstacle
    if obstacle is None and model.by_ranks:
        model = model.ranked()
        obstacle = model.obstacle
    if obstacle is not None:
        return obstacle
    if model.term is None:
        return _mean(model.response[1], drawn.signs_of(rows))
    y, x = (column[:, np.newaxis] for column in (model.response[1], model.tested))
    fit = Models.fit(y, x, model.adjustment, groups=model.variance_groups)
    if fit.untestable:
        return untestable(fit.untestable[0], "the model cannot be fitted")
    ((t, df, observed, null),) = fit.statistics(drawn.orders_of(rows))
    return _Found(float(fit.partial_r[0]), t, df, observed, null)


def _mean(change: Floats, signs: Floats) -> _Found:
    n = len(change)
    unit = change / (np.linalg.norm(change) * np.sqrt(n))
    mean = np.array([unit.sum()])
    df = float(n - 1)
    null = deviates(_t_of(signs @ unit, df), df)
    t = _t_of(mean, df)
    return _Found(float(mean[0]), float(t[0]), df, float(deviates(t, df)[0]), null)


def _t_of(r: Floats, df: float) -> Floats:
    """Return t of means in bounded form, t / √(t² + df)."""
    left = 1.0 - r**2
    t: Floats = np.copysign(np.inf, r)
    np.divide(r * np.sqrt(df), np.sqrt(np.maximum(left, 0.0)), out=t, where=left > _PERFECT)
    return t


def _p(observed: float, null: Floats, *, exhaustive: bool, direction: str | None = None) -> float:
    """Return the share of arrangements that reach the observed statistic, that one included."""
    sign = -1.0 if direction == "-" else 1.0
    extreme, reached = np.abs(null), abs(observed)
    if direction is not None:
        extreme, reached = sign * null, sign * observed
    beyond, own = int(np.count_nonzero(extreme >= below(reached))), 0 if exhaustive else 1
    return (beyond + own) / (len(null) + own)


def _significant(found: _Found, *, alpha: float, exhaustive: bool) -> npt.NDArray[np.bool_]:
    """Return whether the observed statistic, then that of each arrangement, is significant.

    Each is judged as the observed one is, among all of them: that is what keeps their roles
    exchangeable.
    """
    sizes = np.abs(np.concatenate([[found.observed], found.null]))
    pool = np.sort(sizes[1:] if exhaustive else sizes)
    # of so many at least, the smallest is still significant
    most = int(np.floor(alpha * len(pool) + 1e-9))
    if most == len(pool):
        return np.ones(len(sizes), dtype=np.bool_)
    # one that equals the next smaller has more that reach it than are allowed
    edge = float(pool[len(pool) - most - 1])
    reached: npt.NDArray[np.bool_] = sizes > edge + _TIE * max(1.0, edge)
    return reached


def _key(member: Member) -> tuple[object, ...]:
    """Return what two specifications have in common that are the same test of the same numbers."""
    model = member.model
    columns = [model.response[1], *([] if model.term is None else [model.tested])]
    # the order of covariates changes nothing
    others = sorted(_rounded(column) for column in model.nuisance.values())
    return (member.people, model.by_ranks, *map(_rounded, columns), *others)


def _rounded(column: Floats) -> bytes:
    """Return the numbers of a column as bytes, without the digits that are rounding."""
    # adding zero makes a negative zero a positive one
    return (np.round(column, _DIGITS) + 0.0).tobytes()
