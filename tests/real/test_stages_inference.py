"""Both scans of a real trial through the whole inference family: no crash, no unexplained gap.

The series, arms and changes in symptoms (BPRS, psychosis) are the trial's own. It has no scores of
suicidal ideation or depression, no sites and no diagnoses of depression: those of the second study
are drawn at random here, and stand for nothing but their shape.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_design import design_of
from made_hypotheses import COLUMNS, hypotheses_table

from ketfc.base.files import write_tsv
from ketfc.imaging.atlas.parcellations import load_parcellation, parcel_centres
from ketfc.imaging.group.sessions import combine_runs
from ketfc.imaging.regions.registry import Registry, load_registry
from ketfc.imaging.run.connectivity import circuit_rows, fisher_z, pearson
from ketfc.inference.design.circuit_tests import incomplete_participants
from ketfc.inference.edges.edgewise import circuit_edges, edge_tests, parcel_edges
from ketfc.inference.robustness.checks import Settings
from ketfc.inference.robustness.table import robustness
from ketfc.study.config.config import parse_config
from ketfc.study.design.design import Design
from ketfc.study.plan import make_plan
from ketfc.study.runs.index import index_runs

SPACE = "MNI152NLin2009cAsym"
SERIES = "series/stages/ts_dt_AROMA_8Phys_bpf_419_parc.npz"
STRATEGY = "acompcor"
DRAWN: dict[str, Any] = {"strategy": STRATEGY, "seed": 1, "permutations": 499, "alpha": 0.05}
SETTINGS = Settings(
    seed=1,
    permutations=499,
    alpha=0.05,
    margin=0.1,
)
SUBCORTICAL = {
    "lHippocampus": 406, "lAmygdala": 407, "rHippocampus": 415, "rAmygdala": 416,
    # the trial has no habenula: the right thalamus stands for it, and for what surrounds it
    "rHabenula": 411, "rHabenulaShell": 411, "rPseudoHabenula": 411,
}  # fmt: skip
"""Rows of the series beyond the cortex, by region."""
ARMS = {"column": "arm", "ketamine": "medication", "control": "placebo"}
NO_SIGNAL = 1.0
"""A parcel whose mean is below this has none: 40 of sub-001, where others have hundreds."""


@dataclass(frozen=True)
class Study:
    """A plan, the connectivity of its sessions and the matrices of all parcels."""

    content: dict[str, Any]
    scores: pd.DataFrame
    connectivity: pd.DataFrame
    registry: Registry
    sessions: list[tuple[str, str, pd.DataFrame]]
    parcels: pd.DataFrame

    @property
    def design(self) -> Design:
        return design_of(self.content)

    @property
    def tables(self) -> tuple[Any, ...]:
        return self.connectivity, self.scores, self.design, list(self.registry.circuits.values())

    def hypotheses(self) -> pd.DataFrame:
        return hypotheses_table(*self.tables, **DRAWN)

    def robustness(self) -> pd.DataFrame:
        return robustness(*self.tables, strategy=STRATEGY, settings=SETTINGS)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(Path(__file__).parents[2] / "atlases" / "circuits.yaml")


@pytest.fixture(scope="module")
def parcels(kit: Path) -> pd.DataFrame:
    """Names, networks and centres of the 400 parcels, in the order of the series."""
    image = kit / "atlases/MNI152NLin2009cAsym_4mm/Schaefer2018_400Parcels_7Networks.nii.gz"
    labels = kit / "atlases/MNI152NLin6Asym_2mm/Schaefer2018_400Parcels_7Networks_order.txt"
    table = load_parcellation("Schaefer400", image, labels=labels, space=SPACE).table()
    return table.merge(parcel_centres(image, table), left_on="name", right_index=True)


@pytest.fixture(scope="module")
def series(kit: Path) -> dict[str, np.ndarray]:
    """Regions × volumes of every scan."""
    with np.load(kit / SERIES) as file:
        return {name: file[name].astype(np.float64) for name in file.files}


@pytest.fixture(scope="module")
def symptoms(kit: Path) -> pd.DataFrame:
    """The arm of each participant and the change in symptoms over six months, z-scored."""
    folder = kit / "series/stages/clinical"
    tables = [
        pd.read_csv(folder / f"bprs_change_scores_{arm}.txt", sep="\t").assign(arm=arm)
        for arm in ("medication", "placebo")
    ]
    return pd.concat(tables).set_index("BIDS_ID")[["arm", "outcome"]]


@dataclass(frozen=True)
class Measured:
    """``connectivity.tsv`` and the matrices of Fisher z between parcels, of every scan."""

    connectivity: pd.DataFrame
    sessions: list[tuple[str, str, pd.DataFrame]]


@pytest.fixture(scope="module")
def measured(series: dict[str, np.ndarray], registry: Registry, parcels: pd.DataFrame) -> Measured:
    """Correlate the series of every scan, as the workflow does after denoising."""
    rows = rows_of_regions(registry, parcels)
    names, cortex = parcels["name"].tolist(), parcels.index.to_numpy()
    tables, sessions, runs = [], [], []
    for stem, found in series.items():
        who, label = stem.split("_ses-")
        volumes = np.where(np.abs(found.mean(axis=1)) < NO_SIGNAL, np.nan, found.T)
        own = volumes[:, list(rows.values())]
        r = pd.DataFrame(pearson(own), list(rows), list(rows))
        coverage = pd.Series(np.isfinite(own).all(axis=0).astype(float), list(rows))
        role = {"1": "pre", "2": "post"}[label]
        about = {"participant_id": who, "session": label, "role": role}
        runs.append(about | {"run": stem})
        size = {"n_volumes": len(volumes), "tdof": float(len(volumes))}
        table = circuit_rows(r, registry.circuits.values(), coverage)
        tables.append(table.assign(**about, **size, strategy=STRATEGY))
        z = pd.DataFrame(fisher_z(pearson(volumes[:, cortex])), names, names)
        sessions.append((who, role, z))
    combined = combine_runs(tables, registry, pd.DataFrame(runs), [STRATEGY])
    return Measured(combined, sessions)


def rows_of_regions(registry: Registry, parcels: pd.DataFrame) -> dict[str, int]:
    """Return the row of the series that stands for each region: the nearest parcel's in cortex."""
    centres = parcels[["x", "y", "z"]].to_numpy()
    found = {}
    for region in registry.used_regions:
        place = np.array(region.spheres_in(SPACE)[0].centre)
        nearest = int(np.linalg.norm(centres - place, axis=1).argmin())
        found[region.id] = SUBCORTICAL.get(region.id, nearest)
    return found


def study_of(
    folder: Path, people: pd.DataFrame, config: dict[str, Any], measured: Measured, **rest: Any
) -> Study:
    """Plan a study as the workflow does, from image files without content."""
    for who, role, _ in measured.sessions:
        session = {"pre": "1", "post": "2"}[role]
        func = folder / who / f"ses-{session}" / "func"
        func.mkdir(parents=True)
        stem = f"{who}_ses-{session}_task-rest"
        for name in ("desc-preproc_bold.nii.gz", "desc-brain_mask.nii.gz"):
            (func / f"{stem}_space-{SPACE}_{name}").touch()
        (func / f"{stem}_desc-confounds_timeseries.tsv").touch()
    write_tsv(folder / "participants.tsv", people.reset_index(names="participant_id"))
    about = {"name": "stages", "space": SPACE, "derivatives": str(folder)}
    about |= {"sessions": {"pre": "1", "post": "2"}}
    parsed = parse_config({**config, "study": about | config["study"]})
    plan = make_plan(parsed, index_runs(parsed.study, [folder]), [folder])
    assert plan.usable, [p for p in plan.problems if p.severity == "error"]
    return Study(
        plan.design.to_json(),
        plan.scores,
        measured.connectivity,
        sessions=measured.sessions,
        **rest,
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory, symptoms, measured, registry, parcels) -> Study:
    """The trial as it was: two arms and changes in symptoms."""
    people = symptoms.reindex(sorted({who for who, *_ in measured.sessions}))
    config = {
        "study": {"arms": ARMS},
        "scores": {
            "table": "participants.tsv",
            "si": {"instrument": "BPRS", "change-column": "outcome"},
        },
    }
    rest = {"registry": registry, "parcels": parcels}
    return study_of(tmp_path_factory.mktemp("real"), people, config, measured, **rest)


@pytest.fixture(scope="module", params=["two arms", "one arm"])
def synthetic(request, tmp_path_factory, symptoms, measured, registry, parcels) -> Study:
    """The same scans with SYNTHETIC scores, ages, sites and diagnoses; with the arms, or pooled."""
    rng = np.random.default_rng(20251122)
    people = symptoms.reindex(sorted({who for who, *_ in measured.sessions}))[["arm"]]
    n = len(people)
    # many at the floor after treatment, as scores of ideation are
    before, mood = rng.integers(4, 25, n), rng.integers(20, 40, n)
    after = np.maximum(before - rng.integers(0, 20, n), 0).astype(object)
    after[rng.random(n) < 0.05] = None
    people = people.assign(
        **{"SSI_ses-1": before, "SSI_ses-2": after},
        **{"MADRS_ses-1": mood, "MADRS_ses-2": np.maximum(mood - rng.integers(0, 20, n), 0)},
        **{"item_ses-1": rng.integers(2, 5, n), "item_ses-2": rng.integers(0, 3, n)},
        age=rng.integers(18, 60, n),
        site=rng.choice(["A", "B", "C"], n),
        diagnosis=rng.choice(["MDD", "BD"], n, p=[0.6, 0.4]),
    )
    config = {
        "study": {
            "arms": ARMS if request.param == "two arms" else None,
            "covariates": {"age": "age", "site": "site"},
            "diagnosis": {"column": "diagnosis", "unipolar": "MDD", "bipolar": "BD"},
        },
        "scores": {
            "table": "participants.tsv",
            "si": {"instrument": "SSI", "column": "SSI"},
            "depression": {"instrument": "MADRS", "column": "MADRS", "si-item": "item"},
        },
        "statistics": {"covariates": ["age"], "blocks": "site"},
    }
    rest = {"registry": registry, "parcels": parcels}
    return study_of(tmp_path_factory.mktemp("synthetic"), people, config, measured, **rest)


NUMBERS = {
    "primary-change": ("p_holm", "p_fwer"),
    "primary-association": ("p_holm", "p_fwer"),
    "secondary": ("p_holm", "p_fdr"),
    "moderation": ("p_holm", "p_fdr"),
    "baseline-connectivity": ("p_holm", "p_fdr"),
}
"""Corrected p of each family of tests; described changes have no p at all."""
METHODS: dict[str, tuple[str, ...]] = {
    "hc2": ("estimate", "ci_low", "ci_high", "statistic", "df", "p"),
    "hc3": ("estimate", "ci_low", "ci_high", "statistic", "df", "p"),
    "ranks": ("estimate", "ci_low", "ci_high", "statistic", "df", "p"),
    "mann-whitney": ("estimate", "ci_low", "ci_high", "statistic", "p", "effect_size"),
    "tost": ("estimate", "ci_low", "ci_high", "p"),
    "t": ("estimate", "ci_low", "ci_high", "statistic", "df", "p"),
    "wilcoxon": ("estimate", "ci_low", "ci_high", "statistic", "p", "effect_size"),
    "d-av": ("estimate", "effect_size"),
    "depression-adjusted": ("estimate", "ci_low", "ci_high", "statistic", "df", "p"),
    "detectable": ("effect_size",),
}
"""The numbers that a method of the robustness table has, where they are others than these:"""
USUAL = ("estimate", "ci_low", "ci_high")


def test_everybody_is_planned_and_36_have_both_scans_an_arm_and_a_score(real):
    assert len(real.content["participants"]) == 55
    assert Counter(real.content["participants"].values()) == {
        "ketamine": 31,
        "control": 14,
        None: 10,
    }
    table = real.hypotheses().set_index(["hypothesis", "test"])
    assert table.loc[("dmn", "change"), ["n", "n_excluded"]].tolist() == [36, 19]
    # sub-001 has no signal in the anterior cingulate
    assert table.loc[("salience", "change"), ["n", "n_excluded"]].tolist() == [35, 20]
    left_out = incomplete_participants(*real.tables, strategy=STRATEGY)
    why = left_out.set_index(["hypothesis", "test", "participant_id"])["reason"]
    assert why["salience", "change", "sub-001"] == "connectivity excluded at pre; " + (
        "connectivity excluded at post"
    )


def every_gap_of_the_hypotheses_is_explained(study: Study) -> None:
    table = study.hypotheses()
    assert tuple(table.columns) == COLUMNS
    assert table["verdict"].notna().all()
    assert (table["n"] + table["n_excluded"] > 0).all()
    untested = table[table["estimate"].isna()]
    assert untested["flags"].notna().all()
    assert untested["verdict"].str.contains("no result, because").all()
    # the thalamus stands for the habenula and its surroundings: nothing is left of it
    gone = untested["hypothesis"] == "habenula-cortex-shell"
    assert (gone | untested["flags"].str.startswith("small-cell: ")).all()
    for row in table[table["estimate"].notna()].to_dict("records"):
        needed = ["ci_low", "ci_high", "effect_size", "df"]
        if row["family"] != "descriptive":
            tested = ["statistic", "p_permutation", "p_parametric", "bf10", "permutations"]
            needed += [*tested, *NUMBERS[row["family"]]]
        lacking = [name for name in needed if pd.isna(row[name])]
        assert not lacking, (row["hypothesis"], row["test"], lacking)
        p = [row[name] for name in needed if name.startswith("p_")]
        assert all(0 < one <= 1 for one in p)
    assert not np.isinf(table.select_dtypes("number").to_numpy(dtype=float)).any()


def every_gap_of_the_robustness_table_is_explained(study: Study) -> None:
    table = study.robustness()
    primary = [key for key, one in study.registry.circuits.items() if one.primary]
    assert table["hypothesis"].unique().tolist() == primary
    depression = {"depression-adjusted"} if study.content["depression"] else set()
    found = set(table.loc[table["test"] == "association", "method"])
    assert found >= {"theil-sen"} | depression
    for row in table.to_dict("records"):
        needed = METHODS.get(row["method"], USUAL)
        # ranks give a moderation a correlation, whose interval is not that of a slope
        if row["method"] == "ranks" and row["test"] != "change":
            needed = ("estimate", "statistic", "df", "p")
        lacking = [name for name in needed if pd.isna(row[name])]
        explained = not lacking or pd.notna(row["flags"])
        assert explained, (row["hypothesis"], row["test"], row["method"], lacking)
        assert row["note"] or not lacking
    assert table["p"].dropna().between(0, 1).all()
    assert not np.isinf(table.select_dtypes("number").to_numpy(dtype=float)).any()


def edges_of(study: Study, parcels: pd.DataFrame) -> pd.DataFrame:
    about = {"strategy": STRATEGY}
    circuits = study.registry.circuits.values()
    sets = [
        parcel_edges(study.sessions, study.design, parcels, atlas="Schaefer400"),
        circuit_edges(study.connectivity, study.design, circuits, **about),
    ]
    drawn = DRAWN | {"permutations": 99}
    return edge_tests(sets, study.scores, study.design, **drawn)


def explained(edges: pd.DataFrame) -> None:
    missing = edges["estimate"].isna()
    assert edges.loc[missing, "reason"].isin(["not-measured", "constant", "too-few"]).all()
    numbers = [
        "statistic",
        "df",
        "p_permutation",
        "p_parametric",
        "p_fwer",
        "p_fdr",
        "permutations",
    ]
    assert edges.loc[~missing, numbers].notna().all(axis=None)
    assert edges.loc[~missing, "reason"].isna().all()
    # nothing is left of the habenula once the thalamus is regressed from the thalamus
    assert set(edges.loc[missing, "circuit"]) == {"habenula-cortex-shell"}


@pytest.mark.filterwarnings("error")
def test_the_real_trial_has_no_gap_that_is_not_explained(real):
    every_gap_of_the_hypotheses_is_explained(real)
    every_gap_of_the_robustness_table_is_explained(real)


@pytest.mark.filterwarnings("error")
def test_nor_has_it_with_synthetic_scores_sites_and_diagnoses(synthetic):
    every_gap_of_the_hypotheses_is_explained(synthetic)
    every_gap_of_the_robustness_table_is_explained(synthetic)


def test_edges_of_the_circuits_and_of_one_network_are_tested_or_say_why_not(real):
    visual = real.parcels[real.parcels["network"] == "Vis"]
    edges = edges_of(real, visual)
    assert (edges["atlas"] == "Schaefer400").sum() == len(visual) * (len(visual) - 1)
    explained(edges)


@pytest.mark.slow
def test_all_79800_edges_are_tested_or_say_why_not(synthetic):
    edges = edges_of(synthetic, synthetic.parcels)
    schaefer = edges[edges["atlas"] == "Schaefer400"]
    assert len(schaefer) == 2 * 79_800
    explained(edges)
    # of sub-001, 40 regions have no signal
    assert schaefer.groupby("family")["n"].agg(np.ptp).eq(1).all()
