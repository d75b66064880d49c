"""Text that has to fit a screen."""

from __future__ import annotations

import pytest

from ketfc.base.screen import fitting, wrapped


def test_lines_are_broken_between_words_and_indented_below_the_first() -> None:
    assert wrapped(["  - one two three", "", "four"], 10) == [
        "  - one",
        "    two",
        "    three",
        "",
        "four",
    ]
    assert wrapped(["head: one two"], 10) == ["head: one", "  two"]


def test_paths_stay_whole() -> None:
    path = "results/plan/a-very-long-name.tsv"
    assert wrapped([f"see {path} there"], 12) == ["see", f"  {path}", "  there"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (9, ["a b", "c", "d"]),
        (4, ["a b", "c", "d"]),
        (3, ["a b", "2 more"]),
        # the first is shown whatever it takes
        (1, ["a b", "2 more"]),
    ],
)
def test_items_are_counted_as_they_are_broken(lines: int, expected: list[str]) -> None:
    assert fitting(["a b", "c", "d"], lines, rest="{n} more", width=2) == expected


def test_all_that_fits_is_shown_without_a_rest() -> None:
    assert fitting(["a", "b"], 2, rest="{n}") == ["a", "b"]
    assert fitting([], 2, rest="{n}") == []
