"""Group maps: enhancement, the arrangements of the primary tests, corrected p and their tail."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from made_models import model_like
from scipy import ndimage, stats

from ketfc.inference.core.maxt import freedman_lane_family, sign_flip_family
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.fit import evidence_of
from ketfc.inference.design.model import Model
from ketfc.inference.maps.enhancement import Box, MapTest, largest_p, map_test
from ketfc.inference.maps.tail import fit_tail

ONE = np.ones((1, 1, 1), dtype=bool)


def enhanced(volume: np.ndarray) -> np.ndarray:
    """All voxels of a volume, enhanced."""
    places = np.arange(volume.size)
    values = volume.ravel(order="F").astype(np.float32)[np.newaxis]
    found = Box.around(places, volume.shape).enhance(values)[0]
    return found.reshape(volume.shape, order="F")


def test_enhancement_has_its_golden_values():
    cube = np.zeros((7, 6, 5))
    cube[2:5, 1:4, 1:4] = 3.0
    found = enhanced(cube)
    assert found[cube > 0] == pytest.approx(np.sqrt(27) * 9, rel=1e-6)  # 46.7654
    assert (found[cube == 0] == 0).all()
    diagonal = np.zeros((4, 5, 6))
    diagonal[1, 2, 3] = diagonal[2, 3, 4] = 2.0
    # 8/3 by faces alone: neighbours of a corner count
    assert enhanced(diagonal)[1, 2, 3] == pytest.approx(3.7712, abs=1e-4)
    assert enhanced(-diagonal)[2, 3, 4] == pytest.approx(-3.7712, abs=1e-4)


def test_values_are_enhanced_where_they_lie():
    rng = np.random.default_rng(1)
    volume = ndimage.gaussian_filter(rng.normal(size=(9, 7, 8)), 1.0)
    mask = rng.random(volume.shape) < 0.6
    mask[0] = mask[:, :, -1] = False
    places = np.flatnonzero(mask.ravel(order="F"))
    values = volume.ravel(order="F")[places]
    pair = np.stack([values, -2 * values]).astype(np.float32)
    found = Box.around(places, mask.shape).enhance(pair)
    whole = enhanced(np.where(mask, volume, 0.0))
    assert found[0] == pytest.approx(whole.ravel(order="F")[places], rel=1e-5)
    assert found[1] == pytest.approx(-8 * found[0], rel=1e-5)  # height to the third power


def connections(kind: str, n: int, voxels: int, seed: int) -> tuple[Model, list[Model]]:
    """A model of many voxels, and the models of each of them."""
    rng = np.random.default_rng(seed)
    before, after = rng.normal(size=(2, n, voxels))
    treated = (rng.permutation(n) < n // 3).astype(float)
    sites = rng.integers(0, 2, n)
    score = {
        "si_baseline": rng.integers(10, 30, n).astype(float),
        "si_followup": rng.integers(0, 25, n).astype(float),
    }
    about: dict[str, dict] = {
        "one arm": {},
        "two arms": {"treated": treated},
        "two arms, sites": {
            "treated": treated,
            "covariates": {"age": rng.normal(size=n), "site": sites.astype(float)},
            "blocks": sites,
        },
        "crossover": {"first": treated},
        "association": score,
        "association, two arms, sites": {
            **score,
            "treated": treated,
            "covariates": {"site": sites.astype(float)},
            "blocks": 2 * sites + treated.astype(int),
        },
    }
    question = "association" if kind.startswith("association") else "change"
    if kind == "two arms":
        # by what two arms of three participants beside two columns of nuisance leave
        after[:, 0] += treated
    many = model_like(question, before, after, **about[kind])
    return many, [
        model_like(question, before[:, i], after[:, i], **about[kind]) for i in range(voxels)
    ]


KINDS = (
    "one arm",
    "two arms",
    "two arms, sites",
    "crossover",
    "association",
    "association, two arms, sites",
)


@pytest.mark.parametrize(("kind", "n"), [*product(KINDS, (13,)), ("one arm", 7), ("crossover", 6)])
def test_a_single_voxel_has_the_p_of_the_primary_test(kind, n):
    for seed in range(6):
        model, (alone,) = connections(kind, n, 1, seed)
        drawn = {"permutations": 799}
        found = map_test(model, ONE, rng=stream(seed, "a"), **drawn)
        primary = evidence_of(alone, alpha=0.05, rng=stream(seed, "a"), **drawn)
        assert found.p_tfce.tolist() == found.p_t.tolist() == [primary.p_permutation]
        assert found.t[0] == pytest.approx(primary.statistic, abs=1e-9)
        assert found.df[0] == pytest.approx(primary.df, abs=1e-9)
        assert found.estimate[0] == pytest.approx(primary.estimate, abs=1e-9)
        assert found.permutations == primary.permutations
        assert found.exhaustive == ("exhaustive" in primary.flags)


@pytest.mark.parametrize("kind", KINDS)
def test_every_voxel_has_the_t_of_the_primary_test_and_the_family_its_largest_t(kind):
    model, alone = connections(kind, 11, 10, 3)
    mask = np.zeros((4, 3, 2), dtype=bool)
    mask.ravel()[:10] = True
    found = map_test(model, mask, permutations=499, rng=stream(1, "b"))
    for i, one in enumerate(alone):
        primary = evidence_of(one, alpha=0.05, permutations=100, rng=stream(1, "c"))
        assert found.t[i] == pytest.approx(primary.statistic, abs=1e-9)
        assert found.df[i] == pytest.approx(primary.df, abs=1e-9)
        assert found.estimate[i] == pytest.approx(primary.estimate, abs=1e-9)
    drawn = {"permutations": 499, "rng": stream(1, "b")}
    if model.term is None:
        family = sign_flip_family(model.response[1], **drawn)
    else:
        outcome, tested, *others = model.response[1], model.tested, *model.nuisance.values()
        own = [column for column in others if column.ndim == 2]
        shared = [np.ones(model.n), *(column for column in others if column.ndim == 1)]
        family = freedman_lane_family(
            outcome,
            tested,
            np.column_stack(shared),
            own_nuisance=own[0] if own else None,
            blocks=model.blocks,
            groups=model.variance_groups,
            by_ranks=model.by_ranks,
            **drawn,
        )
    assert found.p_t == pytest.approx(family.p_fwer, abs=1e-12)
    # otherwise the enhanced values would not be looked at
    assert found.p_tfce.tolist() != found.p_t.tolist()


def test_arms_too_small_for_a_variance_of_their_own_share_one():
    rng = np.random.default_rng(5)
    before, after = rng.normal(size=(2, 9, 40))
    treated = np.array([0, 0, 1, 0, 0, 1, 0, 0, 0.0])
    # a voxel's own baseline takes what two participants have left, or does not
    before[treated == 1, :20] = before[treated == 1, :20].mean(axis=0)
    model = model_like("change", before, after, treated=treated)
    mask = np.ones((5, 4, 2), dtype=bool)
    found = map_test(model, mask, permutations=300, rng=stream(2, "small"))
    pooled = 0
    for i in range(40):
        one = model_like("change", before[:, i], after[:, i], treated=treated)
        primary = evidence_of(one, alpha=0.05, permutations=100, rng=stream(1, "c"))
        assert found.t[i] == pytest.approx(primary.statistic, abs=1e-9)
        assert found.df[i] == pytest.approx(primary.df, abs=1e-9)
        pooled += "pooled-variance" in primary.flags
    assert 0 < pooled < 40


def test_voxels_that_do_not_vary_are_no_part_of_the_map():
    model, _ = connections("two arms", 12, 6, 9)
    before = next(column for column in model.nuisance.values())
    before[:, 2] = 0.5
    model.response[1][:, 4] = 0.25
    found = map_test(model, np.ones((3, 2, 1), dtype=bool), permutations=50, rng=stream(1, "d"))
    assert found.kept.tolist() == [0, 1, 3, 5]
    one, _ = connections("one arm", 12, 3, 9)
    one.response[1][:, 1] = 0.0
    found = map_test(one, np.ones((3, 1, 1), dtype=bool), permutations=50, rng=stream(1, "d"))
    assert found.kept.tolist() == [0, 2]
    one.response[1][:] = 0.0
    found = map_test(one, np.ones((3, 1, 1), dtype=bool), permutations=50, rng=stream(1, "d"))
    assert len(found.kept) == 0
    assert found.smallest_p == 1


SIDE = 12
BLOB = (slice(7, 10), slice(2, 5), slice(5, 8))


def smooth(rng: np.random.Generator, n: int, side: int) -> np.ndarray:
    """Smooth noise of standard deviation 1 for n participants, shape (n, side³)."""
    field = ndimage.gaussian_filter(rng.normal(size=(n, side, side, side)), (0, 1, 1, 1))
    return (field / field.std()).reshape(n, -1, order="F")


@pytest.mark.parametrize("kind", ["change", "arms", "association"])
def test_a_planted_blob_is_found_at_its_place(kind):
    rng = np.random.default_rng(11)
    n = 18
    before, after = smooth(rng, n, SIDE), smooth(rng, n, SIDE)
    planted = np.zeros((SIDE, SIDE, SIDE))
    planted[BLOB] = 1.0
    planted = planted.ravel(order="F")
    treated = (rng.permutation(n) < 7).astype(float)
    rise = {"change": np.full(n, -2.0), "arms": 3 * treated, "association": rng.normal(0, 3, n)}
    after += np.outer(rise[kind], planted)
    about = {"treated": treated} if kind == "arms" else {}
    if kind == "association":
        baseline = rng.integers(15, 30, n).astype(float)
        about = {"si_baseline": baseline, "si_followup": baseline - 3 * rise[kind]}
    question = "association" if kind == "association" else "change"
    model = model_like(question, before, after, **about)
    mask = np.ones((SIDE, SIDE, SIDE), dtype=bool)
    found = map_test(model, mask, permutations=400, rng=stream(4, kind))
    survives = np.zeros(mask.size, dtype=bool)
    survives[found.kept] = found.p_tfce <= 0.05
    # threshold-free enhancement spreads into the skirts of a peak, not beyond them
    near = ndimage.binary_dilation(planted.reshape(mask.shape, order="F") > 0, iterations=2)
    assert survives[planted > 0].mean() > 0.7
    assert not survives[~near.ravel(order="F")].any()
    peak = np.argmax(np.abs(found.enhanced))
    assert planted[found.kept[peak]] == 1
    assert np.sign(found.t[peak]) == {"change": -1, "arms": 1, "association": -1}[kind]


def rejected(kind: str, studies: int, side: int = 6) -> int:
    """Count studies of null maps in which some voxel survives at .05."""
    count = 0
    mask = np.ones((side, side, side), dtype=bool)
    for study in range(studies):
        rng = np.random.default_rng([7, study])
        n = 14
        before, after = smooth(rng, n, side), smooth(rng, n, side)
        sites = np.arange(n) % 2
        about: dict = {}
        if kind.endswith("arms") or kind.startswith("arms"):
            treated = (rng.permutation(n) < 6).astype(float)
            about = {"treated": treated}
            # a trait: what is the same at both sessions
            after += 0.7 * before
        if kind.startswith("association"):
            about |= {
                "si_baseline": rng.integers(15, 30, n).astype(float),
                "si_followup": rng.integers(0, 20, n).astype(float),
            }
        if kind.endswith("sites"):
            after += np.outer(sites, np.ones(side**3)) * 2
            about |= {"covariates": {"site": sites.astype(float)}, "blocks": sites}
        question = "association" if kind.startswith("association") else "change"
        model = model_like(question, before, after, **about)
        found = map_test(model, mask, permutations=99, rng=stream(study, kind))
        count += found.smallest_p <= 0.05
    return count


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["change", "arms", "arms, sites", "association", "association, arms"]
)
def test_no_more_null_maps_than_alpha_have_a_surviving_voxel(kind):
    low, high = stats.binom.interval(0.99, 600, 0.05)
    assert low <= rejected(kind, 600) <= high


def test_the_tail_is_fitted_where_it_is_generalised_pareto():
    rng = np.random.default_rng(2)
    largest = rng.gumbel(20, 4, 500)
    tail = fit_tail(largest, stream(1, "tail"))
    assert tail is not None
    assert tail.share == pytest.approx(0.25)
    assert tail.shape <= 0
    far = 20 - 4 * np.log(-np.log(1 - np.array([1e-2, 1e-3, 1e-4])))
    counted = largest_p(far.astype(np.float32), largest, exhaustive=False)
    fitted = tail.p(far, counted)
    assert counted[-1] == pytest.approx(1 / 501)
    assert np.log10(fitted) == pytest.approx([-2, -3, -4], abs=0.6)
    assert (np.diff(fitted) < 0).all()
    # p that are not small stay counted
    assert tail.p(np.array([21.0]), np.array([0.4])).tolist() == [0.4]


def test_a_tail_that_is_nothing_like_one_is_not_fitted():
    lumps = np.repeat([1.0, 2.0, 8.0], [900, 60, 40]) + np.linspace(0, 0.001, 1000)
    assert fit_tail(lumps, stream(1, "tail")) is None
    assert fit_tail(np.arange(40.0), stream(1, "tail")) is None  # too few
    assert fit_tail(np.zeros(500), stream(1, "tail")) is None


def test_a_strong_effect_has_a_p_below_what_counting_allows():
    rng = np.random.default_rng(8)
    before, after = smooth(rng, 24, 6), smooth(rng, 24, 6)
    after[:, 80:90] += 3.0
    model = model_like("change", before, after)
    mask = np.ones((6, 6, 6), dtype=bool)

    def found(*, fitted_tail: bool) -> MapTest:
        rng = stream(1, "strong")
        return map_test(model, mask, permutations=400, rng=rng, fitted_tail=fitted_tail)

    counted, fitted = found(fitted_tail=False), found(fitted_tail=True)
    assert counted.tail is None
    assert fitted.tail is not None
    assert counted.smallest_p == 1 / 401
    assert 0 < fitted.smallest_p < 1 / 401
    large = counted.p_tfce >= 0.1
    assert fitted.p_tfce[large].tolist() == counted.p_tfce[large].tolist()
