"""Similarity of sessions, against scipy and against a study of known people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import ketfc.imaging.group.similarity as module
from ketfc.imaging.group.similarity import pairwise_r, session_similarity


def test_correlations_over_shared_columns_are_those_of_scipy(rng):
    from scipy.stats import pearsonr

    a = rng.standard_normal((3, 200)).astype(np.float32)
    b = (0.5 * a + rng.standard_normal((3, 200))).astype(np.float32)
    a[0, :40] = np.nan
    b[1, 30:90] = np.nan
    found = pairwise_r(a, b)
    for i in range(3):
        for j in range(3):
            both = np.isfinite(a[i]) & np.isfinite(b[j])
            assert found[i, j] == pytest.approx(pearsonr(a[i][both], b[j][both])[0], abs=1e-5)


def test_what_cannot_be_compared_is_missing():
    a = np.array([[1, 2, np.nan, np.nan], [1, 1, 1, 1], [1, 2, 3, 5]], dtype=np.float32)
    found = pairwise_r(a, a[2:])
    assert np.isnan(found[:2]).all()
    assert found[2, 0] == pytest.approx(1)
    # three columns that both have are enough
    three = np.array([[1, 2, 4, np.nan]], dtype=np.float32)
    expected = np.corrcoef([1, 2, 4], [1, 2, 3])[0, 1]
    assert pairwise_r(three, a[2:])[0, 0] == pytest.approx(expected)


def matrices(rng, swap: bool = False):
    """Yield sessions of five people, each like themselves; the last two may be swapped."""
    own = [np.triu(rng.standard_normal((20, 20)), 1) for _ in range(5)]
    for i in range(5):
        other = {3: 4, 4: 3}.get(i, i) if swap else i
        for role, who in (("pre", i), ("post", other), ("late", 0)):
            if (i, role) == (2, "post"):
                continue
            z = own[who] + 0.5 * np.triu(rng.standard_normal((20, 20)), 1)
            yield f"sub-{i}", role, pd.DataFrame(z + z.T)


def test_people_are_most_like_themselves(rng):
    table = session_similarity(matrices(rng), "pre", "post").set_index("participant_id")
    assert list(table.index) == [f"sub-{i}" for i in range(5)]
    # who has no second session is listed, without numbers
    assert table.loc["sub-2"].isna().all()
    rest = table.drop("sub-2")
    assert (rest["rank"] == 1).all()
    assert (rest["n_others"] == 3).all()
    assert (rest["n_edges"] == 190).all()
    assert (rest["r_own"] > 0.6).all()
    assert (rest["r_others_max"] < 0.4).all()
    assert (rest["r_others_median"] <= rest["r_others_max"]).all()


def test_swapped_images_are_found(rng):
    table = session_similarity(matrices(rng, swap=True), "pre", "post").set_index("participant_id")
    assert (table.loc[["sub-0", "sub-1"], "rank"] == 1).all()
    assert (table.loc[["sub-3", "sub-4"], "rank"] > 1).all()


def test_one_participant_has_nobody_to_be_compared_with(rng):
    one = [each for each in matrices(rng) if each[0] == "sub-0"]
    (row,) = session_similarity(one, "pre", "post").to_dict("records")
    assert row["rank"] == 1
    assert row["n_others"] == 0
    assert np.isnan(row["r_others_median"])


def test_nobody_gives_an_empty_table():
    assert session_similarity([], "pre", "post").empty


def test_many_people_and_edges_are_the_same_in_parts(rng, monkeypatch):
    sessions = list(matrices(rng, swap=True))
    whole = session_similarity(sessions, "pre", "post")
    monkeypatch.setattr(module, "_COLUMNS", 7)
    monkeypatch.setattr(module, "_PEOPLE", 2)
    parts = session_similarity(sessions, "pre", "post")
    pd.testing.assert_frame_equal(parts, whole, rtol=1e-5)
