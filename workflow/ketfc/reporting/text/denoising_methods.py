"""The part of the methods section on denoising."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ketfc.reporting.tables import Design, numeric, setting
from ketfc.reporting.text.denoising import (
    Strategy,
    censored_neighbours,
    motion_filter,
    regressor_count,
)
from ketfc.reporting.words import compact, number
from ketfc.study.config.denoising import BUILT_IN, base_name, scrubbed

_CITED = {
    "24P": " [@friston1996]",
    "27P": " [@satterthwaite2013; @ciric2017]",
    "36P": " [@satterthwaite2013; @ciric2017]",
    "aroma": " [@pruim2015]",
    "aroma_gsr": " [@pruim2015]",
    "acompcor": " [@behzadi2007]",
    "acompcor_gsr": " [@behzadi2007]",
}

_NEIGHBOURS = ("before", "after", "between")


def denoising_paragraphs(
    config: Mapping[str, Any],
    design: Design,
    strategies: Mapping[str, Strategy],
    runs: pd.DataFrame,
) -> list[str]:
    """Return the paragraphs of the methods on cleaning, censoring and matching.

    Parameters
    ----------
    config : mapping
        The configuration with all its defaults.
    design : mapping
        ``plan/design.json``.
    strategies : mapping of str to Strategy
        What each did, by name.
    runs : pandas.DataFrame
        ``quality/runs.tsv``.
    """
    primary = design["strategy"]
    text = [
        "Each run was detrended and cleaned in one linear step, equal to `nilearn.signal.clean` "
        "[@nilearn]: confounds, trend and filter are removed together, so that none brings back "
        f"what another took out. {_censoring(config, runs)}{_limits(config)}"
    ]
    if primary in strategies:
        text.append(f"The primary strategy, {_strategy(strategies[primary])}")
    others = [one for name, one in strategies.items() if name != primary]
    if others:
        text.append("For comparison, the same runs were also cleaned otherwise:")
        text.append("\n".join(f"- {_strategy(one)}" for one in others))
    return [*text, *_matching(config)]


def _strategy(strategy: Strategy) -> str:
    base = base_name(strategy.name)
    head = f"`{strategy.name}`{_CITED.get(base, '')}"
    if base not in BUILT_IN:
        head += " (this study's own)"
    if not strategy.runs:
        return f"{head}, could be used on no run."
    parts = [f"{head}, regressed out nothing"]
    if strategy.regressors != "0":
        parts = [f"{head}, regressed out {regressor_count(strategy)}: {strategy.columns()}"]
    if strategy.components:
        parts.append(f"aCompCor: {strategy.components}")
    if base in ("aroma", "aroma_gsr"):
        parts.append("the components that ICA-AROMA took for motion were regressed out whole")
    parts.append(f"high-pass: {strategy.high_pass or 'none'}")
    parts.append(f"low-pass: {strategy.low_pass or 'none'}")
    if not scrubbed(strategy.name):
        parts.append("no volume was censored")
    return "; ".join(parts) + "."


def _censoring(config: Mapping[str, Any], runs: pd.DataFrame) -> str:
    fd, dvars = (
        setting(config, "denoising", "fd-thresh"),
        setting(config, "denoising", "dvars-thresh"),
    )
    limits = [f"framewise displacement above {compact(fd)} mm [@power2012]"] if fd else []
    limits += [f"standardised DVARS above {compact(dvars)}"] if dvars else []
    least = compact(setting(config, "denoising", "min-time"))
    first = _dummy_scans(config, runs)
    if not limits:
        return f"{first}No volume was censored; runs of less than {least} s were excluded."
    share = ""
    if {"n_censored", "n_volumes"} <= set(runs.columns):
        counts = numeric(runs, "n_censored", "n_volumes").dropna(subset=["n_censored", "n_volumes"])
        if counts["n_volumes"].sum() > 0:
            percent = 100 * counts["n_censored"].sum() / counts["n_volumes"].sum()
            share = f" ({number(percent, 1)} % of all volumes)"
    neighbours = censored_neighbours(
        *(int(setting(config, "denoising", f"censor-{how}") or 0) for how in _NEIGHBOURS)
    )
    also = f", and with them {neighbours}" if neighbours else ""
    text = (
        f"{first}Volumes with {' or '.join(limits)} were censored{also}{share} [@power2014]; runs "
        f"that kept less than {least} s were excluded."
    )
    kind = setting(config, "denoising", "motion-filter-type") if fd else None
    if kind:
        ends = (setting(config, "denoising", f"band-stop-{end}") for end in ("min", "max"))
        text += (
            f" For censoring alone, displacement was computed from motion parameters that had been "
            f"{motion_filter(kind, *ends)}."
        )
    return text


def _dummy_scans(config: Mapping[str, Any], runs: pd.DataFrame) -> str:
    """Return the sentence on volumes at the start of runs, if any went, and a space."""
    asked = setting(config, "denoising", "dummy-scans")
    if asked != "auto":
        return f"The first {asked} volumes of every run were left out. " if asked else ""
    column = "n_censored_dummy"
    if column not in runs or not numeric(runs, column)[column].sum():
        return ""
    return (
        "Volumes that fMRIPrep took for not yet in a steady state were left out by every strategy. "
    )


def _limits(config: Mapping[str, Any]) -> str:
    """Return the sentence on runs that moved too much, if there is a limit."""
    limits = [
        text.format(compact(value))
        for key, text in (
            ("max-mean-fd", "a mean framewise displacement above {} mm"),
            ("max-fd", "a displacement above {} mm between any two volumes"),
            ("max-censored", "a share of censored volumes above {}"),
        )
        if (value := setting(config, "quality", key)) is not None
    ]
    if not limits:
        return ""
    preset = setting(config, "quality", "preset")
    named = f" (preset {preset})" if preset else ""
    return f" Runs with {' or '.join(limits)} were excluded{named}."


def _matching(config: Mapping[str, Any]) -> list[str]:
    if not setting(config, "denoising", "match-volumes"):
        return []
    return [
        "So that sessions rest on equally many volumes, each participant's were cut, after "
        "cleaning, to the number that the session with the fewest had kept: of each run the first "
        "volumes, where a session has several runs in proportion to what they had kept."
    ]
