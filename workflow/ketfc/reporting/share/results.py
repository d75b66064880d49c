"""All that leaves the lab of a study: report, methods, tables, and the list of what was removed."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from ketfc.base.errors import Problem, StudyError
from ketfc.base.files import MISSING, write_text
from ketfc.reporting.pages.report.page import render_report
from ketfc.reporting.share.allowed import REMOVED_COLUMNS, Shared, allowed, shared
from ketfc.reporting.share.cells import Cells
from ketfc.reporting.share.figures import redrawn
from ketfc.reporting.share.scan import found_in
from ketfc.reporting.text.methods import methods_text
from ketfc.reporting.text.references import references_bib
from ketfc.study.design.design import Design

TABLES = {
    "hypotheses": "tests/hypotheses.tsv",
    "robustness": "tests/robustness.tsv",
    "shrinkage": "tests/shrinkage.tsv",
    "reliability": "tests/reliability.tsv",
    "curves": "tests/specification_curve.tsv",
    "networks": "tests/networks.tsv",
    "activity": "tests/activity.tsv",
    "edges": "tests/edges.tsv",
    "null": "tests/matched_null.tsv",
    "clusters": "maps/clusters.tsv",
    "qcfc": "quality/qcfc.tsv",
    "motion": "quality/motion.tsv",
    "clinical": "clinical/summary.tsv",
    "effects": "clinical/effects.tsv",
    "regions": "regions.tsv",
    "habenula": "habenula.tsv",
    "specifications": "tests/specifications.tsv",
    "time_course": "clinical/time_course.tsv",
}
"""By the name that the rules have for a table of the allow-list, its path."""

BESIDE = (
    *("motion", "clinical", "specifications", "time_course"),
    *("incomplete", "participants", "paired"),
)
"""Tables beside those of :func:`ketfc.reporting.results.result_tables`, by the names of the "
"rules."""

_NOT_IN_METHODS = ("motion", "clinical", "qcfc", "specifications", "time_course")

FIGURES = {
    "forest": ("hypotheses", "motion", "curves"),
    "circuits": ("hypotheses",),
    "networks": ("networks",),
    "edges": ("edges",),
    "activity": ("activity",),
    "specifications": ("specifications", "curves"),
    "matrices": (),
}
"""Figures of groups, with the tables they show: where one of these is suppressed, it stays."""

_AGAIN = {"paired": "means", "clinical": "clinical"}
"""Figures that are drawn again from what may be seen, with the names that they then have."""

_STAY = (
    "Participants: who they are, their scores, connectivity, motion and scans, and who was left "
    "out "
    "of what; plots and figures that show them one by one.",
    "Dates, free text, links to other files, and statistic images of the brain.",
)


@dataclass(frozen=True)
class Leaving:
    """Results that leave the lab.

    Attributes
    ----------
    report, methods : str
        HTML and Markdown.
    tables : mapping of str to pandas.DataFrame
        By path, as in ``results``.
    removed : pandas.DataFrame
        ``removed.tsv``.
    """

    report: str
    methods: str
    tables: Mapping[str, pd.DataFrame]
    removed: pd.DataFrame


def leaving(
    *,
    design: Design,
    cells: Cells,
    facts: Mapping[str, Any],
    results: Mapping[str, Any],
    every_table: Iterable[str],
    figures: Mapping[str, Path],
    map_pictures: Mapping[str, Path],
) -> Leaving:
    """Return what may leave the lab of a study.

    Parameters
    ----------
    design : Design
    cells : Cells
        Participants behind the results.
    facts : mapping
        ``provenance.json``.
    results : mapping of str to pandas.DataFrame
        The tables of :func:`ketfc.reporting.results.result_tables` and those of `BESIDE`;
        ``paired`` are the numbers of the figure.
    every_table : iterable of str
        Paths of all tables of the study.
    figures, map_pictures : mapping of str to pathlib.Path
        PNG files of figures and of group maps.

    Raises
    ------
    StudyError
        If an arm has too few participants for anything to leave.
    """
    _require_enough(cells)
    here = set(every_table)
    about = {name: results[name] for name in TABLES}
    done = {
        name: shared(TABLES[name], table, cells)
        for name, table in about.items()
        if table is not None and TABLES[name] in here
    }
    design = replace(design, sessions=_without_dates(design.sessions))
    pages: dict[str, Any] = {
        name: done[name].page if name in done else table for name, table in about.items()
    }
    # risks are counts and nothing else: a row without them would say nothing
    pages["effects"] = pages["effects"].dropna(subset=["n"])
    suppressed = {name for name, each in done.items() if each.suppressed}
    drawn = {name: path for name, path in figures.items() if name in FIGURES}
    drawn = {name: path for name, path in drawn.items() if not suppressed & set(FIGURES[name])}
    pictures = {} if "clusters" in suppressed else map_pictures
    means = _means(results["paired"], cells.smallest)
    stay = [name for name in (*figures, *map_pictures) if name not in {*drawn, *pictures}]
    common: dict[str, Any] = {
        "design": design,
        "config": facts["config"],
        "versions": facts["versions"],
        "sidecars": facts["sidecars"],
        **{name: table for name, table in pages.items() if name not in _NOT_IN_METHODS},
        "runs": _without_signals(results["runs"]),
        "exclusions": results["exclusions"],
        "attrition": results["attrition"].iloc[:0],
    }
    methods = methods_text(**common, atlases=facts["atlases"], people=False)
    with TemporaryDirectory() as folder:
        again = redrawn(means, pages, design, Path(folder))
        removed = _removed(done.values(), every_table, {TABLES[name] for name in done}, stay, again)
        report = render_report(
            **common,
            **{name: pages[name] for name in ("motion", "qcfc", "clinical")},
            **{name: results[name] for name in ("incomplete", "participants")},
            numbers={"paired": means},
            figures=drawn | again,
            map_pictures=pictures,
            methods=methods,
            people=False,
            fewest=cells.smallest,
            removed=[*_STAY, *_in_words(removed)],
        )
    tables = {TABLES[name]: each.table for name, each in done.items()}
    return Leaving(report, methods, tables, removed)


def write_leaving(found: Leaving, folder: Path, design: Design) -> None:
    """Write what leaves the lab, if no participant is named in any byte of it.

    Parameters
    ----------
    found : Leaving
    folder : pathlib.Path
        ``results/share``.
    design : Design

    Raises
    ------
    StudyError
        If a participant is named; nothing is written then.
    """
    contents = {
        "report.html": found.report.encode(),
        "methods.md": found.methods.encode(),
        "references.bib": references_bib(found.methods).encode(),
        "removed.tsv": _tsv(found.removed),
        **{path: _tsv(table) for path, table in found.tables.items()},
    }
    require_nobody(contents, design)
    for name, content in contents.items():
        write_text(folder / name, content.decode())


def _tsv(table: pd.DataFrame) -> bytes:
    text: str = table.to_csv(
        sep="\t", na_rep=MISSING, index=False, float_format="%.8g", lineterminator="\n"
    )
    return text.encode()


def require_nobody(contents: Mapping[str, bytes], design: Design) -> None:
    """Refuse contents in which a participant is named.

    Parameters
    ----------
    contents : mapping of str to bytes
        By name, what would leave the lab.
    design : Design

    Raises
    ------
    StudyError
        Naming each file.
    """
    found = found_in(contents, names_of(design))
    if found:
        message = (
            "names a participant, and nothing was written: this should not happen, please report "
            "it "
            "(without the name)"
        )
        raise StudyError([Problem("error", message, file=name) for name in found])


def names_of(design: Design) -> list[str]:
    """Return what participants are called, also without prefix where that is no mere number."""
    everybody = list(design.participants)
    bare = [who.removeprefix("sub-") for who in everybody]
    return [*everybody, *(name for name in bare if not name.isdigit() or len(name) > 4)]


def _require_enough(cells: Cells) -> None:
    few = [name for name, n in cells.planned.items() if n < cells.smallest]
    if few or not cells.planned:
        where = ", ".join("the study" if name == "all" else f"arm {name}" for name in few)
        problem = Problem(
            "error",
            f"has fewer than {cells.smallest} participants ({where or 'the study'}): whatever is "
            f"told "
            "of so few tells of each of them, and nothing was written",
            field="statistics.smallest-cell",
            value=str(cells.smallest),
        )
        raise StudyError([problem])


def _without_dates(sessions: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of sessions, by role; one that may be a date is called by its role."""
    return {
        role: role if sum(map(str.isdigit, label)) >= 6 else label
        for role, label in sessions.items()
    }


def _without_signals(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs without the columns in which single runs are counted."""
    counted = [name for name in runs if str(name).startswith(("tsnr_", "dropout_", "intensity_"))]
    return runs.drop(columns=counted)


def _means(paired: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return the means of enough participants from the numbers of a figure."""
    enough = pd.to_numeric(paired["n"], errors="coerce") >= smallest
    return paired[(paired["kind"] == "mean") & enough]


def _removed(
    done: Iterable[Shared],
    every_table: Iterable[str],
    kept: set[str],
    figures: Iterable[str],
    again: Container[str],
) -> pd.DataFrame:
    rows = [row for each in done for row in each.removed]
    listed = allowed()
    for path in sorted(set(every_table) - kept):
        reason = "its columns are on the list, it was not asked for" if path in listed else ""
        rows.append((path, "table", 1, reason or "not on the list of what may leave"))
    reason = "shows participants, or numbers that are suppressed"
    rows += [
        (
            f"figures/{name}",
            "figure",
            1,
            f"{reason}; drawn again without them" if _AGAIN.get(name) in again else reason,
        )
        for name in figures
    ]
    return pd.DataFrame(rows, columns=list(REMOVED_COLUMNS))


def _in_words(removed: pd.DataFrame) -> list[str]:
    """Return what was removed of tables that are shared, in a sentence each."""
    said = []
    for what, verb in (
        ("numbers of rows", "suppressed"),
        ("rows", "left out"),
        ("counts of events", "without counts"),
    ):
        said += [
            f"{row['file']}: {row['count']} rows {verb} ({row['reason']})."
            for row in removed[removed["what"] == what].to_dict("records")
        ]
    return [*said, "All of it, table by table: removed.tsv."]
