"""Pictures of a participant's seed maps: right slices, the right side, reasons where none is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.images import write_image
from ketfc.reporting.figures.maps.seed_maps import draw_seed_maps, read_seed_map

MIRRORED = np.array([[-3.0, 0, 0, 30], [0, 4.0, 0, -40], [0, 0, 5.0, -20], [0, 0, 0, 1]])
SHAPE = (21, 19, 9)


def written(folder: Path, *, centre, excluded=None, empty: bool = False) -> Path:
    """Write a map whose value at a voxel is its x in mm over 100, on a grid from right to left."""
    x = 30 - 3.0 * np.arange(SHAPE[0])
    z = np.broadcast_to(x[:, None, None] / 100, SHAPE).astype(np.float32).copy()
    # the brain fills less than the image, and not the same at both ends
    z[:2], z[:, -3:], z[:, :, 0] = np.nan, np.nan, np.nan
    if empty:
        z[:] = np.nan
    path = folder / "a_boldmap.nii.gz"
    write_image(path, z.ravel(order="F"), Grid(SHAPE, MIRRORED))
    about = {"SeedCentre": centre, "Excluded": excluded}
    path.with_name("a_boldmap.json").write_text(json.dumps(about))
    return path


def test_a_map_is_turned_to_the_readers_left_and_cut_through_the_seed(tmp_path):
    found = read_seed_map(written(tmp_path, centre=[-12.0, 0.0, 5.0]))
    assert found.reason is None
    # the two planes without a value lie at the right, where x is largest
    assert found.z.shape == (19, 16, 8)
    i, j, k = found.centre
    assert found.z[i, j, k] == pytest.approx(-0.12)
    assert (i, j, k) == (6, 10, 4)
    assert found.z[0, 0, 0] < found.z[-1, 0, 0]


def test_every_run_of_every_seed_has_three_slices_or_a_reason(tmp_path):
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    shown = read_seed_map(written(folders[0], centre=[9.0, 8.0, 5.0]))
    said = "the scan ended after 12 volumes, which is too few for anything that is worth a picture"
    absent = read_seed_map(written(folders[1], centre=None, excluded=said, empty=True))
    assert absent.centre is None
    figure = draw_seed_maps({"sgACC": [shown, absent], "dACC": [absent, shown]}, ["pre", "post"])
    panels, bar = figure.axes[:12], figure.axes[12]
    assert [len(panel.images) for panel in panels] == [1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1]
    pre, post = figure.texts
    assert (pre.get_text(), post.get_text()) == ("pre", "post")
    # each begins where its slices do
    assert pre.get_position()[0] == pytest.approx(panels[0].get_position().x0, abs=0.02)
    assert post.get_position()[0] == pytest.approx(panels[3].get_position().x0, abs=0.02)
    i, j, k = shown.centre
    sagittal, coronal, axial = (panel.images[0].get_array() for panel in panels[:3])
    np.testing.assert_array_equal(sagittal, shown.z[i].T)
    np.testing.assert_array_equal(coronal, shown.z[:, j].T)
    np.testing.assert_array_equal(axial, shown.z[:, :, k].T)
    circles = [panel.lines[0].get_xydata().tolist() for panel in panels[:3]]
    assert circles == [[[j, k]], [[i, k]], [[i, j]]]
    sides = [[text.get_text() for text in panel.texts] for panel in panels[1:3]]
    assert sides == [["L", "R"], ["L", "R"]]
    (reason,) = panels[4].texts
    assert reason.get_text().replace("\n", " ") == f"no map: {said}"
    assert bar.get_xlabel() == "Fisher z"


def test_where_nobody_has_a_map_there_is_no_scale(tmp_path):
    absent = read_seed_map(written(tmp_path, centre=None, empty=True))
    assert absent.reason == "the seed lies outside the image"
    figure = draw_seed_maps({"sgACC": [absent]}, ["pre"])
    assert len(figure.axes) == 3
