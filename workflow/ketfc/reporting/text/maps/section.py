"""The report's section on group maps, and the paragraph of the methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.base.english import listed
from ketfc.inference.maps.clusters import CLUSTER, NOTHING, PARETO
from ketfc.inference.maps.enhancement import EXTENT, HEIGHT, NEIGHBOURS
from ketfc.reporting.tables import Table, text_table
from ketfc.reporting.text.edges import contrast
from ketfc.reporting.text.maps.captions import outcome
from ketfc.reporting.words import as_text, compact, is_missing, number, p_value, region_label
from ketfc.study.design.design import Design

_MOST = 40
"""Clusters that the report lists; the file has all."""


@dataclass(frozen=True)
class MapSection:
    """The report's section: sentences, a table of all maps and one of the clusters."""

    sentences: list[str]
    maps: Table
    clusters: Table


def map_section(clusters: pd.DataFrame, design: Design) -> MapSection:
    """Return the report's section on group maps.

    Parameters
    ----------
    clusters : pandas.DataFrame
        ``maps/clusters.tsv``, numbers as numbers.
    design : Design
        The study's design.
    """
    found = clusters[clusters["result"] == CLUSTER]
    groups = list(clusters.groupby(["question", "seed"], sort=False))
    some = sum(bool((rows["result"] == CLUSTER).any()) for _, rows in groups)
    said = [
        "Exploratory: the connectivity of each seed with every voxel was put to the tests of the "
        "primary hypotheses. p is corrected for all voxels of a map, and not for the number of "
        f"maps: of {len(groups)} maps without any effect, each has a voxel that survives with a "
        f"probability of {compact(design.alpha)}. Holm's p over the seeds of a question stands "
        "beside it. No p here counts in the correction of another family.",
        f"Something survives in {some} of {len(groups)} maps.",
    ]
    rows = [
        {
            "question": contrast(str(question), design),
            "seed": region_label(str(seed)),
            "outcome": outcome(group, design),
            "smallest p": p_value(group["p_tfce"].min()),
            "p (Holm, seeds)": p_value(group["p_holm"].min()),
        }
        for (question, seed), group in groups
    ]
    maps = text_table(rows, {"question": "mid", "seed": "short", "outcome": "mid"})
    return MapSection(said, maps, _clusters(found))


def map_methods(
    clusters: pd.DataFrame | None, settings: Mapping[str, Any], design: Design
) -> list[str]:
    """Return the paragraph of the methods on group maps; none without maps.

    Parameters
    ----------
    clusters : pandas.DataFrame or None
        ``maps/clusters.tsv``, numbers as numbers.
    settings : mapping
        Section `maps` of the configuration.
    design : Design
        The study's design.
    """
    if clusters is None:
        return []
    seeds = [region_label(str(seed)) for seed in dict.fromkeys(clusters["seed"])]
    fwhm = float(settings["fwhm"])
    smoothed = (
        f"smoothed within the brain by a Gaussian of {compact(fwhm)} mm full width at half maximum "
        "(the seed's own series was not)"
        if fwhm
        else "not smoothed"
    )
    tested = clusters[clusters["result"].isin([CLUSTER, NOTHING])]
    made = tested["permutations"].dropna()
    wanted = int(settings["permutations"])
    fewer = ", or all there are where there are fewer" if (made < wanted).any() else ""
    text = (
        f"As exploratory analyses, the series of {listed(seeds)} were correlated with that of "
        f"every voxel of the images, {smoothed} (strategy {clusters['strategy'].iloc[0]}). Fisher "
        "z of the runs of a session was averaged with their degrees of freedom as weights. The "
        "models of the primary tests, with the same blocks and residual variances, were fitted in "
        "every voxel that has signal in all sessions of all participants of the test. Statistics "
        "were taken for the standard normal deviates that they amount to and enhanced by exact "
        "threshold-free cluster enhancement (TFCE) with the weights of extent "
        f"{compact(EXTENT)} and height {compact(HEIGHT)} [@smith2009] and {NEIGHBOURS} neighbours; "
        f"under {wanted:,} permutations of whole participants{fewer} "
        f"({'Freedman–Lane' if not design.one_arm else 'sign flips, and Freedman–Lane'}) "
        "two-sided p values come from the largest enhanced value of the map [@freedman1983; "
        "@winkler2014]. They are corrected for the voxels of one map; for the number of seeds, "
        "Holm's p of each map's smallest p stands beside them."
    ).replace(f"{wanted:,}", f"{wanted:,}".replace(",", " "))
    if (tested["p_type"] == PARETO).any() or settings["tail"] == "pareto":
        text += (
            " p values below .1 were taken from a generalised Pareto distribution fitted to the "
            "tail of the permuted maxima [@winkler2016]; where it did not fit they were counted."
        )
    return [text]


def _clusters(found: pd.DataFrame) -> Table:
    rows = [
        {
            "question": str(row["question"]),
            "seed": region_label(str(row["seed"])),
            "peak, mm": ", ".join(number(row[axis], 0) for axis in "xyz"),
            "at": _place(row),
            "mm³": f"{row['size_mm3']:,.0f}",
            "estimate": number(row["peak_effect"], signed=True),
            "t": number(row["peak_t"], signed=True),
            "p (TFCE)": p_value(row["p_tfce"]) + ("*" if row["p_type"] == PARETO else ""),
            "p (Holm, seeds)": p_value(row["p_holm"]),
            "n": compact(row["n"]),
        }
        for row in found.head(_MOST).to_dict("records")
    ]
    notes = []
    if len(found) > _MOST:
        notes.append(f"The first {_MOST} of {len(found)}; all are in maps/clusters.tsv.")
    if (found["p_type"] == PARETO).any():
        notes.append("*: from a generalised Pareto distribution fitted to the permuted maxima.")
    kinds = {"question": "short", "seed": "short", "peak, mm": "short", "at": "mid"}
    return text_table(rows, kinds, " ".join(notes))


def _place(row: Mapping[Any, Any]) -> str:
    """Return the parcel at a peak with its network."""
    if is_missing(row["region"]):
        return "no parcel"
    name = as_text(row["region"])
    return name if is_missing(row["network"]) else f"{name} ({row['network']})"
