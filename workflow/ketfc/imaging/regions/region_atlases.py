"""Parcellations and probability maps that regions are made of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from ketfc.base.errors import Problem, StudyError, did_you_mean
from ketfc.imaging.atlas.atlas_choice import Choice, choose, find_atlas, own_atlas, own_files
from ketfc.imaging.atlas.atlas_files import files_in, matching_files
from ketfc.imaging.atlas.catalogue import VORONOI_KIND, Atlas, Catalogue, load_catalogue
from ketfc.imaging.atlas.making import named_parcellation
from ketfc.imaging.atlas.parcellations import voronoi_parcellation
from ketfc.imaging.regions.definitions import Region
from ketfc.imaging.regions.registry import Registry, load_registry
from ketfc.study.config.circuits import Parcellation
from ketfc.study.config.config import Config
from ketfc.study.config.types import expand


def atlases_folder(config: Config) -> Path | None:
    """Return the folder in which named parcellations are looked for."""
    folder = config.circuits.atlases_dir
    return expand(folder) if folder else None


class RegionAtlases:
    """Parcellations and maps that a study's regions need, each searched for once.

    Parameters
    ----------
    config : Config
        The study's configuration.
    registry : Registry
        Its regions and circuits.
    catalogue : Catalogue
        The parcellations that have a name.
    """

    def __init__(self, config: Config, registry: Registry, catalogue: Catalogue) -> None:
        self.config = config
        self.registry = registry
        self.catalogue = catalogue
        self.file = Path(config.circuits.registry).name
        self._choices: dict[str, Choice | StudyError | None] = {}
        self._labels: dict[str, tuple[str, ...] | StudyError | None] = {}

    @cached_property
    def variants(self) -> tuple[str, ...]:
        """Variants whose alternative definition needs no download."""
        return tuple(
            name
            for name, (_, region) in self.registry.variants.items()
            if not self.is_foreign(region) and all(map(self.is_here, region.atlases))
        )

    @cached_property
    def atlases(self) -> tuple[str, ...]:
        """Parcellations that the regions of circuits, or of these variants, take labels of."""
        used = self.registry.with_variants(self.variants).used_regions
        return tuple(dict.fromkeys(name for region in used for name in region.atlases))

    @cached_property
    def maps(self) -> tuple[str, ...]:
        """Images of the probability maps that they use."""
        used = self.registry.with_variants(self.variants).used_regions
        found = [leaf.map_in(self.config.study.space) for each in used for leaf in each.leaves]
        return tuple(dict.fromkeys(each.image for each in found if each is not None))

    def is_here(self, atlas: str) -> bool:
        """Return whether a parcellation is in the config, or available without a download."""
        if self.own(atlas) is not None:
            return True
        choice = self.choice(atlas)
        return choice is None or (isinstance(choice, Choice) and choice.file is not None)

    def own(self, atlas: str) -> Parcellation | None:
        """Return a parcellation's entry in the config, or None."""
        return next((e for e in self.config.circuits.parcellation if e.name == atlas), None)

    def is_foreign(self, region: Region) -> bool:
        """Return whether a region lacks a definition in a template that the study allows."""
        allowed = self.config.circuits.allow_template_mismatch
        return not allowed and bool(region.foreign_spaces(self.config.study.space))

    def choice(self, atlas: str) -> Choice | StudyError | None:
        """Return the files of a parcellation, or an error; None if ketfc makes it."""
        if atlas not in self._choices:
            self._choices[atlas] = self._chosen(atlas)
        return self._choices[atlas]

    def _chosen(self, atlas: str) -> Choice | StudyError | None:
        try:
            entry = self.entry(atlas)
            if entry.kind == VORONOI_KIND:
                return None
            return choose(
                entry,
                self.config.study.space,
                folder=atlases_folder(self.config),
                catalogue=self.catalogue,
                other_templates=self.config.circuits.allow_template_mismatch,
            )
        except StudyError as error:
            return error

    def entry(self, atlas: str) -> Atlas:
        """Return the entry of a parcellation that is found by its name.

        Raises
        ------
        StudyError
            If no parcellation has this name, or several BIDS atlases have it.
        """
        found = find_atlas(atlas, self.catalogue, atlases_folder(self.config))
        if found is None:
            named = [each.name for each in self.config.circuits.parcellation]
            message = (
                "is neither in atlases/parcellations.yaml nor in circuits.parcellation of the "
                "config, nor a BIDS atlas in circuits.atlases-dir"
                f"{did_you_mean(atlas, [*self.catalogue.atlases, *named])}"
            )
            raise StudyError([Problem("error", message, value=atlas)])
        return found

    def labels(self, atlas: str) -> tuple[str, ...] | StudyError | None:
        """Return the labels of a parcellation, or an error; None if not known yet."""
        if atlas not in self._labels:
            try:
                self._labels[atlas] = self._known_labels(atlas)
            except StudyError as error:
                self._labels[atlas] = error
        return self._labels[atlas]

    def _known_labels(self, atlas: str) -> tuple[str, ...] | None:
        own = self.own(atlas)
        if own is not None and own.image is not None:
            image, table = expand(own.image), expand(own.labels) if own.labels else None
            if not (image.exists() and (table is None or table.is_file())):
                return None  # told with the config's other parcellations
            found = own_atlas(
                atlas,
                image,
                labels=table,
                space=own.space,
                images=self.config.study.space,
                catalogue=self.catalogue,
                other_templates=self.config.circuits.allow_template_mismatch,
            )
            return named_parcellation(*found).names
        choice = self.choice(atlas)
        if choice is None:
            return voronoi_parcellation().names
        if isinstance(choice, StudyError):
            return None
        entry = self.entry(atlas)
        if choice.file is not None:
            return named_parcellation(entry, choice.file).names
        return entry.names if entry.names and not entry.split else None

    def is_known(self, atlas: str) -> bool:
        """Return whether a parcellation has this name."""
        try:
            return self.own(atlas) is not None or bool(self.entry(atlas))
        except StudyError:
            return False


def region_inputs(config: Config, registry: str | Path, named: str | Path) -> dict[str, list[str]]:
    """Return the ``variants``, ``atlases``, ``maps`` and ``seeds`` of the circuits' regions.

    `variants` are the alternative circuits that this machine can measure, `atlases` the
    parcellations that regions take labels of, `maps` their probability maps, and `seeds` the
    regions whose correlation with every voxel is mapped. All are empty where a file cannot be
    used, which the plan reports.

    Parameters
    ----------
    config : Config
        The study's configuration.
    registry, named : str or pathlib.Path
        ``circuits.yaml`` and ``parcellations.yaml``.
    """
    try:
        sources = RegionAtlases(config, load_registry(registry), load_catalogue(named))
    except StudyError:
        return {"variants": [], "atlases": [], "maps": [], "seeds": []}
    seeds = config.maps.seeds or sources.registry.primary_seeds
    return {
        "variants": list(sources.variants),
        "atlases": [name for name in sources.atlases if sources.is_known(name)],
        "maps": [path for path in sources.maps if Path(path).is_file()],
        "seeds": list(seeds) if config.maps.seed_maps else [],
    }


def parcellation_files(
    config: Config, named: str | Path, more: Iterable[str] = ()
) -> dict[str, list[str]]:
    """Return the files on this machine of each parcellation.

    For a named parcellation these are all files with its names, in any template; the choice among
    them is made when the parcellation is prepared. The plan lists missing files.

    Parameters
    ----------
    config : Config
        The study's configuration.
    named : str or pathlib.Path
        ``parcellations.yaml``.
    more : iterable of str
        Parcellations that the config does not list, but regions take labels of.
    """
    folder = atlases_folder(config)
    catalogue, there = load_catalogue(named), files_in(folder)
    files: dict[str, list[Path]] = {}
    for each in config.circuits.parcellation:
        if each.image is not None:
            labels = expand(each.labels) if each.labels else None
            files[each.name] = own_files(expand(each.image), labels)
    listed = [each.name for each in config.circuits.parcellation]
    for name in dict.fromkeys([*listed, *more]):
        if name in files:
            continue
        try:
            atlas = find_atlas(name, catalogue, folder)
        except StudyError:
            atlas = None
        files[name] = matching_files(atlas, there) if atlas else []
    return {name: [str(path) for path in paths] for name, paths in files.items()}
