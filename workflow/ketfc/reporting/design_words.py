"""Names of arms and sessions and terms of the models, in words of the design."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from ketfc.base.english import listed
from ketfc.inference.design.planned_tests import adjusted_for
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class Arm:
    """One arm: its role in the design (None where the study has no arms) and its own label."""

    role: str | None
    label: str


def arms_of(design: Design) -> list[Arm]:
    """Return the arms in the order of the design, or the one group of a single-arm study."""
    arms = design.arms
    if not arms:
        return [Arm(None, "patients" if design.groups else "all participants")]
    return [Arm(str(role), str(label)) for role, label in arms.items()]


def compared(design: Design) -> tuple[str, str]:
    """Return the names of the two compared sessions: drugs in a crossover, else roles.

    The session that is subtracted, that after the control drug, comes first.
    """
    drugs = design.drugs
    if drugs:
        return str(drugs["control"]), str(drugs["ketamine"])
    return str(design.baseline), str(design.followup)


def effect_in_words(design: Design, test: str) -> str:
    """Return what the estimate of a primary test is, as it stands beside the number.

    A change is a difference between arms, drugs or sessions, first minus second.
    """
    if test == "association":
        return "partial Spearman ρ" if association_given(design) else "Spearman ρ"
    arms = [arm.label for arm in arms_of(design)]
    if design.between_arms and len(arms) == 2:
        return f"{arms[0]} − {arms[1]}"
    before, after = compared(design)
    return f"{after} − {before}"


def unit_of(hypotheses: pd.DataFrame, circuit: str) -> str:
    """Return the unit of a circuit's connectivity, from the estimand of its test of change."""
    rows = hypotheses[(hypotheses["hypothesis"] == circuit) & (hypotheses["test"] == "change")]
    estimand = "" if rows.empty else str(rows["estimand"].iloc[0])
    found = re.search(r" in (\S.*?)(?: at | from |, |\.|$)", estimand)
    return found[1] if found and found[1] != "connectivity" else "Fisher z"


def association_given(design: Design) -> list[str]:
    """Return the terms that the test of association is adjusted for, in words."""
    adjusted = list(adjusted_for(design))
    if design.drugs:
        return ["the order of the drugs", *adjusted]
    given = [] if design.si_changes_only else [f"{design.instrument} at {design.baseline}"]
    return given + (["arm"] if design.arms else []) + adjusted


def study_wise_error(design: Design) -> str:
    """Return how often a study without any effect has a primary result, over its families."""
    families = {"change": "change", "association": f"association with {design.instrument}"}
    each = f"{100 * design.alpha:.4g} %"
    if design.primary_question != "both":
        other = "association" if design.primary_question == "change" else "change"
        text = (
            f"The primary question is {families[design.primary_question]}: its tests are the only "
            f"primary family, in which any false finding has a probability of at most {each}."
        )
        return f"{text} Tests of {families[other]} are secondary." if design.si else text
    if not design.si:
        return (
            "The primary tests are one family, in which any false finding has a probability of at "
            f"most {each}."
        )
    return (
        "Change and association are two primary families, and each is corrected by itself: any "
        f"false finding has a probability of at most {each} in either, and of at most "
        f"{100 * 2 * design.alpha:.4g} % in the study."
    )


def change_given(design: Design, *first: str) -> str:
    """Return in words the terms that the test of change is adjusted for: these, and covariates."""
    return listed([*first, *adjusted_for(design, change=True)])


def motion_given(design: Design) -> str:
    """Return in words the terms that the correlation with motion is adjusted for."""
    side = ["arm"] if design.arms else []
    side += ["the order of the drugs"] if design.drugs else []
    return listed([*side, *adjusted_for(design)])


def arm_sizes(design: Design) -> dict[str, int]:
    """Count the participants of each arm, those without an arm, and healthy controls."""
    roles = list(design.in_contrasts().values())
    arms = arms_of(design)
    if arms[0].role is None:
        sizes = {arms[0].label: len(roles)}
    else:
        sizes = {arm.label: roles.count(arm.role) for arm in arms}
        sizes |= {"no arm": len(roles) - sum(sizes.values())}
    healthy = len(design.healthy_controls())
    sizes |= {"healthy controls": healthy}
    sizes |= {"no group": len(design.participants) - len(roles) - healthy}
    optional = ("no arm", "healthy controls", "no group")
    return {label: n for label, n in sizes.items() if n or label not in optional}
