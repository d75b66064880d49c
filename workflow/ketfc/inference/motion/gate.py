"""Motion gate: the paired version of QC–FC for the circuits.

Three questions. Did motion itself change with treatment? Is a circuit's change associated with
the change in motion over participants (Δ mean FD × ΔFC)? What is left of the circuit's change where
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
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.model import model_of, model_over
from ketfc.inference.design.planned_tests import motion_tests_of, planned_tests
from ketfc.inference.design.samples import MIN_MOTION, participant_table, sample_of
from ketfc.inference.motion.sessions import MEASURES, before_and_after, session_motion
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

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
"""Flag of a circuit whose change is associated with the change in motion."""
CHANGED = "motion-changed"
"""Flag of the tests of change where mean FD changed itself."""
SILENT = "silent"
"""Value of `gate` where it did not fire."""
NOT_ASSESSED = "not-assessed"
"""Value of `gate` where head motion is not known, which is no pass."""

_UNKNOWN = "head motion is not known"

_NO_SCORES = pd.DataFrame(columns=["participant_id", "scale", "instrument", "role", "score"])
_NO_CONNECTIVITY = pd.DataFrame(
    columns=["participant_id", "strategy", "circuit", "measure", "role", "z"]
)


def motion_tests(
    connectivity: pd.DataFrame,
    quality: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
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
    circuits : iterable of Circuit
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
        ``mean_fd``, a test ``follows`` (`estimate` is Pearson's r of the changes over participants,
        partial where there are arms or orders) and a test ``change-at-equal-motion`` (Fisher z; in
        one arm the change at no change in motion, without a permutation p; in two the difference
        between them given motion too). Covariates and blocks are those of the circuits' own tests:
        in ``follows`` of an association, else of change
        (:func:`ketfc.inference.design.planned_tests.adjusted_for`). `gate` is
        ``follows-motion`` or ``motion-changed`` where p < `alpha`, else ``silent``; missing for
        tests that decide nothing, and ``not-assessed`` where no run has a mean FD. Where
        there are no numbers there is a `reason`.
    """
    motion = session_motion(quality)
    if "mean_fd" not in motion or motion["mean_fd"].isna().all():
        return _not_assessed(circuits, strategies)
    rows = []
    drawn: dict[str, Any] = {"alpha": alpha, "permutations": permutations}
    for measure in MEASURES:
        if measure in motion:
            rows += _changes_of(motion, measure, design, seed=seed, **drawn)
    fd = _difference(motion, design)
    circuits = list(circuits)
    follows, at_equal = motion_tests_of(design)
    for strategy in strategies:
        for circuit in circuits:
            table = participant_table(
                connectivity, _NO_SCORES, design, circuit=circuit.id, strategy=strategy
            )
            table = table.assign(motion=fd.reindex(table.index)).dropna(subset=["motion"])
            key = {"measure": "mean_fd", "circuit": circuit.id, "strategy": strategy}
            for test, name, fires in (
                (follows, FOLLOWS, FOLLOWS),
                (at_equal, "equal-motion", None),
            ):
                model = model_of(test, sample_of(table, test, design).complete, design)
                rng = stream(seed, f"{circuit.id}/{name}")
                found = evidence_of(model, rng=rng, **drawn)
                of = key | {"test": test.name}
                rows.append(_row(of, found, model.n, fires=fires, alpha=alpha))
    return pd.DataFrame(rows, columns=list(MOTION_COLUMNS))


def _not_assessed(circuits: Iterable[Circuit], strategies: Sequence[str]) -> pd.DataFrame:
    """Return the rows of tests that could not be made, since no motion is known."""
    key = {"measure": "mean_fd", "n": 0, "reason": _UNKNOWN}
    rows = [key | {"test": "change", "gate": NOT_ASSESSED}]
    for strategy in strategies:
        for circuit in circuits:
            of = key | {"circuit": circuit.id, "strategy": strategy}
            rows.append(of | {"test": "follows", "gate": NOT_ASSESSED})
            rows.append(of | {"test": "change-at-equal-motion", "gate": None})
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
    """Return the rows of the change of a measure of motion with treatment."""
    everybody = participant_table(
        _NO_CONNECTIVITY, _NO_SCORES, design, circuit="", strategy=design.strategy
    )
    both = before_and_after(motion, measure, **design.roles).reindex(everybody.index)
    rows = []
    for test in planned_tests(design):
        if test.kind != "change" or test.secondary:
            continue
        needs = [need for need in test.required if not need.startswith("z_")]
        known = everybody[needs].notna().all(axis=1) & both.notna().all(axis=1)
        complete = everybody[known if test.arm is None else known & (everybody["arm"] == test.arm)]
        before, after = both.loc[complete.index].to_numpy(dtype=np.float64).T
        if len(complete) < MIN_MOTION:
            found = untestable("too-few", f"{len(complete)} participants, {MIN_MOTION} are needed")
        else:
            found = evidence_of(
                model_over(test, complete, before, after, design),
                alpha=alpha,
                permutations=permutations,
                rng=stream(seed, f"{measure}/{test.name}"),
            )
        if found.obstacle is not None:
            # the tests speak of connectivity, which this is not
            words = found.obstacle.replace("connectivity", MEASURES[measure])
            found = replace(found, obstacle=words)
        fires = CHANGED if test.arm is None and measure == "mean_fd" else None
        key = {"measure": measure, "test": test.name}
        rows.append(_row(key, found, len(complete), fires=fires, alpha=alpha))
    return rows


def _difference(motion: pd.DataFrame, design: Design) -> pd.Series[float]:
    """Return the change in mean FD by participant, mm."""
    if "mean_fd" not in motion:
        return pd.Series(dtype=np.float64)
    both = before_and_after(motion, "mean_fd", **design.roles)
    return both["followup"] - both["baseline"]


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
