"""Words on connectivity that was computed elsewhere: what is known of it, and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.reporting.rows import numeric, setting
from ketfc.study.config.sources import AS_IS, TABLES
from ketfc.study.connectivity.scales import IN_WORDS

_READ = {
    "edges": "tables of edges",
    "matrices": "square matrices",
    "xcp-d": "the outputs of XCP-D",
    "giga-connectome": "the series that giga_connectome extracted; its own matrices are shrunk by "
    "an amount that depends on the number of volumes, and were not used",
    "conn": "first-level results of CONN, which are Fisher's z",
}


def motion_known(runs: pd.DataFrame) -> bool:
    """Return whether head motion of any run is known, from ``quality/runs.tsv``."""
    return bool(numeric(runs, "mean_fd")["mean_fd"].notna().any())


def unknown_of_images(runs: pd.DataFrame) -> str:
    """Return the sentence of the report on what connectivity from elsewhere cannot tell.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``quality/runs.tsv``.
    """
    text = f"Connectivity was computed elsewhere. Not known here: {_unknown(runs)}. "
    text += "What rests on them is not assessed, which is no pass"
    if motion_known(runs):
        return f"{text}."
    return f"{text}: head motion may explain any result of this page."


def source_paragraphs(
    config: Mapping[str, Any], runs: pd.DataFrame, regions: pd.DataFrame
) -> list[str]:
    """Return the paragraphs of the methods on where connectivity came from.

    Parameters
    ----------
    config : mapping
        The configuration with all its defaults.
    runs, regions : pandas.DataFrame
        ``quality/runs.tsv`` and ``regions.tsv``.
    """
    about = setting(config, "study", "connectivity") or {}
    text = _from_tables(about) if about["kind"] in TABLES else _from_matrices(about)
    return [
        text,
        *_regions(regions),
        "Not known to this workflow, and to be described by whoever computed it: "
        f"{_unknown(runs)}. No result could be compared with coverage, or with random regions.",
    ]


def _unknown(runs: pd.DataFrame) -> str:
    volumes = numeric(runs, "n_volumes")["n_volumes"].notna().any()
    return listed([
        *([] if motion_known(runs) else ["head motion"]),
        *([] if volumes else ["volumes and censoring"]),
        "denoising", "temporal degrees of freedom", "signal and coverage of the regions",
    ])  # fmt: skip


def _from_tables(about: Mapping[str, Any]) -> str:
    paths = [PurePath(str(path)).name for path in about["path"]]
    values = about["values"]
    read = [f"`{name}` as {IN_WORDS[scale]}" for name, scale in values.items() if scale != AS_IS]
    as_is = [f"`{name}`" for name, scale in values.items() if scale == AS_IS]
    text = (
        f"Connectivity was computed elsewhere and read from {plural(len(paths), 'table')} "
        f"({listed(paths)}): {listed(read)}, tested as Fisher's z."
    )
    if as_is:
        text += f" {listed(as_is)} {'is' if len(as_is) == 1 else 'are'} tested as given."
    return text


def _from_matrices(about: Mapping[str, Any]) -> str:
    text = f"Connectivity was computed elsewhere and read from {_READ[about['kind']]}"
    scale = about["scale"] or ("fisher-z" if about["kind"] == "conn" else "r")
    told = f", as {IN_WORDS[scale]}"
    return (
        f"{text}{told}. Diagonal and range of every matrix agree with that scale. A circuit's "
        "value is the mean Fisher z over all its connections and is missing if one of them is."
    )


def _regions(regions: pd.DataFrame) -> list[str]:
    """Return how the regions were made of parcels, with the distances."""
    if regions.empty:
        return []
    definitions = regions["definition"].astype(str)
    lost = definitions.str.startswith("not measured")
    nearest = regions[definitions.str.contains("the nearest parcel") & ~lost]
    named = int((~lost).sum()) - len(nearest)
    parts = [f"{named} by name"] if named else []
    if len(nearest):
        far = numeric(nearest, "distance")["distance"]
        parts.append(
            f"{len(nearest)} as the parcel whose centre is nearest, {far.min():.1f} to "
            f"{far.max():.1f} mm away"
        )
    text = f"Each region is one parcel: {listed(parts)} (`regions.tsv`)."
    if lost.any():
        names = listed([str(name) for name in regions.loc[lost, "region"]])
        text += f" No parcel stands for {names}; circuits with them were not measured."
    return [text]
