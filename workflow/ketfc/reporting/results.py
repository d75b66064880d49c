"""Tables of results, as both methods and report take them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ketfc.base.files import read_tsv, read_tsv_if_any
from ketfc.imaging.regions.habenula import COLUMNS
from ketfc.inference.activity.table import ACTIVITY_NUMBERS
from ketfc.inference.clinical.effects import NUMBERS
from ketfc.inference.edges.edgewise import EDGE_COLUMNS, EDGE_NUMBERS
from ketfc.inference.maps.clusters import read_clusters
from ketfc.inference.motion.qcfc import QCFC_COLUMNS
from ketfc.inference.networks.triple_network import NETWORK_TEST_COLUMNS
from ketfc.inference.null.matched_null import NULL_COLUMNS
from ketfc.inference.prediction.table import PREDICTION_NUMBERS

_OF_EVERY_STUDY = (
    *("hypotheses", "regions", "runs", "robustness", "reliability", "shrinkage", "attrition"),
    "curves",
)

_BESIDE = ("influence", "stability")
"""Tables of every study that not every job of the reports asks for."""

_OF_IMAGES = {
    "null": (NULL_COLUMNS, ()),
    "qcfc": (QCFC_COLUMNS, ()),
    "habenula": (COLUMNS, ("runs",)),
    "networks": (NETWORK_TEST_COLUMNS, ()),
    "edges": (EDGE_COLUMNS, EDGE_NUMBERS),
}
"""Columns and numbers of tables without rows where connectivity was computed elsewhere."""


def result_tables(inputs: Any) -> dict[str, pd.DataFrame | None]:
    """Return the tables of a job's inputs that methods and report are made of, by name.

    Parameters
    ----------
    inputs : snakemake.io.InputFiles
        ``hypotheses``, ``regions``, ``runs``, ``robustness``, ``reliability``, ``shrinkage``,
        ``attrition``, ``curves``, ``exclusions`` and ``effects``; ``clusters``, ``activity`` and
        ``prediction``, empty where there are none, which gives None; and, as far as the job has
        them, ``influence``, ``stability``, and ``null``, ``qcfc``, ``habenula``, ``networks`` and
        ``edges``, empty where connectivity was computed elsewhere.
    """
    activity, predicted = inputs.activity, inputs.prediction
    return {
        **{name: read_tsv(inputs[name]) for name in _OF_EVERY_STUDY},
        **{
            name: read_tsv_if_any(inputs[name], columns, numeric=numeric)
            for name, (columns, numeric) in _OF_IMAGES.items()
            if name in inputs.keys()  # noqa: SIM118 - the object iterates over its files
        },
        **{name: read_tsv(inputs[name]) for name in _BESIDE if name in inputs.keys()},  # noqa: SIM118
        "exclusions": read_tsv(inputs.exclusions[0]),
        "effects": read_tsv(inputs.effects, numeric=NUMBERS),
        "clusters": read_clusters(inputs.clusters),
        "activity": read_tsv(activity, numeric=ACTIVITY_NUMBERS) if activity else None,
        "prediction": read_tsv(predicted, numeric=PREDICTION_NUMBERS) if predicted else None,
    }
