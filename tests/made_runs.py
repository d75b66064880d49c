"""Small made-up runs, written as fMRIPrep writes them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.definitions import Region, Sphere
from ketfc.imaging.regions.placing import RegionSet, label_regions, sphere_regions
from ketfc.imaging.regions.registry import Circuit, Registry
from ketfc.imaging.run.denoising import RunResult, denoise_run
from ketfc.imaging.run.operators import RunFiles, RunSettings
from ketfc.imaging.run.reading import extract_run, read_extraction, write_extraction
from ketfc.study.config.denoising import Denoising
from ketfc.study.config.quality import Quality

AXES = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
SIGNALS = ["global_signal", "csf", "white_matter"]
SPACE = "MNI152NLin2009cAsym"
SHAPE = (12, 13, 11)
AFFINE = np.array(
    [[4.0, 0, 0, -22], [0, 4.0, 0, -26], [0, 0, 4.0, -18], [0, 0, 0, 1]], dtype=np.float64
)


def nifti_bytes(
    stored: np.ndarray,
    affine: np.ndarray = AFFINE,
    *,
    slope: float = np.nan,
    inter: float = np.nan,
    repetition_time: float = 2.0,
    units: str = "sec",
    version: int = 1,
    order: str = "<",
    extension: int = 0,
) -> bytes:
    """Return the bytes of a NIfTI file that stores exactly the numbers given."""
    kind = {1: nib.Nifti1Header, 2: nib.Nifti2Header}[version]
    header = kind(endianness=order)
    header.set_data_shape(stored.shape)
    header.set_data_dtype(stored.dtype)
    header.set_sform(affine, code=4)
    header.set_qform(affine, code=4, strip_shears=True)
    zooms = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    header.set_zooms((*zooms, repetition_time)[: stored.ndim])
    header.set_xyzt_units("mm", units)
    header["scl_slope"], header["scl_inter"] = slope, inter
    header["magic"] = {1: b"n+1", 2: b"n+2\0\r\n\032\n"}[version]
    start = {1: 352, 2: 544}[version]
    beyond = b"\0\0\0\0"
    if extension:
        size = np.array([extension, 6], dtype=order + "i4").tobytes()
        beyond = b"\1\0\0\0" + size + b"x" * (extension - 8)
    header["vox_offset"] = start + extension
    data = stored.astype(stored.dtype.newbyteorder(order)).tobytes(order="F")
    return bytes(header.binaryblock) + beyond + data


def confounds_table(n: int, seed: int = 0) -> pd.DataFrame:
    """Return confounds as fMRIPrep 24 names them, with n/a where it writes them."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame()
    for column in AXES + SIGNALS:
        series = rng.standard_normal(n).cumsum() * 0.02 + (500 if column in SIGNALS else 0)
        change = np.r_[np.nan, np.diff(series)]
        table[column] = series
        table[column + "_derivative1"] = change
        table[column + "_power2"] = series**2
        table[column + "_derivative1_power2"] = change**2
    table["framewise_displacement"] = np.r_[np.nan, np.abs(rng.standard_normal(n - 1)) * 0.1]
    table["std_dvars"] = np.r_[np.nan, 1 + 0.1 * np.abs(rng.standard_normal(n - 1))]
    for prefix in "cw":
        for i in range(6):
            table[f"{prefix}_comp_cor_{i:02d}"] = rng.standard_normal(n)
    time = (np.arange(n) + 0.5) / n
    for i in range(4):
        table[f"cosine{i:02d}"] = np.cos(np.pi * (i + 1) * time)
    # as fMRIPrep before 24 writes them with --use-aroma
    for i in (3, 7, 11):
        table[f"aroma_motion_{i:02d}"] = rng.standard_normal(n)
    return table


@dataclass(frozen=True)
class MadeRun:
    """A small run on disk and what is in it."""

    files: RunFiles
    data: np.ndarray
    affine: np.ndarray
    mask: np.ndarray
    confounds: pd.DataFrame


def write_gzip(path: Path, content: bytes) -> None:
    """Write gzipped bytes, the same at any time."""
    from isal import igzip

    path.write_bytes(igzip.compress(content, compresslevel=1, mtime=0))


def build_run(
    folder: Path,
    n_volumes: int = 60,
    shape: tuple[int, int, int] = SHAPE,
    *,
    dtype: str = "float32",
    slope: float = np.nan,
    repetition_time: float = 2.0,
    edit: Callable[[np.ndarray], Any] | None = None,
    confounds: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    sidecar: dict[str, Any] | None = None,
    seed: int = 0,
) -> MadeRun:
    """Write a run and return what is in it; `edit` changes the numbers before they are stored."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((3, n_volumes)).cumsum(axis=1)
    loading = rng.standard_normal((*shape, 3))
    data = 10_000 + 500 * rng.standard_normal(shape)[..., None]
    data = data + 8 * loading @ shared + 60 * rng.standard_normal((*shape, n_volumes))
    if edit is not None:
        edit(data)
    scale = slope if np.isfinite(slope) else 1.0
    if np.dtype(dtype).kind in "iu":
        stored = np.rint(data / scale).astype(dtype)
    else:
        stored = (data / scale).astype(dtype)
    mask = np.ones(shape, dtype=np.uint8)
    mask[0], mask[:, -1] = 0, 0
    stem = folder / "sub-01_ses-pre_task-rest"
    space = f"{stem}_space-{SPACE}"
    files = RunFiles(
        bold=Path(f"{space}_desc-preproc_bold.nii.gz"),
        mask=Path(f"{space}_desc-brain_mask.nii.gz"),
        confounds=Path(f"{stem}_desc-confounds_timeseries.tsv"),
    )
    content = nifti_bytes(
        stored,
        slope=slope,
        inter=0.0 if np.isfinite(slope) else np.nan,
        repetition_time=repetition_time,
    )
    write_gzip(files.bold, content)
    write_gzip(files.mask, nifti_bytes(mask))
    table = confounds_table(n_volumes, seed)
    if confounds is not None:
        table = confounds(table)
    table.to_csv(files.confounds, sep="\t", na_rep="n/a", index=False)
    about = {"RepetitionTime": repetition_time} if sidecar is None else sidecar
    files.sidecar.write_text(json.dumps(about), encoding="utf-8")
    return MadeRun(files, stored * scale, AFFINE, mask.astype(bool), table)


def denoising(**given: Any) -> Denoising:
    """Return that section of a config, keys with underscores; no threshold unless one is given."""
    content = {"fd_thresh": None, "strategies": ["none"]} | given
    content.setdefault("primary", content["strategies"][0])
    return Denoising(**{name.replace("_", "-"): value for name, value in content.items()})


def limits(**given: float | None) -> Quality:
    """Return that section of a config, keys with underscores."""
    return Quality(**{name.replace("_", "-"): value for name, value in given.items()})


@dataclass(frozen=True)
class Settings(RunSettings):
    """Return the parts of the config that the workflow gives to the two jobs of a run."""

    carpet_atlas: str | None = None


def run_settings(
    *,
    min_coverage: float = 0.5,
    repetition_time: float | None = None,
    carpet_atlas: str | None = None,
    max_mean_fd: float | None = None,
    max_fd: float | None = None,
    max_censored: float | None = None,
    **of_denoising: Any,
) -> Settings:
    """Return settings of a run; all other keys are those of the section on denoising."""
    return Settings(
        denoising(**of_denoising),
        limits(max_mean_fd=max_mean_fd, max_fd=max_fd, max_censored=max_censored),
        min_coverage,
        repetition_time,
        carpet_atlas,
    )


def process_run(
    files: RunFiles,
    place_regions: Callable[[Grid], Sequence[RegionSet]],
    settings: Settings,
    others: Sequence[tuple[Path, Path]] = (),
) -> RunResult:
    """Do what the workflow's two jobs do to a run, by way of the file between them."""
    others = [*others, *((other.bold, other.mask) for other in files.others)]
    extraction = extract_run(
        files.bold,
        files.mask,
        place_regions,
        {},
        others=others,
        carpet_atlas=settings.carpet_atlas,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "extraction.npz"
        write_extraction(path, extraction)
        extraction = read_extraction(path)
    return denoise_run(extraction, files, settings)


def region(
    name: str, centre: tuple[float, float, float], radius: float = 6.0, space: str = SPACE
) -> Region:
    """Return a region of one sphere."""
    return Region(name, f"the {name}", "left", (Sphere(space, centre, radius),), "here", True)


def _circuit(name: str, measure: str, edges: list[str]) -> Circuit:
    pairs = tuple((a, b) for a, b in edges)
    return Circuit(name, name, measure, pairs, True, "?", "none", "low", "it changes", "here")


REGIONS = (
    region("a", (0.0, 0.0, 0.0)),
    region("b", (-10.0, 6.0, 4.0), 8.0),
    region("c", (10.0, -12.0, 6.0)),
    region("d", (8.0, 10.0, -6.0), 1.0),
)
"""Spheres inside the made images; that of `d` holds no voxel centre."""

CIRCUITS = (
    _circuit("one", "edge", ["ab"]),
    _circuit("within", "within", ["ab", "ac", "bc"]),
    _circuit("between", "between", ["ac", "ad", "bc", "bd"]),
)

REGISTRY = Registry({each.id: each for each in REGIONS}, {each.id: each for each in CIRCUITS})


def slabs() -> Parcellation:
    """Return a parcellation of slabs, of which the last lies outside the made masks."""
    labels = np.zeros(SHAPE, dtype=np.int32)
    labels[1:] = np.arange(SHAPE[1])[:, None] // 2 + 1
    indices = np.arange(1, 8, dtype=np.int32)
    names = tuple(f"p{i}" for i in indices)
    return Parcellation("Slabs", SPACE, labels, Grid(SHAPE, AFFINE), indices, names, ("Vis",) * 7)


def place(grid: Grid) -> list[RegionSet]:
    """Return the made regions on the grid of a run."""
    return [sphere_regions(REGIONS, SPACE, grid), label_regions(slabs(), grid)]
