"""Reconcile every count of every table with ``quality/exclusions.tsv``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ketfc.imaging.group.excluded_runs import EXCLUSION_COLUMNS
from ketfc.study.design.design import Design

_CIRCUITS = "Circuits:"


@dataclass(frozen=True)
class _Listed:
    """Exclusions by the kind of thing that is left out."""

    runs: frozenset[str]
    sessions: frozenset[tuple[str, str]]
    strategies: frozenset[tuple[str, str]]
    regions: frozenset[tuple[str, str]]


def with_gaps(
    exclusions: pd.DataFrame,
    *,
    design: Design,
    runs: pd.DataFrame,
    connectivity: pd.DataFrame,
    hypotheses: pd.DataFrame,
    left_out: pd.DataFrame,
) -> pd.DataFrame:
    """Return the exclusions with a row of stage ``check`` for whatever they do not explain.

    There should be none: such a row is a fault of the workflow, and must not be hidden.

    Parameters
    ----------
    exclusions : pandas.DataFrame
        As :func:`ketfc.inference.account.exclusions.all_exclusions` gives it.
    design, runs, connectivity, hypotheses, left_out
        ``plan/design.json``, ``quality/runs.tsv``, ``connectivity.tsv``,
        ``tests/hypotheses.tsv`` and ``tests/left_out.tsv``; `n` and `n_excluded` as numbers.
    """
    told = exclusions.astype(object).where(exclusions.notna(), None)
    listed = _listed(told)
    gaps = [
        *_run_gaps(runs, listed),
        *_count_gaps(hypotheses, told, design),
        *_person_gaps(left_out, told, connectivity, listed, design),
        *_edge_gaps(connectivity, runs, listed),
    ]
    if not gaps:
        return exclusions
    rows = [
        {"stage": "check", "rule": "unexplained", "consequence": "to be looked into"} | gap
        for gap in gaps
    ]
    added = pd.DataFrame(rows, columns=list(EXCLUSION_COLUMNS)).astype(object)
    return pd.concat([exclusions, added], ignore_index=True)


def _listed(exclusions: pd.DataFrame) -> _Listed:
    def of(unit: str, *columns: str) -> frozenset[Any]:
        rows = exclusions[(exclusions["unit"] == unit) & (exclusions["stage"] != "test")]
        return frozenset(zip(*(rows[column] for column in columns), strict=True))

    circuits = {
        (run, region.removeprefix(_CIRCUITS))
        for run, region in of("region", "run", "region")
        if region.startswith(_CIRCUITS)
    }
    return _Listed(
        runs=frozenset(run for (run,) in of("run", "run")),
        sessions=of("session", "participant_id", "session"),
        strategies=of("strategy", "run", "strategy"),
        regions=frozenset(circuits),
    )


def _run_gaps(runs: pd.DataFrame, listed: _Listed) -> Iterator[dict[str, Any]]:
    for row in runs.to_dict("records"):
        who = {key: row[key] for key in ("participant_id", "session", "run")} | {"unit": "run"}
        if row["status"] != "ok" and row["run"] not in listed.runs:
            yield who | {"reason": "the run is not used, and no line says why"}
        if row["status"] == "ok" and row["run"] in listed.runs:
            yield who | {"reason": "the run is listed as not used, but was used"}


def planned_for(test: str, design: Design) -> set[str]:
    """Return whom a test was planned for: everybody but healthy controls, or those of its arm."""
    arms = {f"{kind}-{label}": role for role, label in design.arms.items()
            for kind in ("change", "association")}  # fmt: skip
    role = arms.get(test)
    return {one for one, arm in design.in_contrasts().items() if role is None or arm == role}


def _count_gaps(
    hypotheses: pd.DataFrame, exclusions: pd.DataFrame, design: Design
) -> Iterator[dict[str, Any]]:
    tested = exclusions[exclusions["stage"] == "test"]
    for row in hypotheses.to_dict("records"):
        test = f"{row['hypothesis']} / {row['test']}"
        planned = planned_for(str(row["test"]), design)
        out = set(tested.loc[tested["rule"] == test, "participant_id"])
        n, excluded = int(row["n"]), int(row["n_excluded"])
        if n + excluded != len(planned) or excluded != len(out) or not out <= planned:
            yield {
                "unit": "test",
                "reason": f"{test}: {n} in it and {excluded} left out of {len(planned)} planned, "
                f"{len(out)} of them listed",
            }


def _person_gaps(
    left_out: pd.DataFrame,
    exclusions: pd.DataFrame,
    connectivity: pd.DataFrame,
    listed: _Listed,
    design: Design,
) -> Iterator[dict[str, Any]]:
    """Yield who is left out of a test although nothing before the test was left out of them."""
    plan = exclusions[exclusions["stage"] == "plan"]
    scored = set(zip(plan["participant_id"], plan["session"], strict=True))
    own = connectivity[connectivity["strategy"] == design.strategy]
    # a mean is missing with an edge, and a value from elsewhere by itself
    lost = own[own["z"].isna()]
    missing = set(zip(lost["participant_id"], lost["role"], lost["circuit"], strict=True))
    rows = left_out[["participant_id", "hypothesis", "reason"]].drop_duplicates()
    for one, circuit, reasons in rows.itertuples(index=False, name=None):
        for reason in str(reasons).split("; "):
            role = reason.rpartition(" at ")[2]
            session = design.sessions.get(role)
            if reason.startswith("connectivity "):
                # why an edge is missing is looked at edge by edge
                explained = (one, role, circuit) in missing
            elif reason.startswith("no connectivity "):
                explained = (one, session) in listed.sessions
            elif reason == "the study has no SI score":
                explained = True
            else:
                explained = bool({(one, session), (one, None)} & scored)
            if not explained:
                yield {
                    "unit": "participant",
                    "participant_id": one,
                    "session": session,
                    "reason": f"left out of the tests of {circuit} ({reason}), and no line of an "
                    "earlier stage says why",
                }


def _edge_gaps(
    connectivity: pd.DataFrame, runs: pd.DataFrame, listed: _Listed
) -> Iterator[dict[str, Any]]:
    """Yield the sessions with edges that are missing although nothing of them was left out."""
    by_session = {
        key: list(part["run"]) for key, part in runs.groupby(["participant_id", "session"])
    }
    edges = connectivity[(connectivity["measure"] == "edge") & connectivity["z"].isna()]
    columns = ["participant_id", "session", "strategy", "region_a", "region_b"]
    seen: dict[tuple[str, str, str], str] = {}
    for one, session, strategy, a, b in edges[columns].itertuples(index=False, name=None):
        for run in by_session.get((one, session), []):
            explained = (
                run in listed.runs
                or (run, strategy) in listed.strategies
                or (run, a) in listed.regions
                or (run, b) in listed.regions
            )
            if not explained:
                seen.setdefault((one, session, strategy), f"{a} – {b}")
    for (one, session, strategy), edge in seen.items():
        yield {
            "unit": "session",
            "participant_id": one,
            "session": session,
            "strategy": strategy,
            "reason": f"no connectivity of {edge}, and no line says why",
        }
