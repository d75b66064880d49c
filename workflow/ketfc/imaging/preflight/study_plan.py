"""The plan of a study from its files: one for the start of the workflow and ``results/plan``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketfc.base.errors import Problem, StudyError, problems_table
from ketfc.base.files import write_tsv
from ketfc.imaging.group.given_circuits import place_parcels
from ketfc.imaging.io.native_size import native_sizes, native_table
from ketfc.imaging.preflight.compcor_checks import component_problems, components_by_run
from ketfc.imaging.preflight.precheck import (
    confound_problems,
    early_problems,
    package_problems,
)
from ketfc.imaging.preflight.preregistration import lock_problems
from ketfc.imaging.regions.habenula import resolution_problems
from ketfc.imaging.regions.registry import load_registry
from ketfc.study.config.config import Config
from ketfc.study.connectivity.sessions import given_index, reading_problems, squares
from ketfc.study.connectivity.squares import Square
from ketfc.study.design.design import write_design
from ketfc.study.plan import Plan, make_plan
from ketfc.study.runs.fetch.annex import absent_files
from ketfc.study.runs.index import Index, index_runs
from ketfc.study.runs.manifest import Manifest, indexed_manifest, without
from ketfc.study.runs.manual import manual_exclusions

if TYPE_CHECKING:
    import pandas as pd


FEW = 20
"""Runs whose confounds are looked at when the workflow starts."""


@dataclass(frozen=True)
class StudyFiles:
    """Paths of the parts of a study.

    Attributes
    ----------
    folders : sequence of pathlib.Path
        The derivatives.
    registry, parcellations : str or pathlib.Path
        ``circuits.yaml`` and ``parcellations.yaml``.
    by_hand : pathlib.Path or None
        The table of manual exclusions.
    """

    folders: Sequence[Path]
    registry: str | Path
    parcellations: str | Path
    by_hand: Path | None = None


@dataclass(frozen=True)
class StudyPlan:
    """A plan, and what it was made from.

    Attributes
    ----------
    plan : Plan
        The plan.
    manifest : dict
        The runs whose files are all here, those left out by hand among them.
    native : pandas.DataFrame
        Recorded voxel sizes; empty where headers were not read.
    """

    plan: Plan
    manifest: Manifest
    native: pd.DataFrame


def study_plan(
    config: Config, files: StudyFiles, headers: Mapping[str, Any] | None = None
) -> StudyPlan:
    """Plan a study; takes seconds, opens tables but no image.

    Parameters
    ----------
    config : Config
        The study's configuration.
    files : StudyFiles
        Where its parts are.
    headers : mapping, optional
        From :func:`read_headers`. Without them the plan looks at the confounds of a few runs, and
        at all only if none of the few can be used: what is wrong with some excludes these, and
        what is wrong with all stops the study.
    """
    if config.study.connectivity is not None:
        return _given_plan(config, files, headers)
    index = index_runs(config.study, files.folders)
    absent = absent_files(index, files.folders)
    problems = early_problems(
        config,
        index,
        files.folders,
        absent=absent,
        by_hand=files.by_hand,
        registry=files.registry,
        parcellations=files.parcellations,
    )
    native = native_table(headers["native"] if headers else {})
    if headers:
        problems += [Problem(**problem) for problem in headers["problems"]]
        problems += resolution_problems(files.registry, native)
    else:
        problems += _if_none_is_usable(config, index, absent, files.by_hand)
    components = headers["components"] if headers else {}
    plan = make_plan(config, index, files.folders, extra=problems, components=components)
    return StudyPlan(plan, without(indexed_manifest(index), absent), native)


def _given_plan(config: Config, files: StudyFiles, headers: Mapping[str, Any] | None) -> StudyPlan:
    """Plan a study whose connectivity was computed elsewhere: it has no image to read."""
    index = given_index(config.study)
    problems = [*lock_problems(config, files.registry)] if index.runs else []
    problems += package_problems(config)
    if headers:
        problems += [Problem(**problem) for problem in headers["problems"]]
    problems += _parcel_problems(config, files.registry, index)
    problems += manual_exclusions(files.by_hand, index.runs).problems
    plan = make_plan(config, index, files.folders, extra=problems)
    return StudyPlan(plan, {}, native_table({}))


def _parcel_problems(config: Config, registry: str | Path, index: Index) -> list[Problem]:
    """Return what is wrong with the parcels of the regions, by the first readable matrix."""
    about = config.study.connectivity
    if about is None or not about.of_regions or not index.runs:
        return []
    try:
        circuits = load_registry(registry)
    except StudyError as error:
        return list(error.problems)
    for _, square in squares(config.study, {run.name for run in index.runs}):
        if isinstance(square, Square):
            return place_parcels(circuits, about, config.study.space, square.labels)[1]
    return []


def _if_none_is_usable(
    config: Config, index: Index, absent: Mapping[str, Any], by_hand: Path | None
) -> list[Problem]:
    """Return what is wrong with the confounds of all runs if none of the first few is usable."""
    left_out = {*manual_exclusions(by_hand, index.runs).runs, *absent}
    used = [run for run in index.runs if run.complete and run.name not in left_out]
    excluded = {
        problem.run
        for problem in confound_problems(used[:FEW], config)
        if problem.severity == "excluded"
    }
    return confound_problems(used, config) if len(excluded) == len(used[:FEW]) > 0 else []


def read_headers(
    config: Config, folders: Sequence[Path], by_hand: Path | None = None
) -> dict[str, Any]:
    """Read the heads of all confounds and their sidecars, and headers on the grid of the scan.

    Parameters
    ----------
    config : Config
        The study's configuration.
    folders : sequence of pathlib.Path
        The derivatives.
    by_hand : pathlib.Path, optional
        The table of manual exclusions, whose runs are passed over.

    Returns
    -------
    dict
        For :func:`study_plan`: ``problems``, fields of :class:`ketfc.base.errors.Problem`,
        ``components``, the aCompCor components by run in words, and ``native``, the columns of the
        table of recorded voxel sizes.
    """
    if config.study.connectivity is not None:
        wrong = reading_problems(config.study, given_index(config.study))
        return {"problems": [asdict(one) for one in wrong], "components": {}, "native": {}}
    index = index_runs(config.study, folders)
    left_out = {*manual_exclusions(by_hand, index.runs).runs, *absent_files(index, folders)}
    used = [run for run in index.runs if run.name not in left_out]
    complete = [run for run in used if run.complete]
    native = native_sizes(complete, folders, config.study.native_voxel_size).astype(object)
    components = components_by_run(complete)
    problems = [
        *confound_problems(used, config),
        *component_problems(complete, components, config),
    ]
    return {
        "problems": [asdict(problem) for problem in problems],
        "components": {name: str(of_run) for name, of_run in components.items()},
        "native": native.where(native.notna(), None).to_dict("list"),
    }


def write_plan(planned: StudyPlan, outputs: Any) -> None:
    """Write the tables of ``results/plan``.

    Parameters
    ----------
    planned : StudyPlan
        Made with headers.
    outputs : snakemake.io.OutputFiles
        Paths of ``runs``, ``scores``, ``participants``, ``native``, ``problems`` and ``design``.
    """
    plan = planned.plan
    write_tsv(outputs.runs, plan.runs)
    write_tsv(outputs.scores, plan.scores)
    write_tsv(outputs.participants, plan.participants)
    write_design(outputs.design, plan.design)
    write_tsv(outputs.native, planned.native)
    write_tsv(outputs.problems, problems_table(plan.problems))
