"""Whether head motion explains a change: the paired version of QC–FC, and its gate.

Three questions. Did motion itself change with treatment? Does a circuit's change go with the
change in motion over participants (Δ mean FD × ΔFC)? What is left of the circuit's change where
motion did not change? The second is the gate: a circuit whose change follows motion, p below
alpha, is flagged. The gate fires by chance at alpha per circuit, since nothing is corrected here:
over five circuits whose changes have nothing to do with motion, one in four or five studies has a
flag. And it has no power where all participants move the same amount more, because there is then
nothing for the change to follow: silence is no proof that motion explains nothing. Look at the
test of motion itself as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ketfc.inference.change import adjusted_difference, mean_change
from ketfc.inference.crossover import drug_difference
from ketfc.inference.evidence import Evidence, untestable
from ketfc.inference.linear import hc3_coefficient, obstacle, regression_evidence
from ketfc.inference.permutation import Floats, freedman_lane_test, stream
from ketfc.inference.samples import participant_table, planned_tests, sample_of
from ketfc.inference.session_motion import MEASURES, before_and_after, session_motion
from ketfc.study.design import in_contrasts
from ketfc.study.groups import CONTROL_FIRST, KETAMINE_FIRST

MOTION_COLUMNS = (
    "measure",
    "circuit",
    "strategy",
    "test",
    "estimate",
    "ci_low",
    "ci_high",
    "statistic",
    "df",
    "p_permutation",
    "p_parametric",
    "n",
    "gate",
    "reason",
)
"""Columns of ``quality/motion.tsv``."""

MOTION_NUMBERS = MOTION_COLUMNS[4:12]
"""Those of them that are numbers."""

FOLLOWS = "follows-motion"
"""Flag of a circuit whose change goes with the change in motion."""
CHANGED = "motion-changed"
"""Flag of the tests of change where mean FD changed itself."""
SILENT = "silent"
"""What `gate` says where it was looked at and did not fire."""

FEWEST = 5
"""With fewer participants nothing is decided."""

_NO_SCORES = pd.DataFrame(columns=["participant_id", "scale", "instrument", "role", "score"])


class CircuitLike(Protocol):
    """What must be known of a circuit: a ``ketfc.imaging.registry.Circuit`` has it."""

    @property
    def id(self) -> str:
        """Identifier, as in connectivity.tsv."""


def motion_tests(
    connectivity: pd.DataFrame,
    quality: pd.DataFrame,
    design: Mapping[str, Any],
    circuits: Iterable[CircuitLike],
    *,
    strategies: Sequence[str],
    seed: int,
    permutations: int,
    alpha: float,
) -> pd.DataFrame:
    """Test treatment on motion, and each circuit's change against the change in motion.

    Parameters
    ----------
    connectivity, quality : pandas.DataFrame
        ``connectivity.tsv`` and ``quality/runs.tsv``.
    design : mapping
        Content of ``plan/design.json``.
    circuits : iterable of CircuitLike
        In the order of the table.
    strategies : sequence of str
        Denoising strategies; the gate counts at the design's primary one.
    seed : int
        The study's seed; each test has its own stream by its name, the same for all strategies.
    permutations : int
        Random arrangements per test.
    alpha : float
        Level of the tests and of the gate; intervals cover 1 − `alpha`.

    Returns
    -------
    pandas.DataFrame
        :data:`MOTION_COLUMNS`. For every measure of motion (no circuit, no strategy) a test
        ``change`` as for connectivity: sign flips with one arm, ANCOVA between two, and with two
        ``change-LABEL`` by sign flips within each. For every strategy and circuit, of measure
        ``mean_fd``, a test ``follows`` (:func:`follows_motion`; `estimate` is r) and a test
        ``change-at-equal-motion`` (:func:`change_at_equal_motion`; Fisher z). `gate` is
        ``follows-motion`` or ``motion-changed`` where p < `alpha`, else ``silent``; missing for
        tests that decide nothing. Where there are no numbers there is a `reason`.
    """
    motion = session_motion(quality)
    rows = []
    setting: dict[str, Any] = {"alpha": alpha, "permutations": permutations}
    for measure in MEASURES:
        if measure in motion:
            rows += _changes_of(motion, measure, design, seed=seed, **setting)
    fd = _difference(motion, "mean_fd", design)
    circuits = list(circuits)
    for strategy in strategies:
        for circuit in circuits:
            table = participant_table(
                connectivity, _NO_SCORES, design, circuit=circuit.id, strategy=strategy
            )
            complete = sample_of(table, planned_tests(design)[0], design).complete
            complete = complete.assign(motion=fd.reindex(complete.index)).dropna(subset=["motion"])
            baseline, followup, moved = (
                complete[name].to_numpy(dtype=np.float64)
                for name in ("z_baseline", "z_followup", "motion")
            )
            treated = _treated(complete["arm"], design)
            order = _order(complete["sequence"]) if design["kind"] == "crossover" else None
            sides: dict[str, Any] = {"treated": treated, "order": order}
            key = {"measure": "mean_fd", "circuit": circuit.id, "strategy": strategy}
            rng = stream(seed, f"{circuit.id}/{FOLLOWS}")
            found = follows_motion(followup - baseline, moved, **sides, rng=rng, **setting)
            gated: dict[str, Any] = {"fires": FOLLOWS, "alpha": alpha}
            rows.append(_row(key | {"test": "follows"}, found, len(complete), **gated))
            rng = stream(seed, f"{circuit.id}/equal-motion")
            found = change_at_equal_motion(baseline, followup, moved, **sides, rng=rng, **setting)
            rows.append(_row(key | {"test": "change-at-equal-motion"}, found, len(complete)))
    return pd.DataFrame(rows, columns=list(MOTION_COLUMNS))


def follows_motion(
    change: Floats,
    motion: Floats,
    treated: Floats | None = None,
    order: Floats | None = None,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
) -> Evidence:
    """Correlate the change in connectivity with the change in motion over participants.

    Parameters
    ----------
    change, motion : numpy.ndarray of shape (n,)
        Change in Fisher z and in mean FD (mm) of the same participants.
    treated : numpy.ndarray of shape (n,) or None
        1 in the ketamine arm, 0 in the control arm, adjusted for; None where there is one arm.
    order : numpy.ndarray of shape (n,) or None
        Of a crossover, 1 where ketamine came first and −1 where it came second, adjusted for: a
        difference between periods in both would pass for a relation.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random orders.
    rng : numpy.random.Generator
        Stream of this test.

    Returns
    -------
    Evidence
        `estimate` is Pearson's r, with two arms the partial r given arm. Its interval is Fisher's
        (standard error 1/√(n − 3 − k) with k = 1 for the arm); `statistic`, `df` and
        `p_parametric` are those of its t, `p_permutation` is two-sided by permutation of the
        residuals (Freedman–Lane), which with one arm permutes the pairs. Flagged ``too-few``
        below :data:`FEWEST` participants.

    References
    ----------
    Fisher RA (1924), Metron 3:329–332 (partial correlations).
    """
    from scipy import stats

    n = len(change)
    if n < FEWEST:
        return untestable("too-few", f"{n} participants with both changes, {FEWEST} are needed")
    regressors = {"the change in mean FD": motion} | _given(treated, order)
    hindrance = obstacle(("the change in connectivity", change), regressors)
    if hindrance is not None:
        return hindrance
    nuisance = np.column_stack([np.ones(n), *_given(treated, order).values()])
    test = freedman_lane_test(change, motion, nuisance, permutations=permutations, rng=rng)
    df, r = n - 1 - nuisance.shape[1], test.partial_r
    low = high = math.nan
    if abs(r) < 1 and df > 1:
        half = float(stats.norm.ppf(1 - alpha / 2)) / math.sqrt(df - 1)
        low, high = (math.tanh(math.atanh(r) + side * half) for side in (-1, 1))
    return Evidence(
        estimate=r,
        ci_low=low,
        ci_high=high,
        statistic=test.statistic,
        df=df,
        p_permutation=test.p,
        p_parametric=float(2 * stats.t.sf(abs(test.statistic), df)),
        permutations=test.permutations,
    )


def change_at_equal_motion(
    baseline: Floats,
    followup: Floats,
    motion: Floats,
    treated: Floats | None = None,
    order: Floats | None = None,
    *,
    alpha: float,
    permutations: int,
    rng: np.random.Generator,
) -> Evidence:
    """Estimate the change in connectivity beside the change in motion.

    Parameters
    ----------
    baseline, followup, motion : numpy.ndarray of shape (n,)
        Fisher z at both sessions and the change in mean FD (mm) of the same participants.
    treated : numpy.ndarray of shape (n,) or None
        1 in the ketamine arm, 0 in the control arm; None where there is one arm.
    order : numpy.ndarray of shape (n,) or None
        Of a crossover, 1 where ketamine came first and −1 where it came second.
    alpha : float
        The interval covers 1 − `alpha`.
    permutations : int
        Number of random orders, with two arms.
    rng : numpy.random.Generator
        Stream of this test.

    Returns
    -------
    Evidence
        With one arm the intercept of ``change ~ 1 + motion``: the change at no change in motion,
        an extrapolation where nobody moved as little as before. With two the coefficient of the
        arm in ``followup ~ 1 + arm + baseline + motion``. Its interval is the permutation test's,
        that of the intercept, which has no permutation p, HC3's; so are both `statistic` and
        `p_parametric`.
    """
    if treated is not None:
        return regression_evidence(
            ("connectivity at follow-up", followup),
            {
                "arm": treated,
                "connectivity at baseline": baseline,
                "the change in mean FD": motion,
            },
            alpha=alpha,
            permutations=permutations,
            rng=rng,
        )
    change = followup - baseline
    if len(change) < FEWEST:
        return untestable(
            "too-few", f"{len(change)} participants with both changes, {FEWEST} are needed"
        )
    others = {"the change in mean FD": motion} | _given(None, order)
    hindrance = obstacle(("the change in connectivity", change), others)
    if hindrance is not None:
        return hindrance
    nuisance = np.column_stack(list(others.values()))
    fit = hc3_coefficient(change, np.ones(len(change)), nuisance, alpha=alpha)
    return Evidence(
        estimate=fit.estimate,
        ci_low=fit.ci_low,
        ci_high=fit.ci_high,
        statistic=fit.statistic,
        df=fit.df,
        p_parametric=fit.p,
    )


def _changes_of(
    motion: pd.DataFrame,
    measure: str,
    design: Mapping[str, Any],
    *,
    seed: int,
    alpha: float,
    permutations: int,
) -> list[dict[str, Any]]:
    """Return the rows that say whether a measure of motion changed with treatment."""
    both = before_and_after(
        motion, measure, baseline=design["baseline"], followup=design["followup"]
    ).dropna()
    # healthy controls are in no contrast
    people_of = in_contrasts(design)
    both = both[both.index.isin(list(people_of))]
    arms = pd.Series([people_of[who] for who in both.index], dtype=object, index=both.index)
    groups: dict[str, Any] = {"change": arms.index}
    if design["kind"] == "parallel":
        groups["change"] = arms.index[arms.notna()]
        groups |= {
            f"change-{label}": arms.index[arms == role] for role, label in design["arms"].items()
        }
    if design["kind"] == "crossover":
        orders = pd.Series([design["sequences"].get(who) for who in both.index], index=both.index)
        groups["change"] = both.index[orders.isin([KETAMINE_FIRST, CONTROL_FIRST])]
    rows = []
    for test, people in groups.items():
        before, after = both.loc[people].to_numpy(dtype=np.float64).T
        treated = _treated(arms[people], design) if test == "change" else None
        rng = stream(seed, f"{measure}/{test}")
        drawn: dict[str, Any] = {"alpha": alpha, "permutations": permutations, "rng": rng}
        if len(people) < FEWEST:
            found = untestable("too-few", f"{len(people)} participants, {FEWEST} are needed")
        elif design["kind"] == "crossover":
            first = (_order(orders[people]) + 1) / 2
            found = (
                drug_difference(before, after, first, **drawn)
                if 2 <= first.sum() <= len(first) - 2
                else untestable(
                    "small-order", "an order of the drugs has fewer than 2 participants"
                )
            )
        elif treated is not None:
            found = adjusted_difference(before, after, treated, **drawn)
        else:
            found = mean_change(before, after, **drawn)
        if found.obstacle is not None:
            # the tests speak of connectivity, which this is not
            words = found.obstacle.replace("connectivity", MEASURES[measure])
            found = replace(found, obstacle=words)
        fires = CHANGED if test == "change" and measure == "mean_fd" else None
        key = {"measure": measure, "test": test}
        rows.append(_row(key, found, len(people), fires=fires, alpha=alpha))
    return rows


def _difference(motion: pd.DataFrame, measure: str, design: Mapping[str, Any]) -> pd.Series[float]:
    if measure not in motion:
        return pd.Series(dtype=np.float64)
    both = before_and_after(
        motion, measure, baseline=design["baseline"], followup=design["followup"]
    )
    return both["followup"] - both["baseline"]


def _treated(arms: pd.Series[Any], design: Mapping[str, Any]) -> Floats | None:
    if design["kind"] != "parallel":
        return None
    return np.asarray(arms == "ketamine", dtype=np.float64)


def _order(sequences: pd.Series[Any]) -> Floats:
    return np.where(sequences == KETAMINE_FIRST, 1.0, -1.0)


def _given(treated: Floats | None, order: Floats | None) -> dict[str, Floats]:
    sides = {"arm": treated, "the order of the drugs": order}
    return {name: values for name, values in sides.items() if values is not None}


def _row(
    key: Mapping[str, str],
    found: Evidence,
    n: int,
    *,
    fires: str | None = None,
    alpha: float = 0.0,
) -> dict[str, Any]:
    gate = None
    if fires is not None and found.obstacle is None:
        gate = fires if found.p_permutation < alpha else SILENT
    numbers = {name: getattr(found, name) for name in MOTION_NUMBERS if name != "n"}
    return {**key, **numbers, "n": n, "gate": gate, "reason": found.obstacle}
