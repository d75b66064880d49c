"""Changes of circuits and edges of every participant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ketfc.reporting.design_words import arms_of
from ketfc.reporting.rows import numeric
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design


def drug_orders(design: Design, participants: pd.Series[Any]) -> pd.Series[Any]:
    """Return the order of the drugs of those who had both in a crossover, None for all others."""
    sequences = design.sequences
    both = {who: of for who, of in sequences.items() if of in (KETAMINE_FIRST, CONTROL_FIRST)}
    return pd.Series([both.get(who) for who in participants], participants.index, dtype=object)


def circuit_changes(connectivity: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Return every circuit's connectivity of every participant before and after.

    Parameters
    ----------
    connectivity : pandas.DataFrame
        ``connectivity.tsv``.
    design : Design
        The study's design; its primary strategy and its two roles are used.

    Returns
    -------
    pandas.DataFrame
        Columns circuit, participant_id, arm (role or None), baseline, followup, change: Fisher z,
        NaN where missing. A row for every planned participant and every circuit; healthy controls
        are not among them.
    """
    means = connectivity[connectivity["measure"] == "mean"]
    return _wide(means, ["circuit"], design)


def edge_changes(connectivity: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Return the same as `circuit_changes` for every edge (columns region_a and region_b too)."""
    edges = connectivity[connectivity["measure"] == "edge"]
    return _wide(edges, ["circuit", "region_a", "region_b"], design)


def _wide(rows: pd.DataFrame, keys: list[str], design: Design) -> pd.DataFrame:
    rows = numeric(rows[rows["strategy"] == design.strategy], "z")
    participants = design.in_contrasts()
    units = rows[keys].drop_duplicates()
    frame = units.merge(pd.DataFrame({"participant_id": list(participants)}), how="cross")
    for column, role in (("baseline", design.baseline), ("followup", design.followup)):
        session = rows.loc[rows["role"] == role, [*keys, "participant_id", "z"]]
        frame = frame.merge(
            session.rename(columns={"z": column}), how="left", on=[*keys, "participant_id"]
        )
    arm = pd.Series([participants[one] for one in frame["participant_id"]], dtype=object)
    frame.insert(len(keys) + 1, "arm", arm.where(arm.notna(), None))
    frame["change"] = frame["followup"] - frame["baseline"]
    return frame


def adjusted_difference(table: pd.DataFrame, design: Design) -> tuple[float, int]:
    """Return the change of one edge or circuit as the design defines it, and its n.

    With two arms the difference of the first arm minus the second in the follow-up value, adjusted
    for the baseline value (ordinary least squares, as ANCOVA); in a crossover the mean over both
    orders of the drugs, each with half the weight; otherwise the mean change.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `circuit_changes` or `edge_changes` of one unit.

    Returns
    -------
    estimate : float
        In units of Fisher z; NaN if it cannot be estimated.
    n : int
        Participants with both values (and an arm, or both drugs, where there are any).
    """
    table = table.dropna(subset=["baseline", "followup"])
    if design.drugs:
        means = (
            table["change"]
            .groupby(drug_orders(design, table["participant_id"]))
            .agg(["mean", "size"])
        )
        return (float(means["mean"].mean()) if len(means) == 2 else float("nan")), int(
            means["size"].sum()
        )
    arms = arms_of(design)
    if len(arms) != 2:
        return (float(table["change"].mean()) if len(table) else float("nan")), len(table)
    table = table[table["arm"].isin([arm.role for arm in arms])]
    first = (table["arm"] == arms[0].role).to_numpy(dtype=float)
    X = np.column_stack([np.ones(len(table)), first, table["baseline"].to_numpy(dtype=float)])
    if len(table) < 4 or np.linalg.matrix_rank(X) < X.shape[1]:
        return float("nan"), len(table)
    coefficients = np.linalg.lstsq(X, table["followup"].to_numpy(dtype=float), rcond=None)[0]
    return float(coefficients[1]), len(table)
