"""What a test says, in a sentence made from its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ketfc.inference.core.evidence import Evidence


@dataclass(frozen=True)
class Setting:
    """What a sentence must know beside the numbers.

    Attributes
    ----------
    circuit : str
        Its name.
    expected_sign : str
        ``+``, ``-`` or ``?``: the direction of change that the registry expects.
    kind : str
        ``change`` or ``association``.
    arms : tuple of str or None
        Labels of the ketamine and the control arm; None where there is one arm.
    within : str or None
        Label of the arm, for a test within one.
    baseline, followup : str
        Roles of the sessions.
    instrument : str
        Of the SI score.
    rank : str
        ``primary``, ``secondary`` or ``sensitivity``: what the family of tests is called.
    change_score : bool
        Whether the score is a change, not adjusted for its baseline.
    alpha : float
        Level of the test; the interval covers 1 − `alpha`.
    one_sided : tuple of (str, str), optional
        Direction, ``+`` or ``-``, of a one-sided test and where it was registered.
    drugs : tuple of str or None
        Names of ketamine and the control drug, where participants had both.
    adjusted : tuple of str
        Covariates that the test is adjusted for.
    """

    circuit: str
    expected_sign: str
    kind: str
    arms: tuple[str, str] | None
    within: str | None
    baseline: str
    followup: str
    instrument: str
    rank: str
    change_score: bool
    alpha: float
    one_sided: tuple[str | None, str | None] | None = None
    drugs: tuple[str, ...] | None = None
    adjusted: tuple[str, ...] = ()


def verdict(evidence: Evidence, setting: Setting, *, n: int, p_holm: float, tests: int) -> str:
    """Return what a test says in plain words.

    Parameters
    ----------
    evidence : Evidence
        Its numbers, and flags that the sentence heeds.
    setting : Setting
        What they are about.
    n : int
        Participants in the test.
    p_holm : float
        p after Holm; missing for what is only described.
    tests : int
        Number of tests that Holm corrected for.

    Returns
    -------
    str
        Direction, size, interval, p after Holm and n; or why there is no result. Nothing causal.
    """
    where = f"{setting.circuit}, {setting.within} arm" if setting.within else setting.circuit
    if evidence.obstacle is not None:
        return f"{where}: no result, because {evidence.obstacle}."
    covers = f"{coverage(setting.alpha)} CI"
    interval = (
        f"{covers} {number(evidence.ci_low)} to {number(evidence.ci_high)}"
        if np.isfinite(evidence.ci_low)
        else f"no {covers}"
    )
    if setting.rank == "sensitivity":
        size = (
            f"{number(evidence.estimate)} Fisher z"
            if setting.kind == "change"
            else _rho(evidence.estimate, _given(setting))
        )
        return (
            f"{where}: {size} ({interval}; "
            f"p {p_words(evidence.p_permutation)} uncorrected; n = {n}). Another definition of the "
            "same place, for sensitivity alone."
        )
    people = f"n = {n}, exploratory" if "exploratory" in evidence.flags else f"n = {n}"
    if np.isnan(p_holm):
        return (
            f"{where}: {_mean_change(evidence.estimate, setting)} ({interval}; {people}). "
            "Described only; the test compares the arms with one another."
        )
    holm = (
        f"p {p_words(p_holm)} after Holm over {tests} {setting.rank} "
        f"{'test' if tests == 1 else 'tests'}"
    )
    found = p_holm < setting.alpha
    if not found and evidence.p_permutation < setting.alpha:
        holm = f"p {p_words(evidence.p_permutation)} uncorrected, {holm.removeprefix('p ')}"
    numbers = f"{interval}; {holm}; {people}"
    sentence = (
        _change(evidence.estimate, numbers, setting, found=found)
        if setting.kind == "change"
        else _association(evidence.estimate, numbers, setting, found=found)
    )
    if setting.one_sided is not None:
        sentence += f" {one_sided_words(setting)}"
    if "interval-disagrees" in evidence.flags:
        sentence += " Interval and permutation test disagree."
    if "p-floor" in evidence.flags:
        sentence += f" With so few arrangements no p below {setting.alpha:g} was possible."
    return f"{where}: {sentence}"


def one_sided_words(setting: Setting) -> str:
    """Return what must be said of a one-sided test."""
    direction, registration = setting.one_sided or (None, None)
    if setting.arms is not None:
        more = "higher" if direction == "+" else "lower"
        tested = f"{more} connectivity under {setting.arms[0]} than under {setting.arms[1]}"
    else:
        tested = "a rise" if direction == "+" else "a fall"
    return (
        f"Tested one-sided for {tested}, as preregistered ({registration}): it could not find the "
        "opposite. The interval is two-sided."
    )


def number(value: float) -> str:
    """Return a number with three significant digits and a true minus sign, never in powers."""
    text = np.format_float_positional(float(f"{value:.3g}"), trim="-")
    return "0" if text in ("0", "-0") else text.replace("-", "−")


def coverage(alpha: float) -> str:
    """Return what an interval covers, such as ``95%``."""
    return f"{100 * (1 - alpha):.4g}%"


def p_words(value: float) -> str:
    """Return ``= 0.012`` or ``< 0.001``."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _mean_change(estimate: float, setting: Setting) -> str:
    verb = "rose" if estimate > 0 else "fell"
    return (
        f"connectivity {verb} from {setting.baseline} to {setting.followup} "
        f"by {number(abs(estimate))} Fisher z on average"
    )


def _change(estimate: float, numbers: str, setting: Setting, *, found: bool) -> str:
    if setting.drugs is not None:
        return _between_drugs(estimate, numbers, setting, found=found)
    if setting.arms is None:
        if not found:
            return (
                f"no evidence for a pre–post change (mean change {number(estimate)} Fisher z, "
                f"{numbers}); no control arm. That is not evidence for no change."
            )
        return (
            f"{_mean_change(estimate, setting)} ({numbers}): evidence for a pre–post "
            f"change{_expectation(estimate, setting)}; no control arm."
        )
    ketamine, control = setting.arms
    given = _joined([f"its value at {setting.baseline}", *setting.adjusted])
    if not found:
        return (
            f"no evidence for a difference between {ketamine} and {control} in connectivity at "
            f"{setting.followup}, given {given} (difference "
            f"{number(estimate)} Fisher z, {numbers}). That is not evidence for no difference."
        )
    return (
        f"connectivity at {setting.followup}, given {given}, was "
        f"{number(abs(estimate))} Fisher z {'higher' if estimate > 0 else 'lower'} under "
        f"{ketamine} than under {control} ({numbers}): evidence for a difference between the "
        f"arms{_expectation(estimate, setting)}."
    )


def _between_drugs(estimate: float, numbers: str, setting: Setting, *, found: bool) -> str:
    ketamine, control = setting.drugs or ("", "")
    given = _joined(["period", *setting.adjusted])
    if not found:
        return (
            f"no evidence for a difference between {ketamine} and {control} within participants "
            f"(difference {number(estimate)} Fisher z, adjusted for {given}, {numbers}). That is "
            "not evidence for no difference."
        )
    return (
        f"connectivity after {ketamine} was {number(abs(estimate))} Fisher z "
        f"{'higher' if estimate > 0 else 'lower'} than after {control} in the same participants, "
        f"adjusted for {given} ({numbers}): evidence for a difference between the "
        f"drugs{_expectation(estimate, setting)}."
    )


def _association_of_drugs(estimate: float, numbers: str, setting: Setting, *, found: bool) -> str:
    ketamine, control = setting.drugs or ("", "")
    conditions = _given(setting)
    given, size = _joined(conditions), f"{_rho(estimate, conditions)}, {numbers}"
    if not found:
        return (
            f"no evidence that the difference in {setting.instrument} between {ketamine} and "
            f"{control} goes with that in connectivity, given {given} ({size}). "
            "That is not evidence for no association."
        )
    level, better = ("higher", "worse") if estimate > 0 else ("lower", "better")
    return (
        f"where connectivity after {ketamine} was higher relative to {control}, "
        f"{setting.instrument} after {ketamine} was {level} relative to {control}, given {given} "
        f"({size}): evidence for an association ({better} with more connectivity), "
        "not for a cause."
    )


def _association(estimate: float, numbers: str, setting: Setting, *, found: bool) -> str:
    if setting.drugs is not None:
        return _association_of_drugs(estimate, numbers, setting, found=found)
    given = _given(setting)
    adjusted = f", given {_joined(given)}" if given else ""
    size = f"{_rho(estimate, given)}, {numbers}"
    control = "; one arm, no control" if setting.arms is None else ""
    if not found:
        outcome = (
            f"the change in {setting.instrument}"
            if setting.change_score
            else f"{setting.instrument} at {setting.followup}"
        )
        return (
            f"no evidence that {outcome} goes with the change in connectivity{adjusted} "
            f"({size}){control}. That is not evidence for no association."
        )
    if setting.change_score:
        outcome = f"{setting.instrument} fell {'less' if estimate > 0 else 'more'}"
    else:
        level = "higher" if estimate > 0 else "lower"
        outcome = f"{setting.instrument} at {setting.followup} was {level}"
    better = "worse" if estimate > 0 else "better"
    return (
        f"where connectivity rose more (or fell less), {outcome}{adjusted} ({size}): evidence for "
        f"an association ({better} with more connectivity), not for a cause{control}."
    )


def _given(setting: Setting) -> list[str]:
    """Return what a test of association is adjusted for."""
    if setting.drugs is not None:
        return ["the order of the drugs", *setting.adjusted]
    given = [] if setting.change_score else [f"{setting.instrument} at {setting.baseline}"]
    if setting.arms is not None and setting.within is None:
        given.append("arm")
    return [*given, *setting.adjusted]


def _rho(estimate: float, given: list[str]) -> str:
    return f"{'partial ' if given else ''}Spearman ρ {number(estimate)}"


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _expectation(estimate: float, setting: Setting) -> str:
    if setting.expected_sign not in ("+", "-"):
        return ""
    agrees = (estimate > 0) == (setting.expected_sign == "+")
    return f" {'in' if agrees else 'against'} the expected direction"
