"""Tests of the default-mode, salience and frontoparietal networks, a family of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import pandas as pd

from ketfc.imaging.group.networks import BETWEEN, EVERY, SEGREGATION, TRIPLE, WITHIN
from ketfc.imaging.regions.registry import Circuit
from ketfc.imaging.run.connectivity import MEAN
from ketfc.inference.design.circuit_tests import planned_samples
from ketfc.inference.families import DESCRIPTIVE, NETWORKS
from ketfc.inference.flags import add_motion_flags
from ketfc.inference.hypotheses import Tested, run_test, table_of_tests
from ketfc.inference.motion.gate import motion_tests
from ketfc.study.design.design import Design

NETWORK_TEST_COLUMNS = (
    "hypothesis",
    "name",
    "measure",
    "network_a",
    "network_b",
    "test",
    "family",
    "strategy",
    "estimate",
    "ci_low",
    "ci_high",
    "ci_holm_low",
    "ci_holm_high",
    "ci_holm_level",
    "effect_size",
    "effect_size_ci_low",
    "effect_size_ci_high",
    "effect_size_type",
    "partial_r",
    "statistic",
    "df",
    "p_permutation",
    "p_parametric",
    "p_holm",
    "p_fdr",
    "bf10",
    "bf10_type",
    "n",
    "n_excluded",
    "permutations",
    "flags",
    "reason",
)
"""Columns of ``tests/networks.tsv``."""

NETWORK_TEST_NUMBERS = (
    *("estimate", "ci_low", "ci_high", "ci_holm_low", "ci_holm_high", "ci_holm_level"),
    *("effect_size", "effect_size_ci_low", "effect_size_ci_high", "partial_r", "statistic", "df"),
    *("p_permutation", "p_parametric", "p_holm", "p_fdr", "bf10", "n", "n_excluded"),
    "permutations",
)
"""Those of them that hold numbers."""


@dataclass(frozen=True)
class NetworkMeasure:
    """One measure that is tested; of one network both ends are the same."""

    measure: str
    network_a: str
    network_b: str

    @property
    def id(self) -> str:
        """Return its identifier in the tables."""
        ends = dict.fromkeys((self.network_a, self.network_b))
        return "-".join((self.measure, *ends))

    @property
    def name(self) -> str:
        """Return its name in words."""
        a, b = (TRIPLE.get(end, "all networks") for end in (self.network_a, self.network_b))
        if self.measure == BETWEEN:
            return f"{a.removesuffix(' network')} – {b.removesuffix(' network')}, between"
        return f"{a}, {self.measure}"

    @property
    def hypothesis(self) -> Circuit:
        """Return it as a hypothesis without a direction, for the tests that the design plans."""
        return Circuit(
            id=self.id,
            name=self.name,
            measure=self.measure,
            edges=(),
            primary=False,
            expected_sign="?",
            evidence_scale="none",
            confidence="low",
            hypothesis=f"{self.name}: changes (two-sided)",
            source="",
        )


def network_measures() -> list[NetworkMeasure]:
    """Return the measures that are tested, in the order of the table."""
    return [
        *(NetworkMeasure(WITHIN, key, key) for key in TRIPLE),
        *(NetworkMeasure(BETWEEN, a, b) for a, b in combinations(TRIPLE, 2)),
        *(NetworkMeasure(SEGREGATION, key, key) for key in (*TRIPLE, EVERY)),
    ]


def network_tests(
    networks: pd.DataFrame,
    quality: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    *,
    strategy: str,
    seed: int,
    permutations: int,
    alpha: float,
) -> pd.DataFrame:
    """Test the change of every network measure, and its association with suicidal ideation.

    Models, permutations and intervals are those of the primary hypotheses
    (:func:`ketfc.inference.hypotheses.evaluate_hypotheses`); the response is a mean Fisher z or a
    segregation.

    Parameters
    ----------
    networks, quality, scores : pandas.DataFrame
        ``networks.tsv``, ``quality/runs.tsv`` and ``plan/scores.tsv``.
    design : Design
        The study's design.
    strategy : str
        Denoising strategy to test.
    seed : int
        The study's seed; each test has its own stream by its name.
    permutations : int
        Random arrangements per test; all of them are used where there are no more.
    alpha : float
        Level of the tests; intervals cover 1 − `alpha`.

    Returns
    -------
    pandas.DataFrame
        :data:`NETWORK_TEST_COLUMNS`, a row per measure and test. The tests over everybody are the
        family ``networks``, whose p values enter no other; changes within each of two arms are
        described. What cannot be tested has a row with a `reason`.
    """
    measures = {one.id: one for one in network_measures()}
    values = as_connectivity(networks)
    hypotheses = [one.hypothesis for one in measures.values()]
    drawn: dict[str, Any] = {"seed": seed, "permutations": permutations, "alpha": alpha}
    asked = (values, scores, design, hypotheses)
    tested = list(_tested(*asked, strategy=strategy, **drawn))
    table, tested = table_of_tests(tested, strategy=strategy, **drawn)
    motion = motion_tests(values, quality, design, hypotheses, strategies=[strategy], **drawn)
    table = add_motion_flags(table, motion, design)
    about = pd.DataFrame([asdict(measures[name]) for name in table["hypothesis"]])
    reasons: list[Any] = [item.evidence.obstacle for item in tested]
    table = pd.concat([table, about], axis=1).assign(reason=reasons)
    return table[list(NETWORK_TEST_COLUMNS)]


def as_connectivity(networks: pd.DataFrame) -> pd.DataFrame:
    """Return the measures that are tested in the form of ``connectivity.tsv``.

    `networks` is ``networks.tsv``; each measure stands in the place of a circuit.
    """
    known = {(one.measure, one.network_a, one.network_b): one.id for one in network_measures()}
    keys = zip(networks["measure"], networks["network_a"], networks["network_b"], strict=True)
    circuits: list[Any] = [known.get(key) for key in keys]
    rows = networks.assign(circuit=circuits)
    rows = rows[rows["circuit"].notna()].assign(measure=MEAN).rename(columns={"value": "z"})
    return rows[["participant_id", "session", "role", "strategy", "circuit", "measure", "z"]]


def _tested(
    values: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    hypotheses: list[Circuit],
    *,
    strategy: str,
    seed: int,
    permutations: int,
    alpha: float,
) -> Iterator[Tested]:
    """Yield the tests of change and association over everybody, and the changes within arms."""
    for planned in planned_samples(values, scores, design, hypotheses, strategy=strategy):
        test = planned.test
        if test.secondary or (test.arm is not None and not test.described_only):
            continue
        if test.kind == "association" and design.si is None:
            continue
        item = run_test(planned, seed=seed, permutations=permutations, alpha=alpha)
        yield replace(item, family=DESCRIPTIVE if test.described_only else NETWORKS)
