"""The page of the whole study's quality, with a link to every participant's."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.files import MISSING
from ketfc.reporting.design_words import arms_of
from ketfc.reporting.figures import group_quality as figures
from ketfc.reporting.pages.rendering import environment, png_uri
from ketfc.reporting.words import compact, number
from ketfc.study.design.design import Design

RUN_NUMBERS = ("n_volumes", "n_censored", "seconds_kept", "mean_fd")


def render_group(
    *,
    design: Design,
    runs: pd.DataFrame,
    strategies: pd.DataFrame,
    coverage: Mapping[str, pd.DataFrame],
    similarity: pd.DataFrame,
    exclusions: pd.DataFrame,
    pages: Collection[str],
    settings: Mapping[str, Any],
    qcfc: Path,
) -> str:
    """Return the page of the study's quality.

    Parameters
    ----------
    runs, strategies, similarity, exclusions : pandas.DataFrame
        Tables of that name in ``quality``.
    coverage : mapping of str to pandas.DataFrame
        The circuits' coverage table by run.
    pages : collection of str
        Participants who have a page.
    settings : mapping
        ``min_coverage`` and ``carpet_atlas``, the first parcellation.
    qcfc : pathlib.Path
        PNG of the relation of motion with connectivity.

    Returns
    -------
    str
        HTML without scripts that loads nothing; only the links lead to other files.
    """
    runs = runs.assign(**{name: pd.to_numeric(runs[name]).astype(float) for name in RUN_NUMBERS})
    measures = figures.run_measures(runs, dict(coverage), settings["min_coverage"])
    tdof = figures.strategy_rows(strategies)
    return (
        environment()
        .get_template("group.html.j2")
        .render(
            study=design.study,
            baseline=design.baseline,
            followup=design.followup,
            primary=design.strategy,
            settings=settings,
            measures=png_uri(figures.draw_measures(measures, similarity, design), dpi=160),
            tdof=png_uri(figures.draw_strategies(tdof, design.strategy), dpi=160) if tdof else None,
            strategies=[
                {
                    "name": name,
                    "usable": f"{len(values)} of {len(runs)}",
                    "median": compact(values.median()),
                    "range": f"{compact(values.min())} to {compact(values.max())}"
                    if len(values)
                    else "n/a",
                }
                for name, values in tdof.items()
            ],
            qcfc="data:image/png;base64," + base64.b64encode(qcfc.read_bytes()).decode("ascii"),
            identified=_identified(similarity),
            people=_people(design, measures, similarity, exclusions, pages),
        )
    )


def _identified(similarity: pd.DataFrame) -> str:
    """Count in words the participants who are most like themselves."""
    ranked = similarity[similarity["n_others"] > 0]
    if ranked.empty:
        return ""
    return f"{int((ranked['rank'] == 1).sum())} of {len(ranked)}"


def _people(
    design: Design,
    measures: pd.DataFrame,
    similarity: pd.DataFrame,
    exclusions: pd.DataFrame,
    pages: Collection[str],
) -> list[dict[str, Any]]:
    """Return a row of everybody who was planned: the least usable first, then who moved most."""
    arms = {arm.role: arm.label for arm in arms_of(design)}
    alike = similarity.set_index("participant_id")
    rows = []
    for participant, role in design.participants.items():
        own = measures[measures["participant_id"] == participant]
        used = own[own["status"] == "ok"]
        missing = [one for one in design.sessions if one not in set(used["role"])]
        fd = {one: used.loc[used["role"] == one, "mean_fd"].mean() for one in design.sessions}
        change = fd[design.followup] - fd[design.baseline]
        worst = own[["mean_fd", "censored", "uncovered"]].max().fillna(0)
        row: Any = alike.loc[participant] if participant in alike.index else None
        rows.append(
            (
                (-len(missing), -worst["uncovered"], -worst["mean_fd"]),
                {
                    "participant": participant,
                    "page": participant in pages,
                    "arm": arms.get(role, "no arm") if design.arms else "",
                    "missing": ", ".join(missing),
                    "fd": " / ".join(number(value, 2) for value in fd.values()),
                    "fd_change": number(change, signed=True),
                    "censored": number(own["censored"].max(), 0),
                    "kept": number(own["seconds_kept"].min(), 0),
                    "uncovered": number(own["uncovered"].max(), 0),
                    "tsnr": number(own["tsnr"].min(), 0),
                    "r_own": MISSING if row is None else number(row["r_own"]),
                    "rank": _rank(row),
                    "reasons": figures.reasons(exclusions, participant),
                    "bad": bool(missing),
                },
            )
        )
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def _rank(row: pd.Series[Any] | None) -> str:
    if row is None or not np.isfinite(row["rank"]):
        return "n/a"
    return f"{row['rank']:.0f} of {row['n_others'] + 1:.0f}"
