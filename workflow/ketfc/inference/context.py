"""What stands beside a hypothesis without being part of its test."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.motion.gate import CHANGED, FOLLOWS
from ketfc.inference.verdicts import number
from ketfc.study.design.design import Design


def add_null_percentile(hypotheses: pd.DataFrame, null: pd.DataFrame) -> pd.DataFrame:
    """Put the percentile among matched pairs beside the changes that were tested.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        As :func:`ketfc.inference.hypotheses.test_hypotheses` gives it.
    null : pandas.DataFrame
        As :func:`ketfc.inference.null.matched_null.matched_null` gives it.

    Returns
    -------
    pandas.DataFrame
        With a last column `null_percentile`, missing for other tests than ``change``, and the
        flag ``null-unmatched`` where pairs like the circuit's edges do not exist.
    """
    rows = null.set_index("circuit")
    changed = hypotheses["test"] == "change"
    percentile = hypotheses["hypothesis"].map(rows["percentile"].astype(np.float64)).where(changed)
    ranked = rows[rows["percentile"].notna() & rows["unmatched"].notna()]
    unmatched = changed & hypotheses["hypothesis"].isin(ranked.index)
    table = hypotheses.assign(null_percentile=percentile)
    flags = dict.fromkeys(table.index[unmatched], "null-unmatched")
    return table.assign(flags=_flagged(table["flags"], flags))


def add_habenula_flags(hypotheses: pd.DataFrame, verdicts: Mapping[str, str]) -> pd.DataFrame:
    """Put the habenula verdict beside every result of a circuit that holds a habenula.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        As :func:`ketfc.inference.hypotheses.test_hypotheses` gives it.
    verdicts : mapping of str to str
        As :func:`ketfc.imaging.regions.habenula.circuit_verdicts` gives them.

    Returns
    -------
    pandas.DataFrame
        With flags such as ``habenula: caution``, which end where a verdict goes on after a colon.
    """
    flags = {
        i: f"habenula: {verdicts[circuit].partition(':')[0]}"
        for i, circuit in hypotheses["hypothesis"].items()
        if circuit in verdicts
    }
    return hypotheses.assign(flags=_flagged(hypotheses["flags"], flags))


def add_motion_flags(
    hypotheses: pd.DataFrame, motion: pd.DataFrame, design: Design
) -> pd.DataFrame:
    """Put beside every result whether head motion may explain it.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        As :func:`ketfc.inference.hypotheses.test_hypotheses` gives it.
    motion : pandas.DataFrame
        As :func:`ketfc.inference.motion.gate.motion_tests` gives it.
    design : Design
        The study's design: its primary strategy decides.

    Returns
    -------
    pandas.DataFrame
        With the flag ``follows-motion`` on every row of a circuit whose change goes with the
        change in motion, and a sentence at the end of its verdicts of change and association;
        with the flag ``motion-changed`` on the rows of change where mean FD itself changed. No
        number of the tests is touched.
    """
    of_primary = motion[motion["strategy"] == design.strategy]
    rows = {
        test: {str(row["circuit"]): row for row in table.to_dict("records")}
        for test, table in of_primary.groupby("test")
    }
    follows = {
        circuit: row for circuit, row in rows.get("follows", {}).items() if row["gate"] == FOLLOWS
    }
    changed = bool((motion["gate"] == CHANGED).any())
    flags: dict[object, str] = {}
    verdicts = []
    for i, row in zip(hypotheses.index, hypotheses.to_dict("records"), strict=True):
        circuit, test = str(row["hypothesis"]), str(row["test"])
        more = [FOLLOWS] if circuit in follows else []
        more += [CHANGED] if changed and test.startswith("change") else []
        flags[i] = ";".join(more)
        said = [row["verdict"]]
        tested = test in ("change", "association") and np.isfinite(row["estimate"])
        if circuit in follows and tested:
            said.append(_motion_said(follows[circuit]))
            equal = rows["change-at-equal-motion"][circuit]
            if test == "change" and np.isfinite(equal["estimate"]):
                said.append(_left_of_change(equal, two_arms=design.between_arms))
        verdicts.append(" ".join(said))
    return hypotheses.assign(flags=_flagged(hypotheses["flags"], flags), verdict=verdicts)


def _motion_said(row: Mapping[Hashable, Any]) -> str:
    p = float(row["p_permutation"])
    p_text = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return f"Its change follows change in head motion (r = {number(row['estimate'])}, {p_text})."


def _left_of_change(row: Mapping[Hashable, Any], *, two_arms: bool) -> str:
    where = "At equal change" if two_arms else "At no change"
    what = "difference" if two_arms else "change"
    ends = (
        f" ({number(row['ci_low'])} to {number(row['ci_high'])})"
        if np.isfinite(row["ci_low"])
        else ""
    )
    return f"{where} in motion the {what} is {number(row['estimate'])} Fisher z{ends}."


def _flagged(flags: pd.Series[str], more: Mapping[object, str]) -> pd.Series[str]:
    """Return the flags of every row with one more where `more` has one for its index."""
    joined = [
        ";".join(flag for flag in (old, more.get(i)) if isinstance(flag, str) and flag) or None
        for i, old in flags.items()
    ]
    return pd.Series(joined, index=flags.index, dtype=object)
