"""Curves of power: what is simulated, and where they reach the power that is asked for."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ketfc.base.files import write_tsv
from ketfc.inference.core.permutation import stream
from ketfc.inference.power import curves
from ketfc.inference.power.curves import (
    DETECTABLE,
    LARGEST,
    NEEDED,
    NEEDED_COLUMNS,
    POWER_COLUMNS,
    needed_table,
    power_table,
    read_power,
    wilson,
)
from ketfc.inference.power.expectation import expected_effect, expected_n, expected_power
from ketfc.inference.power.planned import PlannedStudy, planned_study
from ketfc.inference.power.simulation import simulated_p
from ketfc.study.config.planning.power import parse_power


def planned(design: str = "single-arm", participants: int = 20, **more: Any) -> PlannedStudy:
    given = {name.replace("_", "-"): value for name, value in more.items()}
    about = {"design": design, "participants": participants, **given}
    return planned_study(parse_power({"power": about}))


@pytest.fixture(scope="module")
def study() -> PlannedStudy:
    effects = {"change": [0.8, 0.15], "association": [0.5, -0.4]}
    about = planned(curve=[10, 40], effects=effects, drop_out=0.1)
    return replace(about, studies=60, permutations=99)


@pytest.mark.parametrize("question", ["change", "association"])
def test_what_is_simulated_lies_about_what_the_formula_says(study, question):
    expected = set()
    for effect in study.effects[question]:
        needed = expected_n(study, question, effect)
        sizes = {10, 40, 20} | {round(needed * share) for share in (0.8, 0.9, 1.0, 1.15, 1.35)}
        expected |= {(n, effect) for n in sizes if 4 <= n <= 500}
    detectable = expected_effect(study, question, 20)
    expected |= {(20, round(detectable * share, 3)) for share in (0.8, 0.9, 1.0, 1.1, 1.25)}
    found = list(curves._points(study, question))
    assert set(found) == expected | {(20, 0.0)}
    assert len(found) == len(set(found))
    # small numbers first, effects in the order of the plan
    first = [n for n, effect in found if effect == study.effects[question][0]]
    assert first == sorted(first)


def test_no_study_is_too_small_or_larger_than_the_largest_of_a_curve():
    few = replace(planned(participants=4), curve=(3, 4), effects={"change": (2.0,)})
    assert min(n for n, _ in curves._points(few, "change")) == 4
    effects = {"change": (0.13,)}
    most = [n for n, _ in curves._points(replace(planned(), effects=effects), "change")]
    assert LARGEST == 500
    about = expected_n(planned(), "change", 0.13)
    assert 400 < 0.9 * about < 500 < 1.15 * about
    assert max(most) == max(n for n in (round(about * s) for s in (0.9, 1.0)) if n <= 500)
    further = replace(planned(), effects=effects, curve=(10, 600))
    assert max(n for n, _ in curves._points(further, "change")) == 600
    # no correlation above 0.99 is simulated, though the formula asks for it
    tiny = replace(planned(participants=6), effects={"association": (0.5,)})
    about = expected_effect(tiny, "association", 6)
    near = {round(about * share, 3) for share in (0.8, 0.9, 1.0, 1.1, 1.25)}
    own = {effect for n, effect in curves._points(tiny, "association") if n == 6}
    assert own == {0.0, 0.5, *(effect for effect in near if effect <= 0.99)}
    assert 1.1 * about > 0.99
    # where nothing is detectable there is no effect about it
    none = replace(tiny, participants=4, curve=(4,))
    assert np.isnan(expected_effect(none, "association", 4))
    assert {effect for _, effect in curves._points(none, "association")} == {0.0, 0.5}


def test_a_row_counts_the_studies_that_found_something(study):
    one = replace(study, effects={"change": (0.8,)}, curve=(10, 40))
    table = power_table(one, "change")
    assert table.columns.tolist() == list(POWER_COLUMNS)
    assert set(table["question"]) == {"change"}
    assert set(table["design"]) == {"single-arm"}
    assert set(table["studies"]) == {60}
    assert table["n_complete"].tolist() == [round(0.9 * n) for n in table["n"]]
    at_the_level = 0
    for row in table.itertuples():
        rng = stream(one.seed, f"power/change/{row.n}/{row.effect:.10g}")
        p = simulated_p(one, "change", row.n, row.effect, rng=rng)
        assert row.power == np.mean(p < 0.0501)
        assert (row.ci_low, row.ci_high) == wilson(round(row.power * 60), 60)
        formula = expected_power(one, "change", row.n, row.effect) if row.effect else 0.05
        assert row.analytic == formula
        at_the_level += int(np.isclose(p, 0.05).sum())
    # a p equal to the level is found
    assert at_the_level > 0


def made(study: PlannedStudy, sizes: list[int], effects: list[float]) -> pd.DataFrame:
    """Return power as the formula has it, with intervals beside, of one question."""
    rows = [(n, 0.8) for n in sizes] + [(20, effect) for effect in effects]
    table = pd.DataFrame(rows, columns=["n", "effect"]).drop_duplicates()
    table["power"] = [expected_power(study, "change", n, e) if e else 0.05 for n, e in rows]
    return table.assign(question="change", ci_low=table["power"] - 0.04,
                        ci_high=table["power"] + 0.04).sample(frac=1, random_state=1)  # fmt: skip


def between(x: list[float], power: list[float], target: float) -> float:
    """Return where a line in normal quantiles reaches a power, from its two nearest points."""
    z = stats.norm.ppf(power)
    return float(np.interp(stats.norm.ppf(target), z, x))


def test_needed_and_detectable_are_where_lines_in_normal_quantiles_cross():
    study = planned(effects={"change": [0.8, 0.15]}, target=0.7, studies=100)
    sizes, effects = [8, 10, 12, 14, 18], [0.0, 0.3, 0.45, 0.55, 0.65, 0.75, -0.6]
    table = made(study, sizes, effects)
    needed = needed_table(study, table)
    assert needed.columns.tolist() == list(NEEDED_COLUMNS)
    assert set(needed["target"]) == {0.7}
    assert set(needed["design"]) == {"single-arm"}
    first, second, last = needed.itertuples()
    own = table[table["effect"] == 0.8].sort_values("n")
    roots = np.sqrt(own["n"]).tolist()
    for name, column in (("value", "power"), ("ci_low", "ci_high"), ("ci_high", "ci_low")):
        assert getattr(first, name) == ceil(between(roots, own[column].tolist(), 0.7) ** 2)
    assert first.ci_low < first.value < first.ci_high
    assert (first.quantity, first.effect) == (NEEDED, 0.8)
    assert pd.isna(first.note)
    assert first.analytic == expected_n(study, "change", 0.8)
    assert np.isnan(second.value)
    assert second.analytic == expected_n(study, "change", 0.15)
    assert (last.quantity, last.n) == (DETECTABLE, 20)
    own = table[(table["n"] == 20) & (table["effect"] >= 0)].sort_values("effect")
    for name, column in (("value", "power"), ("ci_low", "ci_high"), ("ci_high", "ci_low")):
        at = between(own["effect"].tolist(), own[column].clip(1e-4).tolist(), 0.7)
        assert getattr(last, name) == pytest.approx(at)
    assert last.value == pytest.approx(expected_effect(study, "change", 20), abs=0.005)
    assert last.analytic == expected_effect(study, "change", 20)
    # what is not reached is said with the ends of what was simulated
    short = needed_table(study, made(study, [8, 10], [0.0, 0.3, 0.45]))
    assert short["value"].isna().all()
    notes = short["note"].tolist()
    assert notes[0] == "not reached within the participants that were simulated, 8 to 10"
    assert notes[2] == "not reached within the effects that were simulated, 0 to 0.45"


def test_power_that_was_written_is_read_as_it_was(study, tmp_path: Path):
    rows = [("change", "single-arm", 20, 18, 0.8, 0.75, 0.7, 0.8, np.nan, 60)]
    first = pd.DataFrame(rows, columns=list(POWER_COLUMNS))
    second = first.assign(question="association", n=21)
    for name, table in (("a.tsv", first), ("b.tsv", second)):
        write_tsv(tmp_path / name, table)
    found = read_power([tmp_path / "a.tsv", tmp_path / "b.tsv"])
    expected = pd.concat([first, second], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert all(found[name].dtype == np.int64 for name in ("n", "n_complete", "studies"))
