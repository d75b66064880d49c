"""Prediction of the outcome: sentences, a table and a paragraph of the methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.inference.prediction.fits import BOTH, CLINICAL, CONNECTIVITY
from ketfc.inference.prediction.table import EXPLORATORY
from ketfc.reporting.rows import setting
from ketfc.reporting.tables import Table, text_table
from ketfc.reporting.words import compact, coverage, interval, is_missing, number, p_equals, p_value
from ketfc.study.design.design import Design

MEASURES: Mapping[str, str] = {
    "r2": "R²",
    "r": "r",
    "auc": "AUC",
    "balanced accuracy": "balanced accuracy",
    "brier": "Brier score",
    "brier skill": "Brier skill",
    "calibration in the large": "calibration in the large",
    "calibration slope": "calibration slope",
}
"""The measures as they are written."""

TESTED = ("r2", "auc")
"""The measures that are permuted."""

FEATURES: Mapping[str, str] = {"circuits": "the circuits", "matrix": "whole matrices"}
MODELS: Mapping[str, str] = {
    "ridge": "ridge regression",
    "elastic-net": "elastic net",
    "cpm": "connectome-based predictive modelling",
}

_SETS: Mapping[str, str] = {
    CLINICAL: "clinical predictors",
    CONNECTIVITY: "connectivity",
    BOTH: "both",
}

_ABOVE_CHANCE = 0.05


@dataclass(frozen=True)
class PredictionSection:
    """The report's section on prediction; without sentences where nothing was predicted."""

    sentences: list[str]
    table: Table


def prediction_section(prediction: pd.DataFrame | None, design: Design) -> PredictionSection:
    """Return the report's section on prediction.

    Parameters
    ----------
    prediction : pandas.DataFrame or None
        ``tests/prediction.tsv``, numbers as numbers; None where nothing was predicted.
    design : Design
        The study's design.
    """
    if prediction is None:
        return PredictionSection([], text_table([], {}))
    return PredictionSection(list(_sentences(prediction, design)), _table(prediction))


def outcome_in_words(row: Mapping[Any, Any], design: Design) -> str:
    """Return what is predicted, of whom, from a row of ``tests/prediction.tsv``."""
    what = {"change": f"the change in {design.instrument}"}.get(
        str(row["outcome"]), f"{row['outcome']} by {design.instrument}"
    )
    at = "" if row["role"] == "change" else f" at {row['role']}"
    who = design.arms.get(str(row["arm"]), "") if row["arm"] != "all" else ""
    return f"{what}{at}" + (f" in the {who} arm" if who else "")


def _sentences(prediction: pd.DataFrame, design: Design) -> Iterable[str]:
    first = prediction.iloc[0].to_dict()
    labels = set(prediction["label"])
    yield (
        f"Can {outcome_in_words(first, design)} be told from connectivity before treatment? This "
        "was asked by cross-validation, beside a clinical model. The answer describes this sample"
        + (", and is exploratory." if labels == {EXPLORATORY} else ".")
        + " It says nothing about any single participant and is no test of a circuit."
    )
    for (features, model), rows in prediction.groupby(["features", "model"], sort=False):
        name = f"From {FEATURES[str(features)]} by {MODELS[str(model)]}"
        own = rows[rows["metric"].isin(TESTED)].set_index("predictors").to_dict("index")
        if CONNECTIVITY not in own:
            yield f"{name}: not predicted ({rows['reason'].iloc[0]})."
            continue
        one = own[CONNECTIVITY]
        found = one["p_holm"] <= _ABOVE_CHANCE and one["estimate"] > _chance(one)
        yield (
            f"{name} (n = {number(one['n'], 0)}), {_estimate(one)}, "
            f"{p_equals(one['p_permutation'])}: "
            + ("better than chance" if found else "no better than chance")
            + (" in this sample" if found else "")
            + "."
            + _beside(own)
        )


def _beside(own: Mapping[Any, Mapping[Any, Any]]) -> str:
    """Return what connectivity adds to the clinical predictors."""
    if BOTH not in own:
        return " There was no clinical predictor to hold it against."
    clinical, both = own[CLINICAL], own[BOTH]
    gain = interval(both["difference_ci_low"], both["difference_ci_high"])
    return (
        f" The clinical predictors alone have {_estimate(clinical)}, "
        f"{p_equals(clinical['p_permutation'])}; connectivity added to them changes this by "
        f"{number(both['difference'], signed=True)} {gain}, {p_equals(both['p_difference'])}."
    )


def _estimate(row: Mapping[Any, Any]) -> str:
    return (
        f"{MEASURES[str(row['metric'])]} = {number(row['estimate'])} "
        f"{interval(row['ci_low'], row['ci_high'])}"
    )


def _chance(row: Mapping[Any, Any]) -> float:
    return 0.5 if row["metric"] == "auc" else 0.0


def _table(prediction: pd.DataFrame) -> Table:
    rows = [
        {
            "from": str(row["features"]),
            "model": str(row["model"]),
            "predictors": _SETS[str(row["predictors"])],
            "measure": MEASURES[str(row["metric"])],
            "estimate": number(row["estimate"]),
            "interval": interval(row["ci_low"], row["ci_high"]),
            "p": p_value(row["p_permutation"]),
            "less clinical": number(row["difference"], signed=True),
            "its interval": interval(row["difference_ci_low"], row["difference_ci_high"]),
            "its p": p_value(row["p_difference"]),
            "n": number(row["n"], 0),
        }
        for row in prediction.to_dict("records")
        if not is_missing(row["metric"])
    ]
    kinds = dict.fromkeys(("from", "model", "predictors", "measure"), "short")
    return text_table(rows, kinds)


def prediction_methods(
    prediction: pd.DataFrame | None, config: Mapping[str, Any], design: Design
) -> list[str]:
    """Return the paragraphs of the methods on prediction; nothing where nothing was predicted.

    Parameters are those of :func:`prediction_section`, and the configuration with all its defaults.
    """
    if prediction is None:
        return []
    of: Mapping[str, Any] = setting(config, "statistics", "prediction")
    models = [MODELS[str(name)] for name in prediction["model"].unique()]
    features = [FEATURES[str(name)] for name in prediction["features"].unique()]
    first = prediction.iloc[0].to_dict()
    classes = first["outcome"] != "change"
    names = of["clinical"]
    motion = "regression on mean framewise displacement, " if of["adjust-for-motion"] else ""
    by_site = bool(of["site-folds"])
    told = (
        f"Prediction of {outcome_in_words(first, design)} from the connectivity of "
        f"{listed(features)} before treatment was tried by {listed(models)} "
        f"(n = {number(first['n'], 0)}). "
        + (
            "Each fold was one site. "
            if by_site
            else f"Participants were divided into {plural(int(of['folds']), 'fold')}"
            + (" with like shares of the classes" if classes else "")
            + f", {plural(int(of['repeats']), 'time')} anew. "
        )
        + "A participant is one row, and so never on both sides of a fold. Imputation by the mean, "
        f"{motion}selection of edges, scaling and the choice of penalties (leave-one-out for the "
        "ridge, an inner cross-validation for the elastic net) saw the training participants alone"
        + _selection(prediction)
        + ". "
        + (
            "Classes were fitted as 0 and 1 by least squares with these penalties, whose fitted "
            "values, limited to .01 to .99, were read as probabilities; balanced accuracy takes "
            "the share of the training participants as threshold. "
            if classes
            else "R² is 1 less the squared error over that of the training mean. "
        )
        + "The clinical model is a ridge regression on "
        + listed(_clinical(names, design, first))
        + ", cross-validated in the same folds."
    )
    tested = (
        "Intervals of the accuracy "
        f"({coverage(design.alpha)}) are percentiles of 2000 bootstrap samples of participants, of "
        "predictions averaged over repeats as the estimates are: models were not fitted anew, so "
        "they lack the uncertainty of the training sample and are rather too narrow "
        "[@bengio2004; @varoquaux2018]; those of calibration are Wald's [@vancalster2019]. "
        f"{'AUC' if classes else 'R²'} was tested, one-sided, by up to "
        f"{compact(of['permutations'])} permutations of the outcome "
        + (
            "within sites and arms (p then asks for more than these tell) "
            if design.terms.blocks or first["arm"] == "all"
            else ""
        )
        + "with the whole procedure repeated in each [@phipson2010], fewer where ten had reached "
        "the observed value [@besag1991]; what connectivity adds to the clinical model, by "
        "permuting what this does not explain of connectivity. Holm's method corrects over "
        f"features and models. Below {compact(of['min-n'])} participants, or without "
        "preregistration, every result is called exploratory, whatever its p [@poldrack2020] "
        "(`tests/prediction.tsv`)."
    )
    return [told, tested]


def _selection(prediction: pd.DataFrame) -> str:
    own = set(prediction["model"])
    said = []
    if "cpm" in own:
        said.append("edges with p < .01 in the training data were summed by sign [@shen2017]")
    if "elastic-net" in own and "matrix" in set(prediction["features"]):
        said.append("the elastic net was given the 200 edges that correlated most there")
    return f" ({'; '.join(said)})" if said else ""


def _clinical(names: Any, design: Design, row: Mapping[Any, Any]) -> list[str]:
    return [
        *([] if design.si_changes_only else ["the baseline score"]),
        *(["arm"] if row["arm"] == "all" and design.arms else []),
        *(["age and sex where known"] if names is None else map(str, names)),
    ]
