"""Rejection rates, coverage and power of the tests in simulated studies; see README.md."""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd

from ketfc.files import write_tsv
from ketfc.inference.calibration import calibration, planted_power

SIZES = (12, 24, 40)


def simulate(kind: str, n: int, studies: int, seed: int) -> pd.DataFrame:
    if kind == "null":
        return calibration(n, studies=studies, permutations=199, seed=seed)
    return planted_power(n, studies=studies, permutations=999, seed=seed)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="the table, such as calibration.tsv")
    parser.add_argument("--studies", type=int, default=2000, help="of each size")
    parser.add_argument("--seed", type=int, default=20251122)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.processes) as pool:
        jobs = [
            pool.submit(simulate, kind, n, given.studies, given.seed)
            for n in reversed(SIZES)
            for kind in ("null", "power")
        ]
        found = pd.concat([job.result() for job in jobs], ignore_index=True)
    found["inside"] = found["rate"].between(found["low"], found["high"])
    write_tsv(given.output, found.sort_values(["kind", "name", "n"]), digits=4)
    print(found.to_string(index=False))


if __name__ == "__main__":
    main()
