"""Parser of the ``regions`` of a registry file, which collects all mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ketfc.base.errors import Problem, StudyError, did_you_mean
from ketfc.imaging.atlas.templates import ANY_MNI, TEMPLATES
from ketfc.imaging.regions.definitions import (
    STRUCTURES,
    AtlasLabels,
    ProbabilityMap,
    Region,
    Sphere,
)
from ketfc.study.config.types import expand

DEFINITIONS = ("spheres", "labels", "map", "union")
"""Keys that define a region; it has exactly one of them."""

_REGION_KEYS = {"name", "hemisphere", "structure", "source", "alternatives", *DEFINITIONS}


def registry_problem(
    path: Path, field: str, value: object, message: str, allowed: str | None = None
) -> Problem:
    """Return an error of a registry file."""
    return Problem(
        severity="error",
        file=path.name,
        field=field or None,
        value=None if value is None else str(value),
        allowed=allowed,
        message=message,
    )


def is_number(value: object) -> bool:
    """Return whether a YAML value is a number, and not true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_names(value: object) -> bool:
    """Return whether a YAML value is a list of text."""
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


class RegionParser:
    """Parser of regions that collects all problems of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self._unions: dict[str, tuple[str, list[str]]] = {}

    def complain(self, field: str, value: object, message: str, allowed: str | None = None) -> None:
        """Add a problem."""
        self.problems.append(registry_problem(self.path, field, value, message, allowed))

    def mapping(self, field: str, value: object) -> Mapping[str, Any]:
        """Return a mapping with entries; an empty one, and a problem, for anything else."""
        if isinstance(value, Mapping) and value:
            return value
        self.complain(field, value, "must be a mapping with at least one entry")
        return {}

    def known_keys(self, field: str, entry: Mapping[str, Any], allowed: set[str]) -> None:
        """Add a problem for each key that is not allowed."""
        for key in sorted(set(map(str, entry)) - allowed):
            hint = did_you_mean(key, sorted(allowed))
            path = f"{field}.{key}" if field else key
            self.complain(path, entry[key], f"unknown key{hint}", ", ".join(sorted(allowed)))

    def text(self, field: str, entry: Mapping[str, Any], key: str) -> str:
        """Return the text of a key that must have one."""
        value = entry.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.complain(f"{field}.{key}", value, "is missing or not text")
        return ""

    def source(self, field: str, entry: Mapping[str, Any]) -> tuple[str, bool]:
        """Return the citation of an entry, and whether its source was read."""
        source = entry.get("source")
        field = f"{field}.source"
        if not isinstance(source, Mapping):
            self.complain(field, source, "is missing: name the source, and whether it was read")
            return "", False
        self.known_keys(field, source, {"text", "doi", "verified"})
        text = self.text(field, source, "text")
        verified = source.get("verified")
        if not isinstance(verified, bool):
            self.complain(f"{field}.verified", verified, "must be true or false")
        doi = source.get("doi")
        return (f"{text} (doi:{doi})" if doi else text), verified is True

    def known_regions(
        self, field: str, names: Iterable[str], regions: Mapping[str, Region]
    ) -> None:
        """Add a problem for each name that is not a region of the file."""
        for region in names:
            if region not in regions:
                hint = did_you_mean(region, regions)
                self.complain(field, region, f"is not a region of this file{hint}")

    def regions(self, content: object) -> dict[str, Region]:
        """Return the regions of the file, unions and alternatives among them."""
        entries = self.mapping("regions", content)
        found = {str(key): self.region(str(key), entry) for key, entry in entries.items()}
        for field, names in self._unions.values():
            self.known_regions(field, names, found)
        whole = {}
        for key, region in found.items():
            alternatives = {
                name: replace(other, members=self._members(other.id, found))
                for name, other in region.alternatives.items()
            }
            members = self._members(key, found)
            whole[key] = replace(region, members=members, alternatives=alternatives)
            for name, other in alternatives.items():
                if other.id in found:
                    field = f"regions.{key}.alternatives.{name}"
                    self.complain(field, other.id, "is the name of a region of this file")
        return whole

    def _members(
        self, key: str, found: Mapping[str, Region], trail: tuple[str, ...] = ()
    ) -> tuple[Region, ...]:
        """Return the regions of a union with their own members; none if it is not a union."""
        field, names = self._unions.get(key, ("", []))
        if key in trail:
            # every region of a loop comes to it; the first in the file tells it
            if key == trail[0] == min(trail, key=list(found).index):
                self.complain(field, " → ".join([*trail, key]), "is a union of itself")
            return ()
        # an alternative is no region of the file, so that no loop leads through it
        further = (*trail, key) if key in found else trail
        return tuple(
            replace(found[name], members=self._members(name, found, further), alternatives={})
            for name in names
            if name in found
        )

    def region(self, key: str, value: object) -> Region:
        """Return one region; unions are still without their members."""
        field = f"regions.{key}"
        if not (key.isalnum() and key.isascii()):
            self.complain(field, key, "a region's name goes into file names", "letters and digits")
        entry = self.mapping(field, value)
        self.known_keys(field, entry, _REGION_KEYS)
        hemisphere = entry.get("hemisphere")
        if hemisphere not in ("left", "right", "midline"):
            self.complain(
                f"{field}.hemisphere", hemisphere, "is not a hemisphere", "left, right, midline"
            )
        text, verified = self.source(field, entry)
        region = Region(
            id=key,
            name=self.text(field, entry, "name"),
            hemisphere=str(hemisphere),
            **self.definition(field, entry, key),
            source=text,
            verified=verified,
            structure=self.structure(f"{field}.structure", entry.get("structure"), hemisphere),
        )
        alternatives = entry.get("alternatives")
        if alternatives is None:
            return region
        return replace(
            region,
            alternatives={
                str(name): self.alternative(
                    f"{field}.alternatives.{name}", str(name), other, region
                )
                for name, other in self.mapping(f"{field}.alternatives", alternatives).items()
            },
        )

    def alternative(self, field: str, key: str, value: object, region: Region) -> Region:
        """Return an alternative definition, as a region with a name of its own."""
        if not (key.isalnum() and key.isascii()):
            self.complain(field, key, "its name goes into file names", "letters and digits")
        entry = self.mapping(field, value)
        self.known_keys(field, entry, {"source", *DEFINITIONS})
        text, verified = self.source(field, entry)
        return replace(
            region,
            id=f"{region.id}{key}",
            name=f"{region.name}, {key}",
            **self.definition(field, entry, f"{region.id}{key}"),
            source=text,
            verified=verified,
        )

    def definition(self, field: str, entry: Mapping[str, Any], key: str) -> dict[str, Any]:
        """Return the fields of a Region that hold its definition."""
        nothing: dict[str, Any] = {"spheres": (), "labels": (), "maps": ()}
        if not entry:
            return nothing
        kinds = [kind for kind in DEFINITIONS if kind in entry]
        if len(kinds) != 1:
            message = "needs exactly one definition"
            self.complain(field, ", ".join(kinds) or None, message, ", ".join(DEFINITIONS))
            return nothing
        (kind,) = kinds
        value, field = entry[kind], f"{field}.{kind}"
        if kind == "union":
            if not is_names(value) or len(set(value)) < max(len(value), 2):
                self.complain(field, value, "must name two regions or more, each once", "[a, b]")
            else:
                self._unions[key] = (field, value)
            return nothing
        if kind == "spheres":
            if not isinstance(value, list) or not value:
                self.complain(field, value, "must be a list of spheres")
                value = []
            spheres = (self.sphere(f"{field}[{i}]", each) for i, each in enumerate(value))
            return nothing | {"spheres": tuple(spheres)}
        # one alone needs no list around it
        listed = value if isinstance(value, list) and value else [value]
        places = [f"{field}[{i}]" if isinstance(value, list) else field for i in range(len(listed))]
        parts = zip(places, listed, strict=True)
        if kind == "labels":
            return nothing | {"labels": tuple(self.labels(place, each) for place, each in parts)}
        return nothing | {"maps": tuple(self.map(place, each) for place, each in parts)}

    def labels(self, field: str, value: object) -> AtlasLabels:
        """Return labels of a parcellation; they are checked later, against its files."""
        entry = self.mapping(field, value)
        if not entry:
            return AtlasLabels("", ())
        self.known_keys(field, entry, {"atlas", "names", "weights"})
        names = entry.get("names")
        if not (is_names(names) and names and len(set(names)) == len(names)):
            self.complain(f"{field}.names", names, "must be a list of labels, each once", "[a, b]")
            names = []
        weights = entry.get("weights")
        if weights not in (None, "fraction"):
            self.complain(f"{field}.weights", weights, "is not a kind of weights", "fraction")
        return AtlasLabels(self.text(field, entry, "atlas"), tuple(names), weights == "fraction")

    def map(self, field: str, value: object) -> ProbabilityMap:
        """Return a probability map; its path is relative to the registry file."""
        entry = self.mapping(field, value)
        if not entry:
            return ProbabilityMap("", "")
        self.known_keys(field, entry, {"image", "space"})
        space = entry.get("space")
        if space not in TEMPLATES:
            self.complain(f"{field}.space", space, "is not a known space", ", ".join(TEMPLATES))
        image = self.text(field, entry, "image")
        try:
            place = self.path.parent / expand(image)
        except StudyError as error:
            self.complain(f"{field}.image", image, error.problems[0].message)
            place = self.path.parent / image
        return ProbabilityMap(str(place), str(space))

    def structure(self, field: str, value: object, hemisphere: object) -> str | None:
        """Return the structure that a region is meant to measure."""
        if value is None:
            return None
        if value not in STRUCTURES:
            self.complain(field, value, "is not a structure", ", ".join(STRUCTURES))
        elif hemisphere not in ("left", "right"):
            self.complain(field, value, "has two sides; set hemisphere to one of them")
        return str(value)

    def sphere(self, field: str, value: object) -> Sphere:
        """Return one sphere."""
        entry = self.mapping(field, value)
        self.known_keys(field, entry, {"space", "centre", "radius", "inner"})
        spaces = (ANY_MNI, *TEMPLATES)
        space = entry.get("space")
        if space not in spaces:
            self.complain(f"{field}.space", space, "is not a known space", ", ".join(spaces))
        centre = entry.get("centre")
        if not (isinstance(centre, list) and len(centre) == 3 and all(map(is_number, centre))):
            self.complain(f"{field}.centre", centre, "must be three numbers", "[x, y, z] in mm")
            centre = [0, 0, 0]
        elif not all(abs(x) <= 110 for x in centre):
            self.complain(f"{field}.centre", centre, "lies outside the brain", "up to 110 mm")
        radius: Any = entry.get("radius")
        if not is_number(radius) or not 0 < radius <= 30:
            self.complain(f"{field}.radius", radius, "is not a valid radius", "0 < radius ≤ 30 mm")
            radius = 1
        inner: Any = entry.get("inner", 0)
        if not is_number(inner) or not 0 <= inner < radius:
            self.complain(
                f"{field}.inner", inner, "is not a valid inner radius", "0 ≤ inner < radius"
            )
            inner = 0
        x, y, z = (float(value) for value in centre)
        return Sphere(space=str(space), centre=(x, y, z), radius=float(radius), inner=float(inner))
