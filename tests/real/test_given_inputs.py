"""A real trial's series in the shapes of other programs: one study, whichever way it comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from made_given import (
    Series,
    pearson,
    write_arrays,
    write_conn,
    write_edges,
    write_giga,
    write_giga_tables,
    write_matrices,
    write_xcpd,
)
from made_study import REPO, snakemake

from ketfc.base.files import read_tsv
from ketfc.imaging.atlas.parcellations import load_parcellation, parcel_centres
from ketfc.imaging.group.given_tables import given_tables
from ketfc.imaging.regions.registry import load_registry
from ketfc.inference.hypotheses import evaluate_hypotheses
from ketfc.study.config.config import parse_config
from ketfc.study.connectivity.sessions import given_index
from ketfc.study.design.design import Design
from ketfc.study.design.detection import describe_design

ATLAS = "MNI152NLin2009cAsym_4mm/Schaefer2018_400Parcels_7Networks.nii.gz"
ORDER = "MNI152NLin6Asym_2mm/Schaefer2018_400Parcels_7Networks_order.txt"
SESSIONS = ["1", "2"]
STUDY: dict[str, Any] = {"name": "shapes", "sessions": {"pre": "1", "post": "2"}}
SCORES = {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}}


@pytest.fixture(scope="module")
def centres(kit: Path) -> pd.DataFrame:
    """The centre of every cortical parcel, in mm."""
    parcellation = load_parcellation(
        "Schaefer400",
        kit / "atlases" / ATLAS,
        labels=kit / "atlases" / ORDER,
        space="MNI152NLin2009cAsym",
    )
    table = pd.DataFrame({"index": range(1, 401), "name": parcellation.names})
    return parcel_centres(kit / "atlases" / ATLAS, table)


@pytest.fixture(scope="module")
def series(kit: Path) -> Series:
    """Whoever has both sessions; the cortex, every eighth parcel."""
    found = np.load(kit / "series/stages/ts_dt_AROMA_8Phys_bpf_419_parc.npz")
    people = sorted({key.split("_")[0] for key in found} & {
        key.split("_")[0] for key in found if key.endswith("ses-2")})[:14]  # fmt: skip
    made = {}
    for who in people:
        for session in SESSIONS:
            values = np.asarray(found[f"{who}_ses-{session}"], dtype=np.float64)
            values = values if values.shape[1] == 419 else values.T
            made[who.removeprefix("sub-"), session] = values[:, :400:8]
    return made


@pytest.fixture(scope="module")
def configs(
    series: Series, centres: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """The section `connectivity` of every shape."""
    folder = tmp_path_factory.mktemp("shapes")
    labels = list(centres.index[::8])
    centres.rename_axis("label").to_csv(folder / "parcels.tsv", sep="\t", na_rep="n/a")
    (folder / "labels.txt").write_text("\n".join(labels), encoding="utf-8")
    write_edges(folder / "edges.tsv", series, labels)
    write_matrices(folder / "matrices", series, labels)
    write_arrays(folder / "arrays", series)
    write_xcpd(folder / "relmats", series, labels, matrices=True, outliers=5)
    write_xcpd(folder / "series", series, labels, matrices=False, outliers=5)
    write_giga(folder / "giga.h5", series)
    write_giga_tables(folder / "giga", series)
    write_conn(folder / "conn", series, labels, SESSIONS)
    people = sorted({who for who, _ in series})
    names = {f"Subject{i:03}": who for i, who in enumerate(people, start=1)}
    common = {"parcels": str(folder / "parcels.tsv"), "max-distance": 25}
    named = {"labels": str(folder / "labels.txt")}
    conditions = {"Condition001": "1", "Condition002": "2"}
    return {
        "edges": common | {"kind": "edges", "path": str(folder / "edges.tsv"),
                           "values": {"r": "r"}},
        "matrices": common | {"kind": "matrices", "path": str(folder / "matrices"), "scale": "r"},
        "arrays": common | named | {"kind": "matrices", "path": str(folder / "arrays"),
                                    "scale": "arctan"},
        "relmats": common | {"kind": "xcp-d", "path": str(folder / "relmats")},
        "series": common | {"kind": "xcp-d", "path": str(folder / "series")},
        "giga": common | named | {"kind": "giga-connectome", "path": str(folder / "giga.h5")},
        "giga tables": common | named | {"kind": "giga-connectome", "path": str(folder / "giga")},
        "conn": common | {"kind": "conn", "path": str(folder / "conn"), "sessions": conditions,
                          "participants": names},
    }  # fmt: skip


def connectivity(about: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame, Design]:
    config = parse_config({"study": STUDY | {"connectivity": about}, "scores": SCORES})
    index = given_index(config.study)
    assert [problem for problem in index.problems if problem.severity == "error"] == []
    runs = pd.DataFrame([vars(run) for run in index.runs]).rename(columns={"name": "run"})
    runs = runs.assign(status="ok", reason=None)
    registry = load_registry(REPO / "atlases/circuits.yaml")
    tables = given_tables(config.study, runs, registry)
    people = dict.fromkeys(sorted(index.participants))
    return tables["connectivity"], tables["regions"], describe_design(config, people)[0]


def p_values(table: pd.DataFrame, design: Design) -> pd.Series:
    scores = pd.DataFrame(columns=["participant_id", "scale", "instrument", "role", "score"])
    every = load_registry(REPO / "atlases/circuits.yaml").circuits
    circuits = [every["dmn"], every["salience"]]
    found, _ = evaluate_hypotheses(
        table, scores, design, circuits,
        strategy=design.strategy, seed=3, permutations=100, alpha=0.05,
    )  # fmt: skip
    return found.set_index(["hypothesis", "test"])["p_permutation"]


SHAPES = ["matrices", "arrays", "relmats", "series", "giga", "giga tables", "conn"]


@pytest.fixture(scope="module")
def tidy(configs) -> tuple[pd.DataFrame, pd.DataFrame, Design]:
    return connectivity(configs["edges"])


@pytest.fixture(scope="module")
def tidy_p(tidy) -> pd.Series:
    return p_values(tidy[0], tidy[2])


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_gives_the_same_connectivity_and_p_values(name: str, configs, tidy, tidy_p):
    table, _, design = connectivity(configs[name])
    expected, _, _ = tidy
    keys = ["participant_id", "session", "circuit", "measure", "region_a", "region_b"]
    assert table[keys].equals(expected[keys])
    z, known = table["z"].to_numpy(), expected["z"].to_numpy()
    assert np.isfinite(known).sum() > 200
    np.testing.assert_allclose(z, known, rtol=0, atol=1e-6)
    p = p_values(table, design)
    assert p.notna().sum() >= 1
    pd.testing.assert_series_equal(p, tidy_p)


def test_it_is_the_connectivity_of_the_series(tidy, series, centres):
    table, regions, _ = tidy
    labels = list(centres.index[::8])
    parcels = regions.set_index("region")["definition"].str.partition(",")[0]
    edges = table[(table["circuit"] == "dmn") & (table["measure"] == "edge")].dropna(subset=["z"])
    for row in edges.sample(40, random_state=1).to_dict("records"):
        values = series[row["participant_id"].removeprefix("sub-"), row["session"]]
        r = pearson(values)
        a, b = (labels.index(parcels[row[end]]) for end in ("region_a", "region_b"))
        assert row["r"] == pytest.approx(r[a, b], abs=1e-6)


def test_the_distance_of_every_parcel_is_told(tidy):
    _, regions, _ = tidy
    row = regions.set_index("region").loc["mPFC"]
    assert 0 < row["distance"] < 25
    assert (
        f"the nearest parcel, {row['distance']:.1f} mm from the region's centre"
        in row["definition"]
    )


@pytest.mark.slow
def test_xcpd_runs_from_a_config_to_its_report(configs, series, centres, tmp_path: Path):
    people = sorted({who for who, _ in series})
    rng = np.random.default_rng(9)
    scores = pd.DataFrame({"participant_id": people, "SSI_ses-1": rng.integers(8, 30, len(people)),
                           "SSI_ses-2": rng.integers(0, 20, len(people))})  # fmt: skip
    scores.to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    raw = {"study": STUDY | {"connectivity": configs["series"]}, "scores": SCORES,
           "statistics": {"permutations": 300}}  # fmt: skip
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    done = snakemake("--configfile", "config.yaml", folder=tmp_path, cores=1)
    assert done.code == 0, done.text
    results = tmp_path / "results"
    motion = read_tsv(results / "quality/motion.tsv")
    # XCP-D tells head motion, so that the gate is looked at
    assert "not-assessed" not in set(motion["gate"])
    exclusions = read_tsv(results / "quality/exclusions.tsv")
    assert "check" not in set(exclusions["stage"])
    assert "parcel" in set(exclusions["rule"])
    methods = (results / "methods.md").read_text(encoding="utf-8")
    assert "read from the outputs of XCP-D" in methods
    assert "as the parcel whose centre is nearest" in methods
    for name in ("circuits", "matrices", "edges", "networks"):
        assert (results / f"figures/{name}.png").is_file()
    # every pair of the 50 parcels, in a family of its own
    edges = read_tsv(results / "tests/edges.tsv")
    own = edges[edges["family"] == "edges-change-Parcels"]
    assert len(own) == 50 * 49 // 2
    assert (own["network_a"] == "Default").any()
    relmat = read_tsv(results / "tests/mean_relmat.tsv", numeric=("z",))
    pair = relmat[relmat["role"] == "pre"].iloc[7]
    at = [list(centres.index[::8]).index(pair[end]) for end in ("region_a", "region_b")]
    z = [np.arctanh(pearson(series[who, "1"])[at[0], at[1]]) for who in people]
    assert pair["z"] == pytest.approx(np.mean(z), abs=1e-5)
    networks = read_tsv(results / "tests/networks.tsv", numeric=("p_permutation",))
    assert networks["p_permutation"].notna().sum() > 10
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "Exploratory: every edge" in page
    assert "Three networks" in page
    tested = read_tsv(results / "tests/hypotheses.tsv").set_index(["hypothesis", "test"])
    assert tested.loc[("dmn", "change"), "p_permutation"] is not None
