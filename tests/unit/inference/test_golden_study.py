"""A study of unequal arms, sites and missing sessions, from its tables to R's numbers."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest
from golden_tables import made, r_says
from made_hypotheses import CIRCUITS, Study, adjusted

from ketfc.inference.robustness.checks import Settings
from ketfc.inference.robustness.table import robustness

CIRCUIT = CIRCUITS[0]


@cache
def trial() -> Study:
    """Twelve and 34 participants at three interleaved sites; some sessions and scores missing."""
    table = made("arms-10-30").set_axis([f"sub-{i:02d}" for i in range(1, 47)])
    edges, points = [], []
    for who, row in table.iterrows():
        for role, z, score in (
            ("pre", row["before"], row["score_before"]),
            ("post", row["after"], row["score_after"]),
        ):
            if pd.notna(z):
                edges.append((who, role, role, "acompcor", CIRCUIT.id, "mean", None, None, z))
            if pd.notna(score):
                points.append((who, role, role, "si", "SSI", "total", float(score)))
    arms = {who: "ketamine" if arm == 1 else "control" for who, arm in table["arm"].items()}
    study = Study(
        pd.DataFrame(
            edges,
            columns=[
                *("participant_id", "session", "role", "strategy", "circuit", "measure"),
                *("region_a", "region_b", "z"),
            ],
        ),
        pd.DataFrame(
            points,
            columns=["participant_id", "session", "role", "scale", "instrument", "item", "score"],
        ),
        {
            "kind": "parallel",
            "arms": {"ketamine": "ketamine", "control": "midazolam"},
            "participants": arms,
            "si": {"instrument": "SSI", "shape": "pre-post"},
            "control_tested": True,
        },
    )
    return adjusted(study, blocks="site", age=table["age"].tolist(), site=table["site"].tolist())


@pytest.mark.parametrize(
    ("test", "model", "by_ranks"),
    [
        ("change", "arms-10-30", False),
        ("association", "arms-10-30 association", True),
        ("drug-by-baseline-score", "arms-10-30 moderation", False),
    ],
)
def test_rows_of_the_hypotheses_are_those_of_r(test, model, by_ranks):
    row = trial().row(CIRCUIT.id, test)
    theirs = r_says("group-variances" + (" by ranks" if by_ranks else ""), model)
    estimate = r_says("partial-spearman", model) if by_ranks else theirs
    assert row["n"] == theirs["n"]
    found = tuple(row[["estimate", "statistic", "df", "p_parametric"]])
    expected = (estimate["estimate"], *theirs[["statistic", "df", "p"]])
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("test", ["change", "association"])
def test_rows_of_the_robustness_table_are_those_of_r(test):
    study = trial()
    table = robustness(
        study.connectivity,
        study.scores,
        study.design,
        [CIRCUIT],
        strategy="acompcor",
        settings=Settings(seed=1, permutations=99, alpha=0.05, margin=0.1),
    )
    rows = table[table["test"] == test].set_index("method")
    model = "arms-10-30" + (" association" if test == "association" else "")
    numbers = ["estimate", "statistic", "df", "p", "ci_low", "ci_high"]
    for method in ("hc3", "hc2"):
        theirs = r_says(method, model)
        assert rows.loc[method, "n"] == theirs["n"]
        expected = tuple(theirs[numbers])
        assert tuple(rows.loc[method, numbers]) == pytest.approx(expected, rel=1e-6)
    if test == "change":
        theirs = r_says("tost-hc2", model)
        numbers = ["p", "ci_low", "ci_high"]
        expected = tuple(theirs[numbers])
        assert tuple(rows.loc["tost", numbers]) == pytest.approx(expected, rel=1e-6)
        ranked = r_says("group-variances by ranks", model)
        found = tuple(rows.loc["ranks", ["statistic", "df"]])
        assert found == pytest.approx(tuple(ranked[["statistic", "df"]]), rel=1e-6)
    else:
        theirs = r_says("group-variances", model)
        numbers = ["estimate", "statistic", "df"]
        expected = tuple(theirs[numbers])
        assert tuple(rows.loc["values", numbers]) == pytest.approx(expected, rel=1e-6)
