"""Scores over all sessions, by arm: ``clinical/time_course.tsv``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.clinical.changes import hours_of, people_of
from ketfc.study.design.design import Design
from ketfc.study.scores.long_scores import CHANGE

TIME_COURSE_COLUMNS = (
    "scale",
    "instrument",
    "item",
    "arm",
    "session",
    "role",
    "hours",
    "n",
    "n_missing",
    "mean",
    "ci_low",
    "ci_high",
    "sd",
)

TIME_COURSE_NUMBERS = ("hours", "n", "n_missing", "mean", "ci_low", "ci_high", "sd")


def time_course(scores: pd.DataFrame, design: Design, *, alpha: float) -> pd.DataFrame:
    """Return the mean score of every session and arm, with its interval.

    Parameters
    ----------
    scores : pandas.DataFrame
        ``plan/scores.tsv``.
    design : Design
        The study's design.
    alpha : float
        Intervals cover 1 − `alpha`.

    Returns
    -------
    pandas.DataFrame
        :data:`TIME_COURSE_COLUMNS`, a row per score, arm (``all`` where there are no arms; of a
        crossover everybody, whose sessions are of different drugs) and session in the order of
        hours since the dose, of the config where these are not known. Means are of those who have
        a score then, who are not the same people at all sessions, with t intervals from three
        participants on.
    """
    from scipy import stats

    people = people_of(design)
    arms = design.arms if design.between_arms else {"all": "all"}
    place = {role: number for number, role in enumerate(design.sessions)}
    rows: list[dict[str, Any]] = []
    levels = scores[scores["role"] != CHANGE]
    for key, own in levels.groupby(["scale", "instrument", "item"], sort=True):
        name = dict(zip(("scale", "instrument", "item"), key, strict=True))
        for arm, label in arms.items():
            mine = people.index if arm == "all" else people.index[people["arm"] == arm]
            found: list[dict[str, Any]] = []
            for role, cells in own.groupby("role", sort=False):
                values = cells.set_index("participant_id")["score"].reindex(mine)
                known = values.dropna().to_numpy(dtype=np.float64)
                if not len(known):
                    continue
                row: dict[str, Any] = {
                    **name,
                    "arm": label,
                    "session": design.sessions[str(role)],
                    "role": str(role),
                    "hours": hours_of(str(role), cells, design),
                    "n": len(known),
                    "n_missing": len(mine) - len(known),
                    "mean": float(known.mean()),
                }
                if len(known) > 1:
                    row["sd"] = float(known.std(ddof=1))
                if len(known) > 2:
                    half = float(stats.t.ppf(1 - alpha / 2, len(known) - 1))
                    half *= row["sd"] / len(known) ** 0.5
                    row |= {"ci_low": row["mean"] - half, "ci_high": row["mean"] + half}
                found.append(row)
            timed = all(np.isfinite(row["hours"]) for row in found)
            rows += sorted(found, key=lambda row: row["hours"] if timed else place[row["role"]])
    return pd.DataFrame(rows, columns=list(TIME_COURSE_COLUMNS))
