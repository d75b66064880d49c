"""Time and memory of families of tests under joint permutations; see README.md."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

# one thread for linear algebra, as a job of the workflow has: the products are small
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from ketfc.inference.core.maxt import FamilyTest, freedman_lane_family, sign_flip_family

N = 40
PERMUTATIONS = 10000


def change(edges: np.ndarray, drawn: dict[str, object]) -> FamilyTest:
    return sign_flip_family(edges, **drawn)


def ancova(edges: np.ndarray, drawn: dict[str, object]) -> FamilyTest:
    own = edges[::-1].copy()
    return freedman_lane_family(
        edges, ARM.astype(float), COVARIATES, own_nuisance=own, groups=ARM, **drawn
    )


def association(edges: np.ndarray, drawn: dict[str, object]) -> FamilyTest:
    score = COVARIATES[:, 1] + COVARIATES[::-1, 2]
    return freedman_lane_family(score, edges, COVARIATES, by_ranks=True, **drawn)


def association_in_arms(edges: np.ndarray, drawn: dict[str, object]) -> FamilyTest:
    score = COVARIATES[:, 1] + COVARIATES[::-1, 2]
    columns = np.column_stack([COVARIATES, ARM])
    return freedman_lane_family(
        score, edges, columns, blocks=ARM, groups=ARM, by_ranks=True, **drawn
    )


RNG = np.random.default_rng(0)
ARM = RNG.permutation(np.repeat([0, 1], [28, 12]))
COVARIATES = np.column_stack([np.ones(N), RNG.normal(size=(N, 2))])
JOBS: dict[str, Callable[[np.ndarray, dict[str, object]], FamilyTest]] = {
    "change (sign flips)": change,
    "arms of 12 and 28, two covariates, each edge's baseline": ancova,
    "association by ranks, one arm, two covariates": association,
    "association by ranks, two arms, two covariates": association_in_arms,
}


def measure(job: str, tests: int, missing: float) -> tuple[float, float, float]:
    """Return wall and CPU seconds and peak MB; run in a process of its own."""
    edges = np.random.default_rng(1).normal(size=(N, tests))
    if missing:  # participants who lack a region lack all of its edges
        lacking = np.random.default_rng(2).random((N, 50)) < missing
        edges[np.repeat(lacking, tests // 50, axis=1)] = np.nan
    start, before = time.perf_counter(), time.process_time()
    JOBS[job](edges, {"permutations": PERMUTATIONS, "rng": np.random.default_rng(3)})
    seconds, cpu = time.perf_counter() - start, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, cpu, peak / (2**20 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", type=int, default=10000, help="of the large family")
    given = parser.parse_args()
    print(f"n = {N}, {PERMUTATIONS} permutations\n")
    print(f"{'':60}{'tests':>7}{'s':>8}{'CPU s':>8}{'peak MB':>9}")
    for job in JOBS:
        for tests, missing in ((5, 0.0), (given.tests, 0.0), (given.tests, 0.02)):
            # a new process each: its peak is its own
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                seconds, cpu, peak = pool.submit(measure, job, tests, missing).result()
            words = f"{job}{', some missing' if missing else ''}"
            print(f"{words:60}{tests:7}{seconds:8.2f}{cpu:8.2f}{peak:9.0f}", flush=True)


if __name__ == "__main__":
    main()
