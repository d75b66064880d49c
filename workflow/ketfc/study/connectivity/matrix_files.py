"""Square matrices and series in text and numpy files: a lab's own, and those of XCP-D."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ketfc.study.config.sources import Connectivity
from ketfc.study.config.types import expand
from ketfc.study.connectivity.scales import Floats
from ketfc.study.connectivity.squares import Source, Square
from ketfc.study.lab_tables import as_number, read_text

_SUB = re.compile(r"sub-([A-Za-z0-9]+)")
_SES = re.compile(r"ses-([A-Za-z0-9]+)")
_XCPD = re.compile(
    r"(?P<run>.+?)_space-[^_]+.*?_(?:seg|atlas)-(?P<atlas>[A-Za-z0-9]+)_.*?"
    r"stat-(?P<what>pearsoncorrelation_relmat|mean_timeseries)\.tsv"
)
MATRICES = (".tsv", ".csv", ".npy")


def matrix_sources(about: Connectivity) -> Iterator[Source]:
    """Yield the matrices of folders, whose paths name participant and session."""
    for folder in map(expand, about.path):
        for path in _files(folder, MATRICES):
            inside = str(path.relative_to(folder)) if path != folder else path.name
            who, session = _SUB.findall(inside), _SES.findall(inside)
            if who and session:
                yield Source(path.stem, f"sub-{who[-1]}", session[-1], path)


def xcpd_sources(about: Connectivity) -> Iterator[Source]:
    """Yield the runs of XCP-D's folders: matrices where there are any, else series."""
    for folder in map(expand, about.path):
        found: dict[tuple[str, str], Source] = {}
        for path in _files(folder, (".tsv",)):
            match = _XCPD.fullmatch(path.name)
            who, session = _SUB.match(path.name), _SES.search(path.name)
            if not (match and who and session):
                continue
            if about.atlas is not None and match["atlas"] != about.atlas:
                continue
            key = (match["run"], match["atlas"])
            if key in found and match["what"] == "mean_timeseries":
                continue
            beside = {}
            for what in ("outliers", "motion"):
                there = sorted(path.parent.glob(f"{match['run']}*_{what}.tsv"))
                if there:
                    beside[what] = there[0]
            found[key] = Source(
                match["run"], f"sub-{who[1]}", session[1], path, match["atlas"], beside
            )
        yield from found.values()


def read_matrix(source: Source, about: Connectivity) -> Square:
    """Return the matrix of a file of a lab.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or its parcels have no names.
    """
    path = source.path
    given = parcel_names(about)
    if path.suffix == ".npy":
        values = np.load(path, allow_pickle=False)
        if values.dtype.kind not in "fiu" or values.ndim != 2:
            raise ValueError(f"holds {values.dtype} of {values.ndim} dimensions, not a matrix")
        return Square(_named(given, len(values)), values.astype(np.float64), str(about.scale))
    labels, values = _text_matrix(path, given)
    return Square(labels, values, str(about.scale))


def read_xcpd(source: Source, about: Connectivity) -> Square:
    """Return the matrix of a run of XCP-D, or that of its series without censored volumes.

    Raises
    ------
    OSError, ValueError
        If files cannot be read or do not belong together.
    """
    known, kept = _motion(source)
    if source.path.name.endswith("relmat.tsv"):
        labels, values = _text_matrix(source.path, ())
        return Square(labels, values, about.scale or "r", known)
    labels, series = series_table(source.path)
    if kept is not None and len(series) == len(kept):
        series = series[kept]
    elif kept is not None and len(series) != int(kept.sum()):
        raise ValueError(
            f"has {len(series)} volumes, and {source.beside['outliers'].name} tells of {len(kept)} "
            f"with {int(kept.sum())} kept"
        )
    return Square(labels, pearson(series), "r", {"n_volumes": len(series)} | known)


def pearson(series: Floats) -> Floats:
    """Return the correlation of every pair of columns; NaN where one is missing or constant."""
    if len(series) < 3:
        raise ValueError(f"has {len(series)} volumes; 3 are needed")
    # a column of one number has rounding for a spread
    still = np.ptp(series, axis=0) <= 1e-10 * np.abs(series).max(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.atleast_2d(np.corrcoef(series, rowvar=False))
    r[still] = np.nan
    r[:, still] = np.nan
    return np.asarray(r, dtype=np.float64)


def parcel_names(about: Connectivity) -> tuple[str, ...]:
    """Return the names of ``study.connectivity.labels``, in their order; none without it."""
    if about.labels is None:
        return ()
    path = expand(about.labels)
    table = read_text(path)
    for column in ("label", "name"):
        if column in table:
            return tuple(str(name) for name in table[column])
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def _named(given: tuple[str, ...], n: int) -> tuple[str, ...]:
    if not given:
        raise ValueError(f"has {n} parcels without names; list them in study.connectivity.labels")
    return given


def _files(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.rglob("*") if path.suffix in tuple(suffixes))


def _text_matrix(path: Path, given: tuple[str, ...]) -> tuple[tuple[str, ...], Floats]:
    """Return names and numbers of a matrix with or without a first row and column of names."""
    table = read_text(path)
    header = [str(name) for name in table.columns]
    if all(as_number(name) is not None for name in header):
        rows = [header, *table.to_numpy().tolist()]
        values = _numbers(rows, path)
        return _named(given, len(values)), values
    first = list(table.iloc[:, 0])
    if any(cell is not None and as_number(cell) is None for cell in first):
        names = header[1:]
        if list(map(str, first)) != names:
            raise ValueError("has other names in its first column than in its first row")
        return tuple(names), _numbers(table.iloc[:, 1:].to_numpy().tolist(), path)
    return given or tuple(header), _numbers(table.to_numpy().tolist(), path)


def _numbers(rows: list[list[str | None]], path: Path) -> Floats:
    found = []
    for i, cells in enumerate(rows, start=1):
        numbers = []
        for cell in cells:
            number = np.nan if cell is None else _number(cell)
            if number is None:
                raise ValueError(f"holds '{cell}' in row {i}, which is no number")
            numbers.append(number)
        found.append(numbers)
    return np.array(found, dtype=np.float64)


def _number(text: str) -> float | None:
    if text.lower() in ("nan", "inf", "-inf"):
        return float(text)
    return as_number(text)


def series_table(path: Path) -> tuple[tuple[str, ...], Floats]:
    """Return the header of a table of series, and its numbers, volumes × columns.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or a cell is no number.
    """
    table = read_text(path)
    return tuple(map(str, table.columns)), _numbers(table.to_numpy().tolist(), path)


def _motion(source: Source) -> tuple[dict[str, float], npt.NDArray[np.bool_] | None]:
    """Return what XCP-D tells of a run's motion, and which volumes it kept."""
    known: dict[str, float] = {}
    kept: npt.NDArray[np.bool_] | None = None
    if "outliers" in source.beside:
        columns, flags = series_table(source.beside["outliers"])
        kept = np.asarray(~(flags > 0).any(axis=1), dtype=np.bool_)
        known |= {"n_volumes": float(kept.sum()), "n_censored": float((~kept).sum())}
    if "motion" in source.beside:
        columns, motion = series_table(source.beside["motion"])
        if "framewise_displacement" in columns:
            fd = motion[:, columns.index("framewise_displacement")]
            known |= {"mean_fd": float(np.nanmean(fd)), "max_fd": float(np.nanmax(fd))}
    return known, kept
