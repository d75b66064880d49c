"""Arms, changes and rows of tests, taken out of the result tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.english import listed
from ketfc.inference.design.samples import adjusted_for
from ketfc.inference.motion.gate import FOLLOWS
from ketfc.reporting.words import is_missing
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design


@dataclass(frozen=True)
class Arm:
    """One arm: its role in the design (None where the study has no arms) and its own label."""

    role: str | None
    label: str


def arms_of(design: Design) -> list[Arm]:
    """Return the arms in the order of the design, or the one group of a single-arm study."""
    arms = design.arms
    if not arms:
        return [Arm(None, "patients" if design.groups else "all participants")]
    return [Arm(str(role), str(label)) for role, label in arms.items()]


def compared(design: Design) -> tuple[str, str]:
    """Return the names of the two compared sessions: drugs in a crossover, else roles.

    The session that is subtracted, that after the control drug, comes first.
    """
    drugs = design.drugs
    if drugs:
        return str(drugs["control"]), str(drugs["ketamine"])
    return str(design.baseline), str(design.followup)


def association_given(design: Design) -> list[str]:
    """Return what the test of association adjusts for, in words."""
    adjusted = list(adjusted_for(design))
    if design.drugs:
        return ["the order of the drugs", *adjusted]
    given = [] if design.si_changes_only else [f"{design.instrument} at {design.baseline}"]
    return given + (["arm"] if design.arms else []) + adjusted


def change_given(design: Design, *first: str) -> str:
    """Return in words what the test of change adjusts for: these, and covariates."""
    return listed([*first, *adjusted_for(design, change=True)])


def motion_given(design: Design) -> str:
    """Return in words what the correlation with motion adjusts for; empty where for nothing."""
    side = ["arm"] if design.arms else []
    side += ["the order of the drugs"] if design.drugs else []
    return listed([*side, *adjusted_for(design)])


def drug_orders(design: Design, participants: pd.Series[Any]) -> pd.Series[Any]:
    """Return the order of the drugs of those who had both in a crossover, None for all others."""
    sequences = design.sequences
    both = {who: of for who, of in sequences.items() if of in (KETAMINE_FIRST, CONTROL_FIRST)}
    return pd.Series([both.get(who) for who in participants], participants.index, dtype=object)


def numeric(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Return a copy of `table` with these columns as float64, NaN for what is no number."""
    table = table.copy()
    for column in columns:
        table[column] = pd.to_numeric(table[column], errors="coerce").astype(float)
    return table


def primary_circuits(hypotheses: pd.DataFrame) -> dict[str, str]:
    """Return id and name of the circuits of the primary hypotheses, in the table's order."""
    family = hypotheses["family"].astype(str)
    rows = hypotheses[family.str.startswith("primary")]
    return {
        str(circuit): str(circuit if is_missing(name) else name)
        for circuit, name in zip(rows["hypothesis"], rows["name"], strict=True)
    }


def hypothesis_row(hypotheses: pd.DataFrame, circuit: str, test: str) -> dict[str, Any] | None:
    """Return the row of one hypothesis × test as a dict, or None if it was not run."""
    rows = hypotheses[(hypotheses["hypothesis"] == circuit) & (hypotheses["test"] == test)]
    return None if rows.empty else {str(key): value for key, value in rows.iloc[0].items()}


MOTION_MARK = "▲"
"""Stands in figures beside a circuit whose change follows the change in head motion."""


def motion_row(
    motion: pd.DataFrame, circuit: str | None, strategy: str | None, test: str
) -> dict[str, Any] | None:
    """Return the row of ``quality/motion.tsv`` of one test as a dict, or None if there is none.

    Without a circuit and a strategy: the test whether mean FD itself changed.
    """
    rows = motion[(motion["measure"] == "mean_fd") & (motion["test"] == test)]
    for column, wanted in (("circuit", circuit), ("strategy", strategy)):
        rows = rows[rows[column].isna() if wanted is None else rows[column] == wanted]
    return None if rows.empty else {str(key): value for key, value in rows.iloc[0].items()}


def motion_mark(row: Mapping[str, Any]) -> str:
    """Return what marks a row of ``tests/hypotheses.tsv`` that follows motion; else nothing."""
    return f" {MOTION_MARK} motion" if FOLLOWS in str(row["flags"]).split(";") else ""


def any_follows_motion(hypotheses: pd.DataFrame) -> bool:
    """Return whether any row of ``tests/hypotheses.tsv`` is flagged as following motion."""
    return any(motion_mark({"flags": flags}) for flags in hypotheses["flags"])


def circuit_changes(connectivity: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Return every circuit's connectivity of every participant before and after.

    Parameters
    ----------
    connectivity : pandas.DataFrame
        ``connectivity.tsv``.
    design : mapping
        ``design.json``; its primary strategy and its two roles are used.

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


def score_changes(scores: pd.DataFrame, design: Design, scale: str = "si") -> pd.DataFrame:
    """Return every participant's total score before, after, and its change.

    Parameters
    ----------
    scores : pandas.DataFrame
        ``plan/scores.tsv``.
    design : mapping
        ``design.json``; says whether the study's table holds sessions or only changes.
    scale : {"si", "depression"}
        Which scale.

    Returns
    -------
    pandas.DataFrame
        Columns participant_id, baseline, followup, change; baseline and followup are NaN where
        the study's table holds only changes. No row for participants without any score.
    """
    rows = numeric(scores[(scores["scale"] == scale) & (scores["item"] == "total")], "score")
    by_role = rows.pivot_table(
        index="participant_id", columns="role", values="score", aggfunc="first", dropna=False
    )
    frame = pd.DataFrame(
        {
            "baseline": by_role.get(design.baseline, np.nan),
            "followup": by_role.get(design.followup, np.nan),
        },
        index=by_role.index,
    ).astype(float)
    frame["change"] = (
        by_role["change"].astype(float)
        if "change" in by_role
        else frame["followup"] - frame["baseline"]
    )
    return frame.rename_axis("participant_id").reset_index()


def adjusted_difference(table: pd.DataFrame, design: Design) -> tuple[float, int]:
    """Return the change of one edge or circuit as the design defines it, and its n.

    With two arms the difference of the first arm minus the second in the follow-up value, adjusted
    for the baseline value (ordinary least squares, as ANCOVA); in a crossover the mean over both
    orders of the drugs, each with half the weight; otherwise the mean change.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of `circuit_changes` or `edge_changes` of one unit.
    design : mapping
        ``design.json``.

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


def setting(config: Mapping[str, Any], section: str, key: str) -> Any:
    """Return one value of a config whose keys are spelt as in the YAML file; None if absent."""
    return (config.get(section) or {}).get(key)


def alpha_of(design: Design) -> float:
    """Return the level of the tests."""
    return float(design.alpha)


def coverage(design: Design) -> str:
    """Return what the intervals of the tests cover, such as ``95 %``."""
    return f"{100 * (1 - alpha_of(design)):.4g} %"


def arm_sizes(design: Design) -> dict[str, int]:
    """Return how many participants each arm has, how many have none, and healthy controls."""
    roles = list(design.in_contrasts().values())
    arms = arms_of(design)
    if arms[0].role is None:
        sizes = {arms[0].label: len(roles)}
    else:
        sizes = {arm.label: roles.count(arm.role) for arm in arms}
        sizes |= {"no arm": len(roles) - sum(sizes.values())}
    healthy = len(design.healthy_controls())
    sizes |= {"healthy controls": healthy}
    sizes |= {"no group": len(design.participants) - len(roles) - healthy}
    optional = ("no arm", "healthy controls", "no group")
    return {label: n for label, n in sizes.items() if n or label not in optional}


def exclusion_counts(exclusions: pd.DataFrame) -> pd.DataFrame:
    """Return how often each rule excluded something, and how many participants it concerned.

    Parameters
    ----------
    exclusions : pandas.DataFrame
        ``quality/exclusions.tsv``. In its stage ``test`` a rule is a circuit and a test; here the
        circuits of one test are counted together.

    Returns
    -------
    pandas.DataFrame
        Columns stage, rule, consequence, rows, participants.
    """
    keys = ["stage", "rule", "consequence"]
    if exclusions.empty:
        return pd.DataFrame(columns=[*keys, "rows", "participants"])
    of_tests = exclusions["stage"] == "test"
    test = exclusions["rule"].str.split(" / ").str[-1]
    table = exclusions.assign(rule=exclusions["rule"].mask(of_tests, test))
    grouped = table.groupby(keys, dropna=False)
    counts = grouped.agg(rows=("stage", "size"), participants=("participant_id", "nunique"))
    return counts.reset_index()
