"""Percentiles and flags of tested hypotheses: matched pairs, the habenula and head motion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ketfc.inference.families import BASELINE
from ketfc.inference.motion.gate import CHANGED, FOLLOWS, NOT_ASSESSED
from ketfc.study.design.design import Design


def add_null_percentile(hypotheses: pd.DataFrame, null: pd.DataFrame) -> pd.DataFrame:
    """Add the percentile among matched pairs to the changes that were tested.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        As :func:`ketfc.inference.hypotheses.evaluate_hypotheses` gives it.
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
    """Flag every result of a circuit that holds a habenula with the habenula verdict.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        As :func:`ketfc.inference.hypotheses.evaluate_hypotheses` gives it.
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
    """Flag every result that head motion may explain.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        As :func:`ketfc.inference.hypotheses.evaluate_hypotheses` gives it.
    motion : pandas.DataFrame
        As :func:`ketfc.inference.motion.gate.motion_tests` gives it.
    design : Design
        The study's design: its primary strategy decides.

    Returns
    -------
    pandas.DataFrame
        With the flag ``follows-motion`` on every row of a circuit whose change is associated with
        the change in motion (save those of baseline connectivity, which no change is in), and
        ``motion-changed`` on the rows of change where mean FD itself changed;
        ``motion-not-assessed`` on the rows of circuits whose gate could not be looked at for want
        of any motion.
    """
    gates = motion[(motion["strategy"] == design.strategy) & (motion["test"] == "follows")]
    follows = set(gates.loc[gates["gate"] == FOLLOWS, "circuit"])
    unknown = set(gates.loc[gates["gate"] == NOT_ASSESSED, "circuit"])
    changed = bool((motion["gate"] == CHANGED).any())
    flags: dict[object, str] = {}
    for i, circuit, test, family in hypotheses[["hypothesis", "test", "family"]].itertuples():
        more = [FOLLOWS] if circuit in follows and family != BASELINE else []
        more += [f"motion-{NOT_ASSESSED}"] if circuit in unknown and family != BASELINE else []
        more += [CHANGED] if changed and test.startswith("change") else []
        flags[i] = ";".join(more)
    return hypotheses.assign(flags=_flagged(hypotheses["flags"], flags))


def add_specification_flags(hypotheses: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Flag every primary result that other choices of analysis do not find.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        As :func:`ketfc.inference.hypotheses.evaluate_hypotheses` gives it.
    curves : pandas.DataFrame
        ``tests/specification_curve.tsv``.

    Returns
    -------
    pandas.DataFrame
        With flags such as ``depends-on: definition``.
    """
    carried = curves[curves["depends_on"].notna()].set_index(["hypothesis", "test"])["depends_on"]
    flags = {
        i: f"depends-on: {carried[key]}"
        for i, *key_of in hypotheses[["hypothesis", "test"]].itertuples()
        if (key := tuple(key_of)) in carried.index
    }
    return hypotheses.assign(flags=_flagged(hypotheses["flags"], flags))


def _flagged(flags: pd.Series[str], more: Mapping[object, str]) -> pd.Series[str]:
    """Return the flags of every row with one more where `more` has one for its index."""
    joined = [
        ";".join(flag for flag in (old, more.get(i)) if isinstance(flag, str) and flag) or None
        for i, old in flags.items()
    ]
    return pd.Series(joined, index=flags.index, dtype=object)
