"""Connectivity of XCP-D, giga_connectome, CONN and matrices: the same circuits as from edges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from made_given import (
    pearson,
    write_arrays,
    write_conn,
    write_edges,
    write_giga,
    write_matrices,
    write_xcpd,
)

from ketfc.base.errors import Problem, StudyError
from ketfc.imaging.group.given_circuits import (
    circuit_connectivity,
    given_regions,
    missing_regions,
    place_parcels,
    require_parcels,
    square_runs,
)
from ketfc.imaging.group.given_tables import given_tables
from ketfc.imaging.regions.registry import load_registry
from ketfc.study.config.config import Config, parse_config
from ketfc.study.connectivity.sessions import given_index, reading_problems
from ketfc.study.connectivity.squares import Square

REPO = Path(__file__).parents[3]
SPACE = "MNI152NLin2009cAsym"
LABELS = ["Front", "Side", "Amyg_L", "Amyg_R", "Cing", "Far"]
REGIONS = {"sgACC": "Front", "rLPFC": "Side", "lAmygdala": "Amyg_L", "dACC": "Cing"}
SESSIONS = ["a", "b"]
STUDY: dict[str, Any] = {"name": "other", "sessions": {"pre": "a", "post": "b"}}
SCORES = {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def series() -> dict[tuple[str, str], np.ndarray]:
    """Four people; a parcel of the third is constant at the second session."""
    rng = np.random.default_rng(20)
    mixing = rng.normal(size=(6, 6)) + 2 * np.eye(6)
    made = {
        (f"{who:02}", session): rng.normal(size=(60, 6)) @ mixing + 100
        for who in range(1, 5)
        for session in SESSIONS
    }
    made["03", "b"][:, LABELS.index("Side")] = 100.0
    return made


def config(kind: str, path: str, **more: Any) -> Config:
    about = {"kind": kind, "path": path, "regions": REGIONS} | more
    return parse_config({"study": STUDY | {"connectivity": about}, "scores": SCORES})


SHAPES: dict[str, Callable[..., Config]] = {}


def shape(function: Callable[..., Config]) -> Callable[..., Config]:
    SHAPES[function.__name__] = function
    return function


@shape
def edges(series: Any) -> Config:
    write_edges(Path("edges.tsv"), series, LABELS)
    return config("edges", "edges.tsv", values={"r": "r"})


@shape
def matrices(series: Any) -> Config:
    write_matrices(Path("own"), series, LABELS)
    return config("matrices", "own", scale="r")


@shape
def arrays(series: Any) -> Config:
    write_arrays(Path("own"), series)
    Path("labels.txt").write_text("\n".join(LABELS), encoding="utf-8")
    return config("matrices", "own", scale="arctan", labels="labels.txt")


@shape
def xcpd_matrices(series: Any) -> Config:
    write_xcpd(Path("xcp_d"), series, LABELS, matrices=True, outliers=4)
    return config("xcp-d", "xcp_d")


@shape
def xcpd_series(series: Any) -> Config:
    write_xcpd(Path("xcp_d"), series, LABELS, matrices=False, outliers=4)
    return config("xcp-d", "xcp_d")


@shape
def giga(series: Any) -> Config:
    write_giga(Path("giga.h5"), series)
    Path("labels.tsv").write_text("index\tlabel\n" + "".join(
        f"{i}\t{name}\n" for i, name in enumerate(LABELS)), encoding="utf-8")  # fmt: skip
    return config("giga-connectome", "giga.h5", labels="labels.tsv")


@shape
def conn(series: Any) -> Config:
    write_conn(Path("firstlevel"), series, LABELS, SESSIONS)
    sessions = {"Condition001": "a", "Condition002": "post"}
    people = {f"Subject{i:03}": f"{i:02}" for i in range(1, 5)}
    return config("conn", "firstlevel", sessions=sessions, participants=people)


def tables(of: Config) -> dict[str, pd.DataFrame]:
    index = given_index(of.study)
    assert [problem for problem in index.problems if problem.severity == "error"] == []
    runs = pd.DataFrame([vars(run) for run in index.runs])
    runs = runs.rename(columns={"name": "run"}).assign(status="ok", reason=None, rule=None)
    registry = load_registry(REPO / "atlases/circuits.yaml")
    return given_tables(of.study, runs, registry)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_gives_the_connectivity_of_the_series(name: str, series: Any):
    table = tables(SHAPES[name](series))["connectivity"]
    table = table.set_index(["participant_id", "session", "circuit", "region_a", "region_b"])
    for (who, session), values in series.items():
        r = pd.DataFrame(pearson(values), LABELS, LABELS)
        key = (f"sub-{who}", session, "sgacc-rlpfc", "sgACC", "rLPFC")
        expected = r.loc["Front", "Side"]
        assert table.loc[key, "r"] == pytest.approx(expected, abs=1e-6, nan_ok=True)
        z = np.arctanh(r.loc["Amyg_L", "Cing"])
        key = (f"sub-{who}", session, "amygdala-dacc", "lAmygdala", "dACC")
        assert table.loc[key, "z"] == pytest.approx(z, abs=1e-6)
    means = table[table["measure"] == "mean"].reset_index()
    of = means.set_index(["participant_id", "session", "circuit"])["z"]
    assert np.isnan(of["sub-03", "b", "sgacc-rlpfc"])
    assert np.isfinite(of["sub-03", "a", "sgacc-rlpfc"])
    # one of its two edges has no parcel
    assert np.isnan(of["sub-01", "a", "amygdala-dacc"])


@pytest.mark.parametrize("name", SHAPES)
def test_every_region_without_a_value_is_told_with_the_reason(name: str, series: Any):
    quality = tables(SHAPES[name](series))["region_quality"]
    notes = quality.set_index(["participant_id", "session", "region"])["note"]
    assert notes["sub-03", "b", "rLPFC"] == "Side has no correlation in this run"
    assert pd.isna(notes["sub-03", "a", "rLPFC"])
    assert notes["sub-01", "a", "rAmygdala"] == (
        "no parcel is named for it, and no centres are known"
    )


@pytest.mark.parametrize("name", ["xcpd_matrices", "xcpd_series"])
def test_motion_is_known_where_xcpd_tells_it(name: str, series: Any):
    runs = tables(SHAPES[name](series))["quality"].set_index("run")
    first = runs.loc["sub-01_ses-a_task-rest"]
    assert first["n_volumes"] == 60
    assert first["n_censored"] == 4
    assert first["mean_fd"] == pytest.approx(0.1 + 0.3 * 4 / 64)
    assert first["max_fd"] == pytest.approx(0.4)


def test_matrices_tell_nothing_of_motion_and_volumes(series: Any):
    found = tables(matrices(series))
    assert found["quality"][["mean_fd", "n_volumes"]].isna().all(axis=None)
    assert found["connectivity"][["n_volumes", "tdof", "coverage_a"]].isna().all(axis=None)


# --- parcels of regions -------------------------------------------------------


def placed(centres: str, **more: Any) -> tuple[pd.DataFrame, list[Problem]]:
    Path("parcels.tsv").write_text(centres, encoding="utf-8")
    about = {"kind": "matrices", "path": "own", "scale": "r", "parcels": "parcels.tsv"} | more
    parsed = parse_config({"study": STUDY | {"connectivity": about}, "scores": SCORES})
    registry = load_registry(REPO / "atlases/circuits.yaml")
    table, problems = place_parcels(registry, parsed.study.connectivity, SPACE, LABELS)
    return table.set_index("region"), problems


# the centre of sgACC is (0, 21, -10), of dACC (0, 22, 35)
CENTRES = "label\tx\ty\tz\nFront\t0\t21\t-4\nSide\t3\t21\t-10\nFar\t0\t22\t46\n"


def test_a_region_is_the_nearest_parcel_with_the_distance():
    table, _ = placed(CENTRES)
    assert table.loc["sgACC", ["parcel", "how"]].tolist() == ["Side", "nearest"]
    assert table.loc["sgACC", "distance"] == pytest.approx(3)
    assert table.loc["sgACC", ["x", "y", "z"]].tolist() == [3, 21, -10]


def test_a_parcel_that_is_named_goes_before_a_nearer_one():
    table, _ = placed(CENTRES, regions={"sgACC": "Front"})
    assert table.loc["sgACC", ["parcel", "how"]].tolist() == ["Front", "named"]
    assert table.loc["sgACC", "distance"] == pytest.approx(6)


def test_beyond_the_largest_distance_a_region_has_no_parcel():
    table, problems = placed(CENTRES)
    assert pd.isna(table.loc["dACC", "parcel"])
    assert table.loc["dACC", "reason"] == (
        "the nearest parcel, Far, is 11.0 mm away (max-distance 10)"
    )
    notes = {problem.value: problem for problem in problems}
    assert notes["dACC"].severity == "note"
    assert placed(CENTRES, **{"max-distance": 11.5})[0].loc["dACC", "parcel"] == "Far"


# --- what is refused ----------------------------------------------------------


def wrong(of: Config) -> list[str]:
    """Every error and exclusion that index and reading tell."""
    index = given_index(of.study)
    found = [*index.problems, *reading_problems(of.study, index)]
    return [str(problem) for problem in found if problem.severity != "note"]


Change = Callable[[pd.DataFrame], pd.DataFrame]


def spoilt(series: Any, change: Change) -> list[str]:
    """Return the problems of matrices of which one is changed."""
    write_matrices(Path("own"), series, LABELS)
    path = Path("own/sub-02/ses-a/sub-02_ses-a_conn.tsv")
    table = pd.read_csv(path, sep="\t", index_col="Node")
    change(table).to_csv(path, sep="\t", index_label="Node", na_rep="n/a")
    return wrong(config("matrices", "own", scale="r"))


def set_pair(a: int, b: int, value: float) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.iloc[a, b] = table.iloc[b, a] = value
        return table

    return change


def set_one(table: pd.DataFrame) -> pd.DataFrame:
    table.iloc[0, 1] = 0.01 + table.iloc[1, 0]
    return table


SPOILT: dict[str, tuple[Change, str]] = {
    "not symmetric": (set_one, "is not symmetric: its halves differ by up to 0.01"),
    "above one": (set_pair(0, 1, 1.2), "the diagonal is 1 and the numbers off it go from"),
    "an odd diagonal": (set_pair(2, 2, 0.9), "the diagonal is 0.9 to 1 and the numbers"),
    "a name twice": (
        lambda table: table.rename(columns={"Side": "Front"}, index={"Side": "Front"}),
        "it has two columns called 'Front'",
    ),
    "other names": (
        lambda table: table.rename(index={"Side": "Sides"}),
        "has other names in its first column than in its first row",
    ),
    "a row too few": (
        lambda table: table.drop(index="Far"),
        "has other names in its first column than in its first row",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_one_wrong_matrix_is_left_out_with_its_reason(case: str, series: Any):
    change, message = SPOILT[case]
    found = spoilt(series, change)
    assert len(found) == 1
    assert found[0].startswith("excluded: sub-02 ses-a")
    assert message in found[0]


def test_the_scale_of_all_matrices_must_be_that_of_the_config(series: Any):
    write_matrices(Path("own"), series, LABELS)
    found = wrong(config("matrices", "own", scale="fisher-z"))
    assert len(found) == 1
    assert "the diagonal is 1 and the numbers off it go from -" in found[0]
    assert "which fits correlations (from -1 to 1); they are said to be Fisher z" in found[0]
    assert "none of 8 runs can be read" in found[0]


def test_arctangents_are_not_taken_for_correlations(series: Any):
    of = arrays(series)
    about = of.study.connectivity.model_copy(update={"scale": "r"})
    found = wrong(of.model_copy(update={"study": of.study.model_copy(
        update={"connectivity": about})}))  # fmt: skip
    assert "the diagonal is 0.785398 and" in found[0]
    assert "which fits arctangents of correlations" in found[0]


def test_nothing_pickled_is_read(series: Any):
    of = arrays(series)
    np.save("own/sub-01_ses-a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "Object arrays cannot be loaded" in wrong(of)[0]


def test_parcels_without_names_are_asked_for(series: Any):
    write_arrays(Path("own"), series)
    found = wrong(config("matrices", "own", scale="arctan"))
    assert "has 6 parcels without names; list them in study.connectivity.labels" in found[0]


def test_a_folder_without_anything_to_read_says_what_is_looked_for():
    Path("empty").mkdir()
    found = wrong(config("xcp-d", "empty"))
    assert "holds nothing that is read as xcp-d" in found[0]
    assert "*_stat-mean_timeseries.tsv" in found[0]


def test_a_folder_that_is_not_there_is_named():
    assert (
        "study.connectivity.path = gone: there is no such file" in wrong(config("conn", "gone"))[0]
    )


def test_several_parcellations_are_asked_about(series: Any):
    write_xcpd(Path("xcp_d"), series, LABELS, matrices=True)
    for path in list(Path("xcp_d").rglob("*relmat.tsv")):
        path.with_name(path.name.replace("seg-Made", "seg-Other")).write_bytes(path.read_bytes())
    found = wrong(config("xcp-d", "xcp_d"))
    assert any("several parcellations; name one (allowed: Made, Other)" in line for line in found)
    assert wrong(config("xcp-d", "xcp_d", atlas="Other")) == []


def test_a_session_that_no_matrix_has_is_an_error(series: Any):
    write_matrices(Path("own"), {k: v for k, v in series.items() if k[1] == "a"}, LABELS)
    found = wrong(config("matrices", "own", scale="r"))
    assert any("study.sessions.post = b: no matrix is of this session" in line for line in found)


def test_outliers_of_another_length_leave_the_run_out(series: Any):
    of = xcpd_series(series)
    path = Path("xcp_d/sub-02/ses-a/func/sub-02_ses-a_task-rest_outliers.tsv")
    path.write_text("framewise_displacement\n" + "0\n" * 50, encoding="utf-8")
    assert "has 64 volumes, and sub-02_ses-a_task-rest_outliers.tsv tells of 50" in wrong(of)[0]


def test_a_file_of_an_older_matlab_is_left_out_with_the_way_to_save_it(series: Any):
    of = conn(series)
    Path("firstlevel/resultsROI_Subject002_Condition001.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    assert "is no HDF5 file: save it in MATLAB with -v7.3" in wrong(of)[0]


def test_a_mat_file_without_z_is_left_out(series: Any):
    of = conn(series)
    with h5py.File("firstlevel/resultsROI_Subject002_Condition001.mat", "a") as file:
        del file["Z"]
    assert "holds no Z: it is no resultsROI file of CONN" in wrong(of)[0]


def test_edges_need_both_regions(series: Any):
    write_edges(Path("edges.tsv"), series, LABELS)
    text = Path("edges.tsv").read_text(encoding="utf-8").replace("region_b", "other")
    Path("edges.tsv").write_text(text, encoding="utf-8")
    found = wrong(config("edges", "edges.tsv", values={"r": "r"}))
    assert "edges need the columns region_a and region_b" in found[0]


def test_a_table_of_centres_that_cannot_be_read_is_an_error():
    _, problems = placed("label\tx\nFront\t0\n")
    assert (problems[0].severity, problems[0].field) == ("error", "study.connectivity.parcels")
    assert problems[0].value == "parcels.tsv"
    assert problems[0].message.startswith("cannot be read as a table of centres")
    about = {"kind": "matrices", "path": "own", "scale": "r", "parcels": "gone.tsv"}
    parsed = parse_config({"study": STUDY | {"connectivity": about}, "scores": SCORES})
    registry = load_registry(REPO / "atlases/circuits.yaml")
    _, problems = place_parcels(registry, parsed.study.connectivity, SPACE, LABELS)
    assert (problems[0].severity, problems[0].value) == ("error", "gone.tsv")


def test_names_that_nothing_has_are_errors():
    _, problems = placed(CENTRES, regions={"sgAC": "Front", "dACC": "Fra"})
    said = [str(problem) for problem in problems if problem.severity == "error"]
    assert "sgAC: is no region of a circuit; did you mean 'sgACC'?" in said[0]
    assert "dACC = Fra: no matrix has this parcel; did you mean 'Far'?" in said[1]


def test_without_names_or_centres_no_circuit_can_be_made():
    about = {"kind": "matrices", "path": "own", "scale": "r"}
    parsed = parse_config({"study": STUDY | {"connectivity": about}, "scores": SCORES})
    registry = load_registry(REPO / "atlases/circuits.yaml")
    _, problems = place_parcels(registry, parsed.study.connectivity, SPACE, LABELS)
    assert "no region of the registry has a parcel" in str(problems[0])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("label\tx\ty\nFront\t0\t1\n", "needs the columns label, x, y and z, and has label, x, y"),
        ("place\tx\ty\tz\nFront\t0\t1\t2\n", "and has place, x, y, z"),
        ("label\tx\ty\tz\nSide\t1\t2\t3\nFront\t0\tn/a\t2\n", "the centre of Front is no three"),
        ("label\tx\ty\tz\nFront\t0\tfar\t2\n", "the centre of Front is no three numbers"),
    ],
)
def test_a_table_of_centres_without_a_column_or_number_is_refused(table, message):
    _, problems = placed(table)
    assert message in problems[0].message
    # a column called name serves too
    assert placed(CENTRES.replace("label", "name"))[0].loc["sgACC", "parcel"] == "Side"


def test_wrong_names_stop_the_tables_as_they_stop_the_plan(series: Any):
    about = matrices(series).study.connectivity
    registry = load_registry(REPO / "atlases/circuits.yaml")
    square = Square(tuple(LABELS), np.eye(6), "r", {})
    good = require_parcels(registry, about, SPACE, {"a": square})
    assert good.set_index("region").loc["sgACC", "parcel"] == "Front"
    wrong = about.model_copy(update={"regions": {"sgACC": "Fron"}})
    with pytest.raises(StudyError, match="no matrix has this parcel"):
        require_parcels(registry, wrong, SPACE, {"a": square})


def test_a_run_that_was_not_read_does_not_hide_the_next(series: Any):
    registry = load_registry(REPO / "atlases/circuits.yaml")
    about = matrices(series).study.connectivity
    r = np.corrcoef(series["01", "a"].T)
    r[5] = r[:, 5] = np.nan
    squares = {"r2": Square(tuple(LABELS), r, "r", {"n_volumes": 60})}
    about = about.model_copy(update={"regions": {**REGIONS, "rAmygdala": "Far"}})
    placed = require_parcels(registry, about, SPACE, squares)
    runs = pd.DataFrame({"run": ["r1", "r2"], "participant_id": ["sub-1", "sub-2"],
                         "session": "a", "role": "pre"})  # fmt: skip
    notes = missing_regions(squares, placed, runs).set_index("region")["note"]
    assert set(missing_regions(squares, placed, runs)["run"]) == {"r2"}
    assert notes["rAmygdala"] == "Far has no correlation in this run"
    assert notes[["sgACC", "dACC"]].isna().all()
    table = circuit_connectivity(squares, placed, runs, registry)
    edge = table[(table["region_a"] == "sgACC") & (table["region_b"] == "rLPFC")]
    values = edge.set_index("participant_id")
    assert np.isnan(values.loc["sub-1", "z"])
    assert values.loc["sub-2", "r"] == pytest.approx(r[0, 1], abs=1e-9)
    assert values.loc["sub-2", "n_volumes"] == 60


def test_regions_are_listed_with_their_parcels_and_how_far_these_are(series: Any):
    registry = load_registry(REPO / "atlases/circuits.yaml")
    table, _ = placed(CENTRES, regions={"dACC": "Cing", "lAmygdala": "Front"})
    listed = given_regions(registry, table.reset_index(), SPACE).set_index("region")
    assert listed.loc["sgACC", "definition"] == (
        "Side, the nearest parcel, 3.0 mm from the region's centre"
    )
    # its centre is not in the table
    assert listed.loc["dACC", "definition"] == "Cing, the parcel named for it"
    assert listed.loc["lAmygdala", "definition"].startswith("Front, the parcel named for it, ")
    assert listed.loc["rAmygdala", "definition"].startswith("not measured: ")
    assert listed.loc["sgACC", ["hemisphere", "space", "distance"]].tolist() == [
        "midline", SPACE, 3,
    ]  # fmt: skip
    assert "sgacc-rlpfc" in listed.loc["sgACC", "circuits"].split(";")
    regions = {region.id: region for region in registry.used_regions}
    for name, row in listed.iterrows():
        assert row["verified"] == ("yes" if regions[name].verified else "no")
        assert (row["name"], row["source"]) == (regions[name].name, regions[name].source)


def test_what_is_known_of_motion_stands_beside_the_runs_that_tell_it():
    square = Square(("a", "b"), np.eye(2), "r", {"n_volumes": 60, "mean_fd": 0.2})
    runs = pd.DataFrame({"run": ["r0", "r1"], "participant_id": ["p", "q"], "session": "a",
                         "role": "pre", "status": "ok", "reason": None})  # fmt: skip
    table = square_runs(runs, {"r1": square}).set_index("run")
    assert table.loc["r1", ["n_volumes", "mean_fd"]].tolist() == [60, 0.2]
    assert table.loc["r1", ["n_censored", "max_fd", "seconds_kept"]].isna().all()
    assert table.loc["r0", ["n_volumes", "mean_fd"]].isna().all()


def test_runs_count_by_their_volumes_only_where_all_are_known():
    registry = load_registry(REPO / "atlases/circuits.yaml")
    about = config("matrices", "own", scale="r").study.connectivity
    runs = pd.DataFrame({"run": ["r1", "r2"], "participant_id": "sub-1", "session": "a",
                         "role": "pre"})  # fmt: skip
    for volumes, weights, shown in (((100, 300), (1, 3), 400), ((100, None), (1, 1), None)):
        squares = {}
        for run, r, n in zip(("r1", "r2"), (0.1, 0.5), volumes, strict=True):
            values = np.full((6, 6), r)
            known = {} if n is None else {"n_volumes": n}
            squares[run] = Square(tuple(LABELS), values, "r", known)
        parcels = require_parcels(registry, about, SPACE, squares)
        table = circuit_connectivity(squares, parcels, runs, registry)
        edge = table[(table["region_a"] == "sgACC") & (table["region_b"] == "rLPFC")].iloc[0]
        z = np.average(np.arctanh([0.1, 0.5]), weights=weights)
        assert edge["z"] == pytest.approx(z, abs=1e-9)
        assert pd.isna(edge["n_volumes"]) if shown is None else edge["n_volumes"] == shown
        assert table[["tdof", "coverage_a", "coverage_b"]].isna().all(axis=None)
