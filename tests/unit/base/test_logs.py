"""Destinations of a script's output, in success and in failure."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

from ketfc.base.errors import Problem, RefusalError, StudyError
from ketfc.base.logs import PROBLEM, logged, problem_in


def test_prints_and_warnings_go_to_the_log_and_not_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "logs/deep/job.log"
    with logged(log), warnings.catch_warnings():
        # pytest records warnings; a script shows them
        warnings.showwarning = lambda message, *_: print(f"warned: {message}", file=sys.stderr)
        warnings.simplefilter("always")
        print("to stdout")
        print("to stderr: ü", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
    assert log.read_text(encoding="utf-8") == "to stdout\nto stderr: ü\nwarned: careful\n"
    assert capsys.readouterr() == ("", "")


def test_a_second_run_begins_a_new_log(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    for word in ("first", "second"):
        with logged(log):
            print(word)
    assert log.read_text() == "second\n"


def test_problems_of_the_study_are_shown_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "job.log"
    problems = [Problem("error", "is not a number", field="SSI", value=x) for x in ("a", "b")]
    with pytest.raises(SystemExit) as ended, logged(log):
        raise StudyError(problems)
    assert ended.value.code == 1
    lines = "SSI = a: is not a number\nSSI = b: is not a number\n"
    # jobs side by side would mix what they say: the terminal is told when all have ended
    assert capsys.readouterr() == ("", "")
    assert log.read_text() == f"{PROBLEM}\n{lines}"
    assert problem_in(log) == lines.strip()


def test_a_refusal_is_the_last_of_a_log_and_not_its_only_word(tmp_path: Path) -> None:
    log = tmp_path / "job.log"

    def script() -> None:
        with logged(log):
            print("so far")
            raise RefusalError("cannot:\n  - this")

    with pytest.raises(SystemExit):
        script()
    assert log.read_text() == f"so far\n{PROBLEM}\ncannot:\n  - this\n"
    assert problem_in(log) == "cannot:\n  - this"


def test_logs_that_say_nothing_of_an_end_are_told_from_those_that_do(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    assert problem_in(log) is None
    for text in ("", "so far\n", f"not a {PROBLEM}\nx\n", f"{PROBLEM}\n"):
        log.write_text(text)
        assert problem_in(log) is None
    # of a job that was tried again within one log, the last word counts
    log.write_text(f"{PROBLEM}\nfirst\n{PROBLEM}\nlast\n")
    assert problem_in(log) == "last"


def test_an_unexpected_error_shows_its_last_line_and_where_the_rest_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "job.log"

    def script() -> None:
        with logged(log):
            print("before")
            _ = {}["missing key"]

    with pytest.raises(SystemExit) as ended:
        script()
    assert ended.value.code == 1
    assert capsys.readouterr() == ("", "")
    assert problem_in(log) == "KeyError: 'missing key'"
    text = log.read_text()
    assert text.startswith("before\nTraceback (most recent call last):")
    assert "_ = {}" in text


def test_an_interrupt_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), logged(tmp_path / "job.log"):
        raise KeyboardInterrupt


FULL = Path("/dev/full")
full_disk = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@full_disk
def test_a_full_disk_is_said_on_the_terminal_though_the_log_has_no_room(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended, logged(FULL):
        # more than a buffer, so that writing it fails here
        print("x" * 100_000)
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("/dev/full: cannot be written (No space left on device): make room")
    assert "Traceback" not in said


@full_disk
@pytest.mark.parametrize("error", [StudyError([Problem("error", "is wrong")]), KeyError("x")])
def test_no_problem_is_lost_with_its_log(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, logged(FULL):
        raise error
    assert ended.value.code == 1
    assert ("is wrong" if isinstance(error, StudyError) else "KeyError") in capsys.readouterr().err


@full_disk
def test_a_job_whose_log_alone_did_not_fit_has_succeeded() -> None:
    with logged(FULL):
        print("all is well")


def test_a_log_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    with pytest.raises(SystemExit) as ended, logged(tmp_path / "logs/job.log"):
        pass
    assert "logs" in str(ended.value.code)
