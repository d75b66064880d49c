"""The study as the rules of the workflow know it: the checked configuration, its files and runs.

All access to files at the start of the workflow is here. Snakemake reads its rules again for every
job on another machine; such a process is given what the first one found.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ketfc.base.english import plural
from ketfc.base.errors import RefusalError, StudyError
from ketfc.base.files import read_json, write_json, write_text
from ketfc.base.source import code_digests
from ketfc.base.yaml import require_sound_configs
from ketfc.imaging.preflight.study_plan import StudyFiles, study_plan
from ketfc.imaging.regions.region_atlases import parcellation_files, region_inputs
from ketfc.inference.specifications.choices import choices_of
from ketfc.inference.synthesis.studies import listed_exports
from ketfc.study.config.config import Config, parse_config
from ketfc.study.config.denoising import scrubbed, uses_compcor
from ketfc.study.config.maps import QUESTIONS
from ketfc.study.config.types import expand, find_bundled
from ketfc.study.connectivity.given import registry_text
from ketfc.study.connectivity.sessions import given_files
from ketfc.study.connectivity.tidy import read_tidy
from ketfc.study.lab_tables import find_table
from ketfc.study.runs.fetch.openneuro import earlier_images, prepare
from ketfc.study.runs.manifest import Manifest, demo_manifest, digest, named_runs, siblings, without
from ketfc.study.runs.manual import manual_exclusions
from ketfc.study.scores.tables import input_tables, instrument_files

DEMO = Path("resources/demo")
CONSTANT_CODE = {"fetch_bold": "1"}
"""By script: what was fetched has the listed checksum, no update of the code fetches it again."""


@dataclass(frozen=True)
class StudyWorkflow:
    """A study as the rules see it.

    Attributes
    ----------
    config : Config
        The checked configuration.
    registry, named_parcellations : str
        ``circuits.yaml`` and ``parcellations.yaml``.
    code : mapping of str to str
        By script, the digest of the code behind it.
    variants, region_maps, region_atlases : sequence of str
        Alternative circuits that this machine can measure, and the probability maps and
        parcellations that regions are taken from.
    seeds : sequence of str
        Regions whose correlation with every voxel is mapped; empty where no maps are asked for.
    found : Manifest
        Runs whose files are here, those left out by hand among them.
    usable : bool
        Whether the study can go on. Only the first process knows; others would not have started.
    """

    config: Config
    registry: str
    named_parcellations: str
    code: Mapping[str, str]
    variants: Sequence[str]
    region_maps: Sequence[str]
    region_atlases: Sequence[str]
    seeds: Sequence[str]
    found: Manifest
    usable: bool

    @property
    def space(self) -> str:
        """The template space of the images."""
        return self.config.study.space

    @property
    def primary(self) -> str:
        """The strategy that the tests are made of."""
        return self.config.primary_strategy

    @property
    def strategies(self) -> list[str]:
        """All strategies."""
        return list(self.config.strategies)

    @property
    def given(self) -> bool:
        """True where connectivity was computed elsewhere."""
        return self.config.study.connectivity is not None

    @property
    def has_circuits(self) -> bool:
        """True unless connectivity is of values that belong to no region."""
        about = self.config.study.connectivity
        return about is None or about.of_regions

    @cached_property
    def given_files(self) -> list[str]:
        """The files of such connectivity that are here."""
        return [str(path) for path in given_files(self.config.study)]

    @property
    def map_strategies(self) -> list[str]:
        """The strategies that maps are made with."""
        return list(self.config.maps.strategies or [self.primary])

    @property
    def group_map_strategy(self) -> str:
        """The strategy of the group maps: the primary one, or the first that maps are made with."""
        made = self.map_strategies
        return self.primary if self.primary in made else made[0]

    @property
    def map_questions(self) -> list[str]:
        """The primary questions that every seed's map is put to; none without maps."""
        if not self.seeds:
            return []
        return list(QUESTIONS if self.config.scores.si else QUESTIONS[:1])

    @property
    def reads_voxels(self) -> bool:
        """Return True if anything is measured in every voxel of the brain."""
        return bool(self.seeds or self.config.activity.measures)

    @property
    def activity_strategies(self) -> list[str]:
        """The strategies that activity is measured with, the primary one first."""
        return list(dict.fromkeys([self.primary, *(self.config.activity.strategies or ())]))

    @cached_property
    def choices(self) -> dict[str, Any]:
        """The choices whose combinations are the specifications."""
        return asdict(choices_of(self.config))

    @property
    def further_thresholds(self) -> list[float]:
        """The thresholds of FD at which the circuits are measured for specifications alone."""
        return list(self.choices["thresholds"][1:])

    @property
    def specified_strategies(self) -> list[str]:
        """The strategies that are measured at those thresholds: the ones that censor."""
        return list(filter(scrubbed, self.choices["strategies"]))

    @property
    def parcellations(self) -> list[str]:
        """The parcellations of the config, by name."""
        return [each.name for each in self.config.circuits.parcellation]

    @property
    def atlases(self) -> list[str]:
        """All that a run has connectivity for: the circuits, then the parcellations."""
        return ["Circuits", *self.parcellations]

    @property
    def matrix_atlas(self) -> str:
        """The parcellation whose edges are tested and drawn."""
        return self.parcellations[0]

    @property
    def made_atlases(self) -> list[str]:
        """The parcellations that are prepared: those of the config and those regions are of."""
        return list(dict.fromkeys([*self.parcellations, *self.region_atlases]))

    @cached_property
    def parcellation_settings(self) -> dict[str, dict[str, Any]]:
        """The config's entries of the parcellations that are prepared."""
        keys = ("image", "labels", "space")
        asked = {each.name: each for each in self.config.circuits.parcellation}
        return {
            name: {"name": name} | {key: getattr(asked.get(name), key, None) for key in keys}
            for name in self.made_atlases
        }

    @cached_property
    def parcellation_files(self) -> dict[str, list[str]]:
        """The files of each parcellation that are on this machine."""
        return parcellation_files(self.config, self.named_parcellations, self.region_atlases)

    @property
    def atlases_dir(self) -> str | None:
        """The user's folder of atlases."""
        folder = self.config.circuits.atlases_dir
        return str(expand(folder)) if folder else None

    @property
    def folders(self) -> list[str]:
        """The folders of the derivatives."""
        return [str(folder) for folder in _folders(self.config)]

    @cached_property
    def tables(self) -> list[str]:
        """The tables of participants and scores."""
        return [str(path) for path in input_tables(self.config, _folders(self.config))]

    @cached_property
    def instruments(self) -> list[str]:
        """The files that describe instruments."""
        return [str(path) for path in instrument_files(self.config.scores)]

    @property
    def lock(self) -> list[str]:
        """The preregistration, if there is one."""
        path = self.config.statistics.preregistration
        return [str(expand(path))] if path and expand(path).is_file() else []

    @cached_property
    def by_hand(self) -> str | None:
        """The table of manual exclusions, which need not be there."""
        path = _by_hand(self.config)
        return str(path) if path else None

    @property
    def by_hand_file(self) -> list[str]:
        """The table of manual exclusions, if it is there."""
        return [self.by_hand] if self.by_hand and Path(self.by_hand).is_file() else []

    @cached_property
    def runs(self) -> Manifest:
        """The runs that are read: what a lab leaves out by hand is planned, but never read."""
        by_hand = self.by_hand and Path(self.by_hand)
        return without(self.found, manual_exclusions(by_hand or None, named_runs(self.found)).runs)

    @cached_property
    def names(self) -> list[str]:
        """The names of the runs that are read."""
        return list(self.runs)

    @cached_property
    def siblings(self) -> dict[str, dict[str, list[str]]]:
        """By run, the files of its participant's other runs that its jobs need."""
        denoising = self.config.denoising
        compared = denoising.match_volumes or any(map(uses_compcor, denoising.strategies))
        return siblings(self.runs, compared=compared)

    @property
    def keep_images(self) -> bool:
        """Return True if images that are fetched stay."""
        openneuro = self.config.study.openneuro
        return openneuro is None or openneuro.keep_images

    @property
    def fetched(self) -> str:
        """The folder that images are fetched to."""
        openneuro = self.config.study.openneuro
        return str(expand(openneuro.derivatives)) if openneuro else "sourcedata/none"

    @property
    def listing(self) -> str | None:
        """The list of the files of a dataset that is fetched."""
        openneuro = self.config.study.openneuro
        return str(openneuro.listing) if openneuro else None

    @cached_property
    def earlier(self) -> dict[str, list[str]]:
        """By run, images of its participant that are fetched before its own."""
        return earlier_images(self.runs) if self.config.study.openneuro else {}

    @cached_property
    def to_fetch(self) -> list[str]:
        """The runs whose image is fetched.

        Kept images that are here are files like any other: an edited script must not fetch them
        again.
        """
        return [
            run
            for run in self.earlier
            if not self.keep_images or not Path(str(self.runs[run]["bold"])).is_file()
        ]


def study_workflow(
    given: Mapping[str, Any], root: Path, *, first: bool, configfiles: Sequence[str | Path] = ()
) -> StudyWorkflow:
    """Return what the rules need to know.

    Parameters
    ----------
    given : mapping
        The configuration as Snakemake has it.
    root : pathlib.Path
        The folder of the Snakefile.
    first : bool
        Whether this is the process that was started by hand. Only that one looks at the
        derivatives and asks the network, and leaves what it finds for the others.
    configfiles : sequence of path
        The files that the configuration comes from, looked at by the first process alone, since on
        the nodes of a cluster they need not be there.

    Raises
    ------
    RefusalError
        If the configuration is wrong or was changed while jobs were waiting, if the folder holds
        the results of another study, if a dataset cannot be fetched, or if nothing can be written.
    """
    try:
        if first:
            require_sound_configs(configfiles)
        config = parse_config(given, source="config")
        registry = str(find_bundled(config.circuits.registry, root))
    except StudyError as error:
        raise RefusalError(f"The configuration cannot be used:\n{error}") from None
    # What is found goes to jobs on other machines under the name of the configuration: a second
    # call with another one, or an edit while jobs wait, must not change it under them. Digests of
    # code are among it: a job is recorded with the code it was planned with, which it checks.
    place = f".snakemake/ketfc/{digest(config.model_dump(mode='json'))}"
    planned, listed = Path(f"{place}_planned.json"), Path(f"{place}_runs.json")
    named = str(root / "atlases/parcellations.yaml")
    elsewhere = config.study.connectivity
    if elsewhere is not None and not elsewhere.of_regions:
        registry = f"{place}_circuits.yaml"
    usable = True
    if first:
        _require_own_results(config, configfiles)
        # what is on this machine decides which alternative definitions are measured
        nothing: dict[str, list[str]] = {"variants": [], "atlases": [], "maps": [], "seeds": []}
        about: dict[str, Any] = {
            "regions": nothing if elsewhere is not None else region_inputs(config, registry, named),
            "code": code_digests(),
        }
        _leave(planned, about)
        try:
            prepare(config.study)
        except StudyError as error:
            raise RefusalError(f"The study cannot be fetched:\n{error}") from None
        if elsewhere is not None and not elsewhere.of_regions:
            _leave_registry(registry, config)
        if not config.study.simulated:
            files = StudyFiles(_folders(config), registry, named, _by_hand(config))
            study = study_plan(config, files)
            usable = study.plan.usable
            _leave(listed, study.manifest)
    elif planned.is_file():
        about = read_json(planned)
    else:
        raise RefusalError(
            "The configuration was changed while jobs were waiting. Start again with the same "
            "command."
        )
    simulated = config.study.simulated
    return StudyWorkflow(
        config=config,
        registry=registry,
        named_parcellations=named,
        code=about["code"] | CONSTANT_CODE,
        variants=about["regions"]["variants"],
        region_maps=about["regions"]["maps"],
        region_atlases=about["regions"]["atlases"],
        seeds=about["regions"]["seeds"],
        found=(
            demo_manifest(config.statistics.seed, DEMO / "fmriprep")
            if simulated
            else read_json(listed)
        ),
        usable=usable,
    )


@dataclass(frozen=True)
class SynthesisWorkflow:
    """Several studies as the rules see them.

    Attributes
    ----------
    exports : sequence of str
        What each study exported.
    code : mapping of str to str
        By script, the digest of the code behind it.
    """

    exports: Sequence[str]
    code: Mapping[str, str]


def synthesis_workflow(studies: Any) -> SynthesisWorkflow:
    """Return what the rules of a synthesis need to know.

    Parameters
    ----------
    studies : object
        The key ``studies`` of the configuration: a file with a list, or a list.

    Raises
    ------
    RefusalError
        If the list is none, or names what is no export.
    """
    try:
        exports = [str(path) for path in listed_exports(studies)]
    except StudyError as error:
        raise RefusalError(f"The list of studies cannot be used:\n{error}") from None
    return SynthesisWorkflow(exports, code_digests())


def greeting(work: StudyWorkflow, configfiles: Sequence[str | Path]) -> str:
    """Return which study this is, by its config or for want of one."""
    if work.config.study.simulated:
        why = "" if configfiles else ", since no --configfile was given"
        return f"This is the demo, a simulated study{why}."
    if work.given:
        told = plural(len(work.given_files), "file")
        return f"Study {work.config.study.name} ({_relative(configfiles)}): connectivity of {told}"
    people = {str(run["folder"]).partition("/")[0] for run in work.runs.values()}
    runs = f"{plural(len(work.runs), 'run')} of {plural(len(people), 'participant')}"
    return f"Study {work.config.study.name} ({_relative(configfiles)}): {runs}"


ANSWERS = {
    "all": "results/summary.txt",
    "summary": "results/summary.txt",
    "report": "results/summary.txt",
    "plan": "results/plan/summary.txt",
    "clinical": "results/clinical/effects.txt",
    "export": "results/export/preview.txt",
    "export_preview": "results/export/preview.txt",
}
"""By target, the file whose text answers it."""

WRITTEN = {
    "figures": "results/figures",
    "quality": "results/quality/group.html",
    "explain": "results/explain.html",
    "preregistration": "results/plan/preregistration.json",
}
"""By target, what it leaves."""


def answers(targets: Collection[str]) -> str:
    """Return what a call came to: its verdicts or plan, or what it has written.

    Parameters
    ----------
    targets : collection of str
        Rules or files; none stands for everything.
    """
    said = []
    for target in sorted(targets) or ["all"]:
        path = Path(ANSWERS.get(target, WRITTEN.get(target, target)))
        if target in ANSWERS and path.is_file():
            said.append(path.read_text(encoding="utf-8").rstrip())
        elif target == "preregistration" and path.is_file():
            said.append(f"Locked: {path} (sha256 {read_json(path)['sha256']})")
        else:
            said.append(f"Done: {path}")
    return "\n".join(dict.fromkeys(said))


def entry(path: str, within: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return a function that finds what a mapping has for a job, such as ``{run}/bold``.

    Snakemake's own ``lookup()`` goes through the whole mapping for every job.
    """

    def found(wildcards: Any) -> Any:
        content: Any = within
        for key in path.format(**wildcards).split("/"):
            content = content[key]
        return content

    return found


def of_runs(runs: Manifest, *patterns: str) -> Callable[[Any], list[str]]:
    """Return a function that lists files of all runs, each run's in the order of the patterns.

    A job on another machine reads the rules again: it must not list what only other jobs need.
    """

    def listed(wildcards: Any) -> list[str]:
        return [
            pattern.format(run=name, folder=run["folder"])
            for name, run in runs.items()
            for pattern in patterns
        ]

    return listed


def _folders(config: Config) -> list[Path]:
    if config.study.simulated:
        return [DEMO / "fmriprep"]
    return [expand(path) for path in config.study.folders]


def _by_hand(config: Config) -> Path | None:
    table = config.quality.exclusions
    return find_table(table, _folders(config)) if table else None


def _relative(paths: Sequence[str | Path]) -> str:
    return ", ".join(os.path.relpath(path) for path in paths)


def _require_own_results(config: Config, configfiles: Sequence[str | Path]) -> None:
    """Refuse a folder with the results of another study, which this one would replace.

    A study is known by its name, and the demo by its simulated images too, since labs begin with a
    copy of its config.
    """
    design, runs = Path("results/plan/design.json"), Path("results/plan/runs.tsv")
    if not (design.is_file() and runs.is_file()):
        return
    theirs = str(read_json(design)["study"])
    with runs.open(encoding="utf-8", newline="") as table:
        first = next(csv.DictReader(table, delimiter="\t"), None)
    simulated = bool(first and first["bold"].startswith(f"{DEMO}/"))
    # a plan without a run is of no simulated study
    if theirs == config.study.name and simulated == config.study.simulated:
        return
    if configfiles:
        mine = f"the study {config.study.name} ({_relative(configfiles)})"
        mended = "Go to a folder of its own"
    else:
        mine = "the demo, since no --configfile was given"
        mended = "Add --configfile with the config of that study, or go to another folder"
    held = "the simulated demo" if simulated else f"the study {theirs}"
    raise RefusalError(
        f"results: this folder holds the results of {held}, and this call is of {mine}.\n"
        f"Nothing was changed. {mended}; to begin anew here, delete the folder results."
    )


def _leave_registry(path: str, config: Config) -> None:
    """Write the hypotheses on a lab's own values, if they are not there already."""
    text = registry_text(read_tidy(config.study))
    place = Path(path)
    if not place.is_file() or place.read_text(encoding="utf-8") != text:
        try:
            write_text(place, text)
        except StudyError as error:
            raise RefusalError(str(error)) from None


def _leave(path: Path, content: Mapping[str, Any]) -> None:
    """Write what jobs on other machines read; where nothing can be written, end in words."""
    try:
        write_json(path, content)
    except StudyError as error:
        raise RefusalError(str(error)) from None
