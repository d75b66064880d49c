"""The first lines of the page: what was found, and the facts of the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pandas as pd

from ketfc.base.english import listed
from ketfc.inference.design.planned_tests import adjusted_for
from ketfc.reporting.design_words import arm_sizes
from ketfc.reporting.pages.report.cards import Card
from ketfc.reporting.rows import setting
from ketfc.reporting.text.methods import Config
from ketfc.reporting.words import compact
from ketfc.study.design.design import Design


def summary(shown: Sequence[Card], design: Design) -> str:
    """Summarise the primary tests in a sentence."""
    parts = []
    association = f"association with {design.instrument}"
    for test, what in (("change", "change"), ("association", association)):
        what += "" if design.primary_question in ("both", test) else ", a secondary question,"
        states = {card.name: card.tests[test].state for card in shown if test in card.tests}
        found = [name for name, state in states.items() if state == "found"]
        tested = [name for name, state in states.items() if state != "none"]
        if not tested:
            parts.append(f"no test of {what} could be made")
        elif found:
            parts.append(
                f"evidence for {what} in {len(found)} of {len(tested)} primary circuits "
                f"({listed(found)})"
            )
        else:
            parts.append(f"no evidence for {what} in any of {len(tested)} primary circuits")
    text = "; ".join(parts)
    of = "" if design.as_given else f", strategy {design.strategy}"
    if all(outcome.state == "none" for card in shown for outcome in card.tests.values()):
        return f"{text[0].upper()}{text[1:]}; the reasons are below."
    control = (
        ""
        if design.control_tested
        else " There is no control arm: nothing here is specific to the treatment."
    )
    return (
        f"{text[0].upper()}{text[1:]} (after Holm{of}). Absence of "
        f"evidence is not evidence of absence.{control}"
    )


def facts(
    config: Config, design: Design, runs: pd.DataFrame, versions: Mapping[str, str]
) -> dict[str, str]:
    """Return what a reader has to know of the study, by name.

    Parameters
    ----------
    config : mapping
        The configuration with all its defaults.
    runs : pandas.DataFrame
        ``quality/runs.tsv``.
    versions : mapping of str to str
        Software and its versions.
    """
    sessions = ", ".join(f"{role} (ses-{label})" for role, label in design.sessions.items())
    sizes = ", ".join(f"{n} {label}" for label, n in arm_sizes(design).items())
    used = int((runs["status"].astype(str) == "ok").sum())
    scales = []
    for scale, name in (("si", "SI"), ("depression", "depression")):
        if about := design.scores.get(scale):
            only = ", changes only" if about.changes_only else ""
            scales.append(f"{about.instrument} ({name}{only})")
    denoising = partial(setting, config, "denoising")
    statistics = partial(setting, config, "statistics")
    images = {
        "Task": str(setting(config, "study", "task")),
        "Space": str(setting(config, "study", "space")),
        "Primary strategy": str(design.strategy),
        "Censoring": f"FD > {compact(denoising('fd-thresh'))} mm, at least "
        f"{compact(denoising('min-time'))} s kept"
        if denoising("fd-thresh")
        else f"none, at least {compact(denoising('min-time'))} s",
    }
    if design.as_given:
        images = {"Connectivity": "computed elsewhere", "Denoising, coverage": "not known"}
    return {
        "Design": design.kind_in_words,
        "Participants planned": f"{len(design.participants)} ({sizes})",
        "Sessions": sessions,
        "Sessions used" if design.as_given else "Runs used": f"{used} of {len(runs)}",
        "Scores": ", ".join(scales) or "none",
        **images,
        "Adjusted for": listed(list(adjusted_for(design))) or "no covariates",
        "Permutations": f"{compact(statistics('permutations'))} (seed {statistics('seed')})",
        **{name: version for name, version in versions.items() if name == "fMRIPrep" and version},
    }


def day_of(path: str | Path) -> str:
    """Return the day on which a file was made, as ISO 8601, in universal time."""
    return datetime.fromtimestamp(Path(path).stat().st_mtime, tz=UTC).date().isoformat()
