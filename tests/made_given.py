"""Connectivity as other programs write it, made from series: one study in five shapes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

Series = Mapping[tuple[str, str], np.ndarray]
"""By participant (``001``) and session label, volumes × parcels."""


def pearson(series: np.ndarray) -> np.ndarray:
    """Pearson's r by its formula, NaN where a column does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (series - series.mean(axis=0)) / series.std(axis=0)
    z[:, np.ptp(series, axis=0) == 0] = np.nan
    return z.T @ z / len(z)


def write_matrices(folder: Path, series: Series, labels: list[str]) -> None:
    """Square TSVs with names on both sides, r, in BIDS-like folders."""
    for (who, session), values in series.items():
        path = folder / f"sub-{who}/ses-{session}/conn.tsv"
        path = path.with_name(f"sub-{who}_ses-{session}_conn.tsv")
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(pearson(values), labels, labels)
        table.to_csv(path, sep="\t", index_label="Node", na_rep="n/a")


def write_arrays(folder: Path, series: Series) -> None:
    """Numpy files of the arctangent of r."""
    folder.mkdir(parents=True, exist_ok=True)
    for (who, session), values in series.items():
        np.save(folder / f"sub-{who}_ses-{session}.npy", np.arctan(pearson(values)))


def write_xcpd(
    folder: Path, series: Series, labels: list[str], *, matrices: bool, outliers: int = 0
) -> None:
    """XCP-D's files: series of all volumes, their outliers (censored noise) and motion."""
    rng = np.random.default_rng(5)
    for n, ((who, session), values) in enumerate(series.items()):
        stem = f"sub-{who}_ses-{session}_task-rest"
        place = folder / f"sub-{who}/ses-{session}/func"
        place.mkdir(parents=True, exist_ok=True)
        flags = np.zeros(len(values) + outliers, dtype=int)
        flags[7 : 7 + outliers] = 1
        full = rng.normal(size=(len(flags), len(labels)))
        full[flags == 0] = values
        seg = f"{stem}_space-MNI152NLin6Asym_seg-Made_stat-"
        table = pd.DataFrame(full, columns=labels)
        table.to_csv(place / f"{seg}mean_timeseries.tsv", sep="\t", index=False)
        if matrices:
            r = pd.DataFrame(pearson(values), labels, labels)
            r.to_csv(place / f"{seg}pearsoncorrelation_relmat.tsv", sep="\t", index_label="Node",
                     na_rep="n/a")  # fmt: skip
        outlying = pd.DataFrame({"framewise_displacement": flags})
        outlying.to_csv(place / f"{stem}_outliers.tsv", sep="\t", index=False)
        fd = pd.DataFrame({"trans_x": 0.0, "framewise_displacement": 0.1 + 0.01 * n + 0.3 * flags})
        fd.to_csv(place / f"{stem}_motion.tsv", sep="\t", index=False)


def write_giga(path: Path, series: Series) -> None:
    """giga_connectome's HDF5: series, and beside them connectomes that are shrunk."""
    with h5py.File(path, "w") as file:
        for (who, session), values in series.items():
            name = f"sub-{who}_ses-{session}_task-rest_atlas-Made_desc-simple"
            group = file.require_group(f"sub-{who}/ses-{session}")
            group[f"{name}_timeseries"] = values
            group[f"{name}_connectome"] = 0.5 * pearson(values)


def write_giga_tables(folder: Path, series: Series) -> None:
    """giga_connectome's TSV files: columns counted from 0, and connectomes that are shrunk."""
    for (who, session), values in series.items():
        place = folder / f"sub-{who}/ses-{session}/func"
        place.mkdir(parents=True, exist_ok=True)
        stem = f"sub-{who}_ses-{session}_task-rest_seg-Made50"
        tables = {
            "_desc-denoiseSimple_timeseries": values,
            "_meas-PearsonCorrelation_desc-denoiseSimple_relmat": 0.5 * pearson(values),
        }
        for name, table in tables.items():
            pd.DataFrame(table).to_csv(place / f"{stem}{name}.tsv", sep="\t", index=False)
        (
            place / f"sub-{who}_ses-{session}_task-rest_desc-denoiseSimple_timeseries.json"
        ).write_text('{"SamplingFrequency": 0.5}', encoding="utf-8")


def write_conn(folder: Path, series: Series, labels: list[str], sessions: list[str]) -> None:
    """CONN's first-level results: Z is transposed by MATLAB, with a target that is no source."""
    folder.mkdir(parents=True, exist_ok=True)
    people = sorted({who for who, _ in series})
    for (who, session), values in series.items():
        subject, condition = people.index(who) + 1, sessions.index(session) + 1
        path = folder / f"resultsROI_Subject{subject:03}_Condition{condition:03}.mat"
        with np.errstate(divide="ignore"):
            z = np.arctanh(np.clip(pearson(values), -1, 1))
        np.fill_diagonal(z, np.nan)
        # targets in another order than sources, one of them no source
        order = [len(labels) - 1, *range(len(labels) - 1)]
        targets = [labels[i] for i in order] + ["elsewhere"]
        full = np.hstack([z[:, order], np.full((len(labels), 1), 0.1)])
        with h5py.File(path, "w") as file:
            file["Z"] = full.T
            for key, names in (("names", labels), ("names2", targets)):
                cells = []
                for i, name in enumerate(names):
                    cell = file.create_dataset(f"#refs#/{key}_{i}", data=[[ord(x)] for x in name],
                                               dtype="uint16")  # fmt: skip
                    cells.append([cell.ref])
                file.create_dataset(key, data=np.array(cells, dtype=h5py.ref_dtype))


def write_edges(path: Path, series: Series, labels: list[str]) -> None:
    """A tidy table of edges, r, each named once and in either order."""
    rows = []
    for (who, session), values in series.items():
        r = pearson(values)
        for i in range(len(labels)):
            for j in range(i):
                pair = (labels[i], labels[j]) if (i + j) % 2 else (labels[j], labels[i])
                rows.append((who, f"ses-{session}", *pair, r[i, j]))
    columns = ["participant_id", "session_id", "region_a", "region_b", "r"]
    pd.DataFrame(rows, columns=columns).to_csv(path, sep="\t", index=False, na_rep="n/a")
