"""Stability of every primary result over resamples, halves and sessions: ``stability.tsv``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import stream
from ketfc.inference.design.circuit_tests import Planned
from ketfc.inference.hypotheses import run_test
from ketfc.inference.influence.halves import Halves, halves
from ketfc.inference.influence.resamples import Resampled, resampled

STABILITY_COLUMNS = (
    "hypothesis",
    "name",
    "test",
    "n",
    "estimate",
    "statistic",
    "resamples",
    "share_same_sign",
    "rank",
    "ranked",
    "rank_low",
    "rank_high",
    "share_same_rank",
    "order",
    "n_first",
    "estimate_first",
    "ci_low_first",
    "ci_high_first",
    "p_first",
    "n_second",
    "estimate_second",
    "ci_low_second",
    "ci_high_second",
    "p_second",
    "difference",
    "difference_low",
    "difference_high",
    "session_icc",
    "session_ci_low",
    "session_ci_high",
    "icc_source",
    "flags",
    "note",
)

ROWS = "rows of the participants table"
"""The order of enrolment where the config names no column."""

RESAMPLES = 1000
"""Samples drawn for the stability of signs and ranks, at most."""

SIGNS_DIFFER, HALVES_DIFFER = "signs-differ", "halves-differ"
"""Flags: the halves have opposite signs; the interval of their difference leaves out 0."""


def stability(
    tests: Iterable[Planned],
    participants: pd.DataFrame,
    reliability: pd.DataFrame,
    *,
    order: str | None,
    seed: int,
    permutations: int,
    alpha: float,
) -> pd.DataFrame:
    """Return how stable the sign, rank and size of every primary result are.

    Parameters
    ----------
    tests : iterable of Planned
        As :func:`ketfc.inference.influence.left_out.primary_tests` gives them.
    participants : pandas.DataFrame
        ``plan/participants.tsv``, with `enrolment_order`.
    reliability : pandas.DataFrame
        ``tests/reliability.tsv``.
    order : str or None
        The covariate that the order of enrolment is from; None for the rows of the table.
    seed, permutations, alpha
        As for :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.

    Returns
    -------
    pandas.DataFrame
        :data:`STABILITY_COLUMNS`, a row per primary circuit and test: sign and rank in resamples
        (:func:`ketfc.inference.influence.resamples.resampled`), the halves by enrolment
        (:func:`ketfc.inference.influence.halves.halves`), and the reliability of a session, of the
        source that the reliability table uses.
    """
    listed = list(tests)
    places = dict(
        zip(
            participants["participant_id"].astype(str),
            pd.to_numeric(participants["enrolment_order"]).to_numpy(dtype=np.float64).tolist(),
            strict=True,
        )
    )
    used = reliability[reliability["used"] == "yes"].set_index("hypothesis")
    drawn: dict[tuple[str, str], Resampled] = {}
    ranked: dict[str, int] = {}
    for test in dict.fromkeys(one.test.name for one in listed):
        family = [one for one in listed if one.test.name == test]
        found = resampled(
            family,
            resamples=min(RESAMPLES, permutations),
            alpha=alpha,
            rng=stream(seed, f"stability/{test}"),
        )
        drawn |= {(one.circuit.id, test): of for one, of in zip(family, found, strict=True)}
        ranked[test] = sum(np.isfinite(of.rank) for of in found)
    about: dict[str, Any] = {"seed": seed, "permutations": permutations, "alpha": alpha}
    rows = []
    for one in listed:
        circuit, test = one.circuit.id, one.test.name
        whole = run_test(one, **about).evidence
        split = halves(one, places, **about)
        row = {
            "hypothesis": circuit,
            "name": one.circuit.name,
            "test": test,
            "n": len(one.sample.complete),
            "estimate": whole.estimate,
            "statistic": whole.statistic,
            "ranked": ranked[test],
            "order": order or ROWS,
            **asdict(drawn[circuit, test]),
            **_split(split),
            **_icc(used, circuit),
        }
        obstacles = [whole.obstacle] if whole.obstacle else _notes(split)
        row["note"] = "; ".join(obstacles) or None
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(STABILITY_COLUMNS))
    return table.astype({"resamples": "Int64", "ranked": "Int64"})


def _split(split: Halves) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for which, n, evidence in zip(("first", "second"), split.n, split.evidence, strict=True):
        row |= {
            f"n_{which}": n,
            f"estimate_{which}": evidence.estimate,
            f"ci_low_{which}": evidence.ci_low,
            f"ci_high_{which}": evidence.ci_high,
            f"p_{which}": evidence.p_permutation,
        }
    flags = {
        SIGNS_DIFFER: split.evidence[0].estimate * split.evidence[1].estimate < 0,
        HALVES_DIFFER: split.low > 0 or split.high < 0,
    }
    return row | {
        "difference": split.difference,
        "difference_low": split.low,
        "difference_high": split.high,
        "flags": ";".join(name for name, so in flags.items() if so) or None,
    }


def _notes(split: Halves) -> list[str]:
    notes = [
        f"{which} half: {evidence.obstacle}"
        for which, evidence in zip(("first", "second"), split.evidence, strict=True)
        if evidence.obstacle
    ]
    if split.unordered:
        notes.append(
            f"{split.unordered} without a place in the order of enrolment, in neither half"
        )
    return notes


def _icc(used: pd.DataFrame, circuit: str) -> Mapping[str, Any]:
    if circuit not in used.index:
        return {}
    row = used.loc[circuit]
    names = ("session_icc", "session_ci_low", "session_ci_high")
    numbers = {name: pd.to_numeric(row[name], errors="coerce") for name in names}
    return numbers | {"icc_source": row["source"]}
