"""The page of a synthesis: one file that asks for nothing from outside."""

from __future__ import annotations

import base64
from pathlib import Path

from ketfc.reporting.pages.markdown import to_html
from ketfc.reporting.pages.rendering import environment
from ketfc.reporting.text.references import cited
from ketfc.reporting.text.synthesis.results import SynthesisPage

FOREST_CAPTION = (
    "Squares are studies with their intervals (participants in brackets), their area the weight in "
    "the random effects; the diamond is the mean over studies with Knapp and Hartung's interval, "
    "the line below it the interval in which the effect of a further study would lie. Panels hold "
    "studies of one design; their axes are not the same."
)


def render_synthesis(page: SynthesisPage, *, figure: Path, methods: str) -> str:
    """Return the page of a synthesis as HTML without scripts.

    Parameters
    ----------
    page : SynthesisPage
        What it says.
    figure : pathlib.Path
        The forest plots, a PNG.
    methods : str
        ``methods.md`` of the synthesis.
    """
    picture = base64.b64encode(figure.read_bytes()).decode("ascii")
    return (
        environment()
        .get_template("synthesis.html.j2")
        .render(
            page=page,
            forest=f"data:image/png;base64,{picture}",
            caption=FOREST_CAPTION,
            methods=to_html(methods.split("\n", 1)[1], top=2),
            references=cited(methods),
        )
    )
