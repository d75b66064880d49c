"""Ketamine against a control drug within the same participants, whatever the period did.

A study of two drugs in two periods confounds drug and period within each order of the drugs, and
tells them apart by comparing the two orders. Without that, a difference between periods counts as
one between drugs as soon as one order has more participants than the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.core.effect_sizes import hedges_factor
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.linear import regression_evidence
from ketfc.inference.core.permutation import Blocks, Floats
from ketfc.inference.core.ranks import rank_evidence
from ketfc.study.design.design import AFTER_FIRST, KETAMINE_FIRST, Design

DZ_WITHIN_ORDER = "dz within orders (Hedges g)"
"""Difference between drugs in pooled standard deviations of the difference within an order."""


def crossover_evidence(
    complete: pd.DataFrame,
    instrument: str | None,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    direction: str | None = None,
    covariates: Mapping[str, Floats] = MappingProxyType({}),
    blocks: Blocks | None = None,
) -> Evidence:
    """Run the test of a crossover on its complete participants.

    Parameters
    ----------
    complete : pandas.DataFrame
        Rows of :func:`ketfc.inference.design.samples.participant_table`; its baseline is the
        session after the control drug.
    instrument : str or None
        The score whose difference is tested for association with that in connectivity; None for
        the difference in connectivity itself.
    alpha, permutations, rng, direction, covariates, blocks
        As for :func:`drug_difference`; an association has no direction.
    """
    control, ketamine, before, after = (
        complete[column].to_numpy(dtype=np.float64)
        for column in ("z_baseline", "z_followup", "si_baseline", "si_followup")
    )
    first = np.asarray(complete["sequence"] == KETAMINE_FIRST, dtype=np.float64)
    settings: dict[str, Any] = {"alpha": alpha, "permutations": permutations, "rng": rng}
    settings |= {"covariates": covariates, "blocks": blocks}
    if instrument is None:
        return drug_difference(control, ketamine, first, direction=direction, **settings)
    score = (f"the difference in {instrument} between the drugs", after - before)
    return drug_association(ketamine - control, score, first, **settings)


def drug_difference(
    control: Floats,
    ketamine: Floats,
    ketamine_first: Floats,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    direction: str | None = None,
    covariates: Mapping[str, Floats] = MappingProxyType({}),
    blocks: Blocks | None = None,
) -> Evidence:
    """Compare two drugs within participants, adjusted for period.

    The differences between a participant's periods (second drug subtracted from first) are
    compared between the two orders: half of what the orders differ by is the effect of the drug,
    half of what they share is that of the period. Under the hypothesis that nobody would have
    measured otherwise under the other drug, those differences do not depend on the order, so that
    exchanging participants between orders, as the allocation might have, is an exact test: there
    is no nuisance beside the intercept that the permutation of Freedman and Lane would have to
    estimate.

    Parameters
    ----------
    control, ketamine : numpy.ndarray of shape (n,)
        Fisher z of the same participants after each drug.
    ketamine_first : numpy.ndarray of shape (n,)
        1 where ketamine came first, 0 where the control drug did; at least two of each.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random allocations.
    rng : numpy.random.Generator
        Stream of this test.
    direction : str or None
        ``+`` or ``-`` for a test of a rise or a fall alone, as preregistered.
    covariates : mapping of str to numpy.ndarray of shape (n,)
        Further columns to be adjusted for, by their names. Those of the blocks leave the test
        exact: no exchange within blocks changes them.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are exchanged within their block (site) only.

    Returns
    -------
    Evidence
        Mean of ketamine − control over both orders, each with half the weight, with permutation p
        and interval. The effect size divides it by the standard deviation of the differences
        pooled within orders, times Hedges' factor.

    References
    ----------
    Hills M, Armitage P (1979), Br J Clin Pharmacol 8:7–20,
    doi:10.1111/j.1365-2125.1979.tb05903.x (estimate and t).
    Senn S (2002), Cross-over trials in clinical research, 2nd ed., chapter 3.
    """
    order = 2.0 * ketamine_first - 1.0
    periods = (ketamine - control) * order
    evidence = regression_evidence(
        ("the difference between periods", periods),
        {"the order of the drugs": order, **covariates},
        alpha=alpha,
        permutations=permutations,
        rng=rng,
        direction=direction,
        blocks=blocks,
    )
    if evidence.obstacle is not None:
        return evidence
    df = len(periods) - 2
    within = [periods[order == side] for side in (-1.0, 1.0)]
    pooled = (sum(float(((d - d.mean()) ** 2).sum()) for d in within) / df) ** 0.5
    return replace(
        evidence,
        effect_size=hedges_factor(df) * evidence.estimate / pooled if pooled > 0 else np.nan,
        effect_size_type=DZ_WITHIN_ORDER,
    )


def drug_association(
    connectivity: Floats,
    score: tuple[str, Floats],
    ketamine_first: Floats,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
    covariates: Mapping[str, Floats] = MappingProxyType({}),
    blocks: Blocks | None = None,
) -> Evidence:
    """Correlate the differences between drugs in a score and in connectivity, given their order.

    Without the order, effects of period on both would pass for an association.

    Parameters
    ----------
    connectivity : numpy.ndarray of shape (n,)
        Fisher z after ketamine minus that after the control drug.
    score : tuple of str and numpy.ndarray of shape (n,)
        Name in plain words and values of the same difference in the score.
    ketamine_first : numpy.ndarray of shape (n,)
        1 where ketamine came first, 0 where the control drug did.
    alpha, permutations, rng, covariates, blocks
        As for :func:`drug_difference`.

    Returns
    -------
    Evidence
        Partial Spearman correlation (:func:`ketfc.inference.core.ranks.rank_evidence`).
    """
    regressors = {
        "the difference in connectivity": connectivity,
        "the order of the drugs": ketamine_first,
        **covariates,
    }
    return rank_evidence(
        score, regressors, alpha=alpha, permutations=permutations, rng=rng, blocks=blocks
    )


def period_statistic(control: Floats, ketamine: Floats, ketamine_first: Floats) -> Floats:
    """Return t of the difference between drugs of many connections at once.

    Parameters
    ----------
    control, ketamine : numpy.ndarray, shape (n, m)
        Fisher z of the same n participants after each drug.
    ketamine_first : numpy.ndarray, shape (n,)
        1 where ketamine came first, 0 where the control drug did.

    Returns
    -------
    numpy.ndarray, shape (m,)
        Two-sample t, with equal variances, of the differences between periods in the two orders.
        NaN where it is undefined.
    """
    first = ketamine_first == 1.0
    a, b = (ketamine - control)[first], (control - ketamine)[~first]
    n = len(control)
    squares = ((a - a.mean(axis=0)) ** 2).sum(axis=0) + ((b - b.mean(axis=0)) ** 2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(squares / (n - 2) * (1 / len(a) + 1 / len(b)))
        t: Floats = np.where(error > 0, (a.mean(axis=0) - b.mean(axis=0)) / error, np.nan)
    return t


def first_period(connectivity: pd.DataFrame, design: Design) -> tuple[pd.DataFrame, Design]:
    """Return a crossover as the parallel study that it was until its first drugs.

    Parameters
    ----------
    connectivity : pandas.DataFrame
        ``connectivity.tsv``.
    design : Design
        The study's design, with a session before both drugs (`pre`).

    Returns
    -------
    connectivity : pandas.DataFrame
        Rows of that session and of the one after each participant's own first drug, whose role is
        :data:`AFTER_FIRST`.
    design : Design
        With the drugs as arms and everybody in the arm of the first drug, also those who had no
        second one.
    """
    roles = {"control": design.baseline, "ketamine": design.followup}
    first = {
        who: sequence.partition("-")[0] if sequence else None
        for who, sequence in design.sequences.items()
    }
    own = connectivity["participant_id"].map(
        {who: roles[drug] for who, drug in first.items() if drug is not None}
    )
    after = connectivity[connectivity["role"] == own].assign(role=AFTER_FIRST)
    before = connectivity[connectivity["role"] == design.pre]
    return pd.concat([before, after]), design.first_period()
