"""Table of all exclusions: ``quality/exclusions.tsv``."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ketfc.imaging.group.excluded_runs import EXCLUSION_COLUMNS
from ketfc.study.design.design import Design


def all_exclusions(
    problems: pd.DataFrame, imaging: pd.DataFrame, left_out: pd.DataFrame
) -> pd.DataFrame:
    """Join what the plan, imaging and the tests left out, in that order.

    Parameters
    ----------
    problems : pandas.DataFrame
        ``plan/problems.tsv``; its rows about runs come with `imaging`, the others of severity
        ``excluded``, and missing scores, are taken from here.
    imaging : pandas.DataFrame
        As :func:`ketfc.imaging.group.excluded_runs.excluded_runs` gives it.
    left_out : pandas.DataFrame
        As :func:`ketfc.inference.design.circuit_tests.incomplete_participants` gives it.

    Returns
    -------
    pandas.DataFrame
        Columns of ``EXCLUSION_COLUMNS``.
    """
    planned: list[dict[str, Any]] = [
        {
            "stage": "plan",
            "unit": "participant" if row["session"] is None else "session",
            "participant_id": row["participant_id"],
            "session": row["session"],
            "rule": row["field"],
            "value": row["value"],
            "consequence": "participant or session not complete",
            "reason": row["message"],
        }
        for row in problems.to_dict("records")
        if row["severity"] != "error" and row["run"] is None and row["participant_id"] is not None
    ]
    tested: list[dict[str, Any]] = [
        {
            "stage": "test",
            "unit": "test",
            "participant_id": row["participant_id"],
            "rule": f"{row['hypothesis']} / {row['test']}",
            "consequence": "participant not in this test",
            "reason": row["reason"],
        }
        for row in left_out.to_dict("records")
    ]
    columns = list(EXCLUSION_COLUMNS)
    parts = [pd.DataFrame(planned, columns=columns), imaging, pd.DataFrame(tested, columns=columns)]
    return pd.concat([part.astype(object) for part in parts], ignore_index=True)


def with_design(design: Design, exclusions: pd.DataFrame) -> pd.DataFrame:
    """Return the exclusions after those that the design makes.

    Parameters
    ----------
    design : Design
        The study's design.
    exclusions : pandas.DataFrame
        From :func:`all_exclusions`.
    """
    parts = [design_exclusions(design), exclusions.astype(object)]
    return pd.concat(parts, ignore_index=True)


def design_exclusions(design: Design) -> pd.DataFrame:
    """Return who is in no contrast of drugs or sessions by design: healthy controls."""
    rows = [
        {
            "stage": "design",
            "unit": "participant",
            "participant_id": participant,
            "rule": "study.groups",
            "consequence": "participant in no contrast",
            "reason": "healthy control: not in drug contrasts",
        }
        for participant in design.healthy_controls()
    ]
    return pd.DataFrame(rows, columns=list(EXCLUSION_COLUMNS))
