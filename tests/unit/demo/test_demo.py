from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ketfc.base.files import read_tsv
from ketfc.demo import bold as demo_bold
from ketfc.demo import confounds as demo_confounds
from ketfc.demo import head as demo_head
from ketfc.demo import run as demo_run
from ketfc.demo import signals as demo_signals
from ketfc.demo import study as demo
from ketfc.imaging.regions.registry import load_registry

SEED = 20251122
SEEDS = (SEED, *range(12))
REPOSITORY = Path(__file__).resolve().parents[3]
REGISTRY = load_registry(REPOSITORY / "atlases" / "circuits.yaml")
REGIONS = [
    (region.id, [(s.centre, s.radius) for s in region.spheres_in(demo.SPACE)])
    for region in REGISTRY.used_regions
    if region.id in demo.REGIONS
]
N_VOLUMES = 120


@pytest.fixture(scope="module")
def head() -> dict[str, object]:
    """An egg for a brain on the demo's grid: cortex outside, white matter, a ventricle inside."""
    index = np.stack(np.meshgrid(*map(np.arange, demo_run.DEMO_SHAPE), indexing="ij"), axis=-1)
    world = index @ demo_run.DEMO_AFFINE[:3, :3].T + demo_run.DEMO_AFFINE[:3, 3]

    def egg(centre: tuple[float, ...], axes: tuple[float, ...]) -> np.ndarray:
        return (((world - np.asarray(centre)) / axes) ** 2).sum(axis=-1)

    radius = egg((0, -18, 8), (70, 88, 68))
    ventricle = egg((0, -5, 18), (22, 30, 12)) < 1
    brain = radius < 1
    grey = brain & (radius > 0.5)
    octant = sum((world[..., axis] > 0) * 2**axis for axis in range(3))
    return {
        "regions": REGIONS,
        "labels": np.where(grey, octant + 1, 0).astype(np.int16),
        "networks": ["one", "one", "two", "two", "three", "three", "four", "four"],
        "brain_mask": brain,
        "gm": grey,
        "wm": brain & ~grey & ~ventricle,
    }


@pytest.fixture(scope="module")
def study(tmp_path_factory, head) -> Path:
    """The first participant's first run, and the run in which the head moves too much."""
    out = tmp_path_factory.mktemp("study")
    moving = next(p for p in demo.demo_participants(SEED) if p.heavy_motion)
    for participant, session in (demo.demo_runs(SEED)[0], (moving.id, moving.heavy_motion)):
        demo_run.write_run(out, participant, session, seed=SEED, n_volumes=N_VOLUMES, **head)
    return out


@pytest.fixture(scope="module")
def func(study) -> Path:
    return study / "sub-01" / "ses-pre" / "func"


@pytest.fixture(scope="module")
def bold(func):
    return nib.load(
        func / "sub-01_ses-pre_task-rest_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"
    )


@pytest.fixture(scope="module")
def mask(func) -> np.ndarray:
    name = "sub-01_ses-pre_task-rest_space-MNI152NLin2009cAsym_desc-brain_mask.nii.gz"
    return np.asanyarray(nib.load(func / name).dataobj) > 0


@pytest.fixture(scope="module")
def confounds(func) -> pd.DataFrame:
    path = func / "sub-01_ses-pre_task-rest_desc-confounds_timeseries.tsv"
    return pd.read_csv(path, sep="\t")


@pytest.fixture(scope="module")
def metadata(func) -> dict:
    path = func / "sub-01_ses-pre_task-rest_desc-confounds_timeseries.json"
    return json.loads(path.read_text())


# --- who takes part ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_there_are_two_arms_of_eight_and_three_special_participants(seed):
    people = demo.demo_participants(seed)
    assert [p.id for p in people] == [f"sub-{n:02d}" for n in range(1, 17)]
    assert sorted(p.arm for p in people) == ["ketamine"] * 8 + ["midazolam"] * 8
    moving = [p for p in people if p.heavy_motion == "post"]
    unseen = [p for p in people if p.sessions == ("pre",)]
    unscored = [p for p in people if p.ssi["post"] is None]
    assert [len(moving), len(unseen), len(unscored)] == [1, 1, 1]
    assert {p.arm for p in moving + unseen} == {"midazolam"}
    assert unscored[0].arm == "ketamine"
    assert len({p.id for p in moving + unseen + unscored}) == 3
    assert len(demo.demo_runs(seed)) == 31


@pytest.mark.parametrize("seed", SEEDS)
def test_every_score_is_within_its_instruments_range(seed):
    for person, session in product(demo.demo_participants(seed), demo.SESSIONS):
        ssi = person.ssi[session]
        madrs, item = person.madrs[session], person.madrs_10[session]
        assert ssi is None or 0 <= ssi <= 38
        assert 0 <= item <= 6
        # the other nine items
        assert 0 <= madrs - item <= 54
        assert person.ssi["pre"] >= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_suicidal_ideation_falls_in_proportion_to_the_planted_rise(seed):
    scored = [p for p in demo.demo_participants(seed) if p.ssi["post"] is not None]
    falls = np.array([p.ssi["pre"] - p.ssi["post"] for p in scored])
    rises = np.array([p.rise for p in scored])
    assert np.abs(falls - demo.SSI_FALL_PER_Z * rises).max() < 4
    treated = np.array([p.arm == demo.KETAMINE for p in scored])
    assert 0.3 <= rises[treated].min() < 0.45
    assert 0.85 < rises[treated].max() <= 1
    assert np.abs(rises[~treated]).max() <= 0.25
    assert abs(rises[~treated].mean()) < 0.05
    assert falls[~treated].mean() < 4 < falls[treated].mean()


def test_the_same_seed_gives_the_same_study_and_another_seed_another():
    assert demo.demo_participants(SEED) == demo.demo_participants(SEED)
    assert demo.demo_participants(SEED) != demo.demo_participants(SEED + 1)


def test_the_runs_can_be_listed_without_heavy_imports():
    code = (
        "import sys, ketfc.demo.study as demo; demo.demo_runs(1);"
        "print([m for m in ('pandas', 'scipy', 'nibabel', 'nilearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_tables_say_who_took_part_and_what_is_missing(tmp_path):
    demo.write_tables(tmp_path, seed=SEED, truth=tmp_path / "truth.json")
    numbers = ("age", "SSI_ses-pre", "SSI_ses-post", "MADRS_ses-pre", "MADRS_10_ses-post")
    table = read_tsv(tmp_path / "participants.tsv", numeric=numbers)
    people = demo.demo_participants(SEED)
    assert list(table["participant_id"]) == [p.id for p in people]
    assert list(table["arm"]) == [p.arm for p in people]
    unscored = next(p for p in people if p.ssi["post"] is None)
    missing = table.loc[table["SSI_ses-post"].isna(), "participant_id"]
    assert list(missing) == [unscored.id]
    assert "\tn/a\t" in (tmp_path / "participants.tsv").read_text()
    dictionary = json.loads((tmp_path / "participants.json").read_text())
    assert set(dictionary) == set(table.columns) - {"participant_id"}
    description = json.loads((tmp_path / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0] == {
        "Name": "fMRIPrep",
        "Version": "24.1.1",
        "Description": "simulated output",
    }


def test_the_truth_names_the_planted_changes_and_the_special_participants(tmp_path):
    demo.write_tables(tmp_path, seed=SEED, truth=tmp_path / "truth.json")
    truth = json.loads((tmp_path / "truth.json").read_text())
    changed = {
        circuit
        for circuit, by_arm in truth["expected_change_z"].items()
        if any(value != 0 for value in by_arm.values())
    }
    assert changed == {"sgacc-rlpfc", "amygdala-dacc"}
    assert 0.55 < truth["expected_change_z"]["sgacc-rlpfc"]["ketamine"] < 0.75
    assert truth["map"]["seed"] in demo.REGIONS
    assert truth["map"]["expected_change_z"] == {"ketamine": 0.8, "midazolam": 0.0}
    people = {p.id: p for p in demo.demo_participants(SEED)}
    (moving, session) = truth["special"]["heavy-motion"][0]
    assert people[moving].heavy_motion == session
    assert list(truth["participants"]) == list(people)
    post = truth["participants"]["sub-02"]["z"]["post"]
    expected = demo.planted_circuits(people["sub-02"], "post", seed=SEED)
    assert post == pytest.approx(expected, abs=1e-6)


# --- what is planted -----------------------------------------------------------------------------


def test_the_planted_circuits_are_those_of_the_registry():
    # sensitivity and control circuits have no signal of their own
    assert {name: REGISTRY.circuits[name].edges for name in demo.CIRCUITS} == dict(demo.CIRCUITS)
    assert {c.id for c in REGISTRY.circuits.values() if c.primary} < set(demo.CIRCUITS)


@pytest.mark.parametrize("seed", SEEDS)
def test_only_the_planted_circuits_change_on_average(seed):
    change: dict[tuple[str, str], list[float]] = {}
    for person in demo.demo_participants(seed):
        pre, post = (demo.planted_circuits(person, s, seed=seed) for s in demo.SESSIONS)
        for circuit in demo.CIRCUITS:
            change.setdefault((circuit, person.arm), []).append(post[circuit] - pre[circuit])
    means = {key: float(np.mean(values)) for key, values in change.items()}
    assert means.pop(("sgacc-rlpfc", "ketamine")) == pytest.approx(0.65, abs=0.1)
    assert means.pop(("amygdala-dacc", "ketamine")) == pytest.approx(-0.5, abs=0.1)
    assert max(map(abs, means.values())) < 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_the_planted_correlations_can_hold_together(seed):
    names = [name for name, _ in REGIONS]
    for person in demo.demo_participants(seed):
        for session in person.sessions:
            edges = demo.planted_edges(person, session, seed=seed)
            matrix = demo.planted_correlation(names, edges)
            assert np.linalg.eigvalsh(matrix).min() > 0.02


def test_the_noise_free_signals_have_exactly_the_planted_connectivity():
    person = demo.demo_participants(SEED)[0]
    names = [name for name, _ in REGIONS]
    series = demo_bold.region_series(person, "post", seed=SEED, names=names, n_volumes=160)
    z = np.arctanh(np.corrcoef(series) - np.eye(len(names)))
    planted = demo.planted_edges(person, "post", seed=SEED)
    for (a, b), value in planted.items():
        assert z[names.index(a), names.index(b)] == pytest.approx(value, abs=1e-9)


def test_the_effect_of_the_map_is_planted_exactly_and_where_no_circuit_is(head):
    placed = demo_head.place_signals(
        head["regions"], head["labels"], head["brain_mask"], demo_run.DEMO_AFFINE
    )
    whole = demo_head.make_head(
        head["brain_mask"], head["gm"], head["wm"], placed, demo_run.DEMO_AFFINE
    )
    voxels = demo_bold.map_voxels(placed, whole)
    away = np.linalg.norm(whole.world[voxels] - demo.MAP_CENTRE, axis=1)
    assert len(voxels) > 50
    assert away.max() < demo.MAP_RADIUS
    assert not set(whole.voxels[voxels]) & set(placed.voxels)
    assert whole.tissue["grey"][voxels].all()
    names = [name for name, _ in REGIONS]
    change = {demo.KETAMINE: [], demo.MIDAZOLAM: []}
    for person in demo.demo_participants(SEED):
        planted = {}
        for session in person.sessions:
            series = demo_bold.region_series(
                person, session, seed=SEED, names=names, n_volumes=N_VOLUMES
            )
            seeds = series[names.index(demo.MAP_SEED)]
            own = demo_bold.map_series(person, session, seed=SEED, of=seeds)
            planted[session] = demo.planted_map_z(person, session, seed=SEED)
            assert np.arctanh(np.corrcoef(seeds, own)[0, 1]) == pytest.approx(planted[session])
            assert own.std() == pytest.approx(1)
        if len(planted) == 2:
            change[person.arm].append(planted["post"] - planted["pre"])
    assert np.mean(change[demo.KETAMINE]) == pytest.approx(demo.MAP_CHANGE, abs=0.1)
    assert np.mean(change[demo.MIDAZOLAM]) == pytest.approx(0, abs=0.1)


def test_impossible_correlations_are_an_error():
    matrix = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    with pytest.raises(ValueError, match="cannot hold together"):
        demo_signals.correlated(np.random.default_rng(0), matrix, 100, 2.0)


# --- time series ---------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [0.0, 0.7, 1.0])
def test_the_power_of_coloured_noise_falls_with_frequency_as_asked(exponent):
    series = demo_signals.coloured(np.random.default_rng(1), 400, 256, exponent)
    power = (np.abs(np.fft.rfft(series)) ** 2).mean(axis=0)[1:-1]
    slope = np.polyfit(np.log(np.arange(1, len(power) + 1)), np.log(power), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.05)
    np.testing.assert_allclose(series.std(axis=1), 1)


def test_the_signals_of_regions_are_slow_but_free_of_drifts():
    person = demo.demo_participants(SEED)[0]
    names = [name for name, _ in REGIONS]
    series = demo_bold.region_series(person, "pre", seed=SEED, names=names, n_volumes=160)
    power = (np.abs(np.fft.rfft(series)) ** 2).mean(axis=0)
    assert power[4:20].mean() > 1.5 * power[40:].mean()
    drift = demo_signals.cosine_drift(160, 2.0)
    assert np.abs(series @ drift).max() < 1e-8


@pytest.mark.parametrize(("n_volumes", "n_cosines"), [(160, 4), (240, 6), (60, 0)])
def test_the_cosines_are_nilearns_without_the_fastest(n_volumes, n_cosines):
    from nilearn.glm.first_level.design_matrix import create_cosine_drift

    basis = demo_signals.cosine_drift(n_volumes, 2.0)
    theirs = create_cosine_drift(1 / 128, 2.0 * np.arange(n_volumes))
    assert basis.shape == (n_volumes, n_cosines)
    np.testing.assert_allclose(basis, theirs[:, :n_cosines], atol=1e-12)


def test_framewise_displacement_is_powers_sum_of_absolute_changes():
    motion = np.zeros((3, 6))
    motion[1] = [0.1, -0.2, 0.3, 0.01, 0, -0.002]
    fd = demo_signals.framewise_displacement(motion)
    assert np.isnan(fd[0])
    # 0.1 + 0.2 + 0.3 mm, and 50 mm × (0.01 + 0.002); then all the way back
    assert fd[1:] == pytest.approx([1.2, 1.2])


def test_relative_rms_of_a_shift_is_its_length_and_of_a_turn_jenkinsons():
    motion = np.zeros((3, 6))
    motion[1:, :3] = [3.0, 4.0, 0.0]
    motion[2, 4] = 0.001
    # about the axis through the origin, the shifted head moves by 0.001 rad × 3 mm as well
    turn = np.sqrt(80**2 / 5 * 2 * 0.001**2 + (3 * 0.001) ** 2)
    assert demo_signals.relative_rms(motion)[1:] == pytest.approx([5.0, turn], rel=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_only_the_heavy_mover_keeps_less_than_four_minutes(seed):
    kept = {}
    for person in demo.demo_participants(seed):
        for session in person.sessions:
            motion = demo_run.run_motion(person, session, seed=seed)
            moved = demo_signals.framewise_displacement(motion) > 0.5
            kept[person.id, session] = demo_bold.T_R * (~moved).sum()
    moving = next(p for p in demo.demo_participants(seed) if p.heavy_motion)
    assert kept.pop((moving.id, "post")) < 200
    assert min(kept.values()) >= 270


@pytest.mark.parametrize("seed", SEEDS)
def test_motion_does_not_differ_by_arm_or_session(seed):
    calm = [p for p in demo.demo_participants(seed) if not p.heavy_motion]
    levels = {
        (arm, session): np.mean([p.motion[session] for p in calm if p.arm == arm])
        for arm, session in product((demo.KETAMINE, demo.MIDAZOLAM), demo.SESSIONS)
    }
    assert max(levels.values()) / min(levels.values()) < 1.2


# --- images --------------------------------------------------------------------------------------


def test_the_image_is_what_fmriprep_writes(bold, func):
    header = bold.header
    assert bold.shape == (*demo_run.DEMO_SHAPE, N_VOLUMES)
    assert header.get_data_dtype() == np.int16
    assert (bold.dataobj.slope, bold.dataobj.inter) == (demo_bold.SLOPE, 0)
    assert header.get_zooms() == (4, 4, 4, 2)
    assert header.get_xyzt_units() == ("mm", "sec")
    assert (int(header["sform_code"]), int(header["qform_code"])) == (4, 4)
    np.testing.assert_allclose(bold.affine, demo_run.DEMO_AFFINE)
    np.testing.assert_allclose(header.get_qform(), demo_run.DEMO_AFFINE)
    name = "sub-01_ses-pre_task-rest_space-MNI152NLin2009cAsym_desc-preproc_bold.json"
    assert json.loads((func / name).read_text()) == {
        "RepetitionTime": 2.0,
        "SkullStripped": False,
        "TaskName": "rest",
    }


def test_the_mask_covers_the_brain_and_the_image_more_than_the_brain(bold, mask, head):
    np.testing.assert_array_equal(mask, head["brain_mask"])
    mean = np.asanyarray(bold.dataobj).mean(axis=-1)
    assert mean[mask].min() > 2000
    assert (mean[~mask] > 1000).any()
    assert (mean[~mask] == 0).any()


def test_painted_spheres_average_to_their_own_signal_where_they_overlap(head):
    regions = [
        ("a", [((0.0, 20.0, 40.0), 8.0)]),
        ("b", [((8.0, 20.0, 40.0), 8.0)]),
        ("c", [((-30.0, 1.0, 20.0), 1.0)]),
    ]
    placed = demo_head.place_signals(
        regions, head["labels"], head["brain_mask"], demo_run.DEMO_AFFINE
    )
    a, b, c = (set(members) for members in placed.members)
    assert a & b
    # no voxel centre lies within 1 mm of c's centre
    assert len(c) == 1
    means = np.stack([placed.weights[list(members)].mean(axis=0) for members in (a, b, c)])
    np.testing.assert_allclose(means, np.eye(3), atol=1e-12)


def test_a_region_of_the_image_follows_its_signal(bold, head):
    person = demo.demo_participants(SEED)[0]
    names = [name for name, _ in REGIONS]
    series = demo_bold.region_series(person, "pre", seed=SEED, names=names, n_volumes=N_VOLUMES)
    placed = demo_head.place_signals(
        REGIONS, head["labels"], head["brain_mask"], demo_run.DEMO_AFFINE
    )
    data = np.asanyarray(bold.dataobj).reshape(-1, N_VOLUMES, order="F")
    for name in ("sgACC", "rLPFC", "lAmygdala", "dACC", "PCC"):
        row = names.index(name)
        mean = data[placed.voxels[placed.members[row]]].mean(axis=0)
        assert np.corrcoef(mean, series[row])[0, 1] > 0.7


def test_noise_is_alike_in_neighbours_and_not_far_away(bold, head):
    white = head["wm"]
    # differences in time leave out what is slow, the mean of a volume what is everywhere
    change = np.diff(np.asanyarray(bold.dataobj)[white].astype(np.float64), axis=-1)
    change -= change.mean(axis=0)
    change /= change.std(axis=-1, keepdims=True)
    row = np.full(white.shape, -1)
    row[white] = np.arange(white.sum())

    def likeness(distance: int) -> float:
        one, other = row[distance:], row[:-distance]
        both = (one >= 0) & (other >= 0)
        return float((change[one[both]] * change[other[both]]).mean())

    assert likeness(1) > likeness(6) + 0.2
    assert likeness(6) < 0.2


def test_the_voxels_spectra_fall_with_frequency(bold, head):
    data = np.asanyarray(bold.dataobj)[head["gm"]].astype(np.float64)
    power = (np.abs(np.fft.rfft(data - data.mean(axis=1, keepdims=True))) ** 2).mean(axis=0)
    assert power[3:12].mean() > 2 * power[-20:].mean()


# --- confounds -----------------------------------------------------------------------------------


def test_mean_signals_are_those_of_the_written_image(bold, mask, confounds):
    data = np.asanyarray(bold.dataobj)
    np.testing.assert_allclose(confounds["global_signal"], data[mask].mean(axis=0), rtol=1e-6)
    derivative = confounds["global_signal"].diff()
    squared = confounds["global_signal_derivative1_power2"]
    np.testing.assert_allclose(squared[1:], derivative[1:] ** 2, rtol=1e-4, atol=0.01)


def test_dvars_agrees_with_its_definition():
    from statsmodels.tsa.stattools import acf

    rng = np.random.default_rng(3)
    brain = (1000 + 20 * np.cumsum(rng.standard_normal((60, 30)), axis=0) * 0.2).astype(np.float32)
    standardised, plain = demo_confounds.dvars(brain)
    scaled = brain.astype(np.float64) / np.median(brain) * 1000
    expected = []
    for voxel in scaled.T:
        low, high = np.percentile(voxel, [25, 75], method="lower")
        rho = acf(voxel, nlags=1, adjusted=False)[1]
        expected.append((high - low) / 1.349 * np.sqrt(2 * (1 - rho)))
    rms = np.sqrt((np.diff(scaled, axis=0) ** 2).mean(axis=1))
    np.testing.assert_allclose(plain[1:], rms, rtol=1e-4)
    np.testing.assert_allclose(standardised[1:], rms / np.mean(expected), rtol=1e-4)
    assert np.isnan([standardised[0], plain[0]]).all()


def test_values_are_missing_only_where_there_is_no_previous_volume(confounds):
    missing = confounds.columns[confounds.isna().any()]
    assert set(missing) == {
        c for c in confounds if "derivative1" in c or "dvars" in c or c.startswith("fram")
    } | {"rmsd"}
    assert confounds[missing].isna().sum().eq(1).all()
    assert confounds[missing].iloc[0].isna().all()


def test_the_columns_are_those_of_fmriprep(confounds):
    motion = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    suffixes = ("", "_derivative1", "_derivative1_power2", "_power2")
    for name in ("global_signal", "csf", "white_matter", *motion):
        assert {name + suffix for suffix in suffixes} <= set(confounds)
    expected = ["csf_wm", "tcompcor", "std_dvars", "dvars", "framewise_displacement", "rmsd"]
    assert [c for c in confounds if c in expected] == expected
    cosines = [c for c in confounds if c.startswith("cosine")]
    assert cosines == ["cosine00", "cosine01"]
    outliers = [c for c in confounds if c.startswith("motion_outlier")]
    moved = (confounds["framewise_displacement"] > 0.5) | (confounds["std_dvars"] > 1.5)
    assert outliers == [f"motion_outlier{k:02d}" for k in range(moved.sum())]
    np.testing.assert_array_equal(confounds[outliers].sum(axis=1), moved.astype(float))


@pytest.mark.parametrize(
    ("prefix", "mask_name", "method"),
    [
        ("a_comp_cor_", "combined", "aCompCor"),
        ("c_comp_cor_", "CSF", "aCompCor"),
        ("w_comp_cor_", "WM", "aCompCor"),
        ("t_comp_cor_", None, "tCompCor"),
        ("edge_comp_", "Edge", "EdgeRegressor"),
    ],
)
def test_components_are_orthonormal_high_passed_and_described(
    confounds, metadata, prefix, mask_name, method
):
    names = [c for c in confounds if c.startswith(prefix)]
    components = confounds[names].to_numpy()
    np.testing.assert_allclose(components.T @ components, np.eye(len(names)), atol=1e-4)
    assert np.abs(components.T @ demo_signals.cosine_drift(N_VOLUMES, 2.0)).max() < 1e-4
    details = [metadata[name] for name in names]
    assert {d.get("Mask") for d in details} == {mask_name}
    assert {d["Method"] for d in details} == {method}
    assert all(d["Retained"] for d in details)
    explained = np.array([d["VarianceExplained"] for d in details])
    assert (np.diff(explained) <= 0).all()
    cumulative = [d["CumulativeVarianceExplained"] for d in details]
    np.testing.assert_allclose(cumulative, np.cumsum(explained), atol=1e-4)
    if prefix == "edge_comp_":
        assert len(names) == 24
    else:
        # as many as explain half of the variance, and not one more
        assert cumulative[-1] >= 0.5 > (cumulative[-2] if len(names) > 1 else 0)


def test_components_span_the_variance_of_the_white_matter(bold, head, confounds, metadata):
    placed = demo_head.place_signals(
        REGIONS, head["labels"], head["brain_mask"], demo_run.DEMO_AFFINE
    )
    white = head["wm"].ravel(order="F").copy()
    white[placed.voxels] = False
    data = np.asanyarray(bold.dataobj).reshape(-1, N_VOLUMES, order="F")[white].T
    drift = np.column_stack([np.ones(N_VOLUMES), demo_signals.cosine_drift(N_VOLUMES, 2.0)])
    residual = data - drift @ np.linalg.lstsq(drift, data, rcond=None)[0]
    left, values, _ = np.linalg.svd(residual / residual.std(axis=0), full_matrices=False)
    assert abs(left[:, 0] @ confounds["w_comp_cor_00"]) == pytest.approx(1, abs=1e-4)
    assert metadata["w_comp_cor_00"]["SingularValue"] == pytest.approx(values[0], rel=1e-4)


@pytest.mark.parametrize(
    "strategy",
    [
        {"strategy": ("motion", "wm_csf", "global_signal", "high_pass"), "motion": "full"},
        {"strategy": ("motion", "high_pass", "scrub"), "scrub": 0, "fd_threshold": 0.5},
        {
            "strategy": ("motion", "high_pass", "compcor"),
            "compcor": "anat_combined",
            "n_compcor": "all",
        },
        {
            "strategy": ("motion", "high_pass", "compcor"),
            "compcor": "temporal_anat_separated",
            "n_compcor": 5,
        },
    ],
    ids=["simple", "scrubbing", "compcor", "compcor-by-tissue"],
)
def test_nilearn_loads_the_confounds(study, strategy):
    from nilearn.interfaces.fmriprep import load_confounds

    moving = next(p.id for p in demo.demo_participants(SEED) if p.heavy_motion)
    name = f"{moving}_ses-post_task-rest_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"
    table, kept = load_confounds(str(study / moving / "ses-post" / "func" / name), **strategy)
    assert len(table) == N_VOLUMES
    assert np.isfinite(table.to_numpy()).all()
    assert (kept is None) == ("scrub" not in strategy["strategy"])


def test_images_change_most_when_the_head_moves_most(study):
    moving = next(p for p in demo.demo_participants(SEED) if p.heavy_motion)
    name = f"{moving.id}_ses-post_task-rest_desc-confounds_timeseries.tsv"
    table = pd.read_csv(study / moving.id / "ses-post" / "func" / name, sep="\t")
    assert table["framewise_displacement"].corr(table["dvars"]) > 0.3
    assert table["std_dvars"].median() == pytest.approx(1, abs=0.25)


# --- files ---------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes(tmp_path, study, head):
    demo_run.write_run(tmp_path, "sub-01", "pre", seed=SEED, n_volumes=N_VOLUMES, **head)
    first = sorted((study / "sub-01" / "ses-pre").rglob("*.*"))
    second = sorted((tmp_path / "sub-01" / "ses-pre").rglob("*.*"))
    assert [p.name for p in first] == [p.name for p in second]
    assert len(first) == 6
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


def test_an_interrupted_write_leaves_no_image_behind(tmp_path, monkeypatch):
    from isal import igzip

    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(igzip, "compress", interrupted)
    with pytest.raises(KeyboardInterrupt):
        demo_run.write_nifti(
            tmp_path / "x.nii.gz", np.zeros((2, 2, 2), np.int16), demo_run.DEMO_AFFINE
        )
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_does_not_exist_is_an_error(tmp_path, head):
    absent = next(p for p in demo.demo_participants(SEED) if "post" not in p.sessions)
    for participant in (absent.id, "sub-99"):
        with pytest.raises(ValueError, match=f"no run {participant}, session post"):
            demo_run.write_run(tmp_path, participant, "post", seed=SEED, **head)
    assert list(tmp_path.iterdir()) == []


def test_the_template_masks_hold_every_circuit_region():
    masks = demo_run.template_masks()
    assert masks.brain.shape == demo_run.DEMO_SHAPE
    # about 1.9 litres
    assert masks.brain.sum() * 0.064 == pytest.approx(1900, rel=0.05)
    assert not (masks.gm & ~masks.brain).any()
    assert not (masks.wm & ~masks.brain).any()
    assert (masks.brain & ~masks.gm & ~masks.wm).sum() > 100
    placed = demo_head.place_signals(
        REGIONS, np.zeros(demo_run.DEMO_SHAPE, np.int16), masks.brain, demo_run.DEMO_AFFINE
    )
    assert all(len(members) for members in placed.members)
