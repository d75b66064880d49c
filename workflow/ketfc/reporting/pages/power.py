"""The page of a planned study: one file that asks for nothing from outside."""

from __future__ import annotations

import base64
from pathlib import Path

import pandas as pd

from ketfc.reporting.pages.markdown import to_html
from ketfc.reporting.pages.rendering import environment
from ketfc.reporting.tables import table_of
from ketfc.reporting.text.planning.power import needed_tables
from ketfc.reporting.text.references import cited

POWER_CAPTION = (
    "Marks are simulated powers, with the 95 % interval of the simulation's error; broken lines "
    "are what formulas say of those expected to be complete. The horizontal line is the power "
    "asked for, the vertical one the participants expected."
)


def render_power(table: pd.DataFrame, needed: pd.DataFrame, *, figure: Path, paragraph: str) -> str:
    """Return the page of a planned study as HTML without scripts.

    Parameters
    ----------
    table, needed : pandas.DataFrame
        ``power/power.tsv`` and ``power/needed.tsv``, numbers as numbers.
    figure : pathlib.Path
        The curves, a PNG.
    paragraph : str
        ``power/paragraph.md``.
    """
    picture = base64.b64encode(figure.read_bytes()).decode("ascii")
    people, effects = needed_tables(needed)
    shown = ["question", "n", "n_complete", "effect", "power", "ci_low", "ci_high", "analytic"]
    decimals = dict.fromkeys(("power", "ci_low", "ci_high", "analytic"), 3)
    return (
        environment()
        .get_template("power.html.j2")
        .render(
            curves=f"data:image/png;base64,{picture}",
            caption=POWER_CAPTION,
            people=people,
            effects=effects,
            points=table_of(table[shown], digits=decimals),
            paragraph=to_html(paragraph.split("\n", 1)[1], top=2),
            references=cited(paragraph),
        )
    )
