"""Sentences on how much habenula a voxel holds, for report and methods."""

from __future__ import annotations

import pandas as pd

from ketfc.base.english import plural
from ketfc.imaging.regions.habenula import CAUTION_FROM, INTERPRETABLE_FROM, NATIVE, UNKNOWN
from ketfc.imaging.regions.habenula_geometry import OFFSETS


def report_sentences(table: pd.DataFrame) -> list[str]:
    """Return the verdict on a habenula result in words, one sentence per row of the table.

    From ``habenula.tsv``.
    """
    sentences = []
    for row in table.to_dict("records"):
        runs = plural(int(row["runs"]), "run")
        if row["verdict"] == UNKNOWN:
            sentences.append(
                f"{row['region']}, {runs}: the recorded voxel size is not known, so the result "
                "must be treated as peri-habenular only (set study.native-voxel-size)."
            )
            continue
        size = " × ".join(f"{float(row[axis]):g}" for axis in NATIVE)
        sentences.append(
            f"{row['region']}, {runs} recorded at {size} mm: {row['verdict']}. By geometry alone, "
            f"{100 * float(row['best_voxel_fraction']):.0f} % of the best voxel and "
            f"{100 * float(row['region_purity']):.0f} % of the region is habenula."
        )
    return sentences


def methods_sentences(table: pd.DataFrame) -> list[str]:
    """Return the sentences of the methods on the verdict; none where there is no habenula.

    From ``habenula.tsv``.
    """
    if not len(table):
        return []
    body = (
        "the label of the habenula"
        if set(table["body"]) == {"label"}
        else "a spheroid with the volume, centroid, length and direction of the CIT168 habenula"
    )
    return [
        "How much habenula a voxel can hold was computed from the voxel size that was recorded, "
        f"not from the resampled grid: {body} was sampled by grids of that voxel size at "
        f"{OFFSETS} random offsets.",
        f"A median habenula share of the best voxel of at least {INTERPRETABLE_FROM:g} was called "
        f"interpretable, of at least {CAUTION_FROM:g} caution, and less peri-habenular only. These "
        "limits are a convention of this software, not a published standard, and the computation "
        "is geometry only: the point spread, errors of registration and smoothing make it worse.",
        "No data were smoothed.",
        *report_sentences(table),
    ]
