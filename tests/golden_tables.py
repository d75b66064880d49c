"""R's numbers of made data, and what the data are made of: ``tests/golden/make_golden.R``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

GOLDEN = Path(__file__).parent / "golden"

MODELS = {
    "arms-4-10": ("after", ["arm", "before"]),
    "arms-10-30": ("after", ["arm", "before", "age", "site"]),
    "zeros": ("score_after", ["change", "score_before", "arm"]),
    "arms-10-30 association": ("score_after", ["change", "score_before", "arm", "age", "site"]),
    "arms-10-30 moderation": (
        "after",
        ["arm by score_before", "arm", "score_before", "before", "age", "site"],
    ),
}
"""Outcome and columns of each model that R fitted, the tested column first."""

Columns = dict[str, np.ndarray]


@cache
def golden(name: str) -> pd.DataFrame:
    """One of the tables, its missing values as NaN."""
    return pd.read_csv(GOLDEN / name, sep="\t", na_values="n/a", keep_default_na=False)


def r_says(test: str, data: str) -> pd.Series:
    """R's numbers of one test of one set of data."""
    table = golden("golden.tsv")
    (row,) = (table[(table["test"] == test) & (table["data"] == data)]).index
    return table.loc[row]


def made(data: str) -> pd.DataFrame:
    """One set of the made data, with the change in connectivity."""
    table = golden("golden_data.tsv")
    own = table[table["data"] == data].reset_index(drop=True)
    return own.assign(change=own["after"] - own["before"])


def column(table: pd.DataFrame, name: str) -> np.ndarray:
    return table[name].to_numpy(dtype=np.float64)


def fitted(name: str) -> tuple[np.ndarray, Columns, np.ndarray]:
    """Outcome, regressors and arm of the complete participants of one of :data:`MODELS`."""
    response, terms = MODELS[name]
    table = made(name.split()[0])
    needed = [response, *(t for t in terms if " " not in t)]
    needed += ["before", "after"] if " " in name else []
    table = table.dropna(subset=needed).reset_index(drop=True)
    regressors: Columns = {}
    for term in terms:
        if term == "site":
            labels = sorted(table["site"].unique())[1:]
            regressors |= {f"site {s}": np.asarray(table["site"] == s, dtype=float) for s in labels}
        elif term == "arm by score_before":
            arm, score = column(table, "arm"), column(table, "score_before")
            regressors[term] = (arm - arm.mean()) * (score - score.mean())
        else:
            regressors[term] = column(table, term)
    return column(table, response), regressors, column(table, "arm").astype(np.int64)


def design(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, tested column and nuisance with its intercept of one of :data:`MODELS`."""
    outcome, regressors, _ = fitted(name)
    tested, *others = regressors.values()
    return outcome, tested, np.column_stack([np.ones(len(outcome)), *others])
