"""Rejection rates, coverage and power in simulated studies; see docs/calibration.md."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd
from calibration_cells import COLUMNS, Cell
from calibration_figures import draw
from calibration_hard import hard_cells
from calibration_power import POWERS, power_cell
from calibration_rates import course_cell, null_cell, planted_cell
from simulated_studies import DESIGNS

from ketfc.base.files import write_tsv

SIZES = (12, 24, 40)
SEED = 20251122
PERMUTATIONS = 199
"""Give the level of .05 exactly; of effects more are taken, as few cost power."""


def cells(seed: int) -> Iterator[Cell]:
    """Yield the cells of ``calibration.tsv``, the long ones first."""
    given = {"seed": seed, "permutations": PERMUTATIONS}
    for n in reversed(SIZES):
        for kind in DESIGNS:
            yield null_cell(kind, n, **given)
        for kind in DESIGNS:
            yield planted_cell(kind, n, **given)
        for drifting in (False, True):
            yield course_cell(n, drifting=drifting, **given)
        for kind in DESIGNS:
            for power in POWERS:
                yield power_cell(kind, n, power=power, seed=seed, permutations=499)


def written(found: Iterable[pd.DataFrame], path: Path) -> pd.DataFrame:
    """Write all rates in one table, sorted."""
    table = pd.concat(found, ignore_index=True)
    table["inside"] = table["rate"].between(table["low"], table["high"])
    table = table.sort_values(
        [*table.columns[: -len(COLUMNS) - 1], "test", "method", "kind", "level"], ignore_index=True
    )
    write_tsv(path, table, digits=4)
    return table


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("docs", type=Path, help="where the tables and images/ go")
    parser.add_argument("--studies", type=int, default=2000, help="of each kind and size")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--keep", type=Path, help="folder that holds every study's numbers, to go on from"
    )
    given = parser.parse_args()
    hard = hard_cells(permutations=PERMUTATIONS, seed=given.seed)
    for name, some in (("calibration_hard", hard), ("calibration", cells(given.seed))):
        with ProcessPoolExecutor(given.processes) as pool:
            found = pool.map(partial(Cell.rates, studies=given.studies, folder=given.keep), some)
            table = written(found, given.docs / f"{name}.tsv")
        print(table[~table["inside"]].to_string(index=False))
    draw(given.docs)


if __name__ == "__main__":
    main()
