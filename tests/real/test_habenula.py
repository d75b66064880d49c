"""The habenula's geometry against the CIT168 label itself, which the kit has at 1 mm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ketfc.imaging.io.grid import Grid, voxels_in_sphere
from ketfc.imaging.io.reader import read_volume
from ketfc.imaging.regions.habenula import CAUTION, INTERPRETABLE, PERI_HABENULAR, verdict
from ketfc.imaging.regions.habenula_geometry import Body, expected_purity, habenula_body, label_body
from ketfc.imaging.regions.registry import load_registry

REGISTRY = load_registry(Path(__file__).parents[2] / "atlases" / "circuits.yaml")
SPACES = ("MNI152NLin2009cAsym", "MNI152NLin6Asym")
LABELS = {"left": 13, "right": 113}
PUBLISHED = {
    (2.0, 2.0, 2.0): (0.90, 0.50, INTERPRETABLE),
    (2.4, 2.4, 2.4): (0.76, 0.43, INTERPRETABLE),
    (3.0, 3.0, 3.0): (0.58, 0.34, CAUTION),
    (3.75, 3.75, 3.5): (0.41, 0.26, PERI_HABENULAR),
}
"""Best voxel and mean purity of CIT168's right habenula over 300 random grids, as computed for
the project's notes on the science; an independent computation."""


def cit168(kit: Path, space: str) -> tuple[np.ndarray, Grid]:
    data, grid = read_volume(kit / f"atlases/CIT168/{space}_CIT168_subcortex.nii.gz")
    return np.rint(data).astype(np.int32), grid


@pytest.fixture(scope="module")
def label(kit) -> Body:
    return label_body(*cit168(kit, SPACES[0]), LABELS["right"])


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_label_gives_the_known_shares(size, label):
    best, weighted, expected = PUBLISHED[size]
    purity = expected_purity(size, label, REGISTRY.regions["rHabenula"], SPACES[0])
    # medians over 300 grids scatter by about 0.01
    assert purity.best_voxel == pytest.approx(best, abs=0.03)
    assert purity.weighted == pytest.approx(weighted, abs=0.02)
    assert verdict(purity.best_voxel) == expected


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_spheroid_is_kinder_than_the_label_by_little_and_gives_the_same_verdict(size, label):
    body = habenula_body(SPACES[0], "right")
    region = REGISTRY.regions["rHabenula"]
    spheroid = expected_purity(size, body, region, SPACES[0])
    own = expected_purity(size, label, region, SPACES[0])
    assert 0 <= spheroid.best_voxel - own.best_voxel < 0.09
    assert 0 <= spheroid.region - own.region < 0.04
    assert 0 <= spheroid.weighted - own.weighted < 0.07
    assert verdict(spheroid.best_voxel) == verdict(own.best_voxel)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("side", LABELS)
def test_the_spheroid_lies_where_the_label_lies(space, side, kit):
    labels, grid = cit168(kit, space)
    own = np.argwhere(labels == LABELS[side]) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    body = habenula_body(space, side)
    step = 0.2
    lines = [np.arange(a, b, step) for a, b in zip(body.low, body.high, strict=True)]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 3)
    points = points[body.contains(points)]
    assert len(points) * step**3 == pytest.approx(len(own), rel=0.01)
    np.testing.assert_allclose(points.mean(axis=0), own.mean(axis=0), atol=0.06)
    values, axes = np.linalg.eigh(np.cov(own.T))
    along = np.linalg.eigh(np.cov(points.T))[1][:, 2]
    assert abs(along @ axes[:, 2]) > 0.999
    assert np.ptp(points @ along) / 2 == pytest.approx(np.sqrt(5 * values[2]), abs=0.35)


@pytest.mark.parametrize("space", SPACES)
def test_the_control_regions_lie_beside_the_habenula(space, kit):
    labels, grid = cit168(kit, space)
    thomas, fine = read_volume(kit / f"atlases/CIT168/{space}_Thalamus_THOMAS.nii.gz")
    (pseudo,) = REGISTRY.regions["rPseudoHabenula"].spheres_in(space)
    inside = voxels_in_sphere(grid, pseudo.centre, pseudo.radius)
    flat = labels.ravel(order="F")
    assert not np.isin(flat[inside], [13, 113]).any()
    # no voxel of up to 4 mm can hold both
    habenula = np.argwhere(labels == 113) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    assert np.linalg.norm(habenula - pseudo.centre, axis=1).min() > 5
    there = voxels_in_sphere(fine, pseudo.centre, pseudo.radius)
    assert (thomas.ravel(order="F")[there] > 0).mean() > 0.75
    (shell,) = REGISTRY.regions["rHabenulaShell"].spheres_in(space)
    around = voxels_in_sphere(grid, shell.centre, shell.radius, inner=shell.inner)
    assert (flat[around] == 113).mean() < 0.003
    assert (flat[around] == 13).mean() < 0.026
