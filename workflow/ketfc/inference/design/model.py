"""The linear model behind a planned test: its outcome, what is tested, and what is adjusted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ketfc.inference.core.bayes import correlation_bf10, jzs_one_sample, jzs_two_sample
from ketfc.inference.core.evidence import Evidence, untestable
from ketfc.inference.core.permutation import Blocks, Floats, orthonormal
from ketfc.inference.design.model_columns import block_codes, covariate_columns
from ketfc.inference.design.samples import PlannedTest
from ketfc.study.design.design import KETAMINE_FIRST, Design

MIN_ARM = 2
"""A smaller arm is fitted exactly by its own coefficient and says nothing of its spread."""

SMALL_ARM = 5
"""A smaller arm is flagged, and no association is tested within it."""

CONNECTIVITY_CHANGE = "the change in connectivity"


@dataclass(frozen=True, eq=False)
class Model:
    """What a test regresses on what.

    Attributes
    ----------
    outcome : tuple of str and numpy.ndarray of shape (n,)
        Name in plain words and values.
    regressors : mapping of str to numpy.ndarray of shape (n,)
        Columns beside the intercept, the tested one first, those of the covariates last; none
        where the mean of the outcome itself is tested against zero.
    compares_groups : bool
        Whether the tested column tells two groups apart (arms, or orders of two drugs).
    covariates : tuple of str
        Which of the regressors are columns of covariates.
    blocks : numpy.ndarray of shape (n,), optional
        Participants are exchanged within their block only.
    by_ranks : bool
        Whether the test takes the ranks of all columns; they are kept as values here.
    """

    outcome: tuple[str, Floats]
    regressors: Mapping[str, Floats]
    compares_groups: bool = False
    covariates: tuple[str, ...] = ()
    blocks: Blocks | None = None
    by_ranks: bool = False

    @property
    def n(self) -> int:
        """Participants."""
        return len(self.outcome[1])

    @property
    def tested(self) -> Floats:
        """The tested column, shape (n,)."""
        return next(iter(self.regressors.values()))

    @property
    def nuisance(self) -> Floats:
        """The other columns, shape (n, k), the intercept first."""
        return np.column_stack([np.ones(self.n), *list(self.regressors.values())[1:]])

    @property
    def partial_r(self) -> float:
        """Correlation of outcome and tested column, both without what the nuisance explains."""
        basis = orthonormal(self.nuisance)
        y, x = (column - basis @ (basis.T @ column) for column in (self.outcome[1], self.tested))
        return float(y @ x / (np.linalg.norm(y) * np.linalg.norm(x)))

    def ranked(self) -> Model:
        """Return the model with ranks (mean ranks for ties) in place of values."""
        from scipy import stats

        name, values = self.outcome
        columns = {label: stats.rankdata(column) for label, column in self.regressors.items()}
        return replace(self, outcome=(name, stats.rankdata(values)), regressors=columns)


def model_of(test: PlannedTest, complete: pd.DataFrame, design: Design) -> Model:
    """Return the model of a test over everybody, or of an association within one arm.

    Parameters
    ----------
    test : PlannedTest
        The test.
    complete : pandas.DataFrame
        Its complete participants, rows of :func:`ketfc.inference.design.samples.participant_table`.
    design : mapping
        The design as the test sees it.

    Returns
    -------
    Model
        Change: follow-up on arm and baseline where there are arms; in a crossover the difference
        between periods on the order of the drugs (−1, 1); else the change alone. Association: the
        score at follow-up on the change in connectivity and the baseline score (change on change
        where scores are changes, or differences between drugs), and arm or order, to be tested by
        ranks. With the test's covariates, and the blocks within which participants are exchanged.
    """
    sessions = values(complete, "z_baseline"), values(complete, "z_followup")
    return model_over(test, complete, *sessions, design)


def with_covariates(
    model: Model, test: PlannedTest, complete: pd.DataFrame, design: Design
) -> Model:
    """Return a model with the covariates and blocks of its test.

    Parameters
    ----------
    model : Model
        The model without them.
    test, complete, design
        As for :func:`model_of`.
    """
    if not test.adjusted:
        return model
    columns = covariate_columns(complete, test.adjusted)
    return replace(
        model,
        regressors={**model.regressors, **columns},
        covariates=tuple(columns),
        blocks=block_codes(complete, blocks_of(test, design)),
    )


def blocks_of(test: PlannedTest, design: Design) -> str | None:
    """Return the covariate within whose labels a test exchanges participants, if there is one."""
    blocks: str | None = design.terms.blocks
    return blocks if blocks in test.adjusted else None


def model_over(
    test: PlannedTest,
    complete: pd.DataFrame,
    baseline: Floats,
    followup: Floats,
    design: Design,
) -> Model:
    """Return the model of a test with connectivity from elsewhere.

    Parameters
    ----------
    test, complete, design
        As for :func:`model_of`; `z_baseline` and `z_followup` of the participants are not used.
    baseline, followup : numpy.ndarray of shape (n,) or (n, edges)
        Fisher z of these participants. With many edges the columns of the model that hold
        connectivity have that shape too.
    """
    model = _unadjusted(test, complete, baseline, followup, design)
    return with_covariates(model, test, complete, design)


def _unadjusted(
    test: PlannedTest,
    complete: pd.DataFrame,
    baseline: Floats,
    followup: Floats,
    design: Design,
) -> Model:
    """Return the model of a test without covariates."""
    change = followup - baseline
    two_arms = design.between_arms and test.arm is None
    treated = np.asarray(complete["arm"] == "ketamine", dtype=np.float64)
    crossover = design.within_drugs
    first = np.asarray(complete["sequence"] == KETAMINE_FIRST, dtype=np.float64)
    if test.kind == "change":
        if crossover:
            order = 2.0 * first - 1.0
            periods = ("the difference between periods", (change.T * order).T)
            return Model(periods, {"the order of the drugs": order}, compares_groups=True)
        if two_arms:
            return Model(
                ("connectivity at follow-up", followup),
                {"arm": treated, "connectivity at baseline": baseline},
                compares_groups=True,
            )
        return Model((CONNECTIVITY_CHANGE, change), {})
    instrument = design.instrument
    before, after = values(complete, "si_baseline"), values(complete, "si_followup")
    regressors = {CONNECTIVITY_CHANGE: change}
    if crossover:
        score = (f"the difference in {instrument} between the drugs", after - before)
        return Model(score, {**regressors, "the order of the drugs": first}, by_ranks=True)
    if "si_change" in test.needs:
        score = (f"the change in {instrument}", values(complete, "si_change"))
    else:
        score = (f"{instrument} at {design.followup}", after)
        regressors[f"{instrument} at {design.baseline}"] = before
    if two_arms:
        regressors["arm"] = treated
    return Model(score, regressors, by_ranks=True)


def small_sample(test: PlannedTest, complete: pd.DataFrame, design: Design) -> Evidence | None:
    """Return what forbids a test because an arm or order is too small, if anything does.

    Parameters
    ----------
    test, complete, design
        As for :func:`model_of`.
    """
    n = len(complete)
    if test.arm is not None and n < SMALL_ARM:
        return untestable("too-few", f"{n} complete participants, at least {SMALL_ARM} are needed")
    if design.within_drugs:
        for role, drug in design.drugs.items():
            size = int((complete["sequence"] == f"{role}-first").sum())
            if size < MIN_ARM:
                had = "no complete participant" if size == 0 else "one complete participant only"
                why = f"{had} had {drug} first, so that drug and period cannot be told apart"
                return untestable("order-empty" if size == 0 else "too-few", why)
        return None
    if not design.between_arms or test.arm is not None:
        return None
    for role in ("ketamine", "control"):
        label, size = design.arms[role], int((complete["arm"] == role).sum())
        if size == 0:
            return untestable("arm-empty", f"the {label} arm has no complete participant")
        if size < MIN_ARM:
            return untestable("too-few", f"the {label} arm has one complete participant only")
    return None


def bayes_factor(model: Model) -> float:
    """Return BF10 of a model that can be fitted.

    Parameters
    ----------
    model : Model
        Without an obstacle (:func:`ketfc.inference.core.linear.obstacle_to_fit`).

    Returns
    -------
    float
        JZS of the one-sample t, or of the two-sample t given the covariates, whose degrees of
        freedom it takes; of an association that of the partial correlation, on n less the number
        of covariates, and of ranks where the model is tested by ranks, as if they were values. All
        by classical standard errors. Infinite for a perfect fit.
    """
    from scipy import stats

    if model.by_ranks:
        model = model.ranked()
    y = model.outcome[1]
    if not model.regressors:
        return jzs_one_sample(float(stats.ttest_1samp(y, 0.0).statistic), model.n)
    r = model.partial_r
    covariates = len(model.regressors) - 1
    if not model.compares_groups:
        return correlation_bf10(r, model.n - covariates)
    if abs(r) >= 1 - 1e-14:
        return np.inf
    t = r * ((model.n - covariates - 2) / (1 - r**2)) ** 0.5
    first = int((model.tested == model.tested.max()).sum())
    return jzs_two_sample(t, first, model.n - first, covariates=covariates)


def values(table: pd.DataFrame, column: str) -> Floats:
    """Return a column as float64."""
    return table[column].to_numpy(dtype=np.float64)
