"""Time a curve of 500 specifications beside the same fits one by one with statsmodels.

    python benchmarks/specifications.py

A made-up study of two arms: change in connectivity of 24 participants, 500 correlated
specifications of an analysis of covariance, 10,000 rearrangements that all share. Refitting
5,000,000 models with statsmodels is timed for a few rearrangements of every specification and
scaled.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import statsmodels.api as sm

from ketfc.inference.design.model import Model
from ketfc.inference.specifications.curve import Member, specification_curve


def members(specifications: int, n: int, rng: np.random.Generator) -> list[Member]:
    arm = np.arange(n) % 2.0
    before, change = rng.normal(size=(2, n))
    people = tuple(f"sub-{i:02d}" for i in range(n))
    made = []
    for _ in range(specifications):
        first, after = before + rng.normal(0, 0.3, n), 0.6 * before + change
        response = after + rng.normal(0, 0.5, n)
        made.append(
            Member(people, Model(("after", response), ("arm", arm), {"before": first}, groups=True))
        )
    return made


def one_by_one(made: list[Member], arrangements: int, rng: np.random.Generator) -> list[float]:
    """Return the t of every specification; fit it again for so many rearrangements."""
    found = []
    for member in made:
        model = member.model
        nuisance = sm.OLS(model.response[1], model.adjustment).fit()
        columns = np.column_stack([model.tested, model.adjustment])
        found.append(float(sm.OLS(model.response[1], columns).fit().tvalues[0]))
        for _ in range(arrangements):
            again = nuisance.fittedvalues + rng.permutation(nuisance.resid)
            _ = sm.OLS(again, columns).fit().tvalues[0]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--specifications", type=int, default=500)
    parser.add_argument("--participants", type=int, default=24)
    parser.add_argument("--permutations", type=int, default=10000)
    parser.add_argument("--arrangements", type=int, default=5, help="timed with statsmodels")
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    made = members(given.specifications, given.participants, rng)
    start = time.process_time()
    curve = specification_curve(
        made, blocks=None, name="benchmark", seed=1, permutations=given.permutations, alpha=0.05
    )
    ours = time.process_time() - start
    start = time.process_time()
    theirs = one_by_one(made, given.arrangements, rng)
    each = (time.process_time() - start) / (given.arrangements + 1)
    np.testing.assert_allclose([point.statistic for point in curve.points], theirs, rtol=1e-8)
    scaled = each * given.permutations
    print(f"ketfc: {ours:.1f} s of CPU for {given.specifications} × {given.permutations} fits")
    print(f"statsmodels: {each:.2f} s for one fit of each, {scaled / 60:.0f} min for all, scaled")
    print(f"ratio: {scaled / ours:.0f}; statistics agree to 1e-8")


if __name__ == "__main__":
    main()
