"""Everybody on the page: who can be chosen, and what is told of them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ketfc.reporting.design_words import arms_of
from ketfc.reporting.words import is_missing, number
from ketfc.study.design.design import Design


def everybody(
    design: Design, runs: pd.DataFrame, exclusions: pd.DataFrame, incomplete: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return the participants with arm, motion and flags, as the page's script takes them.

    Parameters
    ----------
    runs, exclusions : pandas.DataFrame
        ``quality/runs.tsv`` and ``quality/exclusions.tsv``.
    incomplete : pandas.DataFrame
        ``tests/left_out.tsv``.

    Returns
    -------
    list of dict
        Of everybody in the plan: ``id``, ``arm`` (empty where the study has none), ``motion`` and
        ``flags``: why sessions or runs are excluded, and which tests they are left out of.
    """
    arms = {arm.role: arm.label for arm in arms_of(design)}
    gone = exclusions[exclusions["unit"].isin(["run", "session"])]
    reasons = {
        str(who): list(dict.fromkeys(own["reason"].dropna().astype(str)))
        for who, own in gone.groupby("participant_id")
    }
    tests = {
        str(who): list(dict.fromkeys(own["test"].astype(str)))
        for who, own in incomplete.groupby("participant_id")
    }
    fd: dict[str, list[str]] = {}
    order = {role: i for i, role in enumerate(design.sessions)}
    for row in sorted(runs.to_dict("records"), key=lambda row: order.get(row["role"], len(order))):
        if not is_missing(row.get("mean_fd")):
            said = f"{row['role']} {number(row['mean_fd'])}"
            fd.setdefault(str(row["participant_id"]), []).append(said)
    return [
        {
            "id": who,
            "arm": arms.get(role, "no arm") if design.arms else "",
            "motion": f"mean FD {', '.join(fd[who])} mm" if who in fd else "",
            "flags": [
                *reasons.get(who, []),
                *([f"not in {', '.join(tests[who])}"] if who in tests else []),
            ],
        }
        for who, role in design.participants.items()
    ]
