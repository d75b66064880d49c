"""Checks of aCompCor's masks over all runs, from the heads of their confounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ketfc.base.english import listed, plural
from ketfc.base.errors import Problem, RunError
from ketfc.imaging.denoise.compcor import (
    N_COMPONENTS,
    Components,
    components_of,
    require_same_masks,
)
from ketfc.study.config.config import Config
from ketfc.study.config.denoising import uses_compcor
from ketfc.study.runs.index import Run

FULL = f"{N_COMPONENTS} WM + {N_COMPONENTS} CSF"
"""Components of a run as the strategies mean them."""


def components_by_run(runs: Iterable[Run]) -> dict[str, Components]:
    """Return the aCompCor components of every complete run whose files can be read."""
    found = {
        run.name: components_of(Path(run.confounds))
        for run in runs
        if run.complete and run.confounds is not None
    }
    return {name: components for name, components in found.items() if components is not None}


def component_problems(
    runs: Iterable[Run], components: Mapping[str, Components], config: Config
) -> list[Problem]:
    """Return which runs have other components than five each of white matter and CSF.

    Parameters
    ----------
    runs : iterable of Run
        The runs that are not left out by hand.
    components : mapping of str to Components
        From :func:`components_by_run`.
    config : Config
        The study's configuration.

    Returns
    -------
    list of Problem
        None where no strategy has aCompCor. Else a note for each kind of components with the
        number of its runs, unless all are five and five; and every run that has the combined mask
        alone while another of its participant's has separate ones: excluded where the primary
        strategy has aCompCor, otherwise noted, since it is n/a for those strategies.
    """
    asked = [name for name in config.denoising.strategies if uses_compcor(name)]
    if not asked:
        return []
    field = f"strategy {listed(asked)}"
    kinds: dict[str, list[Run]] = {}
    by_participant: dict[str, list[Run]] = {}
    for run in runs:
        if run.name in components and components[run.name].masks is not None:
            kinds.setdefault(str(components[run.name]), []).append(run)
            by_participant.setdefault(run.participant_id, []).append(run)
    problems = []
    if set(kinds) - {FULL}:
        for kind, own in sorted(kinds.items()):
            people = len({run.participant_id for run in own})
            message = f"{plural(len(own), 'run')} of {plural(people, 'participant')}"
            if "combined" in kind:
                message += (
                    "; their confounds have no separate masks of white matter and CSF, so the "
                    f"first {2 * N_COMPONENTS} combined components, or as many as there are, are "
                    "regressed out"
                )
            problems.append(Problem("note", message, field=f"aCompCor, {field}", value=kind))
    severity = "excluded" if uses_compcor(config.denoising.primary) else "note"
    for own in by_participant.values():
        for run in own:
            others = [components[other.name].masks for other in own if other is not run]
            try:
                require_same_masks(components[run.name], others)
            except RunError as error:
                problems.append(
                    Problem(
                        severity,  # type: ignore[arg-type]
                        error.reason,
                        file=Path(str(run.confounds)).name,
                        participant_id=run.participant_id,
                        session=run.session,
                        run=run.name,
                        field=field,
                    )
                )
    return problems
