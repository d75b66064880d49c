"""Tables of the specification curves of every primary circuit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketfc.imaging.run.connectivity import MEAN
from ketfc.inference.core.permutation import Floats
from ketfc.inference.design.exchangeability import exchange_blocks
from ketfc.inference.design.model import Model, model_of
from ketfc.inference.design.planned_tests import PlannedTest, planned_tests
from ketfc.inference.design.samples import Sample, participant_table, sample_of
from ketfc.inference.specifications.choices import (
    DEPRESSION,
    FAMILIES,
    QUESTIONS,
    RANKS,
    SI_ITEM,
    Choices,
    Source,
    Specification,
    adjusted_design,
    families_of,
    specifications,
)
from ketfc.inference.specifications.curve import Curve, Member, Point, specification_curve
from ketfc.study.design.design import Design
from ketfc.study.scores.long_scores import TOTAL

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

SPECIFICATION_COLUMNS = (
    "hypothesis",
    "name",
    "test",
    "specification",
    "primary",
    *FAMILIES,
    "effect",
    "statistic",
    "df",
    "p_permutation",
    "n",
    "same_as",
    "flags",
)
CURVE_COLUMNS = (
    "hypothesis",
    "name",
    "test",
    "specifications",
    "counted",
    "effect",
    "p_permutation",
    "median_effect",
    "lowest",
    "highest",
    "share_same_sign",
    "share_significant",
    "p_share",
    "median_deviate",
    "p_median",
    "depends_on",
    "permutations",
)
CURVE_NUMBERS = tuple(
    name for name in CURVE_COLUMNS if name not in ("hypothesis", "name", "test", "depends_on")
)
SPECIFICATION_NUMBERS = ("specification", "effect", "statistic", "df", "p_permutation", "n")

SEVERAL = "several choices"
"""Stands in `depends_on` where most specifications find nothing, whatever single choice is made."""

WITH_IT, WITHOUT_IT = 0.5, 0.2
"""A family of choices carries a finding that at least this share of the specifications with the
primary choice find, and less than this share of those with another: conventions."""

_ByThreshold = Mapping[float | None, pd.DataFrame]
"""``connectivity.tsv`` by threshold of FD in mm."""

_NAMED = ("hypothesis", "name", "test")


def specification_tables(
    connectivity: _ByThreshold,
    scores: pd.DataFrame,
    design: Design,
    circuits: Iterable[Circuit],
    choices: Choices,
    *,
    seed: int,
    permutations: int,
    alpha: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``tests/specifications.tsv`` and ``tests/specification_curve.tsv``.

    Parameters
    ----------
    connectivity : mapping of (float or None) to pandas.DataFrame
        ``connectivity.tsv`` by threshold of FD in mm, that of the primary test among them.
    scores, design : pandas.DataFrame, Design
        ``plan/scores.tsv`` and the study's design.
    circuits : iterable of ketfc.imaging.regions.registry.Circuit
        The circuits, other definitions among them.
    choices : Choices
        What the config declares.
    seed, permutations, alpha
        As for :func:`ketfc.inference.hypotheses.evaluate_hypotheses`.

    Returns
    -------
    specifications : pandas.DataFrame
        :data:`SPECIFICATION_COLUMNS`, a row per primary circuit, question and specification, that
        of the primary test first.
    curves : pandas.DataFrame
        :data:`CURVE_COLUMNS`, a row per primary circuit and question.
    """
    listed = list(circuits)
    rows: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for circuit in listed:
        if not circuit.primary or circuit.variant_of is not None:
            continue
        data = _Data(_means(connectivity, circuit, listed), scores, design)
        for question in QUESTIONS:
            if question == "association" and design.si is None:
                continue
            declared = specifications(choices, design, circuit, listed, question)
            curve = _curve(
                data, declared, circuit, question,
                seed=seed, permutations=permutations, alpha=alpha,
            )  # fmt: skip
            named = dict(zip(_NAMED, (circuit.id, circuit.name, question), strict=True))
            rows += [named | row for row in _rows(declared, curve)]
            curves.append(named | _summary(list(declared), curve, alpha=alpha))
    table = pd.DataFrame(rows, columns=list(SPECIFICATION_COLUMNS)).astype({"same_as": "Int64"})
    return table, pd.DataFrame(curves, columns=list(CURVE_COLUMNS))


class _Data:
    """The samples of one circuit, each made once."""

    def __init__(
        self,
        connectivity: _ByThreshold,
        scores: pd.DataFrame,
        design: Design,
    ) -> None:
        self.design = design

        @cache
        def table(strategy: str, fd: float | None, circuit: str, score: str) -> pd.DataFrame:
            seen, points = _scored(design, scores, score)
            return participant_table(
                connectivity[fd], points, seen, circuit=circuit, strategy=strategy
            )

        self._table = table
        self._scores = scores

    def sample(
        self, source: Source, score: str, question: str
    ) -> tuple[PlannedTest, Sample, Design]:
        """Return the test of a specification, its participants, and the design as it sees it."""
        seen, _ = _scored(self.design, self._scores, score)
        seen = adjusted_design(seen, source.covariates)
        test = next(one for one in planned_tests(seen) if one.name == question)
        table = self._table(source.strategy, source.fd_thresh, source.circuit, score)
        return test, sample_of(table, test, seen), seen


def _curve(
    data: _Data,
    declared: Mapping[Specification, Source],
    circuit: Circuit,
    question: str,
    *,
    seed: int,
    permutations: int,
    alpha: float,
) -> Curve:
    members, samples = [], []
    for one, source in declared.items():
        test, sample, seen = data.sample(source, one.score, question)
        model = model_of(test, sample.complete, seen)
        samples.append((test, sample.complete, seen))
        people = tuple(map(str, sample.complete.index))
        members.append(Member(people, _scaled(model, by_ranks=one.scale == RANKS)))
    everybody = pd.concat([sample for _, sample, _ in samples])
    everybody = everybody[~everybody.index.duplicated()].sort_index()
    test, _, seen = samples[0]
    blocks = exchange_blocks(test, everybody, seen)
    return specification_curve(
        members,
        blocks=None if blocks is None else dict(zip(everybody.index, blocks.tolist(), strict=True)),
        name=f"{circuit.id}/{question}",
        seed=seed,
        permutations=permutations,
        alpha=alpha,
        direction=circuit.direction if question == "change" else None,
    )


def _means(
    connectivity: _ByThreshold, circuit: Circuit, listed: Sequence[Circuit]
) -> dict[float | None, pd.DataFrame]:
    """Return the rows that the specifications of one circuit are made of, by threshold."""
    own = {one.id for one in listed if circuit.id in (one.id, one.variant_of)}
    return {
        fd: table[(table["measure"] == MEAN) & table["circuit"].isin(own)]
        for fd, table in connectivity.items()
    }


def _scored(design: Design, scores: pd.DataFrame, score: str) -> tuple[Design, pd.DataFrame]:
    """Return design and scores with another score in place of that of suicidal ideation."""
    if score not in (SI_ITEM, DEPRESSION) or design.depression is None:
        return design, scores
    item = TOTAL if score == DEPRESSION else SI_ITEM
    own = (
        (scores["scale"] == "depression")
        & (scores["item"] == item)
        & (scores["instrument"] == design.depression.instrument)
    )
    return replace(design, si=design.depression), scores[own].assign(scale="si")


def _scaled(model: Model, *, by_ranks: bool) -> Model:
    """Return a model of ranks or of values; a mean change by ranks is that of signed ranks."""
    if model.term is not None:
        return replace(model, by_ranks=by_ranks)
    if not by_ranks:
        return model
    from scipy.stats import rankdata

    name, change = model.response
    ranks: Floats = np.sign(change) * rankdata(np.abs(change))
    return replace(model, response=(name, ranks))


def _rows(declared: Mapping[Specification, Source], curve: Curve) -> list[dict[str, Any]]:
    rows = []
    for i, (one, point) in enumerate(zip(declared, curve.points, strict=True)):
        found = asdict(point)
        found |= {
            "p_permutation": point.p,
            "same_as": None if point.same_as is None else point.same_as + 1,
            "flags": ";".join(point.flags) or None,
        }
        rows.append({"specification": i + 1, "primary": i == 0, **families_of(one), **found})
    return rows


def _summary(declared: Sequence[Specification], curve: Curve, *, alpha: float) -> dict[str, Any]:
    first = curve.points[0]
    return asdict(replace(curve, points=())) | {
        "specifications": len(declared),
        "effect": first.effect,
        "p_permutation": first.p,
        "depends_on": depends_on(declared, curve.points, alpha=alpha),
    }


def depends_on(
    declared: Sequence[Specification], points: Sequence[Point], *, alpha: float
) -> str | None:
    """Return the families of choices that a finding depends on, joined by a comma.

    Parameters
    ----------
    declared, points : sequence of Specification, sequence of Point
        The specifications, that of the primary test first, and their results.
    alpha : float
        The level of the tests.

    Returns
    -------
    str or None
        None unless the primary test is significant (before correction). A specification finds the
        same if it is significant with the same sign. A family is named where at least
        :data:`WITH_IT` of the specifications with the primary test's choice find it and less than
        :data:`WITHOUT_IT` of those with another; :data:`SEVERAL` where no family is and fewer than
        half of all find it.
    """
    if not points[0].p <= alpha:
        return None
    tested = [i for i, point in enumerate(points) if np.isfinite(point.p)]
    found = np.array(
        [points[i].p <= alpha and points[i].effect * points[0].effect > 0 for i in tested]
    )
    carrying = []
    chosen = [families_of(declared[i]) for i in tested]
    for family, choice in families_of(declared[0]).items():
        same = np.array([one[family] == choice for one in chosen])
        if not same.all() and found[same].mean() >= WITH_IT and found[~same].mean() < WITHOUT_IT:
            carrying.append(family)
    if not carrying and found.mean() < WITH_IT:
        return SEVERAL
    return ", ".join(carrying) or None
