"""The methods section of a paper, written from what was done."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.base.files import MISSING
from ketfc.inference.families import SENSITIVITY
from ketfc.reporting.design_words import arm_sizes, arms_of, motion_given
from ketfc.reporting.rows import exclusion_counts, primary_circuits, setting
from ketfc.reporting.text.crossover import drug_orders_in_words
from ketfc.reporting.text.denoising import Sidecars, denoising_paragraphs, summarise
from ketfc.reporting.text.edges import edge_methods
from ketfc.reporting.text.habenula import methods_sentences
from ketfc.reporting.text.matched_null import matched_sentences
from ketfc.reporting.text.moderation import adjustment_methods, moderation_methods
from ketfc.reporting.text.robustness import robustness_methods
from ketfc.reporting.text.tests import Config, tests_in_words
from ketfc.reporting.words import as_number, compact, is_missing, number
from ketfc.study.design.design import Design


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
    edges: pd.DataFrame,
    atlases: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> str:
    """Return the methods in words.

    Parameters
    ----------
    config : mapping
        The configuration with all its defaults.
    design : mapping
        ``plan/design.json``.
    hypotheses, regions, runs, exclusions : pandas.DataFrame
        ``tests/hypotheses.tsv``, ``regions.tsv``, ``quality/runs.tsv``, ``quality/exclusions.tsv``.
    sidecars : mapping of str to sequence of mapping
        By denoising strategy, the JSON sidecars of all its matrices of one atlas.
    versions : mapping of str to str
        Software and its versions, in the order in which to name them; fMRIPrep among them where
        it is known.
    null, habenula : pandas.DataFrame
        ``tests/matched_null.tsv`` and ``habenula.tsv``.
    robustness : pandas.DataFrame
        ``tests/robustness.tsv``.
    edges : pandas.DataFrame
        ``tests/edges.tsv``, numbers as numbers.
    atlases : mapping of str to mapping
        By parcellation, the JSON sidecar of its image.

    Returns
    -------
    str
        Markdown with citations ``[@key]`` of ``references.bib``, as pandoc reads them.
    """
    strategies = {name: summarise(name, files) for name, files in sidecars.items()}
    sections = {
        "Data and design": _data(config, design, versions),
        "Regions and circuits": [
            *_regions(config, hypotheses, regions),
            *_parcellations(atlases),
            *_template_mismatches(sidecars, atlases),
            *_together(methods_sentences(habenula)),
        ],
        "Denoising": denoising_paragraphs(config, design, strategies, runs),
        "Connectivity": _connectivity(config),
        "Tests": [
            *tests_in_words(config, design, hypotheses),
            *adjustment_methods(design),
            *moderation_methods(hypotheses),
            *robustness_methods(
                robustness, as_number(setting(config, "statistics", "equivalence-margin"))
            ),
            *matched_sentences(null),
            *edge_methods(edges, design),
        ],
        "Head motion": _motion(config, design),
        "What was left out": _left_out(runs, exclusions),
        "Software": _software(versions),
        "Scope": [
            "Research use only: these are results about groups. They are associations and "
            "comparisons under the assumptions above, not predictions for a patient, and nothing "
            "here is meant for clinical decisions."
        ],
    }
    blocks = ["# Methods"]
    for title, paragraphs in sections.items():
        blocks += [f"## {title}", *paragraphs]
    return "\n\n".join(blocks) + "\n"


def _data(config: Config, design: Design, versions: Mapping[str, str]) -> list[str]:
    count = plural(len(design.participants), "participant")
    sizes = listed([f"{n} {label}" for label, n in arm_sizes(design).items()])
    if design.drugs:
        arms = f"{count} ({sizes}) in a crossover {drug_orders_in_words(design)}"
    elif design.arms:
        arms = f"{count} ({sizes})"
    else:
        arms = f"{count} in a single arm" + (f" ({sizes})" if design.groups else "")
    sessions = design.sessions
    roles = " and ".join(
        f"{role} (`ses-{sessions[role]}`)" for role in (design.baseline, design.followup)
    )
    simulated = "simulate" in list(setting(config, "study", "derivatives") or [])
    version = versions.get("fMRIPrep")
    source = (
        "The images are simulated: the workflow made fMRIPrep-shaped derivatives with a known truth"
        if simulated
        else f"Images had been preprocessed with fMRIPrep{f' {version}' if version else ''} "
        "[@esteban2019]"
    )
    scores = []
    for scale, name in (("si", "suicidal ideation (SI)"), ("depression", "depression")):
        about = design.scores.get(scale)
        if about:
            shape = "as change scores" if about.shape == "change" else "at both sessions"
            scores.append(f"The score for {name} is the {about.instrument}, {shape}.")
    return [
        f"The study {design.study} has {arms}. The sessions compared are {roles}. {source}; "
        f"runs of the task `{setting(config, 'study', 'task')}` in the template space "
        f"{setting(config, 'study', 'space')} were used.",
        " ".join(scores) or "No clinical score was available.",
        *(
            f"Estimand of the tests of {test.replace('-', ' ')}: {_quoted(sentence)}"
            for test, sentence in design.estimand.items()
        ),
    ]


def _quoted(text: str) -> str:
    return f"“{text.rstrip('.')}”."


def _regions(config: Config, hypotheses: pd.DataFrame, regions: pd.DataFrame) -> list[str]:
    primary = primary_circuits(hypotheses)
    names = dict(zip(hypotheses["hypothesis"], hypotheses["name"], strict=True))
    sensitive = set(hypotheses.loc[hypotheses["family"] == SENSITIVITY, "hypothesis"])
    secondary = [
        name
        for circuit, name in names.items()
        if circuit not in primary and circuit not in sensitive
    ]
    verified = regions["verified"].astype(str).str.lower().isin(["true", "1", "yes"])
    unverified = list(regions.loc[~verified, "region"].astype(str))
    parcellations = setting(config, "circuits", "parcellation") or []
    atlases = [one["name"] if isinstance(one, Mapping) else str(one) for one in parcellations]
    notes = []
    if any("voronoi" in atlas.lower() for atlas in atlases):
        notes.append(
            "The built-in parcellation, KetfcVoronoi239, assigns grey-matter voxels to the nearest "
            "cortical centre of Seitzman et al. [@seitzman2020]: an approximation made here, not "
            "the published regions."
        )
    if any("schaefer" in atlas.lower() for atlas in atlases):
        notes.append("For the Schaefer parcellation see [@schaefer2018].")
    text = [
        f"The primary hypotheses ({len(primary)}) concern "
        f"{listed([f'“{name}”' for name in primary.values()])}"
        + (f"; secondary: {listed([f'“{name}”' for name in secondary])}" if secondary else "")
        + f". They are built from {plural(len(regions), 'region')}. A sphere holds every voxel "
        "whose centre lies within its radius; where it held none, the voxel that contains "
        "its centre was taken. Labels hold the voxels whose centres are nearest to them; a region "
        "weighted by fraction or by a map is a weighted mean. Definitions, centres and their "
        "sources are in `regions.tsv`."
    ]
    if sensitive:
        text.append(
            f"For sensitivity alone, primary circuits were also measured with one region defined "
            f"otherwise ({plural(len(sensitive), 'variant')}). These are outside all corrections."
        )
    if unverified:
        text.append(f"Coordinates that were not read in their source: {listed(unverified)}.")
    if atlases:
        text.append(
            f"Whole-brain matrices use {listed(atlases)}, resampled to the images' grid by nearest "
            f"neighbour. {' '.join(notes)}".strip()
        )
    return text


def _together(sentences: list[str]) -> list[str]:
    return [" ".join(sentences)] if sentences else []


def _parcellations(atlases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return where parcellations come from and under which licence, one line each."""
    lines = []
    for name, about in atlases.items():
        links = "; ".join(about.get("ReferencesAndLinks", []))
        parts = [about["Description"] + (f" ({links})" if links else "")]
        if about["License"]:
            parts.append(f"licence: {about['License']}")
        if about.get("Sources"):
            parts.append(f"`{about['Sources'][0]}` from {about['Origin']}")
            parts.append(f"sha256 `{about['SHA256']}`")
        lines.append(f"- {name}: {'; '.join(parts)}")
    return ["\n".join(lines)] if lines else []


def _template_mismatches(sidecars: Sidecars, atlases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    said = {file.get("TemplateMismatch"): None for files in sidecars.values() for file in files}
    found = [text for text in said if text]
    found += [
        f"{name}: {about['TemplateMismatch']}"
        for name, about in atlases.items()
        if about["TemplateMismatch"]
    ]
    if not found:
        return []
    return [
        "Some regions were defined in another template than that of the images, and used as if it "
        f"were the same: {'; '.join(found)}. Templates differ by millimetres, most for small "
        "structures."
    ]


def _connectivity(config: Config) -> list[str]:
    coverage = as_number(setting(config, "circuits", "min-coverage"))
    return [
        "Connectivity is Pearson's correlation of the cleaned mean series of two regions, without "
        "shrinkage, as Fisher's z. A circuit's value is the mean z over all its connections and "
        "is missing if one of them is. A region with signal in less than "
        f"{number(100 * coverage, 0)} % of its voxels is missing, never zero. Several runs of a "
        "session were averaged with their effective temporal degrees of freedom as weights."
    ]


def _motion(config: Config, design: Design) -> list[str]:
    """Return how motion was set against connectivity, and how often the flag comes by chance."""
    alpha = compact(as_number(setting(config, "statistics", "alpha")))
    known = motion_given(design)
    given = f"partial correlation, given {known}, " if known else "correlation "
    if len(arms_of(design)) == 2:
        left = "the difference between the arms adjusted for the change in mean FD as well"
        interval_of_motion = "interval by inversion of its permutation test"
    else:
        left = "the intercept of the change in connectivity regressed on the change in mean FD"
        interval_of_motion = "HC3 interval [@mackinnon1985]"
    return [
        "For every denoising strategy, mean framewise displacement (FD) was correlated with every "
        "edge of the first parcellation over all participants (QC–FC), at each session and as "
        "change with change [@ciric2017]. Whether mean FD itself changed was tested as "
        f"connectivity was. For each circuit the {given}of its change with the change in mean FD "
        "was tested two-sided by permutation [@freedman1983; @winkler2014]; a circuit with "
        f"p < {alpha} at the primary strategy has the flag `follows-motion`, which comes by chance "
        f"at {alpha} per circuit and cannot see motion that rose equally in everybody. Beside it "
        f"stands {left}, with an {interval_of_motion}."
    ]


def _left_out(runs: pd.DataFrame, exclusions: pd.DataFrame) -> list[str]:
    total = len(runs)
    bad = int((runs["status"].astype(str) != "ok").sum()) if total else 0
    text = [f"Of {plural(total, 'run')}, {bad} {'was' if bad == 1 else 'were'} excluded."]
    if exclusions.empty:
        return [f"{text[0]} Nothing else was left out."]
    items = [
        f"- {row['stage']}, `{MISSING if is_missing(row['rule']) else row['rule']}`: "
        f"{plural(row['rows'], 'row')}, {plural(row['participants'], 'participant')}"
        for row in exclusion_counts(exclusions).to_dict("records")
    ]
    return [
        f"{text[0]} `quality/exclusions.tsv` has {plural(len(exclusions), 'row')}, each with the "
        "rule and the number that decided it, by stage and rule:",
        "\n".join(items),
    ]


def _software(versions: Mapping[str, str]) -> list[str]:
    named = listed([f"{name} {text}" for name, text in versions.items() if name != "fMRIPrep"])
    return [
        f"The analysis was run with {named}; Snakemake [@molder2021] kept the steps together and "
        "nilearn [@nilearn] did the cleaning and drawing."
    ]
