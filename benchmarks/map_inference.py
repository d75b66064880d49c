"""Time a permutation of a group map, enhanced by TFCE, beside nilearn's.

    python benchmarks/map_inference.py            # some minutes

20 participants and some 235,000 voxels at 2 mm, smooth noise: the mean change of one arm by sign
flips, of which nilearn's ``permuted_ols(tfce=True)`` makes the same, and the models that it does
not have. Times are CPU seconds for one permutation of the whole map, transformed and compared, on
one core; each the least of several.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import replace

# one thread for linear algebra, as a job of the workflow has
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from nilearn.datasets import load_mni152_brain_mask
from nilearn.maskers import NiftiMasker
from nilearn.mass_univariate import permuted_ols
from scipy import ndimage

from ketfc.inference.core.permutation import stream
from ketfc.inference.design.model import Model, difference_between_arms, mean_change
from ketfc.inference.maps.enhancement import map_test

PARTICIPANTS = 20
FEW, MORE = 4, 20
"""Two numbers of permutations: what does not depend on them drops out of the difference."""


def seconds(job: Callable[[int], object], few: int, more: int, repeats: int) -> float:
    """Return the CPU seconds of one permutation."""
    found = []
    for _ in range(repeats):
        times = []
        for permutations in (few, more):
            start = time.process_time()
            job(permutations)
            times.append(time.process_time() - start)
        found.append((times[1] - times[0]) / (more - few))
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    image = load_mni152_brain_mask(resolution=2)
    mask = np.asanyarray(image.dataobj) > 0
    rng = np.random.default_rng(1)

    def maps() -> np.ndarray:
        noise = rng.normal(size=(PARTICIPANTS, *mask.shape)).astype(np.float32)
        smooth = ndimage.gaussian_filter(noise, (0, 1.3, 1.3, 1.3))
        flat = smooth.reshape(PARTICIPANTS, -1, order="F")[:, mask.ravel(order="F")]
        return (flat / flat.std()).astype(np.float64)

    before, after = maps(), maps()
    arm = np.repeat([0.0, 1.0], [8, 12])
    score = rng.integers(0, 30, size=(2, PARTICIPANTS)).astype(float)
    groups = arm.astype(np.int64)
    association = Model(
        ("score", score[1]),
        ("change", after - before),
        {"score before": score[0], "arm": arm},
        by_ranks=True,
        blocks=groups,
        variance_groups=groups,
    )
    models = {
        "one arm, sign flips": mean_change(("change", after - before)),
        "two arms, each voxel's baseline, a variance for each arm": replace(
            difference_between_arms(before, after, arm), variance_groups=groups
        ),
        "association by ranks within two arms": association,
    }
    masker = NiftiMasker(image, standardize=None).fit()
    changes = masker.transform(masker.inverse_transform((after - before).astype(np.float32)))

    def nilearn(permutations: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            permuted_ols(
                np.ones((PARTICIPANTS, 1)),
                changes,
                model_intercept=False,
                n_perm=permutations,
                two_sided_test=True,
                masker=masker,
                tfce=True,
                n_jobs=1,
                random_state=1,
            )

    print(f"{PARTICIPANTS} participants, {mask.sum():,} voxels; CPU seconds of one permutation")
    theirs = seconds(nilearn, 1, 3, 1)
    print(f"| nilearn: permuted_ols(tfce=True), one arm | {theirs:.3f} | |")
    for name, model in models.items():

        def ketfc(permutations: int, model: Model = model) -> None:
            map_test(model, mask, permutations=permutations, rng=stream(1, "benchmark"))

        ours = seconds(ketfc, FEW, MORE, repeats)
        print(f"| ketfc: {name} | {ours:.3f} | {theirs / ours:.0f} × |", flush=True)


if __name__ == "__main__":
    main()
