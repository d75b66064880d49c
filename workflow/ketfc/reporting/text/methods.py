"""Methods section of a paper: facts of a study put into ``templates/methods.md.j2``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import pandas as pd

from ketfc.base.english import listed
from ketfc.inference.core.evidence import ONE_SIDED
from ketfc.inference.families import SENSITIVITY
from ketfc.inference.motion.qcfc import partialled_out
from ketfc.reporting.design_words import (
    arm_sizes,
    association_given,
    motion_given,
    study_wise_error,
)
from ketfc.reporting.rows import exclusion_counts, numeric, primary_circuits, setting
from ketfc.reporting.text.beside.activity import activity_methods
from ketfc.reporting.text.beside.attrition import attrition_methods
from ketfc.reporting.text.beside.influence import influence_methods
from ketfc.reporting.text.beside.matched_null import matched_sentences
from ketfc.reporting.text.beside.networks import network_methods
from ketfc.reporting.text.beside.prediction import prediction_methods
from ketfc.reporting.text.beside.reliability import reliability_methods
from ketfc.reporting.text.beside.robustness import robustness_methods
from ketfc.reporting.text.beside.shrinkage import shrinkage_methods
from ketfc.reporting.text.beside.specifications import specification_methods
from ketfc.reporting.text.beside.tipping_point import tipping_methods
from ketfc.reporting.text.clinical.effects import effects_methods
from ketfc.reporting.text.denoising import Sidecars, denoising_paragraphs, summarise
from ketfc.reporting.text.edges import edge_methods
from ketfc.reporting.text.elsewhere import motion_known, source_paragraphs
from ketfc.reporting.text.habenula import methods_sentences
from ketfc.reporting.text.maps.section import map_methods
from ketfc.reporting.text.moderation import (
    adjustment_methods,
    baseline_methods,
    moderation_methods,
)
from ketfc.reporting.text.paragraphs import rendered
from ketfc.reporting.text.sample.description import people_in_words, scans_in_words
from ketfc.reporting.words import as_number, coverage
from ketfc.study.design.design import CONTROL_FIRST, KETAMINE_FIRST, Design

Config = Mapping[str, Any]
"""The study's configuration with all defaults, keys spelt as in the YAML file."""


def methods_text(
    *,
    config: Config,
    design: Design,
    hypotheses: pd.DataFrame,
    regions: pd.DataFrame,
    runs: pd.DataFrame,
    exclusions: pd.DataFrame,
    sidecars: Sidecars,
    versions: Mapping[str, str],
    null: pd.DataFrame,
    habenula: pd.DataFrame,
    robustness: pd.DataFrame,
    reliability: pd.DataFrame,
    shrinkage: pd.DataFrame,
    curves: pd.DataFrame,
    attrition: pd.DataFrame,
    networks: pd.DataFrame,
    edges: pd.DataFrame,
    effects: pd.DataFrame,
    clusters: pd.DataFrame | None = None,
    activity: pd.DataFrame | None = None,
    stability: pd.DataFrame | None = None,
    participants: pd.DataFrame | None = None,
    native: pd.DataFrame | None = None,
    prediction: pd.DataFrame | None = None,
    atlases: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    people: bool = True,
) -> str:
    """Return the methods in words.

    Parameters
    ----------
    config : mapping
        The configuration with all its defaults.
    hypotheses, regions, runs, exclusions : pandas.DataFrame
        ``tests/hypotheses.tsv``, ``regions.tsv``, ``quality/runs.tsv``, ``quality/exclusions.tsv``.
    sidecars : mapping of str to sequence of mapping
        By denoising strategy, the JSON sidecars of all its matrices of one atlas.
    versions : mapping of str to str
        Software and its versions, in the order in which to name them; fMRIPrep among them where
        it is known.
    null, habenula, robustness, edges : pandas.DataFrame
        ``tests/matched_null.tsv``, ``habenula.tsv``, ``tests/robustness.tsv`` and
        ``tests/edges.tsv``, numbers of the last as numbers.
    effects : pandas.DataFrame
        ``clinical/effects.tsv``, numbers as numbers.
    curves : pandas.DataFrame
        ``tests/specification_curve.tsv``.
    reliability, shrinkage, attrition, networks : pandas.DataFrame
        The tables of these names in ``tests/``.
    clusters : pandas.DataFrame or None
        ``maps/clusters.tsv``, numbers as numbers, where maps were made.
    activity : pandas.DataFrame, optional
        ``tests/activity.tsv``, numbers as numbers, where activity was measured.
    stability : pandas.DataFrame, optional
        ``tests/stability.tsv``; None in what may leave the lab.
    participants, native : pandas.DataFrame, optional
        ``plan/participants.tsv`` and ``plan/native.tsv``.
    prediction : pandas.DataFrame, optional
        ``tests/prediction.tsv``, numbers as numbers, where an outcome was predicted.
    atlases : mapping of str to mapping
        By parcellation, the JSON sidecar of its image.
    people : bool
        False leaves out who and what was excluded, for a text that leaves the lab.

    Returns
    -------
    str
        Markdown with citations ``[@key]`` of ``references.bib``, as pandoc reads them.
    """
    of = partial(setting, config)
    primary = primary_circuits(hypotheses)
    variants = set(hypotheses.loc[hypotheses["family"] == SENSITIVITY, "hypothesis"])
    names = dict(zip(hypotheses["hypothesis"], hypotheses["name"], strict=True))
    verified = regions["verified"].astype(str).str.lower().isin(["true", "1", "yes"])
    orders = [design.sequences.get(who) for who in design.in_contrasts()]
    wanted = of("statistics", "permutations")
    made = numeric(hypotheses, "permutations")["permutations"].dropna()
    strategies = {name: summarise(name, files) for name, files in sidecars.items()}
    text = rendered(
        "methods.md.j2",
        quoted=lambda names: listed([f"“{name}”" for name in names]),
        setting=of,
        design=design,
        versions=versions,
        sizes=[f"{n} {label}" for label, n in arm_sizes(design).items()],
        first={"ketamine": orders.count(KETAMINE_FIRST), "control": orders.count(CONTROL_FIRST)},
        people="" if participants is None else people_in_words(participants, design),
        scans=scans_in_words(runs, native),
        simulated="simulate" in list(of("study", "derivatives") or []),
        primary=list(primary.values()),
        secondary=[name for key, name in names.items() if key not in {*primary, *variants}],
        n_regions=len(regions),
        n_variants=len(variants),
        unverified=list(regions.loc[~verified, "region"].astype(str)),
        parcellations=[
            one["name"] if isinstance(one, Mapping) else str(one)
            for one in of("circuits", "parcellation") or []
        ],
        atlases=atlases,
        mismatches=_template_mismatches(sidecars, atlases),
        habenula=methods_sentences(habenula),
        denoising=(
            [] if design.as_given else denoising_paragraphs(config, design, strategies, runs)
        ),
        elsewhere=source_paragraphs(config, runs, regions) if design.as_given else [],
        motion_known=not design.as_given or motion_known(runs),
        given=association_given(design),
        study_wise=study_wise_error(design),
        interval=coverage(design.alpha),
        one_sided=_one_sided(hypotheses),
        permutations=f"{int(wanted):,}".replace(",", " ") if wanted else "",
        fewer_permutations=bool(wanted and (made < int(wanted)).any()),
        samples=_sample_sizes(hypotheses),
        other_tests=[
            *effects_methods(effects, design),
            *adjustment_methods(design),
            *moderation_methods(hypotheses),
            *baseline_methods(hypotheses, design),
            *robustness_methods(robustness, as_number(of("statistics", "equivalence-margin"))),
            *reliability_methods(reliability),
            *tipping_methods(robustness),
            *specification_methods(curves),
            *shrinkage_methods(shrinkage),
            *influence_methods(stability),
            *attrition_methods(attrition),
            *matched_sentences(null),
            *network_methods(networks, design),
            *edge_methods(edges, design),
            *map_methods(clusters, config.get("maps") or {}, design),
            *activity_methods(activity, config, design),
            *prediction_methods(prediction, config, design),
        ],
        motion_given=motion_given(design),
        edges_given=listed(partialled_out(design)),
        later=[
            f"{one.score[1]} with the {'difference at' if design.drugs else 'change until'} "
            f"{one.connectivity[1]}"
            for one in design.later_outcomes
        ],
        with_people=people,
        n_runs=len(runs),
        n_runs_excluded=int((runs["status"].astype(str) != "ok").sum()),
        n_exclusions=len(exclusions),
        exclusions=exclusion_counts(exclusions).to_dict("records"),
        software=[f"{name} {text}" for name, text in versions.items() if name != "fMRIPrep"],
    )
    return f"{text}\n"


def _template_mismatches(sidecars: Sidecars, atlases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the templates that were taken for that of the images, each once."""
    said = {file.get("TemplateMismatch"): None for files in sidecars.values() for file in files}
    found = [text for text in said if text]
    return found + [
        f"{name}: {about['TemplateMismatch']}"
        for name, about in atlases.items()
        if about["TemplateMismatch"]
    ]


def _one_sided(hypotheses: pd.DataFrame) -> list[str]:
    """Return the one-sided tests of change with their direction and registration."""
    flags = hypotheses["flags"].fillna("").astype(str).str.split(";")
    one_sided = hypotheses[[ONE_SIDED in found for found in flags]]
    told = [
        str(estimand).partition("Tested ")[2].partition("): ")[0]
        for estimand in one_sided["estimand"]
    ]
    return [f"“{name}” is {text})" for name, text in zip(one_sided["name"], told, strict=True)]


def _sample_sizes(hypotheses: pd.DataFrame) -> list[str]:
    """Return the participants in the primary tests, by kind of test."""
    rows = numeric(hypotheses[hypotheses["family"].astype(str).str.startswith("primary")], "n")
    parts = []
    for test in ("change", "association"):
        n = rows.loc[rows["test"] == test, "n"].dropna()
        if len(n):
            low, high = int(n.min()), int(n.max())
            parts.append(f"n = {low if low == high else f'{low}–{high}'} for {test}")
    return parts
