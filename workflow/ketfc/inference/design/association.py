"""Whether the change in connectivity goes with the change in the score."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.permutation import Blocks, Floats
from ketfc.inference.core.ranks import rank_evidence


def association(
    connectivity_change: Floats,
    score: tuple[str, Floats],
    *,
    baseline_score: tuple[str, Floats] | None = None,
    treated: Floats | None = None,
    covariates: Mapping[str, Floats] = MappingProxyType({}),
    blocks: Blocks | None = None,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
) -> Evidence:
    """Correlate a score with the change in connectivity, by ranks.

    Scores of suicidal ideation are ordinal, skewed and pile up at zero; ranks ask whether they
    rise or fall with connectivity without asking for a line.

    Parameters
    ----------
    connectivity_change : numpy.ndarray of shape (n,)
        Change in Fisher z.
    score : tuple of str and numpy.ndarray of shape (n,)
        Name in plain words and values: the score at follow-up, or its change.
    baseline_score : tuple of str and numpy.ndarray of shape (n,), optional
        The score at baseline, to be adjusted for.
    treated : numpy.ndarray of shape (n,), optional
        1 in the ketamine arm, 0 in the control arm, to be adjusted for.
    covariates : mapping of str to numpy.ndarray of shape (n,)
        Further columns to be adjusted for, by their names.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are exchanged within their block (site) only.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random orders.
    rng : numpy.random.Generator
        Stream of this test.

    Returns
    -------
    Evidence
        Partial Spearman correlation (:func:`ketfc.inference.core.ranks.rank_evidence`). Where lower
        scores are better, a negative one means that more connectivity went with improvement.
    """
    regressors = {"the change in connectivity": connectivity_change}
    if baseline_score is not None:
        regressors[baseline_score[0]] = baseline_score[1]
    if treated is not None:
        regressors["arm"] = treated
    return rank_evidence(
        score,
        regressors | dict(covariates),
        alpha=alpha,
        permutations=permutations,
        rng=rng,
        blocks=blocks,
    )
