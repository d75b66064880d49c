"""Activity of the regions: sentences, a table and paragraphs of the methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.imaging.activity.reho import FEWEST
from ketfc.imaging.activity.run import DIVIDED
from ketfc.inference.activity.table import FOLLOWS_CENSORING
from ketfc.inference.families import ACTIVITY
from ketfc.reporting.rows import setting
from ketfc.reporting.tables import Table, effect_of, flags_of, text_table
from ketfc.reporting.words import compact, interval, number, p_equals, p_value, region_label
from ketfc.study.design.design import Design

MEASURES: Mapping[str, str] = {"alff": "ALFF", "falff": "fALFF", "reho": "ReHo"}
"""The measures as they are written."""


@dataclass(frozen=True)
class ActivitySection:
    """The report's section on activity; without sentences where none was measured."""

    sentences: list[str]
    table: Table


def measure_label(measure: str) -> str:
    """Return a measure as it is written: ``malff`` becomes ``mALFF``."""
    divided = measure.removeprefix(DIVIDED) if measure not in MEASURES else measure
    return (DIVIDED if divided != measure else "") + MEASURES[divided]


def activity_section(activity: pd.DataFrame | None, design: Design) -> ActivitySection:
    """Return the report's section on the activity of regions.

    Parameters
    ----------
    activity : pandas.DataFrame or None
        ``tests/activity.tsv``, numbers as numbers; None where none was measured.
    design : Design
        The study's design.
    """
    if activity is None:
        return ActivitySection([], text_table([], {}))
    return ActivitySection(_sentences(activity, design), _table(activity))


def _sentences(activity: pd.DataFrame, design: Design) -> list[str]:
    own = activity[activity["family"] == ACTIVITY]
    measures = [measure_label(str(measure)) for measure in own["measure"].unique()]
    said = [
        f"{listed(measures)} of {plural(own['region'].nunique(), 'region')}, each divided by its "
        "mean over the brain, were put to the models of the primary tests. They are a family of "
        "their own and exploratory."
    ]
    for test in own["test"].unique():
        rows = own[own["test"] == test]
        tested = rows[rows["p_permutation"].notna()]
        what = "change" if test == "change" else f"association with {design.instrument}"
        if tested.empty:
            said.append(f"No {what} could be tested.")
            continue
        found = tested[tested["p_fdr"] < design.alpha]
        names = [_one(row) for row in found.to_dict("records")]
        smallest = p_equals(tested["p_fdr"].min(), "smallest p after correction")
        text = f"Of {plural(len(tested), 'test')} of {what}, {len(names) or 'none'} "
        text += f"{'survive' if len(names) > 1 else 'survives'} the false discovery rate"
        said.append(f"{text}: {'; '.join(names)}." if names else f"{text} ({smallest}).")
    gates = own.drop_duplicates(["region", "measure"])
    fired = gates[gates["flags"].fillna("").str.split(";").map(lambda of: FOLLOWS_CENSORING in of)]
    asked = int(gates["p_censoring"].notna().sum())
    if asked:
        which = listed(
            [
                f"{measure_label(str(row['measure']))} of {region_label(str(row['region']))}"
                for row in fired.to_dict("records")
            ]
        )
        said.append(
            f"The change in {which} goes with the change in the share of censored volumes over "
            f"participants (flag {FOLLOWS_CENSORING}): censoring or motion may explain these. Of "
            f"{asked} looked at, some {number(asked * design.alpha, 0)} do so by chance."
            if which
            else f"No change goes with the change in the share of censored volumes ({asked} looked "
            "at), which is no proof that censoring explains nothing."
        )
    return said


def _one(row: Mapping[Any, Any]) -> str:
    name = f"{measure_label(str(row['measure']))} of {region_label(str(row['region']))}"
    return (
        f"{name} {number(row['estimate'], signed=True)} {interval(row['ci_low'], row['ci_high'])}, "
        f"{p_equals(row['p_fdr'], 'p after correction')}"
    )


def _table(activity: pd.DataFrame) -> Table:
    rows = [
        {
            "region": region_label(str(row["region"])),
            "measure": measure_label(str(row["measure"])),
            "test": str(row["test"]),
            "Δ or ρ": number(row["estimate"], 3, signed=True),
            "interval": interval(row["ci_low"], row["ci_high"], 3),
            "p (single)": p_value(row["p_permutation"]),
            "p (FDR)": p_value(row["p_fdr"]),
            "p (Holm)": p_value(row["p_holm"]),
            "effect size": effect_of(row),
            "n": number(row["n"], 0),
            "left out": number(row["n_excluded"], 0),
            "r with censoring": number(row["r_censoring"], signed=True),
            "its p": p_value(row["p_censoring"]),
            "flags": flags_of(row),
        }
        for row in activity.to_dict("records")
    ]
    text = dict.fromkeys(("region", "measure", "test"), "short")
    return text_table(rows, {**text, "effect size": "mid", "flags": "mid"})


def activity_methods(
    activity: pd.DataFrame | None, config: Mapping[str, Any], design: Design
) -> list[str]:
    """Return the paragraphs of the methods on the activity of regions.

    Parameters
    ----------
    activity : pandas.DataFrame or None
        ``tests/activity.tsv``; None where none was measured.
    config : mapping
        The configuration with all its defaults.
    design : Design
        The study's design.
    """
    if activity is None:
        return []
    of = partial(setting, config, "activity")
    asked = list(of("measures") or [])
    band = f"{compact(of('lower-bpf'))}–{compact(of('upper-bpf'))} Hz"
    said = [
        "Activity was measured in every voxel of the unsmoothed images, cleaned by the strategy "
        f"{design.strategy} with a band-pass of {band} (Butterworth, zero phase). For spectra, "
        "censored volumes of images and confounds were interpolated linearly between kept ones, "
        "and regression weights were those of the kept volumes, so that every run has the "
        "periodogram of equally spaced volumes: that of the kept ones alone (Lomb–Scargle) rises "
        "as volumes are censored."
    ]
    if "alff" in asked:
        said.append(
            "ALFF [@zang2007] is twice the mean, over the frequencies of the band, of the square "
            "root of power."
        )
    if "falff" in asked:
        said.append(
            "fALFF [@zou2008] is the sum of the square root of power over the band divided by that "
            "over all frequencies but zero, both of the cleaned series without band-pass."
        )
    if "reho" in asked:
        said.append(
            "ReHo [@zang2004] is Kendall's W, corrected for ties, over the kept volumes of a voxel "
            f"and its neighbours in a cube of 27 voxels, of which at least {FEWEST} must have a "
            "series."
        )
    tests = "change and association" if design.si else "change"
    said.append(
        "Each measure was divided by its mean over the voxels of the brain that have signal in all "
        "sessions of the participant, which takes out what censoring, length and scaling of a run "
        "do to all voxels alike, and averaged over the voxels of each region. These were put to "
        f"the models of the primary tests of {tests} by the same permutations, as a family of "
        "their own with the false discovery rate [@benjamini1995] and Holm's correction "
        "[@holm1979] over all regions, measures and questions (`tests/activity.tsv`). Where the "
        "change in a measure correlated over participants with that in the share of censored "
        f"volumes (permutation p < {compact(design.alpha)}), it has the flag `{FOLLOWS_CENSORING}`."
    )
    return [" ".join(said)]
