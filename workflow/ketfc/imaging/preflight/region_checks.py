"""Checks of regions before an image is read: parcellations, labels, maps, and the brain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ketfc.base.errors import Problem, StudyError
from ketfc.imaging.io.grid import Grid, voxels_in_sphere
from ketfc.imaging.preflight.parcellation_checks import origin_notes
from ketfc.imaging.regions.definitions import Region
from ketfc.imaging.regions.placing import label_problems, read_map
from ketfc.imaging.regions.region_atlases import RegionAtlases
from ketfc.imaging.regions.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def region_atlas_problems(sources: RegionAtlases) -> list[Problem]:
    """Return the problems of regions' labels and maps, and the origin of their parcellations."""
    found: list[Problem] = []
    wrong: set[str] = set()
    for field, region in _definitions(sources):
        for leaf in region.leaves:
            place = field if leaf is region else f"regions.{leaf.id}"
            for labels in leaf.labels:
                known = sources.labels(labels.atlas)
                if isinstance(known, StudyError):
                    new = labels.atlas not in wrong
                    found += [_here(sources, p, place) for p in known.problems if new]
                    wrong.add(labels.atlas)
                elif known is not None:
                    at = f"{place}.labels"
                    found += label_problems(labels, known, file=sources.file, field=at)
            for each in leaf.maps:
                found += _map_problems(sources, each.image, leaf.id, place)
    found += _missing(sources)
    found += _left_out(sources)
    return list(dict.fromkeys(found))


def _definitions(sources: RegionAtlases) -> Iterator[tuple[str, Region]]:
    """Yield the used regions and all alternatives, each with its key in the file."""
    for region in sources.registry.used_regions:
        yield f"regions.{region.id}", region
    for region in sources.registry.regions.values():
        for key, other in region.alternatives.items():
            yield f"regions.{region.id}.alternatives.{key}", other


def _map_problems(sources: RegionAtlases, image: str, region: str, field: str) -> list[Problem]:
    try:
        read_map(image, region)
    except StudyError as error:
        return [_here(sources, problem, f"{field}.map.image") for problem in error.problems]
    return []


def _here(sources: RegionAtlases, problem: Problem, field: str) -> Problem:
    """Return a problem as one of the registry's file, with the file it was found in."""
    at = f"{problem.file} " if problem.file not in (None, "config", sources.file) else ""
    return replace(problem, file=sources.file, field=field, message=f"{at}{problem.message}")


def _missing(sources: RegionAtlases) -> list[Problem]:
    """Return errors for missing parcellations of circuits, and the origin of the others."""
    found = []
    for region in sources.registry.with_variants(sources.variants).used_regions:
        for leaf in region.leaves:
            for atlas in leaf.atlases:
                choice = None if sources.own(atlas) else sources.choice(atlas)
                field = f"regions.{leaf.id}.labels.atlas"
                if isinstance(choice, StudyError):
                    said = [replace(problem, value=atlas) for problem in choice.problems]
                    found += [_here(sources, problem, field) for problem in said]
                elif choice is not None:
                    entry = sources.entry(atlas)
                    notes = origin_notes(entry, choice, sources.config.study.space)
                    # once for all regions of a parcellation
                    found += [replace(note, file=sources.file, field="regions") for note in notes]
    return found


def _left_out(sources: RegionAtlases) -> list[Problem]:
    """Return a note for each parcellation or template whose lack leaves alternatives out."""
    reasons: dict[str, list[str]] = {}
    for region in sources.registry.regions.values():
        for key, other in region.alternatives.items():
            wanting = [atlas for atlas in other.atlases if not sources.is_here(atlas)]
            if wanting:
                reason = (
                    f"{wanting[0]} is not on this machine (circuits.atlases-dir, or a package, "
                    "would bring it: atlases/README.md)"
                )
            elif sources.is_foreign(other):
                reason = f"it has no definition in {sources.config.study.space}"
            else:
                continue
            reasons.setdefault(reason, []).append(f"{region.id} as {key}")
    return [
        Problem(
            "note",
            f"left out of the sensitivity analysis, since {reason}",
            file=sources.file,
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
    """Return the spheres that lie outside the brain, by nilearn's MNI mask.

    A sphere without any voxel in the brain is an error, one whose centre alone is outside a note.

    Parameters
    ----------
    registry : Registry
        All its regions and their alternatives are looked at.
    space : str
        The study's template; regions may have a definition of their own in it.
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
