"""The files of a run: the same names for a good and a bad one, and sidecars that tell the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_runs import (
    CIRCUITS,
    REGIONS,
    REGISTRY,
    SPACE,
    MadeRun,
    denoising,
    place,
    process_run,
    run_settings,
)

from ketfc.base.errors import RunError
from ketfc.base.files import read_json, read_tsv
from ketfc.imaging.denoise.compcor import Components
from ketfc.imaging.denoise.confounds import STRATEGIES, strategy_columns
from ketfc.imaging.run.denoising import RunResult, StrategyResult
from ketfc.imaging.run.derivatives import about_cleaning, dataset_description, write_run

NAMES = {"Circuits": [each.id for each in REGIONS], "Slabs": [f"p{i}" for i in range(1, 8)]}
SETTINGS = run_settings(
    strategies=tuple(STRATEGIES),
    fd_thresh=0.5,
    dvars_thresh=1.5,
    min_time=60.0,
    lower_bpf=0.01,
    upper_bpf=0.2,
    min_coverage=0.5,
)
RUN = "sub-01_ses-pre_task-rest"


def written(run: MadeRun, folder: Path) -> RunResult:
    result = process_run(run.files, place, SETTINGS)
    write_run(
        folder,
        RUN,
        SPACE,
        files=run.files,
        result=result,
        registry=REGISTRY,
        regions=NAMES,
        settings=SETTINGS,
    )
    return result


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def expected_names() -> set[str]:
    stem = f"{RUN}_space-{SPACE}"
    found = {f"{stem}_desc-circuits_connectivity.tsv", f"{stem}_desc-ketfc_qc.json"}
    found.add(f"{stem}_desc-carpet_qc.npz")
    for atlas in NAMES:
        base = f"{stem}_atlas-{atlas}"
        found |= {f"{base}_stat-mean_timeseries.{ext}" for ext in ("tsv", "json")}
        found.add(f"{base}_stat-coverage_bold.tsv")
        for name in STRATEGIES:
            relmat = f"{base}_desc-{name}_stat-pearsoncorrelation_relmat"
            found |= {f"{relmat}.{ext}" for ext in ("tsv", "json")}
    return found


@pytest.fixture
def good(make_run, tmp_path):
    run = make_run(100)
    folder = tmp_path / "good"
    return run, folder, written(run, folder)


def test_a_good_and_a_bad_run_have_the_same_files(good, make_run, tmp_path):
    assert names(good[1]) == expected_names()
    for damage in ("truncated", "confounds", "nan"):
        run = make_run(100, edit=(lambda data: data.fill(np.nan)) if damage == "nan" else None)
        if damage == "truncated":
            run.files.bold.write_bytes(run.files.bold.read_bytes()[:2000])
        if damage == "confounds":
            run.files.confounds.write_text("csf\n1\n")
        folder = tmp_path / damage
        assert written(run, folder).error is not None
        assert names(folder) == expected_names()


def test_series_and_coverage_come_back_as_they_were(good):
    run, folder, result = good
    for atlas, part in result.series.items():
        base = f"{folder}/{RUN}_space-{SPACE}_atlas-{atlas}"
        series = read_tsv(f"{base}_stat-mean_timeseries.tsv", numeric=tuple(NAMES[atlas]))
        assert list(series.columns) == NAMES[atlas]
        np.testing.assert_allclose(series, part.series, rtol=1e-8)
        cells = Path(f"{base}_stat-mean_timeseries.tsv").read_text().split("\n", 1)[1].split()
        assert max(len(cell.replace(".", "").lstrip("0")) for cell in cells) == 9
        numbers = ("n_voxels", "n_covered", "coverage", "tsnr")
        coverage = read_tsv(f"{base}_stat-coverage_bold.tsv", numeric=numbers)
        np.testing.assert_allclose(coverage[list(numbers)], part.coverage[list(numbers)], rtol=1e-7)
        about = read_json(f"{base}_stat-mean_timeseries.json")
        assert about["RepetitionTime"] == 2.0
        assert about["MinimumCoverage"] == 0.5
        assert about["TemplateMismatch"] is None
        assert about["MissingRegions"] == {"Circuits": [], "Slabs": ["p7"]}[atlas]
        assert about["Excluded"] is None
        assert about["Sources"] == [
            f"bids:preprocessed:{path.name}" for path in (run.files.bold, run.files.mask)
        ]


def test_uncovered_parcels_are_written_as_missing(good):
    base = f"{good[1]}/{RUN}_space-{SPACE}_atlas-Slabs"
    lines = Path(f"{base}_stat-mean_timeseries.tsv").read_text().splitlines()
    assert all(line.split("\t")[6] == "n/a" for line in lines[1:])
    matrix = Path(f"{base}_desc-24P_stat-pearsoncorrelation_relmat.tsv").read_text().splitlines()
    assert matrix[7].split("\t") == ["p7", *["n/a"] * 7]
    assert [line.split("\t")[i + 1] for i, line in enumerate(matrix[1:])] == ["n/a"] * 7


def test_sidecars_list_exactly_the_columns_that_were_regressed(good):
    run, folder, result = good
    for name, cleaned in result.strategies.items():
        for atlas in NAMES:
            stem = f"{folder}/{RUN}_space-{SPACE}_atlas-{atlas}_desc-{name}"
            about = read_json(f"{stem}_stat-pearsoncorrelation_relmat.json")
            expected = strategy_columns(STRATEGIES[name], list(run.confounds.columns), {})
            assert about["ConfoundColumns"] == expected
            assert about["DenoisingStrategy"] == name
            form = ("Weighted", "Directed", "ValidDiagonal", "StorageFormat", "Detrended")
            assert [about[key] for key in form] == [True, False, False, "Full", True]
            assert about["NumberOfVolumes"] == about["KeptVolumes"] == cleaned.n_volumes
            assert about["MatchedVolumes"] is None
            assert about["NumberOfRegressors"] == about["IndependentRegressors"] == len(expected)
            assert about["DegreesOfFreedom"] == pytest.approx(cleaned.tdof)
            assert about["LowPassHz"] == 0.2
            assert ("cosine" in about["HighPass"]) == ("acompcor" in name)
            assert about["CompCorMask"] == ("separate" if "acompcor" in name else None)
            assert about["FramewiseDisplacementThreshold"] == 0.5
            assert about["StandardizedDVARSThreshold"] == 1.5
            assert about["Excluded"] is None
            assert f"bids:preprocessed:{run.files.confounds.name}" in about["Sources"]


def test_matrices_come_back_with_names_on_both_sides(good):
    _, folder, result = good
    path = f"{folder}/{RUN}_space-{SPACE}_atlas-Circuits_desc-none_stat-pearsoncorrelation_relmat"
    table = read_tsv(f"{path}.tsv").set_index("Node")
    assert list(table.index) == list(table.columns) == NAMES["Circuits"]
    expected = result.strategies["none"].matrices["Circuits"]
    np.testing.assert_allclose(table.astype(float), expected, rtol=1e-7)


def test_circuit_rows_carry_volumes_and_degrees_of_freedom(good):
    _, folder, result = good
    table = read_tsv(
        f"{folder}/{RUN}_space-{SPACE}_desc-circuits_connectivity.tsv",
        numeric=("r", "z", "n_volumes", "tdof"),
    )
    per_strategy = sum(len(circuit.edges) + 1 for circuit in CIRCUITS)
    assert len(table) == per_strategy * len(STRATEGIES)
    for name, rows in table.groupby("strategy"):
        cleaned = result.strategies[name]
        assert set(rows["n_volumes"]) == {cleaned.n_volumes}
        np.testing.assert_allclose(rows["tdof"], cleaned.tdof, rtol=1e-7)
        edge = rows[(rows["circuit"] == "one") & (rows["measure"] == "edge")].iloc[0]
        r = cleaned.matrices["Circuits"].loc["a", "b"]
        assert edge["r"] == pytest.approx(r, rel=1e-7)
        assert edge["z"] == pytest.approx(np.arctanh(r), rel=1e-6)


def test_a_bad_run_says_why_in_every_sidecar_and_holds_no_number(make_run, tmp_path):
    run = make_run(100, confounds=lambda table: table[:-3])
    result = written(run, tmp_path / "bad")
    reason = f"{run.files.confounds.name} has 97 rows, {run.files.bold.name} has 100 volumes"
    assert result.error.reason == reason
    for path in (tmp_path / "bad").iterdir():
        if path.suffix == ".json":
            about = json.loads(path.read_text())
            assert about.get("Excluded", about.get("reason")) == reason
            if path.name.endswith("relmat.json"):
                assert (about["ConfoundColumns"], about["NumberOfVolumes"]) == ([], 0)
        elif "relmat" in path.name:
            table = read_tsv(path).set_index("Node")
            assert list(table.index) in NAMES.values()
            assert table.isna().all(axis=None)
        elif "timeseries" in path.name:
            table = read_tsv(path)
            assert list(table.columns) in NAMES.values()
            assert len(table) == 0
    circuits = read_tsv(
        f"{tmp_path}/bad/{RUN}_space-{SPACE}_desc-circuits_connectivity.tsv", numeric=("n_volumes",)
    )
    assert circuits[["r", "z"]].isna().all(axis=None)
    assert (circuits["n_volumes"] == 0).all()


def test_the_quality_file_tells_run_and_strategies_apart(make_run, tmp_path):
    run = make_run(100, confounds=lambda table: table.drop(columns="global_signal"))
    written(run, tmp_path / "out")
    about = read_json(f"{tmp_path}/out/{RUN}_space-{SPACE}_desc-ketfc_qc.json")
    assert about["status"] == "ok"
    verdicts = {name: each["status"] for name, each in about["strategies"].items()}
    assert verdicts == {
        "none": "ok",
        "24P": "ok",
        "27P": "excluded",
        "36P": "excluded",
        "acompcor": "ok",
        "acompcor_gsr": "excluded",
        "aroma": "ok",
        "aroma_gsr": "excluded",
        "gsr_only": "excluded",
    }
    lost = about["strategies"]["36P"]
    assert lost["rule"] == "confounds-column"
    assert lost["reason"] == "the confounds lack global_signal, which strategy 36P needs"
    assert (lost["n_volumes"], lost["tdof"], lost["n_regressors"]) == (0, 0, 0)
    assert (lost["n_kept"], lost["rank"], lost["compcor"]) == (0, 0, None)
    kept = about["strategies"]["acompcor"]
    assert (kept["n_volumes"], kept["n_kept"], kept["compcor"]) == (100, 100, "5 WM + 5 CSF")
    assert kept["tdof"] == round(kept["tdof"], 6) > 0
    assert about["strategies"]["24P"]["n_regressors"] == about["strategies"]["24P"]["rank"] == 24
    assert about["quality"]["n_volumes"] == 100


def test_the_same_input_gives_the_same_bytes(make_run, tmp_path):
    run = make_run(100)
    written(run, tmp_path / "one")
    written(run, tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_run_whose_freedom_cannot_be_counted_is_still_written(make_run, tmp_path):
    # 36 regressors in 35 volumes
    run = make_run(35)
    result = written(run, tmp_path / "short")
    assert result.strategies["36P"].error.rule == "degrees-of-freedom"
    about = read_json(f"{tmp_path}/short/{RUN}_space-{SPACE}_desc-ketfc_qc.json")
    assert about["strategies"]["36P"]["value"] == 0


DENOISED = {
    "fd_thresh": 0.4,
    "dvars_thresh": 1.5,
    "censor_before": 1,
    "censor_after": 2,
    "censor_between": 5,
    "motion_filter_type": "notch",
    "band_stop_min": 12.0,
    "band_stop_max": 18.0,
    "dummy_scans": 3,
    "upper_bpf": 0.09,
}


def test_the_sidecar_of_what_was_denoised_says_all_that_was_done():
    cleaned = StrategyResult(
        n_volumes=80, n_kept=90, tdof=41.23456789, columns=("csf", "dvars", "csf2"), rank=2,
        high_pass="cosines", compcor=Components({"WM": ("w0", "w1"), "CSF": ("c0",)}),
    )  # fmt: skip
    about = about_cleaning("24P", cleaned, denoising(**DENOISED, match_volumes=True))
    assert about == {
        "DenoisingStrategy": "24P",
        "ConfoundColumns": ["csf", "dvars", "csf2"],
        "CompCorMask": "separate",
        "CompCorComponents": {"WM": 2, "CSF": 1},
        "HighPass": "cosines",
        "LowPassHz": 0.09,
        "Detrended": True,
        "NumberOfRegressors": 3,
        "IndependentRegressors": 2,
        "DummyScans": 3,
        "FramewiseDisplacementThreshold": 0.4,
        "StandardizedDVARSThreshold": 1.5,
        "CensoredBefore": 1,
        "CensoredAfter": 2,
        "CensoredBetween": 5,
        "MotionFilter": "notch",
        "MotionFilterBreathsPerMinute": [12, 18],
        "KeptVolumes": 90,
        "MatchedVolumes": 80,
        "NumberOfVolumes": 80,
        "DegreesOfFreedom": 41.234568,
        "Excluded": None,
    }


def test_the_sidecar_of_a_strategy_that_censors_nothing_says_so():
    error = RunError("min-time", "is too short")
    about = about_cleaning("24P_noscrub", StrategyResult(error=error), denoising(**DENOISED))
    thresholds = ("FramewiseDisplacementThreshold", "StandardizedDVARSThreshold")
    for key in (*thresholds, "MotionFilter", "MotionFilterBreathsPerMinute", "MatchedVolumes"):
        assert about[key] is None
    assert [about[f"Censored{where}"] for where in ("Before", "After", "Between")] == [0, 0, 0]
    assert (about["CompCorMask"], about["CompCorComponents"]) == (None, None)
    assert about["Excluded"] == "is too short"


def test_the_dataset_describes_itself():
    about = dataset_description()
    assert about["DatasetType"] == "derivative"
    assert about["GeneratedBy"][0]["Name"] == "ketfc"
