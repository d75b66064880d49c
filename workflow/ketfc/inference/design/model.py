"""Linear models of a design's tests: response, term of interest, nuisance and blocks.

Every column of every test is written here, once. :func:`model_over` chooses them by the design and
the question; :mod:`ketfc.inference.design.fit` estimates and tests them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ketfc.inference.core.effect_sizes import DZ_WITHIN_ORDER, FOLLOWUP_SD
from ketfc.inference.core.evidence import Evidence, too_few, untestable
from ketfc.inference.core.linear import is_constant, obstacle_to_fit
from ketfc.inference.core.permutation import Blocks, Floats, orthonormal
from ketfc.inference.core.variance_groups import Groups
from ketfc.inference.design.baseline_connectivity import PROGNOSTIC
from ketfc.inference.design.covariate_columns import covariate_columns
from ketfc.inference.design.exchangeability import exchange_blocks, variance_groups
from ketfc.inference.design.moderation import (
    CHANGE_BY_DIAGNOSIS,
    DRUG_BY_BASELINE,
    DRUG_BY_CHANGE,
)
from ketfc.inference.design.planned_tests import PlannedTest
from ketfc.inference.design.samples import sample_obstacle
from ketfc.study.design.design import BIPOLAR, KETAMINE_FIRST, Design

Column = tuple[str, Floats]
"""Name in plain words and values of shape (n,), or (n, m) where m connections are modelled."""

BEFORE = "connectivity at baseline"
"""Name of that column."""


@dataclass(frozen=True, eq=False)
class Model:
    """Linear model of a test.

    Attributes
    ----------
    response : Column
        The response.
    term : Column or None
        The term of interest; None where the mean of the response is tested against zero (at a
        nuisance of zero).
    nuisance : mapping of str to numpy.ndarray of shape (n,)
        The other columns beside the intercept, those of covariates last.
    groups : bool
        Whether the term tells two groups apart (arms, or orders of two drugs).
    unit : Column or None
        Name of the effect size, and the values whose standard deviation within the groups is its
        unit; None where the effect size follows from the kind of test.
    covariates : tuple of str
        The columns of the nuisance that are covariates.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are exchanged within their block only.
    variance_groups : numpy.ndarray of shape (n,), optional
        Groups of participants whose residuals have a variance each.
    by_ranks : bool
        Whether the test takes the ranks of all columns; they are kept as values here.
    correlation : bool
        Whether the estimate is a partial correlation of values, not a slope.
    crossed : tuple of str
        The two columns of the nuisance whose product around their means the term is, where it is
        an interaction.
    sample_obstacle : Evidence or None
        The reason that the sample is too small for the test, if it is.
    """

    response: Column
    term: Column | None = None
    nuisance: Mapping[str, Floats] = field(default_factory=dict)
    groups: bool = False
    unit: Column | None = None
    covariates: tuple[str, ...] = ()
    blocks: Blocks | None = None
    variance_groups: Groups | None = None
    by_ranks: bool = False
    correlation: bool = False
    crossed: tuple[str, ...] = ()
    sample_obstacle: Evidence | None = None

    @property
    def n(self) -> int:
        """Participants."""
        return len(self.response[1])

    @property
    def tested(self) -> Floats:
        """Values of the term of interest.

        Raises
        ------
        ValueError
            If the model has none.
        """
        if self.term is None:
            raise ValueError("the model of a mean has no term of interest")
        return self.term[1]

    @property
    def regressors(self) -> dict[str, Floats]:
        """All columns beside the intercept, the term of interest first."""
        return {**(dict([self.term]) if self.term is not None else {}), **self.nuisance}

    @property
    def adjustment(self) -> Floats:
        """The nuisance as a matrix, shape (n, k), the intercept first."""
        return np.column_stack([np.ones(self.n), *self.nuisance.values()])

    @property
    def obstacle(self) -> Evidence | None:
        """The reason that one connection cannot be tested, None where it can."""
        if self.sample_obstacle is not None:
            return self.sample_obstacle
        if self.regressors:
            return obstacle_to_fit(self.response, self.regressors)
        if self.n < 3:
            return too_few(self.n, 3)
        name, values = self.response
        if is_constant(values):
            return untestable("constant", f"{name} is the same in all {self.n} participants")
        return None

    @property
    def residuals(self) -> tuple[Floats, Floats]:
        """Response and term of interest, both without what the nuisance explains."""
        basis = orthonormal(self.adjustment)
        y, x = (column - basis @ (basis.T @ column) for column in (self.response[1], self.tested))
        return y, x

    @property
    def partial_r(self) -> float:
        """Correlation of response and term, both without what the nuisance explains."""
        y, x = self.residuals
        return float(y @ x / (np.linalg.norm(y) * np.linalg.norm(x)))

    def ranked(self) -> Model:
        """Return the model with ranks (mean ranks for ties) in place of values.

        An interaction is the product of the ranks: ranks of the product would depend on where the
        two columns were centred.
        """
        from scipy import stats

        def ranks(column: Column) -> Column:
            return column[0], stats.rankdata(column[1])

        nuisance = dict(map(ranks, self.nuisance.items()))
        term = None if self.term is None else ranks(self.term)
        if self.crossed:
            one, other = ((name, nuisance[name]) for name in self.crossed)
            term = _product(one, other)
        return replace(self, response=ranks(self.response), term=term, nuisance=nuisance)


def model_of(test: PlannedTest, complete: pd.DataFrame, design: Design) -> Model:
    """Return the model of a planned test.

    Parameters
    ----------
    test : PlannedTest
        The test.
    complete : pandas.DataFrame
        Its complete participants, rows of :func:`ketfc.inference.design.samples.participant_table`;
        for tests of head motion with `motion`, the change in mean FD (mm).
    design : Design
        The design as the test sees it.

    Returns
    -------
    Model
        As :func:`model_over` gives it for the circuit's own connectivity.
    """
    sessions = values(complete, "z_baseline"), values(complete, "z_followup")
    return model_over(test, complete, *sessions, design)


def model_over(
    test: PlannedTest,
    complete: pd.DataFrame,
    baseline: Floats,
    followup: Floats,
    design: Design,
) -> Model:
    """Return the model of a planned test with connectivity from elsewhere.

    Parameters
    ----------
    test, complete, design
        As for :func:`model_of`; `z_baseline` and `z_followup` of the participants are not used.
    baseline, followup : numpy.ndarray of shape (n,) or (n, m)
        Fisher z of these participants. With many connections the columns of the model that hold
        connectivity have that shape too.

    Returns
    -------
    Model
        Change: follow-up on arm and baseline where there are arms; in a crossover the difference
        between periods on the order of the drugs; else the mean change. Association: the score at
        follow-up on the change in connectivity and the baseline score (change on change where
        scores are changes, or differences between drugs), and arm or order, by ranks. Moderation:
        an interaction beside its main effects. Baseline: the score at follow-up on connectivity at
        baseline, by ranks, or on its interaction with the arm. Head motion: the change in
        connectivity on that in motion, or the model of change with it. With the covariates of the
        test, and the blocks within which participants are exchanged.
    """
    obstacle = sample_obstacle(test, complete, design)
    columns = _Columns(test, complete, baseline, followup, design)
    if test.kind == "moderation":
        # an interaction of nobody has no columns
        model = _moderation(columns) if obstacle is None else Model(columns.change)
    elif test.kind == "baseline":
        model = _baseline(columns) if obstacle is None else Model(columns.score)
    else:
        model = {
            "change": _change,
            "association": _association,
            "follows-motion": _follows_motion,
            "change-at-equal-motion": _change_at_equal_motion,
        }[test.kind](columns)
    model = replace(model, sample_obstacle=obstacle)
    # covariates around their means leave a mean as it is
    return model if model.term is None else _with_covariates(model, test, complete, design)


def mean_change(change: Column) -> Model:
    """Return the model of a mean change within participants."""
    return Model(change)


def difference_between_arms(baseline: Floats, followup: Floats, treated: Floats) -> Model:
    """Return the model of a difference between arms at equal baseline (ANCOVA).

    Parameters
    ----------
    baseline, followup : numpy.ndarray of shape (n,) or (n, m)
        Fisher z of the same participants.
    treated : numpy.ndarray of shape (n,)
        1 in the ketamine arm, 0 in the control arm.

    Returns
    -------
    Model
        Its effect size divides the coefficient by the standard deviation at follow-up pooled over
        arms.

    References
    ----------
    Hedges LV (1981), J Educ Stat 6:107–128, doi:10.3102/10769986006002107.
    """
    return Model(
        ("connectivity at follow-up", followup),
        ("arm", treated),
        {BEFORE: baseline},
        groups=True,
        unit=(FOLLOWUP_SD, followup),
    )


def difference_between_drugs(control: Floats, ketamine: Floats, order: Floats) -> Model:
    """Return the model of a difference between two drugs within participants, whatever the period.

    A study of two drugs in two periods confounds drug and period within each order of the drugs,
    and tells them apart by comparing the orders. The differences between a participant's periods
    (second drug subtracted from first) are therefore compared between the orders: half of what the
    orders differ by is the effect of the drug, half of what they share that of the period. If
    nobody would have measured otherwise under the other drug, these differences do not depend on
    the order, and exchanging participants between orders, as the allocation might have, is an exact
    test; so it is within blocks whose columns are in the nuisance, which no such exchange changes.

    Parameters
    ----------
    control, ketamine : numpy.ndarray of shape (n,) or (n, m)
        Fisher z of the same participants after each drug.
    order : numpy.ndarray of shape (n,)
        1 where ketamine came first, −1 where the control drug did.

    Returns
    -------
    Model
        Its coefficient is the mean of ketamine − control over both orders, each with half the
        weight; its effect size divides it by the standard deviation of the differences pooled
        within orders.

    References
    ----------
    Hills M, Armitage P (1979), Br J Clin Pharmacol 8:7–20,
    doi:10.1111/j.1365-2125.1979.tb05903.x (estimate and t).
    Senn S (2002), Cross-over trials in clinical research, 2nd ed., chapter 3.
    """
    periods = ((ketamine - control).T * order).T
    return Model(
        ("the difference between periods", periods),
        ("the order of the drugs", order),
        groups=True,
        unit=(DZ_WITHIN_ORDER, periods),
    )


def values(table: pd.DataFrame, column: str) -> Floats:
    """Return a column as float64."""
    return table[column].to_numpy(dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Columns:
    """The columns that the models of a test are made of."""

    test: PlannedTest
    complete: pd.DataFrame
    baseline: Floats
    followup: Floats
    design: Design

    @property
    def change(self) -> Column:
        """The change in connectivity, or the difference between the drugs."""
        what = "difference" if self.design.within_drugs else "change"
        return f"the {what} in connectivity", self.followup - self.baseline

    @property
    def motion(self) -> Column:
        """The change in head motion."""
        return "the change in mean FD", values(self.complete, "motion")

    @property
    def treated(self) -> Floats:
        """1 in the ketamine arm, 0 in the control arm."""
        return np.asarray(self.complete["arm"] == "ketamine", dtype=np.float64)

    @property
    def order(self) -> Floats:
        """1 where ketamine came first, −1 where the control drug did."""
        return np.where(self.complete["sequence"] == KETAMINE_FIRST, 1.0, -1.0)

    @property
    def between_arms(self) -> bool:
        """Tell whether two arms are compared."""
        return self.design.between_arms and self.test.arm is None

    @property
    def sides(self) -> dict[str, Floats]:
        """The arm, or the order of the drugs, as nuisance; empty in one arm."""
        if self.design.within_drugs:
            return {"the order of the drugs": self.order}
        return {"arm": self.treated} if self.between_arms else {}

    @property
    def baseline_score(self) -> dict[str, Floats]:
        """The score at baseline, where it was measured, as nuisance."""
        if self.design.within_drugs or self.design.si_changes_only:
            return {}
        name = f"{self.design.instrument} at {self.design.score_roles['baseline']}"
        return {name: values(self.complete, "si_baseline")}

    @property
    def score(self) -> Column:
        """The score of an association."""
        instrument = self.design.instrument
        if self.design.si_changes_only:
            return f"the change in {instrument}", values(self.complete, "si_change")
        after = values(self.complete, "si_followup")
        if self.design.within_drugs:
            difference = after - values(self.complete, "si_baseline")
            return f"the difference in {instrument} between the drugs", difference
        return f"{instrument} at {self.design.score_roles['followup']}", after


def _change(columns: _Columns) -> Model:
    if columns.design.within_drugs:
        return difference_between_drugs(columns.baseline, columns.followup, columns.order)
    if columns.between_arms:
        return difference_between_arms(columns.baseline, columns.followup, columns.treated)
    return mean_change(columns.change)


def _association(columns: _Columns) -> Model:
    given = columns.baseline_score | columns.sides
    return Model(columns.score, columns.change, given, by_ranks=True)


def _follows_motion(columns: _Columns) -> Model:
    return Model(columns.change, columns.motion, columns.sides, correlation=True)


def _change_at_equal_motion(columns: _Columns) -> Model:
    """Return the model of change beside motion: without arms, its mean at no change in motion."""
    motion = dict([columns.motion])
    if columns.between_arms:
        model = _change(columns)
        return replace(model, nuisance={**model.nuisance, **motion})
    return Model(columns.change, None, motion | columns.sides)


def _moderation(columns: _Columns) -> Model:
    """Return the model of an interaction, with both main effects beside their product.

    The coefficient of the product does not depend on where they are centred. Arms were allocated,
    and are compared at equal baseline; diagnoses were not, and are compared in their changes: at
    equal baseline, regression to different means would pass for a difference (Van Breukelen GJP
    (2006), J Clin Epidemiol 59:920–925, doi:10.1016/j.jclinepi.2006.02.007).
    """
    name = columns.test.name
    arm: Column = ("arm", columns.treated)
    bipolar = np.asarray(columns.complete["diagnosis"] == BIPOLAR, dtype=np.float64)
    diagnosis: Column = ("diagnosis", bipolar)
    if name == CHANGE_BY_DIAGNOSIS and not columns.between_arms:
        return Model(columns.change, diagnosis, columns.sides)
    if name in (DRUG_BY_BASELINE, CHANGE_BY_DIAGNOSIS):
        by = diagnosis
        if name == DRUG_BY_BASELINE:
            ((label, score),) = columns.baseline_score.items()
            by = (label, score)
        ancova = _change(columns)
        term, main = _crossed(arm, by)
        return Model(ancova.response, term, {**main, **ancova.nuisance}, crossed=tuple(main))
    term, main = _crossed(arm if name == DRUG_BY_CHANGE else diagnosis, columns.change)
    given = columns.baseline_score | columns.sides
    # an arm among the main effects keeps its place
    return Model(columns.score, term, main | given, crossed=tuple(main))


def _baseline(columns: _Columns) -> Model:
    """Return the model of the score after treatment on connectivity before it, or on arm by that.

    At equal baseline score: who starts worse has more to lose, and may differ in connectivity too.
    """
    before: Column = (BEFORE, columns.baseline)
    given = columns.baseline_score | columns.sides
    if columns.test.name == PROGNOSTIC:
        return Model(columns.score, before, given, by_ranks=True)
    term, main = _crossed(("arm", columns.treated), before)
    return Model(columns.score, term, main | given, crossed=tuple(main))


def _crossed(one: Column, other: Column) -> tuple[Column, dict[str, Floats]]:
    """Return the product of two columns around their means, and the two columns."""
    return _product(one, other), dict([one, other])


def _product(one: Column, other: Column) -> Column:
    """Return the product of two columns around their means."""
    product = (one[1] - one[1].mean()) * (other[1] - other[1].mean())
    return f"{one[0]} by {other[0]}", product


def _with_covariates(
    model: Model, test: PlannedTest, complete: pd.DataFrame, design: Design
) -> Model:
    """Return a model with the covariates, blocks and variance groups of its test."""
    columns = covariate_columns(complete, test.adjusted)
    return replace(
        model,
        nuisance={**model.nuisance, **columns},
        covariates=tuple(columns),
        blocks=exchange_blocks(test, complete, design),
        variance_groups=variance_groups(test, complete, design),
    )
