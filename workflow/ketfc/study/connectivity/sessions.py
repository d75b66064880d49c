"""Runs of a study whose connectivity was computed elsewhere, and the matrix of each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ketfc.base.errors import Problem, did_you_mean
from ketfc.study.config.study import Study
from ketfc.study.config.types import expand
from ketfc.study.connectivity.given import FIELD
from ketfc.study.connectivity.hdf5 import conn_sources, giga_sources, read_conn, read_giga
from ketfc.study.connectivity.matrix_files import (
    matrix_sources,
    read_matrix,
    read_xcpd,
    xcpd_sources,
)
from ketfc.study.connectivity.squares import Source, Square, correlations
from ketfc.study.connectivity.tidy import read_edges, read_tidy
from ketfc.study.runs.index import Index, Run

if TYPE_CHECKING:
    import pandas as pd

_SOURCES = {
    "matrices": (matrix_sources, read_matrix),
    "xcp-d": (xcpd_sources, read_xcpd),
    "giga-connectome": (giga_sources, read_giga),
    "conn": (conn_sources, read_conn),
}

_LOOKED_FOR = {
    "matrices": "TSV, CSV or .npy files with sub- and ses- in their paths",
    "xcp-d": "*_stat-pearsoncorrelation_relmat.tsv, or *_stat-mean_timeseries.tsv",
    "giga-connectome": "…_timeseries.tsv with sub- and ses- in their names, or .h5 files with "
    "datasets sub-…/ses-…/…_timeseries",
    "conn": "resultsROI_Subject…_Condition….mat",
}


def given_index(study: Study) -> Index:
    """Return the runs of a study whose connectivity was computed elsewhere, and what is wrong.

    Tables are read; of matrices only the names of the files are looked at.

    Parameters
    ----------
    study : Study
        That section of the config, with `connectivity`.
    """
    about = study.connectivity
    assert about is not None
    if about.kind == "table":
        return read_tidy(study).index
    if about.kind == "edges":
        return read_edges(study)[0]
    problems = [
        Problem("error", "there is no such file or folder", field=f"{FIELD}.path", value=path)
        for path in about.path
        if not expand(path).exists()
    ]
    if problems:
        return Index((), frozenset(), tuple(problems))
    try:
        found = list(_sources(study))
    except OSError as error:
        message = f"cannot be read: {error}"
        wrong = Problem("error", message, field=f"{FIELD}.path", value=", ".join(about.path))
        return Index((), frozenset(), (wrong,))
    people = frozenset(source.participant_id for source in found)
    if not found:
        what = _LOOKED_FOR[about.kind]
        of = f" of atlas {about.atlas}" if about.atlas else ""
        message = f"holds nothing that is read as {about.kind}{of}"
        where = ", ".join(about.path)
        wrong = Problem("error", message, field=f"{FIELD}.path", value=where, allowed=what)
        return Index((), frozenset(), (wrong,))
    problems += _several_atlases(found) + _sessions_missing(found, study) + _twice(found)
    return Index(_runs(found, study), people, tuple(problems))


def given_files(study: Study) -> list[Path]:
    """Return the files of a study's connectivity that are here."""
    about = study.connectivity
    if about is None:
        return []
    found = [expand(path) for path in (about.labels, about.parcels) if path]
    if about.kind in _SOURCES:
        if all(expand(path).exists() for path in about.path):
            for source in _sources(study):
                found += [source.path, *source.beside.values()]
    else:
        found += [expand(path) for path in about.path]
    return [path for path in dict.fromkeys(found) if path.is_file()]


def squares(study: Study, runs: set[str]) -> Iterator[tuple[str, Square | str]]:
    """Yield the matrix of every run, as Pearson's r, or why there is none.

    Parameters
    ----------
    study : Study
        That section of the config.
    runs : set of str
        Names of the runs that are wanted.
    """
    about = study.connectivity
    assert about is not None
    if about.kind == "edges":
        yield from ((name, one) for name, one in read_edges(study)[1].items() if name in runs)
        return
    read = _SOURCES[about.kind][1]
    for source in _sources(study):
        if source.run not in runs:
            continue
        try:
            square = read(source, about)
            r = correlations(square)
        except (OSError, ValueError, KeyError) as error:
            yield source.run, f"{source.path.name}: {error}"
            continue
        yield source.run, Square(square.labels, r, "r", square.known)


def reading_problems(study: Study, index: Index) -> list[Problem]:
    """Return what is wrong with each matrix: runs are left out, unless all are for one reason."""
    if not index.runs or study.connectivity is None or not study.connectivity.of_regions:
        return []
    wrong = {run: said for run, said in squares(study, {one.name for one in index.runs})
             if isinstance(said, str)}  # fmt: skip
    if len(wrong) == len(index.runs):
        first = next(iter(wrong.values()))
        name, _, message = first.partition(": ")
        return [Problem("error", f"{message}; none of {len(wrong)} runs can be read",
                        file=name, field=FIELD)]  # fmt: skip
    return [
        Problem("excluded", wrong[run.name], participant_id=run.participant_id,
                session=run.session, run=run.name, field=FIELD)
        for run in index.runs
        if run.name in wrong
    ]  # fmt: skip


def _sources(study: Study) -> Iterator[Source]:
    """Yield the matrices of a study, their sessions as ``study.sessions`` has them."""
    about = study.connectivity
    assert about is not None
    there = set(study.sessions.values())
    for source in _SOURCES[about.kind][0](about):
        named = about.sessions.get(source.session, source.session)
        session = named if named in there else study.sessions.get(named, named)
        who = about.participants.get(source.participant_id, source.participant_id)
        yield Source(source.run, f"sub-{who.removeprefix('sub-')}", session, source.path,
                     source.key, source.beside)  # fmt: skip


def _runs(found: list[Source], study: Study) -> tuple[Run, ...]:
    roles = {label: role for role, label in study.sessions.items()}
    return tuple(
        Run(one.run, one.participant_id, one.session, roles[one.session], bold="", sidecar="",
            mask=None, confounds=None)
        for one in sorted(found, key=lambda source: source.run)
        if one.session in roles
    )  # fmt: skip


def _several_atlases(found: list[Source]) -> list[Problem]:
    atlases = sorted({source.key for source in found if source.key and "/" not in source.key})
    if len(atlases) < 2:
        return []
    message = "the files are of several parcellations; name one"
    return [Problem("error", message, field=f"{FIELD}.atlas", allowed=", ".join(atlases))]


def _twice(found: list[Source]) -> list[Problem]:
    names = [source.run for source in found]
    return [
        Problem("error", "two files have this name", field=f"{FIELD}.path", value=name)
        for name in sorted({name for name in names if names.count(name) > 1})
    ]


def _sessions_missing(found: list[Source], study: Study) -> list[Problem]:
    there = sorted({source.session for source in found})
    return [
        Problem("error", f"no matrix is of this session{did_you_mean(label, there)}", file="config",
                field=f"study.sessions.{role}", value=label, allowed=", ".join(there))
        for role, label in study.sessions.items()
        if label not in there
    ]  # fmt: skip


def runs_known(study: Study, runs: pd.DataFrame) -> dict[str, Square]:
    """Return the matrices of the planned runs that can be used, by name."""
    wanted = set(runs.loc[runs["status"] == "ok", "run"])
    return {name: one for name, one in squares(study, wanted) if isinstance(one, Square)}
