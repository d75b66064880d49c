"""The regions of a circuit in the report, as a browser shows them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ketfc.base.files import write_text

sys.path.insert(0, str(Path(__file__).parents[1]))
import made_tables
from made_report import report_of

CARD = "#circuit-habenula-cortex .brain"

_PURPLE = """
((selector, axis) => {
  const canvas = document.querySelectorAll(`${selector} canvas`)[axis];
  const {width, height} = canvas;
  const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  const found = [];
  for (let i = 0; i < pixels.length; i += 4)
    if (pixels[i + 3] > 200 && pixels[i] - pixels[i + 1] > 110)
      found.push([(i / 4) % width / width, Math.floor(i / 4 / width) / height]);
  const mean = k => found.reduce((sum, one) => sum + one[k], 0) / found.length;
  return [found.length, mean(0), mean(1)];
})
"""
"""Share of a plane in the colour of the chosen region, and its centre, from 0 to 1."""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    made = made_tables.two_arms()
    regions = made.regions.copy()
    # far to the left, so that its side can be told; the others are far from its planes
    regions.loc[regions["region"] == "lLOC", ["n_spheres", "radius"]] = [1, 12]
    folder = tmp_path_factory.mktemp("brain")
    write_text(folder / "report.html", report_of(made_tables.replace(made, regions=regions)))
    return folder / "report.html"


def wait(browser, milliseconds: int = 400) -> None:
    browser.call(
        "Runtime.evaluate",
        expression=f"new Promise(done => setTimeout(done, {milliseconds}))",
        awaitPromise=True,
    )


@pytest.fixture(params=[1200, 400])
def opened(browser, page, request):
    browser.open(page, width=request.param)
    browser.value(f"document.querySelector('{CARD}').scrollIntoView()")
    wait(browser)
    yield browser
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]
    assert browser.value("document.documentElement.scrollWidth") <= request.param


def choose(browser, label: str) -> None:
    browser.value(
        f"[...document.querySelectorAll('{CARD} button')]"
        f".find(one => one.textContent === '{label}').click()"
    )


def told(browser) -> list[str]:
    return browser.value(
        f"[...document.querySelectorAll('{CARD} canvas')].map(one => one.ariaValueText)"
    )


def test_a_region_is_shown_on_its_side_in_all_planes(opened):
    assert told(opened)[0] == "x = 3.6 mm, right"
    choose(opened, "L LOC")
    assert told(opened) == ["x = −45 mm, left", "y = −74 mm, behind", "z = 4 mm, above"]
    sides = opened.value(
        f"[...document.querySelectorAll('{CARD} .plane')].map(one => "
        "[one.querySelector('.low'), one.querySelector('.high')]"
        ".map(label => [label.textContent, label.getBoundingClientRect().left]))"
    )
    assert [[name for name, _ in plane] for plane in sides] == [["P", "A"], ["L", "R"], ["L", "R"]]
    assert all(low < high for (_, low), (_, high) in sides)
    sagittal, coronal, axial = (opened.value(f"{_PURPLE}({CARD!r}, {axis})") for axis in range(3))
    # behind, left and left
    for count, across, _ in (sagittal, coronal, axial):
        assert count > 300
        assert across < 0.4
    # above the middle of the planes that have a height, and behind in the one seen from above
    assert axial[2] > 0.6
    said = opened.value(f"document.querySelector('{CARD} .where').textContent")
    assert said.startswith("long name of lLOC; sphere")
    pressed = f"[...document.querySelectorAll('{CARD} [aria-pressed=true]')].map(b => b.innerText)"
    assert opened.value(pressed) == ["L LOC"]


def test_planes_move_by_keys_and_clicks_and_stop_at_the_edges(opened):
    opened.value(f"document.querySelector('{CARD} canvas').focus()")

    def press(key: str) -> None:
        opened.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        opened.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    before = opened.value(f"document.querySelector('{CARD} canvas').toDataURL()")
    press("ArrowRight")
    assert told(opened)[0] == "x = 5.6 mm, right"
    assert opened.value(f"document.querySelector('{CARD} canvas').toDataURL()") != before
    press("PageDown")
    assert told(opened)[0] == "x = −4.4 mm, left"
    press("End")
    press("ArrowUp")
    edge = opened.value(f"document.querySelector('{CARD} canvas').ariaValueMax")
    assert told(opened)[0] == f"x = {edge} mm, right"
    # in the lower left quarter of the coronal plane: left, and low
    opened.value(
        f"(() => {{ const c = document.querySelectorAll('{CARD} canvas')[1];"
        "const r = c.getBoundingClientRect();"
        "c.dispatchEvent(new MouseEvent('click', {bubbles: true, clientX: r.left + r.width / 4,"
        "clientY: r.top + 3 * r.height / 4})); })()"
    )
    x, y, z = told(opened)
    assert x.endswith("left")
    assert z.endswith("below")
    assert y == "y = −23.1 mm, behind"


def test_outside_the_brain_the_page_is_seen_and_colours_follow_the_switch(opened):
    corner = (
        f"(() => {{ const c = document.querySelectorAll('{CARD} canvas')[2];"
        "return [...c.getContext('2d').getImageData(1, 1, 1, 1).data]; })()"
    )
    assert opened.value(corner)[3] == 0
    picture = f"document.querySelectorAll('{CARD} canvas')[2].toDataURL()"
    light = opened.value(picture)
    opened.value(
        "(() => { const s = document.querySelector('#theme'); s.value = 'dark';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    assert opened.value(picture) != light
    opened.value("localStorage.clear()")
