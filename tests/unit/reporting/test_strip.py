"""The page of all runs, side by side."""

from __future__ import annotations

import base64
import re
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ketfc.imaging.run.carpet import NO_VALUE, Carpet
from ketfc.reporting.pages.strip import render_strip, thumbnail

SETTINGS = {"fd_thresh": 0.5, "min_coverage": 0.5}
COVERAGE = pd.DataFrame({"region": ["sgACC", "lAmygdala", "PCC"], "coverage": [0.2, 0.9, np.nan]})


def carpet(before: np.ndarray, fd: list[float]) -> Carpet:
    n = before.shape[1]
    return Carpet(
        before=before.astype(np.int8),
        after=before.astype(np.int8),
        parcel=np.zeros(len(before), np.int16),
        depth=np.zeros(len(before), np.float32),
        fd=np.array(fd, np.float32),
        std_dvars=np.ones(n, np.float32),
        keep=np.ones(n, bool),
        repetition_time=2.0,
        strategy="24P",
        reason="",
    )


def row(run: str = "sub-01_ses-a_task-rest", **more: object) -> dict[str, object]:
    about = {"run": run, "participant_id": run[:6], "role": "pre", "reason": None}
    return about | {"mean_fd": "0.25", "max_fd": "2", "seconds_kept": "n/a"} | more


BLOCKS = np.kron([[-10, 10], [0, NO_VALUE]], np.ones((40, 60)))


def test_the_carpet_is_grey_by_its_standard_deviations_and_white_without_value():
    one = thumbnail(row(), carpet(BLOCKS, [0.1] * 120), COVERAGE, min_coverage=0.5)
    data = base64.b64decode(one.carpet.removeprefix("data:image/jpeg;base64,"))
    picture = Image.open(BytesIO(data))
    assert picture.size == (200, 56)
    grey = np.asarray(picture.convert("L"), dtype=float)
    corners = [grey[:20, :80], grey[:20, 120:], grey[36:, :80], grey[36:, 120:]]
    assert [round(each.mean()) for each in corners] == pytest.approx([0, 255, 127, 255], abs=3)


def test_a_spike_of_one_volume_is_seen_however_many_there_are():
    fd = [0.0] * 1000
    fd[517] = 0.75
    one = thumbnail(row(), carpet(np.zeros((3, 1000)), fd), COVERAGE, min_coverage=0.5)
    heights = [float(point.split(",")[1]) for point in one.fd.split()]
    assert len(heights) == 100
    assert heights[51] == 7.5
    assert heights.count(30.0) == 99


def test_regions_without_signal_are_counted_and_the_lowest_is_told():
    one = thumbnail(row(), carpet(BLOCKS, [0.1] * 120), COVERAGE, min_coverage=0.5)
    assert one.values["lost"] == 1
    assert one.values["lowest"] == 0.2
    assert [region for region, _ in one.coverage] == ["sgACC", "L amygdala"]
    assert one.said["mean FD, mm"] == "0.25"
    assert one.said["kept, s"] == "n/a"


def test_a_run_that_was_not_read_is_there_with_its_reason_and_no_arm_is_told():
    empty = carpet(np.zeros((0, 0)), [])
    lost = row("sub-02_ses-a_task-rest", reason="<b>gone</b>", arm="ketamine")
    runs = [
        thumbnail(row(arm="ketamine"), carpet(BLOCKS, [0.1] * 120), COVERAGE, min_coverage=0.5),
        thumbnail(lost, empty, COVERAGE.iloc[:0], min_coverage=0.5),
    ]
    html = render_strip(runs, study="s", settings=SETTINGS)
    assert html.count("<img") == 1
    assert "Excluded: &lt;b&gt;gone&lt;/b&gt;" in html
    assert "ketamine" not in html.partition("</style>")[2]
    links = set(re.findall(r'href="([^"]+)"', html)) - {"data:,"}
    assert links == {"sub-01.html", "sub-02.html"}
    assert "There is no run." in render_strip([], study="s", settings=SETTINGS)
