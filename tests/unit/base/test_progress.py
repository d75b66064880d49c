"""A line per stage: counts, time passed and left, runs excluded so far."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from made_study import REPO

from ketfc.base.progress import OTHER, STAGES, Progress, clock


def rules() -> list[str]:
    """Return every rule of the workflow once: of a synthesis there is one in two branches."""
    files = [REPO / "Snakefile", *(REPO / "workflow/rules").glob("*.smk")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    found = re.findall(r"^ *(?:rule (\w+):|use rule \w+ as (\w+) with:)", text, re.MULTILINE)
    return list(dict.fromkeys(found))


def test_every_rule_is_in_one_stage_and_no_other_is() -> None:
    named = [one or other for one, other in rules()]
    staged = [rule for stage in STAGES.values() for rule in stage]
    assert sorted(named) == sorted(staged)
    assert len(named) > 30


def test_stages_come_in_their_order_with_only_those_that_have_jobs() -> None:
    progress = Progress.of({"report": 1, "extract_run": 4, "denoise_run": 4, "mine": 2})
    totals = {name: stage.total for name, stage in progress.stages.items()}
    assert totals == {"reading, denoising": 8, "report": 1, OTHER: 2}
    assert list(totals) == ["reading, denoising", "report", OTHER]


def test_a_stage_is_said_when_it_is_through_and_its_quarters_if_they_take_long() -> None:
    progress = Progress.of({"extract_run": 8})
    progress.begin("extract_run", 100.0)
    said = [progress.finish("extract_run", 100.0 + 20 * n) for n in range(1, 9)]
    # the first quarter, at 40 s, is too soon after the beginning, and so is the half after that
    told = [n for n, line in enumerate(said, start=1) if line is not None]
    assert told == [3, 6, 8]
    assert said[2] == "reading, denoising     3 of 8        1:00, about 1:40 left"
    assert said[7] == "reading, denoising     8 of 8        2:40"


def test_runs_that_are_excluded_are_counted_once() -> None:
    progress = Progress.of({"denoise_run": 1, "sessions": 1})
    progress.excluded |= {"a"}
    line = progress.finish("denoise_run", 0.0)
    assert line is not None
    assert line.endswith("0:00   1 excluded")
    progress.excluded |= {"a", "b"}
    line = progress.finish("sessions", 1.0)
    assert line is not None
    assert line.endswith("0:00   2 excluded")


def test_the_current_stage_is_that_of_the_last_job() -> None:
    progress = Progress.of({"plan": 2, "extract_run": 2})
    assert progress.current(0.0) is None
    progress.begin("plan", 0.0)
    progress.begin("extract_run", 0.0)
    # one job of the plan may wait for long
    progress.finish("plan", 5.0)
    progress.finish("extract_run", 65.0)
    assert progress.current(65.0) == "reading, denoising     1 of 2        1:05, about 1:05 left"
    progress.finish("extract_run", 70.0)
    assert progress.current(70.0) is None


def test_a_job_that_was_not_foreseen_is_passed_over() -> None:
    progress = Progress.of({"plan": 1})
    assert progress.finish("report", 1.0) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (3600 * 3 + 300, "3:05:00")]
)
def test_times_are_read_as_on_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_line_fits_a_terminal() -> None:
    progress = Progress.of({"extract_run": 20000})
    progress.begin("extract_run", 0.0)
    progress.excluded |= set(map(str, range(1234)))
    for _ in range(9999):
        progress.finish("extract_run", 80000.0)
    assert len(progress.line("reading, denoising", 90000.0)) <= 80
