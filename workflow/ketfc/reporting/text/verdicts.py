"""Verdicts: sentences on what a test found, made from its numbers, and on its estimand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.english import listed
from ketfc.inference.core.evidence import ONE_SIDED, Evidence
from ketfc.inference.families import BASELINE, MODERATION, SECONDARY, SENSITIVITY
from ketfc.inference.flags import (
    add_habenula_flags,
    add_motion_flags,
    add_null_percentile,
    add_specification_flags,
)
from ketfc.inference.holm_intervals import HolmInterval
from ketfc.inference.hypotheses import Tested
from ketfc.inference.motion.gate import FOLLOWS
from ketfc.inference.specifications.choices import FAMILIES
from ketfc.reporting.text.moderation import moderation_estimand, moderation_verdict
from ketfc.reporting.text.paragraphs import rendered
from ketfc.reporting.words import as_number, compact, coverage, number, p_equals
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class Setting:
    """Context of a verdict beside the numbers.

    Attributes
    ----------
    expected_sign : str
        ``+``, ``-`` or ``?``: the direction of change that the registry expects.
    kind : str
        ``change`` or ``association``.
    arms, drugs : tuple of str or None
        Labels of ketamine and the control, where they were compared between or within people.
    within : str or None
        Label of the arm, for a test within one.
    rank : str
        ``primary``, ``secondary`` or ``sensitivity``: what the family of tests is called.
    change_score : bool
        Whether the score is a change, not adjusted for its baseline.
    span : str
        The sessions between which connectivity changed, where they are not those of the scores.
    unit, quantity : str
        Unit of a change, and what it is a change of.
    one_sided : tuple of (str, str), optional
        Direction, ``+`` or ``-``, of a one-sided test and where it was registered.
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
    span: str = ""
    unit: str = "Fisher z"
    quantity: str = "connectivity"


def described(
    hypotheses: pd.DataFrame,
    tested: Sequence[Tested],
    design: Design,
    *,
    motion: pd.DataFrame,
    null: pd.DataFrame,
    habenula: Mapping[str, str],
    curves: pd.DataFrame,
    alpha: float,
) -> pd.DataFrame:
    """Return ``tests/hypotheses.tsv``: the tests with their verdicts and what bears on them.

    Parameters
    ----------
    hypotheses, tested
        From :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.
    motion, null : pandas.DataFrame
        ``quality/motion.tsv`` and ``tests/matched_null.tsv``.
    habenula : mapping of str to str
        By circuit, from :func:`ketfc.imaging.regions.habenula.circuit_verdicts`.
    curves : pandas.DataFrame
        ``tests/specification_curve.tsv``.
    alpha : float
        The level of significance.
    """
    table = with_motion(with_verdicts(hypotheses, tested, alpha=alpha), motion, design)
    table = with_specifications(table, curves, alpha=alpha)
    table = add_habenula_flags(add_null_percentile(table, null), habenula)
    return add_specification_flags(add_motion_flags(table, motion, design), curves)


def with_verdicts(
    hypotheses: pd.DataFrame, tested: Sequence[Tested], *, alpha: float
) -> pd.DataFrame:
    """Add the columns `estimand` and `verdict` to the tests of the hypotheses.

    `estimand` stands before `estimate`, `verdict` at the end; parameters as for :func:`described`.
    """
    of_family = hypotheses.groupby("family")["p_holm"].transform("count")
    estimands, verdicts = [], []
    for item, p_holm, tests in zip(tested, hypotheses["p_holm"], of_family, strict=True):
        setting = _setting(item, alpha)
        estimands.append(_estimand(item, setting))
        verdicts.append(_verdict(item, setting, p_holm=p_holm, tests=tests))
    table = hypotheses.assign(verdict=verdicts)
    table.insert(list(table).index("estimate"), "estimand", estimands)
    return table


def with_motion(hypotheses: pd.DataFrame, motion: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Add to the verdicts of a circuit how far its change follows head motion.

    A sentence at the end of the verdicts of change and association of every circuit whose change
    follows motion at the primary strategy, where there is an estimate. `hypotheses` is as
    :func:`with_verdicts` gives it.
    """
    rows = motion[motion["strategy"] == design.strategy]
    follows = rows[(rows["test"] == "follows") & (rows["gate"] == FOLLOWS)].set_index("circuit")
    equal = rows[rows["test"] == "change-at-equal-motion"].set_index("circuit")
    verdicts = []
    for row in hypotheses.to_dict("records"):
        circuit, test, said = row["hypothesis"], row["test"], [row["verdict"]]
        known = test in ("change", "association") and np.isfinite(row["estimate"])
        if known and circuit in follows.index:
            gate = follows.loc[circuit]
            said.append(
                f"Its change follows change in head motion (r = {compact(gate['estimate'])}, "
                f"{p_equals(gate['p_permutation'])})."
            )
            if test == "change" and np.isfinite(equal.loc[circuit, "estimate"]):
                said.append(_left_of_change(equal.loc[circuit], design))
        verdicts.append(" ".join(said))
    return hypotheses.assign(verdict=verdicts)


def with_specifications(
    hypotheses: pd.DataFrame, curves: pd.DataFrame, *, alpha: float
) -> pd.DataFrame:
    """Add to the verdicts of findings on which choices of analysis they depend.

    A sentence at the end of the verdict of a primary test that Holm's correction leaves
    significant and whose curve `depends_on` something.
    """
    depends = curves[curves["depends_on"].notna()].set_index(["hypothesis", "test"])
    verdicts = []
    for row in hypotheses.to_dict("records"):
        key, said = (row["hypothesis"], row["test"]), row["verdict"]
        if key in depends.index and row["p_holm"] <= alpha:
            said = f"{said} {dependence(depends.loc[key])}"
        verdicts.append(said)
    return hypotheses.assign(verdict=verdicts)


def dependence(curve: Mapping[Any, Any] | pd.Series[Any]) -> str:
    """Return in a sentence what choices of analysis a finding depends on.

    From a row of ``tests/specification_curve.tsv`` that has `depends_on`.
    """
    families = str(curve["depends_on"]).split(", ")
    what = listed([FAMILIES[family] for family in families if family in FAMILIES])
    on = f"depends on {what}" if what else "depends on several choices at once"
    return (
        f"It {on}: of {number(curve['counted'], 0)} specifications of the analysis "
        f"{number(100 * as_number(curve['share_significant']), 0)} % are significant."
    )


def _verdict(item: Tested, setting: Setting, *, p_holm: float, tests: int) -> str:
    n = len(item.planned.sample.complete)
    if item.family in (MODERATION, BASELINE):
        return moderation_verdict(
            item.evidence,
            item.planned.test,
            item.planned.design,
            circuit=setting.circuit,
            n=n,
            p_holm=p_holm,
            tests=tests,
            alpha=setting.alpha,
            interval=interval_words(item.evidence, item.holm, alpha=setting.alpha),
        )
    return verdict(item.evidence, setting, n=n, p_holm=p_holm, tests=tests, holm=item.holm)


def _estimand(item: Tested, setting: Setting) -> str:
    """Return the estimand of a test in words, with the registration of a one-sided one."""
    test, design = item.planned.test, item.planned.design
    if item.family in (MODERATION, BASELINE):
        return moderation_estimand(test, design)
    if setting.within and test.kind == "change":
        return (
            f"Mean change in {setting.quantity} in the arm {setting.within}, described without a "
            "test."
        )
    if setting.within:
        how = "both as changes" if setting.change_score else "at equal baseline score"
        adjusted = f", adjusted for {listed(test.adjusted)}" if test.adjusted else ""
        return (
            f"Slope of {setting.instrument} on the change in {setting.quantity} within the arm "
            f"{setting.within}, {how}{adjusted}."
        )
    sentence = design.estimand[test.name]
    if setting.quantity != "connectivity":
        # the sentences of a design are those of connectivity
        sentence = sentence.replace("Fisher z", setting.quantity)
        sentence = sentence.replace("connectivity", setting.quantity)
    return f"{sentence} {one_sided_words(setting)}" if setting.one_sided else sentence


def _setting(item: Tested, alpha: float) -> Setting:
    circuit, test, design = item.planned.circuit, item.planned.test, item.planned.design
    one_sided = ONE_SIDED in item.evidence.flags
    # what an association is told with are the sessions of its scores
    before, after = (design.score_roles if test.kind == "association" else design.roles).values()
    instrument, span = design.instrument, ""
    if test.scored is not None and design.within_drugs:
        instrument, span = f"{instrument} ({after})", f" ({design.followup})"
    elif test.scored is not None:
        span = f" from {design.baseline} to {design.followup}"
    return Setting(
        circuit=circuit.name,
        expected_sign=circuit.expected_sign,
        kind=test.kind,
        arms=(design.arms["ketamine"], design.arms["control"]) if design.between_arms else None,
        within=design.arms[test.arm] if test.arm else None,
        drugs=tuple(design.drugs.values()) if design.within_drugs else None,
        baseline=before,
        followup=after,
        instrument=instrument,
        rank=item.family if item.family in (SECONDARY, SENSITIVITY) else "primary",
        adjusted=test.adjusted,
        span=span,
        unit=circuit.unit,
        quantity=circuit.quantity,
        change_score="si_change" in test.needs,
        alpha=alpha,
        one_sided=(circuit.direction, circuit.registration) if one_sided else None,
    )


def _left_of_change(row: pd.Series[Any], design: Design) -> str:
    where = "At equal change" if design.between_arms else "At no change"
    what = "difference" if design.between_arms else "change"
    low, high = compact(row["ci_low"]), compact(row["ci_high"])
    ends = f" ({low} to {high})" if np.isfinite(row["ci_low"]) else ""
    return f"{where} in motion the {what} is {compact(row['estimate'])} Fisher z{ends}."


def interval_words(evidence: Evidence, holm: HolmInterval | None, *, alpha: float) -> str:
    """Return in words the interval that belongs to a corrected verdict, with what it covers.

    That of the evidence, at `alpha`, where nothing is corrected.
    """
    ends = (evidence.ci_low, evidence.ci_high) if holm is None else (holm.low, holm.high)
    covers = f"{coverage(alpha if holm is None else holm.level)} CI"
    if not np.isfinite(ends[0]):
        return f"no {covers}"
    return f"{covers} {compact(ends[0])} to {compact(ends[1])}"


def verdict(
    evidence: Evidence,
    setting: Setting,
    *,
    n: int,
    p_holm: float,
    tests: int,
    holm: HolmInterval | None = None,
) -> str:
    """Return the verdict of a test in plain words.

    Parameters
    ----------
    evidence, setting
        Its numbers with the flags that the sentence heeds, and what they are about.
    n : int
        Participants in the test.
    p_holm : float
        p after Holm; missing for what is only described.
    tests : int
        Number of tests that Holm corrected for.
    holm : HolmInterval, optional
        The interval that belongs to the correction; missing for what is not corrected.

    Returns
    -------
    str
        Direction, size, interval, p after Holm and n; or why there is no result. Nothing causal.
    """
    return rendered(
        "verdict.txt.j2",
        evidence=evidence,
        setting=setting,
        n=n,
        p_holm=p_holm,
        tests=tests,
        found=None if np.isnan(p_holm) else bool(p_holm <= setting.alpha),
        given=_given(setting),
        interval=interval_words(evidence, holm, alpha=setting.alpha),
        people=f"n = {n}" + (", exploratory" if "exploratory" in evidence.flags else ""),
        one_sided=one_sided_words(setting),
    )


def one_sided_words(setting: Setting) -> str:
    """Return the sentences on a one-sided test."""
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


def _given(setting: Setting) -> list[str]:
    """Return the variables that a test of association is adjusted for."""
    if setting.drugs is not None:
        return ["the order of the drugs", *setting.adjusted]
    given = [] if setting.change_score else [f"{setting.instrument} at {setting.baseline}"]
    if setting.arms is not None and setting.within is None:
        given.append("arm")
    return [*given, *setting.adjusted]
