"""Sentences on the terminal: the study at the start, the results at the end."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from ketfc.base.english import plural
from ketfc.base.files import read_json
from ketfc.workflow.study import StudyWorkflow


def greeting(work: StudyWorkflow, configfiles: Sequence[str | Path]) -> str:
    """Return which study this is, by its config or for want of one."""
    if work.config.study.simulated:
        why = "" if configfiles else ", since no --configfile was given"
        return f"This is the demo, a simulated study{why}."
    if work.given:
        told = plural(len(work.given_files), "file")
        return f"Study {work.config.study.name} ({relative(configfiles)}): connectivity of {told}"
    people = {str(run["folder"]).partition("/")[0] for run in work.runs.values()}
    runs = f"{plural(len(work.runs), 'run')} of {plural(len(people), 'participant')}"
    return f"Study {work.config.study.name} ({relative(configfiles)}): {runs}"


ANSWERS = {
    "all": "results/summary.txt",
    "summary": "results/summary.txt",
    "report": "results/summary.txt",
    "plan": "results/plan/summary.txt",
    "clinical": "results/clinical/effects.txt",
    "export": "results/export/preview.txt",
    "export_preview": "results/export/preview.txt",
    "power": "results/power/paragraph.md",
}
"""By target, the file whose text answers it."""

WRITTEN = {
    "bundle": "results/bundle.zip",
    "share": "results/share/report.html",
    "figures": "results/figures",
    "quality": "results/quality/group.html",
    "explain": "results/explain.html",
    "preregistration": "results/plan/preregistration.json",
}
"""By target, what it leaves."""


def answers(targets: Collection[str]) -> str:
    """Return what a call came to: its verdicts or plan, or what it has written.

    Parameters
    ----------
    targets : collection of str
        Rules or files; none stands for everything.
    """
    said = []
    for target in sorted(targets) or ["all"]:
        path = Path(ANSWERS.get(target, WRITTEN.get(target, target)))
        if target in ANSWERS and path.is_file():
            said.append(path.read_text(encoding="utf-8").rstrip())
        elif target == "preregistration" and path.is_file():
            said.append(f"Locked: {path} (sha256 {read_json(path)['sha256']})")
        else:
            said.append(f"Done: {path}")
    return "\n".join(dict.fromkeys(said))


def relative(paths: Sequence[str | Path]) -> str:
    """Return paths as they are seen from the working directory, for a sentence."""
    return ", ".join(os.path.relpath(path) for path in paths)
