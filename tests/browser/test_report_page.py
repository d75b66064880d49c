"""The report as a browser shows it: nothing fetched, nothing broken, nothing too wide."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ketfc.base.files import write_text
from ketfc.reporting.figures.association import draw_association
from ketfc.reporting.figures.circuits import draw_circuits
from ketfc.reporting.figures.edges import draw_edges
from ketfc.reporting.figures.matrices import draw_matrices
from ketfc.reporting.figures.networks.triple_network import draw_networks
from ketfc.reporting.figures.qcfc import draw_qcfc
from ketfc.reporting.figures.sessions.paired import draw_paired
from ketfc.reporting.pages.report.page import render_report
from ketfc.reporting.text.methods import methods_text

sys.path.insert(0, str(Path(__file__).parents[1]))
import made_maps
import made_tables


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    made = made_tables.two_arms()
    figures = {
        "circuits": draw_circuits(made.connectivity, made.regions, made.hypotheses, made.design),
        "paired": draw_paired(made.connectivity, made.hypotheses, made.design),
        "association": draw_association(
            made.connectivity, made.scores, made.hypotheses, made.design
        ),
        "matrices": draw_matrices(made.mean_relmat, made.design),
        "networks": draw_networks(made_tables.networks_of(made), made.design),
        "edges": draw_edges(made_tables.edges_of(made), made.design),
        "qcfc": draw_qcfc(
            made.qcfc,
            made.qcfc_curves,
            made.motion,
            made.connectivity,
            made.runs,
            made.hypotheses,
            made.design,
        ),
    }
    numbers = {name: table for name, (_, table) in figures.items()}
    for name, (figure, _) in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=100)
    shared = "config design hypotheses regions runs exclusions sidecars versions null habenula"
    names = [*shared.split(), "robustness", "reliability", "shrinkage", "curves", "attrition"]
    common: dict[str, Any] = {name: getattr(made, name) for name in names}
    common["networks"] = made_tables.networks_of(made)
    common["edges"] = made_tables.edges_of(made)
    common["effects"] = made_tables.effects_of(made)
    html = render_report(
        **common,
        incomplete=made.incomplete,
        motion=made.motion,
        qcfc=made.qcfc,
        clinical=made_tables.clinical_of(made),
        figures={name: folder / f"{name}.png" for name in figures},
        numbers=numbers,
        clusters=made_maps.clusters(),
        map_pictures={"seed-sgACC_change": folder / "circuits.png"},
        methods=methods_text(**common),
    )
    write_text(folder / "report.html", html)
    return folder / "report.html"


@pytest.mark.parametrize("width", [1200, 400])
def test_the_page_loads_without_errors_and_fetches_nothing(browser, page, width):
    browser.open(page, width=width)
    browser.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.requests() == [page.as_uri()]
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [1200, 400])
def test_the_figures_are_shown_with_alt_texts(browser, page, width):
    browser.open(page, width=width)
    images = browser.value(
        "[...document.images].map(i => [i.complete, i.naturalWidth, i.clientWidth, i.alt])"
    )
    # seven figures and a map
    assert len(images) == 8
    for complete, natural, shown, alt in images:
        assert complete
        assert natural > 300
        assert shown >= 300
        assert len(alt) > 40


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("width", [1200, 768, 400, 320])
def test_the_page_is_never_wider_than_the_screen(browser, page, width, opened):
    browser.open(page, width=width)
    assert browser.value("innerWidth") == width
    browser.value(
        f"document.querySelectorAll('details').forEach(d => d.open = {str(opened).lower()})"
    )
    assert browser.value("document.documentElement.scrollWidth") <= width
    wide = browser.value(
        "[...document.querySelectorAll('main > section > :not(.scroll), article, nav, header')]"
        f".filter(e => e.getBoundingClientRect().right > {width} + 1)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []


def test_text_is_large_and_dark_enough_to_read(browser, page):
    browser.open(page, width=400)
    pale = browser.value(
        """
        (() => {
          const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => {
            v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const behind = e => { for (; e; e = e.parentElement) {
            const c = getComputedStyle(e).backgroundColor;
            if (!/, 0\\)$/.test(c)) return c; } return 'rgb(255, 255, 255)'; };
          const bad = [];
          for (const e of document.body.querySelectorAll('*')) {
            const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
            if (!own || e.closest('svg')) continue;
            const s = getComputedStyle(e);
            const [a, b] = [light(s.color), light(behind(e))].sort((x, y) => y - x);
            const contrast = (a + 0.05) / (b + 0.05);
            if (contrast < 4.5 || parseFloat(s.fontSize) < 12)
              bad.push([e.outerHTML.slice(0, 80), contrast, s.fontSize]);
          }
          return bad;
        })()
        """
    )
    assert pale == []


def test_headings_descend_one_level_at_a_time(browser, page):
    browser.open(page, width=1200)
    levels = browser.value(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    steps = [b - a for a, b in pairwise(levels)]
    assert max(steps) <= 1
