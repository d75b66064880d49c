"""Runs that are too short as they are, before an image is opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ketfc.imaging.preflight.run_lengths import length_problem, rows_up_to
from ketfc.study.config.config import Config, parse_config
from ketfc.study.runs.index import Run

MINIMAL = """
study: {name: mine, derivatives: /data, sessions: {pre: pre, post: post}}
scores: {table: scores.tsv, si: {instrument: SSI, column: SSI}}
"""


def config(text: str = "") -> Config:
    given = yaml.safe_load(MINIMAL) | yaml.safe_load(text or "{}")
    return parse_config(given)


def a_run(folder: Path, rows: int, t_r: object, *, width: int = 20) -> Run:
    table = folder / "sub-01_task-rest_desc-confounds_timeseries.tsv"
    table.write_text("\t".join(["x"] * width) + "\n" + ("\t".join(["0.123"] * width) + "\n") * rows)
    sidecar = folder / "bold.json"
    sidecar.write_text(json.dumps({} if t_r is None else {"RepetitionTime": t_r}))
    return Run("sub-01_ses-pre_task-rest", "sub-01", "pre", "pre", "b.nii.gz", str(sidecar), "m",
               str(table))  # fmt: skip


@pytest.mark.parametrize(("rows", "short"), [(119, True), (120, False), (4000, False)])
def test_a_run_is_short_below_min_time_and_not_at_it(
    tmp_path: Path, rows: int, short: bool
) -> None:
    problem = length_problem(a_run(tmp_path, rows, 2.0), config())
    assert (problem is not None) == short
    if problem:
        assert (problem.severity, problem.run) == ("excluded", "sub-01_ses-pre_task-rest")
        assert (problem.field, problem.value) == ("denoising.min-time", "240")
        assert problem.message.startswith("119 volumes of 2 s are 238 s, less than min-time 240 s")


def test_the_repetition_time_of_the_config_goes_before_the_sidecars(tmp_path: Path) -> None:
    text = "study: {name: m, derivatives: d, sessions: {pre: pre, post: post}, repetition-time: 3}"
    assert length_problem(a_run(tmp_path, 80, 2.0), config(text)) is None
    assert length_problem(a_run(tmp_path, 79, 4.0), config(text)) is not None


@pytest.mark.parametrize(("t_r", "needed"), [(0.5, 480), (0.3, 800), (0.7, 343), (3, 80)])
def test_as_many_volumes_are_needed_as_fill_min_time(
    tmp_path: Path, t_r: float, needed: int
) -> None:
    assert length_problem(a_run(tmp_path, needed, t_r), config()) is None
    assert length_problem(a_run(tmp_path, needed - 1, t_r), config()) is not None
    # of a table without any row its reading tells
    assert length_problem(a_run(tmp_path, 0, t_r), config()) is None
    assert length_problem(a_run(tmp_path, 1, t_r), config()) is not None


def test_dummy_scans_that_are_counted_do_not_count(tmp_path: Path) -> None:
    run = a_run(tmp_path, 122, 2.0)
    assert length_problem(run, config("denoising: {dummy-scans: 2}")) is None
    assert length_problem(a_run(tmp_path, 127, 2.0), config("denoising: {dummy-scans: 8}"))
    assert length_problem(a_run(tmp_path, 128, 2.0), config("denoising: {dummy-scans: 8}")) is None
    run = a_run(tmp_path, 122, 2.0)
    problem = length_problem(run, config("denoising: {dummy-scans: 3}"))
    assert problem is not None
    assert "122 volumes of 2 s, 3 of them dummy scans are 238 s" in problem.message


@pytest.mark.parametrize("t_r", [None, "2", 0, -2, True, float("inf"), 10**400, 1e-320])
def test_without_a_sound_repetition_time_nothing_is_known(tmp_path: Path, t_r: object) -> None:
    assert length_problem(a_run(tmp_path, 10, t_r), config()) is None


@pytest.mark.parametrize("end", ["\n", ""])
def test_rows_are_counted_with_or_without_a_last_line_break(tmp_path: Path, end: str) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("a\tb\n" + "\n".join(["1\t2"] * 7) + end)
    assert rows_up_to(path, 9) == 7
    path.write_text("")
    assert rows_up_to(path, 9) == 0
    path.write_text("a\tb" + end)
    assert rows_up_to(path, 9) == 0


def test_tables_longer_than_a_block_are_counted_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    # the first rows are short, as where derivatives are n/a
    path.write_text("h\n" + "n/a\n" * 5 + ("0.123456\t" * 3000 + "\n") * 50)
    assert path.stat().st_size > 1 << 20
    assert rows_up_to(path, 56) == 55
    assert rows_up_to(path, 55) >= 55


def test_of_a_table_that_is_clearly_long_enough_the_beginning_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path, 30_000, 2.0)
    taken: list[int] = []
    opened = Path.open

    def watched(self: Path, *arguments: object, **options: object) -> object:
        handle = opened(self, *arguments, **options)  # type: ignore[call-overload]
        if self.name.endswith(".tsv"):
            read = handle.read
            handle = type("H", (), {
                "__enter__": lambda this: this, "__exit__": lambda this, *_: None,
                "read": lambda this, n: taken.append(n) or read(n),
            })()  # fmt: skip
        return handle

    monkeypatch.setattr(Path, "open", watched)
    assert length_problem(run, config()) is None
    assert sum(taken) <= 1 << 16
