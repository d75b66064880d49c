"""Denoising in words: confounds, filters, censoring and limits, for report and methods."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.reporting.rows import numeric, setting
from ketfc.reporting.words import compact, is_missing, number
from ketfc.study.config.denoising import BUILT_IN, base_name, scrubbed
from ketfc.study.design.design import Design

Sidecars = Mapping[str, Sequence[Mapping[str, Any]]]
"""By strategy, the JSON sidecars of its matrices (``…_relmat.json``), also of excluded runs."""

_MOTION = {f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"}
_EXPANSION = {
    "_derivative1": "temporal derivative",
    "_power2": "square",
    "_derivative1_power2": "square of the derivative",
}
_CITED = {
    "24P": " [@friston1996]",
    "27P": " [@satterthwaite2013; @ciric2017]",
    "36P": " [@satterthwaite2013; @ciric2017]",
    "aroma": " [@pruim2015]",
    "aroma_gsr": " [@pruim2015]",
    "acompcor": " [@behzadi2007]",
    "acompcor_gsr": " [@behzadi2007]",
}

_MASKS = {
    "WM": "white matter",
    "CSF": "CSF",
    "combined": "white matter and CSF combined, for want of separate masks",
}

_NEIGHBOURS = ("before", "after", "between")


@dataclass(frozen=True)
class Strategy:
    """Summary of one strategy over the runs it was used on.

    Attributes
    ----------
    runs : int
        Runs that it was used on.
    always, sometimes : tuple of str
        Confound columns of every run, and of some runs only.
    regressors : str
        Their number, such as ``24`` or ``26–28``.
    independent : str
        How many of them are independent of one another; empty where all of them are.
    high_pass, low_pass, components : str
        In words; empty where there is nothing to say.
    """

    name: str
    runs: int
    always: tuple[str, ...]
    sometimes: tuple[str, ...]
    regressors: str
    independent: str
    high_pass: str
    low_pass: str
    components: str

    def columns(self) -> str:
        """Name every confound column, families of columns in short."""
        always = column_names(self.always)
        if not self.sometimes:
            return always
        return f"{always}; in some runs also {column_names(self.sometimes)}"


def summarise(name: str, sidecars: Sequence[Mapping[str, Any]]) -> Strategy:
    """Summarise a strategy from the sidecars of its runs."""
    used = [one for one in sidecars if is_missing(one.get("Excluded"))]
    columns = [tuple(one.get("ConfoundColumns") or ()) for one in used]
    everything = list(dict.fromkeys(column for run in columns for column in run))
    always = tuple(column for column in everything if all(column in run for run in columns))
    counts = sorted({len(run) for run in columns})
    components = [one["CompCorComponents"] for one in used if one.get("CompCorMask")]
    low = sorted({str(compact(one["LowPassHz"])) for one in used if one.get("LowPassHz")})
    return Strategy(
        name=name,
        runs=len(used),
        always=always,
        sometimes=tuple(column for column in everything if column not in always),
        regressors=_range(counts),
        independent=_independent(used),
        high_pass=_high_pass([str(one["HighPass"]) for one in used if one.get("HighPass")]),
        low_pass=f"Butterworth, {listed(low)} Hz" if low else "",
        components=_components(components),
    )


def _components(of_runs: Sequence[Mapping[str, int]]) -> str:
    """Return in words how many components of which masks were regressed out, and of how many runs.

    Parameters
    ----------
    of_runs : sequence of mapping of str to int
        Components by mask (``WM`` and ``CSF``, or ``combined``) of every run.
    """
    kinds = Counter(
        tuple((mask, counts[mask]) for mask in _MASKS if mask in counts) for counts in of_runs
    )
    told = []
    for counts, runs in sorted(kinds.items(), reverse=True):
        words = listed([f"{n} of {_MASKS[mask]}" for mask, n in counts])
        where = f" in {plural(runs, 'run')}" if len(kinds) > 1 else ""
        told.append(f"the first components, {words}{where}")
    return "; ".join(told)


def _independent(used: Sequence[Mapping[str, Any]]) -> str:
    counts = [(one.get("IndependentRegressors"), one.get("NumberOfRegressors")) for one in used]
    if all(rank == total for rank, total in counts):
        return ""
    return _range(sorted({int(rank) for rank, _ in counts if rank is not None}))


def _range(counts: list[int]) -> str:
    if not counts:
        return "n/a"
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"


def _high_pass(told: list[str]) -> str:
    """Merge descriptions that differ only in their first number (of cosines)."""
    merged: dict[str, list[int]] = {}
    for text in told:
        match = re.match(r"(\d+) (.*cosine.*)", text)
        merged.setdefault(match[2] if match else text, []).extend([int(match[1])] if match else [])
    return listed(
        [f"{_range(sorted(set(n)))} {text}" if n else text for text, n in sorted(merged.items())]
    )


def column_names(columns: Sequence[str]) -> str:
    """Return confound columns in words that leave none out.

    The six motion parameters, expansions of the same columns and numbered families are put
    together: ``trans_x``, ``trans_x_derivative1`` … become one phrase.
    """
    if not columns:
        return "none"
    expansions: dict[str, list[str]] = {}
    families: dict[str, list[str]] = {}
    for column in columns:
        numbered = re.fullmatch(r"(.*?)(\d+)", column)
        suffix = next((end for end in reversed(_EXPANSION) if column.endswith(end)), "")
        base = column.removesuffix(suffix)
        if numbered and not suffix:
            families.setdefault(numbered[1], []).append(column)
        else:
            expansions.setdefault(base, []).append(suffix)
    alike: dict[tuple[str, ...], list[str]] = {}
    for base, suffixes in expansions.items():
        alike.setdefault(tuple(sorted(suffixes)), []).append(base)
    phrases = [_expanded(bases, suffixes) for suffixes, bases in alike.items()]
    phrases += [
        f"`{names[0]}`" if len(names) == 1 else f"`{names[0]}` to `{names[-1]}` ({len(names)})"
        for names in families.values()
    ]
    return "; ".join(phrases)


def _expanded(bases: list[str], suffixes: tuple[str, ...]) -> str:
    names = [f"`{base}`" for base in bases]
    if set(bases) >= _MOTION:
        others = [f"`{base}`" for base in bases if base not in _MOTION]
        names = ["the six motion parameters (`trans_x` to `rot_z`)", *others]
    extra = [words for suffix, words in _EXPANSION.items() if suffix in suffixes]
    if "" not in suffixes:
        return f"of {listed(names)} the {listed(extra)} only"
    if not extra:
        return listed(names)
    return f"{listed(names)}, each with its {listed(extra)}"


def regressor_count(strategy: Strategy) -> str:
    """Return ``24 regressors``, or the range over runs, and how many of them are independent."""
    count = "1 regressor" if strategy.regressors == "1" else f"{strategy.regressors} regressors"
    return count + (f" ({strategy.independent} of them independent)" * bool(strategy.independent))


def censored_neighbours(before: int, after: int, between: int) -> str:
    """Return in words the neighbours censored with a volume above a threshold; empty for none.

    Parameters
    ----------
    before, after : int
        Volumes censored before and after each of them.
    between : int
        Longest stretch of kept volumes that is censored too.
    """
    sides = [f"{n} {side}" for n, side in ((before, "before"), (after, "after")) if n]
    parts = [f"the volumes beside each ({listed(sides)} it)"] if sides else []
    if between:
        many = "a single volume" if between == 1 else f"{between} volumes or fewer"
        parts.append(f"what was then left in stretches of {many}")
    return listed(parts)


def motion_filter(kind: str, low: Any, high: Any) -> str:
    """Return in words the filter that removes breathing from motion parameters, with its reference.

    Parameters
    ----------
    kind : str
        ``notch`` or ``lp``.
    low, high : float or None
        Breaths per minute.
    """
    if kind == "notch":
        how = f"band-stop filtered between {compact(low)} and {compact(high)} breaths per minute"
        return f"{how} by a notch filter [@fair2020]"
    return f"low-pass filtered at {compact(low)} breaths per minute [@gratton2020]"


def denoising_paragraphs(
    config: Mapping[str, Any],
    design: Design,
    strategies: Mapping[str, Strategy],
    runs: pd.DataFrame,
) -> list[str]:
    """Return the paragraphs of the methods on cleaning, censoring and matching.

    Parameters are as for :func:`ketfc.reporting.text.methods.methods_text`, `strategies` by name.
    """
    primary = design.strategy
    text = [
        "Each run was detrended and cleaned in one linear step, with the filters of "
        "`nilearn.signal.clean` [@nilearn]: confounds, trend and filter are removed "
        "together, so that none brings back what another took out. "
        f"{_censoring(config, runs)}{_limits(config)}"
    ]
    if primary in strategies:
        text.append(f"The primary strategy, {_strategy(strategies[primary])}")
    others = [one for name, one in strategies.items() if name != primary]
    if others:
        text.append("For comparison, the same runs were also cleaned otherwise:")
        text += [f"- {_strategy(one)}" for one in others]
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
    of = partial(setting, config, "denoising")
    fd, dvars = of("fd-thresh"), of("dvars-thresh")
    limits = [f"framewise displacement above {compact(fd)} mm [@power2012]"] if fd else []
    limits += [f"standardised DVARS above {compact(dvars)}"] if dvars else []
    least = compact(of("min-time"))
    first = _dummy_scans(config, runs)
    if not limits:
        return f"{first}No volume was censored; runs of less than {least} s were excluded."
    share = ""
    if {"n_censored", "n_volumes"} <= set(runs.columns):
        counts = numeric(runs, "n_censored", "n_volumes").dropna(subset=["n_censored", "n_volumes"])
        if counts["n_volumes"].sum() > 0:
            percent = 100 * counts["n_censored"].sum() / counts["n_volumes"].sum()
            share = f" ({number(percent, 1)} % of all volumes)"
    neighbours = censored_neighbours(*(int(of(f"censor-{how}") or 0) for how in _NEIGHBOURS))
    also = f", and with them {neighbours}" if neighbours else ""
    text = (
        f"{first}Volumes with {' or '.join(limits)} were censored{also}{share} [@power2014]; runs "
        f"that kept less than {least} s were excluded."
    )
    kind = of("motion-filter-type") if fd else None
    if kind:
        ends = of("band-stop-min"), of("band-stop-max")
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
