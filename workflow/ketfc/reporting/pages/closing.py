"""The end of a study in a few lines: verdicts, who was left out, the report."""

from __future__ import annotations

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.base.errors import RefusalError
from ketfc.reporting.pages.report.cards import Outcome, cards
from ketfc.study.design.design import Design

_NAMED = 4
_DAMAGED = 2


def closing(
    hypotheses: pd.DataFrame,
    left_out: pd.DataFrame,
    runs: pd.DataFrame,
    exclusions: pd.DataFrame,
    design: Design,
    *,
    simulated: bool,
    report: str,
) -> str:
    """Return what a study came to, in at most twenty lines.

    Parameters
    ----------
    hypotheses, left_out : pandas.DataFrame
        ``tests/hypotheses.tsv`` and ``tests/left_out.tsv``.
    runs : pandas.DataFrame
        ``quality/runs.tsv``.
    exclusions : pandas.DataFrame
        ``quality/exclusions.tsv``.
    design : Design
        ``plan/design.json``.
    simulated : bool
        Whether the images are those of the demo.
    report : str
        Path of the report.

    Raises
    ------
    RefusalError
        If not one test could be made.
    """
    account = [*_people_left_out(left_out, design), *_runs_left_out(runs, exclusions)]
    files = ["Everybody left out, and why: results/quality/exclusions.tsv", f"Report: {report}"]
    estimates = pd.to_numeric(hypotheses["estimate"], errors="coerce")
    if not estimates.notna().any():
        reasons = hypotheses["verdict"].dropna().astype(str)
        why = reasons.str.rpartition(": ")[2].value_counts().index[:1].tolist()
        raise RefusalError("\n".join([
            "Nothing could be tested: no hypothesis of this study has a result"
            + (f" ({why[0].rstrip('.')})." if why else "."),
            *account, *files,
        ]))  # fmt: skip
    kind = "a simulated study with a planted truth, no data" if simulated else design.kind_in_words
    rows = cards(hypotheses, design)
    width = max(len(card.name) for card in rows)
    head = f"{'p after Holm':<{width}}  {'change':<24}  association"
    verdicts = [
        f"{card.name:<{width}}  {_said(card.tests.get('change')):<24}  "
        f"{_said(card.tests.get('association'))}".rstrip()
        for card in rows
    ]
    return "\n".join([f"Study {design.study}: {kind}", head, *verdicts, *account, *files]) + "\n"


def _said(outcome: Outcome | None) -> str:
    if outcome is None or outcome.state == "none":
        return "no result"
    equals = "" if outcome.p.startswith("<") else "= "
    return f"{outcome.label}, p {equals}{outcome.p}"


def _people_left_out(left_out: pd.DataFrame, design: Design) -> list[str]:
    people = list(design.in_contrasts())
    rows = left_out[(left_out["test"] == "change") & left_out["participant_id"].isin(people)]
    who = list(dict.fromkeys(rows["participant_id"].astype(str)))
    if not who:
        return [f"Left out of the tests of change: none of {plural(len(people), 'participant')}"]
    named = listed([*who[:_NAMED], *([f"{len(who) - _NAMED} more"] if len(who) > _NAMED else [])])
    of = f"{len(who)} of {plural(len(people), 'participant')}"
    return [f"Left out of the tests of change: {of} ({named})"]


def _runs_left_out(runs: pd.DataFrame, exclusions: pd.DataFrame) -> list[str]:
    """Return how many runs are excluded and by which rules; damaged files by name, to mend."""
    gone = int((runs["status"].astype(str) != "ok").sum())
    rows = exclusions[exclusions["unit"] == "run"]
    rules = rows["rule"].astype(str).value_counts()
    by = listed([f"{n} by {rule}" for rule, n in sorted(rules.items())])
    damaged = rows.loc[rows["rule"] == "damaged-image", "reason"].astype(str).tolist()
    mend = "copy it again, then start again with the same command"
    lines = [f"  {reason.rstrip('.')}: {mend}" for reason in damaged[:_DAMAGED]]
    if len(damaged) > _DAMAGED:
        lines.append(f"  and {len(damaged) - _DAMAGED} more, damaged too")
    return [f"Runs excluded: {gone} of {len(runs)}" + (f" ({by})" if by else ""), *lines]
