"""ComBat between sites: its formula by hand, what it keeps, what it takes out, who is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_hypotheses import CIRCUITS, Study, adjusted, study
from scipy import optimize

from ketfc.inference.harmonization.combat import Harmonized, harmonized
from ketfc.inference.robustness.checks import Settings
from ketfc.inference.robustness.table import robustness
from ketfc.reporting.text.beside.robustness import robustness_methods, robustness_section

pytest.importorskip("longcombat", reason="the extra `combat` is not installed")

PEOPLE = 19
SETTINGS = Settings(seed=1, permutations=199, alpha=0.05, margin=0.1)
IDS = [circuit.id for circuit in CIRCUITS]


def sites() -> list[str]:
    """Three of unequal size, which lie neither with nor across the arms."""
    return [("B", "A", "A", "C", "B", "A", "A")[i % 7] for i in range(PEOPLE)]


def at_sites(shift: float = 0.0, **about: Any) -> Study:
    """Arms that alternate, connectivity raised at site C, and more spread out at B."""
    where = about.pop("where", sites())
    ages = np.random.default_rng(3).normal(40, 9, PEOPLE).round(1).tolist()
    made = adjusted(study(PEOPLE, **about), blocks="site", site=where, age=ages)
    of = dict(zip(sorted(made.content["participants"]), where, strict=True))
    at = made.connectivity["participant_id"].map(of)
    z = made.connectivity["z"] + shift * (at == "C")
    made.connectivity["z"] = z.where(at != "B", 0.2 + (1 + abs(shift)) * (z - 0.2))
    return made


def combat(made: Study, covariates: tuple[str, ...] = ("age",)) -> dict[str, Harmonized]:
    return harmonized(
        made.connectivity, made.design, CIRCUITS, strategy="acompcor", covariates=covariates
    )


def table_of(made: Study) -> pd.DataFrame:
    return robustness(
        made.connectivity,
        made.scores,
        made.design,
        CIRCUITS,
        strategy="acompcor",
        settings=SETTINGS,
        combat=("age",),
    )


def means(made: Study) -> pd.DataFrame:
    own = made.connectivity.query("measure == 'mean' and strategy == 'acompcor'")
    wide = own.pivot_table(index=["participant_id", "role"], columns="circuit", values="z")
    return wide[IDS].sort_index()


def by_hand(made: Study, rounds: int = 30) -> pd.DataFrame:
    """Follow longCombat.R (Beer 2020) line by line, its mixed models fitted here by REML."""
    y = means(made)
    who = y.index.get_level_values(0)
    terms = made.content["terms"]["values"]
    site = np.array([terms["site"][one] for one in who])
    arm = np.array([made.content["participants"][one] == "ketamine" for one in who], dtype=float)
    post = (y.index.get_level_values(1) == "post").astype(float)
    age = np.array([terms["age"][one] for one in who])
    age = (age - age.mean()) / age.std()
    labels = sorted(set(site))
    batch = np.column_stack([site == one for one in labels[1:]]).astype(float)
    X = np.column_stack([np.ones(len(y)), arm, post, arm * post, age, batch])
    Z = np.column_stack([who == one for one in sorted(set(who))]).astype(float)
    n, k = X.shape

    def fit(v: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        def solve(ratio: float) -> tuple[float, np.ndarray, float, np.ndarray]:
            V = np.eye(n) + ratio * Z @ Z.T
            Vi = np.linalg.inv(V)
            beta = np.linalg.solve(X.T @ Vi @ X, X.T @ Vi @ v)
            r = v - X @ beta
            s2 = float(r @ Vi @ r) / (n - k)
            half = np.linalg.slogdet(V)[1] + np.linalg.slogdet(X.T @ Vi @ X)[1]
            return (n - k) * np.log(s2) + half, beta, s2, ratio * Z @ Z.T @ Vi @ r

        best = optimize.minimize_scalar(
            lambda log: solve(np.exp(log))[0], bounds=(-12, 8), method="bounded",
            options={"xatol": 1e-10},
        )  # fmt: skip
        _, beta, s2, blup = solve(float(np.exp(best.x)))
        return beta, X @ beta + blup, np.sqrt(s2)

    fits = [fit(y[one].to_numpy()) for one in IDS]
    sizes = np.array([(site == one).sum() for one in labels])
    effects = np.array([beta[-len(labels) + 1 :] for beta, *_ in fits]).T
    first = -(sizes[1:] @ effects) / n
    effects = np.vstack([first, effects + first])
    row = np.array([labels.index(one) for one in site])
    predicted = np.column_stack([p for _, p, _ in fits])
    sigma = np.array([s for *_, s in fits])
    std = (y.to_numpy() - predicted + effects[row]) / sigma
    at = [std[row == i] for i in range(len(labels))]
    gamma = np.array([a.mean(0) for a in at])
    delta = np.array([a.var(0, ddof=1) for a in at])
    gbar, t2 = gamma.mean(1)[:, None], gamma.var(1, ddof=1)[:, None]
    d, s2 = delta.mean(1)[:, None], delta.var(1, ddof=1)[:, None]
    lam, theta = (d**2 + 2 * s2) / s2, (d**3 + d * s2) / s2
    m = sizes[:, None]

    def spread(g: np.ndarray) -> np.ndarray:
        squares = np.array([((a - g[i]) ** 2).sum(0) for i, a in enumerate(at)])
        return (theta + squares / 2) / (m / 2 + lam - 1)

    g = (m * t2 * gamma + delta * gbar) / (m * t2 + delta)
    dd = spread(g)
    for _ in range(rounds):
        g, dd = (m * t2 * gamma + dd * gbar) / (m * t2 + dd), spread(g)
    out = sigma / np.sqrt(dd[row]) * (std - g[row]) + predicted - effects[row]
    return pd.DataFrame(out, index=y.index, columns=IDS)


def test_the_numbers_are_those_of_the_published_formula():
    made = at_sites(0.4)
    expected = by_hand(made)
    found = combat(made)
    for name in IDS:
        assert found[name].obstacle is None
        assert found[name].z.index.equals(expected.index)
        np.testing.assert_allclose(found[name].z, expected[name], atol=2e-4)
    # so close that a wrong term would show
    assert np.abs(expected - means(made)).to_numpy().max() > 0.2


def test_a_shift_of_a_site_goes_and_a_planted_change_stays():
    made = at_sites(1.2, planted=True)
    z = combat(made)["sgacc-rlpfc"].z.unstack()  # noqa: PD010
    raw = means(made)["sgacc-rlpfc"].unstack()  # noqa: PD010
    at = pd.Series(made.content["terms"]["values"]["site"])
    ketamine = pd.Series(made.content["participants"]) == "ketamine"

    def shift(table: pd.DataFrame) -> float:
        return float(table[at == "C"].mean(axis=1).mean() - table[at == "A"].mean(axis=1).mean())

    def effect(table: pd.DataFrame) -> float:
        change = table["post"] - table["pre"]
        return float(change[ketamine].mean() - change[~ketamine].mean())

    assert shift(raw) > 0.8
    assert abs(shift(z)) < 0.25
    assert effect(z) == pytest.approx(effect(raw), abs=0.12)
    assert effect(z) > 0.35


def test_no_score_is_looked_at():
    made = at_sites(0.4)
    before = combat(made)["dmn"].z
    made.scores["score"] = np.random.default_rng(8).normal(10, 5, len(made.scores))
    pd.testing.assert_series_equal(combat(made)["dmn"].z, before)


def test_rows_with_and_without_stand_beside_one_another():
    made = at_sites(0.4, planted=True)
    table = table_of(made)
    plain = made.test()
    for circuit in ("sgacc-rlpfc", "dmn"):
        for test in ("change", "association"):
            own = table[(table["hypothesis"] == circuit) & (table["test"] == test)]
            rows = own.set_index("method")
            primary = plain[(plain["hypothesis"] == circuit) & (plain["test"] == test)].iloc[0]
            without = rows.loc["without-combat"]
            assert without["p"] == primary["p_permutation"]
            assert without["estimate"] == primary["estimate"]
            assert rows.loc["combat", "n"] == without["n"] == PEOPLE
            # a correlation of ranks may be the same
            if test == "change":
                assert rows.loc["combat", "estimate"] != without["estimate"]
            assert (
                "3 sites, fitted without scores, arm by session and age kept"
                in rows.loc["combat", "note"]
            )
    section = robustness_section(table, plain, made.design)
    assert len(section.harmonized) == 4
    assert "with ComBat +0." in section.harmonized[0]
    assert "longitudinal ComBat [@beer2020]" in robustness_methods(table, 0.1)[0]


def test_who_was_alone_at_a_site_is_left_out_and_said_so():
    where = sites()
    where[4] = "D"
    made = at_sites(0.4, where=where)
    found = combat(made)["dmn"]
    assert found.alone == ("D",)
    assert found.sites == 3
    assert "sub-05" not in found.z.index.get_level_values(0)
    assert len(found.z) == 2 * (PEOPLE - 1)
    table = table_of(made)
    rows = table[table["method"].isin(["combat", "without-combat"])]
    assert set(rows["n"]) == {PEOPLE - 1}
    assert rows["note"].str.contains("1 site with one participant left out").all()
    # two are a site
    where[7] = "D"
    found = combat(at_sites(0.4, where=where))["dmn"]
    assert (found.alone, found.sites) == ((), 4)


def test_a_missing_session_leaves_out_a_session_and_a_missing_value_one_circuit():
    made = at_sites(0.4)
    own = made.connectivity
    lost = (own["participant_id"] == "sub-03") & (own["role"] == "post")
    hole = (own["participant_id"] == "sub-08") & (own["circuit"] == "dmn")
    made.connectivity = own[~lost].assign(z=own["z"].where(~(hole & (own["role"] == "pre"))))
    found = combat(made)
    assert ("sub-03", "post") not in found["dmn"].z.index
    assert ("sub-03", "pre") in found["dmn"].z.index
    assert ("sub-08", "pre") not in found["dmn"].z.index
    assert len(found["sgacc-rlpfc"].z) == len(found["dmn"].z) + 1
    assert all(np.isfinite(one.z).all() for one in found.values())


def test_who_lacks_a_site_or_a_kept_covariate_is_left_out():
    made = at_sites(0.4)
    made.content["terms"]["values"]["site"]["sub-02"] = None
    made.content["terms"]["values"]["age"]["sub-07"] = None
    assert len(combat(made)["dmn"].z) == 2 * (PEOPLE - 2)
    assert len(combat(made, ())["dmn"].z) == 2 * (PEOPLE - 1)


@pytest.mark.parametrize(
    ("where", "flag"),
    [
        (["A"] * PEOPLE, "single-site"),
        (["A"] * (PEOPLE - 1) + ["B"], "single-site"),
        ([f"S{i}" for i in range(PEOPLE)], "single-site"),
        # every site has one arm
        ([("A", "B")[i % 2] for i in range(PEOPLE)], "site-confounded"),
    ],
)
def test_what_cannot_be_harmonised_has_a_row_that_says_why(where, flag):
    made = at_sites(where=where)
    obstacle = combat(made)["dmn"].obstacle
    assert obstacle is not None
    assert obstacle.flags == (flag,)
    table = table_of(made)
    rows = table[table["method"] == "combat"]
    assert len(rows) == 4
    assert rows["estimate"].isna().all()
    assert (rows["flags"] == flag).all()
    assert rows["note"].notna().all()
    assert not (table["method"] == "without-combat").any()
    said = robustness_section(table, made.test(), made.design).harmonized
    assert all("not harmonised" in one for one in said)


def test_one_session_each_cannot_be_told_from_the_people():
    made = at_sites()
    made.connectivity = made.connectivity[made.connectivity["role"] == "pre"]
    obstacle = combat(made)["dmn"].obstacle
    assert obstacle is not None
    assert obstacle.flags == ("no-repeats",)


def test_a_circuit_alone_is_fitted_without_borrowing():
    made = at_sites(0.4)
    found = harmonized(
        made.connectivity, made.design, CIRCUITS[1:2], strategy="acompcor", covariates=()
    )
    assert found["dmn"].flags == ("no-shrinkage",)
    assert np.isfinite(found["dmn"].z).all()


def test_rows_in_another_order_give_the_same():
    made = at_sites(0.4)
    before = combat(made)["dmn"].z
    made.connectivity = made.connectivity.sample(frac=1, random_state=4)
    pd.testing.assert_series_equal(combat(made)["dmn"].z, before)


def test_without_sites_nothing_is_harmonised():
    made = at_sites()
    design = made.design
    design = replace(design, terms=replace(design.terms, blocks=None))
    with pytest.raises(ValueError, match="names no sites"):
        harmonized(made.connectivity, design, CIRCUITS, strategy="acompcor", covariates=())
