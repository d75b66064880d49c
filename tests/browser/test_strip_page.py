"""The page of all runs as a browser shows it: sorted, filtered, small enough for a large study."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_large import write_strip


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    return write_strip(tmp_path_factory.mktemp("strip"))


def test_the_page_of_a_large_study_stays_small(page):
    assert page.stat().st_size < 25e6


def test_pictures_are_loaded_when_they_are_seen(browser, page):
    browser.open(page, width=1200)
    loading = browser.value(
        "[...document.querySelectorAll('.strip img')].map(one => one.loading + one.decoding)"
    )
    assert loading == ["lazyasync"] * 1000
    seen = browser.value("getComputedStyle(document.querySelector('.strip li')).contentVisibility")
    assert seen == "auto"


def put(browser, control: str, value: str) -> list[str]:
    return browser.value(
        f"(() => {{ const c = document.querySelector('{control}'); c.value = '{value}';"
        "c.dispatchEvent(new Event('input'));"
        "return [...document.querySelectorAll('.strip li')].filter(run => !run.hidden)"
        ".map(run => run.id); })()"
    )


def test_runs_are_sorted_the_worst_first_and_those_without_a_value_last(browser, page):
    browser.open(page, width=1200)
    order = put(browser, "#by", "mean_fd")
    assert len(order) == 1000
    values = browser.value(
        "[...document.querySelectorAll('.strip li')].map(run => run.dataset.meanFd)"
    )
    numbers = [float(one) for one in values]
    assert numbers[:-1] == sorted(numbers[:-1], reverse=True)
    assert np.isnan(numbers[-1])
    assert order[-1] == "sub-001_ses-1_task-rest"
    put(browser, "#by", "seconds_kept")
    kept = browser.value(
        "[...document.querySelectorAll('.strip li')].map(run => Number(run.dataset.secondsKept))"
    )
    assert kept == sorted(kept)
    order = put(browser, "#by", "run")
    assert order == sorted(order)
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]


def test_runs_are_filtered_by_name_and_by_use(browser, page):
    browser.open(page, width=400)
    assert put(browser, "#find", "SUB-012") == [
        "sub-012_ses-0_task-rest",
        "sub-012_ses-1_task-rest",
    ]
    put(browser, "#find", "")
    assert len(put(browser, "#only", "gone")) == 20
    assert browser.value("document.querySelector('#count').textContent") == "20 of 1000 runs"
    assert browser.value("document.documentElement.scrollWidth") <= 400
