"""Small studies that are only tables: written, and read into a plan without any image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ketfc.study.config.config import parse_config
from ketfc.study.plan import Plan, make_plan
from ketfc.study.runs.index import Index

STUDY: dict[str, Any] = {
    "name": "t",
    "derivatives": "fmriprep",
    "sessions": {"pre": "pre", "post": "post"},
}
SCORES: dict[str, Any] = {"table": "scores.tsv", "si": {"instrument": "SSI", "column": "SSI"}}


def plan_of(
    folder: Path,
    files: Mapping[str, str],
    *,
    scores: Mapping[str, Any] | None = None,
    study: Mapping[str, Any] | None = None,
    known: tuple[str, ...] = ("sub-01", "sub-02"),
) -> Plan:
    """Return the plan of tables in a folder; cells of `files` are parted by spaces.

    `known` are the participants who would have images.
    """
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(" ", "\t"), encoding="utf-8")
    config = parse_config({"study": STUDY | (study or {}), "scores": SCORES | (scores or {})})
    index = Index(runs=(), participants=frozenset(known), problems=())
    return make_plan(config, index, [folder])


def lines_of(plan: Plan, *severities: str) -> list[str]:
    """Return the problems of some severities as their lines, errors if none is named."""
    wanted = severities or ("error",)
    return [str(problem) for problem in plan.problems if problem.severity in wanted]


def values_of(plan: Plan) -> dict[tuple[str, ...], float]:
    """Return the scores that are known, by participant, role, scale and item."""
    known = plan.scores[plan.scores["score"].notna()]
    keys = ["participant_id", "role", "scale", "item"]
    return {tuple(row[key] for key in keys): row["score"] for row in known.to_dict("records")}
