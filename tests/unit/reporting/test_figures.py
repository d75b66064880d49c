"""The figures: their numbers against independent code, their looks, and that nothing is empty."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.markers import CARETLEFT
from matplotlib.text import Text

from ketfc.base.files import read_tsv, write_tsv
from ketfc.reporting import changes as of_changes
from ketfc.reporting import rows
from ketfc.reporting.figures import style
from ketfc.reporting.figures.association import draw_association
from ketfc.reporting.figures.circuits import draw_circuits
from ketfc.reporting.figures.edges import draw_edges
from ketfc.reporting.figures.forest import draw_hypotheses
from ketfc.reporting.figures.influence.left_out import draw_influence
from ketfc.reporting.figures.labels import merge_close
from ketfc.reporting.figures.matrices import draw_matrices, spread
from ketfc.reporting.figures.networks.triple_network import draw_networks
from ketfc.reporting.figures.qcfc import draw_qcfc
from ketfc.reporting.figures.sessions.changes import cloud, rain
from ketfc.reporting.figures.sessions.paired import draw_paired, mean_interval
from ketfc.reporting.figures.trend_lines import fit_line
from ketfc.study.config.printing.figures import Figures

sys.path.insert(0, str(Path(__file__).parents[2]))
import made_tables

FIGURES = {
    "circuits": lambda made: draw_circuits(
        made.connectivity, made.regions, made.hypotheses, made.design
    ),
    "forest": lambda made: draw_hypotheses(made.hypotheses, made.motion, made.curves, made.design),
    "paired": lambda made: draw_paired(made.connectivity, made.hypotheses, made.design),
    "association": lambda made: draw_association(
        made.connectivity, made.scores, made.hypotheses, made.design
    ),
    "matrices": lambda made: draw_matrices(made.mean_relmat, made.design),
    "networks": lambda made: draw_networks(made_tables.networks_of(made), made.design),
    "edges": lambda made: draw_edges(made_tables.edges_of(made), made.design),
    "influence": lambda made: draw_influence(made.influence, made.design),
    "qcfc": lambda made: draw_qcfc(
        made.qcfc,
        made.qcfc_curves,
        made.motion,
        made.connectivity,
        made.runs,
        made.hypotheses,
        made.design,
    ),
}


@cache
def study_of(name: str) -> made_tables.Made:
    return getattr(made_tables, name)()


@pytest.fixture(scope="module")
def made():
    return study_of("two_arms")


def texts(figure: Figure) -> list[Text]:
    """All texts that are drawn: a tick beyond the limits of its axis has one that is not."""
    beyond = set()
    # an axis of its own beside a panel is no Axes
    for axes in figure.findobj(lambda one: hasattr(one, "xaxis")):
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low <= tick.get_loc() <= high:
                    beyond |= {tick.label1, tick.label2}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in beyond
    ]


def all_text(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in texts(figure))


def test_every_planned_participant_has_a_row_for_every_circuit(made):
    changes = of_changes.circuit_changes(made.connectivity, made.design)
    assert len(changes) == 16 * len(made_tables.CIRCUITS)
    row = changes[(changes["participant_id"] == "sub-01") & (changes["circuit"] == "dmn")].iloc[0]
    raw = made.connectivity[
        (made.connectivity["participant_id"] == "sub-01")
        & (made.connectivity["circuit"] == "dmn")
        & (made.connectivity["measure"] == "mean")
        & (made.connectivity["strategy"] == "acompcor")
    ].set_index("role")["z"]
    assert row["change"] == pytest.approx(raw["post"] - raw["pre"])
    absent = changes[changes["participant_id"] == "sub-16"]
    assert absent["change"].isna().all()
    assert absent["baseline"].notna().all()


def test_the_adjusted_difference_is_that_of_an_ancova(made):
    import statsmodels.formula.api as smf

    changes = of_changes.circuit_changes(made.connectivity, made.design)
    table = changes[changes["circuit"] == "salience"]
    fit = smf.ols(
        "followup ~ treated + baseline",
        table.assign(treated=(table["arm"] == "ketamine").astype(float)).dropna(),
    ).fit()
    estimate, n = of_changes.adjusted_difference(table, made.design)
    assert estimate == pytest.approx(fit.params["treated"], abs=1e-12)
    assert n == int(fit.nobs) == 14


def test_without_arms_the_change_is_the_mean_change():
    made = made_tables.one_arm()
    changes = of_changes.circuit_changes(made.connectivity, made.design)
    table = changes[changes["circuit"] == "dmn"]
    estimate, n = of_changes.adjusted_difference(table, made.design)
    assert estimate == pytest.approx(table["change"].dropna().mean())
    assert n == 10


def test_too_few_participants_have_no_adjusted_difference(made):
    changes = of_changes.circuit_changes(made.connectivity, made.design)
    few = changes[(changes["circuit"] == "dmn")].head(3)
    estimate, n = of_changes.adjusted_difference(few, made.design)
    assert np.isnan(estimate)
    assert n == 2


def test_the_interval_of_a_mean_is_students():
    from scipy import stats

    values = pd.Series([0.1, 0.4, 0.2, 0.5, 0.35])
    low, high = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx((values.mean(), low, high))
    assert np.isnan(mean_interval(values[:1])[1:]).all()
    assert np.isnan(mean_interval(values[:0])).all()


@pytest.mark.parametrize("covariates", [0, 1, 2])
def test_line_and_band_are_those_of_statsmodels(covariates):
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    C = rng.normal(size=(20, covariates))
    x = rng.normal(size=20)
    y = 2 - 3 * x + C.sum(axis=1) + rng.normal(size=20)
    line = fit_line(x, y, C)
    assert line is not None
    fit = sm.OLS(y, sm.add_constant(np.column_stack([x, C]))).fit()
    grid = np.column_stack([np.ones(50), line.x, np.tile(C.mean(axis=0), (50, 1))])
    expected = fit.get_prediction(grid).summary_frame(alpha=0.05)
    np.testing.assert_allclose(line.y, expected["mean"], rtol=1e-10)
    np.testing.assert_allclose(line.low, expected["mean_ci_lower"], rtol=1e-10)
    np.testing.assert_allclose(line.high, expected["mean_ci_upper"], rtol=1e-10)
    # component plus residual: what is left around the drawn line is what the model leaves
    drawn = line.y[0] + line.slope * (x - line.x[0])
    np.testing.assert_allclose(line.points - drawn, fit.resid, atol=1e-10)


@pytest.mark.parametrize(
    ("x", "y"), [([1.0, 2.0, 3.0], [1.0, 2.0, 2.5]), ([1.0] * 6, list(np.arange(6.0)))]
)
def test_no_line_where_the_data_do_not_determine_one(x, y):
    nothing = np.empty((len(x), 0))
    assert fit_line(x, y, nothing) is None


def test_a_line_needs_two_degrees_of_freedom():
    rng = np.random.default_rng(8)
    x, y, C = rng.normal(size=5), rng.normal(size=5), rng.normal(size=(5, 2))
    for kept, drawn in ((slice(0, 4), True), (slice(0, 3), False)):
        nothing = np.empty((len(x[kept]), 0))
        assert (fit_line(x[kept], y[kept], nothing) is not None) == drawn
    assert fit_line(x, y, C[:, :1]) is not None
    assert fit_line(x, y, C) is None


def uneven(study: str) -> made_tables.Made:
    """Return a study of unequal arms whose scores have many ties and follow neither values nor arm.

    One participant's change and scores are far from all others', where values and ranks differ.
    """
    made = study_of(study)
    scores, connectivity = made.scores.copy(), made.connectivity.copy()
    si = (scores["scale"] == "si") & (scores["item"] == "total")
    scores.loc[si, "score"] = (scores.loc[si, "score"] / 6).round() * 6
    far = scores.loc[si, "participant_id"].iloc[0]
    scores.loc[si & (scores["participant_id"] == far) & (scores["role"] != "pre"), "score"] = 36.0
    moved = (connectivity["participant_id"] == far) & (connectivity["role"] == "post")
    connectivity.loc[moved, "z"] += 4.0
    return made_tables.retested(made_tables.replace(made, scores=scores, connectivity=connectivity))


@pytest.mark.parametrize("study", ["two_arms", "one_arm", "changes_only"])
def test_the_points_of_an_association_correlate_as_its_test_says(study):
    made = uneven(study)
    figure, numbers = FIGURES["association"](made)
    shown = all_text(figure)
    circuits = rows.primary_circuits(made.hypotheses)
    assert len(circuits) == 5
    different = []
    for i, circuit in enumerate(circuits):
        row = rows.hypothesis_row(made.hypotheses, circuit, "association")
        people = numbers[(numbers["circuit"] == circuit) & (numbers["kind"] == "participant")]
        x, y = (people[axis].astype(float) for axis in "xy")
        assert len(people) == row["n"]
        assert np.corrcoef(x, y)[0, 1] == pytest.approx(row["estimate"], abs=1e-12)
        # what the figure holds is what the table says, and the line is theirs
        tested, measured = figure.axes[2 * i], figure.axes[2 * i + 1]
        drawn = np.concatenate([marks.get_offsets() for marks in tested.collections])
        assert sorted(map(tuple, drawn)) == sorted(zip(x, y, strict=True))
        line = numbers[(numbers["circuit"] == circuit) & (numbers["kind"] == "line")]
        slope = np.diff(line["y"].astype(float)) / np.diff(line["x"].astype(float))
        assert slope == pytest.approx(np.polyfit(x, y, 1)[0])
        raw = people[["connectivity_change", "si_change"]].astype(float)
        drawn = np.concatenate([marks.get_offsets() for marks in measured.collections])
        assert sorted(map(tuple, drawn)) == sorted(map(tuple, raw.to_numpy()))
        different.append(abs(np.corrcoef(raw.to_numpy().T)[0, 1] - row["estimate"]))
        assert f"{row['estimate']:+.2f}".replace("-", "−") in shown
    # values would have told something else
    assert max(different) > 0.2


def test_the_means_that_are_drawn_are_over_those_who_were_tested(made):
    _, numbers = FIGURES["paired"](made)
    tested = made.hypotheses[made.hypotheses["family"] == "primary-change"].set_index("hypothesis")
    means = numbers[numbers["kind"] == "mean"]
    assert means.groupby("circuit")["n"].sum().to_dict() == tested["n"].to_dict()
    people = numbers[numbers["kind"] == "participant"]
    assert (people.groupby("circuit")["participant_id"].nunique() == 16).all()
    ketamine = people[(people["circuit"] == "dmn") & (people["arm"] == "ketamine")]
    ketamine = ketamine.dropna(subset=["change"])
    row = means[(means["circuit"] == "dmn") & (means["arm"] == "ketamine")].iloc[0]
    assert row["followup"] == pytest.approx(ketamine["followup"].mean())
    assert row["change"] == pytest.approx(ketamine["change"].mean())


def with_verdicts() -> made_tables.Made:
    """Return a study of which one circuit has an effect beyond reading, and one no result."""
    made = changed(study_of("two_arms"), "salience", effect_size=-9.55, effect_size_ci_low=-12.0,
                   effect_size_ci_high=0.5, p_holm=0.0321, n=9)  # fmt: skip
    nothing = dict.fromkeys(("estimate", "effect_size", "p_holm"), np.nan)
    made = changed(made, "dmn", flags="too-few: 3", **nothing)
    follows = (made.motion["circuit"] == "salience") & (made.motion["test"] == "follows")
    motion = made.motion.assign(gate=made.motion["gate"].mask(follows, "follows-motion"))
    return made_tables.replace(made, motion=motion)


def test_a_forest_says_what_the_tables_say_and_why_there_is_nothing():
    made = with_verdicts()
    figure, numbers = FIGURES["forest"](made)
    shown = all_text(figure)
    own = numbers.set_index(["hypothesis", "test"])
    salience, dmn = own.loc[("salience", "change")], own.loc[("dmn", "change")]
    assert salience["state"] == "evidence"
    assert (salience["motion"], salience["choices"]) == ("not passed", "passed")
    assert own.loc[("sgacc-rlpfc", "change"), "motion"] == "passed"
    # a secondary circuit has no specifications
    assert own.loc[("dmn-salience", "change"), "choices"] == "not assessed"
    assert (dmn["state"], dmn["why"]) == ("no result", "too-few: 3")
    assert "no result: too-few: 3" in shown
    assert ".032" in shown
    families = {"primary-change", "primary-association", "secondary"}
    table = made.hypotheses
    assert set(numbers["family"]) == families
    assert len(numbers) == table["family"].isin(families).sum()
    row = table[(table["hypothesis"] == "dmn-salience") & (table["test"] == "association")].iloc[0]
    drawn = own.loc[("dmn-salience", "association")]
    assert [drawn[name] for name in ("value", "ci_low", "ci_high")] == pytest.approx(
        [row[name] for name in ("effect_size", "effect_size_ci_low", "effect_size_ci_high")]
    )
    assert drawn["block"] == "secondary circuits"
    assert own.loc[("dmn", "association-ketamine"), "block"] == "secondary: within ketamine"


def test_marks_of_a_forest_tell_primary_from_secondary_and_evidence_from_none():
    made = with_verdicts()
    figure, numbers = FIGURES["forest"](made)
    change = figure.axes[0]
    marks = [line for line in change.lines if line.get_marker() in ("s", "D")]
    primary = [line for line in marks if line.get_marker() == "s"]
    filled = [line for line in marks if to_hex(line.get_markerfacecolor()) == style.INK]
    own = numbers[numbers["panel"] == "change"]
    known = own[own["value"].abs() <= 3]
    assert len(marks) == len(known) == 4
    assert len(primary) == known["family"].eq("primary-change").sum() == 3
    assert len(filled) == known["state"].eq("evidence").sum() == 2
    # 9.55 standard deviations are not drawn where they cannot be read, but where they lead
    left, right = change.get_xlim()
    assert (left, right) == (-3.0, 3.0)
    arrows = {(line.get_marker(), line.get_xdata()[0]) for line in change.lines}
    assert (CARETLEFT, -3.0) in arrows
    assert "−9.55" in {text.get_text() for text in change.texts}
    assert figure.axes[1].get_xlim() == (-1.0, 1.0)


def test_a_study_of_one_question_says_that_the_other_is_secondary(made):
    table = made.hypotheses
    only = table["family"].replace({"primary-association": "secondary"})
    figure, _ = FIGURES["forest"](made_tables.replace(made, hypotheses=table.assign(family=only)))
    assert "with SSI (secondary)" in all_text(figure)
    assert "midazolam (secondary)" not in all_text(figure)


def changed(made: made_tables.Made, circuit: str, **numbers: float | str) -> made_tables.Made:
    """Return a study whose test of change of one circuit says something that no data say."""
    table = made.hypotheses.copy()
    row = (table["hypothesis"] == circuit) & (table["test"] == "change")
    table.loc[row, list(numbers)] = list(numbers.values())
    return made_tables.replace(made, hypotheses=table)


SAID = {"estimate": 0.071, "ci_low": -0.02, "ci_high": 0.19, "ci_holm_low": -0.05}
SAID |= {"ci_holm_high": 0.23, "p_holm": 0.3141, "n": 13}


def effect_drawn(axes: Axes) -> list[list[float]]:
    """Return the ends of thin and thick interval and the estimate, as drawn in black."""
    black = [line for line in axes.lines if to_hex(line.get_color()) == style.INK]
    black.sort(key=lambda line: (line.get_marker() == "D", line.get_linewidth()))
    return [list(line.get_ydata()) for line in black]


def test_the_effect_beside_the_changes_is_that_of_the_test_on_an_axis_of_its_own():
    made = study_of("two_arms")
    # unequal arms, whose second has a mean change that is far from zero
    connectivity = made.connectivity[
        ~made.connectivity["participant_id"].isin(["sub-01", "sub-05"])
    ]
    control = [one for one, arm in made.design.participants.items() if arm == "control"]
    post = (connectivity["role"] == "post") & connectivity["participant_id"].isin(control)
    connectivity = connectivity.assign(z=connectivity["z"] + 0.4 * post)
    made = changed(made_tables.replace(made, connectivity=connectivity), "habenula-cortex", **SAID)
    figure, numbers = FIGURES["paired"](made)
    own = numbers[numbers["circuit"] == "habenula-cortex"].set_index("kind")
    estimate = own.loc["estimate"]
    assert [estimate[name] for name in ("change", "change_low", "change_high")] == [
        0.071,
        -0.02,
        0.19,
    ]
    assert [estimate[name] for name in ("holm_low", "holm_high", "p_holm")] == [-0.05, 0.23, 0.3141]
    means = own.loc["mean"].set_index("arm")["change"]
    assert means["midazolam"] > 0.3
    axes = figure.axes[5]  # of the second circuit: head, values, changes
    zero = means["midazolam"]
    thin, thick, diamond = effect_drawn(axes)
    assert thin == pytest.approx([zero - 0.05, zero + 0.23])
    assert thick == pytest.approx([zero - 0.02, zero + 0.19])
    assert diamond == pytest.approx([zero + 0.071])
    (beside,) = axes.child_axes
    figure.draw_without_rendering()
    assert np.diff(beside.get_ylim()) == pytest.approx(np.diff(axes.get_ylim()))
    assert beside.get_ylim()[0] == pytest.approx(axes.get_ylim()[0] - zero)
    assert beside.get_ylabel() == "ketamine − midazolam"
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["n = 5", "n = 7", "difference"]
    for points, arm in zip(axes.collections[-2:], ("ketamine", "midazolam"), strict=True):
        people = own.loc["participant"].set_index("arm").loc[arm, "change"].dropna()
        assert sorted(points.get_offsets()[:, 1]) == pytest.approx(sorted(people))


@pytest.mark.parametrize("crossover", [False, True])
def test_without_arms_the_effect_shares_the_axis_of_the_changes(crossover):
    made = changed(study_of("one_arm"), "dmn", **SAID)
    if crossover:
        drugs = {"ketamine": "ketamine", "control": "placebo"}
        content = {**made.content, "kind": "crossover", "drugs": drugs, "sequences": {}}
        made = made_tables.replace(made, content=content)
    figure, _ = FIGURES["paired"](made)
    axes = figure.axes[3 * 3 + 2]
    assert axes.get_ylabel() == ("difference" if crossover else "change") + ", Fisher z"
    assert not axes.child_axes
    thin, thick, diamond = effect_drawn(axes)
    assert (thin, thick, diamond) == ([-0.05, 0.23], [-0.02, 0.19], [0.071])
    last = "ketamine\n− placebo" if crossover else "mean"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["n = 10", last]
    # the cloud is of the ten changes; a test of what nobody can see would be drawn as no effect
    assert len(axes.collections) == 2


def test_an_effect_that_was_not_tested_is_not_drawn(made):
    nothing = dict.fromkeys(
        ("estimate", "ci_low", "ci_high", "ci_holm_low", "ci_holm_high"), np.nan
    )
    figure, _ = FIGURES["paired"](changed(made, "dmn", **nothing))
    axes = figure.axes[3 * 3 + 2]
    assert effect_drawn(axes) == []
    assert "change not tested" in all_text(figure)


def test_points_of_one_level_stand_side_by_side_and_fewer_than_eight_have_no_cloud(made):
    offsets = rain(np.array([0.0, 2.6, 0.01, 0.02, 1.3]))
    assert offsets.tolist() == pytest.approx([0.0, 0.0, 0.075, 0.15, 0.0])
    assert rain(np.zeros(40)).max() == pytest.approx(0.36)
    values = np.array([-1.0, 0.0, 0.1, 0.2, 3.0])
    levels, density = cloud(values)
    assert (levels[0], levels[-1], density.max()) == (-1.0, 3.0, 1.0)
    width = values.std(ddof=1) * 5**-0.2
    kernels = np.exp(-(((levels[:, None] - values) / width) ** 2) / 2).sum(axis=1)
    assert density == pytest.approx(kernels / kernels.max())
    figure, _ = FIGURES["paired"](made)
    assert len(figure.axes[2].collections) == 2  # points of seven in each arm, no cloud


def test_a_circuit_of_one_edge_is_drawn_with_the_change_that_was_tested(made):
    _, numbers = FIGURES["circuits"](made)
    edge = numbers[numbers["circuit"] == "sgacc-rlpfc"]
    tested = rows.hypothesis_row(made.hypotheses, "sgacc-rlpfc", "change")
    assert edge["change"].tolist() == pytest.approx([tested["estimate"]])
    assert edge["n"].tolist() == [tested["n"]]
    assert numbers.groupby("circuit").size().to_dict() == {
        circuit: len(edges)
        for circuit, (_, edges, primary) in made_tables.CIRCUITS.items()
        if primary
    }


def test_matrices_stand_in_networks_and_keep_missing_pairs(made):
    relmat = made_tables.two_arms(parcels=239).mean_relmat
    figure, numbers = draw_matrices(relmat, made.design)
    assert len(numbers) == 2 * 239 * 238 / 2
    missing = relmat["z"].isna().sum()
    assert numbers[["baseline", "followup"]].isna().sum().sum() == missing > 0
    first = numbers.iloc[0]
    pair = relmat[
        (relmat["region_a"] == first["region_a"])
        & (relmat["region_b"] == first["region_b"])
        & (relmat["arm"] == first["arm"])
    ].set_index("role")["z"]
    assert first["difference"] == pytest.approx(pair["post"] - pair["pre"])
    images = [image for axes in figure.axes for image in axes.get_images()]
    matrix = np.ma.filled(images[0].get_array().astype(float), np.nan)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert images[0].norm.vmin == -images[0].norm.vmax
    assert "DefaultMode" in all_text(figure)


@pytest.mark.parametrize("parcels", [0, 60])
def test_a_matrix_of_edges_has_all_below_its_diagonal_and_survivors_above(parcels):
    made = made_tables.two_arms(parcels=parcels, size=24 if parcels else 16)
    edges = made_tables.edges_of(made)
    figure, numbers = draw_edges(edges, made.design)
    change = numbers[numbers["test"] == "change"]
    image = figure.axes[0].images[0].get_array()
    matrix = np.ma.filled(image.astype(float), np.nan)
    below, above = np.tril(matrix, -1), np.triu(matrix, 1)
    t = change["statistic"].abs()
    assert np.nansum(np.abs(below)) == pytest.approx(t.sum())
    assert np.nansum(np.abs(above)) == pytest.approx(t[change["survives"] == 1].sum())
    survivors = int(change["survives"].sum())
    assert survivors == (edges["p_fdr"] < 0.05)[edges["family"] == edges["family"].iloc[0]].sum()
    assert survivors > 0
    assert np.isnan(below).sum() == change["statistic"].isna().sum() == len(matrix) - 1
    shown = all_text(figure)
    assert f"{survivors} of {change['statistic'].notna().sum():,} edges survive" in shown
    assert f"left out: {len(matrix) - 1} in nobody at both sessions" in shown
    circled = figure.axes[0].collections
    assert sum(len(points.get_offsets()) for points in circled) == (survivors if parcels else 0)


def test_regions_without_a_network_stand_last(made):
    relmat = made_tables.two_arms(parcels=239).mean_relmat
    # as if the atlas named its unassigned regions first
    swap = {"Auditory": "unassigned", "unassigned": "Auditory"}
    ends = ["network_a", "network_b"]
    relmat[ends] = relmat[ends].replace(swap)
    figure, _ = draw_matrices(relmat, made.design)
    names = [text.get_text() for text in figure.axes[0].texts]
    assert names[-1] == "unassigned"
    assert names[0] == "CinguloOpercular"


def test_small_matrices_name_their_regions_in_the_order_of_the_table(made):
    figure, _ = FIGURES["matrices"](made)
    names = [text.get_text() for text in figure.axes[0].texts]
    assert names[:4] == ["sgACC", "R LPFC", "R habenula", "R frontal pole"]
    assert len(names) == len(made_tables.CENTRES)


def test_crowded_names_move_apart_and_stay_inside():
    places = spread([0.0, 10.0, 11.0, 12.0, 40.0], gap=4.0, low=0.0, high=40.0)
    assert places[0] == 0.0
    assert places[-1] == 40.0
    assert places[1:4] == pytest.approx([7.0, 11.0, 15.0])
    crowded = spread([0.0, 0.0, 0.0, 0.0], gap=10.0, low=0.0, high=6.0)
    assert crowded == pytest.approx([0.0, 2.0, 4.0, 6.0])


def test_regions_in_one_place_share_a_name():
    points = np.array([[0.0, 0.0], [3.0, 0.0], [40.0, 0.0]])
    groups = merge_close(points, 9.0)
    assert groups == [((1.5, 0.0), [0, 1]), ((40.0, 0.0), [2])]


def test_names_of_regions_cover_neither_each_other_nor_another_region(made):
    figure, _ = FIGURES["circuits"](made)
    renderer = figure.canvas.get_renderer()
    brains = [axes for axes in figure.axes if len(axes.texts) > 2]
    assert len(brains) >= 8
    for axes in brains:
        named = [text for text in axes.texts if text.get_fontsize() == 5.8]
        boxes = [text.get_window_extent(renderer) for text in named]
        for i, box in enumerate(boxes):
            for other in boxes[i + 1 :]:
                shared = max(0, min(box.x1, other.x1) - max(box.x0, other.x0)) * max(
                    0, min(box.y1, other.y1) - max(box.y0, other.y0)
                )
                assert shared < 0.15 * min(box.width * box.height, other.width * other.height)


@pytest.mark.parametrize("name", list(FIGURES))
@pytest.mark.parametrize("study", ["two_arms", "one_arm", "changes_only", "with_holes"])
def test_no_text_is_tiny_or_outside_the_figure(study, name):
    figure, _ = FIGURES[name](study_of(study))
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    for text in texts(figure):
        assert text.get_fontsize() >= 5.5, text.get_text()
        box = text.get_window_extent(renderer)
        assert box.x0 > -1, text.get_text()
        assert box.x1 < figure.bbox.x1 + 1, text.get_text()
        assert box.y0 > -1, text.get_text()
        assert box.y1 < figure.bbox.y1 + 1, text.get_text()
    assert figure.get_figwidth() * 25.4 == pytest.approx(180)


@pytest.mark.parametrize("name", ["circuits", "edges", "matrices", "influence"])
def test_the_larger_text_of_a_journal_stays_on_the_page(name, tmp_path):
    made = study_of("two_arms")
    if name == "edges":
        # networks whose names need as much room as those of the demo
        made = made_tables.two_arms(parcels=60, size=24)
        names = {"Default": "MedialTemporalLobe", "Cont": "FrontoParietal"}
        table = made_tables.edges_of(made).replace({"network_a": names, "network_b": names})
    with style.printed(Figures(journal="plos").printed(name)), style.paper_style():
        draw = (lambda made: draw_edges(table, made.design)) if name == "edges" else FIGURES[name]
        figure, numbers = draw(made)
        style.save_figure(figure, tmp_path / name, numbers)
        renderer = figure.canvas.get_renderer()
        page = figure.bbox.padded(1)
        for text in texts(figure):
            box = text.get_window_extent(renderer)
            assert page.contains(box.x0, box.y0), text.get_text()
            assert page.contains(box.x1, box.y1), text.get_text()


@pytest.mark.parametrize("journal", [None, "plos"])
@pytest.mark.parametrize(("lines", "size"), [(1, 5.8), (2, 5.8), (2, 6.8)])
def test_a_title_stands_above_the_result_below_it(journal, lines, size):
    with style.printed(Figures(journal=journal).printed("influence")), style.paper_style():
        figure = style.new_figure(60, 60)
        axes = figure.subplots()
        result = "\n".join(["100 % of 64: p = .019"] * lines)
        style.entitle(axes, "default-mode\nnetwork", result, lines=lines, size=size)
        figure.draw_without_rendering()
        renderer = figure.canvas.get_renderer()
        title, below = (
            text.get_window_extent(renderer) for text in (axes._left_title, axes.texts[0])
        )
    assert axes.bbox.y1 < below.y0 + 1
    assert below.y1 < title.y0 + 1
    assert title.y0 - below.y1 < 0.7 * below.height / lines


def test_names_above_narrow_panels_are_shorter_where_text_is_larger():
    name = "amygdala – dorsal ACC and more of them than fits"
    with style.printed(Figures().printed("influence")):
        assert style.two_lines(name, 20) == "Amygdala – dorsal\nACC and more of them"
    with style.printed(Figures(journal="plos").printed("influence")):
        assert style.two_lines(name, 20) == "Amygdala – dorsal\nACC and more of"


def test_names_of_both_sides_stand_on_their_sides_in_larger_text_too(made):
    with style.printed(Figures(journal="plos").printed("circuits")), style.paper_style():
        figure, _ = FIGURES["circuits"](made)
    for axes in figure.axes:
        sides = {
            text.get_text()[0]: text.get_position()[0]
            for text in axes.texts
            if text.get_text().endswith(("hippocampus", "amygdala", "AInsula"))
        }
        if {"L", "R"} <= set(sides) and "from above" in {text.get_text() for text in axes.texts}:
            assert sides["L"] < 0 < sides["R"]


def test_an_arm_has_one_colour_in_every_figure(made):
    paired, _ = FIGURES["paired"](made)
    association, _ = FIGURES["association"](made)
    means = {to_hex(line.get_color()) for line in paired.axes[1].lines if line.get_linewidth() == 2}
    points = {
        to_hex(colour)
        for points in association.axes[0].collections
        for colour in points.get_facecolor()[:, :3]
    }
    arms = {style.ARM_COLOURS["ketamine"], style.ARM_COLOURS["control"]}
    # and their colours have no other meaning
    influence, _ = FIGURES["influence"](made)
    marks = [points for axes in influence.axes for points in axes.collections]
    others = {to_hex(colour) for points in marks for colour in points.get_facecolor()}
    assert {style.FOUND, style.OPEN} <= others
    assert not arms & others
    assert means == arms
    assert arms <= points


def test_the_labels_of_the_study_are_shown_not_the_roles():
    figure, _ = FIGURES["paired"](made_tables.changes_only())
    shown = all_text(figure)
    assert "medication" in shown
    assert "placebo" in shown
    assert "control" not in shown
    association, _ = FIGURES["association"](made_tables.changes_only())
    assert "SSI change (supplied)" in all_text(association)


@pytest.mark.parametrize(
    ("study", "name", "words"),
    [
        ("without_scores", "association", "no score of suicidal ideation"),
        ("nothing_measured", "forest", "no result: "),
        ("without_pairs", "paired", "no pair to draw"),
        ("without_pairs", "association", "no association can be drawn"),
        ("without_pairs", "circuits", "change not tested"),
        ("nothing_measured", "paired", "no pair to draw"),
        ("nothing_measured", "circuits", "change not tested"),
        ("nothing_measured", "matrices", "none to draw"),
        ("nothing_measured", "edges", "none to draw"),
        ("without_pairs", "edges", "none to draw"),
        ("without_scores", "edges", "no association was tested"),
        ("nothing_measured", "qcfc", "no participant with both changes"),
        ("with_holes", "paired", "no value in any session"),
        ("with_holes", "association", "no participant with both changes"),
        ("with_holes", "circuits", "change not tested"),
    ],
)
def test_where_there_is_nothing_to_draw_the_figure_says_so(study, name, words):
    figure, numbers = FIGURES[name](study_of(study))
    assert words in all_text(figure)
    assert isinstance(numbers, pd.DataFrame)


def test_without_any_edge_the_circuits_figure_says_so(made):
    nothing = made.connectivity[made.connectivity["measure"] == "mean"]
    figure, numbers = draw_circuits(nothing, made.regions, made.hypotheses, made.design)
    assert "no connectivity" in all_text(figure)
    assert numbers.empty


def test_too_few_participants_to_test_are_drawn_as_measured_alone(made):
    few = ["sub-01", "sub-02", "sub-04"]
    connectivity = made.connectivity[made.connectivity["participant_id"].isin(few)]
    figure, numbers = draw_association(connectivity, made.scores, made.hypotheses, made.design)
    assert "not tested" in all_text(figure)
    assert set(numbers["kind"]) == {"participant"}
    assert numbers["x"].isna().all()
    assert numbers["connectivity_change"].notna().all()


@pytest.mark.parametrize("name", list(FIGURES))
def test_tables_read_from_files_give_the_same_numbers(name, made, tmp_path):
    frames = (
        "connectivity", "scores", "hypotheses", "regions", "mean_relmat",
        "runs", "motion", "qcfc", "qcfc_curves",
    )  # fmt: skip
    read = {}
    for frame in frames:
        write_tsv(tmp_path / f"{frame}.tsv", getattr(made, frame), digits=17)
        read[frame] = read_tsv(tmp_path / f"{frame}.tsv")
    _, expected = FIGURES[name](made)
    _, numbers = FIGURES[name](made_tables.replace(made, **read))
    pd.testing.assert_frame_equal(numbers, expected, check_dtype=False, rtol=1e-12)


def test_a_figure_is_saved_in_five_files_and_leaves_no_other(tmp_path, made):
    figure, numbers = FIGURES["matrices"](made)
    files = style.save_figure(figure, tmp_path / "out" / "matrices", numbers)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "matrices.json",
        "matrices.pdf",
        "matrices.png",
        "matrices.svg",
        "matrices.tsv",
    ]
    assert all(path.stat().st_size > 500 for path in files)
    saved = read_tsv(tmp_path / "out" / "matrices.tsv", numeric=("baseline",))
    np.testing.assert_allclose(saved["baseline"], numbers["baseline"], rtol=1e-7)
    assert b"<text" in (tmp_path / "out" / "matrices.svg").read_bytes()


_DRAW = """
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
import numpy as np, pandas as pd
from ketfc.reporting.figures import style
with style.paper_style():
    figure, axes = style.panel_grid(2, columns=3, panel_height=40)
    for i, name in enumerate(["zeta", "alpha äöü Δ"]):
        axes[i].plot([0, 1], [0, i], label=name)
        axes[i].bar([0, 1], [1, 2], hatch="//")
        style.entitle(axes[i], name, "p = .01")
        axes[i].legend()
    axes[0].imshow(np.arange(9.0).reshape(3, 3))
style.save_figure(figure, Path(sys.argv[1]), pd.DataFrame({"x": [1.5]}))
"""


def test_the_same_figure_has_the_same_bytes_on_any_day_and_hash_seed(tmp_path):
    for seed, epoch in (("1", "0"), ("2", "1000000000")):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": epoch}
        subprocess.run(
            [sys.executable, "-c", _DRAW, str(tmp_path / f"figure{seed}")],
            env=environment,
            check=True,
        )
    for suffix in (".pdf", ".svg", ".png", ".tsv"):
        first, second = ((tmp_path / f"figure{seed}{suffix}").read_bytes() for seed in "12")
        assert first == second, suffix
        assert b"atplotlib" not in second or suffix == ".svg"


class _LastBits(ConstrainedLayoutEngine):
    """A layout whose solver ends in other last bits, as kiwi's does now and then."""

    def execute(self, fig):
        super().execute(fig)
        for axes in fig.axes:
            x, y, width, height = axes.get_position(original=True).bounds
            axes.set_position((x + 3e-16, y, width - 1e-16, height + 2e-16), which="original")
            axes.set_in_layout(True)


def test_last_bits_of_the_layout_change_no_byte(tmp_path, made):
    for name in ("as_it_is", "other_bits"):
        figure, numbers = FIGURES["paired"](made)
        if name == "other_bits":
            figure.set_layout_engine(_LastBits())
        style.save_figure(figure, tmp_path / name, numbers)
    for suffix in (".svg", ".pdf", ".png"):
        assert (tmp_path / f"as_it_is{suffix}").read_bytes() == (
            tmp_path / f"other_bits{suffix}"
        ).read_bytes()


def test_the_readers_matplotlib_settings_do_not_change_a_figure(made):
    import matplotlib as mpl

    figure, _ = FIGURES["paired"](made)
    with mpl.rc_context({"font.size": 30, "axes.spines.top": True}):
        other, _ = FIGURES["paired"](made)
    sizes = [[text.get_fontsize() for text in texts(one)] for one in (figure, other)]
    assert sizes[0] == sizes[1]
    assert not other.axes[0].spines["top"].get_visible()


def test_colour_limits_are_round_and_symmetrical():
    assert style.nice_limit([0.21, -0.33, np.nan]) == pytest.approx(0.35)
    assert style.nice_limit([0.3]) == pytest.approx(0.3)
    assert style.nice_limit([]) == 0.1
    assert style.nice_limit([0.001]) == 0.1


@pytest.mark.parametrize("name", ["paired", "circuits"])
def test_a_circuit_that_follows_motion_is_marked_and_the_mark_explained(made, name):
    assert rows.MOTION_MARK not in all_text(FIGURES[name](made)[0])
    salience = made.hypotheses["hypothesis"] == "salience"
    flags = made.hypotheses["flags"].mask(salience, "exploratory;follows-motion")
    figure, _ = FIGURES[name](
        made_tables.replace(made, hypotheses=made.hypotheses.assign(flags=flags))
    )
    assert all_text(figure).count(f"{rows.MOTION_MARK} motion") == (1 if name == "paired" else 2)
    assert "change follows head motion" in all_text(figure)


def test_the_correlation_that_is_drawn_is_the_one_that_was_tested(made):
    _, numbers = FIGURES["qcfc"](made)
    row = rows.motion_row(made.motion, "dmn", "acompcor", "follows")
    drawn = numbers[(numbers["circuit"] == "dmn") & (numbers["kind"] == "participant")]
    assert len(drawn) == row["n"] == 14
    assert "participant_id" not in numbers
    # partial r from residuals given arm, as independent code has it
    x, y = (drawn[column] - drawn.groupby("arm")[column].transform("mean") for column in ("x", "y"))
    assert np.corrcoef(x, y)[0, 1] == pytest.approx(row["estimate"])
    compared = numbers[(numbers["panel"] == "strategies") & (numbers["kind"] == "median_abs_r")]
    assert set(compared["x"]) == set(made.qcfc["median_abs_r"])


def test_ten_strategies_have_ten_looks_and_names_that_do_not_touch(made):
    names = [f"strategy{i}" for i in range(9)]
    more = [made.qcfc[made.qcfc["strategy"] == "24P"].assign(strategy=name) for name in names]
    curves = made.qcfc_curves[made.qcfc_curves["strategy"] == "24P"]
    summary = pd.concat([made.qcfc[made.qcfc["strategy"] == "acompcor"], *more])
    curves = pd.concat([made.qcfc_curves, *[curves.assign(strategy=name) for name in names]])
    figure, _ = FIGURES["qcfc"](made_tables.replace(made, qcfc=summary, qcfc_curves=curves))
    figure.draw_without_rendering()
    first, *_ = figure.axes
    labels = [label for label in first.get_yticklabels() if label.get_text()]
    assert [label.get_text() for label in labels] == ["acompcor", *names]
    boxes = [label.get_window_extent(figure.canvas.get_renderer()) for label in labels]
    ordered = sorted(boxes, key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 1 for low, high in pairwise(ordered))
    lines = next(axes for axes in figure.axes if axes.get_ylabel() == "Density of edges").lines
    looks = {(to_hex(line.get_color()), str(line.get_linestyle())) for line in lines[:-1]}
    assert len(looks) >= 7
    legend = figure.axes[-1].get_legend().get_window_extent(figure.canvas.get_renderer())
    frame = figure.axes[-1].get_window_extent()
    assert frame.y0 - 30 < legend.y0 < legend.y1 < frame.y1 + 30
