"""Sufficient statistics of a study's hypotheses, without a number of any participant."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.inference.design.circuit_tests import Planned, planned_samples
from ketfc.inference.design.model import model_of
from ketfc.inference.design.planned_tests import adjusted_for
from ketfc.inference.synthesis.covariances import covariances
from ketfc.inference.synthesis.metrics import (
    Effect,
    correlation_effect,
    difference_effect,
    drug_effect,
    paired_effect,
)
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

FORMAT, FORMAT_VERSION = "ketfc-export", 1
"""By these a file is known, and whether this version of ketfc can read it."""

HYPOTHESIS_NUMBERS = ("estimate", "statistic", "df", "effect_size", "p_permutation")
"""Columns of ``tests/hypotheses.tsv`` that an export is made from."""

_DIGITS = 6
"""Significant digits: more than any synthesis needs, and fewer than would tell a value's origin."""

_KINDS = ("change", "association")
"""Kinds of tests that leave the lab. What is within one arm follows from the two."""


def study_export(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    hypotheses: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    config: Mapping[str, Any],
    versions: Mapping[str, str],
    smallest_cell: int,
) -> dict[str, Any]:
    """Return what a study gives to a synthesis.

    Parameters
    ----------
    connectivity, scores, hypotheses : pandas.DataFrame
        ``connectivity.tsv``, ``plan/scores.tsv`` and ``tests/hypotheses.tsv``, numbers as numbers.
    design : Design
        The study's design.
    circuits : iterable of Circuit
        The hypotheses; other definitions of one, for sensitivity, stay in the lab.
    config : mapping
        The configuration with all defaults, of which the hash alone is exported.
    versions : mapping of str to str
        Software and its versions.
    smallest_cell : int
        Tests with fewer participants, or fewer in an arm or an order of drugs, are named without
        any number.

    Returns
    -------
    dict
        For JSON: the design, and by test the participants by arm, estimate, standard error, effect
        with its metric and variance, and of the primary change, by arm, means and covariance of
        Fisher z before and after; and of the primary change and association the covariances of
        the estimates between hypotheses. Means only of this one: means of another pair of sessions
        rest on almost the same people, and a difference of two means would be one of them.
    """
    rows = {
        (str(row["hypothesis"]), str(row["test"])): row for row in hypotheses.to_dict("records")
    }
    tests: list[dict[str, Any]] = []
    given: dict[str, list[tuple[Planned, dict[str, Any]]]] = {kind: [] for kind in _KINDS}
    for planned in planned_samples(
        connectivity, scores, design, circuits, strategy=design.strategy
    ):
        circuit, test = planned.circuit, planned.test
        if circuit.variant_of is not None or test.kind not in _KINDS or test.arm is not None:
            continue
        row = rows[circuit.id, test.name]
        tests.append(_test(planned, row, smallest_cell))
        if test.name in given and tests[-1]["suppressed"] is None:
            given[test.name].append((planned, tests[-1]))
    about = {
        "kind": design.kind.value,
        "baseline": design.baseline,
        "followup": design.followup,
        "sessions": dict(design.sessions),
        "hours_since_dose": dict(design.hours_since_dose),
        "arms": dict(design.arms),
        "drugs": dict(design.drugs),
        "instrument": design.instrument,
        "covariates": list(adjusted_for(design)),
        "blocks": design.terms.blocks,
        "strategy": design.strategy,
        "alpha": design.alpha,
        "preregistered": design.preregistered,
        "estimand": dict(design.estimand),
    }
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "study": design.study,
        "design": about,
        "config_sha256": _sha256(config),
        "versions": dict(versions),
        "smallest_cell": smallest_cell,
        "tests": tests,
        "covariances": {
            name: _rounded(covariances(own, smallest_cell=smallest_cell))
            for name, own in given.items()
            if own
        },
    }


def _test(planned: Planned, row: Mapping[Any, Any], smallest_cell: int) -> dict[str, Any]:
    circuit, test, design = planned.circuit, planned.test, planned.design
    named = {
        "hypothesis": circuit.id,
        "name": circuit.name,
        "definition_sha256": definition_digest(circuit),
        "primary": circuit.primary,
        "test": test.name,
        "kind": test.kind,
        "design": design.kind.value,
        "roles": list(design.roles.values()),
    }
    complete = planned.sample.complete
    cells = sample_cells(complete, design)
    small = [name for name, n in cells.items() if n < smallest_cell]
    if small:
        where = ", ".join("the sample" if name == "all" else name for name in small)
        return named | {"suppressed": f"fewer than {smallest_cell} participants: {where}"}
    effect = _effect(planned, row, cells)
    if effect is None:
        return named | {"suppressed": "no estimate"}
    found: dict[str, Any] = {
        "n": len(complete),
        "cells": cells,
        "estimate": float(row["estimate"]),
        "standard_error": _standard_error(row),
        "df": float(row["df"]),
        "effect": {key: value for key, value in asdict(effect).items() if key != "metric"},
        "metric": effect.metric,
        "p_permutation": float(row["p_permutation"]),
    }
    if test.name == "change":
        found["moments"] = _moments(complete, design)
    rounded: dict[str, Any] = _rounded(found)
    return named | {"suppressed": None} | rounded


def definition_digest(circuit: Circuit) -> str:
    """Return a text that changes with the edges of a circuit and how they are measured."""
    return _sha256(
        {
            "measure": circuit.measure,
            "edges": sorted(sorted(edge) for edge in circuit.edges),
            "regress": {name: sorted(by) for name, by in circuit.regress.items()},
        }
    )


def sample_cells(complete: pd.DataFrame, design: Design) -> dict[str, int]:
    """Return the participants of a sample by arm, by order of drugs, or of the one group."""
    if design.between_arms:
        return {arm: int((complete["arm"] == arm).sum()) for arm in ("ketamine", "control")}
    if design.within_drugs:
        orders = (KETAMINE_FIRST, CONTROL_FIRST)
        return {order: int((complete["sequence"] == order).sum()) for order in orders}
    return {"all": len(complete)}


def _effect(planned: Planned, row: Mapping[Any, Any], cells: Mapping[str, int]) -> Effect | None:
    """Return the effect in the metric of its design, None where there is none."""
    test, design = planned.test, planned.design
    estimate, statistic = float(row["estimate"]), float(row["statistic"])
    if not (isfinite(estimate) and isfinite(statistic)) or statistic == 0:
        return None
    model = model_of(test, planned.sample.complete, design)
    if test.kind == "association":
        free = model.n - len(model.nuisance) - 3
        if abs(estimate) >= 1 or free <= 0:
            return None
        return correlation_effect(estimate, model.n, len(model.nuisance))
    if design.between_arms:
        return difference_effect(estimate, statistic)
    if design.within_drugs:
        return drug_effect(float(row["effect_size"]), cells[KETAMINE_FIRST], cells[CONTROL_FIRST])
    change = model.response[1]
    return paired_effect(float(change.mean()), float(change.std(ddof=1)), model.n)


def _standard_error(row: Mapping[Any, Any]) -> float:
    """Return the standard error of an estimate that has a t, and is tested by it."""
    return abs(float(row["estimate"]) / float(row["statistic"]))


def _moments(complete: pd.DataFrame, design: Design) -> dict[str, Any]:
    """Return means and covariance of Fisher z before and after, by arm or order."""
    column = design.group_column
    parts = {"all": complete} if column is None else dict(iter(complete.groupby(column)))
    found = {}
    for name, own in parts.items():
        values = own[["z_baseline", "z_followup"]].to_numpy(dtype=np.float64)
        found[str(name)] = {
            "n": len(values),
            "mean": values.mean(axis=0).tolist(),
            "covariance": np.cov(values, rowvar=False, ddof=1).tolist(),
        }
    return found


def _rounded(content: Any) -> Any:
    """Return content for JSON: numbers with six significant digits, None where there is none."""
    if isinstance(content, Mapping):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_rounded(value) for value in content]
    if isinstance(content, float):
        return float(f"{content:.{_DIGITS}g}") if isfinite(content) else None
    return content


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
