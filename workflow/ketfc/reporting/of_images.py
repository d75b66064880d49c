"""Tables that only images give, without rows where connectivity was computed elsewhere."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ketfc.base.files import read_tsv_if_any
from ketfc.imaging.regions.habenula import COLUMNS
from ketfc.inference.edges.edgewise import EDGE_COLUMNS, EDGE_NUMBERS
from ketfc.inference.motion.qcfc import QCFC_COLUMNS
from ketfc.inference.networks.triple_network import NETWORK_TEST_COLUMNS
from ketfc.inference.null.matched_null import NULL_COLUMNS

_TABLES = {
    "null": (NULL_COLUMNS, ()),
    "qcfc": (QCFC_COLUMNS, ()),
    "habenula": (COLUMNS, ("runs",)),
    "networks": (NETWORK_TEST_COLUMNS, ()),
    "edges": (EDGE_COLUMNS, EDGE_NUMBERS),
}


def tables_of_images(inputs: Any) -> dict[str, pd.DataFrame]:
    """Return the tables of a job's inputs that only images give.

    Parameters
    ----------
    inputs : snakemake.io.InputFiles
        ``regions``, ``null``, ``qcfc``, ``habenula``, ``networks`` and ``edges``, as far as the job
        has them; empty where connectivity was computed elsewhere.
    """
    return {
        name: read_tsv_if_any(inputs[name], columns, numeric=numeric)
        for name, (columns, numeric) in _TABLES.items()
        if name in inputs.keys()  # noqa: SIM118 - the object iterates over its files
    }
