"""Count who is left for the tests of a design, and find studies in which none is possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketfc.base.english import listed, plural
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 3
"""Complete participants that any test needs."""

FEWEST_OF_EACH = 2
"""Complete participants of each arm, or each order of the drugs, that a comparison needs."""

FEWEST_OF_ONE = 5
"""Complete participants of one arm whose own change is tested without the other."""

FEWEST_AT_BASELINE = 10
"""Participants with a scan before treatment that tests of baseline connectivity need."""


def complete_by_group(design: Design, runs: pd.DataFrame) -> dict[str, int]:
    """Return how many participants have usable runs of both sessions of the primary contrast.

    Parameters
    ----------
    design : Design
        The design.
    runs : pandas.DataFrame
        ``plan/runs.tsv``.

    Returns
    -------
    dict of str to int
        By label of the arm, or by order of the drugs; of all together under ``all`` where the
        design has neither. Who has no arm or no known order counts nowhere.
    """
    usable = runs[runs["status"] == "ok"]
    roles = usable.groupby("participant_id")["role"].agg(set)
    wanted = {design.baseline, design.followup}
    complete = [
        who for who in design.in_contrasts() if who in roles.index and wanted <= set(roles[who])
    ]
    if design.between_arms:
        arms = [design.participants[who] for who in complete]
        return {label: arms.count(role) for role, label in design.arms.items()}
    if design.within_drugs:
        orders = [design.sequences[who] for who in complete]
        both = (f"{role}-first" for role in design.drugs)
        return {order: orders.count(order) for order in both}
    return {"all": len(complete)}


def why_no_test(design: Design, runs: pd.DataFrame) -> str | None:
    """Return why no test is possible, as far as the plan knows; None where one may be.

    Images that turn out too short, damaged or censored can still leave nothing to test.

    Parameters
    ----------
    design, runs
        As for :func:`complete_by_group`.
    """
    sizes = complete_by_group(design, runs)
    usable = runs[runs["status"] == "ok"]
    before = usable.loc[usable["role"] == (design.pre or design.baseline), "participant_id"]
    several = len(sizes) > 1
    compared = min(sizes.values()) >= FEWEST_OF_EACH if several else True
    alone = design.between_arms and max(sizes.values()) >= FEWEST_OF_ONE
    enough = (compared and sum(sizes.values()) >= FEWEST) or alone
    further = any(pair != (design.baseline, design.followup) for pair in design.contrasts)
    if enough or further or before.nunique() >= FEWEST_AT_BASELINE:
        return None
    sessions = f"ses-{design.sessions[design.baseline]} and ses-{design.sessions[design.followup]}"
    counts = listed(
        [f"{n} of {name}" for name, n in sizes.items()]
        if several
        else [plural(n, "participant") for n in sizes.values()]
    )
    needed = f"{FEWEST_OF_EACH} of each are" if several else f"{FEWEST} are"
    return (
        f"no test is possible: {counts} would have usable runs of both {sessions}, and at least "
        f"{needed} needed{_left_out(runs)}"
    )


def _left_out(runs: pd.DataFrame) -> str:
    """Return by which rules runs are left out, the most frequent first."""
    rules = runs.loc[runs["status"] != "ok", "rule"].value_counts()
    if rules.empty:
        return ""
    shown = [f"{n} by {rule}" for rule, n in rules.items()]
    return f"; of {plural(len(runs), 'run')}, {listed(shown)} are left out (results/plan/runs.tsv)"
