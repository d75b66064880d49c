"""The plan in words: by kind, on one page, errors first."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))
from made_design import design_of

from ketfc.base.errors import Problem, problems_table
from ketfc.base.screen import wrapped
from ketfc.study.summary import ERROR_LINES, LONGEST, kinds, summary, unusable

RUNS = pd.DataFrame(columns=["participant_id", "role", "status", "compcor"], dtype=object)
SCORES = pd.DataFrame(columns=["scale", "instrument", "item", "role", "score"], dtype=object)
PEOPLE = [f"sub-{n:03}" for n in range(1, 301)]


def said(problems: list[Problem], **about: str) -> list[str]:
    design = design_of({"participants": dict.fromkeys(PEOPLE)})
    return summary(RUNS, SCORES, design, problems_table(problems), **about).splitlines()


def missing(who: str, role: str = "post") -> Problem:
    text = f"has no usable run of session {role}"
    field = f"study.sessions.{role}"
    return Problem("excluded", text, participant_id=who, session=role, field=field)


def test_problems_that_differ_in_people_and_numbers_alone_are_one_kind() -> None:
    short = [
        Problem("excluded", f"{n} volumes of 2 s, in {who}_run-1.tsv", participant_id=who)
        for n, who in enumerate(PEOPLE[:3])
    ]
    other = Problem("note", short[0].message, participant_id=PEOPLE[0])
    mixed = [missing("sub-001"), short[0], missing("sub-002", "pre"), *short[1:], other]
    assert kinds(mixed) == [[mixed[0]], short, [mixed[2]], [other]]


def test_notes_are_listed_by_kind_and_not_by_person() -> None:
    lines = said([missing(who) for who in PEOPLE[:12]])
    assert lines[-1] == (
        "  - excluded: 12 participants (sub-001, sub-002, sub-003 and 9 more): "
        "study.sessions.post: has no usable run of session post"
    )
    assert "12 things to mend, left out or worth knowing (results/plan/problems.tsv):" in lines


def test_one_of_its_kind_is_shown_as_it_is_and_varying_ones_by_an_example() -> None:
    varied = [
        Problem("note", f"{n} volumes are n/a", participant_id=who, run=f"{who}_{n}")
        for n, who in enumerate([*PEOPLE[:2], PEOPLE[0]], start=7)
    ]
    alone = Problem("note", "is only worth knowing", field="quality.max-censored", value="0.5")
    lines = said([*varied, alone])
    assert lines[-2:] == [
        "  - note: 2 participants (sub-001 and sub-002) (3 times): such as: 7 volumes are n/a",
        f"  - {alone}",
    ]


def test_a_page_holds_it_whatever_is_wrong() -> None:
    words = [
        f"is wrong in the way of {'x' * n}, which takes a good many words to say" for n in range(90)
    ]
    lines = said([Problem("note", word, participant_id="sub-001") for word in words])
    assert len(wrapped(lines)) <= LONGEST
    assert lines[-1].startswith("  - and ")
    shown = sum(line.startswith("  - note") for line in lines)
    assert lines[-1] == f"  - and {90 - shown} more kinds"


def test_a_preregistration_that_agrees_is_confirmed() -> None:
    assert "  preregistration: lock.json agrees" in said([], locked="lock.json agrees")
    assert not any("preregistration" in line for line in said([]))


def test_errors_fit_a_screen_and_show_one_of_each_kind_in_full() -> None:
    cells = [
        Problem("error", "is out of the range of SSI", file="scores.tsv", participant_id=who,
                session="pre", field="SSI_ses-pre", value="99", allowed="0 to 38")
        for who in PEOPLE
    ]  # fmt: skip
    folder = Problem("error", "is not a folder", field="study.derivatives", value="d")
    text = unusable(problems_table([missing("sub-001"), *cells, folder]))
    assert text is not None
    assert text.splitlines() == [
        "The input cannot be used; 301 problems to fix (all of them, with notes, are in "
        "results/plan/problems.tsv):",
        f"  - {cells[0]}; 299 others like it (sub-002, sub-003, sub-004 and 296 more)",
        f"  - {folder}",
    ]
    many = [Problem("error", f"is {'very ' * n}wrong", field="study") for n in range(40)]
    text = unusable(problems_table(many))
    assert text is not None
    assert len(wrapped(text.splitlines()[1:])) <= ERROR_LINES
    assert text.splitlines()[-1].endswith("more of other kinds")
