"""Tests of activity: the table of every region, measure and question, with the gate of censoring.

Activity is tested as connectivity is, by the model of the design, in a family of its own. Drugs
change motion, hence how many volumes are censored, and a spectrum may change with that alone. So
the change in each measure is held against the change in the share of censored volumes over
participants, as the motion gate does with connectivity (:mod:`ketfc.inference.motion.gate`): it
fires by chance at alpha per region and measure, and silence proves nothing where all participants
are censored the same amount more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from ketfc.imaging.activity.run import DIVIDED
from ketfc.imaging.regions.definitions import Region
from ketfc.imaging.regions.registry import Circuit
from ketfc.inference.core.evidence import Evidence
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.circuit_tests import Planned
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.model import model_of
from ketfc.inference.design.planned_tests import motion_tests_of, planned_tests
from ketfc.inference.design.samples import participant_table, sample_of
from ketfc.inference.families import ACTIVITY, DESCRIPTIVE, false_discovery_rate, holm
from ketfc.inference.hypotheses import Tested, run_test
from ketfc.inference.motion.sessions import before_and_after, session_motion
from ketfc.study.config.denoising import scrubbed
from ketfc.study.design.design import Design

ACTIVITY_COLUMNS = (
    "region",
    "name",
    "measure",
    "test",
    "family",
    "strategy",
    "estimate",
    "ci_low",
    "ci_high",
    "effect_size",
    "effect_size_ci_low",
    "effect_size_ci_high",
    "effect_size_type",
    "partial_r",
    "statistic",
    "df",
    "p_permutation",
    "p_parametric",
    "p_holm",
    "p_fdr",
    "n",
    "n_excluded",
    "permutations",
    "r_censoring",
    "p_censoring",
    "flags",
)
"""Columns of ``tests/activity.tsv``."""

ACTIVITY_NUMBERS = (*ACTIVITY_COLUMNS[6:12], *ACTIVITY_COLUMNS[13:25])
"""Those of them that are numbers."""

_OF_EVIDENCE = (
    *("estimate", "ci_low", "ci_high", "effect_size", "effect_size_type", "partial_r"),
    *("statistic", "df", "p_permutation", "p_parametric", "permutations"),
)

FOLLOWS_CENSORING = "follows-censoring"
"""Flag of a measure of a region whose change is associated with that in censoring."""


def activity_tests(
    activity: pd.DataFrame,
    scores: pd.DataFrame,
    quality: pd.DataFrame,
    design: Design,
    regions: Iterable[Region],
    *,
    strategy: str,
    seed: int,
    permutations: int,
    alpha: float,
) -> pd.DataFrame:
    """Test whether the activity of regions changed, and whether it changed with the score.

    Parameters
    ----------
    activity, scores, quality : pandas.DataFrame
        ``activity.tsv``, ``plan/scores.tsv`` and ``quality/runs.tsv``.
    design : Design
        The study's design.
    regions : iterable of Region
        In the order of the table; those that were not measured are left out.
    strategy : str
        Denoising strategy to test.
    seed : int
        The study's seed; each test has its own stream by its name.
    permutations : int
        Random arrangements per test.
    alpha : float
        Level of the tests and of the gate; intervals cover 1 − `alpha`.

    Returns
    -------
    pandas.DataFrame
        :data:`ACTIVITY_COLUMNS`, of every measure that is divided by its mean over the brain: the
        design's ``change`` and ``association`` over everybody, of the family ``activity``, in which
        `p_holm` and `p_fdr` correct; and with two arms the change within each, described without a
        test. `r_censoring` is the correlation over participants, partial where there are arms, of
        the change in the measure with that in the share of censored volumes, `p_censoring` its
        permutation p; below `alpha`, every row of that region and measure is flagged
        :data:`FOLLOWS_CENSORING`. Both are missing where the strategy censors nothing.
    """
    drawn: dict[str, Any] = {"seed": seed, "permutations": permutations, "alpha": alpha}
    censored = _change_in_censoring(quality, design, strategy)
    rows = []
    for named, values in _measured(activity, regions, strategy):
        table = participant_table(values, scores, design, circuit=named.id, strategy=strategy)
        gate = None if censored is None else _follows(named, table, censored, design, **drawn)
        for test in planned_tests(design):
            if test.secondary or (test.arm is not None and not test.described_only):
                continue
            planned = Planned(named, test, design, sample_of(table, test, design))
            found = run_test(planned, **drawn)
            rows.append(_row(found, gate, strategy=strategy, alpha=alpha))
    frame = pd.DataFrame(rows, columns=list(ACTIVITY_COLUMNS))
    p = frame["p_permutation"].astype(np.float64)
    frame["p_holm"] = holm(p, frame["family"])["p_holm"].where(frame["family"] == ACTIVITY)
    frame["p_fdr"] = false_discovery_rate(p, frame["family"])
    return frame.astype({"permutations": "Int64"})


def _measured(
    activity: pd.DataFrame, regions: Iterable[Region], strategy: str
) -> Iterator[tuple[Circuit, pd.DataFrame]]:
    """Yield each region and divided measure as what a test takes: a name and one value a session.

    The names of the columns are those of connectivity, so that one model serves both.
    """
    chosen = activity[activity["strategy"] == strategy]
    measures = [name for name in chosen["measure"].unique() if name.startswith(DIVIDED)]
    for region in regions:
        for measure in measures:
            own = chosen[(chosen["region"] == region.id) & (chosen["measure"] == measure)]
            if own.empty:
                continue
            named = Circuit(
                id=f"{region.id}/{measure}",
                name=region.name,
                measure=measure,
                edges=((region.id, region.id),),
                primary=False,
                expected_sign="",
                evidence_scale="",
                confidence="",
                hypothesis="",
                source="",
            )
            yield named, own.rename(columns={"value": "z"}).assign(circuit=named.id, measure="mean")


def _change_in_censoring(
    quality: pd.DataFrame, design: Design, strategy: str
) -> pd.Series[float] | None:
    """Return the change in the share of censored volumes by participant; None if none are."""
    motion = session_motion(quality)
    if not scrubbed(strategy) or "share_censored" not in motion:
        return None
    both = before_and_after(motion, "share_censored", **design.roles)
    return both["followup"] - both["baseline"]


def _follows(
    named: Circuit,
    table: pd.DataFrame,
    censored: pd.Series[float],
    design: Design,
    *,
    seed: int,
    permutations: int,
    alpha: float,
) -> Evidence:
    """Test the change in a measure against that in censoring, as the motion gate does."""
    test, _ = motion_tests_of(design)
    known = table.assign(motion=censored.reindex(table.index)).dropna(subset=["motion"])
    model = model_of(test, sample_of(known, test, design).complete, design)
    rng = stream(seed, f"{named.id}/{FOLLOWS_CENSORING}")
    return evidence_of(model, alpha=alpha, permutations=permutations, rng=rng)


def _row(found: Tested, gate: Evidence | None, *, strategy: str, alpha: float) -> dict[str, Any]:
    planned, evidence = found.planned, found.evidence
    described = planned.test.described_only
    flags = list(evidence.flags)
    if evidence.obstacle is None and not described and "exploratory" not in flags:
        # a preregistration names circuits, not these
        flags.append("exploratory")
    if gate is not None and gate.p_permutation < alpha:
        flags.append(FOLLOWS_CENSORING)
    numbers = {name: getattr(evidence, name) for name in _OF_EVIDENCE}
    return {
        "region": planned.circuit.edges[0][0],
        "name": planned.circuit.name,
        "measure": planned.circuit.measure,
        "test": planned.test.name,
        "family": DESCRIPTIVE if described else ACTIVITY,
        "strategy": strategy,
        **numbers,
        "effect_size_ci_low": evidence.effect_low,
        "effect_size_ci_high": evidence.effect_high,
        "n": len(planned.sample.complete),
        "n_excluded": len(planned.sample.left_out),
        "r_censoring": np.nan if gate is None else gate.estimate,
        "p_censoring": np.nan if gate is None else gate.p_permutation,
        "flags": ";".join(flags) or None,
    }
