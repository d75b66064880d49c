"""Size and tSNR of regions, by which pairs of them are matched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd


def region_features(coverage: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return how many voxels of each region were averaged, and their tSNR, over all runs.

    Parameters
    ----------
    coverage : iterable of pandas.DataFrame
        The coverage tables of one atlas, a table per run; those of excluded runs hold no numbers.

    Returns
    -------
    pandas.DataFrame
        Columns `size` and `tsnr` (means), indexed by region; missing where never measured.
    """
    tables = pd.concat(list(coverage), ignore_index=True).rename(columns={"n_shared": "size"})
    return tables.groupby("region", sort=True)[["size", "tsnr"]].mean()


def measured_regions(
    runs: pd.DataFrame, coverage: Mapping[str, pd.DataFrame], min_coverage: float
) -> pd.DataFrame:
    """Return which regions were measured in which sessions.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``plan/runs.tsv``.
    coverage : mapping of str to pandas.DataFrame
        The coverage table of one atlas of every run that was processed.
    min_coverage : float
        Share of a region's voxels below which it is n/a.

    Returns
    -------
    pandas.DataFrame
        Bool, indexed by participant and role, a column per region: whether any run of the session
        covered it.
    """
    rows: dict[tuple[str, str], pd.Series[bool]] = {}
    for record in runs.to_dict("records"):
        table = coverage.get(str(record["run"]))
        if table is None:
            continue
        share = table.set_index("region")["coverage_shared"]
        covered = (share >= min_coverage) & (share > 0)
        key = (str(record["participant_id"]), str(record["role"]))
        rows[key] = covered | rows[key] if key in rows else covered
    return pd.DataFrame(rows).T.astype(bool)
