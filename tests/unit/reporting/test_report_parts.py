"""The parts of the report: plots, stories of circuits, tables, and the page without people."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from PIL import Image

from ketfc.reporting.design_words import effect_in_words, unit_of
from ketfc.reporting.figures.association import draw_association
from ketfc.reporting.figures.sessions.paired import draw_paired
from ketfc.reporting.figures.sessions.trajectory import draw_trajectory
from ketfc.reporting.gates import FAILED, OPEN, PASSED, gates
from ketfc.reporting.pages.report.beside import Tables, remarks
from ketfc.reporting.pages.report.characteristics import characteristics
from ketfc.reporting.pages.report.circuit_plots import arm_means, circuit_plots, motion_courses
from ketfc.reporting.pages.report.figures import embedded
from ketfc.reporting.pages.report.people import everybody
from ketfc.reporting.pages.report.plots import courses, scatter
from ketfc.reporting.pages.report.tables import excluded
from ketfc.reporting.tables import Table, effect_of, order_of, without_empty
from ketfc.reporting.words import bayes, compact, interval, number, p_value, span, whole_value

sys.path.insert(0, str(Path(__file__).parents[2]))
import made_tables
from made_report import report_of

DESIGN = design_of(
    {
        "arms": {"ketamine": "ket", "control": "mid"},
        "sessions": {"pre": "1", "post": "2", "late": "3"},
        "participants": {"a": "ketamine", "b": "control", "c": "control"},
    }
)


def values(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["participant_id", "arm", "role", "value"])


def test_a_course_goes_through_the_sessions_in_their_order_and_higher_values_lie_higher():
    people = values(
        ("a", "ket", "late", 0.9), ("a", "ket", "pre", 0.1), ("a", "ket", "post", 0.5),
        ("b", "mid", "pre", 0.3), ("b", "mid", "late", np.nan), ("c", "nobody", "pre", 0.3),
    )  # fmt: skip
    means = pd.DataFrame(
        [("ket", "pre", 0.1, -0.2, 0.4, 1.0), ("ket", "post", 0.5, np.nan, np.nan, 1.0)],
        columns=["arm", "role", "value", "low", "high", "n"],
    )
    plot = courses(people, means, DESIGN, title="t", unit="Fisher z")
    assert [mark.who for mark in plot.people] == ["a", "b"]
    first, second = plot.people
    assert [x for x, _ in first.points] == sorted(x for x, _ in first.points)
    heights = [y for _, y in first.points]
    assert heights == sorted(heights, reverse=True)
    assert first.says == "pre 0.1, post 0.5, late 0.9 Fisher z"
    assert (first.arm, second.arm) == ("ketamine", "control")
    assert len(second.points) == 1
    # every session of an arm has its place, right of those of the arm before
    assert [label for _, label in plot.x_ticks] == ["pre", "post", "late"] * 2
    assert min(x for x, _ in second.points) > max(x for x, _ in first.points)
    (mean,) = plot.means
    assert len(mean.ends) == 1
    _, low, high = mean.ends[0]
    assert low > mean.points[0][1] > high
    assert courses(people.iloc[:0], means.iloc[:0], DESIGN, title="t", unit="u") is None


@pytest.mark.parametrize(
    ("low", "high", "inside"), [(0.3, 0.9, 0), (-0.9, -0.3, 0), (-0.4, 0.6, 1)]
)
def test_zero_and_ticks_are_drawn_where_they_lie_inside_a_plot(low, high, inside):
    people = values(("a", "ket", "pre", low), ("a", "ket", "post", high))
    none = pd.DataFrame(columns=["arm", "role", "value", "low", "high", "n"], dtype=float)
    plot = courses(people, none, DESIGN, title="t", unit="Fisher z")
    assert (plot.zero is not None) == bool(inside)
    heights = [y for y, _ in plot.y_ticks]
    assert len(heights) >= 3
    assert all(0 < y <= plot.bottom for y in heights)
    # a tick is where its label says
    start, end = (y for _, y in plot.people[0].points)
    for y, label in plot.y_ticks:
        said = low + (high - low) * (y - start) / (end - start)
        assert float(label.replace("−", "-")) == pytest.approx(said, abs=0.01)


def test_a_scatter_keeps_slopes_and_leaves_out_who_lacks_a_value():
    people = pd.DataFrame(
        {
            "participant_id": ["a", "b", "c"],
            "arm": ["ket", "mid", "mid"],
            "x": [0.0, 2.0, np.nan],
            "y": [1.0, -1.0, 0.0],
            "says": ["", "s", ""],
        }
    )
    plot = scatter(people, DESIGN, title="t", titles=("x", "y"), line=[(0.0, 1.0), (2.0, -1.0)])
    assert [mark.who for mark in plot.people] == ["a", "b"]
    # the line goes through both dots
    assert plot.fit == (*plot.people[0].points[0], *plot.people[1].points[0])
    assert plot.people[0].points[0][0] < plot.people[1].points[0][0]
    assert plot.people[0].points[0][1] < plot.zero < plot.people[1].points[0][1]


@pytest.fixture(scope="module")
def made():
    return made_tables.two_arms()


@pytest.fixture(scope="module")
def numbers(made):
    return {
        "paired": draw_paired(made.connectivity, made.hypotheses, made.design)[1],
        "association": draw_association(
            made.connectivity, made.scores, made.hypotheses, made.design
        )[1],
    }


def tables_of(made: made_tables.Made) -> Tables:
    names = ("hypotheses", "motion", "null", "robustness", "reliability", "shrinkage", "curves")
    return Tables(*(getattr(made, name) for name in names))


def test_plots_of_a_circuit_show_everybody_or_nobody(made, numbers):
    about = {"unit": "Fisher z"}
    shown = circuit_plots("dmn", numbers, made.runs, made.design, people=True, **about)
    assert [plot.title for plot in shown] == ["Course", "Association", "Motion"]
    course, association, motion = shown
    assert {mark.who for mark in course.people} == set(made.design.participants)
    complete = made.hypotheses.set_index(["hypothesis", "test"])["n"]
    assert len(association.people) == complete["dmn", "association"]
    assert len(motion.people) == complete["dmn", "change"]
    (alone,) = circuit_plots("dmn", numbers, made.runs, made.design, people=False, **about)
    assert alone.people == []
    assert len(alone.means) == 2
    assert circuit_plots("dmn", {}, made.runs, made.design, people=True, **about) == []


def test_the_change_in_motion_is_after_minus_before(made, numbers):
    plots = circuit_plots("dmn", numbers, made.runs, made.design, unit="Fisher z", people=True)
    (motion,) = [plot for plot in plots if plot.title == "Motion"]
    fd = made.runs.assign(mean_fd=pd.to_numeric(made.runs["mean_fd"]))
    fd = fd.pivot_table(index="participant_id", columns="role", values="mean_fd")
    for mark in motion.people[:3]:
        change = fd.loc[mark.who, "post"] - fd.loc[mark.who, "pre"]
        assert mark.says.startswith(f"motion {number(change, 3, signed=True)} mm")


def test_more_sessions_than_two_are_drawn_from_the_trajectory(made):
    late = made.connectivity[made.connectivity["role"] == "post"].assign(role="late")
    late = late[late["participant_id"] != "sub-01"]
    both = pd.concat([made.connectivity, late.assign(z=late["z"] + 1)], ignore_index=True)
    content = {**made.content, "sessions": {"pre": "1", "post": "2", "late": "3"}}
    design = made_tables.replace(made, content=content).design
    _, table = draw_trajectory(both, made.hypotheses, design)
    means = table[table["kind"] == "mean"].set_index(["circuit", "arm", "role"])
    assert means.loc[("dmn", "ketamine", "late"), "n"] == 6
    own = both[(both["circuit"] == "dmn") & (both["measure"] == "mean")]
    own = own[(own["role"] == "late") & (own["strategy"] == "acompcor")]
    ketamine = own["participant_id"].map(design.participants) == "ketamine"
    expected = own.loc[ketamine, "z"].mean()
    assert means.loc[("dmn", "ketamine", "late"), "value"] == pytest.approx(expected)
    (plot,) = circuit_plots(
        "dmn", {"paired": table.iloc[:0].assign(baseline=0.0, followup=0.0), "trajectory": table},
        made.runs, design, unit="Fisher z", people=False,
    )  # fmt: skip
    assert [label for _, label in plot.x_ticks] == ["pre", "post", "late"] * 2
    assert len(plot.means[0].points) == 3


def test_means_by_arm_are_those_of_the_pairs(made, numbers):
    rows = numbers["paired"].set_index(["circuit", "kind", "arm"])
    first = rows.loc[("dmn", "mean", "ketamine")]
    said = arm_means("dmn", numbers["paired"], made.design)
    assert said[0].startswith(f"ketamine: {first['baseline']:.2f} (pre) → ")
    assert said[0].endswith("n = 7")


def test_gates_are_passed_failed_or_not_assessed(made):
    tables = tables_of(made)
    states = {
        gate.name: gate.state
        for gate in gates("dmn", tables.hypotheses, tables.motion, tables.curves, made.design)
    }
    assert states == {"head motion": PASSED, "choices of analysis": PASSED}
    where = (made.motion["circuit"] == "dmn") & (made.motion["test"] == "follows")
    follows = made.motion.assign(gate=made.motion["gate"].mask(where, "follows-motion"))
    where = made.curves["hypothesis"] == "dmn"
    curves = made.curves.assign(
        depends_on=made.curves["depends_on"].astype(object).mask(where, "scale")
    )
    flagged = made.hypotheses.assign(flags="habenula: caution")
    bad = replace(tables, motion=follows, curves=curves, hypotheses=flagged)
    found = gates("dmn", bad.hypotheses, bad.motion, bad.curves, made.design)
    assert [gate.state for gate in found] == [FAILED, FAILED, FAILED]
    assert "change depends on scale" in found[1].why
    assert [
        gate.state
        for gate in gates("salience", bad.hypotheses, bad.motion, bad.curves, made.design)
    ][:2] == [PASSED, PASSED]
    nothing = replace(tables, motion=made.motion.iloc[:0], curves=made.curves.iloc[:0])
    assert {
        gate.state
        for gate in gates("dmn", nothing.hypotheses, nothing.motion, nothing.curves, made.design)
    } == {OPEN}


def test_a_card_holds_what_the_tables_tell_of_its_circuit_alone(made):
    found = remarks("salience", tables_of(made), made.design, ["a sentence on the habenula"])
    about = {remark.about: remark.said for remark in found}
    null = made.null.set_index("circuit").loc["salience"]
    assert about["among matched pairs"] == f"percentile {null['percentile']} among 1000 pairs"
    assert "association ketamine" in about["secondary tests"]
    assert "habenula" not in about
    shrunken = made.shrinkage.set_index(["hypothesis", "test"]).loc[("salience", "change")]
    assert f"{abs(shrunken['shrunken']):.2f}" in about["shrunken"]


def test_an_estimate_is_named_by_what_is_subtracted_from_what(made):
    assert effect_in_words(made.design, "change") == "ketamine − midazolam"
    one = made_tables.one_arm()
    assert effect_in_words(one.design, "change") == "post − pre"
    assert unit_of(made.hypotheses, "dmn") == "Fisher z"
    other = made.hypotheses.assign(estimand="Difference between a and b in mALFF at post, given.")
    assert unit_of(other, "dmn") == "mALFF"


def test_everybody_is_told_with_arm_motion_and_reasons(made):
    told = {
        one["id"]: one
        for one in everybody(made.design, made.runs, made.exclusions, made.incomplete)
    }
    assert list(told) == list(made.design.participants)
    assert told["sub-02"]["arm"] == "midazolam"
    assert told["sub-03"]["motion"].startswith("mean FD pre ")
    assert "180 s kept after censoring, 240 s needed" in told["sub-03"]["flags"]
    assert any(flag.startswith("not in change") for flag in told["sub-16"]["flags"])


def test_the_sample_is_described_by_arm():
    people = pd.DataFrame(
        {
            "participant_id": list("abc"),
            "age": ["20", "30", None],
            "sex": ["male", "female", "male"],
        }
    )
    rows = [
        ("a", "pre", "ok", 2.0, 150, 240.0, 0.1), ("b", "pre", "ok", 2.0, 100, 180.0, 0.2),
        ("c", "pre", "ok", 1.5, 120, 300.0, 0.4), ("c", "post", "excluded", 1.5, 120, 10.0, 3.0),
    ]  # fmt: skip
    columns = ["participant_id", "role", "status", "repetition_time", "n_volumes", "seconds_kept"]
    runs = pd.DataFrame(rows, columns=[*columns, "mean_fd"])
    table = characteristics(people, runs, DESIGN)
    assert table.columns == ["characteristic", "ket", "mid"]
    assert table.rows == [
        ["participants", "1", "2"],
        ["age, years", "20.0", "30.0"],
        ["sex: female", "0", "1"],
        ["sex: male", "1", "1"],
        ["repetition time, s", "2", "1.5 to 2"],
        ["volumes a run", "150", "100 to 120"],
        ["minutes kept, pre", "4.0", "4.0 (1.4)"],
        ["mean FD, mm, pre", "0.10", "0.30 (0.14)"],
    ]
    unknown = runs.assign(seconds_kept=np.nan, mean_fd=np.nan)
    told = characteristics(people, unknown, DESIGN)
    assert [row[0] for row in told.rows][-2:] == ["repetition time, s", "volumes a run"]
    few = characteristics(people, runs, DESIGN, fewest=2)
    assert few.rows == [
        ["participants", "< 2", "2"],
        ["sex: female", "0", "< 2"],
        ["sex: male", "< 2", "< 2"],
        ["repetition time, s", "n/a", "1.5 to 2"],
        ["volumes a run", "n/a", "100 to 120"],
        ["minutes kept, pre", "n/a", "4.0 (1.4)"],
        ["mean FD, mm, pre", "n/a", "0.30 (0.14)"],
    ]


def test_means_of_motion_over_too_few_are_not_shown(made):
    everything = motion_courses(made.runs, made.design, people=False)
    assert sum(len(mark.points) for mark in everything.means) == 4
    used = made.runs[made.runs["status"] == "ok"]
    arm = used["participant_id"].map(made.design.participants)
    n = used.groupby([arm, "role"])["participant_id"].nunique()
    assert n.min() < n.max()
    some = motion_courses(made.runs, made.design, people=False, fewest=int(n.max()))
    assert sum(len(mark.points) for mark in some.means) == int((n == n.max()).sum())


def test_exclusions_of_parcels_are_counted_and_not_listed(made):
    row = made.exclusions[made.exclusions["unit"] == "region"].iloc[0]
    parcels = pd.DataFrame([row.to_dict() | {"region": f"parcel {i % 3}"} for i in range(7)])
    both = pd.concat([made.exclusions, parcels], ignore_index=True)
    table, said = excluded(both, made.regions)
    assert len(table.rows) == len(made.exclusions) == len(table.people)
    assert said.startswith("7 exclusions of 3 parcels in 1 run,")
    assert "strategy" not in table.columns
    assert excluded(made.exclusions, made.regions)[1] == ""


def test_rows_without_a_number_are_named_below_the_table():
    table = Table(
        ["c", "t", "x"],
        [["A", "change", "1"], ["B", "change", "n/a"], ["B", "other", "n/a"], ["C", "n/a", "0"]],
        ["mid", "short", "num"],
        "Note.",
    )
    shown = without_empty(table)
    assert [row[0] for row in shown.rows] == ["A", "C"]
    assert shown.note == "Note. Without any number, and not shown: B (2)."
    assert without_empty(shown) is shown


@pytest.mark.parametrize(
    ("cell", "order"),
    [
        ("−0.12", "-0.12"), ("+3", "3"), ("< .001", "0.0005"), (".043", "0.043"), ("1.00", "1"),
        ("[−0.3, 0.2]", "-0.3"), ("≈ 2.5", "2.5"), ("12 (3)", "12"), ("n/a", ""),
        ("> 1000", "1000"), ("-0.012345678", "-0.012345678"), ("1.25e-06", "1.25e-06"),
        ("[-2.5e-05, 3]", "-2.5e-05"),
    ],
)  # fmt: skip
def test_numbers_are_sorted_as_numbers(cell, order):
    assert order_of(cell) == order


def test_a_rounded_number_knows_its_value():
    assert (number(-0.0123456789), whole_value(number(-0.0123456789))) == ("−0.01", "-0.012345679")
    assert (compact(0.0312345, signed=True), whole_value(compact("0.0312345"))) == (
        "+0.0312", "0.0312345",
    )  # fmt: skip
    assert whole_value(p_value(0.00012)) == "0.00012"
    assert (span(-0.01234, 12.3456), whole_value(span(-0.01234, 12.3456))) == (
        "[−0.0123, 12.3]", "[-0.01234, 12.3456]",
    )  # fmt: skip
    assert whole_value(interval("-1.23456", "2")) == "[-1.23456, 2]"
    assert whole_value(bayes(12345.6)) == "12345.6"
    assert [whole_value(text) for text in (compact("text"), number(None), "0.5")] == ["", "", ""]


def test_tables_hold_the_values_behind_rounded_numbers_unless_they_leave_the_lab(made):
    row = made.hypotheses[made.hypotheses["test"] == "change"].iloc[0]
    value = f"{float(row['estimate']):.8g}"
    shown = compact(row["estimate"], signed=True)
    cell = f'<td class="num" data-order="{value}" data-whole="{value}">{shown}</td>'
    assert cell in report_of(made)
    page = report_of(made, people=False)
    assert f">{shown}</td>" in page
    assert "data-whole" not in page.split("<script")[0]
    assert value not in page


def test_an_effect_size_over_a_tiny_sd_is_not_to_be_read():
    row = {
        "estimate": 0.6, "effect_size": 9.5, "effect_size_type": "difference / SD (Hedges g)",
        "ci_low": 0.1, "effect_size_ci_low": 7.0, "effect_size_ci_high": 12.0,
    }  # fmt: skip
    said = effect_of(row)
    assert said.startswith("9.50 [7.00, 12.00], difference / SD (Hedges g) = 0.0632")
    assert said.endswith("; not to be read: that SD is too small")
    assert "not to be read" not in effect_of(row | {"effect_size": 1.2})
    assert effect_of(row | {"effect_size_type": "Spearman rho"}).endswith("Spearman rho")


def test_figures_of_single_participants_are_in_no_page_without_people(made, tmp_path):
    names = ("paired", "qcfc", "influence", "means")
    for name in names:
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    paths = {name: tmp_path / f"{name}.png" for name in names}
    shown = embedded(paths, made.hypotheses, made.design, people=True)
    assert {each["name"] for each in shown} == set(names)
    (alone,) = embedded(paths, made.hypotheses, made.design, people=False)
    assert (alone["name"], alone["number"], alone["files"]) == ("means", 1, [])


def test_a_page_without_people_names_nobody(made, numbers):
    about = {"numbers": numbers, "made": "2026-11-29"}
    html = report_of(made, **about)
    assert "2026-11-29" in html
    people = json.loads(re.search(r'id="people">(.*?)</script>', html)[1])
    assert [one["id"] for one in people] == list(made.design.participants)
    alone = report_of(made, people=False, removed=["Participants."], **about)
    assert "What this page lacks" in alone
    said = re.sub(r"<(script|style).*?</\1>", "", alone, flags=re.DOTALL)
    for lost in [*made.design.participants, "2026-11-29", "data-who", *made.exclusions["reason"]]:
        assert lost not in said
    for value in numbers["paired"]["change"].dropna():
        assert f"{value:.6f}" not in alone
    assert not re.findall(r'<a href="(?!#|https://doi)', alone)
