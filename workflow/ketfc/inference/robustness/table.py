"""The table of other methods than the primary test of every primary hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.baseline_connectivity import PRESCRIPTIVE
from ketfc.inference.design.circuit_tests import Planned, planned_samples
from ketfc.inference.design.covariate_columns import blocks_of, covariate_columns
from ketfc.inference.design.exchangeability import label_codes
from ketfc.inference.design.model import model_of, values
from ketfc.inference.design.planned_tests import adjusted_for
from ketfc.inference.design.samples import covariate_values
from ketfc.inference.robustness.association_checks import (
    ASSOCIATION_METHODS,
    Depression,
    association_checks,
    baseline_check,
    depression_check,
    moderation_check,
)
from ketfc.inference.robustness.change_checks import (
    GROUP_METHODS,
    MEAN_METHODS,
    group_checks,
    mean_checks,
    no_checks,
    time_checks,
)
from ketfc.inference.robustness.checks import Check, Settings, check_of, flagged
from ketfc.inference.robustness.distance_from_controls import (
    NO_GUARD,
    distance_from_controls,
    guard_by_arm,
)
from ketfc.inference.robustness.harmonized_checks import harmonized_checks
from ketfc.inference.robustness.mmrm import arms_over_time
from ketfc.inference.robustness.tipping_point import tipping_checks
from ketfc.study.design.design import Design
from ketfc.study.scores.long_scores import CHANGE, LESS_SI_ITEM, TOTAL

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

ROBUSTNESS_COLUMNS = (
    "hypothesis",
    "name",
    "test",
    "method",
    "estimate",
    "ci_low",
    "ci_high",
    "statistic",
    "df",
    "p",
    "effect_size",
    "effect_size_type",
    "n",
    "flags",
    "note",
)
FROM_CONTROLS = "distance-from-controls"
"""Name of the method that asks if patients came closer to healthy controls."""

_NETWORKS = ("dmn", "salience")
"""Circuits whose distance from healthy controls is in question."""


def robustness(
    connectivity: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    *,
    strategy: str,
    settings: Settings,
    combat: Sequence[str] | None = None,
    tipping: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Put every primary hypothesis to other methods than its primary test.

    None of these p values is corrected or decides anything: they show how far the primary result
    depends on the choice of method, and how much it could have found.

    Parameters
    ----------
    connectivity, scores, design, circuits, strategy
        As for :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.
    settings : Settings
        Levels, seed and margin.
    combat : sequence of str, optional
        Covariates that harmonisation between sites keeps, where it is asked for: see
        :func:`ketfc.inference.robustness.harmonized_checks.harmonized_checks`.
    tipping : pandas.DataFrame, optional
        ``tests/tipping_point.tsv``, numbers as numbers.

    Returns
    -------
    pandas.DataFrame
        :data:`ROBUSTNESS_COLUMNS`, a row per primary circuit, test (``change``, ``association``,
        further follow-ups, those of moderation that could be made) and method. A method without
        numbers has flags and the reason as note.
    """
    depression = depression_change(scores, design)
    shifted = {} if tipping is None else tipping_checks(tipping, alpha=settings.alpha)
    rows = []
    circuits = list(circuits)
    for circuit in circuits:
        if not circuit.primary or circuit.variant_of is not None:
            continue
        for plan in planned_samples(connectivity, scores, design, [circuit], strategy=strategy):
            if plan.test.arm is None and plan.test.name in ("change", "association"):
                made = _change if plan.test.kind == "change" else _association
                rows += [(circuit, plan.test.name, one) for one in made(plan, depression, settings)]
            if plan.test.kind == "moderation" or plan.test.name == PRESCRIPTIVE:
                rows += [(circuit, plan.test.name, one) for one in _moderation(plan, settings)]
        own = connectivity[
            (connectivity["strategy"] == strategy)
            & (connectivity["circuit"] == circuit.id)
            & (connectivity["measure"] == "mean")
        ]
        rows += [(circuit, test, one) for test, one in _over_time(own, design, circuit, settings)]
        rows += [(circuit, test, one) for test, one in _arms_over_time(own, design, settings)]
        rows += [(circuit, "change", one) for one in _controls(own, design, circuit, settings)]
        rows += [(circuit, test, one) for (of, test), one in shifted.items() if of == circuit.id]
    if combat is not None:
        rows += harmonized_checks(
            connectivity,
            scores,
            design,
            circuits,
            strategy=strategy,
            settings=settings,
            covariates=combat,
        )
    table = [
        asdict(one)
        | {
            "hypothesis": circuit.id,
            "name": circuit.name,
            "test": test,
            "flags": ";".join(one.flags) or None,
        }
        for circuit, test, one in rows
    ]
    return pd.DataFrame(table, columns=list(ROBUSTNESS_COLUMNS))


def depression_change(scores: pd.DataFrame, design: Design) -> Depression | None:
    """Return every participant's change in depression, without the suicide item where it is known.

    Parameters
    ----------
    scores : pandas.DataFrame
        ``plan/scores.tsv``.
    design : Design
        The study's design.

    Returns
    -------
    Depression or None
        None where the study has no score of depression.
    """
    about = design.depression
    if not about:
        return None
    own = scores[(scores["scale"] == "depression") & (scores["instrument"] == about.instrument)]
    less = (own["item"] == LESS_SI_ITEM).any()
    own = own[own["item"] == (LESS_SI_ITEM if less else TOTAL)]
    wide = own.assign(score=pd.to_numeric(own["score"])).pivot_table(
        index="participant_id", columns="role", values="score", aggfunc="first"
    )
    if about.changes_only:
        change = wide.reindex(columns=[CHANGE])[CHANGE]
    else:
        both = wide.reindex(columns=[design.baseline, design.followup])
        change = both[design.followup] - both[design.baseline]
    without = " without its suicide item" if less else ""
    return Depression(
        name=f"the change in {about.instrument}{without}",
        change=change,
        flags=() if less else ("totals-only",),
    )


def _change(plan: Planned, _: Depression | None, settings: Settings) -> list[Check]:
    complete, name = plan.sample.complete, f"{plan.circuit.id}/change"
    model = model_of(plan.test, complete, plan.design)
    obstacle = model.obstacle
    if obstacle is not None:
        return no_checks(GROUP_METHODS if model.groups else MEAN_METHODS, obstacle, model.n)
    if model.groups:
        blocks = blocks_of(plan.test.adjusted, plan.design)
        unheeded = [covariate for covariate in plan.test.adjusted if covariate != blocks]
        return group_checks(model, name, settings, unheeded=unheeded)
    baseline, followup = values(complete, "z_baseline"), values(complete, "z_followup")
    return mean_checks(baseline, followup, name, settings)


def _association(plan: Planned, depression: Depression | None, settings: Settings) -> list[Check]:
    complete, name = plan.sample.complete, f"{plan.circuit.id}/association"
    if not plan.design.si:
        return []
    model = model_of(plan.test, complete, plan.design)
    obstacle = model.obstacle
    if obstacle is not None:
        return no_checks(ASSOCIATION_METHODS, obstacle, model.n)
    checks = association_checks(model, name, settings)
    # the sessions that a crossover compares are both after a drug
    if not plan.design.within_drugs:
        checks.append(baseline_check(model, values(complete, "z_baseline"), name, settings))
    if depression is not None:
        people = list(map(str, complete.index))
        checks.append(depression_check(model, people, depression, name, settings))
    return checks


def _moderation(plan: Planned, settings: Settings) -> list[Check]:
    model = model_of(plan.test, plan.sample.complete, plan.design)
    # what could not be tested by values has its reason in hypotheses.tsv
    if model.obstacle is not None:
        return []
    return [moderation_check(model, f"{plan.circuit.id}/{plan.test.name}", settings)]


def _over_time(
    own: pd.DataFrame, design: Design, circuit: Circuit, settings: Settings
) -> list[tuple[str, Check]]:
    """Return the mixed model of a study with several follow-ups, by the name of the test."""
    if not design.many_followups:
        return []
    pairs = design.contrasts
    roles = [pairs[0][0], *(after for _, after in pairs)]
    wide = _by_role(own, sorted(design.in_contrasts()), roles)
    found = time_checks(wide, roles, f"{circuit.id}/change", settings)
    first = pairs[0][1]
    return [("change" if role == first else f"change-{role}", one) for role, one in found.items()]


def _arms_over_time(
    own: pd.DataFrame, design: Design, settings: Settings
) -> list[tuple[str, Check]]:
    """Return the comparison of two arms at several follow-ups, by the name of the test."""
    pairs = design.contrasts
    if not design.between_arms or len(pairs) < 2:
        return []
    arms = {who: arm for who, arm in design.in_contrasts().items() if arm is not None}
    people, given = sorted(arms), adjusted_for(design, change=True)
    z = _by_role(own, people, [design.baseline, *(after for _, after in pairs)])
    table = pd.DataFrame(
        {f"covariate_{name}": covariate_values(design, name, pd.Index(people)) for name in given},
        index=pd.Index(people),
    )
    seen = np.isfinite(z)
    complete = seen[:, 0] & seen[:, 1:].any(axis=1) & table.notna().all(axis=1).to_numpy()
    baseline, followups = z[complete, 0], z[complete, 1:]
    covariates = covariate_columns(table[complete], given)
    nuisance = np.column_stack([np.ones(len(baseline)), baseline, *covariates.values()])
    treated = np.array([arms[who] == "ketamine" for who in people], dtype=np.float64)[complete]
    found = arms_over_time(followups, treated, nuisance, alpha=settings.alpha)
    note = "all follow-ups of everybody with a baseline (MMRM), Kenward–Roger"
    return [
        (
            "change" if after == design.followup else f"change-{after}",
            check_of("mmrm", evidence, len(baseline), note=note),
        )
        for (_, after), evidence in zip(pairs, found, strict=True)
    ]


def _controls(
    own: pd.DataFrame, design: Design, circuit: Circuit, settings: Settings
) -> list[Check]:
    """Return how patients came closer to healthy controls, where there are any."""
    healthy = design.healthy_controls()
    # the difference between two drugs is no approach from before to after
    if circuit.id not in _NETWORKS or not healthy or design.within_drugs:
        return []
    roles = [design.baseline, design.followup]
    arms = design.in_contrasts()
    two = design.between_arms
    people = sorted(who for who, arm in arms.items() if arm is not None or not two)
    z = _by_role(own, people, roles)
    complete = np.isfinite(z).all(axis=1)
    terms = design.terms
    sites = None
    if two and terms.blocks is not None:
        labels = covariate_values(design, terms.blocks, pd.Index(people))
        complete &= labels.notna().to_numpy()
        sites = label_codes([labels[complete].astype(str)])
    baseline, followup = z[complete].T
    treated = np.array([arms[who] != "control" for who in people], dtype=np.float64)[complete]
    controls = _by_role(own, sorted(healthy), roles[:1])[:, 0]
    controls = controls[np.isfinite(controls)]
    active = treated == 1
    rng = settings.rng(f"{circuit.id}/controls")
    found = distance_from_controls(
        baseline[active],
        followup[active],
        controls,
        alpha=settings.alpha,
        permutations=settings.permutations,
        rng=rng,
    )
    guard = NO_GUARD
    if found.obstacle is None and two:
        guard = guard_by_arm(
            baseline,
            followup,
            treated,
            controls,
            permutations=settings.permutations,
            rng=rng,
            blocks=sites,
        )
    words = (
        "not told from regression to the mean"
        if guard is NO_GUARD
        else f"{guard.difference:.2f} beyond what the {guard.kind} gives, p = {guard.p:.3f}"
    )
    if sites is not None and guard is not NO_GUARD:
        words += f" (arms exchanged within {terms.blocks})"
    if adjusted_for(design):
        words += f"; not adjusted for {' and '.join(adjusted_for(design))}"
    check = Check(
        FROM_CONTROLS,
        found.n,
        found.estimate,
        found.interval.low,
        found.interval.high,
        p=found.p,
        effect_size=found.after,
        effect_size_type="distance at follow-up, SD of controls",
        note=f"growth of the distance from the mean of {found.n_controls} controls, in their SD "
        f"(below 0: closer); {words}",
    )
    why = found.obstacle or found.interval.obstacle
    return [
        flagged(
            check,
            why,
            "unguarded" if guard is NO_GUARD else None,
            "crossed" if found.crossed else None,
        )
    ]


def _by_role(own: pd.DataFrame, people: list[str], roles: list[str]) -> Floats:
    """Return Fisher z, shape (people, roles), NaN where there is none."""
    z = pd.to_numeric(own["z"])
    wide = own.assign(z=z.where(np.isfinite(z))).pivot_table(
        index="participant_id", columns="role", values="z", aggfunc="first"
    )
    return wide.reindex(index=people, columns=roles).to_numpy(dtype=np.float64)
