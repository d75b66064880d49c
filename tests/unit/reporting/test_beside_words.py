"""Sentences of report and methods on reliability, shrunken estimates and drop-out."""

from __future__ import annotations

import made_tables
import numpy as np
import pandas as pd
import pytest

from ketfc.base.english import listed
from ketfc.base.files import read_tsv, write_tsv
from ketfc.reporting.text.beside.attrition import attrition_methods, attrition_section
from ketfc.reporting.text.beside.influence import influence_methods, influence_section
from ketfc.reporting.text.beside.reliability import reliability_methods, reliability_section
from ketfc.reporting.text.beside.shrinkage import shrinkage_methods, shrinkage_section
from ketfc.reporting.text.references import cited
from ketfc.reporting.words import compact, number


@pytest.fixture(scope="module")
def made() -> made_tables.Made:
    return made_tables.two_arms()


@pytest.fixture(scope="module")
def single() -> made_tables.Made:
    return made_tables.one_arm()


def test_the_reliability_says_where_it_is_from(made):
    section = reliability_section(made.reliability)
    values = pd.to_numeric(made.reliability["session_icc"])
    assert section.sentences[0] == (
        f"The reliability of a session (ICC for agreement) was {number(values.min())} to "
        f"{number(values.max())}, estimated from sessions of the control arm."
    )
    assert "Of the variance of the changes" in section.sentences[1]
    assert len(section.table.rows) == 6
    (note,) = section.notes
    assert note.startswith("Sessions of the control arm: pre and post of the midazolam arm")
    (text,) = reliability_methods(made.reliability)
    assert {one.key for one in cited(text)} == {"mcgraw1996"}


def test_a_supplied_reliability_is_called_so_and_none_is_not_hidden(single):
    section = reliability_section(single.reliability)
    assert reliability_methods(single.reliability) == []
    (said,) = section.sentences
    assert said.startswith("Nothing tells how reliable these are: sgACC")
    about = {"strategy": "acompcor", "alpha": 0.05, "supplied": 0.4}
    circuits = [made_tables.Circuit("dmn", "default mode network", True, "?")]
    table = made_tables.reliability(single.connectivity, [], single.design, circuits, **about)
    said = reliability_section(table).sentences[0]
    assert said == (
        "The reliability of a session, 0.40, was supplied in the config: it was not measured in "
        "this study."
    )
    assert "No reliability could be estimated" in reliability_methods(table)[0]


def test_shrunken_estimates_are_said_once_per_family(made, tmp_path):
    write_tsv(tmp_path / "shrinkage.tsv", made.shrinkage)
    table = read_tsv(tmp_path / "shrinkage.tsv")
    section = shrinkage_section(table, made.design)
    change, association = section.sentences
    row = made.shrinkage.iloc[0]
    assert change.startswith(f"Change: common mean {number(row['mean'], signed=True)} [")
    assert f"standard deviation of {number(row['tau'])} (Fisher z)" in change
    assert association.startswith("Association: common mean")
    assert len(section.table.rows) == 10
    assert section.table.rows[0][4] == number(row["shrunken"], signed=True)
    (text,) = shrinkage_methods(table)
    assert {one.key for one in cited(text)} == {"morris1983", "gelman2006"}


def test_families_of_two_circuits_are_not_shrunken_and_say_why(made):
    two = made.shrinkage.assign(circuits=2, flags="too-few-circuits", shrunken=None, mean=None)
    said = shrinkage_section(two, made.design).sentences
    assert said[0] == (
        "Change: nothing was shrunken, because 2 circuits could be tested, 3 are needed."
    )
    assert shrinkage_methods(two) == []
    same = shrinkage_section(two.assign(flags="not-separable"), made.design).sentences
    assert "follow from those of others" in same[1]


def test_who_came_back_is_counted_by_arm_without_a_test(made):
    section = attrition_section(made.attrition, made.design)
    # the last of 16 was not scanned again, and of the third nothing was usable
    assert section.sentences[:2] == [
        "Post, scanned again: 8 of 8 in the ketamine arm and 7 of 8 in the midazolam arm.",
        "Post, usable at both sessions: 7 of 8 in the ketamine arm and 7 of 8 in the midazolam "
        "arm.",
    ]
    arms = {(row[1], row[2]) for row in section.table.rows}
    both = {("scanned again", "all"), ("scanned again", "midazolam")}
    assert arms == both | {
        ("usable at both sessions", of) for of in ("all", "ketamine", "midazolam")
    }
    assert not any(name.startswith("p") for name in section.table.columns)
    (text,) = attrition_methods(made.attrition)
    assert "1 participant not scanned again (post) and 2 participants not usable" in text
    assert {one.key for one in cited(text)} == {"austin2009", "altman1985"}


def test_nobody_lost_is_said_in_a_sentence(made):
    whole = made.attrition.assign(dropouts=0, completers=8, flags="nobody-dropped-out")
    section = attrition_section(whole, made.design)
    assert section.table.rows == []
    assert section.sentences[-1].startswith("There are not both completers and drop-outs")
    assert attrition_methods(whole) == []
    nothing = attrition_section(made.attrition.iloc[:0], made.design)
    assert nothing.sentences == [
        "There is no session before the drugs at which drop-outs could be described."
    ]


def test_who_moves_a_result_is_named_and_many_are_counted():
    made = made_tables.two_arms()
    section = influence_section(made.influence, made.stability)
    own = made.influence.query("hypothesis == 'dmn' and test == 'change'")
    moved = own[own["flags"].fillna("").str.contains("influential")]["label"].tolist()
    people = own[own["left_out"] == "participant"]["estimate"]
    (said,) = [one for one in section.sentences if one.startswith("Default mode network, within")
               and "change:" in one]  # fmt: skip
    span = f"{number(people.min(), signed=True)} to {number(people.max(), signed=True)}"
    assert f"{span} without each participant in turn" in said
    assert moved
    assert f"moved by a standard error or more by {listed(moved)}" in said
    many = own.assign(flags=["", *["sign-flips"] * (len(own) - 1)])
    words = influence_section(many, made.stability).sentences[0]
    assert f"its sign turns without any of {len(own) - 1} participants" in words
    rows = section.table.rows
    assert len(rows) == len(made.stability)
    row = made.stability.iloc[0]
    first = dict(zip(section.table.columns, rows[0], strict=True))
    assert first["rank"] == f"{row['rank']:.0f} of {row['ranked']}"
    assert first["same sign in resamples"] == f"{100 * row['share_same_sign']:.0f} %"
    assert first["first half"].startswith(compact(row["estimate_first"], signed=True))
    lacking = made.stability.assign(estimate_second=np.nan, p_second=np.nan)
    cells = influence_section(made.influence, lacking).table.rows[0]
    n = f"{row['n_second']:.0f}"
    assert f"not tested (n = {n})" in cells
    assert first["second half"].startswith(compact(row["estimate_second"], signed=True))
    assert influence_section(None, None) is None


def test_the_order_of_enrolment_is_told_and_that_rows_may_not_be_one():
    made = made_tables.two_arms()
    assert "sorted otherwise" in influence_section(made.influence, made.stability).order
    named = made.stability.assign(order="enrolled")
    assert influence_section(made.influence, named).order == (
        "The order of enrolment is that of “enrolled”."
    )
    (text,) = influence_methods(named)
    assert "in the order of enrolment (enrolled)" in text
    assert "drawn with replacement 49 times" in text
    assert influence_methods(made.stability.assign(resamples=0)) == []
