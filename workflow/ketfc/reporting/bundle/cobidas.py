"""The COBIDAS checklist, filled as far as a run knows.

Nichols et al. 2017, *Best practices in data analysis and sharing in neuroimaging using MRI*,
doi 10.1038/nn.4500, Appendix D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.base.files import MISSING
from ketfc.base.yaml import read_yaml
from ketfc.inference.families import BASELINE
from ketfc.reporting.design_words import arm_sizes
from ketfc.reporting.rows import primary_circuits, setting
from ketfc.reporting.text.denoising import summarise
from ketfc.reporting.words import as_number, compact, number
from ketfc.study.design.design import Design

COBIDAS_COLUMNS = ("section", "item", "status", "known", "authors")
"""Columns of ``cobidas.tsv``."""

KNOWN, PARTLY, AUTHORS = "known", "partly", "authors"
"""States of an item: known from the run whole, in part, or not at all."""

_ITEMS = Path(str(files("ketfc.reporting.bundle") / "cobidas.yaml"))


@dataclass(frozen=True)
class Run:
    """All that a run knows of its study.

    Attributes
    ----------
    design : Design
    facts : mapping
        ``provenance.json``.
    hypotheses, robustness, runs, exclusions, regions : pandas.DataFrame
        ``tests/hypotheses.tsv``, ``tests/robustness.tsv``, ``quality/runs.tsv``,
        ``quality/exclusions.tsv`` and ``regions.tsv``, cells as text.
    native : pandas.DataFrame
        ``plan/native.tsv``, cells as text.
    maps : bool
        Whether group maps were made.
    """

    design: Design
    facts: Mapping[str, Any]
    hypotheses: pd.DataFrame
    robustness: pd.DataFrame
    runs: pd.DataFrame
    exclusions: pd.DataFrame
    regions: pd.DataFrame
    native: pd.DataFrame
    maps: bool

    def told(self, section: str, key: str) -> Any:
        """Return a value of the configuration."""
        return setting(self.facts["config"], section, key)

    @property
    def of_images(self) -> bool:
        """False where connectivity was computed elsewhere."""
        return not self.design.as_given

    @cached_property
    def used(self) -> pd.DataFrame:
        """The runs that are in the results."""
        return self.runs[self.runs["status"] == "ok"]


def checklist(run: Run) -> pd.DataFrame:
    """Return the checklist with `COBIDAS_COLUMNS`, one row per item.

    ``known`` is what the run says of an item, ``authors`` what is left to them; each is missing
    where there is nothing.
    """
    known = _known(run)
    rows = []
    for section, items in read_yaml(_ITEMS).items():
        for key, (*item, authors) in items.items():
            said = known.get(key, "")
            status = AUTHORS if not said else PARTLY if authors else KNOWN
            if not (said or authors):
                # nothing of the kind was computed here, and it may have been elsewhere
                authors = "whether this was done, and how"
            rows.append((section, ", ".join(item), status, said or None, authors or None))
    return pd.DataFrame(rows, columns=list(COBIDAS_COLUMNS), dtype=object)


def checklist_text(table: pd.DataFrame, study: str) -> str:
    """Return the checklist as Markdown, with a box to tick for everything that is left to do."""
    open_items = int((table["status"] != KNOWN).sum())
    lines = [
        f"# COBIDAS checklist of the study {study}",
        "",
        "After Nichols et al. 2017, *Best practices in data analysis and sharing in neuroimaging "
        "using MRI* (doi 10.1038/nn.4500), Appendix D, as far as it concerns functional "
        f"connectivity at rest. {plural(len(table) - open_items, 'item')} of {len(table)} "
        "the run knows by itself; the boxes are for the authors.",
    ]
    for section, items in table.groupby("section", sort=False):
        lines += ["", f"## {section}", ""]
        for row in items.to_dict("records"):
            known = row["known"] or "not known from the run."
            lines.append(f"- **{row['item']}**: {known}")
            if row["authors"] is not None:
                lines.append(f"  - [ ] to add: {row['authors']}")
    return "\n".join(lines) + "\n"


def _known(run: Run) -> dict[str, str]:
    """Return in words what the run knows, by the ids of ``cobidas.yaml``; empty for nothing."""
    return {
        **_sample(run),
        **(_images(run) if run.of_images else {}),
        **_tests(run),
        **_sharing(run),
    }


def _sample(run: Run) -> dict[str, str]:
    design = run.design
    sizes = ", ".join(f"{n} {label}" for label, n in arm_sizes(design).items())
    tested = ", ".join(
        f"{_span(of['n'])} in tests of {test}"
        for test in ("change", "association")
        if len(of := _primary(run, test))
    )
    scores = {"si": "suicidal ideation", "depression": "depression"}
    instruments = [
        f"{about.instrument} ({scores[scale]})" for scale, about in design.scores.items()
    ]
    sessions = [
        f"{role} (ses-{label})"
        + (f", {compact(hours)} h after the dose" if (hours := _hours(design, role)) else "")
        for role, label in design.sessions.items()
    ]
    return {
        "subjects": f"{plural(len(design.participants), 'participant')} planned ({sizes}); "
        f"{tested or 'none in a primary test'}.",
        "demographics": f"Covariates in the table: {listed(list(design.terms.values))}."
        if design.terms.values
        else "",
        "instruments": f"{listed(instruments)}." if instruments else "",
        "design": f"{design.kind_in_words}; sessions {'; '.join(sessions)}.",
        "task": f"Task label {run.told('study', 'task')}." if run.of_images else "",
        "power": "The smallest effect that each primary test would detect with a power of 80 % is "
        "in "
        "tests/robustness.tsv; power after the fact says nothing of the result."
        if (run.robustness["method"] == "detectable").any()
        else "",
    }


def _hours(design: Design, role: str) -> Any:
    hours = design.hours_since_dose.get(role)
    return None if isinstance(hours, Mapping) else hours


def _images(run: Run) -> dict[str, str]:
    """Return what is known of images, their preprocessing and their regions."""
    config, versions = run.facts["config"], run.facts["versions"]
    denoising = config["denoising"]
    used = run.used
    strategy = summarise(str(run.design.strategy), run.facts["sidecars"][run.design.strategy])
    seconds = pd.to_numeric(used["n_volumes"]) * pd.to_numeric(used["repetition_time"])
    native = run.native[["native_x", "native_y", "native_z"]].dropna().drop_duplicates()
    sizes = [" × ".join(compact(size) for size in row) for row in native.to_numpy()]
    dropped = pd.to_numeric(used["n_censored_dummy"], errors="coerce").fillna(0)
    fmriprep = versions.get("fMRIPrep")
    fd = denoising["fd-thresh"]
    limits = [f"framewise displacement above {compact(fd)} mm"] if fd else []
    if denoising["dvars-thresh"]:
        limits.append(f"standardised DVARS above {compact(denoising['dvars-thresh'])}")
    measures = config["activity"]["measures"]
    smoothed = config["maps"]["fwhm"]
    return {
        "parameters": f"Repetition time {_span(used['repetition_time'], 's')}; "
        f"{_span(used['n_volumes'], 'volumes')} ({_span(seconds / 60, 'min')}) a run"
        + (f"; recorded voxel size {listed(sizes)} mm." if sizes else "."),
        "quality": f"Mean framewise displacement of the runs {_span(used['mean_fd'], 'mm')}, "
        f"median {number(pd.to_numeric(used['mean_fd']).median())} mm (quality/runs.tsv).",
        "software": f"fMRIPrep {fmriprep}, then ketfc {versions['ketfc']}."
        if fmriprep
        else f"ketfc {versions['ketfc']}, on derivatives that do not name their software.",
        "stabilisation": f"dummy-scans: {denoising['dummy-scans']}; "
        f"{_span(dropped, 'volumes')} a run were left out at the beginning.",
        "space": f"Images in the space {config['study']['space']}.",
        "noise": f"Strategy {run.design.strategy}: {strategy.columns()}".rstrip(".") + ".",
        "censoring": f"Volumes with {listed(limits)}; at least {compact(denoising['min-time'])} s "
        f"kept; {_span(used['share_censored'].map(as_number) * 100, '%')} of a run's volumes."
        if limits
        else f"None; runs of at least {compact(denoising['min-time'])} s.",
        "filter": f"High-pass: {strategy.high_pass}; low-pass: {strategy.low_pass or 'none'}"
        "; confounds, trend and filter removed in one step.",
        "smoothing": "None for regions."
        + (f" Seed maps: {compact(smoothed)} mm FWHM." if run.maps and smoothed else ""),
        "features": f"{listed([str(measure) for measure in measures])}." if measures else "",
        "reports": "A page per participant and one of the study (quality/*.html).",
        "regions": f"{plural(len(run.regions), 'region')}, each with definition, centre and "
        "source in "
        "regions.tsv; a region's signal is the mean of its voxels' series.",
        "measure": "Pearson's full correlation of the cleaned mean series, without shrinkage, as "
        "Fisher's z; a circuit is the mean z of its connections.",
        "networks": "Mean Fisher z within and between the default-mode, salience and "
        "frontoparietal "
        "networks, and system segregation; weighted, of each participant (tests/networks.tsv).",
        "motion": "QC–FC and the association of change in connectivity with change in motion "
        "(quality/qcfc.tsv, quality/motion.tsv).",
    }


def _tests(run: Run) -> dict[str, str]:
    design, config = run.design, run.facts["config"]
    statistics = config["statistics"]
    circuits = primary_circuits(run.hypotheses)
    kinds = run.hypotheses["family"].nunique()
    planned = "preregistered and locked" if design.preregistered else "not preregistered here"
    people = run.exclusions["participant_id"].nunique()
    return {
        "hypotheses": f"{plural(len(circuits), 'primary circuit')}: "
        f"{listed(list(circuits.values()))}; "
        f"{planned}.",
        "model": " ".join(str(text) for text in design.estimand.values()),
        "inference": f"Two-sided permutation tests ({compact(statistics['permutations'])}, seed "
        f"{statistics['seed']}) at α = {design.alpha:g}; Holm's correction within each of the "
        "primary families, which alone decides.",
        "maps": f"Threshold-free cluster enhancement with "
        f"{compact(config['maps']['permutations'])} "
        f"permutations, family-wise at {design.alpha:g} in each map (maps/clusters.tsv)."
        if run.maps
        else "",
        "effects": f"{plural(len(run.hypotheses), 'test')} in {kinds} families, all of "
        "them "
        "listed whatever they found (tests/hypotheses.tsv)."
        + (
            " Tests of connectivity at baseline are exploratory."
            if (run.hypotheses["family"] == BASELINE).any()
            else ""
        ),
        "reported": "Estimate, two intervals, standardised effect, t, degrees of freedom, p "
        "before and "
        "after correction and n of every test.",
        "images": "Unthresholded t, TFCE p and effects of every map, and t thresholded (maps/)."
        if run.maps
        else "",
        "excluded": f"{plural(len(run.exclusions), 'row')} on {plural(people, 'participant')}, "
        "each "
        "with rule, limit and value (quality/exclusions.tsv).",
    }


def _sharing(run: Run) -> dict[str, str]:
    versions = run.facts["versions"]
    return {
        "shared": "The bundle holds tables, figures and what they are drawn from, with data of "
        "participants; results/share holds results without.",
        "format": "Tables as TSV with a JSON that says what the columns are, names as in BIDS; "
        "maps "
        "as NIfTI; the whole as a Workflow Run RO-Crate.",
        "tools": ", ".join(f"{name} {told}" for name, told in versions.items()) + ".",
        "infrastructure": f"Python {versions['Python']}.",
        "workflow": f"Snakemake {versions['snakemake']}, ketfc {versions['ketfc']}.",
        "provenance": "ro-crate-metadata.json and checksums.sha256 in the bundle; the JSON beside "
        "every "
        "table names the code that made it.",
        "appliance": "ketfc has recipes of a Docker and an Apptainer image with pinned packages.",
        "citation": "references.bib lists what the methods cite.",
    }


def _primary(run: Run, test: str) -> pd.DataFrame:
    rows = run.hypotheses
    of = rows[(rows["primary"].astype(str).str.lower() == "true") & (rows["test"] == test)]
    return of[of["n"].notna() & (of["n"] != MISSING)]


def _span(values: pd.Series[Any], unit: str = "") -> str:
    """Return a value that is the same everywhere, or its range, with a unit."""
    numbers = pd.to_numeric(values, errors="coerce").dropna()
    if numbers.empty:
        return "not known"
    low, high = compact(numbers.min()), compact(numbers.max())
    text = low if low == high else f"{low} to {high}"
    return f"{text} {unit}".rstrip()
