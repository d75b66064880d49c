"""Regions and the ways to define them: spheres, labels of a parcellation, a map, a union."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ketfc.imaging.atlas.templates import ANY_MNI

STRUCTURES = ("habenula",)
"""Structures so small that their measurement depends on the voxel size."""


@dataclass(frozen=True)
class Sphere:
    """All points within `radius` mm of `centre` (x, y, z in mm) of the template `space`.

    With `inner` above 0 it is a shell: points within `inner` mm of the centre are left out.
    """

    space: str
    centre: tuple[float, float, float]
    radius: float
    inner: float = 0.0


@dataclass(frozen=True)
class AtlasLabels:
    """Union of labels of one parcellation.

    With `fraction`, a voxel weighs as much as the share of it that they fill on the parcellation's
    own grid; without, it belongs to them whole or not at all, by the label nearest to its centre.
    """

    atlas: str
    names: tuple[str, ...]
    fraction: bool = False


@dataclass(frozen=True)
class ProbabilityMap:
    """An image of voxel weights from 0 to 1 in the template `space`."""

    image: str
    space: str


@dataclass(frozen=True)
class Region:
    """A named region of the brain, with its definition and source.

    Exactly one of `spheres`, `labels`, `maps` and `members` (other regions, whose union it is)
    defines it. `structure` names the structure of :data:`STRUCTURES` that it is meant to measure,
    if any; `alternatives` are other definitions of the same place, by a short name.
    """

    id: str
    name: str
    hemisphere: str
    spheres: tuple[Sphere, ...]
    source: str
    verified: bool
    structure: str | None = None
    labels: tuple[AtlasLabels, ...] = ()
    maps: tuple[ProbabilityMap, ...] = ()
    members: tuple[Region, ...] = ()
    alternatives: Mapping[str, Region] = field(default_factory=dict)

    @property
    def leaves(self) -> tuple[Region, ...]:
        """The region itself, or the regions of its union, without further unions."""
        if not self.members:
            return (self,)
        return tuple(leaf for member in self.members for leaf in member.leaves)

    @property
    def atlases(self) -> tuple[str, ...]:
        """Names of the parcellations that its labels are of, in the order of the file."""
        named = [part.atlas for leaf in self.leaves for part in leaf.labels]
        return tuple(dict.fromkeys(named))

    def spheres_in(self, space: str) -> tuple[Sphere, ...]:
        """Return the spheres that define the region, or all parts of its union, in `space`.

        A definition in exactly that template goes before one in unspecified "MNI". A region that
        has neither is given where it is in another template; :meth:`foreign_spaces` tells them,
        and the plan refuses them unless the config allows them.
        """
        if self.members:
            return tuple(sphere for leaf in self.leaves for sphere in leaf.spheres_in(space))
        exact = tuple(sphere for sphere in self.spheres if sphere.space == space)
        somewhere = tuple(sphere for sphere in self.spheres if sphere.space == ANY_MNI)
        return exact or somewhere or self.spheres

    def map_in(self, space: str) -> ProbabilityMap | None:
        """Return the map in `space`, else the first; None if no map defines the region."""
        exact = [each for each in self.maps if each.space == space]
        return next(iter([*exact, *self.maps]), None)

    def foreign_spaces(self, space: str) -> tuple[str, ...]:
        """Return the templates of definitions that do not exist in `space`; empty if all do.

        Labels are not looked at: their template is that of the parcellation.
        """
        found: list[str] = []
        for leaf in self.leaves:
            there = [sphere.space for sphere in leaf.spheres] + [each.space for each in leaf.maps]
            if there and not {space, ANY_MNI}.intersection(there):
                found += there
        return tuple(sorted(set(found)))

    def describe(self, space: str) -> str:
        """Return the definition used in `space`, in words."""
        return "; ".join(text for leaf in self.leaves for text in _in_words(leaf, space))


def _in_words(leaf: Region, space: str) -> list[str]:
    texts = [
        f"sphere ({', '.join(f'{x:g}' for x in sphere.centre)}) mm, radius {sphere.radius:g} mm"
        + (f" without its inner {sphere.inner:g} mm" if sphere.inner else "")
        + f", {sphere.space}"
        for sphere in leaf.spheres_in(space)
    ]
    texts += [
        f"{', '.join(part.names)} of {part.atlas}"
        + (", weighted by the share of each voxel" if part.fraction else "")
        for part in leaf.labels
    ]
    chosen = leaf.map_in(space)
    if chosen is not None:
        texts.append(f"probability map {chosen.image}, {chosen.space}")
    return texts
