"""Properties of any table of scores: nothing is lost, and neither order nor prefix matters."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2]))
from made_scores import plan_of, values_of

from ketfc.base.errors import problems_table

checked = settings(max_examples=30, deadline=None, derandomize=True, database=None)

PEOPLE = st.lists(st.from_regex(r"[0-9A-Z]{2,4}", fullmatch=True), min_size=1, max_size=6).map(
    lambda names: sorted({name.lstrip("0").casefold(): name for name in names}.values())
)
SCORE = st.one_of(st.none(), st.integers(0, 38))


@st.composite
def scores(draw: st.DrawFn) -> dict[tuple[str, str], int | None]:
    """Return scores by participant and session, some of them missing."""
    people = draw(PEOPLE)
    return {(who, session): draw(SCORE) for who in people for session in ("pre", "post")}


def text(value: int | None) -> str:
    return "n/a" if value is None else str(value)


def long(cells: dict[tuple[str, str], int | None], prefix: bool = True) -> list[str]:
    sub, ses = ("sub-", "ses-") if prefix else ("", "")
    return [f"{sub}{who} {ses}{session} {text(value)}" for (who, session), value in cells.items()]


def wide(cells: dict[tuple[str, str], int | None]) -> list[str]:
    people = dict.fromkeys(who for who, _ in cells)
    return [f"{who} {text(cells[who, 'pre'])} {text(cells[who, 'post'])}" for who in people]


def planned(rows: list[str], header: str, known: set[str]) -> tuple[pd.DataFrame, dict, list[str]]:
    """Return scores, known values and problems of a table."""
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_of(
            Path(folder), {"scores.tsv": "\n".join([header, *rows])}, known=tuple(sorted(known))
        )
    return plan.scores, values_of(plan), sorted(map(str, plan.problems))


LONG, WIDE = "participant_id session_id SSI", "participant_id SSI_ses-pre SSI_ses-post"


@checked
@given(scores())
def test_long_to_wide_to_long_loses_nothing(cells) -> None:
    known = {f"sub-{who}" for who, _ in cells}
    expected = {
        (f"sub-{who}", session, "si", "total"): float(value)
        for (who, session), value in cells.items()
        if value is not None
    }
    from_long, values, _ = planned(long(cells), LONG, known)
    assert values == expected
    again = {
        (row["participant_id"].removeprefix("sub-"), row["session"]): (
            None if pd.isna(row["score"]) else int(row["score"])
        )
        for row in from_long.to_dict("records")
    }
    assert again == cells
    from_wide, values, _ = planned(wide(again), WIDE, known)
    assert values == expected
    pd.testing.assert_frame_equal(from_wide, from_long)


@checked
@given(scores(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(cells, random) -> None:
    known = {f"sub-{who}" for who, _ in cells}
    rows = long(cells)
    shuffled = random.sample(rows, len(rows))
    first, second = planned(rows, LONG, known), planned(shuffled, LONG, known)
    pd.testing.assert_frame_equal(first[0], second[0])
    assert first[2] == second[2]


@checked
@given(scores())
def test_ids_with_and_without_prefixes_are_the_same(cells) -> None:
    known = {f"sub-{who}" for who, _ in cells}
    first = planned(long(cells), LONG, known)
    second = planned(long(cells, prefix=False), LONG, known)
    pd.testing.assert_frame_equal(first[0], second[0])
    assert first[2] == [line.replace("ses-ses-", "ses-") for line in second[2]]


@checked
@given(scores(), PEOPLE)
def test_nobody_disappears_without_a_line(cells, others) -> None:
    listed = {f"sub-{who}" for who, _ in cells}
    known = {f"sub-{who}" for who in others}
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_of(
            Path(folder),
            {"scores.tsv": "\n".join([LONG, *long(cells)])},
            known=tuple(sorted(known)),
        )
    problems = problems_table(plan.problems)
    named = set(problems["participant_id"].dropna())
    complete = {f"sub-{w}" for w, _ in cells if None not in (cells[w, "pre"], cells[w, "post"])}
    assert set(plan.participants["participant_id"]) == listed | known
    assert (listed | known) - (complete & known) <= named
