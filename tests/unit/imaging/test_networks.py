"""The three networks of a parcellation, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketfc.imaging.group.networks import (
    NETWORK_COLUMNS,
    Networks,
    network_rows,
    network_table,
    strength_rows,
    triple_network_of,
)

# two parcels of default mode, three of salience, two of control, one visual, one of none
PARCELS = pd.DataFrame(
    {
        "name": ["s1", "d1", "v1", "c1", "s2", "t1", "d2", "c2", "s3"],
        "network": [
            "SalVentAttnA", "Default", "Vis", "Cont", "SalVentAttnB", "unassigned", "Default",
            "Cont", "SalVentAttnA",
        ],
    }
)  # fmt: skip
NAMES = list(PARCELS["name"])
EDGES = {
    ("d1", "d2"): 0.5,
    ("s1", "s2"): 0.6, ("s1", "s3"): -0.3, ("s2", "s3"): 0.3,
    ("c1", "c2"): -0.2,
    ("d1", "s1"): -0.4, ("d1", "s2"): 0.2, ("d1", "s3"): 0.0,
    ("d2", "s1"): 0.1, ("d2", "s2"): -0.1, ("d2", "s3"): 0.4,
    ("d1", "c1"): 0.3, ("d1", "c2"): -0.1, ("d2", "c1"): 0.1, ("d2", "c2"): 0.2,
    ("s1", "c1"): 0.7, ("s1", "c2"): -0.6, ("s2", "c1"): 0.1, ("s2", "c2"): 0.2,
    ("s3", "c1"): 0.3, ("s3", "c2"): -0.5,
    ("d1", "v1"): -0.8, ("d2", "v1"): 0.6, ("s1", "v1"): 0.1, ("s2", "v1"): -0.2, ("s3", "v1"): 0.0,
    ("c1", "v1"): 0.4, ("c2", "v1"): -0.4,
}  # fmt: skip


def matrix(edges: dict[tuple[str, str], float] = EDGES, *, lost: str = "") -> pd.DataFrame:
    """Return a matrix; every edge with the parcel of no network is 9, so that it would show."""
    z = pd.DataFrame(9.0, NAMES, NAMES)
    for (a, b), value in edges.items():
        z.loc[a, b] = z.loc[b, a] = value
    z = z.where(~np.eye(len(z), dtype=bool))
    if lost:
        z.loc[lost] = z[lost] = np.nan
    return z


def table_of(
    sessions: list[tuple[str, str, pd.DataFrame]], *, min_coverage: float = 0.5, parcels=PARCELS
) -> pd.DataFrame:
    people = dict.fromkeys([*(who for who, _, _ in sessions), "sub-9"])
    runs = pd.DataFrame(
        [(who, f"ses{role}", role) for who in people for role in ("pre", "post")],
        columns=["participant_id", "session", "role"],
    )
    return network_table(
        {"36P": list(sessions), "24P": list(sessions), "none": []},
        runs,
        parcels,
        atlas="Made",
        primary="36P",
        min_coverage=min_coverage,
    )


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the session that was measured: the other one of each has none."""
    return table[
        (table["participant_id"] == "sub-1")
        & (table["role"] == "pre")
        & (table["strategy"] == "36P")
    ]


def values(table: pd.DataFrame, who: str, role: str) -> dict[str, float]:
    rows = table[
        (table["participant_id"] == who) & (table["role"] == role) & (table["strategy"] == "36P")
    ]
    rows = rows[rows["measure"] != "strength"]
    keys = rows["measure"] + " " + rows["network_a"] + " " + rows["network_b"]
    return dict(zip(keys, rows["value"].astype(float), strict=True))


@pytest.mark.parametrize(
    ("label", "network"),
    [
        ("Default", "default-mode"),
        ("DefaultC", "default-mode"),
        ("DefaultMode", "default-mode"),
        ("Default_Mode", "default-mode"),
        ("dmn", "default-mode"),
        ("SalVentAttn", "salience"),
        ("SalVentAttnB", "salience"),
        ("Salience", "salience"),
        ("Cont", "frontoparietal"),
        ("ContA", "frontoparietal"),
        ("FrontoParietal", "frontoparietal"),
        ("Fronto-parietal", "frontoparietal"),
        ("DorsAttn", None),
        ("VentralAttention", None),
        ("CinguloOpercular", None),
        ("Contralateral", None),
        ("TempPar", None),
        ("Salt", None),
        ("", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_networks_are_known_by_the_names_of_common_parcellations(label, network):
    assert triple_network_of(label) == network


def test_every_measure_is_that_worked_out_by_hand():
    found = values(table_of([("sub-1", "pre", matrix())]), "sub-1", "pre")
    # negative correlations as they are
    assert found["within default-mode default-mode"] == pytest.approx(0.5)
    assert found["within salience salience"] == pytest.approx((0.6 - 0.3 + 0.3) / 3)
    assert found["within frontoparietal frontoparietal"] == pytest.approx(-0.2)
    assert found["between default-mode salience"] == pytest.approx(0.2 / 6)
    assert found["between default-mode frontoparietal"] == pytest.approx(0.5 / 4)
    assert found["between salience frontoparietal"] == pytest.approx(0.2 / 6)
    # negative correlations as zero; with all other networks, the visual one among them
    outside = (0.2 + 0.1 + 0.4) + (0.3 + 0.1 + 0.2) + 0.6
    assert found["segregation default-mode default-mode"] == pytest.approx(
        (0.5 - outside / 12) / 0.5
    )
    inside, outside = 0.9 / 3, ((0.2 + 0.1 + 0.4) + (0.7 + 0.1 + 0.2 + 0.3) + 0.1) / 15
    assert found["segregation salience salience"] == pytest.approx((inside - outside) / inside)
    # nothing is left of its own connectivity
    assert np.isnan(found["segregation frontoparietal frontoparietal"])
    every_inside = (0.5 + 0.6 + 0.3) / 5
    every_outside = (0.7 + 0.6 + 1.3 + 0.6 + 0.1 + 0.4) / 23
    assert found["segregation all all"] == pytest.approx(
        (every_inside - every_outside) / every_inside
    )


def test_what_cannot_be_measured_has_a_reason():
    table = table_of([("sub-1", "pre", matrix())])
    own = measured(table)
    row = own[(own["measure"] == "segregation") & (own["network_a"] == "frontoparietal")].iloc[0]
    assert row["reason"] == "no positive connectivity within the network"
    absent = table[(table["participant_id"] == "sub-9") & (table["strategy"] == "36P")]
    # both sessions, ten measures each
    assert len(absent) == 20
    assert absent["value"].isna().all()
    assert set(absent["reason"]) == {"no usable run"}
    assert set(table.loc[table["strategy"] == "none", "reason"]) == {"no usable run"}
    assert tuple(table) == NETWORK_COLUMNS
    assert table["value"].notna().eq(table["reason"].isna()).all()


def test_strength_is_the_mean_over_the_other_parcels_of_any_network():
    table = table_of([("sub-1", "pre", matrix())])
    rows = measured(table).query("measure == 'strength'").set_index("region")
    # the parcels of the three networks, not the visual one, and that of none least of all
    assert sorted(rows.index) == ["c1", "c2", "d1", "d2", "s1", "s2", "s3"]
    assert rows.loc["d1", "value"] == pytest.approx((0.5 + 0.2 + 0.3) / 7)
    assert rows.loc["s1", "value"] == pytest.approx((0.6 + 0.1 + 0.7 + 0.1) / 7)
    assert rows.loc["s1", "network_a"] == "salience"
    assert (rows["n_edges"] == 7).all()


def test_a_parcel_lost_at_one_session_counts_at_neither():
    sessions = [
        ("sub-1", "post", matrix(lost="s2")),
        ("sub-1", "pre", matrix()),
        ("sub-2", "post", matrix()),
        ("sub-2", "pre", matrix()),
    ]
    table = table_of(sessions)
    both = [values(table, "sub-1", role) for role in ("pre", "post")]
    for found in both:
        assert found["within salience salience"] == pytest.approx(-0.3)
        assert found["between default-mode salience"] == pytest.approx((-0.4 + 0.0 + 0.1 + 0.4) / 4)
        assert np.isnan(found["segregation salience salience"])
        outside = (0.1 + 0.4) + (0.3 + 0.1 + 0.2) + 0.6
        assert found["segregation default-mode default-mode"] == pytest.approx(
            (0.5 - outside / 10) / 0.5
        )
    assert values(table, "sub-2", "pre")["within salience salience"] == pytest.approx(0.2)
    own = table[(table["participant_id"] == "sub-1") & (table["role"] == "pre")]
    lost = own[own["region"] == "s2"].iloc[0]
    assert np.isnan(lost["value"])
    assert lost["reason"] == "the parcel is not covered"
    row = own[(own["measure"] == "within") & (own["network_a"] == "salience")].iloc[0]
    assert (row["n_parcels"], row["n_covered"], row["n_edges"]) == (3, 2, 1)
    # without that parcel the strength of the others is a mean over one less
    other = own[own["region"] == "s1"].iloc[0]
    assert other["value"] == pytest.approx((0.1 + 0.7 + 0.1) / 6)


def test_a_network_of_too_few_covered_parcels_is_not_measured():
    sessions = [("sub-1", "pre", matrix(lost="s2"))]
    enough = values(table_of(sessions, min_coverage=2 / 3), "sub-1", "pre")
    assert enough["within salience salience"] == pytest.approx(-0.3)
    table = table_of(sessions, min_coverage=0.7)
    found = values(table, "sub-1", "pre")
    for name in ("within salience salience", "between default-mode salience",
                 "between salience frontoparietal", "segregation salience salience"):  # fmt: skip
        assert np.isnan(found[name])
    assert found["within default-mode default-mode"] == pytest.approx(0.5)
    assert found["between default-mode frontoparietal"] == pytest.approx(0.5 / 4)
    own = measured(table)
    row = own[(own["measure"] == "between") & (own["network_b"] == "salience")].iloc[0]
    assert row["reason"] == "2 of 3 parcels of the salience network are covered"


def test_a_session_without_a_number_costs_the_other_nothing():
    sessions = [("sub-1", "post", matrix() * np.nan), ("sub-1", "pre", matrix())]
    table = table_of(sessions)
    assert values(table, "sub-1", "pre")["within default-mode default-mode"] == 0.5
    empty = table[(table["participant_id"] == "sub-1") & (table["role"] == "post")]
    assert set(empty["reason"]) == {"no usable run"}
    assert set(empty["session"]) == {"sespost"}


def test_a_parcellation_without_networks_has_rows_that_say_so():
    table = table_of([("sub-1", "pre", matrix())], parcels=PARCELS.assign(network=None))
    assert table["value"].isna().all()
    assert set(table["reason"]) == {"the parcellation labels none of the three networks"}
    some = PARCELS.assign(network=PARCELS["network"].where(PARCELS["network"] != "Default"))
    table = table_of([("sub-1", "pre", matrix())], parcels=some)
    found = values(table, "sub-1", "pre")
    assert np.isnan(found["within default-mode default-mode"])
    assert found["within salience salience"] == pytest.approx(0.2)
    row = measured(table).set_index("measure").loc["within"].iloc[0]
    assert row["reason"] == "the parcellation labels no parcel as default-mode network"


def test_rows_stand_by_participant_session_and_strategy():
    sessions = [("sub-2", "pre", matrix()), ("sub-1", "pre", matrix())]
    table = table_of(sorted(sessions))
    keys = table[["participant_id", "session", "strategy"]].drop_duplicates()
    assert keys["participant_id"].tolist() == sorted(keys["participant_id"])
    assert keys["strategy"].tolist() == ["36P", "24P", "none"] * 6
    # of a comparison strategy there are no strengths
    of = table.groupby("strategy")["measure"].agg(set)
    assert "strength" in of["36P"]
    assert of["24P"] == of["36P"] - {"strength"}


def test_measures_are_those_of_another_order_of_parcels():
    shuffled = PARCELS.iloc[[4, 0, 8, 2, 7, 1, 3, 6, 5]]
    first, other = Networks.of(PARCELS), Networks.of(shuffled)
    z = matrix()
    one, two = (
        {
            (row["measure"], row["network_a"], row["network_b"], row.get("region")): row.get(
                "value"
            )
            for rows in (
                network_rows(
                    z.loc[list(of.regions), list(of.regions)].to_numpy(),
                    np.ones(8, dtype=bool),
                    of,
                    min_coverage=1.0,
                ),
                strength_rows(
                    z.loc[list(of.regions), list(of.regions)].to_numpy(),
                    np.ones(8, dtype=bool),
                    of,
                ),
            )
            for row in rows
        }
        for of in (first, other)
    )
    assert one.keys() == two.keys()
    assert {key: value for key, value in one.items() if value is not None} == pytest.approx(
        {key: value for key, value in two.items() if value is not None}
    )
