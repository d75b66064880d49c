"""Sentences of figure, report and methods on the activity of regions."""

from __future__ import annotations

import numpy as np
import pytest
from made_activity import FIRST, MADE, activity_study, table_of

from ketfc.reporting.figures.maps.activity import draw_activity
from ketfc.reporting.text.beside.activity import (
    activity_methods,
    activity_section,
    measure_label,
)
from ketfc.reporting.text.captions import figure_alt, figure_caption
from ketfc.reporting.text.references import cited

ALL = {"activity": {"measures": ["alff", "falff", "reho"], "lower-bpf": 0.02, "upper-bpf": 0.1}}


@pytest.mark.parametrize(
    ("measure", "written"),
    [("malff", "mALFF"), ("mfalff", "mfALFF"), ("mreho", "mReHo"), ("falff", "fALFF")],
)
def test_measures_are_written_as_the_field_does(measure, written):
    assert measure_label(measure) == written


def test_where_nothing_was_measured_nothing_is_said():
    design = activity_study(1, 1)["design"]
    assert activity_section(None, design).sentences == []
    assert activity_section(None, design).table.rows == []
    assert activity_methods(None, ALL, design) == []


def test_what_survives_is_named_with_its_numbers_and_what_does_not_has_the_smallest_p():
    study = activity_study(1, 2, fall=0.2)
    table = table_of(study)
    first, change, association, gate = activity_section(table, study["design"]).sentences
    assert "mALFF of 2 regions" in first
    assert "exploratory" in first
    assert change.startswith("Of 2 tests of change, 1 survives the false discovery rate: mALFF of")
    assert f"{table['estimate'][0]:+.2f}".replace("-", "−") in change
    assert association.startswith("Of 2 tests of association with SSI, ")
    assert "no proof that censoring explains nothing" in gate


def test_nothing_that_survives_is_said_with_the_smallest_p():
    study = activity_study(2, 6)
    said = activity_section(table_of(study), study["design"]).sentences[1]
    assert "none survives the false discovery rate (smallest p after correction = " in said


def test_what_follows_censoring_is_named_and_where_nothing_is_censored_the_gate_is_not_spoken_of():
    study = activity_study(1, 5, slope=1.0)
    table = table_of(study)
    said = activity_section(table, study["design"]).sentences[-1]
    assert said.startswith("The change in mALFF of ")
    assert said.count("mALFF") == 1
    assert "flag follows-censoring" in said
    quiet = table.assign(p_censoring=np.nan, r_censoring=np.nan)
    assert len(activity_section(quiet, study["design"]).sentences) == 3


def test_the_table_has_every_result_and_the_correlation_with_censoring():
    study = activity_study(2, 3, fall=0.2)
    table = activity_section(table_of(study), study["design"]).table
    assert len(table.rows) == 8
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["measure"] == "mALFF"
    assert row["p (FDR)"] != "n/a"
    assert row["r with censoring"] != "n/a"
    described = dict(zip(table.columns, table.rows[2], strict=True))
    assert (described["test"], described["p (FDR)"]) == ("change-drug", "n/a")


def test_the_methods_define_what_was_asked_for_with_its_band_and_literature():
    study = activity_study(1, 2)
    (text,) = activity_methods(table_of(study), ALL, study["design"])
    assert "band-pass of 0.02–0.1 Hz" in text
    assert "strategy 24P" in text
    assert {one.key for one in cited(text)} >= {"zang2004", "zang2007", "zou2008"}
    (text,) = activity_methods(
        table_of(study),
        {"activity": ALL["activity"] | {"measures": ["reho"]}},
        study["design"],
    )
    assert {"zang2007", "zou2008"}.isdisjoint(one.key for one in cited(text))
    assert "of which at least 14" in text


@pytest.mark.parametrize("arms", [1, 2])
def test_the_figure_shows_every_region_with_its_interval(arms):
    study = activity_study(arms, 5, slope=1.0)
    table = table_of(study)
    figure, numbers = draw_activity(table, study["design"])
    assert numbers["region"].tolist() == [region.id for region in MADE]
    (axes,) = figure.axes
    drawn = [line.get_xdata() for line in axes.lines]
    for row in numbers.to_dict("records"):
        ends = [row["effect_size_ci_low"], row["effect_size_ci_high"]]
        assert any(np.allclose(x, ends) for x in drawn if len(x) == 2)
        assert any(np.allclose(x, [row["effect_size"]]) for x in drawn if len(x) == 1)
    # the mark stands beside the region that follows, the first
    marks = [text.xy[1] for text in axes.texts]
    assert marks == [0]
    assert numbers["region"][0] == FIRST
    caption = figure_caption("activity", study["design"])
    assert ("difference between drug and placebo" in caption) == (arms == 2)
    assert "Effect sizes" in figure_alt("activity", table, study["design"])


def test_a_figure_of_nothing_says_so():
    study = activity_study(1, 2)
    table = table_of(study).assign(effect_size=np.nan)
    figure, _ = draw_activity(table, study["design"])
    assert "No change in activity could be tested." in [text.get_text() for text in figure.texts]
