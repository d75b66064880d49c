"""Mean matrices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketfc.inference.edges.mean_matrices import RELMAT_COLUMNS, mean_relmats

REGIONS = ["V1", "sgACC", "A2"]


def matrix(seed: int, regions: list[str] = REGIONS) -> pd.DataFrame:
    r = np.corrcoef(np.random.default_rng(seed).normal(size=(len(regions), 30)))
    return pd.DataFrame(r, index=regions, columns=regions)


def test_cells_hold_the_mean_fisher_z_of_their_participants():
    a, b, c = matrix(0), matrix(1), matrix(2)
    table = mean_relmats(
        [("pre", "placebo", a), ("post", "placebo", c), ("pre", "placebo", b)],
        atlas="X",
        strategy="24P",
        networks={"V1": "Vis", "sgACC": "Limbic"},
    )
    assert tuple(table.columns) == RELMAT_COLUMNS
    assert len(table) == 2 * 3
    pairs = list(zip(table["region_a"], table["region_b"], strict=True))
    assert pairs[:3] == [("V1", "sgACC"), ("V1", "A2"), ("sgACC", "A2")]
    row = table.iloc[1]
    assert row["z"] == pytest.approx(
        (np.arctanh(a.loc["V1", "A2"]) + np.arctanh(b.loc["V1", "A2"])) / 2
    )
    assert table["n"].tolist() == [2, 2, 2, 1, 1, 1]
    assert table["role"].tolist() == ["pre"] * 3 + ["post"] * 3
    assert (row["network_a"], row["atlas"], row["strategy"], row["arm"]) == (
        "Vis",
        "X",
        "24P",
        "placebo",
    )
    assert pd.isna(row["network_b"])


def test_an_excluded_region_lowers_n_where_it_is_missing_only():
    a, b = matrix(0), matrix(1)
    b.loc["A2", :] = np.nan
    b.loc[:, "A2"] = np.nan
    table = mean_relmats([("pre", "all", a), ("pre", "all", b)], atlas="X", strategy="s")
    assert table["n"].tolist() == [2, 1, 1]
    assert table["z"].iloc[1] == pytest.approx(np.arctanh(a.loc["V1", "A2"]))
    alone = mean_relmats([("pre", "all", b)], atlas="X", strategy="s")
    assert alone["n"].tolist() == [1, 0, 0]
    assert alone["z"].isna().tolist() == [False, True, True]


def test_one_signal_under_two_names_has_no_fisher_z():
    a = matrix(0)
    a.loc["V1", "A2"] = a.loc["A2", "V1"] = 1.0
    table = mean_relmats([("pre", "all", a)], atlas="X", strategy="s")
    assert table["n"].tolist() == [1, 0, 1]
    assert np.isfinite(table["z"].dropna()).all()


def test_regions_in_another_order_are_put_right_and_other_regions_refused():
    a = matrix(0)
    turned = a.loc[REGIONS[::-1], REGIONS[::-1]]
    table = mean_relmats([("pre", "all", a), ("pre", "all", turned)], atlas="X", strategy="s")
    once = mean_relmats([("pre", "all", a)], atlas="X", strategy="s")
    assert table["z"].tolist() == pytest.approx(once["z"].tolist())
    with pytest.raises(ValueError, match="Elsewhere"):
        mean_relmats(
            [("pre", "all", a), ("pre", "all", matrix(1, ["V1", "sgACC", "Elsewhere"]))],
            atlas="X",
            strategy="s",
        )


def test_no_matrices_give_a_table_without_rows():
    assert tuple(mean_relmats([], atlas="X", strategy="s").columns) == RELMAT_COLUMNS
