"""Lines of a run at the terminal, from the records that Snakemake sends."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from ketfc.base.logs import PROBLEM
from snakemake_logger_plugin_ketfc import LogHandler


class Stream(io.StringIO):
    """A stream that is a terminal or is none."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


class Said:
    """A handler with what it has said, and short ways to send it records."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, terminal: bool, **settings: Any) -> None:
        self.stream = Stream(terminal)
        monkeypatch.setattr("sys.stderr", self.stream)
        monkeypatch.setattr("sys.stdout", self.stream)
        usual = dict.fromkeys(
            ("dryrun", "verbose", "debug_dag", "stdout", "nocolor", "printshellcmds"), False
        )
        about = SimpleNamespace(**usual | {"quiet": None, "show_failed_logs": False} | settings)
        self.handler = LogHandler(about, None)

    def __call__(self, text: str | None = None, *, level: int = logging.INFO, **extra: Any) -> None:
        record = logging.LogRecord("snakemake", level, "", 0, text, None, None)
        record.__dict__ |= extra
        self.handler.emit(record)

    def job(self, rule: str, jobid: int, *outputs: str) -> None:
        about = {"rule_name": rule, "jobid": jobid, "log": [f"logs/{rule}.log"]}
        self(event=LogEvent.JOB_INFO, output=list(outputs), **about)

    def done(self, jobid: int) -> None:
        self(f"Finished jobid: {jobid}", event=LogEvent.JOB_FINISHED, job_id=jobid)

    def failed(self, rule: str, jobid: int) -> None:
        about = {"rule_name": rule, "jobid": jobid, "log": [f"logs/{rule}.log"], "output": []}
        self(f"Error in rule {rule}", level=logging.ERROR, event=LogEvent.JOB_ERROR, **about)
        self.error(f"RuleException:\nCalledProcessError in file x.smk, line 3:\nCommand '{rule}'")

    def error(self, text: str) -> None:
        self(text, level=logging.ERROR, event=LogEvent.ERROR, exception="X")

    def run(self, **jobs: int) -> None:
        self("Job stats:", event=LogEvent.RUN_INFO, stats=jobs | {"total": sum(jobs.values())})

    def end(self) -> None:
        self.error("WorkflowError:\nAt least one job did not complete successfully.")

    @property
    def text(self) -> str:
        return self.stream.getvalue()


MAKE = Callable[..., Said]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MAKE:
    """Return a function that makes a handler in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")

    def make(terminal: bool = False, **settings: Any) -> Said:
        return Said(monkeypatch, terminal=terminal, **settings)

    return make


def write_log(rule: str, text: str) -> None:
    Path("logs").mkdir(exist_ok=True)
    Path(f"logs/{rule}.log").write_text(text, encoding="utf-8")


def go(screen: Said) -> None:
    """Send the records of a short run."""
    for chatter in ("host: node1", "Building DAG of jobs...", "Provided cores: 2"):
        screen(chatter)
    screen("Study tiny", ketfc=True)
    screen.run(plan=1, denoise_run=2)
    screen("Select jobs to execute...")
    screen.job("plan", 1)
    screen.done(1)
    for jobid, status in ((2, "excluded"), (3, "ok")):
        path = Path(f"sub-0{jobid}_ses-pre_task-rest_space-X_desc-ketfc_qc.json")
        path.write_text(json.dumps({"status": status}))
        screen.job("denoise_run", jobid, str(path))
        screen.done(jobid)
    screen("Complete log(s): x.log")
    screen("the verdicts", ketfc=True)


def test_a_run_is_a_line_per_stage_and_its_answer(said: MAKE) -> None:
    screen = said()
    go(screen)
    assert screen.text.splitlines() == [
        "Study tiny",
        "plan                   1 of 1        0:00",
        "reading, denoising     2 of 2        0:00   1 excluded",
        "the verdicts",
    ]


def test_a_terminal_has_a_line_that_moves_and_a_batch_log_no_control_character(said: MAKE) -> None:
    screen, log = said(terminal=True), said()
    go(screen)
    go(log)
    assert not set(log.text) & set("\r\x1b\b")
    assert "\rdenoising" not in screen.text
    moved = screen.text.split("\r\x1b[K")
    assert len(moved) > 3
    # what is left when all has moved is what a log has
    left = "".join(part[: part.rfind("\n") + 1] for part in moved)
    assert left == log.text


def test_a_dumb_terminal_is_no_place_for_control_characters(
    said: MAKE, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    screen = said(terminal=True)
    go(screen)
    assert not set(screen.text) & set("\r\x1b\b")


def test_problems_come_last_each_once_with_the_file_to_open(said: MAKE) -> None:
    screen = said()
    screen.run(plan=1, sessions=1, motion=1)
    for n, rule in enumerate(("plan", "sessions", "motion")):
        screen.job(rule, n)
        write_log(rule, f"so far\n{PROBLEM}\nit is wrong in {min(n, 1)}\n")
        screen.failed(rule, n)
    assert screen.text == ""
    screen("Exiting because a job execution failed.", level=logging.ERROR)
    # Snakemake tells of each again when all has stopped
    screen.failed("plan", 0)
    screen("Complete log(s): x.log")
    screen.end()
    screen.handler.close()
    assert screen.text.splitlines() == [
        "3 jobs failed:",
        "it is wrong in 0",
        "  log: logs/plan.log",
        "it is wrong in 1",
        "  log: logs/sessions.log and 1 other",
    ]


def test_a_job_that_succeeds_when_it_is_tried_again_has_not_failed(said: MAKE) -> None:
    screen = said()
    screen.run(plan=1, motion=1)
    for rule, n in (("plan", 0), ("motion", 1)):
        screen.job(rule, n)
        screen.failed(rule, n)
    screen("Trying to restart job 0.")
    screen.done(0)
    screen.end()
    assert "motion ended without a word: it was killed" in screen.text
    assert "plan" not in screen.text.partition("motion")[2]


def test_problems_that_fill_a_screen_are_counted(said: MAKE) -> None:
    screen = said()
    screen.run(plan=40)
    for n in range(40):
        write_log(f"r{n}", f"{PROBLEM}\n{n}: " + "many words " * 12 + "\n")
        screen.failed(f"r{n}", n)
    screen.end()
    lines = screen.text.splitlines()
    assert len(lines) <= 24
    assert lines[0] == "40 jobs failed:"
    assert lines[-1].endswith("other problems; see the folder logs")


def test_problems_are_told_though_snakemake_ends_without_a_last_word(said: MAKE) -> None:
    screen = said()
    screen.run(plan=1)
    write_log("plan", f"{PROBLEM}\nis wrong\n")
    screen.failed("plan", 0)
    screen.handler.close()
    assert screen.text == "is wrong\n  log: logs/plan.log\n"


def test_errors_before_a_run_lose_the_places_in_the_code(said: MAKE) -> None:
    screen = said()
    screen.error(
        'WorkflowError in file "/x/common.smk", line 37:\nThe configuration cannot be used:\n'
        'config: study: is empty\n  File "/x/Snakefile", line 25, in <module>\n'
        '  File "/x/common.smk", line 37, in <module>'
    )
    assert screen.text == "The configuration cannot be used:\nconfig: study: is empty\n"


TRACEBACK = (
    'Traceback (most recent call last):\n\n  File "/x/cli.py", line 9, in main\n    main()\n\n'
)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plan", "put plan before it, as in snakemake … plan --configfile"),
        ("my.yaml", "starts from"),
    ],
)
def test_a_config_that_is_not_there_is_told_from_a_target(
    said: MAKE, name: str, words: str
) -> None:
    screen = said()
    said_by_python = f"FileNotFoundError: [Errno 2] No such file or directory: '{name}'"
    screen.error(TRACEBACK + said_by_python + "\n")
    assert screen.text.startswith(f"--configfile = {name}: there is no such file")
    assert words in screen.text
    assert "Traceback" not in screen.text


def test_of_an_unforeseen_error_the_last_line_is_shown(said: MAKE) -> None:
    screen = said()
    screen.error(TRACEBACK + "UnicodeDecodeError: 'utf-8' codec\n\n")
    assert screen.text.splitlines() == [
        "UnicodeDecodeError: 'utf-8' codec",
        "The same command with --verbose shows where in the code this happened.",
    ]


def test_a_call_that_has_nothing_to_do_answers_all_the_same(said: MAKE) -> None:
    screen = said()
    screen("Study tiny", ketfc=True, ketfc_answer=lambda: "the plan")
    screen("Nothing to be done (all requested files are present and up to date).")
    assert screen.text.splitlines() == [
        "Study tiny", "Nothing to be done: all of it is there already.", "the plan",
    ]  # fmt: skip


def test_warnings_are_said_once_and_what_is_said_without_a_run_too(said: MAKE) -> None:
    screen = said()
    for _ in range(3):
        screen("Unlocked working directory.")
        screen("No account", level=logging.WARNING)
    screen.run(plan=1)
    screen("Trying to restart job 0.")
    screen("No time", level=logging.WARNING)
    assert screen.text.splitlines() == ["Unlocked working directory.", "No account", "No time"]


def test_with_verbose_and_in_a_dry_run_snakemake_speaks_and_errors_are_in_words(said: MAKE) -> None:
    for setting in ("verbose", "dryrun"):
        screen = said(**{setting: True})
        screen("Building DAG of jobs...")
        screen("Study tiny", ketfc=True)
        screen.run(plan=1)
        write_log("plan", f"{PROBLEM}\nis wrong\n")
        screen.failed("plan", 0)
        screen.end()
        assert screen.text.startswith("Building DAG of jobs...\nStudy tiny\nJob stats:")
        assert screen.text.endswith("is wrong\n  log: logs/plan.log\n")


def test_quiet_leaves_the_answer_and_the_problems(said: MAKE) -> None:
    screen = said(quiet={"progress"})
    go(screen)
    assert screen.text.splitlines() == ["Study tiny", "the verdicts"]


def test_lines_are_broken_between_words_on_a_terminal_alone(said: MAKE) -> None:
    text = "- " + "word " * 30
    for terminal, expected in ((True, 2), (False, 1)):
        screen = said(terminal=terminal)
        screen(text, ketfc=True)
        assert len(screen.text.splitlines()) == expected
        assert max(map(len, screen.text.splitlines())) < 80 or not terminal
