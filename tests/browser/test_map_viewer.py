"""The viewer of a group map as a browser shows it: nothing fetched, three planes, both sides."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ketfc.base.files import write_text
from ketfc.reporting.figures.maps.group_map import MapImages
from ketfc.reporting.pages.group_maps import render_viewer

sys.path.insert(0, str(Path(__file__).parents[1]))
import made_maps
from made_design import design_of

_COLOURED = """
(() => {
  const canvas = document.querySelector('canvas');
  const {width, height} = canvas;
  const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  const shares = [0, 0, 0];
  for (let i = 0; i < pixels.length; i += 4)
    if (pixels[i] - pixels[i + 2] > 80) shares[Math.floor(3 * (i / 4 % width) / width)] += 1;
  return shares;
})()
"""
"""Red pixels in the left, middle and right third of the canvas: a plane each."""


@pytest.fixture(scope="module", params=[True, False], ids=["found", "none"])
def page(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("viewer")
    images = MapImages.read(*made_maps.image_files(folder, survive=request.param))
    rows = made_maps.clusters()
    rows = rows.iloc[:2] if request.param else rows.iloc[[2]]
    write_text(folder / "map.html", render_viewer(images, rows, design_of({})))
    return folder / "map.html"


def test_a_viewer_shows_three_planes_and_fetches_nothing(browser, page):
    browser.open(page, width=1000)
    assert browser.requests() == [page.as_uri()]
    assert browser.complaints() == []
    # all planes go through the peak, or through the voxel of the smallest p
    assert all(count > 20 for count in browser.value(_COLOURED))
    before = browser.value("document.querySelector('canvas').toDataURL()")
    browser.value(
        "(() => { const c = document.querySelector('canvas'), r = c.getBoundingClientRect();"
        "c.dispatchEvent(new MouseEvent('click', {bubbles: true, clientX: r.left + r.width / 6,"
        "clientY: r.top + r.height / 2})); })()"
    )
    assert browser.value("document.querySelector('canvas').toDataURL()") != before
    text = browser.value("document.body.innerText")
    assert "L: left, R: right" in text
    assert "Research use only" in text
