"""Pearson, Fisher and circuits, against numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_runs import CIRCUITS

from ketfc.imaging.run.connectivity import circuit_rows, fisher_z, pearson


def test_pearson_is_that_of_numpy(rng):
    series = rng.standard_normal((80, 12)).cumsum(axis=0) + 5
    r = pearson(series)
    expected = np.corrcoef(series.T)
    off = ~np.eye(12, dtype=bool)
    np.testing.assert_allclose(r[off], expected[off], rtol=0, atol=1e-13)
    assert np.isnan(np.diag(r)).all()
    np.testing.assert_array_equal(r, r.T)


def test_pearson_is_not_shrunk_when_volumes_are_few(rng):
    shared = rng.standard_normal((20, 1))
    series = shared + 0.5 * rng.standard_normal((20, 30))
    np.testing.assert_allclose(pearson(series)[0, 1], np.corrcoef(series[:, :2].T)[0, 1])


def test_missing_and_constant_columns_correlate_with_nothing(rng):
    series = rng.standard_normal((50, 6))
    series[:, 1], series[:, 3], series[7, 4] = 3.3, 0.0, np.nan
    r = pearson(series)
    dead = [1, 3, 4]
    assert np.isnan(r[dead]).all()
    assert np.isnan(r[:, dead]).all()
    alive = [0, 2, 5]
    np.testing.assert_allclose(
        r[np.ix_(alive, alive)][0, 1:], np.corrcoef(series[:, alive].T)[0, 1:]
    )


@pytest.mark.parametrize("level", [-1000.1, 1000.1])
def test_rounding_of_a_constant_column_is_no_signal(level, rng):
    series = rng.standard_normal((50, 3))
    series[:, 1] = level + 1e-12 * rng.standard_normal(50)
    assert np.isnan(pearson(series)[1]).all()
    # after cleaning, the size of what there was before tells rounding from signal
    series[:, 1] -= level
    assert np.isfinite(pearson(series)[1, [0, 2]]).all()
    assert np.isnan(pearson(series, np.array([1.0, 1000.1, 1.0]))[1]).all()
    small = np.array([1.0, 1e-12, 1.0])
    np.testing.assert_array_equal(pearson(series, small), pearson(series))


def test_columns_that_are_copies_correlate_at_one_and_not_above(rng):
    column = rng.standard_normal(300)
    r = pearson(np.column_stack([column, 7 * column, -column]))
    assert r[0, 1] == pytest.approx(1)
    assert r[0, 2] == pytest.approx(-1)
    assert np.nanmax(np.abs(r)) <= 1


def test_fisher_z_is_the_inverse_hyperbolic_tangent_and_finite():
    r = np.array([-0.9, 0.0, 0.3, 1.0, -1.0, np.nan])
    z = fisher_z(r)
    np.testing.assert_allclose(z[:3], 0.5 * np.log((1 + r[:3]) / (1 - r[:3])))
    assert 8 < z[3] < 9
    assert z[4] == -z[3]
    assert np.isnan(z[5])


@pytest.fixture
def matrix(rng) -> pd.DataFrame:
    names = list("abcd")
    values = np.corrcoef(rng.standard_normal((4, 25)))
    return pd.DataFrame(values, index=names, columns=names)


COVERAGE = pd.Series({"a": 1.0, "b": 0.9, "c": 0.8, "d": 0.1})


def test_a_circuit_has_a_row_for_each_edge_and_one_for_their_mean(matrix):
    table = circuit_rows(matrix, CIRCUITS, COVERAGE)
    assert table["circuit"].tolist() == ["one"] * 2 + ["within"] * 4 + ["between"] * 5
    assert table["measure"].tolist() == (
        ["edge", "mean"] + ["edge"] * 3 + ["mean"] + ["edge"] * 4 + ["mean"]
    )
    within = table[table["circuit"] == "within"]
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    z = [np.arctanh(matrix.loc[p]) for p in pairs]
    assert list(zip(within["region_a"], within["region_b"], strict=True))[:3] == pairs
    np.testing.assert_allclose(within["z"], [*z, np.mean(z)])
    np.testing.assert_allclose(within["r"], [*np.tanh(z), np.tanh(np.mean(z))])
    assert within["coverage_b"].tolist()[:3] == [0.9, 0.8, 0.8]
    assert within[["region_a", "region_b", "coverage_a", "coverage_b"]].iloc[3].isna().all()


def test_a_circuit_with_a_missing_edge_is_missing(matrix):
    matrix.loc["d"] = matrix["d"] = np.nan
    table = circuit_rows(matrix, CIRCUITS, COVERAGE).set_index(["circuit", "measure"])
    assert np.isfinite(table.loc[("within", "mean"), "z"]).all()
    assert table.loc[("between", "mean"), ["r", "z"]].isna().all(axis=None)
    assert table.loc[("between", "edge"), "z"].isna().tolist() == [False, True, False, True]
