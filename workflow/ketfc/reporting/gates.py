"""Gates: what the results of a circuit have to stand up to."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ketfc.inference.motion.gate import CHANGED, FOLLOWS
from ketfc.reporting.rows import motion_row
from ketfc.reporting.words import as_number, is_missing, number, p_equals
from ketfc.study.design.design import Design

MOTION, CHOICES, HABENULA = "head motion", "choices of analysis", "habenula"
"""Names of the gates."""

PASSED, FAILED, OPEN = "passed", "not passed", "not assessed"


@dataclass(frozen=True)
class Gate:
    """One question that a result has to stand up to: its name, the answer, and why."""

    name: str
    state: str
    why: str


def gates(
    circuit: str,
    hypotheses: pd.DataFrame,
    motion: pd.DataFrame,
    curves: pd.DataFrame,
    design: Design,
) -> list[Gate]:
    """Return the gates of a circuit's results: motion, choices of analysis, the habenula.

    Parameters
    ----------
    circuit : str
        Its id.
    hypotheses, motion, curves : pandas.DataFrame
        ``tests/hypotheses.tsv``, ``quality/motion.tsv`` and ``tests/specification_curve.tsv``.
    design : Design
        Its primary strategy decides.
    """
    found = [_motion_gate(circuit, motion, design), _choices_gate(circuit, curves)]
    flags = flags_of_circuit(circuit, hypotheses)
    habenula = [flag.partition(": ")[2] for flag in flags if flag.startswith("habenula: ")]
    if habenula:
        state = PASSED if habenula[0] == "interpretable" else FAILED
        found.append(Gate(HABENULA, state, habenula[0]))
    return found


def flags_of_circuit(circuit: str, hypotheses: pd.DataFrame) -> list[str]:
    """Return every flag of a circuit's rows of ``tests/hypotheses.tsv``, each once."""
    rows = hypotheses[hypotheses["hypothesis"] == circuit]
    return list(dict.fromkeys(flag for one in rows["flags"].dropna() for flag in one.split(";")))


def _motion_gate(circuit: str, motion: pd.DataFrame, design: Design) -> Gate:
    row = motion_row(motion, circuit, design.strategy, "follows")
    if row is None or not is_missing(row["reason"]):
        return Gate(MOTION, OPEN, "not tested" if row is None else str(row["reason"]))
    found = f"change and change in mean FD: r = {number(row['estimate'])}, "
    found += p_equals(row["p_permutation"])
    itself = motion_row(motion, None, None, "change") or {}
    if itself.get("gate") == CHANGED:
        return Gate(MOTION, FAILED, f"motion itself changed; {found}")
    return Gate(MOTION, FAILED if row["gate"] == FOLLOWS else PASSED, found)


def _choices_gate(circuit: str, curves: pd.DataFrame) -> Gate:
    own = curves[curves["hypothesis"] == circuit]
    shares = [
        f"{row['test']}: {number(100 * as_number(row['share_significant']), 0)} % of "
        f"{number(row['counted'], 0)} significant"
        for row in own.to_dict("records")
        if not is_missing(row["share_significant"])
    ]
    if not shares:
        return Gate(CHOICES, OPEN, "no specifications")
    on = [
        f"{row['test']} depends on {row['depends_on']}"
        for row in own.to_dict("records")
        if not is_missing(row["depends_on"])
    ]
    return Gate(CHOICES, FAILED if on else PASSED, "; ".join([*on, *shares]))
