"""Seed maps and activity of one large run, against igzip alone and against nilearn's maskers.

Every job runs in a process of its own, with the input of ``extraction.py``; see README.md beside
this file.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from extraction import (
    CIRCUITS,
    RADIUS,
    SHAPE,
    SPACE,
    STRATEGY,
    T_R,
    Clock,
    denoising,
    in_a_process,
    inflate,
    paths,
    place,
    prepare,
    seed_regions,
)

FWHM = 6.0
BAND = (0.01, 0.08)
FURTHER = "24P"
FOLDER = "maps"
"""Place of the maps, beside the input."""


def regions_alone(folder: Path) -> dict[str, Any]:
    """Do the read of a study that asks for no maps."""
    import isal.igzip_threaded  # noqa: F401
    import scipy.sparse  # noqa: F401 (else all these would be loaded on the way)

    from ketfc.imaging.atlas import parcellations  # noqa: F401
    from ketfc.imaging.regions import placing, registry  # noqa: F401
    from ketfc.imaging.run.reading import extract_run, write_extraction

    files = paths(folder)
    clock = Clock()
    extraction = extract_run(files["bold"], files["mask"], place(folder), {})
    write_extraction(folder / "extraction.npz", extraction)
    return clock.read()


def mapped(folder: Path, strategies: tuple[str, ...], *, measures: tuple[str, ...]) -> Any:
    """Do all that the workflow's job does to a run for which maps are wanted, and write it."""
    import isal.igzip_threaded  # noqa: F401
    import nilearn.signal  # noqa: F401 (1.5 s once a process, whatever is done then)
    import scipy.interpolate
    import scipy.ndimage
    import scipy.sparse  # noqa: F401 (else all these would be loaded on the way)

    from ketfc.imaging.activity.run import write_activity
    from ketfc.imaging.maps.run_maps import run_seeds, write_maps
    from ketfc.imaging.regions.registry import load_registry
    from ketfc.imaging.run.operators import RunFiles, RunSettings, VoxelRun, run_operators
    from ketfc.imaging.run.reading import extract_run_and_voxels, write_extraction
    from ketfc.study.config.maps import Activity
    from ketfc.study.config.quality import Quality

    files = paths(folder)
    of_run = RunFiles(files["bold"], files["mask"], files["confounds"])
    settings = denoising(strategies)
    asked = {"measures": measures, "lower-bpf": BAND[0], "upper-bpf": BAND[1], "maps": True}
    where = folder / FOLDER, "stem"
    wanted = load_registry(CIRCUITS).primary_seeds
    seeds = [region for region in seed_regions() if region.id in wanted]
    names = [region.id for region in seed_regions()]
    clock = Clock()
    extraction, brain = extract_run_and_voxels(files["bold"], files["mask"], place(folder), {})
    given = RunSettings(settings, Quality(), min_coverage=0.5)
    run = VoxelRun(of_run, brain, run_operators(extraction, of_run, given))
    write_activity(
        *where,
        run,
        settings=Activity(**asked),
        strategies=strategies,
        names=names,
        min_coverage=0.5,
    )
    write_maps(
        *where,
        run,
        seeds=run_seeds(extraction, seeds, 0.5),
        denoising=settings,
        strategies=strategies,
        space=SPACE,
        fwhm=FWHM,
    )
    write_extraction(folder / "extraction.npz", extraction)
    return clock.read()


def maskers(folder: Path) -> dict[str, Any]:
    """Do the same with nilearn: seeds, smoothed voxels and their product, voxels and spectra."""
    import warnings

    import nibabel as nib
    import numpy as np
    from nilearn.maskers import NiftiMasker, NiftiSpheresMasker
    from scipy.ndimage import binary_erosion

    from ketfc.imaging.denoise import confounds
    from ketfc.imaging.denoise.censoring import censor
    from ketfc.imaging.regions.registry import load_registry

    files = paths(folder)
    table = confounds.read_confounds(files["confounds"])
    names = confounds.strategy_columns(confounds.STRATEGIES[STRATEGY], list(table.columns), {})
    keep = censor(table, denoising((STRATEGY,)), T_R).keep
    wanted = load_registry(CIRCUITS).primary_seeds
    regions = [region for region in seed_regions() if region.id in wanted]
    centres = [region.spheres[0].centre for region in regions]
    cleaning = {
        "mask_img": files["mask"],
        "standardize": "zscore_sample",
        "standardize_confounds": True,
        "detrend": True,
        "t_r": T_R,
        "clean_args": {"extrapolate": False},
    }
    arguments = {
        "confounds": confounds.regressors(table, names),
        "sample_mask": np.flatnonzero(keep),
    }
    warnings.simplefilter("ignore")
    clock = Clock()
    spheres = NiftiSpheresMasker(centres, radius=RADIUS, allow_overlap=True, **cleaning)
    seeds = spheres.fit_transform(files["bold"], **arguments)
    masker = NiftiMasker(smoothing_fwhm=FWHM, **cleaning)
    voxels = masker.fit_transform(files["bold"], **arguments)
    z = np.arctanh(np.clip(seeds.T @ voxels / (len(seeds) - 1), -1 + 1e-7, 1 - 1e-7))
    for region, row in zip(regions, z, strict=True):
        masker.inverse_transform(row).to_filename(folder / FOLDER / f"nilearn_{region.id}.nii.gz")
    del voxels
    banded = NiftiMasker(**cleaning | {"low_pass": BAND[1], "high_pass": BAND[0]})
    voxels = banded.fit_transform(files["bold"], **arguments)
    frequency = np.fft.rfftfreq(len(voxels), T_R)
    inside = (frequency >= BAND[0]) & (frequency <= BAND[1])
    root = np.abs(np.fft.rfft(voxels, axis=0))
    for name, row in (
        ("alff", root[inside].mean(axis=0)),
        ("falff", root[inside].sum(axis=0) / root[1:].sum(axis=0)),
    ):
        banded.inverse_transform(row).to_filename(folder / FOLDER / f"nilearn_{name}.nii.gz")
    whole = clock.read()
    # nilearn smooths over the edge of the brain; further in, the numbers are the same
    deep = binary_erosion(nib.load(files["mask"]).get_fdata() > 0, iterations=8)
    apart = []
    for name in wanted:
        ours = f"stem_seed-{name}_desc-{STRATEGY}_stat-fisherz_boldmap.nii.gz"
        one, other = (
            nib.load(folder / FOLDER / file).get_fdata()[deep]
            for file in (ours, f"nilearn_{name}.nii.gz")
        )
        apart.append(float(np.abs(one - other).max()))
    return whole | {"difference": max(apart)}


BOTH = ("alff", "falff")
JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "prepare": prepare,
    "inflate": inflate,
    "regions": regions_alone,
    "seed maps": partial(mapped, strategies=(STRATEGY,), measures=()),
    "maps": partial(mapped, strategies=(STRATEGY,), measures=BOTH),
    "two strategies": partial(mapped, strategies=(STRATEGY, FURTHER), measures=BOTH),
    "seed maps, two strategies": partial(mapped, strategies=(STRATEGY, FURTHER), measures=()),
    "maskers": maskers,
}
WORDS = {
    "inflate": "igzip inflates the file",
    "regions": "ketfc: regions alone",
    "seed maps": "ketfc: and seven seed maps",
    "maps": "ketfc: and ALFF and fALFF",
    "seed maps, two strategies": "ketfc: seed maps, two strategies",
    "two strategies": "ketfc: and ALFF and fALFF of both",
    "maskers": "nilearn: maskers, one strategy",
}


def compare(folder: Path, n_volumes: int, repeats: int) -> None:
    """Run all jobs in turn and print the table."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    run = partial(in_a_process, script=__file__)
    if not paths(folder)["bold"].exists():
        print(f"writing {n_volumes} volumes of {'×'.join(map(str, SHAPE))} float32 …", flush=True)
        run("prepare", folder, "--volumes", str(n_volumes))
    found: dict[str, list[dict[str, Any]]] = {job: [] for job in WORDS}
    for turn in range(repeats):
        for job, rows in found.items():
            # the maskers take minutes, and once is enough to tell them apart
            if job != "maskers" or turn == 0:
                rows.append(run(job, folder))
    print(f"{n_volumes} volumes, {FWHM:g} mm; {repeats} repetitions\n")
    best = {job: min(each["seconds"] for each in rows) for job, rows in found.items()}
    cpu = {job: min(each["cpu"] for each in rows) for job, rows in found.items()}
    peak = {job: max(each["peak_mb"] for each in rows) for job, rows in found.items()}
    print(f"{'':36}{'s, least':>9}{'median':>8}{'CPU':>8}{'× inflate':>11}{'peak MB':>9}")
    for job, rows in found.items():
        median = statistics.median(each["seconds"] for each in rows)
        ratio = best[job] / best["inflate"]
        print(
            f"{WORDS[job]:36}{best[job]:9.2f}{median:8.2f}{cpu[job]:8.2f}{ratio:11.2f}"
            f"{peak[job]:9.0f}"
        )
    unit = best["inflate"]
    checks = [
        ("regions alone / inflate", best["regions"] / unit, "≤", 1.1),
        ("peak MB of regions alone", peak["regions"], "≤", 250),
        ("seven seeds + ALFF + fALFF / inflate", best["maps"] / unit, "≤", 2.0),
        ("peak MB of that", peak["maps"], "≤", 900),
        ("maskers / that", best["maskers"] / best["maps"], "≥", 25),
        (
            "seed maps of a further strategy / inflate",
            (best["seed maps, two strategies"] - best["seed maps"]) / unit,
            "≤",
            0.3,
        ),
        (
            "that with ALFF and fALFF / inflate",
            (best["two strategies"] - best["maps"]) / unit,
            "≤",
            0.3,
        ),
        ("max |Δ| of Fisher z, 16 mm inside", found["maskers"][0]["difference"], "≤", 1e-3),
    ]
    print()
    for what, value, sign, limit in checks:
        met = value <= limit if sign == "≤" else value >= limit
        print(f"{what:44}{value:10.3g}   wanted {sign} {limit:<6g} {'met' if met else 'MISSED'}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="60 volumes and one repetition")
    parser.add_argument("--repeats", type=int, default=3, help="of every job but the maskers'")
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
