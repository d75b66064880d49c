"""What stands beside a hypothesis without being part of its test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd


def add_null_percentile(hypotheses: pd.DataFrame, null: pd.DataFrame) -> pd.DataFrame:
    """Put the percentile among matched pairs beside the changes that were tested.

    Parameters
    ----------
    hypotheses : pandas.DataFrame
        As :func:`ketfc.inference.hypotheses.test_hypotheses` gives it.
    null : pandas.DataFrame
        As :func:`ketfc.inference.matched_null.matched_null` gives it.

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
        As :func:`ketfc.imaging.habenula.circuit_verdicts` gives them.

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


def _flagged(flags: pd.Series[str], more: Mapping[object, str]) -> pd.Series[str]:
    """Return the flags of every row with one more where `more` has one for its index."""
    joined = [
        ";".join(flag for flag in (old, more.get(i)) if isinstance(flag, str)) or None
        for i, old in flags.items()
    ]
    return pd.Series(joined, index=flags.index, dtype=object)
