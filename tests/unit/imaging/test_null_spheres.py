"""Spheres all over the cortex: where they lie, that they are measured, what an excluded run has."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import REGISTRY as MADE

from ketfc.base.errors import RunError
from ketfc.base.files import read_tsv
from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.io.grid import Grid, voxels_in_sphere
from ketfc.imaging.regions.definitions import AtlasLabels
from ketfc.imaging.regions.null_spheres import (
    N_SPHERES,
    SPHERES,
    null_spheres,
    place_spheres,
)
from ketfc.imaging.regions.registry import Registry, load_registry
from ketfc.imaging.run.denoising import RunResult, StrategyResult
from ketfc.imaging.run.derivatives import write_spheres
from ketfc.imaging.run.extraction import RegionSeries

REGISTRY = load_registry(Path(__file__).parents[3] / "atlases" / "circuits.yaml")
SPACE = "MNI152NLin2009cAsym"


def cortex(shape: tuple[int, int, int] = (60, 70, 60), *, filled: float = 0.5) -> Parcellation:
    labels = (np.random.default_rng(0).random(shape) < filled).astype(np.int32)
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = [-60, -90, -50]
    return Parcellation(
        name="T",
        space="MNI152",
        labels=labels,
        grid=Grid(shape, affine),
        indices=np.array([1], dtype=np.int32),
        names=("all",),
        networks=("",),
    )


@pytest.fixture(scope="module")
def spheres() -> pd.DataFrame:
    return null_spheres(REGISTRY, SPACE, cortex())


def test_there_are_as_many_of_every_radius_that_an_edge_has(spheres):
    # the shell around the habenula, of 9 mm, is no end of an edge
    assert spheres["radius"].value_counts().to_dict() == dict.fromkeys(
        (3.0, 5.0, 6.0, 8.0), N_SPHERES // 4
    )
    assert spheres["name"].is_unique
    assert spheres["name"].iloc[0] == "r3n000"


def test_regions_that_are_no_spheres_are_matched_by_three_usual_radii():
    def radii(registry: Registry) -> list[float]:
        return null_spheres(registry, SPACE, cortex())["radius"].unique().tolist()

    assert radii(MADE) == [1, 6, 8]
    label = replace(MADE.regions["a"], spheres=(), labels=(AtlasLabels("Mine", ("x",)),))
    union = replace(label, labels=(), members=(label, MADE.regions["c"]))
    for region in (label, union):
        changed = replace(MADE, regions=MADE.regions | {"a": region})
        assert radii(changed) == [1, 3, 5, 6, 8]
    # a region that is the end of no edge is measured by nobody
    assert radii(replace(MADE, regions=MADE.regions | {"z": label})) == [1, 6, 8]


def test_spheres_of_one_radius_do_not_overlap(spheres):
    for radius, same in spheres.groupby("radius"):
        centres = same[["x", "y", "z"]].to_numpy()
        apart = np.linalg.norm(centres[:, None] - centres, axis=-1)
        assert apart[np.triu_indices(len(same), 1)].min() >= 2 * radius


def test_centres_lie_in_the_cortex(spheres):
    own = cortex()
    place = (spheres[["x", "y", "z"]].to_numpy() - own.grid.affine[:3, 3]) / 2
    assert (own.labels[tuple(np.rint(place).astype(int).T)] > 0).all()


def test_where_there_is_no_room_there_are_fewer():
    few = null_spheres(REGISTRY, SPACE, cortex((12, 12, 12)))
    counts = few["radius"].value_counts()
    assert 0 < counts[8.0] < counts[3.0] < N_SPHERES // 4


def test_the_spheres_are_the_same_every_time(spheres):
    pd.testing.assert_frame_equal(null_spheres(REGISTRY, SPACE, cortex()), spheres)


def test_they_are_placed_as_regions_are(spheres):
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = [-60, -90, -50]
    grid = Grid((30, 36, 30), affine)
    placed = place_spheres(spheres, grid)
    assert placed.atlas == SPHERES
    assert placed.names == tuple(spheres["name"])
    for row in (0, 200, 400):
        x, y, z, radius = spheres[["x", "y", "z", "radius"]].iloc[row]
        expected = voxels_in_sphere(grid, (x, y, z), radius)
        found = np.flatnonzero(placed.weights[row].toarray().ravel())
        if placed.notes[row]:
            assert len(found) == 1
        else:
            np.testing.assert_array_equal(found, expected)


NAMES = ["r3n000", "r3n001"]


def written(folder: Path, result: RunResult) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    coverage, relmat = folder / "coverage.tsv", folder / "relmat.tsv"
    write_spheres(coverage, relmat, sources=["bids::x"], names=NAMES, result=result, strategy="24P")
    about = json.loads((folder / "relmat.json").read_text(encoding="utf-8"))
    return read_tsv(coverage), read_tsv(relmat), about


def test_the_matrix_of_one_strategy_is_written(tmp_path):
    matrix = pd.DataFrame([[np.nan, 0.12345678], [0.12345678, np.nan]], NAMES, NAMES)
    table = pd.DataFrame({"region": NAMES, "n_shared": [3, 4], "tsnr": [50.5, 60]})
    result = RunResult(
        series={SPHERES: RegionSeries(series=pd.DataFrame(), coverage=table)},
        strategies={
            "24P": StrategyResult(matrices={SPHERES: matrix}, n_volumes=90, tdof=55.5),
            "none": StrategyResult(matrices={SPHERES: matrix * 2}),
        },
        quality={},
    )
    coverage, relmat, about = written(tmp_path, result)
    assert list(coverage["tsnr"]) == ["50.5", "60"]
    assert relmat.set_index("Node").loc["r3n000", "r3n001"] == "0.123457"
    assert about["DegreesOfFreedom"] == 55.5
    assert about["DenoisingStrategy"] == "24P"
    assert about["Excluded"] is None


def test_an_excluded_run_has_the_same_files_without_numbers(tmp_path):
    error = RunError("damaged-image", "is truncated")
    result = RunResult(series={}, strategies={"24P": StrategyResult(error=error)}, quality={})
    coverage, relmat, about = written(tmp_path, result)
    assert list(coverage["region"]) == NAMES
    assert coverage.drop(columns="region").isna().all(axis=None)
    assert {"n_shared", "coverage_shared", "tsnr"} <= set(coverage)
    assert list(relmat["Node"]) == NAMES
    assert relmat[NAMES].isna().all(axis=None)
    assert about["Excluded"] == "is truncated"


def test_spheres_are_placed_where_the_table_has_them_in_no_particular_template():
    grid = Grid((10, 12, 9), np.diag([2.0, 3, 2, 1]))
    table = pd.DataFrame({"name": ["r3n000", "r4n000"], "x": [8.0, 4], "y": [12.0, 18],
                          "z": [6.0, 10], "radius": [3.0, 4]})  # fmt: skip
    placed = place_spheres(table, grid)
    assert (placed.atlas, placed.names) == (SPHERES, ("r3n000", "r4n000"))
    for row, centre, radius in ((0, (8, 12, 6), 3), (1, (4, 18, 10), 4)):
        np.testing.assert_array_equal(
            placed.weights[[row]].indices, voxels_in_sphere(grid, centre, radius)
        )


def test_spheres_are_the_same_however_few_points_are_looked_at_at_a_time(spheres, monkeypatch):
    monkeypatch.setattr("ketfc.imaging.regions.null_spheres._AT_ONCE", 50)
    pd.testing.assert_frame_equal(null_spheres(REGISTRY, SPACE, cortex()), spheres)
