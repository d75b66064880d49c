"""Sessions are compared in the voxels that all of them have."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.placing import RegionSet, _membership
from ketfc.imaging.run.extraction import extract
from ketfc.imaging.run.shared_voxels import shared_voxels

SHAPE = (4, 3, 2)
AFFINE = np.diag([4.0, 4, 4, 1])
GRID = Grid(SHAPE, AFFINE)


@pytest.fixture
def write(tmp_path: Path, rng: np.random.Generator):
    """Return a function that writes a run whose voxels `dead` are zero and `out` of the mask."""

    def run(name, *, dead=(), out=(), affine=AFFINE, shape=SHAPE):
        data = rng.normal(1000, 10, (*shape, 20)).astype(np.float32).reshape(-1, 20, order="F")
        data[list(dead)] = 0
        mask = np.ones(len(data), np.uint8)
        mask[list(out)] = 0
        bold, brain = tmp_path / f"{name}_bold.nii.gz", tmp_path / f"{name}_mask.nii.gz"
        nib.save(nib.Nifti1Image(data.reshape((*shape, 20), order="F"), affine), bold)
        nib.save(nib.Nifti1Image(mask.reshape(shape, order="F"), affine), brain)
        return bold, brain

    return run


def test_a_voxel_is_shared_when_every_run_has_it(write):
    runs = [write("pre", dead=[3], out=[5]), write("post", dead=[7, 3], out=[9])]
    missing = np.flatnonzero(~shared_voxels(runs, GRID))
    assert missing.tolist() == [3, 5, 7, 9]


def test_the_order_of_the_runs_does_not_matter(write):
    runs = [write("pre", dead=[3]), write("post", out=[9])]
    assert (shared_voxels(runs, GRID) == shared_voxels(runs[::-1], GRID)).all()


def test_a_voxel_that_is_zero_at_first_but_not_for_long_has_signal(write, monkeypatch):
    bold, mask = write("pre")
    image = nib.load(bold)
    data = image.get_fdata(dtype=np.float32)
    data[1, 1, 1, :9] = 0
    data[0, 1, 1, :10] = 0
    data[2, 1, 1] = np.nan
    nib.save(nib.Nifti1Image(data, AFFINE), bold)
    # of ten volumes, read at once or a few at a time
    for batch in (16 * 2**20, 3 * 4 * GRID.n_voxels, 1):
        monkeypatch.setattr("ketfc.imaging.io.reader._BATCH_BYTES", batch)
        missing = np.flatnonzero(~shared_voxels([(bold, mask)], GRID))
        places = [np.ravel_multi_index((i, 1, 1), SHAPE, order="F") for i in (0, 2)]
        assert missing.tolist() == places


def test_a_run_that_cannot_be_read_does_not_narrow_the_others(write):
    good, bad = write("pre", dead=[3]), write("post", dead=range(24))
    bad[0].write_bytes(bad[0].read_bytes()[:60])
    for runs in ([good, bad], [bad, good]):
        assert np.flatnonzero(~shared_voxels(runs, GRID)).tolist() == [3]


def test_a_run_on_another_grid_is_brought_to_this_one(write):
    # half-size voxels, of which eight make one of this grid
    fine = np.diag([2.0, 2, 2, 1])
    fine[:3, 3] = -1
    shape = tuple(2 * n for n in SHAPE)
    dead = [
        np.ravel_multi_index((i, j, k), shape, order="F")
        for i in (4, 5)
        for j in (2, 3)
        for k in (0, 1)
    ]
    other = write("post", dead=dead, affine=fine, shape=shape)
    missing = np.flatnonzero(~shared_voxels([other], GRID))
    assert missing.tolist() == [np.ravel_multi_index((2, 1, 0), SHAPE, order="F")]


def test_series_come_from_the_shared_voxels_alone_and_coverage_tells_both(write):
    pre, post = write("pre", dead=[0]), write("post", dead=[1])
    regions = RegionSet(
        "A", ("all", "lost"), _membership([np.arange(4), np.array([0, 1])], 24), ("", "")
    )
    shared = shared_voxels([pre, post], GRID)
    found = extract(pre[0], np.ones(24, bool), [regions], shared=shared).by_atlas(0.5)["A"]
    expected = nib.load(pre[0]).get_fdata().reshape(24, 20, order="F")[[2, 3]].mean(axis=0)
    np.testing.assert_allclose(found.series["all"], expected, rtol=1e-6)
    assert found.series["lost"].isna().all()
    assert found.coverage["n_covered"].tolist() == [3, 1]
    assert found.coverage["n_shared"].tolist() == [2, 0]
    assert found.coverage["coverage_shared"].tolist() == [0.5, 0.0]


def test_a_run_without_any_signal_does_not_narrow_the_others(write):
    lost = write("post", dead=range(24))
    assert shared_voxels([write("pre", out=[3]), lost], GRID).sum() == 23
    assert shared_voxels([lost, write("pre", out=[3])], GRID).sum() == 23


def test_a_run_whose_header_gives_a_wrong_type_does_not_narrow_the_others(write):
    bold, mask = write("post")
    content = bytearray(gzip.decompress(bold.read_bytes()))
    content[70:74] = (2).to_bytes(2, "little") + (8).to_bytes(2, "little")
    bold.write_bytes(gzip.compress(content))
    assert shared_voxels([write("pre", out=[3]), (bold, mask)], GRID).sum() == 23
