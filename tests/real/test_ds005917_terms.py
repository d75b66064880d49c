"""Covariates, blocks and diagnoses of a real crossover's tables, beside connectivity of noise."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from made_hypotheses import Circuit, hypotheses_table

from ketfc.study.config.config import parse_config
from ketfc.study.plan import make_plan
from ketfc.study.runs.index import index_runs


@pytest.fixture(scope="module")
def plan(kit):
    folder = kit / "tables/ds005917"
    order = {"order": ["infusion_1", "infusion_2"], "ketamine": "d", "control": "p"}
    config = parse_config(
        {
            "study": {
                "name": "ds005917",
                "derivatives": str(folder),
                "sessions": {"pre": "b0", "post": "d2", "p2": "p2"},
                "crossover": order | {"control-session": "p2"},
                "groups": {"column": "group", "patients": ["MDD", "BP"], "controls": "HC"},
                "diagnosis": {"column": "group", "unipolar": "MDD", "bipolar": "BP"},
                "covariates": {"age": "age", "sex": "sex"},
            },
            "scores": {
                "table": "phenotype/*.tsv",
                "si": {"instrument": "MADRS", "column": "MADRS_Total"},
            },
            "statistics": {"covariates": ["age"], "blocks": "sex"},
        }
    )
    return make_plan(config, index_runs(config.study, [folder]), [folder])


def test_patients_have_a_diagnosis_and_healthy_controls_none(plan) -> None:
    found = Counter(plan.design.terms.diagnosis.participants.values())
    assert found == {"unipolar": 33, "bipolar": 3, None: 22}
    lacking = [p for p in plan.problems if (p.field or "").startswith("statistics")]
    assert [(p.participant_id, p.value) for p in lacking] == [
        ("sub-MOA117", "age"),
        ("sub-MOA117", "sex"),
    ]


def test_the_tests_hold_them_and_three_bipolar_patients_are_too_few(plan) -> None:
    rng = np.random.default_rng(0)
    rows = [
        (who, session, role, "acompcor", "dmn", "mean", rng.normal(0.2, 0.1))
        for who in plan.design.participants
        for role, session in plan.design.sessions.items()
    ]
    columns = ["participant_id", "session", "role", "strategy", "circuit", "measure", "z"]
    table = hypotheses_table(
        *(pd.DataFrame(rows, columns=columns), plan.scores, plan.design),
        [Circuit("dmn", "DMN", True)],
        strategy="acompcor",
        seed=1,
        permutations=199,
        alpha=0.05,
    ).set_index("test")
    assert table["n"].to_dict() == {
        "change": 27,
        "association": 26,
        "change-first-period": 33,
        "change-by-diagnosis": 27,
        "diagnosis-by-change": 26,
    }
    assert (table["n"] + table["n_excluded"] == 36).all()
    told = table.loc[["change", "association"], ["p_permutation", "ci_low", "p_fwer"]]
    assert np.isfinite(told.to_numpy()).all()
    assert "adjusted for period and sex" in table.loc["change", "verdict"]
    assert "the order of the drugs, age and sex" in table.loc["association", "verdict"]
    moderation = table[table["family"] == "moderation"]
    assert (moderation["flags"] == "small-cell: bipolar 2").all()
