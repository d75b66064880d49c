"""Data that undo a test: both tables say why, without a traceback and without a nonsense p."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_hypotheses import CIRCUITS, Study, adjusted, study

from ketfc.inference.robustness.checks import Settings
from ketfc.inference.robustness.table import robustness

SETTINGS = Settings(
    seed=1,
    permutations=99,
    alpha=0.05,
    margin=0.1,
)


def without(made: Study, people: list[str]) -> Study:
    for table in ("connectivity", "scores"):
        rows = getattr(made, table)
        setattr(made, table, rows[~rows["participant_id"].isin(people)])
    return made


def crossover(made: Study) -> Study:
    """The sessions of a single arm as those after two drugs, in alternating order."""
    orders = ("ketamine-first", "control-first")
    made.content |= {
        "kind": "crossover",
        "drugs": {"ketamine": "ketamine", "control": "placebo"},
        "sequences": {who: orders[i % 2] for i, who in enumerate(made.content["participants"])},
    }
    return made


def score_of_zero(made: Study, role: str) -> Study:
    own = made.scores["role"].eq(role) & made.scores["scale"].eq("si")
    made.scores.loc[own, "score"] = 0.0
    return made


def constant_edge(made: Study) -> Study:
    made.connectivity.loc[made.connectivity["circuit"] == "dmn", "z"] = 0.3
    return made


def group_of(made: Study, size: int) -> Study:
    """Keep so many of the control arm, or of those who had the control drug first."""
    groups = made.content.get("sequences") or made.content["participants"]
    second = [who for who, group in groups.items() if group.startswith("control")]
    return without(made, second[size:])


def collinear(made: Study, names: tuple[str, ...]) -> Study:
    """Two covariates of which one is the other in months, or one that is the arm itself."""
    n = len(made.content["participants"])
    age = np.random.default_rng(5).normal(40, 9, n).round(1)
    of_arm = ["a" if i % 2 else "b" for i in range(n)]
    columns = {"age": age.tolist(), "months": (12 * age).tolist(), "drug": of_arm}
    return adjusted(made, **{name: columns[name] for name in names})


def of(kind: str, n: int = 16) -> Study:
    if kind == "crossover":
        return crossover(study(n, arms=False))
    return study(n, arms=kind == "parallel")


EVERY = ("single-arm", "parallel", "crossover")
GROUPS = ("parallel", "crossover")
AGE = ("age", "months")
# The trap; the designs it is set in; what spoils them; flags of the DMN's change and association
TRAPS: list[tuple[str, tuple[str, ...], Callable[[Study], Study], str | None, str | None]] = [
    ("SI 0 after", GROUPS[:1], lambda m: score_of_zero(m, "post"), None, "constant"),
    ("SI 0 after, one arm", EVERY[:1], lambda m: score_of_zero(m, "post"), None, "constant"),
    ("SI 0 before", EVERY[:2], lambda m: score_of_zero(m, "pre"), None, "constant"),
    # no percentage of it exists, and no test needs one
    ("SI 0 before in half", EVERY[:2], lambda m: zero_in_half(m), None, None),
    (
        "SI 0 throughout",
        EVERY,
        lambda m: score_of_zero(score_of_zero(m, "pre"), "post"),
        None,
        "constant",
    ),
    ("constant edge", EVERY, constant_edge, "constant", "constant"),
    ("a group of two", GROUPS, lambda m: group_of(m, 2), "small-", "small-"),
    ("a group of one", GROUPS, lambda m: group_of(m, 1), "too-few", "too-few"),
    ("a group of nobody", GROUPS, lambda m: group_of(m, 0), "-empty", "-empty"),
    ("collinear covariates", GROUPS[:1], lambda m: collinear(m, AGE), "collinear", "collinear"),
    ("collinear, one arm", EVERY[:1], lambda m: collinear(m, AGE), None, "collinear"),
    ("arm as covariate", GROUPS[:1], lambda m: collinear(m, ("drug",)), "collinear", "collinear"),
    ("order as covariate", GROUPS[1:], lambda m: collinear(m, ("drug",)), None, "collinear"),
    ("sites are arms", GROUPS[:1], lambda m: site_is_arm(m), "collinear", "collinear"),
    ("n = 3", EVERY[:1], lambda m: first(m, 3), "p-floor", "too-few"),
    ("n = 3, two groups", GROUPS, lambda m: first(m, 3), "too-few", "too-few"),
    ("n = 4, two groups", GROUPS, lambda m: first(m, 4), "", "too-few"),
    ("n = 2", EVERY[:1], lambda m: first(m, 2), "too-few", "too-few"),
    ("n = 0", EVERY[:1], lambda m: first(m, 0), "too-few", "too-few"),
]


def zero_in_half(made: Study) -> Study:
    before = made.scores["role"].eq("pre") & made.scores["scale"].eq("si")
    made.scores.loc[before & (made.scores["score"].rank() % 2 < 1), "score"] = 0.0
    assert 4 < (made.scores.loc[before, "score"] == 0).sum() < 12
    return made


def site_is_arm(made: Study) -> Study:
    return adjusted(made, blocks="site", site=["A", "B"] * 8)


def first(made: Study, n: int) -> Study:
    return without(made, list(made.content["participants"])[n:])


def both_tables(made: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    tables = made.connectivity, made.scores, made.design, CIRCUITS
    return made.test(permutations=99), robustness(*tables, strategy="acompcor", settings=SETTINGS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("kind", "spoil", "of_change", "of_association"),
    [pytest.param(kind, *trap[2:], id=f"{trap[0]}, {kind}") for trap in TRAPS for kind in trap[1]],
)
def test_both_tables_say_what_is_wrong_and_give_no_nonsense(
    kind: str, spoil: Callable[[Study], Study], of_change: str | None, of_association: str | None
) -> None:
    hypotheses, robust = both_tables(spoil(of(kind)))
    of_dmn = [
        table[table["hypothesis"] == "dmn"].set_index("test") for table in (hypotheses, robust)
    ]
    for test, flag in {"change": of_change, "association": of_association}.items():
        row, others = of_dmn[0].loc[test], of_dmn[1].loc[test]
        if flag is None:
            assert np.isfinite(row[["estimate", "p_permutation"]].astype(float)).all()
            continue
        assert flag in str(row["flags"])
        if pd.isna(row["estimate"]):
            assert "no result, because" in row["verdict"]
            assert others[["estimate", "p"]].isna().all(axis=None)
            assert others["flags"].fillna("").str.contains(flag).all()
    numbers = hypotheses.select_dtypes("number").astype(float)
    assert hypotheses.loc[numbers["estimate"].isna(), "flags"].notna().all()
    assert numbers.loc[numbers["estimate"].isna(), p_columns(hypotheses)].isna().all(axis=None)
    assert_sane(hypotheses, p_columns(hypotheses))
    empty = robust[["estimate", "effect_size"]].isna().all(axis=1)
    assert robust.loc[empty, "flags"].notna().all(), robust[empty]
    words = pd.concat([robust["note"], robust["flags"], hypotheses["verdict"], hypotheses["flags"]])
    assert not words.dropna().str.contains(r"\b(?:nan|None|inf)\b").any()
    assert_sane(robust, ["p"])


def p_columns(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.columns if str(name).startswith("p_")]


def assert_sane(table: pd.DataFrame, p: list[str]) -> None:
    given = table[p].to_numpy(dtype=float)
    assert ((given > 0) & (given <= 1) | np.isnan(given)).all()
    estimates: Any = table[["estimate", "ci_low", "ci_high", "statistic", "effect_size"]]
    assert not np.isinf(estimates.to_numpy(dtype=float)).any()
    ends = table[["ci_low", "ci_high"]].dropna().to_numpy(dtype=float)
    assert (ends[:, 0] <= ends[:, 1]).all()
