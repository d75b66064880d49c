"""The report: one page that holds everything a reader needs and asks for nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from ketfc.base.files import MISSING
from ketfc.inference.families import BASELINE
from ketfc.reporting.design_words import effect_in_words, study_wise_error
from ketfc.reporting.pages.group_maps import map_part
from ketfc.reporting.pages.markdown import to_html
from ketfc.reporting.pages.rendering import environment, file_link, policy, scripts, table_script
from ketfc.reporting.pages.report.beside import Tables
from ketfc.reporting.pages.report.brain.viewer import template
from ketfc.reporting.pages.report.characteristics import characteristics
from ketfc.reporting.pages.report.circuit_plots import motion_courses
from ketfc.reporting.pages.report.clinical_course import NOTE, clinical_course
from ketfc.reporting.pages.report.figures import embedded
from ketfc.reporting.pages.report.people import everybody
from ketfc.reporting.pages.report.quality_summary import quality_summary
from ketfc.reporting.pages.report.stories import stories
from ketfc.reporting.pages.report.summary import facts, summary
from ketfc.reporting.pages.report.tables import excluded, left_out, region_table, run_table
from ketfc.reporting.rows import exclusion_counts, setting
from ketfc.reporting.tables import Table, results, table_of
from ketfc.reporting.text.beside.activity import activity_section
from ketfc.reporting.text.beside.attrition import attrition_section
from ketfc.reporting.text.beside.influence import influence_section
from ketfc.reporting.text.beside.matched_null import matched_table
from ketfc.reporting.text.beside.networks import network_section
from ketfc.reporting.text.beside.prediction import prediction_section
from ketfc.reporting.text.beside.reliability import reliability_section
from ketfc.reporting.text.beside.robustness import alternatives_table, robustness_section
from ketfc.reporting.text.beside.shrinkage import shrinkage_section
from ketfc.reporting.text.beside.specifications import specification_section
from ketfc.reporting.text.beside.tipping_point import tipping_sentences
from ketfc.reporting.text.captions import ELSEWHERE
from ketfc.reporting.text.clinical.effects import effects_section
from ketfc.reporting.text.denoising import Sidecars, summarise
from ketfc.reporting.text.edges import edge_section
from ketfc.reporting.text.elsewhere import unknown_of_images
from ketfc.reporting.text.habenula import report_sentences
from ketfc.reporting.text.methods import Config
from ketfc.reporting.text.moderation import (
    baseline_questions,
    moderation_questions,
    moderation_table,
)
from ketfc.reporting.text.motion import motion_section
from ketfc.reporting.text.references import cited
from ketfc.reporting.words import coverage, sentence
from ketfc.study.design.design import Design

_NOBODY = Table([], [], [])


def render_report(
    *,
    design: Design,
    config: Config,
    hypotheses: pd.DataFrame,
    incomplete: pd.DataFrame,
    regions: pd.DataFrame,
    runs: pd.DataFrame,
    exclusions: pd.DataFrame,
    motion: pd.DataFrame,
    qcfc: pd.DataFrame,
    clinical: pd.DataFrame,
    effects: pd.DataFrame,
    sidecars: Sidecars,
    null: pd.DataFrame,
    habenula: pd.DataFrame,
    robustness: pd.DataFrame,
    reliability: pd.DataFrame,
    shrinkage: pd.DataFrame,
    curves: pd.DataFrame,
    attrition: pd.DataFrame,
    networks: pd.DataFrame,
    edges: pd.DataFrame,
    figures: Mapping[str, Path],
    methods: str,
    clusters: pd.DataFrame | None = None,
    map_pictures: Mapping[str, Path] = MappingProxyType({}),
    versions: Mapping[str, str],
    activity: pd.DataFrame | None = None,
    influence: pd.DataFrame | None = None,
    stability: pd.DataFrame | None = None,
    prediction: pd.DataFrame | None = None,
    numbers: Mapping[str, pd.DataFrame] = MappingProxyType({}),
    participants: pd.DataFrame | None = None,
    made: str = "",
    people: bool = True,
    fewest: int = 0,
    removed: Sequence[str] = (),
) -> str:
    """Return the report as one self-contained HTML page.

    Parameters
    ----------
    config : mapping
        The configuration with all its defaults, keys spelt as in the YAML file.
    hypotheses, regions, runs, exclusions, null, habenula, robustness, networks, edges,
    reliability, shrinkage, curves, attrition
        As for :func:`ketfc.reporting.text.methods.methods_text`.
    motion, qcfc, clinical : pandas.DataFrame
        ``quality/motion.tsv``, ``quality/qcfc.tsv`` and ``clinical/summary.tsv``.
    effects : pandas.DataFrame
        ``clinical/effects.tsv``, numbers as numbers.
    incomplete : pandas.DataFrame
        Who was left out of which test
        (`ketfc.inference.design.circuit_tests.incomplete_participants`).
    sidecars : mapping of str to sequence of mapping
        By denoising strategy, the JSON sidecars of its matrices.
    figures : mapping of str to pathlib.Path
        PNG files by the names of `ketfc.reporting.text.captions.TITLES`; those left out are not
        shown.
    methods : str
        ``methods.md``.
    clusters : pandas.DataFrame or None
        ``maps/clusters.tsv``, numbers as numbers, where maps were made.
    map_pictures : mapping of str to pathlib.Path
        PNG files of the maps, as :func:`ketfc.reporting.pages.group_maps.map_part` takes them.
    versions : mapping of str to str
        Software and its versions.
    activity : pandas.DataFrame, optional
        ``tests/activity.tsv``, numbers as numbers, where activity was measured.
    influence, stability : pandas.DataFrame, optional
        The tables of these names in ``tests/``, which name participants and test halves of them;
        a page that may leave the lab has neither.
    prediction : pandas.DataFrame, optional
        ``tests/prediction.tsv``, numbers as numbers, where an outcome was predicted.
    numbers : mapping of str to pandas.DataFrame
        The numbers of figures by name: ``paired``, ``association`` and ``trajectory``, from which
        the plots of the page are drawn as the figures are.
    participants : pandas.DataFrame, optional
        ``plan/participants.tsv``.
    made : str
        When the results were made, such as ``29 November 2026``.
    people : bool
        False writes the page that may leave the lab: no participant, no mark or row of one, no
        date, no link to another file.
    fewest : int
        Descriptions of fewer participants than these are left out of such a page.
    removed : sequence of str
        What such a page lacks, in sentences.

    Returns
    -------
    str
        HTML whose scripts are in it; a content security policy forbids every request and every
        other script. The text of tables and config is escaped, whatever it holds.
    """
    pages = environment()
    pages.filters |= {"sentence": sentence, "file": partial(file_link, links=people)}
    if not people:
        # what is shown has digits enough: more might tell of somebody
        pages.filters["whole"] = lambda _: ""
    tables = Tables(
        *(hypotheses, motion, null, robustness, reliability, shrinkage, curves),
        influence=influence if people else None,
    )
    said = report_sentences(habenula)
    told = stories(tables, numbers, runs, regions, design, habenula=said, people=people)
    has_places = any(story.places for story in told)
    shown = [story.card for story in told]
    clinical_remarks, clinical_table = clinical_course(clinical, design)
    exclusion_table, parcels = excluded(exclusions, regions)
    page_scripts = scripts("report/people.js", "report/page.js")
    if has_places:
        page_scripts += scripts("report/brain.js")
    page_scripts.append(table_script("report/tables.js"))
    return pages.get_template("report.html.j2").render(
        study=design.study,
        made=made if people else "",
        with_people=people,
        fewest=fewest,
        removed=removed,
        scripts=page_scripts,
        policy=policy(page_scripts),
        everybody=everybody(design, runs, exclusions, incomplete) if people else [],
        simulated="simulate" in list(setting(config, "study", "derivatives") or []),
        summary=summary(shown, design),
        stories=told,
        has_places=has_places,
        template=template() if has_places else None,
        effects_in_words={
            test: effect_in_words(design, test) for test in ("change", "association")
        },
        study_wise=study_wise_error(design),
        facts=facts(config, design, runs, versions),
        characteristics=_NOBODY
        if participants is None
        else characteristics(participants, runs, design, fewest=fewest),
        estimands=design.estimand,
        may_not_say=design.may_not_say,
        interval=coverage(design.alpha),
        instrument=design.instrument,
        motion_plot=motion_courses(runs, design, people=people, fewest=fewest),
        primary_results=results(hypotheses, primary=True),
        other_results=results(hypotheses, primary=False),
        all_results=table_of(hypotheses, file="tests/hypotheses.tsv"),
        moderation=moderation_table(hypotheses, robustness),
        moderation_questions=moderation_questions(hypotheses),
        baseline=moderation_table(hypotheses, robustness, family=BASELINE),
        baseline_questions=baseline_questions(hypotheses),
        preregistered=design.preregistered,
        alternatives=alternatives_table(hypotheses),
        matched=matched_table(null, hypotheses),
        habenula=said,
        robustness=robustness_section(
            # a note may name the participant on whom a result hangs
            robustness if people else robustness.assign(note=MISSING),
            hypotheses,
            design,
        ),
        tipping=tipping_sentences(robustness),
        reliability=reliability_section(reliability),
        shrinkage=shrinkage_section(shrinkage, design),
        specifications=specification_section(curves),
        influence=influence_section(influence, stability) if people else None,
        attrition=attrition_section(attrition, design),
        clinical=clinical_table,
        clinical_remarks=clinical_remarks,
        clinical_note=NOTE,
        effects=effects_section(effects, design),
        figures=embedded(figures, hypotheses, design, people=people),
        elsewhere=ELSEWHERE,
        matrices=not edges.empty,
        networks=network_section(networks, design),
        edges=edge_section(edges, design),
        maps=None if clusters is None else map_part(clusters, map_pictures, design),
        activity=activity_section(activity, design),
        prediction=prediction_section(prediction, design),
        motion=motion_section(motion, qcfc, hypotheses, design),
        left_out=left_out(incomplete, hypotheses) if people else _NOBODY,
        n_left_out=incomplete["participant_id"].nunique(),
        exclusion_counts=table_of(exclusion_counts(exclusions)) if people else _NOBODY,
        exclusions=exclusion_table if people else _NOBODY,
        parcels=parcels,
        quality=quality_summary(runs, design, fewest=fewest),
        n_runs=len(runs),
        runs=run_table(runs) if people else _NOBODY,
        strategies=[summarise(name, files) for name, files in sidecars.items()],
        primary_strategy=design.strategy,
        as_given=design.as_given,
        unknown=unknown_of_images(runs) if design.as_given else "",
        columns_in_words=lambda strategy: to_html(strategy.columns()),
        regions=region_table(regions),
        methods=to_html(methods.split("\n", 1)[1] if methods.startswith("# ") else methods, top=2),
        versions=versions,
        references=cited(methods),
    )
