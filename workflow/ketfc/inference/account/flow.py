"""The flow of participants, sessions and runs through a study, as CONSORT diagrams count it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from ketfc.study.design.design import Design

FLOW_COLUMNS = ("step", "arm", "unit", "state", "circuit", "test", "reason", "n")
"""Columns of ``figures/flow.tsv``."""

STEPS = ("found", "assigned", "imaged", "usable", "tested")
"""From everybody in the study's tables and folders to the tests."""

UNCOVERED = "a region of the circuit not covered"
"""Reason that somebody with usable runs has no value of a circuit."""

_TESTS = ("change", "association")


def flow_counts(
    design: Design,
    runs: pd.DataFrame,
    exclusions: pd.DataFrame,
    hypotheses: pd.DataFrame,
) -> pd.DataFrame:
    """Count who and what is left at each step, and why the rest is not.

    Parameters
    ----------
    design : mapping
        ``plan/design.json``.
    runs, exclusions : pandas.DataFrame
        ``quality/runs.tsv`` and ``quality/exclusions.tsv``.
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``, whose primary circuits are followed to the end.

    Returns
    -------
    pandas.DataFrame
        Columns of :data:`FLOW_COLUMNS`. `arm` is the arm's label, or ``all``; `unit` is
        ``participants``, ``sessions`` (whose role is the reason) or ``runs``; `state` is ``in``
        or ``out``. Of each arm, participants who are in at one step are in or out at the next,
        each for one reason (``assigned``: in an arm; ``imaged``: a run of both sessions;
        ``usable``: one of each that the primary strategy could be used on; ``tested``: by primary
        circuit and test). Runs are those of the two sessions compared.
    """
    rows: list[dict[str, Any]] = []

    def add(step: str, arm: str, n: int, **about: str) -> None:
        row = {"unit": "participants", "state": "in", "circuit": None, "test": None, "reason": None}
        rows.append({"step": step, "arm": arm, **row, **about, "n": n})

    everybody = design.in_contrasts()
    add("found", "all", len(everybody))
    labels: dict[str | None, str] = dict(design.arms.items()) or {None: "all"}
    unassigned = sum(arm not in labels for arm in everybody.values())
    if unassigned:
        add("assigned", "all", unassigned, state="out", reason="in neither arm")
    reasons = _run_reasons(exclusions, design.strategy)
    left_out = exclusions[exclusions["stage"] == "test"]
    for role, label in labels.items():
        people = {one for one, arm in everybody.items() if arm == role or role is None}
        add("assigned", label, len(people))
        own = runs[runs["participant_id"].isin(people)]
        own = own[own["role"].isin([design.baseline, design.followup])]
        imaged, out = _with_both(people, own, design, lambda _: "no run")
        for reason, n in out:
            add("imaged", label, n, state="out", reason=reason)
        add("imaged", label, len(imaged))
        for session in (design.baseline, design.followup):
            n = own.loc[own["role"] == session, "participant_id"].nunique()
            add("imaged", label, n, unit="sessions", reason=session)
        add("imaged", label, len(own), unit="runs")
        lost = own[own["run"].isin(list(reasons))]
        for reason, n in _counted(reasons[run] for run in lost["run"]):
            add("usable", label, n, unit="runs", state="out", reason=reason)
        usable, out = _with_both(
            imaged, own.drop(lost.index), design, _why_not(lost, reasons, design)
        )
        for reason, n in out:
            add("usable", label, n, state="out", reason=reason)
        add("usable", label, len(usable))
        add("usable", label, len(own) - len(lost), unit="runs")
        for circuit, test in _primary_tests(hypotheses):
            about = {"circuit": circuit, "test": test}
            here = left_out[left_out["rule"] == f"{circuit} / {test}"]
            here = here[here["participant_id"].isin(usable)]
            for reason, n in _counted(map(_test_reason, here["reason"])):
                add("tested", label, n, state="out", reason=reason, **about)
            add("tested", label, len(usable) - here["participant_id"].nunique(), **about)
    return pd.DataFrame(rows, columns=list(FLOW_COLUMNS))


def _run_reasons(exclusions: pd.DataFrame, primary: str) -> dict[str, str]:
    """Return the reason that each unused run is not used: its rule, or what a lab gave."""
    of_runs = (exclusions["unit"] == "run") | (
        (exclusions["unit"] == "strategy") & (exclusions["strategy"] == primary)
    )
    rows = exclusions[of_runs & exclusions["run"].notna()]
    return {
        str(row["run"]): str(row["reason"] if row["stage"] == "manual" else row["rule"])
        for row in rows.to_dict("records")
    }


def _with_both(
    people: Iterable[str], runs: pd.DataFrame, design: Design, why: Any
) -> tuple[set[str], list[tuple[str, int]]]:
    """Split people into those with runs of both sessions and the counted reasons of the rest."""
    there = set(zip(runs["participant_id"], runs["role"], strict=True))
    kept, out = set(), []
    for one in sorted(people):
        roles = [r for r in (design.baseline, design.followup) if (one, r) not in there]
        if not roles:
            kept.add(one)
            continue
        given: dict[str, list[str]] = {}
        for role in roles:
            given.setdefault(why((one, role)), []).append(role)
        out.append("; ".join(f"{text} at {' and '.join(at)}" for text, at in given.items()))
    return kept, _counted(out)


def _why_not(lost: pd.DataFrame, reasons: Mapping[str, str], design: Design) -> Any:
    """Return a function that says why a participant's session has no usable run."""
    found: dict[tuple[str, str], list[str]] = {}
    for run, one, role in zip(lost["run"], lost["participant_id"], lost["role"], strict=True):
        found.setdefault((one, role), []).append(reasons[run])
    return lambda key: ", ".join(dict.fromkeys(found[key]))


def _counted(reasons: Iterable[str]) -> list[tuple[str, int]]:
    """Return each reason with how often it occurs, the most frequent first, then by name."""
    return sorted(Counter(reasons).items(), key=lambda item: (-item[1], item[0]))


def _primary_tests(hypotheses: pd.DataFrame) -> list[tuple[str, str]]:
    rows = hypotheses[hypotheses["family"].astype(str).str.startswith("primary")]
    pairs = zip(rows["hypothesis"], rows["test"], strict=True)
    return [(str(circuit), str(test)) for circuit, test in pairs if test in _TESTS]


def _test_reason(reason: str) -> str:
    """Return why somebody with usable runs is not in a test; connectivity is told once."""
    parts = [UNCOVERED if part.startswith("connectivity ") else part for part in reason.split("; ")]
    return "; ".join(dict.fromkeys(parts))
