"""Files of giga_connectome and CONN: series in HDF5 or TSV, and matrices in HDF5."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ketfc.study.config.sources import Connectivity
from ketfc.study.config.types import expand
from ketfc.study.connectivity.matrix_files import parcel_names, pearson, series_table
from ketfc.study.connectivity.squares import Source, Square
from ketfc.study.lab_tables import as_number

_GIGA_TSV = re.compile(
    r"(?P<run>(?P<who>sub-[A-Za-z0-9]+)_ses-(?P<session>[A-Za-z0-9]+)(?:_.+?)?)"
    r"(?:_(?:seg|atlas)-(?P<atlas>[A-Za-z0-9]+))_desc-[A-Za-z0-9]+_timeseries\.tsv"
)
_CONN = re.compile(r"resultsROI_(Subject\d+)_(Condition\d+)\.mat")


def giga_sources(about: Connectivity) -> Iterator[Source]:
    """Yield the series of giga_connectome, in HDF5 files or, of later versions, in TSV.

    In HDF5, datasets are ``sub-X/[ses-Y/]NAME_timeseries``; TSV files are called
    ``sub-X_ses-Y_…_seg-ATLAS_desc-denoiseSTRATEGY_timeseries.tsv``, or ``atlas-``. Its connectomes
    are shrunk and left alone.
    """
    import h5py

    for place in map(expand, about.path):
        yield from _giga_tables(place, about)
        if place.suffix == ".tsv":
            continue
        for path in [place] if place.is_file() else sorted(place.rglob("*.h5")):
            keys: list[str] = []
            with h5py.File(path, "r") as file:
                file.visit(lambda name, keys=keys: keys.append(str(name)))
            for key in sorted(keys):
                name = key.rpartition("/")[2]
                who, session = (
                    re.search(r"sub-([A-Za-z0-9]+)", key),
                    re.search(r"ses-([A-Za-z0-9]+)", key),
                )
                atlas = re.search(r"(?:seg|atlas)-([A-Za-z0-9]+)", name)
                if not name.endswith("_timeseries") or who is None or session is None:
                    continue
                if about.atlas is None or (atlas and atlas[1] == about.atlas):
                    run = name.removesuffix("_timeseries")
                    yield Source(run, f"sub-{who[1]}", session[1], path, key)


def _giga_tables(place: Path, about: Connectivity) -> Iterator[Source]:
    for path in [place] if place.is_file() else sorted(place.rglob("*_timeseries.tsv")):
        match = _GIGA_TSV.fullmatch(path.name)
        if match and about.atlas in (None, match["atlas"]):
            yield Source(match["run"], match["who"], match["session"], path, match["atlas"])


def read_giga(source: Source, about: Connectivity) -> Square:
    """Return the correlations of a run's series.

    Raises
    ------
    OSError, ValueError
        If they cannot be read, or the parcels have no names.
    """
    import h5py

    names = parcel_names(about)
    if source.path.suffix == ".tsv":
        header, series = series_table(source.path)
        # its columns are counted, from 0, where they have no names
        if not names and all(as_number(name) is None for name in header):
            names = header
    else:
        with h5py.File(source.path, "r") as file:
            series = np.asarray(file[source.key], dtype=np.float64)
    if series.ndim != 2:
        raise ValueError(f"holds an array of {series.ndim} dimensions, not volumes × parcels")
    if not names:
        raise ValueError(
            f"has {series.shape[1]} parcels without names; list them in study.connectivity.labels"
        )
    return Square(names, pearson(series), "r", {"n_volumes": float(len(series))})


def conn_sources(about: Connectivity) -> Iterator[Source]:
    """Yield CONN's first-level results: a file per subject and condition."""
    for place in map(expand, about.path):
        for path in [place] if place.is_file() else sorted(place.rglob("resultsROI_*.mat")):
            match = _CONN.fullmatch(path.name)
            if match is None:
                continue
            subject, condition = match.groups()
            who = about.participants.get(subject, subject.replace("Subject", "sub-"))
            yield Source(path.stem, f"sub-{who.removeprefix('sub-')}", condition, path)


def read_conn(source: Source, about: Connectivity) -> Square:
    """Return the matrix of a subject and condition of CONN, which holds Fisher z.

    MATLAB's arrays arrive transposed. Targets that are no sources (``names2`` beyond ``names``)
    are left out.

    Raises
    ------
    OSError, ValueError
        If the file is no HDF5 (MATLAB writes it with ``-v7.3``), or lacks ``Z`` or ``names``.
    """
    import h5py

    if not h5py.is_hdf5(source.path):
        raise ValueError("is no HDF5 file: save it in MATLAB with -v7.3")
    with h5py.File(source.path, "r") as file:
        for name in ("Z", "names"):
            if name not in file:
                raise ValueError(f"holds no {name}: it is no resultsROI file of CONN")
        values = np.asarray(file["Z"], dtype=np.float64).T
        names = _texts(file, "names")
        targets = _texts(file, "names2") if "names2" in file else names
    if values.shape != (len(names), len(targets)):
        raise ValueError(
            f"holds a Z of {' × '.join(map(str, values.shape))}, and {len(names)} × "
            f"{len(targets)} names"
        )
    missing = [name for name in names if name not in targets]
    if missing:
        raise ValueError(f"has sources that are no targets: {', '.join(missing[:3])}")
    order = [targets.index(name) for name in names]
    return Square(tuple(names), values[:, order], about.scale or "fisher-z")


def _texts(file: Any, name: str) -> list[str]:
    """Return a cell array of text: references to arrays of UTF-16."""
    return [
        "".join(map(chr, np.asarray(file[reference]).ravel()))
        for reference in np.asarray(file[name]).ravel()
    ]
