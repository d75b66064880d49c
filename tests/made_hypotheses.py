"""Small studies of tables alone, and the tests made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from made_design import design_of

from ketfc.inference.design.circuit_tests import incomplete_participants
from ketfc.inference.hypotheses import evaluate_hypotheses
from ketfc.reporting.text.verdicts import with_verdicts
from ketfc.study.design.design import Design

COLUMNS = (
    *("hypothesis", "name", "test", "family", "primary", "strategy", "estimand"),
    *("estimate", "ci_low", "ci_high", "ci_holm_low", "ci_holm_high", "ci_holm_level"),
    *("effect_size", "effect_size_ci_low"),
    *("effect_size_ci_high", "effect_size_type", "partial_r", "statistic", "df"),
    *("p_permutation", "p_parametric", "p_holm", "p_fwer", "p_fdr", "bf10", "bf10_type"),
    *("n", "n_excluded", "permutations", "flags", "verdict"),
)
"""Of ``tests/hypotheses.tsv``, before ``null_percentile``."""

SETTINGS = {"strategy": "acompcor", "seed": 1, "permutations": 199, "alpha": 0.05}


@dataclass(frozen=True)
class Circuit:
    id: str
    name: str
    primary: bool
    expected_sign: str = "?"
    direction: str | None = None
    registration: str | None = None
    variant_of: str | None = None
    quantity: str = "connectivity"
    unit: str = "Fisher z"


CIRCUITS = [
    Circuit("sgacc-rlpfc", "sgACC – right lateral PFC", True, "+"),
    Circuit("dmn", "DMN", True),
    Circuit("dmn-salience", "DMN – salience", False),
]


def hypotheses_table(*tables: Any, alpha: float, **settings: Any) -> pd.DataFrame:
    """The tests of the hypotheses with their verdicts, as the rule `hypotheses` joins them."""
    found, tested = evaluate_hypotheses(*tables, alpha=alpha, **settings)
    return with_verdicts(found, tested, alpha=alpha)


@dataclass
class Study:
    connectivity: pd.DataFrame
    scores: pd.DataFrame
    content: dict[str, Any]
    """Fields of ``design.json``."""

    @property
    def design(self) -> Design:
        """The design that ``design.json`` describes."""
        return design_of(self.content)

    def test(self, **settings: Any) -> pd.DataFrame:
        return hypotheses_table(
            self.connectivity, self.scores, self.design, CIRCUITS, **{**SETTINGS, **settings}
        )

    def row(self, hypothesis: str, test: str) -> pd.Series:
        table = self.test()
        return table[(table["hypothesis"] == hypothesis) & (table["test"] == test)].iloc[0]

    def incomplete(self) -> pd.DataFrame:
        return incomplete_participants(
            self.connectivity, self.scores, self.design, CIRCUITS, strategy="acompcor"
        )


def study(
    n: int = 16, *, arms: bool = True, shape: str = "pre-post", planted: bool = False, seed: int = 0
) -> Study:
    """Half ketamine, half midazolam; the plant raises sgACC–rLPFC and lowers SSI with it."""
    rng = np.random.default_rng(seed)
    people = [f"sub-{i:02d}" for i in range(1, n + 1)]
    arm = {who: ("ketamine", "control")[i % 2] for i, who in enumerate(people)}
    edges, points = [], []
    for circuit in CIRCUITS:
        for who in people:
            before = rng.normal(0.2, 0.2)
            change = rng.normal(0, 0.15)
            if circuit.id == "sgacc-rlpfc":
                raised = planted and (not arms or arm[who] == "ketamine")
                change += 0.5 * raised
                ssi = float(rng.integers(8, 30))
                after = 0.7 * ssi - (25 * change if planted else 0) + rng.normal(0, 1.5)
                if shape == "change":
                    points.append((who, None, "change", after - ssi))
                else:
                    points += [(who, "pre", "pre", ssi), (who, "post", "post", after)]
            for strategy, shift in (("acompcor", 0.0), ("36P", 1.0)):
                for role, z in (("pre", before), ("post", before + change + shift)):
                    key = (who, role, role, strategy, circuit.id)
                    edges.append((*key, "edge", "A", "B", 99.0))
                    edges.append((*key, "mean", None, None, z))
    connectivity = pd.DataFrame(
        edges,
        columns=[
            *("participant_id", "session", "role", "strategy", "circuit", "measure"),
            *("region_a", "region_b", "z"),
        ],
    )
    scores = pd.DataFrame(points, columns=["participant_id", "session", "role", "score"])
    scores = scores.assign(scale="si", instrument="SSI", item="total")
    madrs = scores.assign(scale="depression", instrument="MADRS", score=1.0)
    design = {
        "kind": "parallel" if arms else "single-arm",
        "baseline": "pre",
        "followup": "post",
        "sessions": {"pre": "pre", "post": "post"},
        "arms": {"ketamine": "ketamine", "control": "midazolam"} if arms else None,
        "participants": arm if arms else dict.fromkeys(people),
        "si": {"instrument": "SSI", "shape": shape},
        "depression": {"instrument": "MADRS", "shape": shape},
        "estimand": {"change": "The change.", "association": "The correlation."},
        "control_tested": arms,
    }
    return Study(connectivity, pd.concat([scores, madrs], ignore_index=True), design)


def adjusted(
    made: Study,
    *,
    blocks: str | None = None,
    diagnosis: list[str | None] | None = None,
    **values: list[Any],
) -> Study:
    """Give a study covariates (numbers or labels) in the order of its participants."""
    people = sorted(made.content["participants"])
    kinds = {
        name: "categorical" if any(isinstance(v, str) for v in column) else "numeric"
        for name, column in values.items()
    }
    made.content["covariates"] = kinds
    made.content["terms"] = {
        "covariates": [name for name in values if name != blocks],
        "blocks": blocks,
        "values": {name: dict(zip(people, column, strict=True)) for name, column in values.items()},
        "diagnosis": diagnosis
        and {
            "unipolar": ["MDD"],
            "bipolar": ["BD"],
            "participants": dict(zip(people, diagnosis, strict=True)),
        },
    }
    return made


def frame_of(made: Study, circuit: str = "sgacc-rlpfc") -> pd.DataFrame:
    """The numbers of one circuit by participant, put together without the code under test."""
    means = made.connectivity.query(
        "measure == 'mean' and strategy == 'acompcor' and circuit == @circuit"
    )
    table = means.pivot_table(index="participant_id", columns="role", values="z", aggfunc="first")
    si = made.scores[made.scores["scale"] == "si"]
    points = si.pivot_table(index="participant_id", columns="role", values="score")
    table = table.join(points.add_suffix("_si"))
    table["change"] = table["post"] - table["pre"]
    table["arm"] = [float(made.content["participants"][who] == "ketamine") for who in table.index]
    for name, own in made.content.get("terms", {"values": {}})["values"].items():
        table[name] = [own[who] for who in table.index]
    return table
