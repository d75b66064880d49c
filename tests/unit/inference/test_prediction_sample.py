"""Who is predicted from what: connectivity, motion, clinical predictors, sites and arms."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from made_prediction import settings

from ketfc.inference.prediction.sample import (
    PredictionSample,
    circuit_features,
    edge_features,
    prediction_sample,
)
from ketfc.inference.prediction.settings import Settings

ARMS = ["ketamine", "control", "ketamine", "ketamine", "control", "control", "ketamine", "control"]
PEOPLE = [f"sub-{i}" for i in range(1, 9)]
CONTENT: dict[str, Any] = {
    "arms": {"ketamine": "ketamine", "control": "midazolam"},
    "participants": dict(zip(PEOPLE, ARMS, strict=True)),
    "si": {"instrument": "SSI", "shape": "pre-post"},
    "covariates": {"site": "categorical", "age": "numeric", "smoker": "categorical"},
    "terms": {
        "covariates": ["age", "smoker"],
        "blocks": "site",
        "values": {
            "site": dict(zip(PEOPLE, ["b", "a", "a", "b", "a", "b", None, "a"], strict=True)),
            "age": {"sub-1": 31.0, "sub-2": 44.0, "sub-3": 25.0, "sub-5": 60.0, "sub-6": 38.0},
            "smoker": {"sub-1": "no", "sub-2": "yes", "sub-3": "ex", "sub-4": "no"},
        },
    },
}


def course(**change: Any) -> pd.DataFrame:
    """Return scores by participant, beside rows of another scale, item, instrument and session."""
    rows = pd.DataFrame({"participant_id": PEOPLE, "change": [-9.0, -1, -7, None, 2, -3, -5, 0]})
    rows["response"] = ["yes", "no", "yes", None, "no", "no", "yes", "no"]
    own = rows.assign(scale="si", item="total", instrument="SSI", role="post", reference="pre")
    others = [{"scale": "depression"}, {"item": "4"}, {"instrument": "BSS"}, {"role": "day-7"}]
    others += [{"reference": "day-7"}]
    parts = [own.assign(change=99.0, **{k: v}) for each in others for k, v in each.items()]
    return pd.concat([parts[0], own.assign(**change), *parts[1:]], ignore_index=True)


def scores() -> pd.DataFrame:
    """Return what participants scored, beside rows of another scale, item, instrument, session."""
    own = pd.DataFrame({"participant_id": PEOPLE, "score": [20, 14, 17, 12, 9, 25, 11, 18]})
    own = own.assign(scale="si", instrument="SSI", item="total", role="pre")
    others = [{"scale": "depression"}, {"item": "4"}, {"instrument": "BSS"}, {"role": "post"}]
    others += [{"scale": "sleep"}, {"item": "use"}, {"instrument": "X"}, {"role": "day-0"}]
    parts = [own.assign(score=-1, **{k: v}) for each in others for k, v in each.items()]
    return pd.concat([parts[0], own, *parts[1:]], ignore_index=True)


def quality() -> pd.DataFrame:
    rows = [(who, "pre", 100, 0.1 * i) for i, who in enumerate(PEOPLE)]
    rows += [(who, "post", 100, 5.0) for who in PEOPLE]
    table = pd.DataFrame(rows, columns=["participant_id", "role", "n_volumes", "mean_fd"])
    return table.assign(status="ok", n_censored=2)


def features() -> pd.DataFrame:
    """Return three circuits: sub-2 lacks one of them, sub-6 two, sub-8 all."""
    values = np.arange(24, dtype=float).reshape(8, 3) ** 2
    values[1, 2] = values[5, 0] = values[5, 1] = np.nan
    return pd.DataFrame(values, index=PEOPLE, columns=["one", "two", "three"]).drop("sub-8")


def sample(asked: Settings, **content: Any) -> PredictionSample:
    return prediction_sample(
        features(), course(), scores(), quality(), design_of(CONTENT | content), asked
    )


def everybody(features: str = "circuits", **keys: Any) -> Settings:
    asked = settings(features, arm="both", **keys)
    return replace(asked, clinical=("age", "smoker"))


def test_everybody_with_an_outcome_and_connectivity_is_in_with_all_predictors() -> None:
    found = sample(everybody())
    assert found.people == ["sub-1", "sub-2", "sub-3", "sub-5", "sub-7"]
    assert found.left_out == {
        "sub-4": "no change in SSI at post",
        "sub-6": "connectivity at pre missing or measured by half",
        "sub-8": "connectivity at pre missing or measured by half",
    }
    assert found.outcome.tolist() == [-9, -1, -7, 2, -5]
    assert found.connectivity[[0, 2, 4]].tolist() == [[0, 1, 4], [36, 49, 64], [324, 361, 400]]
    assert np.isnan(found.connectivity).sum() == 1
    assert found.motion[:, 0] == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.6])
    assert found.names == {
        "connectivity": ["one", "two", "three"],
        # the first label is the one that others are compared with
        "clinical": ["baseline score", "arm", "age", "smoker no", "smoker yes"],
    }
    assert found.clinical[:, :3].tolist()[:4] == [[20, 1, 31], [14, 0, 44], [17, 1, 25], [9, 0, 60]]
    assert found.clinical[:3, 3:].tolist() == [[1, 0], [0, 1], [0, 0]]
    assert np.isnan(found.clinical[3:, 3:]).all()
    # nobody is exchanged across sites or arms: b ketamine, a control, a ketamine, no site
    assert len(set(found.blocks)) == 4
    assert found.blocks[1] == found.blocks[3]
    assert found.sites is None
    assert (found.target.at, found.target.before, found.target.arm) == ("post", "pre", None)


def test_half_of_the_circuits_is_enough() -> None:
    four = features().assign(four=1.0)
    design = design_of(CONTENT)
    found = prediction_sample(four, course(), scores(), quality(), design, everybody())
    # two of four
    assert "sub-6" in found.people


def test_of_matrices_edges_that_somebody_lacks_are_left_out() -> None:
    found = sample(everybody("matrix"))
    assert found.names["connectivity"] == ["one", "two"]
    assert found.connectivity[1].tolist() == [9, 16]
    # a column that nobody has is none of circuits either
    empty = features().assign(one=np.nan)
    design = design_of(CONTENT)
    found = prediction_sample(empty, course(), scores(), quality(), design, everybody())
    assert found.names["connectivity"] == ["two", "three"]


def test_the_ketamine_arm_alone_has_neither_the_arm_nor_the_others() -> None:
    found = sample(replace(settings(), clinical=("age",)))
    assert found.people == ["sub-1", "sub-3", "sub-7"]
    assert set(found.left_out) == {"sub-4"}
    assert found.names["clinical"] == ["baseline score", "age"]
    assert len(set(found.blocks)) == 3  # sites b and a, and none
    classes = sample(settings(outcome="response", arm="both"))
    assert classes.outcome.tolist() == [1, 0, 1, 0, 1]


def test_where_sites_are_folds_who_has_none_is_left_out() -> None:
    found = sample(everybody(**{"site-folds": True}))
    assert found.sites is not None
    assert found.sites.tolist() == ["b", "a", "a", "a"]
    assert found.left_out["sub-7"] == "no site"


def test_without_sites_everybody_is_exchanged_with_everybody_of_an_arm() -> None:
    terms = CONTENT["terms"] | {"blocks": None}
    both = sample(everybody(), terms=terms)
    assert both.blocks.tolist() == [1, 0, 1, 0, 1]
    one = sample(settings(), terms=terms)
    assert one.blocks.tolist() == [0, 0, 0]
    asked = everybody(**{"site-folds": True})
    assert sample(asked, terms=terms).sites is None


def test_motion_has_no_column_where_it_is_not_wanted_or_nobody_has_any() -> None:
    assert sample(everybody(**{"adjust-for-motion": False})).motion.shape == (5, 0)
    design = design_of(CONTENT)
    for table in (
        quality().drop(columns="mean_fd"),
        quality().assign(mean_fd=np.nan),
        quality().query("role == 'post'"),
    ):
        found = prediction_sample(features(), course(), scores(), table, design, everybody())
        assert found.motion.shape == (5, 0)
    # one who has a value is enough
    table = quality()
    table.loc[table["participant_id"] != "sub-3", "mean_fd"] = np.nan
    found = prediction_sample(features(), course(), scores(), table, design, everybody())
    assert found.motion[:, 0].tolist() == pytest.approx([np.nan] * 2 + [0.2] + [np.nan] * 2,
                                                        nan_ok=True)  # fmt: skip


def test_changes_alone_have_no_baseline_score_and_constants_predict_nothing() -> None:
    changes = {"si": {"instrument": "SSI", "shape": "change"}}
    table = course(role="change", reference=None)
    design = design_of(CONTENT | changes)
    found = prediction_sample(features(), table, scores(), quality(), design, everybody())
    assert found.names["clinical"] == ["arm", "age", "smoker no", "smoker yes"]
    assert found.target.at == "change"
    same = scores().assign(score=13)
    design = design_of(CONTENT)
    found = prediction_sample(features(), course(), same, quality(), design, everybody())
    assert found.names["clinical"] == ["arm", "age", "smoker no", "smoker yes"]


def test_circuits_are_those_of_the_session_strategy_and_measure_without_variants() -> None:
    keys = {"strategy": "24P", "role": "pre", "measure": "mean"}
    own = pd.DataFrame(
        {
            "participant_id": ["sub-2", "sub-1", "sub-1", "sub-2", "sub-1", "sub-1"],
            "circuit": ["b", "a", "b", "a", "b-variant", "nobody's"],
            "z": [0.4, 0.1, 0.2, np.nan, 0.9, np.nan],
        }
    ).assign(**keys)
    others = [{"strategy": "36P"}, {"role": "post"}, {"measure": "peak"}]
    others += [{"strategy": "12P"}, {"role": "day-7"}, {"measure": "left"}]
    parts = [own.assign(z=9.0, **{k: v}) for each in others for k, v in each.items()]
    table = pd.concat([*parts, own], ignore_index=True)
    circuits: Any = [
        SimpleNamespace(id="b", variant_of=None),
        SimpleNamespace(id="never measured", variant_of=None),
        SimpleNamespace(id="b-variant", variant_of="b"),
        SimpleNamespace(id="nobody's", variant_of=None),
        SimpleNamespace(id="a", variant_of=None),
    ]
    found = circuit_features(table, circuits, strategy="24P", role="pre")
    assert found.columns.tolist() == ["b", "nobody's", "a"]
    assert found.index.tolist() == ["sub-1", "sub-2"]
    assert found.loc["sub-1", ["b", "a"]].tolist() == [0.2, 0.1]
    assert found.loc["sub-2", "b"] == 0.4
    assert np.isnan(found.loc["sub-2", "a"])
    twice = pd.concat([own, own.iloc[[1]]])
    with pytest.raises(ValueError, match="two values of a circuit at pre"):
        circuit_features(twice, circuits, strategy="24P", role="pre")


def test_edges_are_the_upper_triangle_of_the_session_with_their_names() -> None:
    labels = [7, "b", "c"]
    z = np.array([[0, 0.1, 0.2], [0.8, 0, 0.3], [0.9, 0.7, 0]])
    first = pd.DataFrame(z, index=labels, columns=labels)
    found = edge_features(
        [
            ("sub-2", "pre", first),
            ("sub-2", "post", first),
            ("sub-2", "day-7", first),
            ("sub-1", "pre", first + 2),
        ],
        role="pre",
    )
    assert found.columns.tolist() == ["7 – b", "7 – c", "b – c"]
    assert found.loc["sub-2"].tolist() == [0.1, 0.2, 0.3]
    assert found.loc["sub-1"].tolist() == pytest.approx([2.1, 2.2, 2.3])


def test_settings_are_those_of_a_job() -> None:
    params = SimpleNamespace(about={"outcome": "response"}, seed=5, clinical=["age"])
    wildcards = SimpleNamespace(features="matrix", model="cpm")
    design = design_of({"alpha": 0.01, "preregistered": True})
    found = Settings.of(params, wildcards, design)
    assert (found.features, found.model, found.seed) == ("matrix", "cpm", 5)
    assert (found.alpha, found.preregistered, found.clinical) == (0.01, True, ("age",))
    assert found.about.outcome == "response"
    assert found.matrix
    assert not replace(found, features="circuits").matrix
    assert found.name == "prediction/response/matrix/cpm"
