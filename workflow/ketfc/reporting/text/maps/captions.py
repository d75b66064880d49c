"""Titles, outcomes and captions of group maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ketfc.inference.maps.clusters import CLUSTER, NOTHING
from ketfc.reporting.text.edges import contrast
from ketfc.reporting.words import compact, p_equals, region_label
from ketfc.study.design.design import Design


def asked(row: Mapping[str, Any] | pd.Series[Any], design: Design) -> str:
    """Return the question of a map as a title, from a row of ``maps/clusters.tsv``."""
    what = contrast(str(row["question"]), design)
    return f"{region_label(str(row['seed']))} and every voxel. {what}"


def outcome(clusters: pd.DataFrame, design: Design) -> str:
    """Return what a map came to in a sentence, from its rows of ``maps/clusters.tsv``."""
    row = clusters.iloc[0]
    if row["result"] not in (CLUSTER, NOTHING):
        return f"Not tested: {row['result']}."
    sample = f"n = {compact(row['n'])}, {row['n_map_voxels']:,.0f} voxels"
    if row["result"] == NOTHING:
        return f"No voxel survives: the smallest {p_equals(row['p_tfce'])} ({sample})."
    count = "1 cluster survives" if len(clusters) == 1 else f"{len(clusters)} clusters survive"
    return f"{count}: TFCE, p ≤ {compact(design.alpha)} in the whole map ({sample})."


def map_caption(design: Design) -> str:
    """Return what the picture of a group map shows."""
    scores = f" (of ranks, for associations with {design.instrument})" if design.si else ""
    return (
        f"t{scores} of the connectivity of a seed with every voxel that has signal in all sessions "
        "of all participants. Above, the voxels that survive, seen through a glass brain; below, "
        "all voxels, the fainter the nearer t is to 0, with those that survive outlined. p is two-"
        "sided, by the largest TFCE value of the map under permutations of whole participants: "
        f"corrected for all voxels of one map at {compact(design.alpha)}, not for the number of "
        "maps. Left is left."
    )


def map_alt(clusters: pd.DataFrame, design: Design) -> str:
    """Return the text of a picture for those who cannot see it."""
    return f"{asked(clusters.iloc[0], design)}. {outcome(clusters, design)}"
