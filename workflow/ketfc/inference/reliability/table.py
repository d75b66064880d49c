"""Reliability of every circuit, and how much of its change is more than error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.imaging.run.connectivity import MEAN
from ketfc.inference.core.linear import is_constant
from ketfc.inference.core.permutation import Floats
from ketfc.inference.reliability.icc import LEAST, TrueShare, agreement, true_share
from ketfc.inference.reliability.repeats import RUN, SESSION, Repeats, by_role, by_run, repeats
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

RELIABILITY_COLUMNS = (
    "hypothesis",
    "name",
    "source",
    "of",
    "n",
    "k",
    "icc",
    "ci_low",
    "ci_high",
    "session_icc",
    "session_ci_low",
    "session_ci_high",
    "error_sd",
    "n_change",
    "change_sd",
    "true_share",
    "true_ci_low",
    "true_ci_high",
    "used",
    "flags",
    "note",
)

SUPPLIED, NOWHERE = "supplied", "none"
"""Sources beside those of :mod:`ketfc.inference.reliability.repeats`: the config, and nothing."""


def reliability(
    connectivity: pd.DataFrame,
    run_tables: Sequence[pd.DataFrame],
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
    alpha: float,
    supplied: float | None = None,
) -> pd.DataFrame:
    """Estimate how reliably each circuit was measured, from what the study measured twice.

    Parameters
    ----------
    connectivity : pandas.DataFrame
        ``connectivity.tsv``.
    run_tables : sequence of pandas.DataFrame
        What :func:`ketfc.imaging.group.sessions.read_circuits` gives.
    design : Design
        The study's design.
    circuits : iterable of Circuit
        The hypotheses, in the order of the table.
    strategy : str
        Denoising strategy.
    alpha : float
        Intervals cover 1 − `alpha`.
    supplied : float or None
        Reliability of a session from elsewhere, taken where the study has none of its own.

    Returns
    -------
    pandas.DataFrame
        :data:`RELIABILITY_COLUMNS`, a row per circuit and source, the best source first; other
        definitions of a circuit are left out. `icc` is of a session or of a single run, as `of`
        says; `session_icc` of a session (the mean of its runs), and `error_sd` the standard
        deviation of its error in Fisher z. `change_sd` is that of the change in the ketamine arm,
        in everybody where there is none, or of the difference between the drugs within their
        orders; `true_share` of its variance is not error. The source that sentences rest on is
        `used`; a circuit without any has a row ``none``.
    """
    own = connectivity[(connectivity["strategy"] == strategy) & (connectivity["measure"] == MEAN)]
    rows = []
    for circuit in circuits:
        if circuit.variant_of is not None:
            continue
        sessions = by_role(own[own["circuit"] == circuit.id])
        runs = by_run(run_tables, design, circuit=circuit.id, strategy=strategy)
        spread, n, df = _spread_of_change(sessions, design)
        change = {"n_change": n, "change_sd": spread}
        found = [_row(one, spread, df, alpha) for one in repeats(sessions, runs, design)]
        measured = [row for row in found if row["flags"] is None]
        if not measured:
            found.append(_fallback(supplied, sessions, spread, df, design, alpha))
        used = measured[0] if measured else found[-1]
        about = {"hypothesis": circuit.id, "name": circuit.name}
        for row in found:
            using = row is used and row["source"] != NOWHERE
            rows.append(about | change | row | {"used": "yes" if using else "no"})
    table = pd.DataFrame(rows, columns=list(RELIABILITY_COLUMNS))
    # whole numbers that may be missing
    return table.astype({"n": "Int64", "k": "Int64"})


def _row(one: Repeats, spread: float, df: int, alpha: float) -> dict[str, Any]:
    found = agreement(one.values, alpha=alpha)
    runs = found.k if one.of == RUN else 1
    error = found.error_sd / sqrt(runs)
    share = TrueShare()
    if found.obstacle is None and spread > 0:
        share = true_share(spread, df, error_sd=error, error_df=found.error_df, alpha=alpha)
    icc, low, high = found.averaged(runs)
    return {
        "source": one.source,
        "of": one.of,
        "n": found.n,
        "k": found.k,
        "icc": found.icc,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "session_icc": icc,
        "session_ci_low": low,
        "session_ci_high": high,
        "error_sd": error,
        "flags": found.obstacle,
        "note": one.note,
    } | _shown(share)


def _fallback(
    supplied: float | None,
    sessions: pd.DataFrame,
    spread: float,
    df: int,
    design: Design,
    alpha: float,
) -> dict[str, Any]:
    """Return the row of a reliability from elsewhere, or of none."""
    if supplied is None:
        lack = f"fewer than {LEAST} people were measured twice without ketamine in between"
        return {"source": NOWHERE, "flags": "not-measured", "note": lack}
    baseline = _column(sessions.reindex(sorted(design.in_contrasts())), design.baseline)
    baseline = baseline[np.isfinite(baseline)]
    error = sqrt(1 - supplied) * float(baseline.std(ddof=1)) if len(baseline) > 1 else nan
    share = TrueShare()
    if error > 0 and spread > 0:
        share = true_share(spread, df, error_sd=error, error_df=None, alpha=alpha)
    return {
        "source": SUPPLIED,
        "of": SESSION,
        "icc": supplied,
        "session_icc": supplied,
        "error_sd": error,
        "flags": "supplied",
        "note": "statistics.reliability of the config, not measured in this study; the error is "
        "what it leaves of the spread at baseline",
    } | _shown(share)


def _shown(share: TrueShare) -> dict[str, float]:
    return {
        "true_share": share.share,
        "true_ci_low": share.ci_low,
        "true_ci_high": share.ci_high,
    }


def _spread_of_change(sessions: pd.DataFrame, design: Design) -> tuple[float, int, int]:
    """Return the standard deviation of the change that is asked about, its n and df."""
    groups = [change for change in _changes(sessions, design) if len(change)]
    n = sum(map(len, groups))
    df = n - len(groups)
    everybody = np.concatenate(groups) if groups else np.zeros(0)
    if n < 3 or df < 2 or is_constant(everybody):
        return nan, n, df
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    return sqrt(squares / df), n, df


def _changes(sessions: pd.DataFrame, design: Design) -> Iterator[Floats]:
    """Yield the changes of each group that the spread is pooled within."""
    arms = design.in_contrasts()
    groups: list[list[str]] = [sorted(arms)]
    if design.between_arms:
        groups = [sorted(who for who, arm in arms.items() if arm == "ketamine")]
    if design.within_drugs:
        groups = [
            sorted(who for who in arms if design.sequences.get(who) == order)
            for order in (KETAMINE_FIRST, CONTROL_FIRST)
        ]
    for people in groups:
        own = sessions.reindex(people)
        change = _column(own, design.followup) - _column(own, design.baseline)
        yield change[np.isfinite(change)]


def _column(sessions: pd.DataFrame, role: str) -> Floats:
    return sessions.reindex(columns=[role])[role].to_numpy(dtype=np.float64)
