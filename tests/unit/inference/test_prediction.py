"""Prediction of the outcome: honest on noise, closed to leaks, and as plain scikit-learn has it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_prediction import made, settings
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ketfc.inference.core.permutation import stream
from ketfc.inference.prediction.accuracy import (
    IN_THE_LARGE,
    RESAMPLES,
    SLOPE,
    calibration,
    groups_of,
    interval,
    measures,
    weights,
)
from ketfc.inference.prediction.fits import BOTH, CLINICAL, CONNECTIVITY, Fits
from ketfc.inference.prediction.permutations import beside, sequential_test
from ketfc.inference.prediction.pipelines import PENALTIES, SCREENED, SELECTED, pipeline
from ketfc.inference.prediction.sample import PredictionSample, edge_features, prediction_sample
from ketfc.inference.prediction.steps import SHARES
from ketfc.inference.prediction.table import EXPLORATORY, VALIDATED, corrected, prediction_tables
from ketfc.inference.prediction.validation import OutOfFold, Scheme, fewer, out_of_fold
from ketfc.study.config.analyses.prediction import Prediction
from ketfc.study.predicted import Target

KIT = Path(os.environ.get("KETFC_KIT", "/nowhere"))

JOBS = [
    ("circuits", "ridge", 6),
    ("circuits", "elastic-net", 6),
    ("matrix", "ridge", 300),
    ("matrix", "elastic-net", 300),
    ("matrix", "cpm", 300),
]


def scheme(sample: PredictionSample, repeats: int = 2) -> Scheme:
    return Scheme(5, repeats, sample.target.classes, sample.sites, 11)


def fits(sample: PredictionSample, features: str, model: str, repeats: int = 2) -> Fits:
    return Fits(sample, settings(features, model), scheme(sample, repeats))


# --- the same numbers as plain scikit-learn


@pytest.mark.parametrize("classes", [False, True])
def test_the_ridge_is_that_of_cross_val_predict(classes: bool) -> None:
    sample = made(3, signal=1.0, classes=classes)
    ours = fits(replace(sample, motion=np.empty((41, 0))), "circuits", "ridge")
    found = ours.predicted(CONNECTIVITY, sample.outcome)
    kind = StratifiedKFold if classes else KFold
    seeds = stream(11, "prediction/folds").integers(0, 2**31 - 1, 2)
    for row, seed in zip(found.predicted, seeds, strict=True):
        folds = kind(5, shuffle=True, random_state=int(seed))
        plain = cross_val_predict(
            make_pipeline(StandardScaler(), RidgeCV(PENALTIES)),
            sample.connectivity,
            sample.outcome,
            cv=folds.split(sample.connectivity, sample.outcome),
        )
        assert row == pytest.approx(np.clip(plain, 0.01, 0.99) if classes else plain)


def test_motion_and_missing_values_are_handled_as_a_plain_loop_does() -> None:
    sample = made(4, signal=1.0, motion=2.0)
    holes = sample.connectivity.copy()
    holes[[3, 17, 30], [0, 2, 2]] = np.nan
    sample = replace(sample, connectivity=holes)
    found = fits(sample, "circuits", "ridge", 1).predicted(CONNECTIVITY, sample.outcome)
    for train, test in scheme(sample, 1).divided(sample.outcome)[0]:
        mean = np.nanmean(holes[train], axis=0)
        x = np.where(np.isnan(holes), mean, holes)
        fit = LinearRegression().fit(sample.motion[train], x[train])
        x = x - fit.predict(sample.motion)
        x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
        ridge = RidgeCV(PENALTIES).fit(x[train], sample.outcome[train])
        assert found.predicted[0, test] == pytest.approx(ridge.predict(x[test]))


def test_turned_matrices_predict_what_the_edges_do() -> None:
    sample = made(5, columns=500, signal=2.0, motion=1.0)
    ours = fits(sample, "matrix", "ridge")
    assert ours.connectivity.shape == (41, 41)
    turned = ours.predicted(BOTH, sample.outcome).predicted
    ours.connectivity = sample.connectivity
    assert turned == pytest.approx(ours.predicted(BOTH, sample.outcome).predicted, abs=1e-8)


def test_cpm_is_that_of_a_plain_loop() -> None:
    from scipy.stats import pearsonr

    sample = made(6, columns=60, signal=1.5)
    sample = replace(sample, motion=np.empty((41, 0)))
    found = fits(sample, "matrix", "cpm", 1).predicted(CONNECTIVITY, sample.outcome)
    x, y, selected = sample.connectivity, sample.outcome, 0
    for train, test in scheme(sample, 1).divided(y)[0]:
        tests = [pearsonr(x[train, j], y[train]) for j in range(60)]
        up = [j for j, one in enumerate(tests) if one.pvalue < 0.01 and one.statistic > 0]
        down = [j for j, one in enumerate(tests) if one.pvalue < 0.01 and one.statistic < 0]
        strength = (x[:, up].sum(axis=1) - x[:, down].sum(axis=1))[:, np.newaxis]
        selected += len(up) + len(down)
        plain = LinearRegression().fit(strength[train], y[train]).predict(strength[test])
        assert found.predicted[0, test] == pytest.approx(plain)
    assert selected >= 5


def test_the_elastic_net_is_scikit_learns_with_the_penalty_of_an_inner_loop() -> None:
    sample = made(7, columns=250, signal=2.0)
    x, y = sample.connectivity, sample.outcome

    def prepared(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        steps = make_pipeline(SelectKBest(f_regression, k=200), StandardScaler())
        return steps.fit(x[train], y[train]).transform(x[train]), steps.transform(x[test])

    def predicted(train: np.ndarray, test: np.ndarray, share: float) -> np.ndarray:
        seen, new = prepared(train, test)
        largest = np.abs(seen.T @ (y[train] - y[train].mean())).max() / (len(train) * 0.5)
        net = SklearnElasticNet(alpha=share * largest, l1_ratio=0.5, tol=1e-8, max_iter=100_000)
        return net.fit(seen, y[train]).predict(new)

    model = pipeline("elastic-net", clinical=0, motion=0, matrix=True, connectivity=True)
    train, test = np.arange(30), np.arange(30, 41)
    shares = np.logspace(0, -2, 12)
    inner = list(KFold(5, shuffle=True, random_state=0).split(train))
    errors = [
        sum(((y[b] - predicted(a, b, share)) ** 2).sum() for a, b in inner) for share in shares
    ]
    best = shares[int(np.argmin(errors))]
    assert 0.01 < best < 1.0
    ours = model.fit(x[train], y[train]).predict(x[test])
    assert ours == pytest.approx(predicted(train, test, best), abs=0.02)


def test_measures_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(8)
    y = (rng.random(37) < 0.35).astype(float)
    p = np.clip(0.3 * y + rng.normal(0.3, 0.2, (3, 37)), 0.01, 0.99)
    p[:, :4] = 0.4  # ties
    expected = np.full((3, 37), y.mean())
    found = measures(y, OutOfFold(p, expected), np.ones((1, 37)), classes=True)
    assert found["auc"][0] == pytest.approx(np.mean([roc_auc_score(y, row) for row in p]))
    assert found["brier"][0] == pytest.approx(np.mean([brier_score_loss(y, row) for row in p]))
    balanced = [balanced_accuracy_score(y, row > y.mean()) for row in p]
    assert found["balanced accuracy"][0] == pytest.approx(np.mean(balanced))
    change = rng.normal(size=37) + p[0]
    found = measures(change, OutOfFold(p, np.full((3, 37), change.mean())), np.ones((1, 37)),
                     classes=False)  # fmt: skip
    assert found["r2"][0] == pytest.approx(np.mean([r2_score(change, row) for row in p]))
    assert found["r"][0] == pytest.approx(np.mean([np.corrcoef(change, row)[0, 1] for row in p]))


def test_a_weighted_sample_is_that_with_people_repeated() -> None:
    rng = np.random.default_rng(9)
    y = (rng.random(20) < 0.4).astype(float)
    found = OutOfFold(rng.random((2, 20)), np.full((2, 20), 0.4))
    times = weights(20, np.random.default_rng(1))[[5]]
    again = np.repeat(np.arange(20), times[0].astype(int))
    repeated = OutOfFold(found.predicted[:, again], found.expected[:, again])
    for classes in (True, False):
        weighted = measures(y, found, times, classes=classes)
        plain = measures(y[again], repeated, np.ones((1, 20)), classes=classes)
        assert {k: v[0] for k, v in weighted.items()} == pytest.approx(
            {k: v[0] for k, v in plain.items()}
        )


def test_calibration_finds_what_was_planted() -> None:
    rng = np.random.default_rng(10)
    logit = rng.normal(size=20_000)
    y = (rng.random(20_000) < 1 / (1 + np.exp(-(0.3 + 0.5 * logit)))).astype(float)
    said = 1 / (1 + np.exp(-logit))
    slope, (low, high) = calibration(y, said, classes=True, alpha=0.05)[SLOPE]
    assert low < 0.5 < high
    assert slope == pytest.approx(0.5, abs=0.05)
    change = 2 + 0.5 * said + rng.normal(0, 0.1, 20_000)
    found = calibration(change, said, classes=False, alpha=0.05)
    assert found[SLOPE][0] == pytest.approx(0.5, abs=0.02)
    assert found[IN_THE_LARGE][0] == pytest.approx((change - said).mean())
    # predictions that do not vary have no slope, and the same difference from the outcome
    for classes, one in ((False, change), (True, y)):
        flat = calibration(one, np.full(20_000, 0.4), classes=classes, alpha=0.05)
        assert np.isnan([flat[SLOPE][0], *flat[SLOPE][1]]).all()
    assert flat[IN_THE_LARGE][0] == pytest.approx(np.log(y.mean() / (1 - y.mean()) / (0.4 / 0.6)))
    against = np.array([0.9, 0.8, 0.2, 0.1])
    worst = calibration(np.array([0, 0, 1, 1.0]), against, classes=True, alpha=0.05)
    assert np.isnan(worst[SLOPE][0])
    apart = np.array([0.1, 0.2, 0.8, 0.9])
    assert np.isnan(
        calibration(np.array([0, 0, 1, 1.0]), apart, classes=True, alpha=0.05)[SLOPE][0]
    )


def test_an_interval_covers_the_accuracy_that_predictions_have() -> None:
    """With predictions given, r is that of the pairs: 95 % of intervals hold it."""
    rng = np.random.default_rng(12)
    hits = 0
    for _ in range(200):
        x = rng.normal(size=60)
        y = 0.5 * x + np.sqrt(0.75) * rng.normal(size=60)
        values = measures(y, OutOfFold(x[np.newaxis], np.zeros((1, 60))), weights(60, rng)[:601],
                          classes=False)["r"]  # fmt: skip
        low, high = np.quantile(values[1:], [0.025, 0.975])
        hits += low <= 0.5 <= high
    assert 0.89 <= hits / 200 <= 0.99


def test_an_interval_of_an_undefined_measure_is_missing() -> None:
    assert np.isnan(interval(np.full(2001, np.nan), 0.05)[0])


# --- leaks


@pytest.mark.parametrize(("features", "model", "columns"), JOBS)
@pytest.mark.parametrize("name", [CLINICAL, CONNECTIVITY, BOTH])
def test_nobody_is_predicted_from_their_own_outcome(
    features: str, model: str, columns: int, name: str
) -> None:
    """Whatever the outcomes of those left out are, the same is predicted of them."""
    sample = made(13, columns=columns, signal=1.0)
    ours = fits(sample, features, model, 1)
    divided = scheme(sample, 1).divided(sample.outcome)
    before = ours.predicted(name, sample.outcome, divided=divided).predicted[0]
    for fold in divided[0]:
        other = sample.outcome.copy()
        other[fold[1]] = other[fold[1]][::-1] * 5 + 3
        after = ours.predicted(name, other, divided=[[fold]]).predicted[0]
        assert after[fold[1]] == pytest.approx(before[fold[1]], abs=1e-9)


@pytest.mark.parametrize(("features", "model", "columns"), JOBS)
def test_nobody_is_predicted_from_others_who_were_left_out_too(
    features: str, model: str, columns: int
) -> None:
    """Neither means, scales, motion, selection nor turning know the features of the left out."""
    sample = made(14, columns=columns, signal=1.0)
    divided = scheme(sample, 1).divided(sample.outcome)
    before = fits(sample, features, model, 1).predicted(BOTH, sample.outcome, divided=divided)
    for fold in divided[0]:
        one, rest = fold[1][0], fold[1][1:]
        changed = [part.copy() for part in (sample.connectivity, sample.motion, sample.clinical)]
        for part in changed:
            part[rest] = 7 * part[rest] + 2
        names = ("connectivity", "motion", "clinical")
        other = replace(sample, **dict(zip(names, changed, strict=True)))
        after = fits(other, features, model, 1).predicted(BOTH, other.outcome, divided=[[fold]])
        assert after.predicted[0, one] == pytest.approx(before.predicted[0, one], abs=1e-6)


def cross_validated(model, x: np.ndarray, y: np.ndarray, seed: int) -> float:
    folds = KFold(5, shuffle=True, random_state=seed)
    said = cross_val_predict(model, x, y, cv=folds)
    return float(np.corrcoef(said, y)[0, 1])


def test_three_leaks_inflate_and_ours_does_not() -> None:
    """On noise: selection, scaling by the outcome, and people on both sides; each outside folds.

    Plain scaling outside is measured too: it hardly inflates, since it knows no outcome.
    """
    leaks: dict[str, list[float]] = {
        name: [] for name in ("selection", "scaling", "repeated", "plain scaling", "ours")
    }
    for seed in range(12):
        sample = made(100 + seed, n=40, columns=400)
        x, y = sample.connectivity, sample.outcome
        ridge = make_pipeline(StandardScaler(), Ridge(10.0))
        chosen = SelectKBest(f_regression, k=10).fit_transform(x, y)
        leaks["selection"].append(cross_validated(ridge, chosen, y, seed))
        r = np.array([np.corrcoef(column, y)[0, 1] for column in x.T])
        leaks["scaling"].append(cross_validated(Ridge(10.0), x * r**2 * 40, y, seed))
        twice = np.vstack([x, x + 0.3 * np.random.default_rng(seed).normal(size=x.shape)])
        leaks["repeated"].append(cross_validated(ridge, twice, np.tile(y, 2), seed))
        scaled = StandardScaler().fit_transform(x)
        leaks["plain scaling"].append(cross_validated(Ridge(10.0), scaled, y, seed))
        found = fits(sample, "matrix", "cpm", 1).predicted(CONNECTIVITY, y)
        leaks["ours"].append(float(np.corrcoef(found.predicted[0], y)[0, 1]))
    mean = {name: float(np.mean(each)) for name, each in leaks.items()}
    assert mean["selection"] > 0.5
    assert mean["scaling"] > 0.4
    assert mean["repeated"] > 0.5
    assert abs(mean["plain scaling"]) < 0.2
    assert abs(mean["ours"]) < 0.2


def test_the_config_knows_no_way_to_do_any_of_this_outside_the_folds() -> None:
    """Its keys say what is predicted and how often; none moves a step out of the pipeline."""
    assert set(Prediction.model_fields) == {
        *("outcome", "at", "arm", "features", "models", "clinical", "adjust_for_motion"),
        *("folds", "repeats", "site_folds", "permutations", "min_n"),
    }


def test_a_person_with_two_rows_is_refused() -> None:
    matrix = pd.DataFrame(np.eye(3), index=list("abc"), columns=list("abc"))
    with pytest.raises(ValueError, match="two matrices"):
        edge_features([("sub-1", "pre", matrix), ("sub-1", "pre", matrix)], role="pre")
    twice = pd.DataFrame({"a": [0.1, 0.2]}, index=["sub-1", "sub-1"])
    empty = pd.DataFrame()
    with pytest.raises(ValueError, match="two rows"):
        prediction_sample(twice, empty, empty, empty, None, settings())  # type: ignore[arg-type]


# --- noise and signal


@pytest.mark.parametrize("classes", [False, True])
def test_noise_is_predicted_at_chance(classes: bool) -> None:
    found = []
    for seed in range(25):
        sample = made(300 + seed, n=37, classes=classes)
        one = fits(sample, "circuits", "ridge", 1).predicted(CONNECTIVITY, sample.outcome)
        values = measures(sample.outcome, one, np.ones((1, 37)), classes=classes)
        found.append({metric: value[0] for metric, value in values.items()})
    mean = pd.DataFrame(found).mean()
    if classes:
        assert mean["balanced accuracy"] == pytest.approx(0.5, abs=0.05)
        assert mean["auc"] == pytest.approx(0.5, abs=0.07)
    else:
        assert -0.25 < mean["r2"] <= 0.02


@pytest.mark.slow
@pytest.mark.parametrize("classes", [False, True])
def test_p_of_noise_is_uniform(classes: bool) -> None:
    from scipy.stats import kstest

    values = []
    for seed in range(150):
        sample = made(1000 + seed, n=30, classes=classes)
        table = prediction_tables(
            replace(sample, clinical=np.empty((30, 0))),
            replace(settings(repeats=1, folds=4), seed=seed),
        ).accuracy
        values.append(float(table["p_permutation"].dropna().iloc[0]))
    assert kstest(values, "uniform").pvalue > 0.01
    assert 0.01 <= np.mean(np.array(values) <= 0.05) <= 0.11


def test_p_of_what_connectivity_adds_holds_its_level_where_clinical_predictors_work() -> None:
    """The clinical model predicts, connectivity goes with its predictor and adds nothing."""
    small = []
    for seed in range(20):
        sample = made(500 + seed, n=30, clinical=1.5)
        tied = sample.connectivity + sample.clinical[:, [0]]
        sample = replace(sample, connectivity=tied, motion=np.empty((30, 0)))
        ours = fits(sample, "circuits", "ridge", 1)
        fitted, residual = beside(tied, sample.clinical)
        p, _ = sequential_test(
            ours.tested(BOTH, sample.outcome),
            lambda order, o=ours, f=fitted, r=residual, y=sample.outcome: o.tested(
                BOTH, y, brain=f + r[order]
            ),
            sample.blocks,
            permutations=39,
            seed=seed,
            name="adds",
        )
        small.append(p <= 0.1)
    assert np.mean(small) <= 0.3


@pytest.mark.parametrize(("features", "model", "columns"), JOBS)
def test_a_planted_signal_is_found(features: str, model: str, columns: int) -> None:
    sample = made(21, n=60, columns=columns, signal=3.0)
    if (features, model) == ("matrix", "ridge"):
        # a ridge of many edges finds what many edges carry
        shared = np.random.default_rng(1).normal(size=(60, 1))
        sample = replace(
            sample, connectivity=sample.connectivity + shared, outcome=2 * shared[:, 0]
            + np.random.default_rng(2).normal(size=60),
        )  # fmt: skip
    ours = fits(sample, features, model, 1)
    observed = ours.tested(CONNECTIVITY, sample.outcome)
    assert observed > 0.1
    rng = np.random.default_rng(3)
    null = [ours.tested(CONNECTIVITY, rng.permutation(sample.outcome)) for _ in range(9)]
    assert observed > max(null)


def test_tables_tell_signal_and_what_it_adds() -> None:
    sample = made(22, n=50, signal=1.5, clinical=1.0)
    tables = prediction_tables(sample, settings())
    tested = tables.accuracy[tables.accuracy["metric"] == "r2"].set_index("predictors")
    assert tested.loc[CONNECTIVITY, "p_permutation"] <= 2 / 101
    assert tested.loc[BOTH, "p_difference"] <= 2 / 101
    assert tested.loc[BOTH, "difference_ci_low"] > 0
    gain = tested.loc[BOTH, "estimate"] - tested.loc[CLINICAL, "estimate"]
    assert tested.loc[BOTH, "difference"] == pytest.approx(gain)
    assert (tables.accuracy["ci_low"] <= tables.accuracy["estimate"] + 1e-9).all()
    assert set(tables.accuracy["label"]) == {EXPLORATORY}
    assert set(tables.accuracy["n_excluded"]) == {1}
    said = tables.out_of_fold[tables.out_of_fold["predictors"] == BOTH]
    assert said["observed"].to_numpy() == pytest.approx(sample.outcome)
    assert said["participant_id"].is_unique
    learning = tables.curves[
        (tables.curves["curve"] == "learning") & (tables.curves["predictors"] == CONNECTIVITY)
    ]
    assert learning["x"].tolist() == pytest.approx([16, 22, 28, 34, 40])
    # the whole of the training participants is the prediction itself
    assert learning["y"].iloc[-1] == pytest.approx(tested.loc[CONNECTIVITY, "estimate"])
    assert learning["y"].iloc[-1] > learning["y"].iloc[0]
    assert prediction_tables(sample, settings()).accuracy.equals(tables.accuracy)


def test_classes_have_their_measures_and_a_curve() -> None:
    tables = prediction_tables(
        made(23, n=50, signal=2.0, classes=True), settings(outcome="response")
    )
    assert set(tables.accuracy["metric"]) == {
        *("auc", "balanced accuracy", "brier", "brier skill"),
        *(IN_THE_LARGE, SLOPE),
    }
    assert tables.accuracy["n_with"].unique().tolist() == [20]
    roc = tables.curves[(tables.curves["curve"] == "roc") & (tables.curves["predictors"] == BOTH)]
    assert roc[["x", "y"]].iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    groups = tables.curves[tables.curves["curve"] == "calibration"]
    assert groups.groupby("predictors")["n"].sum().unique().tolist() == [50]


def test_a_prediction_is_more_than_exploratory_with_many_and_a_lock_alone() -> None:
    few = made(24, n=60)
    many = made(24, n=120)
    asked = settings(permutations=100, repeats=1, folds=2)
    asked = replace(asked, about=asked.about.model_copy(update={"min_n": 100}))
    for sample, locked, label in (
        (few, True, EXPLORATORY),
        (many, False, EXPLORATORY),
        (many, True, VALIDATED),
    ):
        table = prediction_tables(sample, replace(asked, preregistered=locked)).accuracy
        assert set(table["label"]) == {label}


def test_without_enough_people_the_reason_stands_in_the_table() -> None:
    tables = prediction_tables(made(25, n=8), settings())
    assert tables.accuracy["reason"].tolist() == [
        "8 participants to be predicted, at least 10 are needed"
    ]
    assert len(tables.curves) == len(tables.out_of_fold) == 0


def test_without_connectivity_or_with_one_class_left_the_reason_stands_there_too() -> None:
    sample = replace(made(25, n=20), connectivity=np.empty((20, 0)))
    assert prediction_tables(sample, settings()).accuracy["reason"].tolist() == [
        "no connectivity that all of them have"
    ]
    sites = np.array(["a"] * 10 + ["b"] * 10)
    # without a everybody has the outcome
    outcome = np.r_[np.tile([0.0, 1.0], 5), np.ones(10)]
    classes = replace(made(25, n=20, classes=True), outcome=outcome, sites=sites)
    asked = settings(outcome="response", **{"site-folds": True})
    accuracy = prediction_tables(classes, asked).accuracy
    assert accuracy["reason"].tolist() == [
        "without one of the sites everybody has the same response"
    ]
    about = {"outcome": "response", "role": "post", "arm": "all", "features": "circuits"}
    about |= {"model": "ridge", "n": 20, "n_with": 15, "n_features": 6, "n_excluded": 1}
    assert accuracy.iloc[0][list(about)].to_dict() == about


def test_what_a_net_cannot_learn_from_is_predicted_by_the_mean() -> None:
    model = pipeline("elastic-net", clinical=0, motion=0, matrix=True, connectivity=True)
    x = np.random.default_rng(3).normal(size=(12, 4))
    fitted = model.fit(x, np.full(12, 2.5))
    assert fitted.predict(x) == pytest.approx(np.full(12, 2.5))
    assert fitted.coef_.tolist() == [0.0] * 4


def test_what_is_said_of_the_models_is_what_they_do() -> None:
    assert (SCREENED, SELECTED) == (200, 0.01)
    assert (PENALTIES[0], PENALTIES[-1], len(PENALTIES)) == (1e-3, 1e5, 17)
    assert (SHARES[0], SHARES[-1], len(SHARES)) == (1.0, 0.01, 12)
    assert RESAMPLES == 2000
    drawn = weights(9, np.random.default_rng(1))
    assert drawn.shape == (2001, 9)
    assert (drawn.sum(axis=1) == 9).all()
    assert drawn[0].tolist() == [1.0] * 9


def test_an_interval_needs_half_of_its_samples() -> None:
    values = np.r_[0.5, np.linspace(0, 1, 1000), np.full(1000, np.nan)]
    assert interval(values, 0.1) == pytest.approx((0.05, 0.95))
    values[1] = np.nan
    assert np.isnan(interval(values, 0.1)).all()
    values[:2] = np.nan, 0.0
    assert np.isnan(interval(values, 0.1)).all()


@pytest.mark.parametrize(
    ("n", "sizes"), [(4, [4]), (9, [9]), (10, [5, 5]), (27, [6, 6, 5, 5, 5]), (60, [12] * 5)]
)
def test_groups_of_similar_predictions_have_five_people_or_more(n, sizes) -> None:
    said = np.random.default_rng(n).normal(size=n)
    found = groups_of(said)
    assert [len(places) for places in found] == sizes
    assert np.concatenate(found).tolist() == np.argsort(said).tolist()


def test_holm_corrects_over_features_and_models() -> None:
    one = prediction_tables(made(26, n=30), settings(repeats=1)).accuracy
    tested = one["metric"] == "r2"
    tables = []
    for model, p in (("ridge", 0.03), ("elastic-net", 0.01), ("cpm", 0.02)):
        table = one.assign(model=model)
        table.loc[tested & (table["predictors"] == CONNECTIVITY), "p_permutation"] = p
        table.loc[tested & (table["predictors"] == BOTH), "p_difference"] = 10 * p
        tables.append(table)
    table = corrected(tables)
    own = table[table["metric"] == "r2"].set_index(["predictors", "model"])["p_holm"]
    assert own[CONNECTIVITY].to_dict() == pytest.approx(
        {"ridge": 0.04, "elastic-net": 0.03, "cpm": 0.04}
    )
    assert own[BOTH].to_dict() == pytest.approx({"ridge": 0.4, "elastic-net": 0.3, "cpm": 0.4})
    assert own[CLINICAL].isna().all()
    assert table.loc[table["metric"] != "r2", "p_holm"].isna().all()


# --- folds and permutations


def test_sites_are_folds_where_this_is_asked() -> None:
    sample = made(28, n=30)
    sites = np.array(["b", "a", "c", "a", "b"] * 6)
    divided = replace(scheme(sample), sites=sites).divided(sample.outcome)
    assert len(divided) == 1
    assert sorted({site for _, test in divided[0] for site in set(sites[test])}) == ["a", "b", "c"]
    for train, test in divided[0]:
        assert len(set(sites[test])) == 1
        assert not set(sites[test]) & set(sites[train])


def test_in_a_repeat_everybody_is_left_out_once_and_classes_are_spread() -> None:
    sample = made(29, n=43, classes=True)
    for folds in scheme(sample, 3).divided(sample.outcome):
        assert sorted(np.concatenate([test for _, test in folds])) == list(range(43))
        shares = [sample.outcome[test].sum() for _, test in folds]
        assert max(shares) - min(shares) <= 1


def test_fewer_keeps_test_people_and_a_share_of_each_class() -> None:
    sample = made(30, n=50, classes=True)
    divided = scheme(sample, 1).divided(sample.outcome)
    rng = np.random.default_rng(1)
    cut = fewer(divided, sample.outcome, 0.5, classes=True, rng=rng)
    for (train, test), (less, same) in zip(divided[0], cut[0], strict=True):
        assert same.tolist() == test.tolist()
        assert set(less) < set(train)
        assert sample.outcome[less].sum() == round(0.5 * sample.outcome[train].sum())


def test_permutations_stay_in_their_blocks_and_end_with_the_tenth_that_reaches() -> None:
    blocks = np.array([0, 1, 0, 2, 1, 0, 2])
    seen: list[np.ndarray] = []

    def statistic(order: np.ndarray) -> float:
        seen.append(order)
        return float(len(seen) % 3 == 0)

    about = {"permutations": 100, "seed": 1, "name": "t"}
    p, drawn = sequential_test(1.0, statistic, blocks, **about)
    assert (p, drawn) == (10 / 30, 30)
    assert all((blocks[order] == blocks).all() for order in seen)
    assert len({tuple(order) for order in seen}) > 10
    p, drawn = sequential_test(2.0, statistic, blocks, **about)
    assert (p, drawn) == (1 / 101, 100)


def test_what_is_left_beside_the_clinical_predictors_knows_nothing_of_them() -> None:
    sample = made(31)
    tied = sample.connectivity + sample.clinical[:, [0]]
    fitted, residual = beside(tied, sample.clinical)
    assert fitted + residual == pytest.approx(tied)
    assert residual.T @ sample.clinical == pytest.approx(np.zeros((6, 2)), abs=1e-9)


# --- a real null


@pytest.fixture(scope="module")
def real() -> PredictionSample:
    """Baseline matrices of the STAGES trial, and the change in symptoms until timepoint 4."""
    folder = KIT / "series/stages"
    if not folder.is_dir():
        pytest.skip("KETFC_KIT is not set")
    scores = pd.read_csv(folder / "clinical/bprs_change_scores.txt", sep="\t")
    change = scores[scores["timepoint"] == 4].set_index("BIDS_ID")["outcome"].sort_index()
    rows: dict[str, np.ndarray] = {}
    with np.load(next(folder.glob("*.npz"))) as series:
        for who in change.index:
            if f"{who}_ses-1" in series:
                values = series[f"{who}_ses-1"]
                values = values if values.shape[0] == 419 else values.T
                with np.errstate(invalid="ignore", divide="ignore"):
                    r = np.corrcoef(values[:400])
                rows[who] = np.arctanh(r[np.triu_indices(400, k=1)])
    people = list(rows)
    edges = np.vstack(list(rows.values()))
    n = len(people)
    return PredictionSample(
        target=Target("change", "pre", "change", None),
        people=people,
        outcome=change[people].to_numpy(dtype=float),
        connectivity=edges[:, np.isfinite(edges).all(axis=0)],
        motion=np.empty((n, 0)),
        clinical=np.empty((n, 0)),
        names={"connectivity": [], "clinical": []},
        blocks=np.zeros(n, dtype=np.int64),
        sites=None,
        left_out={},
    )


def test_a_real_trial_gives_an_honest_null(real: PredictionSample) -> None:
    found = prediction_tables(real, settings("matrix", "ridge", repeats=4)).accuracy
    tested = found[found["metric"] == "r2"].iloc[0]
    assert tested["n"] == len(real.people) > 35
    assert tested["n_features"] > 50_000
    assert tested["estimate"] < 0.05
    assert tested["p_permutation"] > 0.05
    assert tested["label"] == EXPLORATORY


def test_the_same_trial_looks_predictable_with_edges_selected_outside(
    real: PredictionSample,
) -> None:
    chosen = SelectKBest(f_regression, k=100).fit_transform(real.connectivity, real.outcome)
    ridge = make_pipeline(StandardScaler(), RidgeCV(PENALTIES))
    assert cross_validated(ridge, chosen, real.outcome, 0) > 0.5
    model = pipeline("cpm", clinical=0, motion=0, matrix=True, connectivity=True)
    divided = replace(scheme(real, 1), seed=1).divided(real.outcome)
    ours = out_of_fold(lambda: model, real.connectivity, real.outcome, divided, classes=False)
    assert np.corrcoef(ours.predicted[0], real.outcome)[0, 1] < 0.3
