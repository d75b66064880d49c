"""Sentences on what each test of a design estimates, and the words that a design forbids."""

from __future__ import annotations

from collections.abc import Mapping

from ketfc.base.english import listed
from ketfc.study.config.config import Config
from ketfc.study.design.design import FIRST_PERIOD, Kind, LaterOutcome

_NEVER = ("caused by", "predicts", "proves")
_WITHOUT_CONTROL = ("ketamine-specific", "effect of ketamine", "compared with placebo")
_WITH_HEALTHY = ("normalised", "normalized")


def estimands(
    config: Config,
    kind: Kind,
    *,
    followups: tuple[tuple[str, str], ...],
    first_period: bool,
    later: tuple[LaterOutcome, ...],
) -> dict[str, str]:
    """Return a sentence per test on what it estimates, the primary tests first.

    Parameters
    ----------
    config : Config
        The study's configuration.
    kind : Kind
        Its design.
    followups : tuple of (str, str)
        Roles that are compared, reference first, the primary pair first.
    first_period : bool
        Whether the first drugs of a crossover can be compared at equal baseline.
    later : tuple of LaterOutcome
        The questions on later scores.
    """
    (reference, followup), *further = followups
    found = {"change": _change(config, kind, reference, followup)}
    found["association"] = _association(config, kind, (reference, followup))
    for before, after in further:
        found[f"change-{after}"] = _change(config, kind, before, after)
    if first_period and config.study.crossover is not None:
        ketamine, control = drugs(config).values()
        given = listed([f"Fisher z at {config.study.sessions['pre']}", *adjusted_names(config)])
        found[FIRST_PERIOD] = (
            f"Difference between {ketamine} and {control} in Fisher z after the first of the two "
            f"drugs, adjusted for {given} (ANCOVA): between participants, and free of what the "
            "first drug leaves behind."
        )
    for one in later:
        found[one.test] = _association(config, kind, one.score, until=one.connectivity)
    return found


def adjusted_names(config: Config) -> list[str]:
    """Return the covariates that tests between participants are adjusted for, blocks last."""
    blocks = [config.statistics.blocks] if config.statistics.blocks else []
    return [name for name in config.statistics.covariates if name not in blocks] + blocks


def forbidden_words(*, control_tested: bool, healthy: bool) -> list[str]:
    """Return the words that no sentence about a study's results may hold.

    Parameters
    ----------
    control_tested : bool
        Whether ketamine was compared with a control drug or arm.
    healthy : bool
        Whether there are healthy controls, against whom nothing was tested.
    """
    words = list(_NEVER)
    words += [] if control_tested else _WITHOUT_CONTROL
    words += _WITH_HEALTHY if healthy else ()
    return words


def drugs(config: Config) -> dict[str, str]:
    """Return what the drugs of a crossover are called, by ``ketamine`` and ``control``."""
    crossover = config.study.crossover
    if crossover is None:
        return {}
    return {"ketamine": "ketamine", "control": crossover.control_name or crossover.control}


def _change(config: Config, kind: Kind, reference: str, followup: str) -> str:
    sessions: Mapping[str, str] = config.study.sessions
    before, after = sessions[reference], sessions[followup]
    arms = config.study.arms
    if kind is Kind.PARALLEL and arms is not None:
        return (
            f"Difference between {arms.ketamine} and {arms.control} in Fisher z at {after}, "
            f"adjusted for {listed([f'Fisher z at {before}', *adjusted_names(config)])} (ANCOVA)."
        )
    if kind is Kind.CROSSOVER:
        ketamine, control = drugs(config).values()
        blocks = config.statistics.blocks
        period = ["period", *([blocks] if blocks else [])]
        return (
            f"Mean difference in Fisher z between {ketamine} (session {after}) and {control} "
            f"(session {before}) within participants, adjusted for {listed(period)}."
        )
    return (
        f"Mean change in Fisher z from {before} to {after} within participants, without a control "
        "arm."
    )


def _association(
    config: Config, kind: Kind, roles: tuple[str, str], *, until: tuple[str, str] | None = None
) -> str:
    """Return what an association of scores of two roles estimates.

    `until` names the roles between which connectivity changed, where they are others.
    """
    sessions = config.study.sessions
    si, before, after = config.scores.si, *(sessions[role] for role in roles)
    if si is None:
        return "Not estimated: the study has no score of suicidal ideation."
    note = "an association, not an effect."
    if kind is Kind.CROSSOVER:
        ketamine, control = drugs(config).values()
        scored = f" (sessions {after} and {before})" if until else ""
        between = f" (sessions {sessions[until[1]]} and {sessions[until[0]]})" if until else ""
        return (
            f"Partial Spearman correlation of the difference in {si.instrument} between "
            f"{ketamine} and {control}{scored} with the difference in Fisher z between "
            f"them{between}, given "
            f"{listed(['the order of the drugs', *adjusted_names(config)])}; {note}"
        )
    changes = si.change_column is not None
    outcome = f"change in {si.instrument}" if changes else f"{si.instrument} at {after}"
    given = [] if changes else [f"baseline {si.instrument}"]
    given += ["arm"] if kind is Kind.PARALLEL else []
    given += adjusted_names(config)
    adjusted = f"given {listed(given)}" if given else "without adjustment for baseline"
    rho = "Partial Spearman" if given else "Spearman"
    change = "change in Fisher z"
    if until:
        change += f" from {sessions[until[0]]} to {sessions[until[1]]}"
    return f"{rho} correlation of {outcome} with the {change}, {adjusted}; {note}"
