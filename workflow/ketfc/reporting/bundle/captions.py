"""Titles and captions of all figures, as a page for a paper and for Snakemake's own report."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from ketfc.inference.maps.clusters import rows_of
from ketfc.reporting.text.captions import TITLES, figure_caption, figure_title
from ketfc.reporting.text.maps.captions import asked, map_caption, outcome
from ketfc.study.design.design import Design


def figure_captions(names: Iterable[str], design: Design) -> dict[str, tuple[str, str]]:
    """Return title and caption of figures by name, in the order of the report."""
    given = set(names)
    return {
        name: (figure_title(name, design), figure_caption(name, design))
        for name in TITLES
        if name in given
    }


def map_captions(
    names: Iterable[str], clusters: pd.DataFrame | None, design: Design
) -> dict[str, tuple[str, str]]:
    """Return title and caption of pictures of group maps, named ``seed-REGION_QUESTION``."""
    found: dict[str, tuple[str, str]] = {}
    if clusters is None:
        return found
    for name in names:
        region, _, question = name.removeprefix("seed-").partition("_")
        rows = rows_of(clusters, region, question)
        title = asked(rows.iloc[0], design)
        found[name] = title, f"{outcome(rows, design)} {map_caption(design)}"
    return found


def captions_page(captions: dict[str, tuple[str, str]]) -> str:
    """Return captions as Markdown, each with the name of its files."""
    parts = [
        f"## {title}\n\n{caption}\n\nFiles: `{name}.pdf`, `.svg`, `.png`; numbers: `{name}.tsv`.\n"
        for name, (title, caption) in captions.items()
    ]
    return "\n".join(["# Figures\n", *parts])


def restructured(caption: str) -> str:
    """Return a caption as reStructuredText that shows every character as it is."""
    return re.sub(r"([\\*`|_<>])", r"\\\1", caption) + "\n"
