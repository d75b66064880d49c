"""Families of tests and the correction within each."""

from __future__ import annotations

import numpy as np
import pandas as pd

PRIMARY_CHANGE = "primary-change"
PRIMARY_ASSOCIATION = "primary-association"
SECONDARY = "secondary"
DESCRIPTIVE = "descriptive"
SENSITIVITY = "sensitivity"


def family_of(*, kind: str, primary: bool, within_arm: bool, variant: bool = False) -> str:
    """Return the family that a test belongs to.

    Parameters
    ----------
    kind : str
        ``change`` or ``association``.
    primary : bool
        Whether its hypothesis is one of the registry's primary ones.
    within_arm : bool
        Whether it looks at one arm of several.
    variant : bool
        Whether its circuit is another definition of one that is tested.

    Returns
    -------
    str
        A change within one arm is descriptive: two arms are compared with one another, never
        by their p values. Other definitions are sensitivity analyses: no p value of theirs is
        corrected, or counts in the correction of others.
    """
    if variant:
        return SENSITIVITY
    if within_arm:
        return DESCRIPTIVE if kind == "change" else SECONDARY
    if not primary:
        return SECONDARY
    return PRIMARY_CHANGE if kind == "change" else PRIMARY_ASSOCIATION


def holm(p: pd.Series[float], family: pd.Series[str]) -> pd.DataFrame:
    """Correct p values within each family by Holm's method.

    Parameters
    ----------
    p : pandas.Series of float
        Uncorrected p values; missing ones stay missing and do not count.
    family : pandas.Series of str
        Family of each, with the same index.

    Returns
    -------
    pandas.DataFrame
        Columns `p_holm` and `tests` (how many p values the family has), with the same index.

    References
    ----------
    Holm S (1979), Scand J Stat 6:65–70.
    """
    from statsmodels.stats.multitest import multipletests

    values = p.to_numpy(dtype=np.float64)
    corrected = np.full(len(values), np.nan)
    tests = np.zeros(len(values), dtype=np.int64)
    for name in family.unique():
        member = (family == name).to_numpy(dtype=bool)
        known = member & ~np.isnan(values)
        tests[member] = known.sum()
        if known.any():
            corrected[known] = multipletests(values[known], method="holm")[1]
    return pd.DataFrame({"p_holm": corrected, "tests": tests}, index=p.index)
