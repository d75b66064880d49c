"""The report: one page that holds everything a reader needs and asks for nothing from outside."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from ketfc.base.english import listed
from ketfc.base.files import MISSING
from ketfc.inference.design.planned_tests import adjusted_for
from ketfc.inference.families import BASELINE
from ketfc.reporting.design_words import arm_sizes, study_wise_error
from ketfc.reporting.pages.group_maps import map_part
from ketfc.reporting.pages.markdown import to_html
from ketfc.reporting.pages.rendering import environment
from ketfc.reporting.pages.report.cards import Card, cards
from ketfc.reporting.pages.report.clinical_course import NOTE, clinical_course
from ketfc.reporting.pages.report.quality_summary import quality_summary
from ketfc.reporting.rows import exclusion_counts, numeric, setting
from ketfc.reporting.tables import Table, results, table_of
from ketfc.reporting.text.beside.activity import activity_section
from ketfc.reporting.text.beside.attrition import attrition_section
from ketfc.reporting.text.beside.matched_null import matched_table
from ketfc.reporting.text.beside.networks import network_section
from ketfc.reporting.text.beside.reliability import reliability_section
from ketfc.reporting.text.beside.robustness import alternatives_table, robustness_section
from ketfc.reporting.text.beside.shrinkage import shrinkage_section
from ketfc.reporting.text.beside.specifications import specification_section
from ketfc.reporting.text.captions import (
    ELSEWHERE,
    OF_QUALITY,
    TITLES,
    figure_alt,
    figure_caption,
    figure_title,
)
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
from ketfc.reporting.words import compact, coverage, is_missing, region_label, sentence
from ketfc.study.design.design import Design

_IMAGE_BYTES = 3_000_000
"""Above this sum the images are embedded smaller, so that the page stays below 5 MB."""
_IMAGE_WIDTH = 1300

_MANY = 1000
"""Tables are cut at this many rows, and say so and where the rest is."""

_RUN_COLUMNS = {
    "run": "run",
    "role": "session",
    "status": "status",
    "mean_fd": "mean FD, mm",
    "max_fd": "max FD, mm",
    "n_volumes": "volumes",
    "n_censored": "censored",
    "seconds_kept": "kept, s",
    "reason": "reason",
}


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

    Returns
    -------
    str
        HTML without scripts; a content security policy in it forbids every request. The text of
        tables and config is escaped, whatever it holds.
    """
    pages = environment()
    pages.filters["sentence"] = sentence
    shown = cards(hypotheses, design)
    clinical_remarks, clinical_table = clinical_course(clinical, design)
    return pages.get_template("report.html.j2").render(
        study=design.study,
        simulated="simulate" in list(setting(config, "study", "derivatives") or []),
        summary=_summary(shown, design),
        study_wise=study_wise_error(design),
        facts=_facts(config, design, runs, versions),
        estimands=design.estimand,
        may_not_say=design.may_not_say,
        interval=coverage(design.alpha),
        instrument=design.instrument,
        cards=shown,
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
        habenula=report_sentences(habenula),
        robustness=robustness_section(robustness, hypotheses, design),
        reliability=reliability_section(reliability),
        shrinkage=shrinkage_section(shrinkage, design),
        specifications=specification_section(curves),
        attrition=attrition_section(attrition, design),
        clinical=clinical_table,
        clinical_remarks=clinical_remarks,
        clinical_note=NOTE,
        effects=effects_section(effects, design),
        figures=_figures(figures, hypotheses, design),
        of_quality=OF_QUALITY,
        elsewhere=ELSEWHERE,
        networks=network_section(networks, design),
        edges=edge_section(edges, design),
        maps=None if clusters is None else map_part(clusters, map_pictures, design),
        activity=activity_section(activity, design),
        motion=motion_section(motion, qcfc, hypotheses, design),
        left_out=_left_out(incomplete, hypotheses),
        exclusion_counts=table_of(exclusion_counts(exclusions)),
        n_exclusions=len(exclusions),
        exclusions=table_of(exclusions, most=_MANY, file="quality/exclusions.tsv"),
        quality=quality_summary(runs, design),
        n_runs=len(runs),
        runs=_runs(runs),
        strategies=[summarise(name, files) for name, files in sidecars.items()],
        primary_strategy=design.strategy,
        as_given=design.as_given,
        unknown=unknown_of_images(runs) if design.as_given else "",
        columns_in_words=lambda strategy: to_html(strategy.columns()),
        regions=_regions(regions),
        methods=to_html(methods.split("\n", 1)[1] if methods.startswith("# ") else methods, top=2),
        versions=versions,
        references=cited(methods),
    )


def _summary(shown: list[Card], design: Design) -> str:
    """Summarise the primary tests in a sentence."""
    parts = []
    association = f"association with {design.instrument}"
    for test, what in (("change", "change"), ("association", association)):
        what += "" if design.primary_question in ("both", test) else ", a secondary question,"
        states = {card.name: card.tests[test].state for card in shown if test in card.tests}
        found = [name for name, state in states.items() if state == "found"]
        tested = [name for name, state in states.items() if state != "none"]
        if not tested:
            parts.append(f"no test of {what} could be made")
        elif found:
            parts.append(
                f"evidence for {what} in {len(found)} of {len(tested)} primary circuits "
                f"({listed(found)})"
            )
        else:
            parts.append(f"no evidence for {what} in any of {len(tested)} primary circuits")
    text = "; ".join(parts)
    of = "" if design.as_given else f", strategy {design.strategy}"
    if all(outcome.state == "none" for card in shown for outcome in card.tests.values()):
        return f"{text[0].upper()}{text[1:]}; the reasons are below."
    control = (
        ""
        if design.control_tested
        else " There is no control arm: nothing here is specific to the treatment."
    )
    return (
        f"{text[0].upper()}{text[1:]} (after Holm{of}). Absence of "
        f"evidence is not evidence of absence.{control}"
    )


def _facts(
    config: Config, design: Design, runs: pd.DataFrame, versions: Mapping[str, str]
) -> dict[str, str]:
    sessions = ", ".join(f"{role} (ses-{label})" for role, label in design.sessions.items())
    sizes = ", ".join(f"{n} {label}" for label, n in arm_sizes(design).items())
    used = int((runs["status"].astype(str) == "ok").sum())
    scales = []
    for scale, name in (("si", "SI"), ("depression", "depression")):
        if about := design.scores.get(scale):
            only = ", changes only" if about.changes_only else ""
            scales.append(f"{about.instrument} ({name}{only})")
    denoising = partial(setting, config, "denoising")
    statistics = partial(setting, config, "statistics")
    images = {
        "Task": str(setting(config, "study", "task")),
        "Space": str(setting(config, "study", "space")),
        "Primary strategy": str(design.strategy),
        "Censoring": f"FD > {compact(denoising('fd-thresh'))} mm, at least "
        f"{compact(denoising('min-time'))} s kept"
        if denoising("fd-thresh")
        else f"none, at least {compact(denoising('min-time'))} s",
    }
    if design.as_given:
        images = {"Connectivity": "computed elsewhere", "Denoising, coverage": "not known"}
    return {
        "Design": design.kind_in_words,
        "Participants planned": f"{len(design.participants)} ({sizes})",
        "Sessions": sessions,
        "Sessions used" if design.as_given else "Runs used": f"{used} of {len(runs)}",
        "Scores": ", ".join(scales) or "none",
        **images,
        "Adjusted for": listed(list(adjusted_for(design))) or "no covariates",
        "Permutations": f"{compact(statistics('permutations'))} (seed {statistics('seed')})",
        **{name: version for name, version in versions.items() if name == "fMRIPrep" and version},
    }


def _figures(
    figures: Mapping[str, Path], hypotheses: pd.DataFrame, design: Design
) -> list[dict[str, Any]]:
    present = {name: figures[name] for name in TITLES if name in figures}
    small = sum(path.stat().st_size for path in present.values()) > _IMAGE_BYTES
    page = []
    for i, (name, path) in enumerate(present.items(), start=1):
        content, width, height = _image(path, small=small)
        page.append(
            {
                "name": name,
                "number": i,
                "title": figure_title(name, design),
                "source": "data:image/png;base64," + base64.b64encode(content).decode("ascii"),
                "width": width,
                "height": height,
                "alt": figure_alt(name, hypotheses, design),
                "caption": figure_caption(name, design),
                "files": [f"figures/{path.stem}.{kind}" for kind in ("pdf", "svg", "png", "tsv")],
            }
        )
    return page


def _image(path: Path, *, small: bool) -> tuple[bytes, int, int]:
    """Return the bytes of a PNG, made smaller if need be, with its width and height."""
    from PIL import Image

    with Image.open(path) as image:
        if not small or image.width <= _IMAGE_WIDTH:
            return path.read_bytes(), image.width, image.height
        size = (_IMAGE_WIDTH, round(image.height * _IMAGE_WIDTH / image.width))
        buffer = BytesIO()
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(
            buffer, "PNG", optimize=True
        )
        return buffer.getvalue(), *size


def _left_out(incomplete: pd.DataFrame, hypotheses: pd.DataFrame) -> Table:
    """Gather the tests and circuits that somebody was left out of for the same reason."""
    tested = hypotheses.groupby("test")["hypothesis"].nunique()
    names = dict(zip(hypotheses["hypothesis"], hypotheses["name"], strict=True))
    tests: dict[tuple[str, str, str], list[str]] = {}
    for keys, group in incomplete.groupby(["participant_id", "reason", "test"], sort=False):
        participant, reason, test = map(str, keys)
        circuits = list(dict.fromkeys(group["hypothesis"]))
        where = (
            "all circuits"
            if len(circuits) == tested.get(test)
            else ", ".join(str(names.get(circuit, circuit)) for circuit in circuits)
        )
        tests.setdefault((participant, reason, where), []).append(test)
    rows = [(who, why, ", ".join(of), where) for (who, why, where), of in sorted(tests.items())]
    table = pd.DataFrame(rows, columns=["participant", "reason", "left out of", "circuits"])
    return table_of(table, most=_MANY, file="the tables of results/tests")


def _runs(runs: pd.DataFrame) -> Table:
    present = {name: title for name, title in _RUN_COLUMNS.items() if name in runs}
    numbers = [name for name in present if name.startswith(("mean", "max", "n_", "seconds"))]
    table = numeric(runs[list(present)], *numbers).rename(columns=present)
    digits = {present[name]: 2 for name in ("mean_fd", "max_fd") if name in present}
    return table_of(table, most=_MANY, file="quality/runs.tsv", digits=digits)


def _regions(regions: pd.DataFrame) -> Table:
    table = regions.copy()
    table["region"] = [region_label(str(region)) for region in table["region"]]
    if "verified" in table:
        verified = table["verified"].astype(str).str.lower()
        words = {"true": "read in source", "1": "read in source", "yes": "read in source"}
        table["verified"] = [
            MISSING if is_missing(one) else words.get(one, "not read") for one in verified
        ]
    for column in table.columns.intersection(["circuit", "circuits"]):
        table[column] = table[column].str.replace(r"[,;]\s*", ", ", regex=True)
    return table_of(table.rename(columns={"n_voxels_median": "voxels (median)"}))
