"""What regions are made of beside coordinates: which parcellations and maps, and if here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketfc.base.errors import Problem, StudyError, closest
from ketfc.imaging.atlas.catalogue import VORONOI_KIND, Catalogue
from ketfc.imaging.atlas.files import Choice, choose
from ketfc.imaging.atlas.making import named_parcellation
from ketfc.imaging.atlas.parcellations import load_parcellation, voronoi_parcellation
from ketfc.imaging.atlas.plan import origin_notes
from ketfc.imaging.io.grid import Grid, voxels_in_sphere
from ketfc.imaging.regions.definitions import Region
from ketfc.imaging.regions.placing import label_problems, read_map
from ketfc.imaging.regions.registry import Registry
from ketfc.study.config.config import Config
from ketfc.study.config.types import expand

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class RegionSources:
    """The parcellations that a study's regions may take labels of, each looked for once.

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
        """Variants whose alternative definition can be had without a download."""
        return tuple(
            name
            for name, (_, region) in self.registry.variants.items()
            if not self._foreign(region) and all(map(self.is_here, region.atlases))
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
        """Return whether the config lists a parcellation, or it can be had without a download."""
        if self._own(atlas) is not None:
            return True
        choice = self._choice(atlas)
        return choice is None or (isinstance(choice, Choice) and choice.file is not None)

    def _own(self, atlas: str) -> object | None:
        return next((e for e in self.config.circuits.parcellation if e.name == atlas), None)

    def _foreign(self, region: Region) -> bool:
        allowed = self.config.circuits.allow_template_mismatch
        return not allowed and bool(region.foreign_spaces(self.config.study.space))

    def _choice(self, atlas: str) -> Choice | StudyError | None:
        """Return where a parcellation comes from, or why from nowhere; None if ketfc makes it."""
        if atlas not in self._choices:
            self._choices[atlas] = self._chosen(atlas)
        return self._choices[atlas]

    def _chosen(self, atlas: str) -> Choice | StudyError | None:
        entry = self.catalogue.atlases.get(atlas)
        circuits = self.config.circuits
        if entry is None:
            named = [each.name for each in circuits.parcellation]
            near = closest(atlas, [*self.catalogue.atlases, *named])
            message = (
                "is neither in atlases/parcellations.yaml nor in circuits.parcellation of the "
                "config" + (f"; did you mean '{near}'?" if near else "")
            )
            return StudyError([Problem("error", message, value=atlas)])
        if entry.kind == VORONOI_KIND:
            return None
        try:
            return choose(
                entry,
                self.config.study.space,
                folder=expand(circuits.atlases_dir) if circuits.atlases_dir else None,
                catalogue=self.catalogue,
                other_templates=circuits.allow_template_mismatch,
            )
        except StudyError as error:
            return error

    def labels(self, atlas: str) -> tuple[str, ...] | StudyError | None:
        """Return a parcellation's labels, what is wrong with it, or None if not known yet."""
        if atlas not in self._labels:
            try:
                self._labels[atlas] = self._known_labels(atlas)
            except StudyError as error:
                self._labels[atlas] = error
        return self._labels[atlas]

    def _known_labels(self, atlas: str) -> tuple[str, ...] | None:
        for own in self.config.circuits.parcellation:
            if own.name == atlas and own.image is not None:
                image, table = expand(own.image), own.labels
                if not image.is_file() or not (table is None or expand(table).is_file()):
                    return None  # told with the config's other parcellations
                named = expand(table) if table is not None else None
                return load_parcellation(atlas, image, labels=named, space=str(own.space)).names
        choice = self._choice(atlas)
        if choice is None:
            return voronoi_parcellation().names
        entry = self.catalogue.atlases.get(atlas)
        if entry is None or isinstance(choice, StudyError):
            return None
        if choice.file is not None:
            return named_parcellation(entry, choice.file).names
        return entry.names if entry.names and not entry.split else None

    def problems(self) -> list[Problem]:
        """Return what keeps regions from being measured, and where parcellations come from."""
        found: list[Problem] = []
        wrong: set[str] = set()
        for field, region in self._definitions():
            for leaf in region.leaves:
                place = field if leaf is region else f"regions.{leaf.id}"
                for labels in leaf.labels:
                    known = self.labels(labels.atlas)
                    if isinstance(known, StudyError):
                        new = labels.atlas not in wrong
                        found += [self._here(p, place) for p in known.problems if new]
                        wrong.add(labels.atlas)
                    elif known is not None:
                        at = f"{place}.labels"
                        found += label_problems(labels, known, file=self.file, field=at)
                for each in leaf.maps:
                    found += self._map_problems(each.image, leaf.id, place)
        found += self._missing()
        found += self._left_out()
        return list(dict.fromkeys(found))

    def _definitions(self) -> Iterator[tuple[str, Region]]:
        """Yield the used regions and all alternatives, each with its key in the file."""
        for region in self.registry.used_regions:
            yield f"regions.{region.id}", region
        for region in self.registry.regions.values():
            for key, other in region.alternatives.items():
                yield f"regions.{region.id}.alternatives.{key}", other

    def _map_problems(self, image: str, region: str, field: str) -> list[Problem]:
        try:
            read_map(image, region)
        except StudyError as error:
            return [self._here(problem, f"{field}.map.image") for problem in error.problems]
        return []

    def _here(self, problem: Problem, field: str) -> Problem:
        """Return a problem as one of the registry's file, with the file it was found in."""
        at = f"{problem.file} " if problem.file not in (None, "config", self.file) else ""
        return replace(problem, file=self.file, field=field, message=f"{at}{problem.message}")

    def _missing(self) -> list[Problem]:
        """Return why the parcellations of circuits cannot be had, or where they come from."""
        found = []
        for region in self.registry.with_variants(self.variants).used_regions:
            for leaf in region.leaves:
                for atlas in leaf.atlases:
                    choice = None if self._own(atlas) else self._choice(atlas)
                    field = f"regions.{leaf.id}.labels.atlas"
                    if isinstance(choice, StudyError):
                        said = [replace(problem, value=atlas) for problem in choice.problems]
                        found += [self._here(problem, field) for problem in said]
                    elif choice is not None:
                        entry = self.catalogue.atlases[atlas]
                        notes = origin_notes(entry, choice, self.config.study.space)
                        # once for all regions of a parcellation
                        found += [replace(note, file=self.file, field="regions") for note in notes]
        return found

    def _left_out(self) -> list[Problem]:
        """Return a note for each parcellation whose want leaves alternatives out, or template."""
        reasons: dict[str, list[str]] = {}
        for region in self.registry.regions.values():
            for key, other in region.alternatives.items():
                wanting = [atlas for atlas in other.atlases if not self.is_here(atlas)]
                if wanting:
                    reason = (
                        f"{wanting[0]} is not on this machine (circuits.atlases-dir, or a package, "
                        "would bring it: atlases/README.md)"
                    )
                elif self._foreign(other):
                    reason = f"it has no definition in {self.config.study.space}"
                else:
                    continue
                reasons.setdefault(reason, []).append(f"{region.id} as {key}")
        return [
            Problem(
                "note",
                f"left out of the sensitivity analysis, since {reason}",
                file=self.file,
                field="alternatives",
                value=", ".join(names),
            )
            for reason, names in reasons.items()
        ]


def brain_mask() -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return nilearn's ``load_mni152_brain_mask()``, T1 above a fifth of its maximum; the affine.

    The file that nilearn brings is read as it is: every start of the workflow with a registry of
    one's own asks for it, and to import ``nilearn.datasets`` takes seconds.
    """
    from importlib.resources import files

    import nibabel as nib
    import numpy as np

    data = files("nilearn") / "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
    image: Any = nib.load(str(data))
    brain = image.get_fdata(dtype=np.float32)
    return brain / brain.max() > 0.2, np.asarray(image.affine, dtype=np.float64)


def brain_problems(registry: Registry, space: str, *, file: str) -> list[Problem]:
    """Return the spheres that lie outside the brain, as far as nilearn's MNI mask tells.

    A sphere without any voxel in the brain is an error, one whose centre alone is outside a note.

    Parameters
    ----------
    registry : Registry
        All its regions and their alternatives are looked at.
    space : str
        The study's template; of a region defined for several, what holds there.
    file : str
        Name of the registry's file.
    """
    import numpy as np

    mask, affine = brain_mask()
    brain = mask.ravel(order="F")
    grid = Grid(shape=mask.shape, affine=affine)
    found = []
    named: Mapping[str, Region] = {
        **{f"regions.{region.id}": region for region in registry.regions.values()},
        **{
            f"regions.{region.id}.alternatives.{key}": other
            for region in registry.regions.values()
            for key, other in region.alternatives.items()
        },
    }
    for field, region in named.items():
        # the parts of a union are looked at as regions of their own
        for sphere in () if region.members else region.spheres_in(space):
            nearest = grid.nearest_voxel(sphere.centre)
            middle = (
                nearest is not None and brain[np.ravel_multi_index(nearest, grid.shape, order="F")]
            )
            if middle:
                continue
            some = brain[voxels_in_sphere(grid, sphere.centre, sphere.radius)].any()
            message = (
                "its centre lies outside the brain, as nilearn's MNI152 mask has it"
                if some
                else "lies outside the brain: no voxel of nilearn's MNI152 brain mask is in it"
            )
            found.append(
                Problem(
                    "note" if some else "error",
                    message,
                    file=file,
                    field=f"{field}.spheres",
                    value=f"({', '.join(f'{x:g}' for x in sphere.centre)}) r {sphere.radius:g}",
                )
            )
    return found
