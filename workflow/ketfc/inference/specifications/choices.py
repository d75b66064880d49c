"""Choices of a specification, and the list of all specifications of a question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from ketfc.base.english import plural
from ketfc.study.config.config import AS_GIVEN, Config
from ketfc.study.config.denoising import scrubbed
from ketfc.study.design.design import Design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

QUESTIONS = ("change", "association")
"""Tests over everybody that have a specification curve."""

REGISTERED = "registered"
"""Definition of a circuit as the registry gives it."""

NO_COVARIATES = "none"

SI, SI_ITEM, DEPRESSION = "si", "si-item", "depression"
"""Scores of an association: that of suicidal ideation, and what may stand in for it."""

RANKS, VALUES = "ranks", "values"


@dataclass(frozen=True)
class Specification:
    """One combination of choices; a field is a family of choices.

    Attributes
    ----------
    denoising : str
        Denoising strategy without the ending ``_noscrub``.
    scrubbing : str
        ``FD 0.5`` for a threshold in mm, ``no FD`` where volumes are censored by other criteria
        alone, ``none`` where no volume is censored.
    definition : str
        :data:`REGISTERED`, or the other definition of a region, such as ``sgACC-Fox2012``.
    covariates : str
        Names joined by `` + ``, or :data:`NO_COVARIATES`.
    score : str
        :data:`SI`, :data:`SI_ITEM` or :data:`DEPRESSION`; ``n/a`` where no score is tested.
    scale : str
        :data:`RANKS` or :data:`VALUES`.
    """

    denoising: str
    scrubbing: str
    definition: str
    covariates: str
    score: str
    scale: str


FAMILIES = {
    "denoising": "the denoising strategy",
    "scrubbing": "the censoring",
    "definition": "the definition of the regions",
    "covariates": "the covariates",
    "score": "the score",
    "scale": "whether ranks or values are tested",
}
"""Families of choices in words, in the order of :class:`Specification`."""


@dataclass(frozen=True)
class Choices:
    """Choices of a study, those of the primary test first in each family.

    Attributes
    ----------
    strategies : tuple of str
        Denoising strategies.
    thresholds : tuple of (float or None)
        Thresholds of FD in mm; None: no censoring by FD.
    definitions : bool
        Whether other definitions of regions count.
    covariates : tuple of tuple of str
        Sets of covariates.
    scores : tuple of str
        Scores of the associations.
    tests : tuple of str
        :data:`RANKS` and :data:`VALUES`.
    """

    strategies: tuple[str, ...]
    thresholds: tuple[float | None, ...]
    definitions: bool
    covariates: tuple[tuple[str, ...], ...]
    scores: tuple[str, ...]
    tests: tuple[str, ...]


def choices_of(config: Config) -> Choices:
    """Return the choices that a config declares."""
    asked, denoising = config.statistics.specifications, config.denoising
    strategies = asked.strategies
    if config.study.connectivity is not None:
        # nothing is known of how it was made
        strategies = (AS_GIVEN,)
    primary = denoising.primary if config.study.connectivity is None else AS_GIVEN
    if strategies is None:
        strategies = tuple(name for name in denoising.strategies if name != "none")
    about = config.scores.depression
    item = (SI_ITEM,) if about is not None and about.si_item is not None else ()
    scores: tuple[str, ...] = item if asked.scores is None else asked.scores
    blocks = config.statistics.blocks
    sets = [
        tuple(name for name in names if name != blocks)
        for names in (config.statistics.covariates, *asked.covariates)
    ]
    # the same covariates in another order are the same model
    unique: dict[frozenset[str], tuple[str, ...]] = {}
    for names in sets:
        unique.setdefault(frozenset(names), names)
    return Choices(
        strategies=tuple(dict.fromkeys([primary, *strategies])),
        thresholds=tuple(dict.fromkeys([denoising.fd_thresh, *asked.fd_thresholds]))
        if config.study.connectivity is None
        else (None,),
        definitions=asked.definitions,
        covariates=tuple(unique.values()),
        scores=tuple(dict.fromkeys([SI, *scores])),
        tests=asked.tests,
    )


def specifications(
    choices: Choices, design: Design, circuit: Circuit, variants: Iterable[Circuit], question: str
) -> dict[Specification, Source]:
    """Return the specifications of a circuit and question, that of the primary test first.

    Parameters
    ----------
    choices : Choices
        The study's choices.
    design : Design
        The study's design.
    circuit : ketfc.imaging.regions.registry.Circuit
        A primary circuit.
    variants : iterable of ketfc.imaging.regions.registry.Circuit
        All other definitions that were measured; those of other circuits do not count.
    question : str
        One of :data:`QUESTIONS`.

    Returns
    -------
    dict of Specification to Source
        Every combination once. A change within participants or drugs has no covariates, so that
        sets of them make no specification of it; nor do scores of any change.
    """
    circuits = {REGISTERED: circuit.id}
    if choices.definitions:
        own = [one.id for one in variants if one.variant_of == circuit.id]
        circuits |= {name.removeprefix(f"{circuit.id}."): name for name in own}
    sets, scores = choices.covariates, choices.scores
    if question == "change":
        scores = ("n/a",)
        if not design.between_arms:
            sets = ((),)
    usual = VALUES if question == "change" else RANKS
    tests = dict.fromkeys([usual, *choices.tests])
    found: dict[Specification, Source] = {}
    for (strategy, fd), (definition, of), names, score, scale in product(
        _censored(choices), circuits.items(), sets, scores, tests
    ):
        known = Specification(
            denoising=strategy.removesuffix("_noscrub"),
            scrubbing=_scrubbing(strategy, fd),
            definition=definition,
            covariates=" + ".join(names) or NO_COVARIATES,
            score=score,
            scale=scale,
        )
        found[known] = Source(strategy, fd, of, names)
    return found


@dataclass(frozen=True)
class Source:
    """The data of a specification.

    Attributes
    ----------
    strategy : str
        Denoising strategy as the tables have it.
    fd_thresh : float or None
        Threshold of FD in mm.
    circuit : str
        Circuit of ``connectivity.tsv``.
    covariates : tuple of str
        What the models hold.
    """

    strategy: str
    fd_thresh: float | None
    circuit: str
    covariates: tuple[str, ...]


def families_of(specification: Specification) -> dict[str, str]:
    """Return the choices of a specification by family."""
    return dict(zip(FAMILIES, astuple(specification), strict=True))


def adjusted_design(design: Design, covariates: Sequence[str]) -> Design:
    """Return a design whose models hold these covariates, its blocks as before."""
    return replace(design, terms=replace(design.terms, covariates=tuple(covariates)))


def specification_summary(choices: Choices, design: Design, circuits: Mapping[str, Circuit]) -> str:
    """Return in words how many specifications there are, for the plan.

    Parameters
    ----------
    choices, design
        The study's.
    circuits : mapping of str to ketfc.imaging.regions.registry.Circuit
        All circuits, other definitions that can be measured among them.
    """
    primary = [one for one in circuits.values() if one.primary and one.variant_of is None]
    lines = []
    for question in QUESTIONS:
        if question == "association" and design.si is None:
            continue
        counts = [
            len(specifications(choices, design, one, circuits.values(), question))
            for one in primary
        ]
        if counts:
            fewest, most = min(counts), max(counts)
            each = f"{most}" if fewest == most else f"{fewest} to {most}"
            lines.append(
                f"  specifications, {question}: {each} in each of "
                f"{plural(len(counts), 'primary circuit')}, {sum(counts)} together\n"
            )
    return "".join(lines)


def _censored(choices: Choices) -> list[tuple[str, float | None]]:
    """Return strategies with their thresholds; what censors nothing has the first one alone."""
    return [
        (strategy, fd)
        for strategy in choices.strategies
        for fd in (choices.thresholds if scrubbed(strategy) else choices.thresholds[:1])
    ]


def _scrubbing(strategy: str, fd: float | None) -> str:
    if strategy == AS_GIVEN:
        return "n/a"
    if not scrubbed(strategy):
        return "none"
    return "no FD" if fd is None else f"FD {fd:g}"
