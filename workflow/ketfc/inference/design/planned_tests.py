"""The tests that a design calls for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ketfc.study.design.design import FIRST_PERIOD, Design

_ARM_ROLES = ("ketamine", "control")


@dataclass(frozen=True)
class PlannedTest:
    """One test that the design calls for.

    Attributes
    ----------
    name : str
        Its name in the tables.
    kind : str
        The question: ``change``, ``association``, ``moderation``, ``baseline`` (connectivity at
        baseline), or of head motion ``follows-motion`` and ``change-at-equal-motion``.
    arm : str or None
        Role of the only arm it looks at; None for everybody.
    needs : tuple of str
        Columns of :func:`ketfc.inference.design.samples.participant_table`, beside those of its
        covariates, without which a participant cannot enter.
    roles : tuple of (str, str), optional
        The sessions it compares, reference first, where they are not the design's primary ones;
        such a test is secondary whatever its circuit.
    scored : tuple of (str, str), optional
        The sessions of its scores, reference first, where they are not those of connectivity.
    adjusted : tuple of str
        Covariates that it is adjusted for, the blocks among them: see :func:`adjusted_for`.
    """

    name: str
    kind: str
    arm: str | None
    needs: tuple[str, ...]
    roles: tuple[str, str] | None = None
    adjusted: tuple[str, ...] = ()
    scored: tuple[str, str] | None = None

    @property
    def required(self) -> tuple[str, ...]:
        """All columns without which a participant cannot enter, those of covariates included."""
        return (*self.needs, *(f"covariate_{name}" for name in self.adjusted))

    @property
    def described_only(self) -> bool:
        """Return whether it is described without a test: the change within one arm of several."""
        return self.kind == "change" and self.arm is not None

    @property
    def secondary(self) -> bool:
        """Return whether it looks at other sessions than the primary ones."""
        return self.roles is not None or self.name == FIRST_PERIOD


def planned_tests(design: Design) -> list[PlannedTest]:
    """Return the tests that a design calls for, in the order of the tables.

    Returns
    -------
    list of PlannedTest
        Change and association over everybody; where there are arms, also within each of them;
        change at every further follow-up, and of a crossover in the first period alone; the
        association with every later outcome that the config names.
    """
    arms = (design.group_column,) if design.group_column else ()
    change = ("z_baseline", "z_followup")
    score = score_columns(design)
    given, of_change = adjusted_for(design), adjusted_for(design, change=True)
    tests = [
        PlannedTest("change", "change", None, arms + change, adjusted=of_change),
        PlannedTest("association", "association", None, arms + change + score, adjusted=given),
    ]
    for before, after in design.contrasts[1:]:
        roles = (before, after)
        tests.append(
            PlannedTest(f"change-{after}", "change", None, arms + change, roles, adjusted=of_change)
        )
    if FIRST_PERIOD in design.estimand:
        tests.append(PlannedTest(FIRST_PERIOD, "change", None, ("arm", *change), adjusted=given))
    tests += [
        PlannedTest(
            asked.test,
            "association",
            None,
            arms + change + score,
            asked.connectivity,
            adjusted=given,
            scored=asked.score,
        )
        for asked in design.later_outcomes
    ]
    if not design.between_arms:
        return tests
    labels = {role: design.arms[role] for role in _ARM_ROLES}
    for role, label in labels.items():
        tests.append(PlannedTest(f"change-{label}", "change", role, arms + change))
    for role, label in labels.items():
        name, needs = f"association-{label}", arms + change + score
        tests.append(PlannedTest(name, "association", role, needs, adjusted=given))
    return tests


def motion_tests_of(design: Design) -> tuple[PlannedTest, PlannedTest]:
    """Return the tests of a circuit's change against head motion.

    Returns
    -------
    tuple of PlannedTest
        The change in connectivity against that in motion, adjusted as an association; and the
        change at equal motion, adjusted as a change.
    """
    change = planned_tests(design)[0]
    return (
        replace(change, name="follows", kind="follows-motion", adjusted=adjusted_for(design)),
        replace(change, name="change-at-equal-motion", kind="change-at-equal-motion"),
    )


def adjusted_for(design: Design, *, change: bool = False) -> tuple[str, ...]:
    """Return the covariates that the tests of a design are adjusted for, blocks last.

    Parameters
    ----------
    design : Design
        The study's design.
    change : bool
        For the tests of change: a change within participants (one arm) is not adjusted, since
        covariates around their means leave its mean as it is, while signs could no longer be
        flipped exactly. The difference between two drugs within participants is adjusted for the
        blocks alone, in which periods may differ.
    """
    terms = design.terms
    if change and design.one_arm:
        return ()
    names = [] if change and design.within_drugs else terms.covariates
    blocks = [] if terms.blocks is None else [terms.blocks]
    return tuple(dict.fromkeys([*(name for name in names if name not in blocks), *blocks]))


def score_columns(design: Design) -> tuple[str, ...]:
    """Return the score columns that an association needs."""
    if design.si_changes_only:
        return ("si_change",)
    return ("si_baseline", "si_followup")
