"""Every hypothesis put to every test that the design calls for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.design.model import bayes_factor
from ketfc.inference.design.planned import CircuitLike, planned_samples
from ketfc.inference.design.tested import Tested, family_wise, model_behind, tested_plan
from ketfc.inference.families import (
    SENSITIVITY,
    false_discovery_rate,
    holm,
)
from ketfc.study.design.design import Design

HYPOTHESIS_COLUMNS = (
    "hypothesis",
    "name",
    "test",
    "family",
    "primary",
    "strategy",
    "estimate",
    "ci_low",
    "ci_high",
    "effect_size",
    "effect_size_type",
    "statistic",
    "df",
    "p_permutation",
    "p_parametric",
    "p_holm",
    "p_fwer",
    "p_fdr",
    "bf10",
    "n",
    "n_excluded",
    "permutations",
    "flags",
)


def evaluate_hypotheses(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[CircuitLike],
    *,
    strategy: str,
    seed: int,
    permutations: int,
    alpha: float,
) -> tuple[pd.DataFrame, list[Tested]]:
    """Test whether each circuit changed, and whether it changed with suicidal ideation.

    One arm: mean change with sign flips. Two arms: follow-up compared at equal baseline (ANCOVA).
    Crossover: difference between the drugs within participants, adjusted for period. Association:
    the score at follow-up with the change in connectivity at equal baseline score (and arm), or
    change with change, by ranks (partial Spearman correlation). The interval of a change holds what
    the permutation test behind `p_permutation` does not reject (of a described one: what t does
    not), that of a correlation what its standard error (Bonett and Wright) does not; `statistic`,
    `df` and `p_parametric` are those of t, of HC3 in an ANCOVA, of t of ranks in an association.
    `p_holm` corrects `p_permutation` within the family. `p_fwer` does so by the largest |t| of the
    primary family under joint permutations of whole participants; it is two-sided for all, and
    never below `p_permutation`. `p_fdr` is for the secondary family and that of moderation, each by
    itself (Benjamini and Hochberg). `bf10` is the JZS Bayes factor, or Jeffreys' of a partial
    correlation (of ranks), two-sided. Where the design's `terms` name covariates, the models of
    associations, arms and moderation hold them; where they name blocks, participants are exchanged
    within them.

    Parameters
    ----------
    connectivity, scores : pandas.DataFrame
        ``connectivity.tsv`` and ``plan/scores.tsv``, rows in any order.
    design : Design
        The study's design. Where it says `preregistered`, no sample is flagged
        ``exploratory`` for its size.
    circuits : iterable of CircuitLike
        The hypotheses, in the order of the table.
    strategy : str
        Denoising strategy to test.
    seed : int
        The study's seed; each test has its own stream by its name, the same for all strategies.
    permutations : int
        Random arrangements per test; all of them are used where there are no more.
    alpha : float
        Level of the tests; intervals cover 1 − `alpha`.

    Returns
    -------
    hypotheses : pandas.DataFrame
        :data:`HYPOTHESIS_COLUMNS`, one row per circuit and planned test. What cannot be tested has
        a row too, without numbers but with flags. `primary` tells whether the hypothesis is
        primary, `family` whether the row is tested as such. Within an arm, `n_excluded` counts that
        arm's participants. Other definitions of a circuit have the tests over everybody alone, in
        the family ``sensitivity`` and without corrected p values.
    tested : list of Tested
        The tests behind the rows, in the same order: what sentences on them are made from.

    Raises
    ------
    ValueError
        If the tables contradict the design: see
        :func:`ketfc.inference.design.samples.participant_table`.
    """
    tested = [
        tested_plan(planned, seed=seed, permutations=permutations, alpha=alpha)
        for planned in planned_samples(connectivity, scores, design, circuits, strategy=strategy)
    ]
    p_values = pd.Series(
        [np.nan if item.family == SENSITIVITY else item.evidence.p_permutation for item in tested],
        dtype=np.float64,
    )
    families = pd.Series([item.family for item in tested], dtype=object)
    corrected = holm(p_values, families)
    corrected["p_fwer"] = family_wise(tested, seed=seed, permutations=permutations)
    corrected["p_fdr"] = false_discovery_rate(p_values, families)
    rows = [
        _row(item, of_family, strategy=strategy)
        for item, of_family in zip(tested, corrected.to_dict("records"), strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(HYPOTHESIS_COLUMNS))
    # whole numbers that may be missing
    return frame.astype({"permutations": "Int64"}), tested


def _row(item: Tested, of_family: Mapping[Any, Any], *, strategy: str) -> dict[str, Any]:
    """Return one row of the table."""
    planned, evidence = item.planned, item.evidence
    circuit = planned.circuit
    tested = np.isfinite(evidence.p_permutation)
    return {
        "hypothesis": circuit.id,
        "name": circuit.name,
        "test": planned.test.name,
        "family": item.family,
        "primary": circuit.primary,
        "strategy": strategy,
        "estimate": evidence.estimate,
        "ci_low": evidence.ci_low,
        "ci_high": evidence.ci_high,
        "effect_size": evidence.effect_size,
        "effect_size_type": evidence.effect_size_type,
        "statistic": evidence.statistic,
        "df": evidence.df,
        "p_permutation": evidence.p_permutation,
        "p_parametric": evidence.p_parametric,
        "p_holm": of_family["p_holm"],
        "p_fwer": of_family["p_fwer"],
        "p_fdr": of_family["p_fdr"],
        "bf10": bayes_factor(model_behind(planned)) if tested else np.nan,
        "n": len(planned.sample.complete),
        "n_excluded": len(planned.sample.left_out),
        "permutations": evidence.permutations,
        "flags": ";".join(evidence.flags) or None,
    }
