"""The demo study: participants, planted effects, and the tables that hold them.

Nothing here opens or makes an image, so that a workflow can ask for the runs while it reads its
rules; `ketfc.demo.bold` makes the images. No participant is real.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Edge = tuple[str, str]
"""Two region ids in the order of the registry's edges."""

KETAMINE, MIDAZOLAM = "ketamine", "midazolam"
SESSIONS = ("pre", "post")
TASK = "rest"
SPACE = "MNI152NLin2009cAsym"

N_PER_ARM = 8
SSI_FALL_PER_Z = 22.0
"""Points by which SSI falls when sgACC–rLPFC rises by one unit of Fisher z."""

_DMN_CORTEX = ("mPFC", "PCC", "lLP", "rLP")
_DMN = (*_DMN_CORTEX, "lHippocampus", "rHippocampus")
_SALIENCE = ("dACC", "lAInsula", "rAInsula", "lRPFC", "rRPFC")
_HABENULA_TARGETS = ("rFrontalPole", "rOccipitalPole", "rTemporalPole", "rParahippocampal", "lLOC")

CIRCUITS: Mapping[str, tuple[Edge, ...]] = {
    "sgacc-rlpfc": (("sgACC", "rLPFC"),),
    "habenula-cortex": tuple(product(["rHabenula"], _HABENULA_TARGETS)),
    "amygdala-dacc": tuple(product(["lAmygdala", "rAmygdala"], ["dACC"])),
    "dmn": tuple(combinations(_DMN, 2)),
    "salience": tuple(combinations(_SALIENCE, 2)),
    "dmn-salience": tuple(product(_DMN_CORTEX, _SALIENCE)),
}
"""The circuits whose connectivity is planted, with their edges, as in ``atlases/circuits.yaml``."""

REGIONS = frozenset(region for edges in CIRCUITS.values() for edge in edges for region in edge)
"""The regions that have a signal of their own; elsewhere there are only the parcels' signals."""

_RISES, _FALLS = "sgacc-rlpfc", "amygdala-dacc"
AMYGDALA_DACC_CHANGE = -0.5
"""Fisher z by which amygdala–dACC changes under ketamine."""

MAP_SEED = "sgACC"
MAP_CENTRE, MAP_RADIUS = (-58.0, -38.0, -10.0), 14.0
"""Grey matter that no circuit names (left middle temporal gyrus), in mm: only a map can find it."""
MAP_CHANGE = 0.8
"""Fisher z by which its connectivity with the seed rises under ketamine."""

_BASELINE_Z = {
    "sgacc-rlpfc": 0.20,
    "habenula-cortex": 0.15,
    "amygdala-dacc": 0.40,
    "dmn": 0.45,
    "salience": 0.45,
    "dmn-salience": -0.12,
}
_HIPPOCAMPUS_CORTEX_Z = 0.25
_TRAIT_SD, _STATE_SD = 0.06, 0.03
_HEAVY_FD = 0.35


@dataclass(frozen=True)
class DemoParticipant:
    """One simulated participant.

    Attributes
    ----------
    id : str
        Such as ``sub-01``.
    arm : str
        ``ketamine`` or ``midazolam``.
    age : int
        Years.
    sex : str
        ``F`` or ``M``.
    sessions : tuple of str
        Labels of the sessions that were scanned.
    ssi, madrs, madrs_10 : mapping of str to int or None
        Scores by session: Scale for Suicidal Ideation (0–38), Montgomery–Åsberg scale (0–60,
        contains its item 10) and its item 10, suicidal thoughts (0–6). None where missing.
    rise : float
        Planted change of sgACC–rLPFC, in Fisher z.
    motion : mapping of str to float
        Typical framewise displacement by session, in mm, before occasional larger movements.
    heavy_motion : str or None
        The session, if any, in which the head moved too much.
    """

    id: str
    arm: str
    age: int
    sex: str
    sessions: tuple[str, ...]
    ssi: Mapping[str, int | None]
    madrs: Mapping[str, int | None]
    madrs_10: Mapping[str, int | None]
    rise: float
    motion: Mapping[str, float]
    heavy_motion: str | None


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the random stream of that name: the same whatever else was drawn before."""
    return np.random.default_rng([seed, zlib.crc32("/".join(["simulated", *names]).encode())])


def _spread(rng: np.random.Generator, low: float, high: float) -> NDArray[np.float64]:
    """Return values for one arm, one from each eighth of a range, so that arms are balanced."""
    steps = np.arange(N_PER_ARM) + rng.uniform(0.2, 0.8, N_PER_ARM)
    return rng.permutation(low + (high - low) * steps / N_PER_ARM)


def _scores(
    rng: np.random.Generator, ssi_pre: float, ssi_fall: float, other_pre: float, other_fall: float
) -> dict[str, dict[str, int | None]]:
    """Return SSI, MADRS and MADRS item 10 of both sessions, each within its range."""
    ssi = {"pre": round(ssi_pre), "post": int(np.clip(round(ssi_pre) - round(ssi_fall), 0, 38))}
    other = {"pre": round(other_pre), "post": max(0, round(other_pre) - round(other_fall))}
    noise = dict(zip(SESSIONS, rng.normal(0, 0.4, 2), strict=True))
    item = {s: int(np.clip(round(6 * ssi[s] / 38 + noise[s]), 0, 6)) for s in SESSIONS}
    return {
        "ssi": dict(ssi),
        "madrs": {s: min(54, other[s]) + item[s] for s in SESSIONS},
        "madrs_10": dict(item),
    }


def demo_participants(seed: int) -> list[DemoParticipant]:
    """Return the sixteen participants of the demo study.

    Both arms have eight. One participant on midazolam moves too much in the post session, one on
    midazolam has no post session, and one on ketamine has no post score of suicidal ideation.
    The fall in SSI is `SSI_FALL_PER_Z` points per unit of the planted rise of sgACC–rLPFC, give or
    take a point: under ketamine all rise, under midazolam some rise a little and others fall.

    Parameters
    ----------
    seed : int
        Not negative. The same seed gives the same study.

    Returns
    -------
    list of DemoParticipant
        In the order of their ids.
    """
    rng = stream(seed, "participants")
    places = rng.permutation(2 * N_PER_ARM)
    unscored = places[0]
    moving, unseen = places[N_PER_ARM], places[N_PER_ARM + 1]
    found: list[DemoParticipant] = []
    for arm, members in ((KETAMINE, places[:N_PER_ARM]), (MIDAZOLAM, places[N_PER_ARM:])):
        treated = arm == KETAMINE
        # from 0.3 to 1, and rather at the ends: most either respond well or hardly do
        rise = 0.65 - 0.35 * np.cos(np.pi * _spread(rng, 0, 1))
        rise = rise if treated else _spread(rng, -0.25, 0.25)
        fall = SSI_FALL_PER_Z * rise + rng.normal(0, 0.7, N_PER_ARM)
        mood = 3 + 8 * rise + rng.normal(0, 4, N_PER_ARM)
        columns = zip(
            members,
            rise,
            _spread(rng, 24, 32),
            fall,
            _spread(rng, 20, 38),
            mood,
            _spread(rng, 19, 60),
            rng.permutation(["F", "M"] * (N_PER_ARM // 2)),
            _spread(rng, 0.07, 0.15),
            _spread(rng, -0.2, 0.2),
            strict=True,
        )
        for place, up, ssi, down, other, lift, age, sex, fd, restless in columns:
            scores = _scores(rng, ssi, down, other, lift)
            if place == unscored:
                scores["ssi"]["post"] = None
            found.append(
                DemoParticipant(
                    id=f"sub-{place + 1:02d}",
                    arm=arm,
                    age=int(age),
                    sex=str(sex),
                    sessions=SESSIONS[:1] if place == unseen else SESSIONS,
                    rise=float(up),
                    motion={
                        "pre": float(fd * np.exp(restless)),
                        "post": _HEAVY_FD if place == moving else float(fd * np.exp(-restless)),
                    },
                    heavy_motion="post" if place == moving else None,
                    **scores,
                )
            )
    return sorted(found, key=lambda participant: participant.id)


def demo_runs(seed: int) -> list[tuple[str, str]]:
    """Return (participant id, session label) of every run of the demo study, in order."""
    return [
        (person.id, session) for person in demo_participants(seed) for session in person.sessions
    ]


def planted_edges(person: DemoParticipant, session: str, *, seed: int) -> dict[Edge, float]:
    """Return the connectivity planted in one run.

    An edge is its circuit's baseline plus the planted change plus what differs between
    participants and between sessions for no reason at all (standard deviations 0.06 and 0.03 per
    circuit, and half of that per edge).

    Parameters
    ----------
    person : DemoParticipant
        Who.
    session : str
        ``pre`` or ``post``.
    seed : int
        Seed of the study.

    Returns
    -------
    dict
        Fisher z by edge, for every edge of `CIRCUITS`.
    """
    trait = stream(seed, person.id, "trait")
    state = stream(seed, person.id, session, "state")
    after = session == "post"
    edges: dict[Edge, float] = {}
    for circuit, members in CIRCUITS.items():
        level = _BASELINE_Z[circuit] + _wobble(trait, _TRAIT_SD) + _wobble(state, _STATE_SD)
        if after and circuit == _RISES:
            level += person.rise
        if after and circuit == _FALLS and person.arm == KETAMINE:
            level += AMYGDALA_DACC_CHANGE
        for edge in members:
            own = _wobble(trait, _TRAIT_SD / 2) + _wobble(state, _STATE_SD / 2)
            mixed = circuit == "dmn" and sum("Hippocampus" in region for region in edge) == 1
            shift = _HIPPOCAMPUS_CORTEX_Z - _BASELINE_Z["dmn"] if mixed else 0.0
            edges[edge] = level + own + shift
    return edges


def planted_map_z(person: DemoParticipant, session: str, *, seed: int) -> float:
    """Return the connectivity of `MAP_SEED` with the place of the map's effect, in Fisher z.

    Around 0, with the spread of circuits between participants and sessions. Parameters are those of
    :func:`planted_edges`.
    """
    level = _wobble(stream(seed, person.id, "map"), _TRAIT_SD)
    level += _wobble(stream(seed, person.id, session, "map"), _STATE_SD)
    treated = session == "post" and person.arm == KETAMINE
    return level + (MAP_CHANGE if treated else 0.0)


def _wobble(rng: np.random.Generator, sd: float) -> float:
    # bounded, so that no draw makes the correlations of a run impossible
    return float(np.clip(rng.normal(0, sd), -2 * sd, 2 * sd))


def planted_circuits(person: DemoParticipant, session: str, *, seed: int) -> dict[str, float]:
    """Return the planted connectivity of each circuit in one run: the mean z of its edges."""
    edges = planted_edges(person, session, seed=seed)
    return {
        circuit: float(np.mean([edges[edge] for edge in members]))
        for circuit, members in CIRCUITS.items()
    }


def planted_correlation(regions: Sequence[str], edges: Mapping[Edge, float]) -> NDArray[np.float64]:
    """Return the correlation matrix of the regions' signals.

    Parameters
    ----------
    regions : sequence of str
        Region ids.
    edges : mapping
        Fisher z by edge; edges with regions that are not asked for are passed over.

    Returns
    -------
    numpy.ndarray, shape (n_regions, n_regions)
        Pearson r, 0 between regions that share no edge save the two amygdalae (0.45).
    """
    place = {region: number for number, region in enumerate(regions)}
    matrix = np.eye(len(regions))
    for (a, b), z in {("lAmygdala", "rAmygdala"): np.arctanh(0.45), **edges}.items():
        if a in place and b in place:
            matrix[place[a], place[b]] = matrix[place[b], place[a]] = np.tanh(z)
    return matrix


def demo_truth(seed: int) -> dict[str, Any]:
    """Return the planted effects, in the form of ``truth.json``."""
    people = demo_participants(seed)
    special = {
        "heavy-motion": [[p.id, p.heavy_motion] for p in people if p.heavy_motion],
        "no-post-session": [p.id for p in people if "post" not in p.sessions],
        "no-post-SSI": [p.id for p in people if p.ssi["post"] is None],
    }
    changes = {circuit: {KETAMINE: 0.0, MIDAZOLAM: 0.0} for circuit in CIRCUITS}
    for arm in (KETAMINE, MIDAZOLAM):
        rises = [p.rise for p in people if p.arm == arm]
        changes[_RISES][arm] = round(float(np.mean(rises)), 6)
    changes[_FALLS][KETAMINE] = AMYGDALA_DACC_CHANGE
    return {
        "about": "Simulated study; no participant is real. z: Fisher z of the regions' signals "
        "before any noise, mean over a circuit's edges; noise makes what is measured smaller.",
        "seed": seed,
        "expected_change_z": changes,
        "associated_with_ssi_change": [_RISES],
        "ssi_fall_per_z": SSI_FALL_PER_Z,
        "map": {
            "seed": MAP_SEED,
            "centre_mm": list(MAP_CENTRE),
            "radius_mm": MAP_RADIUS,
            "expected_change_z": {KETAMINE: MAP_CHANGE, MIDAZOLAM: 0.0},
        },
        "special": special,
        "participants": {
            p.id: {
                "arm": p.arm,
                "planted_rise_z": round(p.rise, 6),
                "z": {
                    session: {
                        circuit: round(z, 6)
                        for circuit, z in planted_circuits(p, session, seed=seed).items()
                    }
                    for session in p.sessions
                },
            }
            for p in people
        },
    }


_COLUMNS: dict[str, dict[str, Any]] = {
    "age": {"Description": "Age", "Units": "year"},
    "sex": {"Description": "Sex", "Levels": {"F": "female", "M": "male"}},
    "arm": {
        "Description": "Drug given between the sessions (simulated)",
        "Levels": {KETAMINE: "ketamine", MIDAZOLAM: "midazolam, the active control"},
    },
    "SSI": {
        "LongName": "Scale for Suicidal Ideation",
        "Description": "Total of 19 items, 0–38; higher is worse",
    },
    "MADRS": {
        "LongName": "Montgomery–Åsberg Depression Rating Scale",
        "Description": "Total of 10 items, 0–60; higher is worse; contains item 10",
    },
    "MADRS_10": {
        "LongName": "Montgomery–Åsberg Depression Rating Scale, item 10",
        "Description": "Suicidal thoughts, 0–6; higher is worse",
    },
}


def write_tables(out_dir: str | Path, *, seed: int, truth: str | Path) -> None:
    """Write the study's tables and its planted effects.

    Parameters
    ----------
    out_dir : str or pathlib.Path
        The derivatives dataset: gets ``dataset_description.json``, ``participants.tsv`` and
        its data dictionary ``participants.json``.
    seed : int
        Seed of the study.
    truth : str or pathlib.Path
        Gets what was planted, as `demo_truth` returns it.
    """
    import pandas as pd

    from ketfc.base.files import write_json, write_tsv

    out_dir = Path(out_dir)
    people = demo_participants(seed)
    table = pd.DataFrame({"participant_id": [p.id for p in people]})
    table["age"] = [p.age for p in people]
    table["sex"] = [p.sex for p in people]
    table["arm"] = [p.arm for p in people]
    dictionary = {name: _COLUMNS[name] for name in ("age", "sex", "arm")}
    for name, attribute in (("SSI", "ssi"), ("MADRS", "madrs"), ("MADRS_10", "madrs_10")):
        for session in SESSIONS:
            column = f"{name}_ses-{session}"
            scores = [getattr(p, attribute)[session] for p in people]
            table[column] = pd.array(scores, dtype="Int64")
            dictionary[column] = _COLUMNS[name]
    write_tsv(out_dir / "participants.tsv", table)
    write_json(out_dir / "participants.json", dictionary)
    write_json(
        out_dir / "dataset_description.json",
        {
            "Name": "ketfc demo study (simulated)",
            "BIDSVersion": "1.9.0",
            "DatasetType": "derivative",
            "License": "CC0",
            # the shape of the files is that version's; the numbers come from the simulator
            "GeneratedBy": [
                {"Name": "fMRIPrep", "Version": "24.1.1", "Description": "simulated output"},
                {"Name": "ketfc", "Description": "simulator of the demo study"},
            ],
        },
    )
    write_json(truth, demo_truth(seed))
