"""Result tables of made-up studies, in the columns of the workflow's files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache, wraps
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
from made_design import design_of
from made_hypotheses import hypotheses_table

from ketfc.inference.account.attrition import attrition
from ketfc.inference.clinical.effects import clinical_effects
from ketfc.inference.design.circuit_tests import incomplete_participants
from ketfc.inference.edges.edgewise import circuit_edges, edge_tests, parcel_edges
from ketfc.inference.hypotheses import evaluate_hypotheses
from ketfc.inference.influence.left_out import influence, primary_tests
from ketfc.inference.influence.stability import stability
from ketfc.inference.motion.gate import motion_tests
from ketfc.inference.motion.qcfc import qcfc
from ketfc.inference.networks.triple_network import network_measures, network_tests
from ketfc.inference.reliability.table import reliability
from ketfc.inference.robustness.checks import Settings
from ketfc.inference.robustness.table import robustness
from ketfc.inference.shrinkage import shrunken_table
from ketfc.inference.specifications.choices import Choices
from ketfc.inference.specifications.table import specification_tables
from ketfc.study.design.design import Design
from ketfc.study.scores.instruments import Rule
from ketfc.study.scores.response import clinical_scores, clinical_summary, compared_roles

CENTRES = {
    "sgACC": (0, 21, -10), "rLPFC": (41, 38, 30), "rHabenula": (3.6, -23.1, 2.7),
    "rFrontalPole": (26, 52, 8), "rOccipitalPole": (18, -95, 8), "rTemporalPole": (41, 13, -30),
    "rParahippocampal": (22, -20, -26), "lLOC": (-45, -74, 4), "lAmygdala": (-22, -4, -18),
    "rAmygdala": (24, -4, -18), "dACC": (0, 22, 35), "mPFC": (1, 55, -3), "PCC": (1, -61, 38),
    "lLP": (-39, -77, 33), "rLP": (47, -67, 29), "lHippocampus": (-26, -22, -14),
    "rHippocampus": (28, -22, -14), "lAInsula": (-44, 13, 1), "rAInsula": (47, 14, 0),
    "lRPFC": (-32, 45, 27), "rRPFC": (32, 46, 27),
}  # fmt: skip
DMN = ["mPFC", "PCC", "lLP", "rLP", "lHippocampus", "rHippocampus"]
SALIENCE = ["dACC", "lAInsula", "rAInsula", "lRPFC", "rRPFC"]
TARGETS = ["rFrontalPole", "rOccipitalPole", "rTemporalPole", "rParahippocampal", "lLOC"]
CIRCUITS: dict[str, tuple[str, list[tuple[str, str]], bool]] = {
    "sgacc-rlpfc": ("sgACC – right lateral PFC", [("sgACC", "rLPFC")], True),
    "habenula-cortex": ("right habenula – cortex", list(product(["rHabenula"], TARGETS)), True),
    "amygdala-dacc": (
        "amygdala – dorsal ACC",
        [("lAmygdala", "dACC"), ("rAmygdala", "dACC")],
        True,
    ),
    "dmn": ("default mode network, within", list(combinations(DMN, 2)), True),
    "salience": ("salience network, within", list(combinations(SALIENCE, 2)), True),
    "dmn-salience": ("default mode – salience", list(product(DMN, SALIENCE)), False),
}
SEITZMAN = {
    "Auditory": 12, "CinguloOpercular": 19, "DefaultMode": 55, "DorsalAttention": 14,
    "FrontoParietal": 27, "MedialTemporalLobe": 2, "ParietoMedial": 5, "Reward": 4, "Salience": 9,
    "SomatomotorDorsal": 32, "SomatomotorLateral": 5, "VentralAttention": 9, "Visual": 34,
    "unassigned": 12,
}  # fmt: skip
PLANTED = {"sgacc-rlpfc": 0.30, "amygdala-dacc": -0.28}


@dataclass(frozen=True)
class Circuit:
    """Fields of a circuit that the tests need."""

    id: str
    name: str
    primary: bool
    expected_sign: str
    direction: str | None = None
    registration: str | None = None
    variant_of: str | None = None
    quantity: str = "connectivity"
    unit: str = "Fisher z"
    edges: tuple[tuple[str, str], ...] = ()
    regress: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """One study's tables, as `ketfc.base.files.read_tsv` would return them."""

    content: dict[str, Any]
    config: dict[str, Any]
    connectivity: pd.DataFrame
    scores: pd.DataFrame
    hypotheses: pd.DataFrame
    incomplete: pd.DataFrame
    regions: pd.DataFrame
    mean_relmat: pd.DataFrame
    exclusions: pd.DataFrame
    runs: pd.DataFrame
    sidecars: dict[str, list[dict[str, Any]]]
    versions: dict[str, str]
    null: pd.DataFrame
    habenula: pd.DataFrame
    motion: pd.DataFrame
    qcfc: pd.DataFrame
    qcfc_curves: pd.DataFrame
    robustness: pd.DataFrame
    reliability: pd.DataFrame
    shrinkage: pd.DataFrame
    curves: pd.DataFrame
    attrition: pd.DataFrame
    influence: pd.DataFrame
    stability: pd.DataFrame

    @property
    def design(self) -> Design:
        """The design that ``design.json`` describes."""
        return design_of(self.content)


def made_once(make: Callable[..., Made]) -> Callable[..., Made]:
    """Make each study once for all tests, since this takes seconds; each gets a copy to change."""
    made = cache(make)

    @wraps(make)
    def copied(**about: Any) -> Made:
        return deepcopy(made(**about))

    return copied


@made_once
def two_arms(*, seed: int = 1, size: int = 16, study: str = "demo", parcels: int = 0) -> Made:
    """A parallel study: one lacks a post session, one a score, one moved too much."""
    return _study(
        seed, size, study, {"ketamine": "ketamine", "control": "midazolam"}, "pre-post", parcels
    )


@made_once
def one_arm(*, seed: int = 2, size: int = 12) -> Made:
    """A study in which everybody received ketamine."""
    return _study(seed, size, "open label", None, "pre-post", 0)


@made_once
def changes_only(*, seed: int = 3) -> Made:
    """A study whose score table holds changes, with its own names for the arms."""
    arms = {"ketamine": "medication", "control": "placebo"}
    return _study(seed, 12, "changes", arms, "change", 0)


@made_once
def without_scores() -> Made:
    """A study that measured no suicidal ideation."""
    made = two_arms()
    scores = made.scores[made.scores["scale"] != "si"]
    return retested(replace(made, content={**made.content, "si": None}, scores=scores))


@made_once
def without_pairs() -> Made:
    """A study in which nobody came back: every post value is missing."""
    made = two_arms()
    connectivity = made.connectivity.copy()
    connectivity.loc[connectivity["role"] == "post", ["r", "z"]] = np.nan
    matrices = made.mean_relmat.copy()
    matrices.loc[matrices["role"] == "post", "z"] = np.nan
    return retested(replace(made, connectivity=connectivity, mean_relmat=matrices))


@made_once
def nothing_measured() -> Made:
    """A study whose every number is missing."""
    made = two_arms()
    connectivity = made.connectivity.assign(r=np.nan, z=np.nan)
    matrices = made.mean_relmat.assign(z=np.nan, n=0)
    return retested(replace(made, connectivity=connectivity, mean_relmat=matrices))


@made_once
def with_holes() -> Made:
    """A circuit without any value, one without one of its edges, a matrix without two regions."""
    made = two_arms()
    connectivity = made.connectivity.copy()
    edge = (connectivity["region_a"] == "mPFC") & (connectivity["region_b"] == "PCC")
    dmn = (connectivity["circuit"] == "dmn") & (connectivity["measure"] == "mean")
    lost = (connectivity["circuit"] == "habenula-cortex") | edge | dmn
    connectivity.loc[lost, ["r", "z"]] = np.nan
    matrices = made.mean_relmat.copy()
    ends = matrices[["region_a", "region_b"]]
    matrices.loc[(ends == "rHabenula").any(axis=1), "z"] = np.nan
    return retested(replace(made, connectivity=connectivity, mean_relmat=matrices))


def retested(made: Made) -> Made:
    hypotheses, incomplete = _hypotheses(made.connectivity, made.scores, made.design)
    motion = _motion(made.connectivity, made.runs, made.design)
    robust = _robustness(made.connectivity, made.scores, made.design)
    made = replace(
        made, hypotheses=hypotheses, incomplete=incomplete, motion=motion, robustness=robust
    )
    return replace(made, **_beside(made.connectivity, made.scores, made.runs, made.design))


def _study(
    seed: int, size: int, study: str, arms: dict[str, str] | None, shape: str, parcels: int
) -> Made:
    rng = np.random.default_rng(seed)
    participants = {
        f"sub-{i + 1:02d}": (None if arms is None else ("ketamine", "control")[i % 2])
        for i in range(size)
    }
    content: dict[str, Any] = {
        "kind": "single-arm" if arms is None else "parallel",
        "baseline": "pre",
        "followup": "post",
        "sessions": {"pre": "pre", "post": "post"},
        "arms": arms,
        "participants": participants,
        "si": {"instrument": "SSI", "shape": shape},
        "depression": {"instrument": "MADRS", "shape": shape},
        "estimand": {
            "change": "Mean change in connectivity from pre to post."
            if arms is None
            else f"Difference between {arms['ketamine']} and {arms['control']} in connectivity at "
            "post, adjusted for connectivity at pre.",
            "association": "Difference in SSI at post per unit of change in Fisher z, given "
            "baseline SSI; an association, not an effect.",
        },
        "control_tested": arms is not None,
        "study": study,
        "strategy": "acompcor",
        "alpha": 0.05,
    }
    design = design_of(content)
    fall = {one: rng.normal(7 if arm != "control" else 2, 3.5) for one, arm in participants.items()}
    scores = _scores(rng, participants, fall, shape)
    connectivity = _connectivity(rng, participants, fall)
    people = list(participants)
    absent = connectivity["participant_id"].isin([people[2], people[-1]])
    gone = absent & (connectivity["role"] == "post")
    connectivity.loc[gone, ["r", "z"]] = np.nan
    hypotheses, incomplete = _hypotheses(connectivity, scores, design)
    runs = _runs(rng, participants)
    edges, curves = _qcfc(np.random.default_rng(seed), runs, design)
    return Made(
        content=content,
        config=_config(study, arms),
        connectivity=connectivity,
        scores=scores,
        hypotheses=hypotheses,
        incomplete=incomplete,
        regions=_regions(),
        mean_relmat=_mean_relmat(rng, arms, parcels),
        exclusions=_exclusions(participants),
        runs=runs,
        sidecars=_sidecars(),
        motion=_motion(connectivity, runs, design),
        qcfc=edges,
        qcfc_curves=curves,
        robustness=_robustness(connectivity, scores, design),
        **_beside(connectivity, scores, runs, design),
        versions={
            "ketfc": "0.1.0",
            "nilearn": "0.14.1",
            "Snakemake": "9.15.0",
            "fMRIPrep": "24.1.1",
        },
        null=_null(),
        habenula=_habenula(),
    )


def _null() -> pd.DataFrame:
    rows = [(key, 1000, 97.5, None, None) for key in CIRCUITS]
    rows[0] = (rows[0][0], 1000, 99.1, "size", None)
    rows[-1] = (rows[-1][0], 0, np.nan, None, "too few spheres like its regions")
    return pd.DataFrame(rows, columns=["circuit", "n_null", "percentile", "unmatched", "reason"])


def _habenula() -> pd.DataFrame:
    row = ("rHabenula", 3.75, 3.75, 3.5, "header", 31, "spheroid", 0.43, 0.32, 0.28)
    columns = [
        "region", "native_x", "native_y", "native_z", "native_source", "runs", "body",
        "best_voxel_fraction", "region_purity", "weighted_purity", "verdict",
    ]  # fmt: skip
    return pd.DataFrame([(*row, "peri-habenular only")], columns=columns)


def _sidecars() -> dict[str, list[dict[str, Any]]]:
    motion = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    endings = ("", "_derivative1", "_power2", "_derivative1_power2")
    compcor = [name + end for name in motion for end in endings[:2]]
    compcor += [f"{mask}_comp_cor_{i:02d}" for mask in "wc" for i in range(5)]
    files: dict[str, list[dict[str, Any]]] = {"acompcor": [], "24P": []}
    for cosines in (3, 4):
        columns = compcor + [f"cosine{i:02d}" for i in range(cosines)]
        files["acompcor"].append(
            {
                "ConfoundColumns": columns,
                "CompCorMask": "separate",
                "CompCorComponents": {"CSF": 5, "WM": 5},
                "HighPass": f"{cosines} cosine regressors of fMRIPrep",
                "LowPassHz": None,
                "Excluded": None,
            }
        )
    excluded = {"ConfoundColumns": [], "HighPass": None, "Excluded": "180 s are left"}
    files["acompcor"].append(excluded)
    columns = [name + end for name in motion for end in endings]
    files["24P"].append(
        {"ConfoundColumns": columns, "HighPass": "Butterworth, 0.01 Hz", "LowPassHz": 0.1}
    )
    return files


def _clinical(made: Made) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return scores, their changes, participants and the summary of the clinical course."""
    scores = made.scores.assign(hours=float("nan"), score=pd.to_numeric(made.scores["score"]))
    pairs = zip(scores["scale"], scores["item"], strict=True)
    rules = {pair: Rule("SSI", low=0, high=38, remission=3) for pair in pairs}
    arms = made.content["participants"]
    people = pd.DataFrame({"participant_id": list(arms), "arm": list(arms.values()), "group": None})
    course = clinical_scores(scores, rules, compared_roles(made.design))
    return scores, course, people, clinical_summary(scores, course, people, rules, made.design)


def clinical_of(made: Made) -> pd.DataFrame:
    """Return the summary of the clinical course as it is read from its file."""
    return _clinical(made)[3]


def effects_of(made: Made) -> pd.DataFrame:
    """Return the effects on the scores."""
    scores, course, people, _ = _clinical(made)
    about = {"seed": 1, "permutations": 200, "alpha": 0.05}
    return clinical_effects(scores, course, people, made.design, **about)


def edges_of(made: Made) -> pd.DataFrame:
    """Return every edge's tests: those among the first regions rise, of one nobody has a pair."""
    rng = np.random.default_rng(5)
    matrix = made.mean_relmat
    names = list(dict.fromkeys([*matrix["region_a"], *matrix["region_b"]]))
    pairs = zip(matrix["region_a"], matrix["network_a"], strict=True)
    network = dict(pairs) | dict(zip(matrix["region_b"], matrix["network_b"], strict=True))
    parcels = pd.DataFrame({"name": names, "network": [network[name] for name in names]})
    known = made.connectivity.dropna(subset=["z"])
    sessions = []
    for who, role in known[["participant_id", "role"]].drop_duplicates().to_numpy().tolist():
        z = rng.normal(0.2, 0.1, (len(names), len(names)))
        if role == "post":
            z[3] = z[:, 3] = np.nan
            z[:3, :3] += 0.6 * (made.content["participants"][who] != "control")
        sessions.append((who, role, pd.DataFrame(z, names, names)))
    circuits = [
        Circuit(key, name, primary, "?", edges=tuple(edges))
        for key, (name, edges, primary) in CIRCUITS.items()
    ]
    about = {"strategy": "acompcor"}
    sets = [
        parcel_edges(sessions, made.design, parcels, atlas=str(matrix["atlas"].iloc[0])),
        circuit_edges(made.connectivity, made.design, circuits, **about),
    ]
    return edge_tests(sets, made.scores, made.design, seed=1, permutations=499, alpha=0.05, **about)


def networks_of(made: Made) -> pd.DataFrame:
    """Return the tests of the three networks: the default mode loses connectivity under ketamine.

    Whoever has no connectivity has none here, and nobody the segregation of the salience network.
    """
    rng = np.random.default_rng(6)
    there = made.connectivity.groupby(["participant_id", "role"])["z"].count() > 0
    rows = []
    for one in network_measures():
        key = (one.measure, one.network_a, one.network_b)
        for who, arm in made.content["participants"].items():
            level = rng.normal(0.3, 0.08)
            for role in ("pre", "post"):
                fall = 0.3 * (
                    one.id == "within-default-mode" and role == "post" and arm != "control"
                )
                known = there[who, role] and one.id != "segregation-salience"
                value = level + rng.normal(0, 0.03) - fall if known else np.nan
                rows.append((who, role, role, "acompcor", *key, value))
    columns = ["participant_id", "session", "role", "strategy", "measure", "network_a"]
    table = pd.DataFrame(rows, columns=[*columns, "network_b", "value"])
    about: dict[str, Any] = {"strategy": "acompcor", "seed": 1, "permutations": 99, "alpha": 0.05}
    return network_tests(table, made.runs, made.scores, made.design, **about)


def _scores(
    rng: np.random.Generator,
    participants: dict[str, str | None],
    fall: dict[str, float],
    shape: str,
) -> pd.DataFrame:
    rows = []
    for i, one in enumerate(participants):
        before = float(np.clip(rng.normal(18, 5), 6, 36).round())
        after = float(np.clip(before - fall[one], 0, 38).round())
        missing = i == 4
        if shape == "change":
            values = [("change", None, np.nan if missing else round((after - before) / 5, 3))]
        else:
            values = [("pre", "pre", before), ("post", "post", np.nan if missing else after)]
        for role, session, score in values:
            rows.append((one, session, role, "si", "SSI", "total", score))
            rows.append((one, session, role, "depression", "MADRS", "total", score))
    columns = ["participant_id", "session", "role", "scale", "instrument", "item", "score"]
    return pd.DataFrame(rows, columns=columns)


def _connectivity(
    rng: np.random.Generator, participants: dict[str, str | None], fall: dict[str, float]
) -> pd.DataFrame:
    rows = []
    for strategy in ("acompcor", "24P"):
        for one, arm in participants.items():
            for circuit, (_, edges, _) in CIRCUITS.items():
                level = rng.normal(0.3 if "-" not in circuit else 0.15, 0.12)
                shift = PLANTED.get(circuit, 0.0) if arm != "control" else 0.0
                shift *= fall[one] / 7 if circuit == "sgacc-rlpfc" else 1
                for role in ("pre", "post"):
                    z = level + rng.normal(0, 0.07, len(edges)) + (shift if role == "post" else 0)
                    common = (one, role, role, strategy, circuit)
                    for (a, b), value in zip(edges, z, strict=True):
                        rows.append(
                            (*common, "edge", a, b, np.tanh(value), value, 150, 95.0, 0.98, 0.9)
                        )
                    mean = z.mean()
                    rows.append(
                        (*common, "mean", None, None, np.tanh(mean), mean, 150, 95.0, None, None)
                    )
    columns = [
        "participant_id", "session", "role", "strategy", "circuit", "measure", "region_a",
        "region_b", "r", "z", "n_volumes", "tdof", "coverage_a", "coverage_b",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _hypotheses(
    connectivity: pd.DataFrame, scores: pd.DataFrame, design: Design
) -> tuple[pd.DataFrame, pd.DataFrame]:
    circuits = [Circuit(key, name, primary, "?") for key, (name, _, primary) in CIRCUITS.items()]
    about = {"strategy": "acompcor"}
    hypotheses = hypotheses_table(
        connectivity, scores, design, circuits, seed=1, permutations=499, alpha=0.05, **about
    )
    return hypotheses, incomplete_participants(connectivity, scores, design, circuits, **about)


def _robustness(connectivity: pd.DataFrame, scores: pd.DataFrame, design: Design) -> pd.DataFrame:
    circuits = [Circuit(key, name, primary, "?") for key, (name, _, primary) in CIRCUITS.items()]
    settings = Settings(seed=1, permutations=99, alpha=0.05, margin=0.1)
    about = {"strategy": "acompcor", "settings": settings}
    return robustness(connectivity, scores, design, circuits, **about)


def _beside(
    connectivity: pd.DataFrame, scores: pd.DataFrame, runs: pd.DataFrame, design: Design
) -> dict[str, pd.DataFrame]:
    circuits = [Circuit(key, name, primary, "?") for key, (name, _, primary) in CIRCUITS.items()]
    about: dict[str, Any] = {"strategy": "acompcor", "alpha": 0.05}
    _, tested = evaluate_hypotheses(
        connectivity, scores, design, circuits, seed=1, permutations=9, **about
    )
    reliable = reliability(connectivity, [], design, circuits, **about)
    drawn: dict[str, Any] = {"seed": 1, "permutations": 49, "alpha": 0.05}
    tests = list(primary_tests(connectivity, scores, design, circuits, strategy="acompcor"))
    people = pd.DataFrame({"participant_id": list(design.participants)})
    people["enrolment_order"] = range(1, len(people) + 1)
    return {
        "influence": influence(tests, **drawn),
        "stability": stability(tests, people, reliable, order=None, **drawn),
        "reliability": reliable,
        "shrinkage": shrunken_table(tested, alpha=0.05),
        "curves": _curves(connectivity, scores, design),
        "attrition": attrition(connectivity, scores, runs, design, circuits, **about),
    }


def _curves(connectivity: pd.DataFrame, scores: pd.DataFrame, design: Design) -> pd.DataFrame:
    circuits = [Circuit(key, name, primary, "?") for key, (name, _, primary) in CIRCUITS.items()]
    strategies = tuple(sorted(set(connectivity["strategy"])))
    choices = Choices(strategies, (0.5,), True, ((),), ("si",), ("ranks", "values"))
    about: dict[str, Any] = {"seed": 1, "permutations": 99, "alpha": 0.05}
    return specification_tables({0.5: connectivity}, scores, design, circuits, choices, **about)[1]


def _motion(connectivity: pd.DataFrame, runs: pd.DataFrame, design: Design) -> pd.DataFrame:
    circuits = [Circuit(key, name, primary, "?") for key, (name, _, primary) in CIRCUITS.items()]
    about = {"strategies": ["acompcor", "24P"], "seed": 1, "permutations": 199, "alpha": 0.05}
    return motion_tests(connectivity, runs, design, circuits, **about)


def _qcfc(
    rng: np.random.Generator, runs: pd.DataFrame, design: Design
) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = list(CENTRES)
    centres = pd.DataFrame(CENTRES, index=["x", "y", "z"]).T
    tables = []
    for strategy in ("acompcor", "24P"):
        sessions = [
            (who, role, pd.DataFrame(rng.normal(0.2, 0.2, (len(names),) * 2), names, names))
            for who in design.participants
            for role in ("pre", "post")
        ]
        about = {"atlas": "circuits", "strategy": strategy, "alpha": 0.05}
        left = dict.fromkeys(runs["run"], 110.0 if strategy == "acompcor" else 100.0)
        tables.append(qcfc(sessions, runs, design, centres, left, **about))
    summaries, curves = zip(*tables, strict=True)
    return pd.concat(summaries, ignore_index=True), pd.concat(curves, ignore_index=True)


def _regions() -> pd.DataFrame:
    rows = []
    for region, centre in CENTRES.items():
        used = [c for c, (_, edges, _) in CIRCUITS.items() if any(region in edge for edge in edges)]
        side = {"l": "left", "r": "right"}.get(region[0], "midline")
        verified = str(region not in TARGETS).lower()
        rows.append(
            (region, ";".join(used), f"long name of {region}", side, *centre, 6, 0, 1,
             "MNI152NLin2009cAsym", f"sphere {centre} mm, radius 6 mm", 14,
             "CONN networks atlas; radius chosen here", verified)
        )  # fmt: skip
    columns = [
        "region", "circuits", "name", "hemisphere", "x", "y", "z", "radius", "inner",
        "n_spheres", "space", "definition", "n_voxels_median", "source", "verified",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _mean_relmat(
    rng: np.random.Generator, arms: dict[str, str] | None, parcels: int
) -> pd.DataFrame:
    if parcels == sum(SEITZMAN.values()):
        labels = [(f"{net}_{i}", net) for net, size in SEITZMAN.items() for i in range(size)]
    elif parcels:
        seven = ["Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default"]
        half = parcels // 2
        labels = [
            (f"7Networks_{'LR'[i // half]}H_{seven[(i % half) * 7 // half]}_{i % half}",
             seven[(i % half) * 7 // half])
            for i in range(parcels)
        ]  # fmt: skip
    else:
        labels = [(region, None) for region in CENTRES]
    n = len(labels)
    i, j = np.triu_indices(n, 1)
    names = np.array([name for name, _ in labels], dtype=object)
    networks = np.array([network for _, network in labels], dtype=object)
    base = rng.normal(0.1, 0.12, i.size) + 0.35 * (networks[i] == networks[j]) * (parcels > 0)
    tables = []
    for label in [*arms.values()] if arms else ["all"]:
        for role in ("pre", "post"):
            z = base + rng.normal(0, 0.05, i.size)
            z[(i == 3) | (j == 3)] = np.nan
            tables.append(
                pd.DataFrame(
                    {
                        "atlas": f"Schaefer{parcels}" if parcels else "circuits",
                        "strategy": "acompcor", "role": role, "arm": label,
                        "region_a": names[i], "region_b": names[j],
                        "network_a": networks[i], "network_b": networks[j], "z": z, "n": 7,
                    }
                )
            )  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def _exclusions(participants: dict[str, str | None]) -> pd.DataFrame:
    people = list(participants)
    rows = [
        ("plan", "session", people[-1], "post", None, None, None, "missing-session", None, None,
         "participant not in paired tests", "no BOLD run for session post"),
        ("plan", "session", people[4], "post", None, None, None, "missing-score", None, None,
         "participant not in association", "SSI is n/a"),
        ("imaging", "run", people[2], "post", f"{people[2]}_ses-post_task-rest", None, None,
         "min-time", 240.0, 180.0, "run excluded", "180 s kept after censoring, 240 s needed"),
        ("region", "region", people[1], "pre", f"{people[1]}_ses-pre_task-rest", "rHabenula", None,
         "min-coverage", 0.5, 0.21, "region n/a", "21 % of the region's voxels have signal"),
    ]  # fmt: skip
    columns = [
        "stage", "unit", "participant_id", "session", "run", "region", "strategy", "rule",
        "threshold", "value", "consequence", "reason",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _runs(rng: np.random.Generator, participants: dict[str, str | None]) -> pd.DataFrame:
    rows = []
    for i, one in enumerate(participants):
        for role in ("pre", "post"):
            if i == len(participants) - 1 and role == "post":
                continue
            bad = i == 2 and role == "post"
            fd = rng.gamma(4, 0.04) + (0.4 if bad else 0)
            censored = 60 if bad else int(rng.integers(0, 12))
            rows.append(
                (f"{one}_ses-{role}_task-rest", one, role, role, "excluded" if bad else "ok",
                 "180 s kept, 240 s needed" if bad else None, fd, fd * 5, 150, censored,
                 2.0 * (150 - censored))
            )  # fmt: skip
    columns = [
        "run", "participant_id", "session", "role", "status", "reason", "mean_fd", "max_fd",
        "n_volumes", "n_censored", "seconds_kept",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _config(study: str, arms: dict[str, str] | None) -> dict[str, Any]:
    return {
        "study": {
            "name": study, "derivatives": ["simulate"], "task": "rest",
            "space": "MNI152NLin2009cAsym", "sessions": {"pre": "pre", "post": "post"},
            "arms": arms and {"column": "arm", **arms},
        },
        "scores": {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}},
        "denoising": {
            "primary": "acompcor", "strategies": ["acompcor", "24P"], "fd-thresh": 0.5,
            "dvars-thresh": None, "min-time": 240.0, "lower-bpf": 0.01, "upper-bpf": None,
        },
        "circuits": {
            "registry": "atlases/circuits.yaml", "min-coverage": 0.5,
            "parcellation": [{"name": "KetfcVoronoi239"}],
        },
        "statistics": {
            "seed": 20251122, "permutations": 499, "alpha": 0.05, "equivalence-margin": 0.1,
        },
    }  # fmt: skip
