"""The report and the quality page of 500 participants: small, and not made before they are seen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_large import PEOPLE, large, write_group, write_report
from made_tables import Made

pytestmark = pytest.mark.slow

LIMIT = 25e6
"""Bytes of a page that still opens everywhere."""


@pytest.fixture(scope="module")
def made() -> Made:
    return large()


@pytest.fixture(scope="module")
def report(made, tmp_path_factory) -> Path:
    return write_report(made, tmp_path_factory.mktemp("large"))


def test_the_report_holds_everybody_and_stays_small(browser, report, made):
    assert len(made.design.participants) >= PEOPLE
    assert report.stat().st_size < LIMIT
    browser.open(report, width=1200)
    assert browser.value("document.querySelector('#who').length - 1") == len(
        made.design.participants
    )
    per_plot = (
        "[...document.querySelectorAll('.plot')].map(p => p.querySelectorAll('g[data-who]').length)"
    )
    assert max(browser.value(per_plot)) > 0.8 * PEOPLE
    assert browser.complaints() == []


def test_long_tables_and_brains_are_made_when_they_are_come_to(browser, report):
    browser.open(report, width=1200)
    runs = "[...document.querySelectorAll('details')].find(d => /^All runs/.test(d.innerText))"
    made = f"{runs}.querySelectorAll('.dt-container').length"
    assert browser.value(f"{runs}.open") is False
    assert browser.value(made) == 0
    browser.value(f"{runs}.open = true")
    browser.call(
        "Runtime.evaluate",
        expression="new Promise(done => setTimeout(done, 500))",
        awaitPromise=True,
    )
    assert browser.value(made) == 1
    # a hundred rows at a time
    assert browser.value(f"{runs}.querySelectorAll('tbody tr').length") == 100
    # the last card is far below the first screen
    last = "[...document.querySelectorAll('.brain')].pop().querySelector('.where').textContent"
    assert browser.value(last) == ""


def test_the_quality_page_lists_everybody_and_stays_small(browser, made, tmp_path):
    page = write_group(made, tmp_path)
    assert page.stat().st_size < LIMIT
    browser.open(page, width=1200)
    rows = browser.value("document.querySelectorAll('tbody tr[id]').length")
    assert rows == len(made.design.participants)
    assert browser.requests() == [page.as_uri()]
    assert browser.complaints() == []
