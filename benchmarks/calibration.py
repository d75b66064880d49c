"""Rejection rates, coverage and power in simulated studies; see docs/calibration.md."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import calibration_power
import calibration_rates as calibration
import pandas as pd
from calibration_figures import draw
from simulated_studies import DESIGNS

from ketfc.base.files import write_tsv

SIZES = (12, 24, 40)
SEED = 20251122

Job = tuple[Any, dict[str, Any]]
"""A function that returns a table of rates, and what it is called with."""


def jobs(studies: int, seed: int) -> Iterator[Job]:
    """Yield every simulation, the long ones first."""
    for n in reversed(SIZES):
        shared = {"n": n, "studies": studies, "seed": seed}
        null = shared | {"permutations": 199}
        for kind in DESIGNS:
            yield calibration.null_rates, null | {"kind": kind}
        for kind in DESIGNS:
            yield calibration.planted_coverage, null | {"kind": kind}
        for drifting in (False, True):
            yield calibration.course_rates, null | {"drifting": drifting}
        for power in calibration_power.POWERS:
            more = shared | {"permutations": 999, "power": power}
            yield calibration_power.planted_power, more


def run(job: Job) -> pd.DataFrame:
    function, settings = job
    found: pd.DataFrame = function(**settings)
    return found


def written(found: list[pd.DataFrame], path: Path) -> pd.DataFrame:
    """Write all rates in one table, sorted."""
    table = pd.concat(found, ignore_index=True)
    table["inside"] = table["rate"].between(table["low"], table["high"])
    order = ["kind", "truth", "design", "test", "method", "level", "n"]
    table = table.sort_values(order, ignore_index=True)
    write_tsv(path, table, digits=4)
    return table


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("docs", type=Path, help="where calibration.tsv and images/ go")
    parser.add_argument("--studies", type=int, default=2000, help="of each kind and size")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.processes) as pool:
        found = list(pool.map(run, jobs(given.studies, given.seed)))
    table = written(found, given.docs / "calibration.tsv")
    draw(given.docs / "calibration.tsv", given.docs / "images")
    print(table[~table["inside"]].to_string(index=False))


if __name__ == "__main__":
    main()
