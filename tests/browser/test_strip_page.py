"""The page of all runs as a browser shows it: sorted, filtered, small enough for a large study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketfc.base.files import write_text
from ketfc.imaging.run.carpet import Carpet
from ketfc.reporting.pages.strip import render_strip, thumbnail


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Of 500 participants with two runs each; noise is what compresses worst."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 5, (60, 200)).round().clip(-120, 120).astype(np.int8)
    regions = pd.DataFrame({"region": [f"R{i}" for i in range(22)], "coverage": 0.9})
    runs = []
    for i in range(1000):
        fd = rng.gamma(2, 0.1, 200).astype(np.float32)
        carpet = Carpet(
            before=noise,
            after=noise,
            parcel=np.zeros(60, np.int16),
            depth=np.zeros(60, np.float32),
            fd=fd,
            std_dvars=fd,
            keep=fd < 1,
            repetition_time=2.0,
            strategy="24P",
            reason="",
        )
        who = f"sub-{i // 2:03d}"
        row = {
            "run": f"{who}_ses-{i % 2}_task-rest",
            "participant_id": who,
            "role": ("pre", "post")[i % 2],
            "reason": "moved" if i % 50 == 7 else None,
            "mean_fd": None if i == 3 else fd.mean(),
            "seconds_kept": 100 + (i * 37) % 500,
        }
        runs.append(thumbnail(row, carpet, regions, min_coverage=0.5))
    folder = tmp_path_factory.mktemp("strip")
    settings = {"fd_thresh": 0.5, "min_coverage": 0.5}
    write_text(folder / "strip.html", render_strip(runs, study="large", settings=settings))
    return folder / "strip.html"


def test_the_page_of_a_large_study_stays_small(page):
    assert page.stat().st_size < 25e6


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
