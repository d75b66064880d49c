"""Inputs of jobs and labels of their files, looked up by wildcards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ketfc.study.runs.manifest import Manifest


def entry(path: str, within: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return a function that finds what a mapping has for a job, such as ``{run}/bold``.

    Snakemake's own ``lookup()`` goes through the whole mapping for every job.
    """

    def found(wildcards: Any) -> Any:
        content: Any = within
        for key in path.format(**wildcards).split("/"):
            content = content[key]
        return content

    return found


def of_runs(runs: Manifest, *patterns: str) -> Callable[[Any], list[str]]:
    """Return a function that lists files of all runs, each run's in the order of the patterns.

    A job on another machine reads the rules again: it must not list what only other jobs need.
    """

    def listed(wildcards: Any) -> list[str]:
        # an output of a rule may know its storage; Snakemake 9.27 formats text alone
        return [
            str(pattern).format(run=name, folder=run["folder"])
            for name, run in runs.items()
            for pattern in patterns
        ]

    return listed


def figure_labels(wildcards: Any, input: Any) -> dict[str, str]:
    """Return what Snakemake's report calls a figure."""
    from ketfc.reporting.text.captions import figure_title
    from ketfc.study.design.design import read_design

    return {"Figure": figure_title(wildcards.figure, read_design(input.design))}


def map_labels(wildcards: Any) -> dict[str, str]:
    """Return what Snakemake's report calls the picture of a group map."""
    from ketfc.reporting.words import region_label

    return {"Seed": region_label(wildcards.region), "Question": wildcards.question}
