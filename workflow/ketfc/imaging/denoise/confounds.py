"""Confounds as fMRIPrep writes them, and the columns that each strategy regresses out."""

from __future__ import annotations

import gzip
import io
import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.errors import RunError, raise_if_of_the_machine
from ketfc.imaging.denoise.compcor import compcor_components
from ketfc.study.config.denoising import OwnStrategy, base_name

AXES = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
"""The six motion parameters: mm, then radians."""

_SIGNALS = ["global_signal", "csf", "white_matter"]
_CAMEL_CASE = {"FramewiseDisplacement", "GlobalSignal", "aCompCor00", "X", "RotX", "stdDVARS"}

_NO_FIRST = re.compile(
    r".*_derivative\d+(_power\d+)?|framewise_displacement|(std_|non_std_|vx_wisestd_)?dvars|rmsd"
)
"""Columns of changes since the volume before, of which the first volume has none."""

_BEYOND = 1e100
"""No confound is as large; squares of such numbers are beyond floating point."""


def _expanded(columns: list[str], *suffixes: str) -> list[str]:
    return [column + suffix for column in columns for suffix in ("", *suffixes)]


_FULL = ("_derivative1", "_power2", "_derivative1_power2")


@dataclass(frozen=True)
class Strategy:
    """The confounds of one denoising strategy.

    Attributes
    ----------
    name : str
        XCP-D's name, or that of a lab's own strategy.
    columns : tuple of str
        Confound columns by name.
    compcor : bool
        Whether the first components of white matter and CSF are added, with the cosines that
        fMRIPrep filtered them with; such a strategy takes its high-pass from the cosines alone.
    aroma : bool
        Whether the components that ICA-AROMA took for motion are added, whole.
    patterns : tuple of str
        Shell-style patterns of further columns, each of which must match one.
    """

    name: str
    columns: tuple[str, ...] = ()
    compcor: bool = False
    aroma: bool = False
    patterns: tuple[str, ...] = ()


STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        Strategy("none"),
        Strategy("24P", tuple(_expanded(AXES, *_FULL))),
        Strategy("27P", (*_expanded(AXES, *_FULL), *_SIGNALS)),
        Strategy("36P", tuple(_expanded(AXES + _SIGNALS, *_FULL))),
        Strategy("acompcor", tuple(_expanded(AXES, "_derivative1")), compcor=True),
        Strategy("acompcor_gsr", (*_expanded(AXES, "_derivative1"), "global_signal"), compcor=True),
        Strategy("aroma", ("csf", "white_matter"), aroma=True),
        Strategy("aroma_gsr", ("csf", "white_matter", "global_signal"), aroma=True),
        Strategy("gsr_only", ("global_signal",)),
    )
}
"""Content as in XCP-D 26 (its ``nuisance_regressors`` presets), intercept and trend aside.

XCP-D 26 takes the components of ICA-AROMA from fMRIPost-AROMA (``aroma_orth_motion_*``); here they
are those that fMRIPrep before 24 wrote (``aroma_motion_*``), as they are: what they share with
other components is removed too, which is called aggressive.
"""


def find_strategy(name: str, own: Mapping[str, OwnStrategy]) -> Strategy:
    """Return the strategy that a name of the config means, with or without scrubbing.

    Parameters
    ----------
    name : str
        Such as ``36P`` or ``36P_noscrub``.
    own : mapping of str to OwnStrategy
        The study's own strategies, by name.
    """
    base = base_name(name)
    return Strategy(base, patterns=own[base].columns) if base in own else STRATEGIES[base]


def require_version(columns: Sequence[str], name: str) -> None:
    """Refuse column names of fMRIPrep before 1.2.

    Parameters
    ----------
    columns : sequence of str
        Of a confounds table.
    name : str
        Its file name.

    Raises
    ------
    RunError
        ``confounds-version``.
    """
    old = sorted(_CAMEL_CASE & set(columns))
    if old:
        raise RunError(
            "confounds-version",
            f"{name} has the column names of fMRIPrep before 1.2 ({', '.join(old)}); "
            "run fMRIPrep 20.2 or later",
            value=old[0],
            threshold="snake_case names",
        )


def read_confounds(path: str | Path) -> pd.DataFrame:
    """Read an fMRIPrep confounds table.

    Parameters
    ----------
    path : str or pathlib.Path
        ``…_desc-confounds_timeseries.tsv`` (or ``_regressors``).

    Returns
    -------
    pandas.DataFrame
        float64, one row per volume; n/a is NaN.

    Raises
    ------
    RunError
        If it is no such table, holds text, or comes from an fMRIPrep before 1.2 (CamelCase).
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
        _require_regular(text)
        with warnings.catch_warnings():
            # rows longer than the header would shift every column by one, with a warning at most
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(io.StringIO(text), sep="\t", na_values=["n/a"], index_col=False)
    except (OSError, ValueError, EOFError, pd.errors.ParserWarning) as error:
        raise_if_of_the_machine(error)
        raise RunError("confounds-file", f"{path.name} cannot be read: {error}") from error
    require_version(list(table.columns), path.name)
    for column in table.columns:
        if not pd.api.types.is_numeric_dtype(table[column]):
            numbers = pd.to_numeric(table[column], errors="coerce")
            wrong = table[column][numbers.isna() & table[column].notna()]
            if wrong.empty:
                continue
            raise RunError(
                "confounds-text",
                f"{path.name}, column {column}, row {wrong.index[0] + 2} of the file: "
                f"{str(wrong.iloc[0])!r} is not a number",
                value=str(wrong.iloc[0]),
                threshold="a number or n/a",
            )
    return table.astype(np.float64)


def _require_regular(text: str) -> None:
    """Refuse what pandas would read in silence as something else."""
    if "\0" in text:
        raise ValueError("it holds NUL characters, as a file does that was not written to its end")
    lines = text.splitlines() or [""]
    names = lines[0].split("\t")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        # the second would be called trans_x.1, and never be looked at
        raise ValueError(f"it has several columns called {twice[0]!r}")
    for number, line in enumerate(lines, start=1):
        cells = line.count("\t") + 1
        if line.strip() and cells != len(names):
            raise ValueError(f"line {number} has {cells} cells, the header {len(names)}")


def strategy_columns(
    strategy: Strategy, columns: list[str], metadata: Mapping[str, Any]
) -> list[str]:
    """Return the columns that `strategy` regresses out of a run.

    Raises
    ------
    RunError
        ``confounds-column``, naming every column that is missing and every pattern that matches
        none.
    """
    missing = [column for column in strategy.columns if column not in columns]
    wanted = list(strategy.columns)
    advice = ""
    if strategy.compcor:
        components = compcor_components(columns, metadata).columns
        if not components:
            missing.append("a_comp_cor_* (or w_comp_cor_* and c_comp_cor_*)")
        wanted += components + sorted(cosines(columns))
    if strategy.aroma:
        motion = sorted(c for c in columns if re.fullmatch(r"aroma_motion_\d+", c))
        wanted += motion
        if not motion:
            missing.append("aroma_motion_*")
            advice = (
                "; fMRIPrep before 24 writes them with --use-aroma: run it so, or take the "
                "strategy out of denoising.strategies"
            )
    for pattern in strategy.patterns:
        matched = [column for column in columns if fnmatchcase(column, pattern)]
        wanted += matched
        if not matched:
            missing.append(f"a column like {pattern!r}")
    if missing:
        shown = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" * (len(missing) > 6))
        raise RunError(
            "confounds-column",
            f"the confounds lack {shown}, which strategy {strategy.name} needs{advice}",
            value=len(missing),
            threshold=0,
        )
    return list(dict.fromkeys(wanted))


def cosines(columns: Sequence[str]) -> list[str]:
    """Return the columns that are fMRIPrep's cosines, which stand for a high-pass filter."""
    return [column for column in columns if re.fullmatch(r"cosine\d+", column)]


def regressors(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return confound columns without gaps.

    fMRIPrep leaves the first row of derivatives n/a; it takes the second row's value, as in
    nilearn's ``load_confounds``. In any other column a gap there is damage as everywhere else.

    Raises
    ------
    RunError
        ``confounds-gap`` if anything else is missing, infinite or too large to be squared.
    """
    chosen = table[columns].copy()
    if len(chosen) > 1:
        derived = np.array([_NO_FIRST.fullmatch(column) is not None for column in columns])
        first = chosen.iloc[0].isna() & derived
        chosen.loc[chosen.index[0], first[first].index] = chosen.iloc[1][first]
    bad = ~(np.abs(chosen.to_numpy()) < _BEYOND)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise RunError(
            "confounds-gap",
            f"confound {columns[column]} has no finite number in row {row + 2} of its file "
            f"({int(bad.any(axis=1).sum())} such rows)",
            value=int(bad.any(axis=1).sum()),
            threshold=0,
        )
    return chosen
