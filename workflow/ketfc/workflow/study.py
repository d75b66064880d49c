"""The study as the rules see it: its checked configuration, files and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ketfc.imaging.preflight.precheck import package_problems
from ketfc.imaging.regions.region_atlases import parcellation_files
from ketfc.inference.specifications.choices import choices_of
from ketfc.study.config.config import Config
from ketfc.study.config.denoising import scrubbed, uses_compcor
from ketfc.study.config.maps import QUESTIONS
from ketfc.study.config.types import expand
from ketfc.study.connectivity.sessions import given_files
from ketfc.study.lab_tables import find_table
from ketfc.study.runs.fetch.openneuro import earlier_images
from ketfc.study.runs.manifest import Manifest, named_runs, siblings, without
from ketfc.study.runs.manual import manual_exclusions
from ketfc.study.scores.tables import input_tables, instrument_files

DEMO = Path("resources/demo")

GIVEN = "Parcels"
"""Name of the parcellation of matrices from elsewhere that do not say one."""


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
    left : sequence of str
        What the first process leaves for the others to read.
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
    left: Sequence[str]

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
    def missing_packages(self) -> list[str]:
        """Messages about missing packages; once they are installed, the plan is made anew."""
        return [problem.message for problem in package_problems(self.config)]

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
    def prediction_jobs(self) -> list[str]:
        """The pairs of features and model that predict; none where nothing is predicted."""
        about = self.config.statistics.prediction
        return [] if about is None else ["_".join(job) for job in about.jobs]

    @property
    def prediction(self) -> dict[str, Any]:
        """The group of the config on prediction; empty where nothing is predicted."""
        about = self.config.statistics.prediction
        return {} if about is None else about.model_dump(mode="json", by_alias=True)

    @property
    def clinical_covariates(self) -> list[str]:
        """The covariates of the clinical model beside a prediction."""
        about, known = self.config.statistics.prediction, self.config.study.covariates
        return [] if about is None else list(about.clinical_covariates(known))

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
        elsewhere = self.config.study.connectivity
        return self.parcellations[0] if elsewhere is None else elsewhere.atlas or GIVEN

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
        return [str(folder) for folder in study_folders(self.config)]

    @cached_property
    def tables(self) -> list[str]:
        """The tables of participants and scores."""
        return [str(path) for path in input_tables(self.config, study_folders(self.config))]

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
        path = exclusions_by_hand(self.config)
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


def study_folders(config: Config) -> list[Path]:
    """Return the folders of a study's derivatives."""
    if config.study.simulated:
        return [DEMO / "fmriprep"]
    return [expand(path) for path in config.study.folders]


def exclusions_by_hand(config: Config) -> Path | None:
    """Return the table of manual exclusions, which need not be there."""
    table = config.quality.exclusions
    return find_table(table, study_folders(config)) if table else None
