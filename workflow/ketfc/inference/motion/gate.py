"""Whether head motion explains a change: the paired version of QC–FC, and its gate.

Three questions. Did motion itself change with treatment? Does a circuit's change go with the
change in motion over participants (Δ mean FD × ΔFC)? What is left of the circuit's change where
motion did not change? The second is the gate: a circuit whose change follows motion, p below
alpha, is flagged. The gate fires by chance at alpha per circuit, since nothing is corrected here:
over five circuits whose changes have nothing to do with motion, one in four or five studies has a
flag. And it has no power where all participants move the same amount more, because there is then
nothing for the change to follow: silence is no proof that motion explains nothing. Look at the
test of motion itself as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.core.permutation import Floats, stream
from ketfc.inference.design.change import adjusted_difference, mean_change
from ketfc.inference.design.crossover import drug_difference
from ketfc.inference.design.model import blocks_of
from ketfc.inference.design.model_columns import block_codes, covariate_columns
from ketfc.inference.design.samples import (
    PlannedTest,
    adjusted_for,
    covariate_values,
    participant_table,
    planned_tests,
    sample_of,
)
from ketfc.inference.motion.models import FEWEST, change_at_equal_motion, follows_motion
from ketfc.inference.motion.sessions import MEASURES, before_and_after, session_motion
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design

MOTION_COLUMNS = (
    "measure",
    "circuit",
    "strategy",
    "test",
    "estimate",
    "ci_low",
    "ci_high",
    "statistic",
    "df",
    "p_permutation",
    "p_parametric",
    "n",
    "gate",
    "reason",
)
"""Columns of ``quality/motion.tsv``."""

MOTION_NUMBERS = MOTION_COLUMNS[4:12]
"""Those of them that are numbers."""

FOLLOWS = "follows-motion"
"""Flag of a circuit whose change goes with the change in motion."""
CHANGED = "motion-changed"
"""Flag of the tests of change where mean FD changed itself."""
SILENT = "silent"
"""What `gate` says where it was looked at and did not fire."""

_NO_SCORES = pd.DataFrame(columns=["participant_id", "scale", "instrument", "role", "score"])


class CircuitLike(Protocol):
    """What must be known of a circuit: a ``ketfc.imaging.regions.registry.Circuit`` has it."""

    @property
    def id(self) -> str:
        """Identifier, as in connectivity.tsv."""


def motion_tests(
    connectivity: pd.DataFrame,
    quality: pd.DataFrame,
    design: Design,
    circuits: Iterable[CircuitLike],
    *,
    strategies: Sequence[str],
    seed: int,
    permutations: int,
    alpha: float,
) -> pd.DataFrame:
    """Test treatment on motion, and each circuit's change against the change in motion.

    Parameters
    ----------
    connectivity, quality : pandas.DataFrame
        ``connectivity.tsv`` and ``quality/runs.tsv``.
    design : Design
        The study's design.
    circuits : iterable of CircuitLike
        In the order of the table.
    strategies : sequence of str
        Denoising strategies; the gate counts at the design's primary one.
    seed : int
        The study's seed; each test has its own stream by its name, the same for all strategies.
    permutations : int
        Random arrangements per test.
    alpha : float
        Level of the tests and of the gate; intervals cover 1 − `alpha`.

    Returns
    -------
    pandas.DataFrame
        :data:`MOTION_COLUMNS`. For every measure of motion (no circuit, no strategy) a test
        ``change`` as for connectivity: sign flips with one arm, ANCOVA between two, and with two
        ``change-LABEL`` by sign flips within each. For every strategy and circuit, of measure
        ``mean_fd``, a test ``follows`` (:func:`follows_motion`; `estimate` is r) and a test
        ``change-at-equal-motion`` (:func:`change_at_equal_motion`; Fisher z). Covariates and blocks
        are those of the circuits' own tests: in ``follows`` of an association, else of change
        (:func:`ketfc.inference.design.samples.adjusted_for`). `gate` is
        ``follows-motion`` or ``motion-changed`` where p < `alpha`, else ``silent``; missing for
        tests that decide nothing. Where there are no numbers there is a `reason`.
    """
    motion = session_motion(quality)
    rows = []
    setting: dict[str, Any] = {"alpha": alpha, "permutations": permutations}
    for measure in MEASURES:
        if measure in motion:
            rows += _changes_of(motion, measure, design, seed=seed, **setting)
    fd = _difference(motion, "mean_fd", design)
    circuits, of_change = list(circuits), planned_tests(design)[0]
    between = replace(of_change, adjusted=adjusted_for(design))
    for strategy in strategies:
        for circuit in circuits:
            table = participant_table(
                connectivity, _NO_SCORES, design, circuit=circuit.id, strategy=strategy
            )
            table = table.assign(motion=fd.reindex(table.index)).dropna(subset=["motion"])
            key = {"measure": "mean_fd", "circuit": circuit.id, "strategy": strategy}
            rng = stream(seed, f"{circuit.id}/{FOLLOWS}")
            columns, sides = _sample(table, between, design)
            before, after, moved = columns
            found = follows_motion(after - before, moved, **sides, rng=rng, **setting)
            gated: dict[str, Any] = {"fires": FOLLOWS, "alpha": alpha}
            rows.append(_row(key | {"test": "follows"}, found, len(moved), **gated))
            rng = stream(seed, f"{circuit.id}/equal-motion")
            columns, sides = _sample(table, of_change, design)
            before, after, moved = columns
            found = change_at_equal_motion(before, after, moved, **sides, rng=rng, **setting)
            rows.append(_row(key | {"test": "change-at-equal-motion"}, found, len(moved)))
    return pd.DataFrame(rows, columns=list(MOTION_COLUMNS))


def _changes_of(
    motion: pd.DataFrame,
    measure: str,
    design: Design,
    *,
    seed: int,
    alpha: float,
    permutations: int,
) -> list[dict[str, Any]]:
    """Return the rows that say whether a measure of motion changed with treatment."""
    both = before_and_after(
        motion, measure, baseline=design.baseline, followup=design.followup
    ).dropna()
    # healthy controls are in no contrast
    people_of = design.in_contrasts()
    both = both[both.index.isin(list(people_of))]
    arms = pd.Series([people_of[who] for who in both.index], dtype=object, index=both.index)
    groups: dict[str, Any] = {"change": arms.index}
    if design.between_arms:
        groups["change"] = arms.index[arms.notna()]
        groups |= {
            f"change-{label}": arms.index[arms == role] for role, label in design.arms.items()
        }
    if design.within_drugs:
        orders = pd.Series([design.sequences.get(who) for who in both.index], index=both.index)
        groups["change"] = both.index[orders.isin([KETAMINE_FIRST, CONTROL_FIRST])]
    rows = []
    for test, people in groups.items():
        tested = planned_tests(design)[0]
        known = pd.DataFrame(
            {
                f"covariate_{name}": covariate_values(design, name, people)
                for name in tested.adjusted
            },
            index=people,
        )
        if test == "change":
            known = known.dropna()
            people = known.index
        before, after = both.loc[people].to_numpy(dtype=np.float64).T
        treated = _treated(arms[people], design) if test == "change" else None
        rng = stream(seed, f"{measure}/{test}")
        drawn: dict[str, Any] = {"alpha": alpha, "permutations": permutations, "rng": rng}
        given = _adjustment(known, tested, design)
        if len(people) < FEWEST:
            found = untestable("too-few", f"{len(people)} participants, {FEWEST} are needed")
        elif design.within_drugs:
            first = (_order(orders[people]) + 1) / 2
            found = (
                drug_difference(before, after, first, **given, **drawn)
                if 2 <= first.sum() <= len(first) - 2
                else untestable(
                    "small-order", "an order of the drugs has fewer than 2 participants"
                )
            )
        elif treated is not None:
            found = adjusted_difference(before, after, treated, **given, **drawn)
        else:
            found = mean_change(before, after, **drawn)
        if found.obstacle is not None:
            # the tests speak of connectivity, which this is not
            words = found.obstacle.replace("connectivity", MEASURES[measure])
            found = replace(found, obstacle=words)
        fires = CHANGED if test == "change" and measure == "mean_fd" else None
        key = {"measure": measure, "test": test}
        rows.append(_row(key, found, len(people), fires=fires, alpha=alpha))
    return rows


def _sample(
    table: pd.DataFrame, test: PlannedTest, design: Design
) -> tuple[Floats, dict[str, Any]]:
    """Return z before and after and motion of the participants of a test, and its adjustment."""
    complete = sample_of(table, test, design).complete
    columns = complete[["z_baseline", "z_followup", "motion"]].to_numpy(dtype=np.float64).T
    order = _order(complete["sequence"]) if design.within_drugs else None
    sides = {"treated": _treated(complete["arm"], design), "order": order}
    return columns, sides | _adjustment(complete, test, design)


def _adjustment(table: pd.DataFrame, test: PlannedTest, design: Design) -> dict[str, Any]:
    """Return the columns of covariates and the blocks of a test of change."""
    return {
        "covariates": covariate_columns(table, test.adjusted),
        "blocks": block_codes(table, blocks_of(test, design)),
    }


def _difference(motion: pd.DataFrame, measure: str, design: Design) -> pd.Series[float]:
    if measure not in motion:
        return pd.Series(dtype=np.float64)
    both = before_and_after(motion, measure, baseline=design.baseline, followup=design.followup)
    return both["followup"] - both["baseline"]


def _treated(arms: pd.Series[Any], design: Design) -> Floats | None:
    if not design.between_arms:
        return None
    return np.asarray(arms == "ketamine", dtype=np.float64)


def _order(sequences: pd.Series[Any]) -> Floats:
    return np.where(sequences == KETAMINE_FIRST, 1.0, -1.0)


def _row(
    key: Mapping[str, str],
    found: Evidence,
    n: int,
    *,
    fires: str | None = None,
    alpha: float = 0.0,
) -> dict[str, Any]:
    gate = None
    if fires is not None and found.obstacle is None:
        gate = fires if found.p_permutation < alpha else SILENT
    numbers = {name: getattr(found, name) for name in MOTION_NUMBERS if name != "n"}
    return {**key, **numbers, "n": n, "gate": gate, "reason": found.obstacle}
