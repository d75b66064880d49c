"""The registry: where the regions are, which of them make a circuit, and who says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path
from typing import Any

import yaml

from ketfc.study.problems import Problem, StudyError, closest

ANY_MNI = "MNI152"
"""Space of coordinates that their source calls "MNI" without naming a template."""

STRUCTURES = ("habenula",)
"""Structures so small that the voxel size decides whether a region can measure them."""

_REGION_KEYS = {"name", "hemisphere", "spheres", "structure", "source"}
_CIRCUIT_KEYS = {
    "name",
    "edge",
    "within",
    "between",
    "regress",
    "primary",
    "hypothesis",
    "expected-sign",
    "evidence-scale",
    "confidence",
    "source",
}


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
class Region:
    """A named place in the brain, with its source and whether that source was read.

    `structure` names the structure of :data:`STRUCTURES` that it is meant to measure, if any.
    """

    id: str
    name: str
    hemisphere: str
    spheres: tuple[Sphere, ...]
    source: str
    verified: bool
    structure: str | None = None

    def spheres_in(self, space: str) -> tuple[Sphere, ...]:
        """Return the spheres that define the region in `space`.

        A definition in exactly that template goes before one in unspecified "MNI". A region that
        has neither is given where it is in another template; :meth:`Registry.outside` tells them,
        and the plan refuses them unless the config allows them.
        """
        exact = tuple(sphere for sphere in self.spheres if sphere.space == space)
        somewhere = tuple(sphere for sphere in self.spheres if sphere.space == ANY_MNI)
        return exact or somewhere or self.spheres


@dataclass(frozen=True)
class Circuit:
    """A set of edges whose mean Fisher z is one number per session, and its hypothesis.

    `regress` gives, by region, the regions whose cleaned series are regressed from its own.
    """

    id: str
    name: str
    measure: str
    edges: tuple[tuple[str, str], ...]
    primary: bool
    expected_sign: str
    evidence_scale: str
    confidence: str
    hypothesis: str
    source: str
    regress: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def regions(self) -> tuple[str, ...]:
        """Identifiers of the circuit's regions, in the order of first use; regressors last."""
        ends = [region for edge in self.edges for region in edge]
        return tuple(dict.fromkeys([*ends, *(name for by in self.regress.values() for name in by)]))


@dataclass(frozen=True)
class Registry:
    """Regions and circuits by identifier, in the order of the file."""

    regions: dict[str, Region]
    circuits: dict[str, Circuit]

    @property
    def used_regions(self) -> tuple[Region, ...]:
        """The regions that at least one circuit uses, in the order of the file."""
        used = {region for circuit in self.circuits.values() for region in circuit.regions}
        return tuple(region for region in self.regions.values() if region.id in used)

    def outside(self, space: str) -> list[str]:
        """Return the identifiers of used regions that have no definition in `space`."""
        return [
            region.id
            for region in self.used_regions
            if not {sphere.space for sphere in region.spheres} & {space, ANY_MNI}
        ]


def load_registry(path: str | Path) -> Registry:
    """Read and check a registry file.

    Parameters
    ----------
    path : str or pathlib.Path
        A YAML file as ``atlases/README.md`` describes it.

    Returns
    -------
    Registry

    Raises
    ------
    StudyError
        With every problem of the file: unknown keys, missing sources, unknown regions,
        impossible spheres, circuits without edges.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise StudyError([_problem(path, "", None, f"cannot be read: {reason}")]) from error
    reader = _Reader(path)
    registry = reader.registry(content)
    if reader.problems:
        raise StudyError(reader.problems)
    return registry


def _problem(
    path: Path, field: str, value: object, message: str, allowed: str | None = None
) -> Problem:
    return Problem(
        severity="error",
        file=path.name,
        field=field or None,
        value=None if value is None else str(value),
        allowed=allowed,
        message=message,
    )


class _Reader:
    """Collects every problem of one file instead of stopping at the first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def complain(self, field: str, value: object, message: str, allowed: str | None = None) -> None:
        self.problems.append(_problem(self.path, field, value, message, allowed))

    def registry(self, content: object) -> Registry:
        top = self.mapping("", content)
        self.known_keys("", top, {"regions", "circuits"})
        regions = {
            str(key): self.region(str(key), entry)
            for key, entry in self.mapping("regions", top.get("regions")).items()
        }
        circuits = {
            str(key): self.circuit(str(key), entry, regions)
            for key, entry in self.mapping("circuits", top.get("circuits")).items()
        }
        return Registry(regions=regions, circuits=circuits)

    def mapping(self, field: str, value: object) -> Mapping[str, Any]:
        if isinstance(value, Mapping) and value:
            return value
        self.complain(field, value, "must be a mapping with at least one entry")
        return {}

    def known_keys(self, field: str, entry: Mapping[str, Any], allowed: set[str]) -> None:
        for key in sorted(set(map(str, entry)) - allowed):
            near = closest(key, sorted(allowed))
            hint = f"; did you mean '{near}'?" if near else ""
            path = f"{field}.{key}" if field else key
            self.complain(path, entry[key], f"unknown key{hint}", ", ".join(sorted(allowed)))

    def text(self, field: str, entry: Mapping[str, Any], key: str) -> str:
        value = entry.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.complain(f"{field}.{key}", value, "is missing or not text")
        return ""

    def source(self, field: str, entry: Mapping[str, Any]) -> tuple[str, bool]:
        source = entry.get("source")
        field = f"{field}.source"
        if not isinstance(source, Mapping):
            self.complain(field, source, "is missing: name who says so, and whether it was read")
            return "", False
        self.known_keys(field, source, {"text", "doi", "verified"})
        text = self.text(field, source, "text")
        verified = source.get("verified")
        if not isinstance(verified, bool):
            self.complain(f"{field}.verified", verified, "must be true or false")
        doi = source.get("doi")
        return (f"{text} (doi:{doi})" if doi else text), verified is True

    def region(self, key: str, value: object) -> Region:
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
        spheres = entry.get("spheres")
        if not isinstance(spheres, list) or not spheres:
            self.complain(f"{field}.spheres", spheres, "must be a list of spheres")
            spheres = []
        text, verified = self.source(field, entry)
        return Region(
            id=key,
            name=self.text(field, entry, "name"),
            hemisphere=str(hemisphere),
            spheres=tuple(
                self.sphere(f"{field}.spheres[{i}]", sphere) for i, sphere in enumerate(spheres)
            ),
            source=text,
            verified=verified,
            structure=self.structure(f"{field}.structure", entry.get("structure"), hemisphere),
        )

    def structure(self, field: str, value: object, hemisphere: object) -> str | None:
        if value is None:
            return None
        if value not in STRUCTURES:
            self.complain(field, value, "is not a structure", ", ".join(STRUCTURES))
        elif hemisphere not in ("left", "right"):
            self.complain(field, value, "has a left and a right; say which as hemisphere")
        return str(value)

    def sphere(self, field: str, value: object) -> Sphere:
        entry = self.mapping(field, value)
        self.known_keys(field, entry, {"space", "centre", "radius", "inner"})
        spaces = (ANY_MNI, "MNI152NLin2009cAsym", "MNI152NLin6Asym")
        space = entry.get("space")
        if space not in spaces:
            self.complain(f"{field}.space", space, "is not a known space", ", ".join(spaces))
        centre = entry.get("centre")
        if not (isinstance(centre, list) and len(centre) == 3 and all(map(_is_number, centre))):
            self.complain(f"{field}.centre", centre, "must be three numbers", "[x, y, z] in mm")
            centre = [0, 0, 0]
        elif not all(abs(x) <= 110 for x in centre):
            self.complain(f"{field}.centre", centre, "lies outside the brain", "up to 110 mm")
        radius: Any = entry.get("radius")
        if not _is_number(radius) or not 0 < radius <= 30:
            self.complain(f"{field}.radius", radius, "is no radius", "0 < radius ≤ 30 mm")
            radius = 1
        inner: Any = entry.get("inner", 0)
        if not _is_number(inner) or not 0 <= inner < radius:
            self.complain(f"{field}.inner", inner, "is no inner radius", "0 ≤ inner < radius")
            inner = 0
        x, y, z = (float(value) for value in centre)
        return Sphere(space=str(space), centre=(x, y, z), radius=float(radius), inner=float(inner))

    def circuit(self, key: str, value: object, regions: Mapping[str, Region]) -> Circuit:
        field = f"circuits.{key}"
        entry = self.mapping(field, value)
        self.known_keys(field, entry, _CIRCUIT_KEYS)
        primary = entry.get("primary", False)
        if not isinstance(primary, bool):
            self.complain(f"{field}.primary", primary, "must be true or false")
        sign = entry.get("expected-sign", "?")
        if sign not in ("+", "-", "?"):
            self.complain(f"{field}.expected-sign", sign, "is not a sign", "'+', '-', '?'")
        measure, edges = self.edges(field, entry)
        ends = list(dict.fromkeys(region for edge in edges for region in edge))
        self.known_regions(f"{field}.{measure}", ends, regions)
        regress = self.regress(f"{field}.regress", entry.get("regress"), ends, regions)
        text, _ = self.source(field, entry)
        return Circuit(
            id=key,
            name=self.text(field, entry, "name"),
            measure=measure,
            edges=edges,
            primary=primary is True,
            expected_sign=str(sign),
            evidence_scale=str(entry.get("evidence-scale", "unknown")),
            confidence=str(entry.get("confidence", "unknown")),
            hypothesis=self.text(field, entry, "hypothesis"),
            source=text,
            regress=regress,
        )

    def known_regions(
        self, field: str, names: Iterable[str], regions: Mapping[str, Region]
    ) -> None:
        for region in names:
            if region not in regions:
                near = closest(region, list(regions))
                hint = f"; did you mean '{near}'?" if near else ""
                self.complain(field, region, f"is not a region of this file{hint}")

    def regress(
        self, field: str, value: object, ends: list[str], regions: Mapping[str, Region]
    ) -> dict[str, tuple[str, ...]]:
        if value is None:
            return {}
        shape = "{region of the circuit: [region, ...]}"
        if not (isinstance(value, Mapping) and value and all(map(_is_names, value.values()))):
            self.complain(field, value, "has another shape than it must have", shape)
            return {}
        for region, by in value.items():
            if region not in ends:
                self.complain(field, region, "is not a region of the circuit", ", ".join(ends))
            self.known_regions(f"{field}.{region}", by, regions)
            # what is an end of an edge cannot be taken out of the other end
            both = sorted(set(by) & set(ends))
            if both:
                self.complain(f"{field}.{region}", ", ".join(both), "is connected in this circuit")
        return {str(region): tuple(by) for region, by in value.items()}

    def edges(
        self, field: str, entry: Mapping[str, Any]
    ) -> tuple[str, tuple[tuple[str, str], ...]]:
        kinds = [kind for kind in ("edge", "within", "between") if kind in entry]
        if len(kinds) != 1:
            self.complain(
                field, ", ".join(kinds) or None, "needs exactly one of edge, within, between"
            )
            return "edge", ()
        kind = kinds[0]
        value = entry[kind]
        field = f"{field}.{kind}"
        if kind == "edge" and _is_names(value) and len(value) == 2:
            pairs = [(value[0], value[1])]
        elif kind == "within" and _is_names(value) and len(value) >= 2:
            pairs = list(combinations(value, 2))
        elif (
            kind == "between"
            and isinstance(value, list)
            and len(value) == 2
            and all(_is_names(group) and group for group in value)
        ):
            pairs = list(product(value[0], value[1]))
        else:
            shapes = {
                "edge": "[a, b]",
                "within": "[a, b, ...]",
                "between": "[[a, ...], [b, ...]]",
            }
            self.complain(field, value, "has another shape than it must have", shapes[kind])
            return kind, ()
        loops = sorted({a for a, b in pairs if a == b})
        if loops:
            self.complain(field, ", ".join(loops), "a region cannot be connected with itself")
        elif len(set(map(frozenset, pairs))) < len(pairs):
            self.complain(field, value, "names a region twice")
        return kind, tuple(pairs)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
