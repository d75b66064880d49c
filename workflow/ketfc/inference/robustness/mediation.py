"""How much of an association runs along a third variable: product of coefficients.

All is associational. Where the mediator was measured at the same time as the outcome and nobody
assigned it, an indirect association is no evidence of a pathway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from ketfc.inference.core.bootstrap import Rows, bca_interval
from ketfc.inference.core.evidence import Interval
from ketfc.inference.core.linear import obstacle
from ketfc.inference.core.permutation import Blocks, Floats

LABEL = "associational"
"""What every mediation is called wherever it is shown."""


@dataclass(frozen=True)
class Mediation:
    """Indirect association of a regressor with an outcome through a mediator.

    Attributes
    ----------
    n : int
        Participants.
    interval : ketfc.inference.core.evidence.Interval
        Bootstrap interval of the indirect association.
    a : float
        Slope of the mediator on the regressor.
    b : float
        Slope of the outcome on the mediator, given the regressor.
    indirect : float
        a · b.
    direct, total : float
        Slope of the outcome on the regressor with and without the mediator: total = direct + a·b.
    flag, obstacle : str or None
        Why there are no numbers, as a short word and in plain words.
    label : str
        :data:`LABEL`.
    """

    n: int
    interval: Interval
    a: float = nan
    b: float = nan
    indirect: float = nan
    direct: float = nan
    total: float = nan
    flag: str | None = None
    obstacle: str | None = None
    label: str = LABEL


def mediation(
    outcome: tuple[str, Floats],
    tested: tuple[str, Floats],
    mediator: tuple[str, Floats],
    covariates: Mapping[str, Floats],
    *,
    alpha: float,
    resamples: int,
    rng: np.random.Generator,
    blocks: Blocks | None = None,
) -> Mediation:
    """Split the association of a regressor with an outcome by a mediator.

    Parameters
    ----------
    outcome, tested, mediator : tuple of str and numpy.ndarray of shape (n,)
        Name in plain words and values: the SI score, the change in connectivity, the change in
        depression without its SI item.
    covariates : mapping of str to numpy.ndarray of shape (n,)
        Further columns of both models (the baseline score, the covariates).
    alpha : float
        The interval covers 1 − `alpha`.
    resamples : int
        Bootstrap samples of whole participants.
    rng : numpy.random.Generator
        Stream of this analysis.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are resampled within their block (site) only; give its columns among the
        `covariates`.

    Returns
    -------
    Mediation
        By least squares, with a BCa interval. Without numbers where either model cannot be fitted
        (see :func:`ketfc.inference.core.linear.obstacle`).

    References
    ----------
    MacKinnon DP, Lockwood CM, Williams J (2004), Multivariate Behav Res 39:99–128,
    doi:10.1207/s15327906mbr3901_4.
    """
    y, x, m = outcome[1], tested[1], mediator[1]
    hindrance = obstacle(outcome, {mediator[0]: m, tested[0]: x, **covariates}) or obstacle(
        mediator, {tested[0]: x, **covariates}
    )
    if hindrance is not None:
        flag = hindrance.flags[0]
        return Mediation(
            n=len(y),
            interval=Interval(nan, nan, flag),
            flag=flag,
            obstacle=hindrance.obstacle,
        )
    # standardised: resamples are judged solvable whatever the units
    columns = [x, m, y, *covariates.values()]
    spread = [float(column.std()) for column in columns]
    scaled = [(column - column.mean()) / sd for column, sd in zip(columns, spread, strict=True)]
    design = np.column_stack([np.ones(len(y)), *scaled[:1], *scaled[3:], scaled[1], scaled[2]])

    def paths(rows: Rows) -> tuple[Floats, Floats]:
        sample = design[rows]
        cross = sample.transpose(0, 2, 1) @ sample
        return _slope(cross, cross.shape[1] - 2)[:, 1], _slope(cross, cross.shape[1] - 1)[:, -1]

    def indirect(rows: Rows) -> Floats:
        a, b = paths(rows)
        return a * b

    whole = np.arange(len(y), dtype=np.intp)[np.newaxis]
    a, b = (float(path[0]) for path in paths(whole))
    total = float(np.linalg.lstsq(np.delete(design[:, :-1], -1, axis=1), design[:, -1])[0][1])
    interval = bca_interval(
        len(y), indirect, alpha=alpha, resamples=resamples, rng=rng, blocks=blocks
    )
    unit = spread[2] / spread[0]
    return Mediation(
        a=a * spread[1] / spread[0],
        b=b * spread[2] / spread[1],
        indirect=a * b * unit,
        interval=Interval(interval.low * unit, interval.high * unit, interval.obstacle),
        direct=(total - a * b) * unit,
        total=total * unit,
        n=len(y),
    )


def _slope(cross: Floats, target: int) -> Floats:
    """Return slopes of column `target` on all columns before it, from cross products.

    Parameters
    ----------
    cross : numpy.ndarray of shape (b, k, k)
        Cross products of the columns of each sample.
    target : int
        The outcome's column.

    Returns
    -------
    numpy.ndarray of shape (b, target)
        NaN for samples that determine no slopes.
    """
    left, right = cross[:, :target, :target], cross[:, :target, target]
    size = np.sqrt(np.einsum("bii->bi", left))
    safe = np.where(size > 0, size, 1.0)
    values = np.linalg.eigvalsh(left / safe[:, :, np.newaxis] / safe[:, np.newaxis])
    solvable = (size > 0).all(axis=1) & (values[:, 0] > 1e-9)
    slopes = np.full(right.shape, nan)
    slopes[solvable] = np.linalg.solve(left[solvable], right[solvable, :, np.newaxis])[..., 0]
    return slopes
