"""Terminal of a run, for Snakemake: a line per stage, then the answer, or the problems last.

With ``--verbose``, and in a dry run, Snakemake's own words are shown; its log file always has them.
"""

from __future__ import annotations

import csv
import inspect
import json
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from ketfc.base.english import plural
from ketfc.base.logs import problem_in
from ketfc.base.progress import Progress
from ketfc.base.screen import fitting, wrapped

SCREEN = 16
"""Lines of 80 columns that problems may take at the end, so that one screen holds them."""

_NOTHING = "Nothing to be done"
_FAILED = "At least one job did not complete successfully"
_OF_A_JOB = re.compile(r"returned non-zero exit status|CalledProcessError|RuleException")
_CHATTER = re.compile(
    r"Building DAG|Using |host: |Assuming |Provided |Rules claiming|Group jobs|Conda environments"
    r"|Singularity containers|Complete log|Job stats|Exiting because|Select jobs|Execute "
)
_HEAD = re.compile(r"^(?:\w+(?:Error|Exception)(?: in .*)?:|Full Traceback.*)$")
_PLACE = re.compile(r'^\s*File "?.+"?, line \d+(, in .*)?$')
_NO_FILE = re.compile(r"FileNotFoundError: \[Errno 2\] No such file or directory: '(.+)'")
_TARGETS = ("plan", "all", "figures", "quality", "explain", "preregistration", "report")


@dataclass(frozen=True)
class _Job:
    rule: str
    logs: tuple[str, ...]
    outputs: tuple[str, ...]


class LogHandler(LogHandlerBase):
    """Says what somebody at the terminal wants to know; see the module."""

    def __post_init__(self) -> None:
        """Look at the terminal and at what the command line asks for."""
        settings = self.common_settings
        self._stream = sys.stdout if settings.stdout else sys.stderr
        tty = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._live = tty and not settings.verbose
        self._shown = False
        self._detail: ColorizingTextHandler | None = None
        if settings.dryrun or settings.verbose or settings.debug_dag:
            self._detail = ColorizingTextHandler(nocolor=settings.nocolor, stream=self._stream)
            self._detail.setFormatter(DefaultFormatter(settings.quiet, settings.show_failed_logs))
            # what it is told differs between the versions of Snakemake
            told = inspect.signature(DefaultFilter).parameters
            self._detail.addFilter(
                DefaultFilter(**{name: getattr(settings, name) for name in told})
            )
        self._jobs: dict[int, _Job] = {}
        self._failed: dict[int, _Job] = {}
        self._said: set[str] = set()
        self._progress: Progress | None = None
        self._answer: Any = None
        self._find_log: Callable[[str], str] = str

    @property
    def writes_to_stream(self) -> bool:
        """Return True: Snakemake's own words are not wanted beside these."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Return False."""
        return False

    @property
    def has_filter(self) -> bool:
        """Return True: every record is looked at."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Return True."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Return False."""
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Say what a record has to say, if anything."""
        try:
            self._emit(record)
        except BrokenPipeError:
            raise
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Tell of jobs that failed, if Snakemake ended without a last word."""
        self._tell_problems()
        super().close()

    def _emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        text = str(record.msg or "")
        answer = getattr(record, "ketfc_answer", None)
        if answer is not None:
            self._answer = answer
            self._find_log = getattr(record, "ketfc_log", self._find_log)
        if getattr(record, "ketfc", False):
            self._say(text)
        elif event == LogEvent.ERROR or (record.levelno >= logging.ERROR and event is None):
            self._error(text)
        elif self._detail is not None:
            self._follow(event, record, silent=True)
            if self._detail.filter(record):
                self._detail.emit(record)
        elif text.startswith(_NOTHING):
            self._say(f"{_NOTHING}: all of it is there already.")
            self._say(self._answer() if self._answer else "")
        elif event is None and self._is_worth_saying(record, text):
            self._once(text)
        else:
            self._follow(event, record)

    def _is_worth_saying(self, record: logging.LogRecord, text: str) -> bool:
        """Return True for warnings, and for what is said before or without a run."""
        chatter = self._progress is not None or _CHATTER.match(text)
        return record.levelno >= logging.WARNING or not chatter

    def _follow(self, event: Any, record: Any, *, silent: bool = False) -> None:
        """Keep the count of jobs, and say where a stage is."""
        now = time.monotonic()
        line = None
        if event == LogEvent.RUN_INFO and self._progress is None:
            jobs = {rule: n for rule, n in record.stats.items() if rule != "total"}
            self._progress = Progress.of(jobs)
        elif event == LogEvent.JOB_INFO:
            job = _Job(record.rule_name, tuple(record.log), tuple(record.output))
            self._jobs[record.jobid] = job
            if self._progress:
                self._progress.begin(job.rule, now)
        elif event == LogEvent.JOB_ERROR:
            self._failed[record.jobid] = _Job(
                record.rule_name, tuple(record.log or ()), tuple(record.output or ())
            )
        elif event == LogEvent.JOB_FINISHED and record.job_id in self._jobs:
            job = self._jobs[record.job_id]
            # a job that was tried again has not failed
            self._failed.pop(record.job_id, None)
            if self._progress:
                self._progress.excluded |= _excluded(job)
                line = self._progress.finish(job.rule, now)
        if silent or self._progress is None or self.common_settings.quiet:
            return
        stage = self._progress.current(now)
        if line and not (self._live and " left" in line):
            self._say(line)
        if self._live and stage:
            self._rewrite(stage)

    def _error(self, text: str) -> None:
        if _FAILED in text:
            self._tell_problems()
        elif not (self._progress and _OF_A_JOB.search(text)) and not _CHATTER.match(text):
            self._say(_in_words(text))

    def _tell_problems(self) -> None:
        """Say what failed, each job once, with the file to open."""
        if not self._failed:
            return
        failed, self._failed = list(self._failed.values()), {}
        told: dict[str, list[str]] = {}
        for job in failed:
            log = next(map(self._find_log, job.logs), None)
            ended = "ended without a word: it was killed (by you, the system, or for its memory)"
            reason = (log and problem_in(log)) or f"{job.rule} {ended}, or could not start"
            told.setdefault(reason, []).append(log or job.rule)
        items = []
        for reason, logs in told.items():
            more = f" and {plural(len(logs) - 1, 'other')}" if len(logs) > 1 else ""
            items.append(f"{reason}\n  log: {logs[0]}{more}")
        first = f"{plural(len(failed), 'job')} failed:" if len(failed) > 1 else ""
        lines = fitting(items, SCREEN, rest="and {n} other problems; see the folder logs")
        self._say("\n".join([first, *lines] if first else lines))

    def _once(self, text: str) -> None:
        if text and text not in self._said:
            self._said.add(text)
            self._say(text)

    def _say(self, text: str) -> None:
        """Write lines, broken between words where a terminal would break them anywhere."""
        lines = text.rstrip("\n").split("\n")
        if self._stream.isatty():
            lines = wrapped(lines, _columns())
        self._write("".join(f"{line}\n" for line in lines), lasting=True)

    def _rewrite(self, text: str) -> None:
        self._write(text[: _columns()], lasting=False)

    def _write(self, text: str, *, lasting: bool) -> None:
        clear = "\r\x1b[K" if self._shown else ""
        self._shown = not lasting
        self._stream.write(clear + text)
        self._stream.flush()


def _columns() -> int:
    return shutil.get_terminal_size().columns - 1


def _excluded(job: _Job) -> set[str]:
    """Return runs that the results of a job say are excluded."""
    found = set()
    for path in job.outputs:
        if path in ("results/plan/runs.tsv", "results/quality/runs.tsv"):
            with Path(path).open(encoding="utf-8", newline="") as table:
                rows = csv.DictReader(table, delimiter="\t")
                found |= {row["run"] for row in rows if row["status"] == "excluded"}
        elif path.endswith("_desc-ketfc_qc.json"):
            status = json.loads(Path(path).read_text(encoding="utf-8"))["status"]
            found |= set() if status == "ok" else {Path(path).name.split("_space-")[0]}
    return found


def _in_words(text: str) -> str:
    """Return an error of Snakemake's without the places in its code and ours."""
    if missing := _NO_FILE.search(text):
        return _no_config(missing[1])
    if "Traceback (most recent call last)" in text:
        last = next(line for line in reversed(text.splitlines()) if line.strip())
        return f"{last}\nThe same command with --verbose shows where in the code this happened."
    lines = [line for line in text.splitlines() if not _PLACE.match(line)]
    while lines and _HEAD.match(lines[0]):
        del lines[0]
    return "\n".join(lines).strip()


def _no_config(name: str) -> str:
    if name in _TARGETS:
        return (
            f"--configfile = {name}: there is no such file. --configfile takes all that follows it "
            f"for configs: put {name} before it, as in snakemake … {name} --configfile my.yaml"
        )
    return (
        f"--configfile = {name}: there is no such file in {Path.cwd()}. Its path starts from the "
        "folder that snakemake is called in"
    )
