"""Studies as tables, of any design, and what they export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from made_design import design_of

from ketfc.imaging.regions.registry import Circuit
from ketfc.inference.hypotheses import evaluate_hypotheses
from ketfc.inference.synthesis.export import study_export
from ketfc.study.design.design import Design

ROLES = {"crossover": ("pla", "ket")}
SHIFT, SLOPE = 0.12, -14.0
"""Planted change in Fisher z under ketamine, and change in score per unit of Fisher z."""


def circuit(name: str, *, primary: bool = True, **more: Any) -> Circuit:
    """Return a circuit of one edge."""
    about = dict.fromkeys(("expected_sign", "evidence_scale", "confidence", "hypothesis"), "")
    edges = ((f"{name}A", f"{name}B"),)
    given: dict[str, Any] = {"edges": edges, "source": "", **about, **more}
    return Circuit(id=name, name=f"circuit {name}", measure="edge", primary=primary, **given)


CIRCUITS = (circuit("one"), circuit("two"), circuit("second", primary=False))


@dataclass(frozen=True)
class Made:
    """A study: the tables that an export is made from."""

    connectivity: pd.DataFrame
    scores: pd.DataFrame
    design: Design

    def of(self, people: Sequence[str], name: str) -> Made:
        """Return the part of the study that some people are, as a study of its own."""
        kept = set(people)
        content = self.design.to_json() | {"study": name}
        for key in ("participants", "sequences"):
            if content[key]:
                content[key] = {who: of for who, of in content[key].items() if who in kept}
        tables = (self.connectivity, self.scores)
        own = [table[table["participant_id"].isin(kept)] for table in tables]
        return Made(own[0], own[1], design_of(content))

    @property
    def people(self) -> list[str]:
        """Everybody, sorted."""
        return sorted(self.design.participants)


def made(kind: str, n: int, seed: int, *, name: str = "lab", treated_of_7: int = 3) -> Made:
    """Return a study of `n`; arms are unequal and interleaved, one in eleven lacks a session."""
    rng = np.random.default_rng(seed)
    before, after = ROLES.get(kind, ("pre", "post"))
    people = [f"sub-{name}{i:03}" for i in range(n)]
    treated = np.array([i % 7 in (1, 3, 4)[:treated_of_7] for i in range(n)])
    rows, points = [], []
    given = treated if kind == "parallel" else np.ones(n, dtype=bool)
    for j, one in enumerate(CIRCUITS):
        own = rng.normal(0.2, 0.15, n)
        z = {before: own + rng.normal(0, 0.1, n), after: own + rng.normal(0, 0.1, n)}
        z[after] += SHIFT * given * (j == 0)
        if kind == "crossover":
            # the second period adds
            z[after] += 0.1 * ~treated
            z[before] += 0.1 * treated
        if j == 0:
            change = z[after] - z[before]
        for role, values in z.items():
            for i, who in enumerate(people):
                lost = i % 11 == 5 and role == after
                value = np.nan if lost else values[i]
                rows.append((who, role, "acompcor", one.id, "mean", value))
    base = rng.integers(8, 34, n).astype(float)
    end = np.clip(np.round(base - 6 + SLOPE * change + rng.normal(0, 4, n)), 0, 38)
    for role, values in ((before, base), (after, end)):
        points += [
            (who, "si", "SSI", "total", role, value)
            for who, value in zip(people, values, strict=True)
        ]
    columns = ["participant_id", "role", "strategy", "circuit", "measure", "z"]
    connectivity = pd.DataFrame(rows, columns=columns)
    scores = pd.DataFrame(
        points, columns=["participant_id", "scale", "instrument", "item", "role", "score"]
    )
    content: dict[str, Any] = {
        "study": name,
        "kind": kind,
        "baseline": before,
        "followup": after,
        "contrasts": [[before, after]],
        "sessions": {before: before, after: after},
        "si": {"instrument": "SSI"},
        "participants": dict.fromkeys(people),
    }
    if kind == "parallel":
        content["arms"] = {"ketamine": "ketamine", "control": "saline"}
        arms = np.where(treated, "ketamine", "control").tolist()
        content["participants"] = dict(zip(people, arms, strict=True))
    if kind == "crossover":
        content["pre"] = None
        content["drugs"] = {"ketamine": "ketamine", "control": "saline"}
        orders = np.where(treated, "ketamine-first", "control-first").tolist()
        content["sequences"] = dict(zip(people, orders, strict=True))
    return Made(connectivity, scores, design_of(content))


def export_of(
    study: Made, *, smallest_cell: int = 5, circuits: Sequence[Circuit] = CIRCUITS
) -> dict[str, Any]:
    """Return what a study exports, its own tests included."""
    about = {"strategy": "acompcor", "seed": 3, "permutations": 99, "alpha": 0.05}
    tables = (study.connectivity, study.scores)
    hypotheses, _ = evaluate_hypotheses(*tables, study.design, circuits, **about)
    return study_export(
        *tables,
        hypotheses,
        study.design,
        circuits,
        config={"study": {"name": study.design.study, "derivatives": ["/secret/place"]}},
        versions={"ketfc": "0"},
        smallest_cell=smallest_cell,
    )
