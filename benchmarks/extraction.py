"""Extraction and denoising of one large run, against igzip alone and against nilearn's maskers.

Every job runs in a process of its own, so that its peak memory is its own; jobs take turns, so
that a busy machine slows all of them alike. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

SHAPE = (97, 115, 97)
ORIGIN = (-96.5, -132.5, -78.5)
T_R = 2.0
SPACE = "MNI152NLin2009cAsym"
STRATEGY = "acompcor"
TEN = (
    STRATEGY,
    "none",
    "24P",
    "27P",
    "36P",
    "acompcor_gsr",
    "gsr_only",
    "acompcor_noscrub",
    "24P_noscrub",
    "36P_noscrub",
)
RADIUS = 6.0
"""mm; one radius for all seeds, because one NiftiSpheresMasker has one."""

RUN = "sub-01_task-rest"
CIRCUITS = Path(__file__).parents[1] / "atlases" / "circuits.yaml"


class Clock:
    """Wall and CPU seconds (of all threads) since it was made."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        """Return both."""
        return {
            "seconds": time.perf_counter() - self.wall,
            "cpu": time.process_time() - self.cpu,
        }


# Each job imports what it needs inside itself: what one loads must not count as another's memory.


def paths(folder: Path) -> dict[str, Path]:
    """Return where the input lies."""
    stem = folder / f"{RUN}_space-{SPACE}"
    return {
        "bold": Path(f"{stem}_desc-preproc_bold.nii.gz"),
        "mask": Path(f"{stem}_desc-brain_mask.nii.gz"),
        "atlas": Path(f"{stem}_dseg.nii.gz"),
        "confounds": folder / f"{RUN}_desc-confounds_timeseries.tsv",
    }


def prepare(folder: Path, n_volumes: int) -> dict[str, Any]:
    """Write a run as fMRIPrep does: a whole head of float32 with noise around it, gzip level 1.

    The atlas is 400 Voronoi cells around random voxels of the grey matter.
    """
    import nibabel as nib
    import numpy as np
    import pandas as pd
    from nilearn.datasets import load_mni152_brain_mask, load_mni152_gm_mask, load_mni152_template
    from nilearn.image import resample_img
    from scipy.ndimage import gaussian_filter
    from scipy.spatial import cKDTree

    files = paths(folder)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = ORIGIN

    def on_grid(image: Any, how: str) -> Any:
        moved = resample_img(
            image, affine, SHAPE, interpolation=how, force_resample=True, copy_header=True
        )
        return np.asarray(moved.dataobj)

    def save(data: Any, path: Path) -> None:
        nib.save(nib.Nifti1Image(data, affine), path)

    rng = np.random.default_rng(0)
    brain = on_grid(load_mni152_brain_mask(resolution=2), "nearest") > 0
    grey = on_grid(load_mni152_gm_mask(resolution=2), "nearest") > 0
    voxels = np.argwhere(grey & brain)
    centres = voxels[rng.choice(len(voxels), 400, replace=False)]
    labels = np.zeros(SHAPE, dtype=np.int32)
    labels[tuple(voxels.T)] = cKDTree(centres).query(voxels)[1] + 1
    save(labels, files["atlas"])
    save(brain.astype(np.uint8), files["mask"])

    template = on_grid(load_mni152_template(resolution=2), "linear").astype(np.float32)
    base = 200 + 10_000 * template / template.max()
    shared = rng.standard_normal((5, n_volumes)).cumsum(axis=1)
    loading = np.stack([gaussian_filter(rng.standard_normal(SHAPE), 4) for _ in range(5)])
    loading = (loading / loading.std() * 20).astype(np.float32) * brain
    header = nib.Nifti1Header()
    header.set_data_shape((*SHAPE, n_volumes))
    header.set_data_dtype(np.float32)
    header.set_sform(affine, 4)
    header.set_qform(affine, 4)
    header.set_zooms((2.0, 2.0, 2.0, T_R))
    header.set_xyzt_units("mm", "sec")
    header["vox_offset"], header["magic"] = 352, b"n+1"
    unfinished = files["bold"].with_suffix(".part")
    with gzip.open(unfinished, "wb", compresslevel=1) as handle:
        handle.write(header.binaryblock + b"\0\0\0\0")
        for t in range(n_volumes):
            volume = base + np.tensordot(shared[:, t].astype(np.float32), loading, 1)
            volume += (30 + 0.01 * base) * rng.standard_normal(SHAPE, dtype=np.float32)
            # magnitude images are positive, and air is noise, not zero
            handle.write(np.abs(volume).ravel(order="F").tobytes())
    table = pd.DataFrame()
    signals = ["global_signal", "csf", "white_matter"]
    for column in [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"] + signals:
        series = rng.standard_normal(n_volumes).cumsum() * 0.02
        change = np.r_[np.nan, np.diff(series)]
        table[column], table[f"{column}_derivative1"] = series, change
        table[f"{column}_power2"], table[f"{column}_derivative1_power2"] = series**2, change**2
    table["framewise_displacement"] = np.r_[np.nan, rng.exponential(0.15, n_volumes - 1)]
    for prefix in "cw":
        for i in range(5):
            table[f"{prefix}_comp_cor_{i:02d}"] = rng.standard_normal(n_volumes)
    for i in range(int(2 * n_volumes * T_R / 128)):
        table[f"cosine{i:02d}"] = np.cos(np.pi * (i + 1) * (np.arange(n_volumes) + 0.5) / n_volumes)
    table.to_csv(files["confounds"], sep="\t", na_rep="n/a", index=False)
    unfinished.replace(files["bold"])
    return {"MB": round(files["bold"].stat().st_size / 1e6)}


def inflate(folder: Path) -> dict[str, Any]:
    """Inflate the image with igzip and throw the bytes away."""
    from isal import igzip

    buffer = memoryview(bytearray(2**20))
    clock = Clock()
    n_bytes = 0
    with igzip.open(paths(folder)["bold"], "rb") as handle:
        while got := handle.readinto(buffer):
            n_bytes += got
    return clock.read() | {"bytes": n_bytes}


def seed_regions() -> Any:
    """Return the circuits' spheres, all with one radius."""
    from dataclasses import replace

    from ketfc.imaging.regions.definitions import Sphere
    from ketfc.imaging.regions.registry import load_registry

    return [
        replace(region, spheres=(Sphere(sphere.space, sphere.centre, RADIUS),))
        for region in load_registry(CIRCUITS).used_regions
        for sphere in region.spheres_in(SPACE)[:1]
    ]


def place(folder: Path) -> Callable[[Any], Any]:
    """Return what places these and the cells of the atlas on a grid."""
    from ketfc.imaging.atlas.parcellations import load_parcellation
    from ketfc.imaging.regions.placing import label_regions, sphere_regions

    seeds = seed_regions()
    parcellation = load_parcellation("Cells", paths(folder)["atlas"], space=SPACE)
    return lambda grid: [sphere_regions(seeds, SPACE, grid), label_regions(parcellation, grid)]


def extraction(folder: Path) -> dict[str, Any]:
    """Place regions, and read their series, coverage and tSNR."""
    import isal.igzip_threaded  # noqa: F401
    import scipy.sparse  # noqa: F401 (else all these would be loaded on the way)

    from ketfc.imaging.atlas import parcellations  # noqa: F401
    from ketfc.imaging.io.masks import read_mask
    from ketfc.imaging.io.reader import read_header
    from ketfc.imaging.regions import placing, registry  # noqa: F401
    from ketfc.imaging.run.extraction import extract

    files = paths(folder)
    clock = Clock()
    grid = read_header(files["bold"]).grid
    mask = read_mask(files["mask"], grid)
    extract(files["bold"], mask, place(folder)(grid))
    return clock.read()


def _timed_sets(folder: Path, place: Callable[[Any], Any]) -> dict[str, Any]:
    import isal.igzip_threaded  # noqa: F401
    import scipy.ndimage
    import scipy.sparse  # noqa: F401

    from ketfc.imaging.io.masks import read_mask
    from ketfc.imaging.io.reader import read_header
    from ketfc.imaging.run.extraction import extract

    files = paths(folder)
    clock = Clock()
    grid = read_header(files["bold"]).grid
    mask = read_mask(files["mask"], grid)
    extract(files["bold"], mask, place(grid))
    return clock.read()


def one_atlas(folder: Path) -> dict[str, Any]:
    """Place and read one parcellation of 400 cells, and nothing else."""
    from ketfc.imaging.atlas.parcellations import load_parcellation
    from ketfc.imaging.regions.placing import label_regions

    cells = load_parcellation("Cells", paths(folder)["atlas"], space=SPACE)
    return _timed_sets(folder, lambda grid: [label_regions(cells, grid)])


def all_atlases(folder: Path) -> dict[str, Any]:
    """Place and read these, 32 deep cells as Tian S2 has, all circuits and a weighted region."""
    from dataclasses import replace

    import numpy as np

    from ketfc.imaging.atlas.parcellations import load_parcellation
    from ketfc.imaging.regions.definitions import AtlasLabels
    from ketfc.imaging.regions.placing import label_regions, place_regions
    from ketfc.imaging.regions.registry import load_registry

    cells = load_parcellation("Cells", paths(folder)["atlas"], space=SPACE)
    # blocks of 4 × 5 × 5 voxels around the middle of the brain
    deep = np.zeros(SHAPE, dtype=np.int32)
    for n, (i, j, k) in enumerate(np.ndindex(4, 4, 2), start=1):
        at = (40 + 4 * i, 50 + 5 * j, 35 + 5 * k)
        deep[at[0] : at[0] + 4, at[1] : at[1] + 5, at[2] : at[2] + 5] = n
    indices = np.arange(1, 33, dtype=np.int32)
    names = tuple(f"deep{n}" for n in indices)
    nuclei = replace(
        cells, name="Deep", labels=deep, indices=indices, names=names, networks=("",) * 32
    )
    registry = load_registry(CIRCUITS)
    registry = registry.with_variants(
        name for name, (_, region) in registry.variants.items() if not region.atlases
    )
    weighted = replace(
        registry.regions["rHabenula"],
        id="weighted",
        spheres=(),
        labels=(AtlasLabels("Deep", ("deep1",), True),),
    )
    regions = [*registry.used_regions, weighted]
    return _timed_sets(
        folder,
        lambda grid: [
            place_regions(regions, SPACE, grid, {"Deep": nuclei}),
            label_regions(cells, grid),
            label_regions(nuclei, grid),
        ],
    )


def denoising(strategies: tuple[str, ...]) -> Any:
    """Return that section of a config."""
    from ketfc.study.config.denoising import Denoising

    given = {"primary": strategies[0], "strategies": strategies, "fd-thresh": 0.5, "min-time": 0}
    return Denoising(**given)


def whole_run(folder: Path, strategies: tuple[str, ...]) -> dict[str, Any]:
    """Do all that the workflow does to a run but write, and keep one strategy for comparison."""
    import nilearn.signal  # noqa: F401 (1.5 s once a process, whatever is done then)
    import numpy as np

    from ketfc.imaging.denoise import confounds
    from ketfc.imaging.denoise.censoring import censor
    from ketfc.imaging.denoise.operator import operator
    from ketfc.imaging.run.denoising import denoise_run
    from ketfc.imaging.run.operators import RunFiles, RunSettings
    from ketfc.imaging.run.reading import extract_run, read_extraction, write_extraction
    from ketfc.study.config.quality import Quality

    files = paths(folder)
    settings = denoising(strategies)
    between = folder / "extraction.npz"
    clock = Clock()
    write_extraction(between, extract_run(files["bold"], files["mask"], place(folder), {}))
    inside = clock.read()["seconds"]
    result = denoise_run(
        read_extraction(between),
        RunFiles(files["bold"], files["mask"], files["confounds"]),
        RunSettings(settings, Quality(), min_coverage=0.5),
    )
    whole = clock.read()
    for each in (result, *result.strategies.values()):
        if each.error is not None:
            raise each.error
    table = confounds.read_confounds(files["confounds"])
    columns = list(result.strategies[STRATEGY].columns)
    matrix = operator(
        confounds.regressors(table, columns),
        censor(table, settings, T_R).keep,
        repetition_time=T_R,
        high_pass=None,
        low_pass=None,
    )
    for atlas, part in result.series.items():
        series = matrix @ (part.series - part.series.mean()).to_numpy()
        np.save(folder / f"ketfc_{atlas}.npy", (series - series.mean(0)) / series.std(0, ddof=1))
    return whole | {"strategies": whole["seconds"] - inside}


def maskers(folder: Path) -> dict[str, Any]:
    """Do the same for one strategy with nilearn's two maskers."""
    import warnings

    import numpy as np
    from nilearn.maskers import NiftiLabelsMasker, NiftiSpheresMasker

    from ketfc.imaging.denoise import confounds
    from ketfc.imaging.denoise.censoring import censor

    files = paths(folder)
    table = confounds.read_confounds(files["confounds"])
    names = confounds.strategy_columns(confounds.STRATEGIES[STRATEGY], list(table.columns), {})
    keep = censor(table, denoising((STRATEGY,)), T_R).keep
    cleaning = {
        "mask_img": files["mask"],
        "standardize": "zscore_sample",
        "standardize_confounds": True,
        "detrend": True,
        "t_r": T_R,
        "clean_args": {"extrapolate": False},
    }
    centres = [region.spheres[0].centre for region in seed_regions()]
    arguments = {
        "confounds": confounds.regressors(table, names),
        "sample_mask": np.flatnonzero(keep),
    }
    warnings.simplefilter("ignore")
    clock = Clock()
    cells = NiftiLabelsMasker(files["atlas"], **cleaning).fit_transform(files["bold"], **arguments)
    spheres = NiftiSpheresMasker(centres, radius=RADIUS, allow_overlap=True, **cleaning)
    seeds = spheres.fit_transform(files["bold"], **arguments)
    whole = clock.read()
    difference = max(
        float(np.abs(theirs - np.load(folder / f"ketfc_{atlas}.npy")).max())
        for atlas, theirs in (("Cells", cells), ("Circuits", seeds))
    )
    return whole | {"difference": difference}


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "prepare": prepare,
    "inflate": inflate,
    "extraction": extraction,
    "one_strategy": partial(whole_run, strategies=TEN[:1]),
    "ten_strategies": partial(whole_run, strategies=TEN),
    "one_atlas": one_atlas,
    "all_atlases": all_atlases,
    "maskers": maskers,
}


def in_a_process(job: str, folder: Path, *more: str, script: str = __file__) -> dict[str, Any]:
    """Run a job of a benchmark in a fresh interpreter and return what it says."""
    command = [sys.executable, script, "--job", job, "--folder", str(folder), *more]
    # one thread for linear algebra, as a job of the workflow has
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | threads
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(folder: Path, n_volumes: int, repeats: int) -> None:
    """Run all jobs in turn and print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    if not paths(folder)["bold"].exists():
        print(f"writing {n_volumes} volumes of {'×'.join(map(str, SHAPE))} float32 …", flush=True)
        in_a_process("prepare", folder, "--volumes", str(n_volumes))
    found: dict[str, list[dict[str, Any]]] = {job: [] for job in JOBS if job != "prepare"}
    for _ in range(repeats):
        for job, rows in found.items():
            rows.append(in_a_process(job, folder))

    size = paths(folder)["bold"].stat().st_size / 1e6
    raw = found["inflate"][0]["bytes"] / 1e6
    print(f"{n_volumes} volumes, {raw:.0f} MB, {size:.0f} MB gzipped; {repeats} repetitions\n")
    best = {job: min(each["seconds"] for each in rows) for job, rows in found.items()}
    words = {
        "inflate": "igzip inflates the file",
        "extraction": "ketfc: 400 parcels, all seeds",
        "one_strategy": "ketfc: the same, one strategy",
        "ten_strategies": "ketfc: the same, ten strategies",
        "one_atlas": "ketfc: 400 parcels alone",
        "all_atlases": "ketfc: 400 + 32 parcels, circuits",
        "maskers": "nilearn: two maskers, one strategy",
    }
    print(f"{'':36}{'s, least':>9}{'median':>8}{'CPU':>8}{'× inflate':>11}{'peak MB':>9}")
    for job, rows in found.items():
        median = statistics.median(each["seconds"] for each in rows)
        peak = max(each["peak_mb"] for each in rows)
        cpu = min(each["cpu"] for each in rows)
        ratio = best[job] / best["inflate"]
        print(f"{words[job]:36}{best[job]:9.2f}{median:8.2f}{cpu:8.2f}{ratio:11.2f}{peak:9.0f}")
    strategies = min(each["strategies"] for each in found["ten_strategies"])
    difference = found["maskers"][0]["difference"]
    checks = [
        ("extraction / inflate", best["extraction"] / best["inflate"], "≤", 1.4),
        ("all atlases / one", best["all_atlases"] / best["one_atlas"], "≤", 1.25),
        ("maskers / extraction", best["maskers"] / best["extraction"], "≥", 10),
        ("peak MB of extraction", max(each["peak_mb"] for each in found["extraction"]), "≤", 400),
        ("ten strategies / one", best["ten_strategies"] / best["one_strategy"], "≤", 1.5),
        ("ten strategies without the read, s", strategies, "≤", 2.0),
        (f"max |Δ| of z-scored series, {STRATEGY}", difference, "≤", 1e-3),
    ]
    print()
    for what, value, sign, limit in checks:
        met = value <= limit if sign == "≤" else value >= limit
        print(f"{what:42}{value:10.3g}   wanted {sign} {limit:<6g} {'met' if met else 'MISSED'}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="60 volumes and one repetition")
    parser.add_argument("--repeats", type=int, default=3, help="of every job")
    parser.add_argument(
        "--cache", type=Path, help="folder to keep the input in (1.2 GB); else a temporary one"
    )
    parser.add_argument("--job", choices=JOBS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--volumes", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        more = (given.volumes,) if given.volumes else ()
        found = JOBS[given.job](given.folder, *more)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(found | {"peak_mb": peak / (2**20 if sys.platform == "darwin" else 1024)}))
        return
    n_volumes, repeats = (60, 1) if given.quick else (300, given.repeats)
    if given.cache:
        compare(given.cache / f"extraction_{n_volumes}", n_volumes, repeats)
        return
    with tempfile.TemporaryDirectory(prefix="ketfc-benchmark-") as folder:
        compare(Path(folder), n_volumes, repeats)


if __name__ == "__main__":
    main()
