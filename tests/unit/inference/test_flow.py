"""The flow of participants is counted without losing anybody, and drawn without overlaps."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_design import design_of

from ketfc.imaging.group.excluded_runs import EXCLUSION_COLUMNS
from ketfc.inference.account.flow import FLOW_COLUMNS, UNCOVERED, flow_counts
from ketfc.reporting.figures.flow import draw_flow
from ketfc.reporting.figures.style import save_figure
from ketfc.study.design.design import Design

PEOPLE = {
    "a": "ketamine",
    "b": "ketamine",
    "c": "ketamine",
    "d": "ketamine",
    "e": "control",
    "f": "control",
    "g": None,
    "h": "control",
}
LONG = "left out by hand: " + "an incidental finding that the radiologist wished to see again " * 4
UNBROKEN = "left out by hand: " + "x" * 130


def design(*, arms: bool = True) -> Design:
    return design_of(
        {
            "arms": {"ketamine": "esketamine", "control": "midazolam"} if arms else None,
            "participants": PEOPLE if arms else dict.fromkeys(PEOPLE),
            "baseline": "pre",
            "followup": "post",
            "strategy": "24P",
        }
    )


def runs() -> pd.DataFrame:
    listed = [(one, role) for one in "abcdefg" for role in ("pre", "post")]
    listed.remove(("b", "post"))
    rows = [(f"{one}-{role}", one, role) for one, role in listed]
    # a second run saves a session whose first is lost; another role is not looked at
    rows += [("c-pre-2", "c", "pre"), ("a-late", "a", "late")]
    return pd.DataFrame(rows, columns=["run", "participant_id", "role"])


def exclusions(reason: str = "left out by hand: asleep") -> pd.DataFrame:
    def row(stage: str, unit: str, one: str, **about: str) -> dict[str, str]:
        return {"stage": stage, "unit": unit, "participant_id": one, "reason": "said"} | about

    rows = [
        row("imaging", "run", "c", run="c-pre", rule="min-time"),
        row("imaging", "strategy", "d", run="d-post", strategy="24P", rule="confounds-column"),
        row("imaging", "strategy", "e", run="e-post", strategy="36P", rule="confounds-column"),
        row("manual", "run", "f", run="f-pre", rule="manual", reason=reason),
        row("manual", "run", "f", run="f-post", rule="manual", reason=reason),
        row("test", "test", "e", rule="one / change", reason="connectivity excluded at pre"),
        row("test", "test", "e", rule="one / association", reason="connectivity excluded at pre; "
            "connectivity excluded at post; no SSI score at post"),
        row("test", "test", "c", rule="two / association", reason="no SSI score at post"),
        # who is lost before a test is not lost in it a second time
        row("test", "test", "f", rule="one / change", reason="connectivity excluded at pre"),
        row("test", "test", "g", rule="one / change", reason="no arm"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(EXCLUSION_COLUMNS))


HYPOTHESES = pd.DataFrame(
    [
        (circuit, f"circuit {circuit}", test, family)
        for circuit, primary in (("one", "primary-"), ("two", "primary-"), ("three", "secondary"))
        for test in ("change", "association")
        for family in [primary + test if primary == "primary-" else primary]
    ],
    columns=["hypothesis", "name", "test", "family"],
)


def counted(table: pd.DataFrame, arm: str) -> list[tuple[object, ...]]:
    """Return step, unit, state, circuit and test, reason and n of one arm, in order."""
    shown = table[table["arm"] == arm].fillna("-")
    return [
        (r.step, r.unit[0], r.state, f"{r.circuit} {r.test}".strip("- "), r.reason, r.n)
        for r in shown.itertuples()
    ]


def test_each_arm_is_counted_from_its_participants_to_the_tests():
    table = flow_counts(design(), runs(), exclusions(), HYPOTHESES)
    assert tuple(table.columns) == FLOW_COLUMNS
    assert counted(table, "all") == [
        ("found", "p", "in", "", "-", 8),
        ("assigned", "p", "out", "", "in neither arm", 1),
    ]
    assert counted(table, "esketamine") == [
        ("assigned", "p", "in", "", "-", 4),
        ("imaged", "p", "out", "", "no run at post", 1),
        ("imaged", "p", "in", "", "-", 3),
        ("imaged", "s", "in", "", "pre", 4),
        ("imaged", "s", "in", "", "post", 3),
        ("imaged", "r", "in", "", "-", 8),
        ("usable", "r", "out", "", "confounds-column", 1),
        ("usable", "r", "out", "", "min-time", 1),
        ("usable", "p", "out", "", "confounds-column at post", 1),
        ("usable", "p", "in", "", "-", 2),
        ("usable", "r", "in", "", "-", 6),
        ("tested", "p", "in", "one change", "-", 2),
        ("tested", "p", "in", "one association", "-", 2),
        ("tested", "p", "in", "two change", "-", 2),
        ("tested", "p", "out", "two association", "no SSI score at post", 1),
        ("tested", "p", "in", "two association", "-", 1),
    ]
    assert counted(table, "midazolam") == [
        ("assigned", "p", "in", "", "-", 3),
        ("imaged", "p", "out", "", "no run at pre and post", 1),
        ("imaged", "p", "in", "", "-", 2),
        ("imaged", "s", "in", "", "pre", 2),
        ("imaged", "s", "in", "", "post", 2),
        ("imaged", "r", "in", "", "-", 4),
        ("usable", "r", "out", "", "left out by hand: asleep", 2),
        ("usable", "p", "out", "", "left out by hand: asleep at pre and post", 1),
        ("usable", "p", "in", "", "-", 1),
        ("usable", "r", "in", "", "-", 2),
        ("tested", "p", "out", "one change", UNCOVERED, 1),
        ("tested", "p", "in", "one change", "-", 0),
        ("tested", "p", "out", "one association", f"{UNCOVERED}; no SSI score at post", 1),
        ("tested", "p", "in", "one association", "-", 0),
        ("tested", "p", "in", "two change", "-", 1),
        ("tested", "p", "in", "two association", "-", 1),
    ]


def test_a_study_without_arms_has_one_column():
    table = flow_counts(design(arms=False), runs(), exclusions(), HYPOTHESES)
    assert set(table["arm"]) == {"all"}
    people = table[(table["unit"] == "participants") & (table["state"] == "in")]
    assert people.groupby("step", sort=False)["n"].first().tolist() == [8, 8, 6, 4, 2]


@pytest.mark.parametrize("arms", [True, False])
@pytest.mark.parametrize("reason", ["left out by hand: asleep", LONG, UNBROKEN, None])
def test_no_words_leave_their_box_and_no_boxes_overlap(arms, reason, tmp_path: Path):
    from matplotlib.patches import Rectangle

    listed = exclusions() if reason is None else exclusions(reason)
    counts = flow_counts(design(arms=arms), runs(), listed[: 0 if reason is None else None],
                         HYPOTHESES)  # fmt: skip
    figure, numbers = draw_flow(counts, HYPOTHESES, design(arms=arms))
    assert numbers is counts
    save_figure(figure, tmp_path / "flow", numbers)
    (axes,) = figure.axes
    renderer = figure.canvas.get_renderer()
    boxes = [p.get_window_extent(renderer) for p in axes.patches if isinstance(p, Rectangle)]
    texts = [t for t in axes.texts if t.get_text()]
    assert len(boxes) >= 4
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    whole = figure.bbox
    for box in boxes:
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1
    for text in texts:
        own = text.get_window_extent(renderer)
        inside = [
            box.x0 <= own.x0 and own.x1 <= box.x1 and box.y0 <= own.y0 and own.y1 <= box.y1
            for box in boxes
        ]
        assert sum(inside) == 1, text.get_text()
    extents = [text.get_window_extent(renderer) for text in texts]
    for one, other in itertools.combinations(extents, 2):
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert height < 2 or min(one.x1, other.x1) <= max(one.x0, other.x0)


def test_the_figure_says_what_was_counted():
    counts = flow_counts(design(), runs(), exclusions(LONG), HYPOTHESES)
    figure, _ = draw_flow(counts, HYPOTHESES, design())
    said = " ".join(text.get_text() for text in figure.axes[0].texts).replace("\xa0", " ")
    for text in (
        "Participants found n = 8",
        "In no arm (n = 1) – in neither arm: 1",
        "esketamine n = 4",
        "too little time left after censoring (min-time): 1",
        "Without a usable run of both sessions (n = 1) – confounds-column at post: 1",
        "found in all: 7 sessions (pre 4, post 3), 8 runs",
        "association, circuit two: no SSI score at post: 1",
        "circuit two: change n = 1, association n = 1",
    ):
        assert text in said
    # cut, but with its number
    assert "…: 2" in said


def test_the_same_counts_give_the_same_bytes(tmp_path: Path):
    files = []
    for name in ("one", "two"):
        counts = flow_counts(design(), runs(), exclusions(), HYPOTHESES)
        figure, numbers = draw_flow(counts, HYPOTHESES, design())
        files.append([p.read_bytes() for p in save_figure(figure, tmp_path / name, numbers)])
    assert files[0] == files[1]


def test_without_a_primary_hypothesis_the_figure_says_so():
    none = HYPOTHESES.assign(family="secondary")
    counts = flow_counts(design(), runs(), exclusions(), none)
    assert not (counts["step"] == "tested").any()
    figure, _ = draw_flow(counts, none, design())
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said.count("there is no primary hypothesis") == 2
    assert np.isfinite(figure.get_figheight())
