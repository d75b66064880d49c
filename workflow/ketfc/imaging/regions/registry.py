"""The registry of regions, circuits and their hypotheses: ``atlases/circuits.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ketfc.base.errors import StudyError
from ketfc.base.yaml import read_yaml
from ketfc.imaging.atlas.templates import template_mismatch
from ketfc.imaging.regions.definitions import Region
from ketfc.imaging.regions.registry_parser import RegionParser, is_names, registry_problem

BUNDLED = "circuits.yaml"
"""Name of the file that comes with ketfc, beside ``parcellations.yaml``."""

_CIRCUIT_KEYS = {
    "name",
    "edge",
    "within",
    "between",
    "value",
    "regress",
    "primary",
    "preregistered",
    "hypothesis",
    "expected-sign",
    "evidence-scale",
    "confidence",
    "source",
}

_VALUE = "{quantity: text, unit: text}"

_ADDRESS = re.compile(r"(https?://|doi:)\S+")


@dataclass(frozen=True)
class Circuit:
    """A set of edges whose mean Fisher z is one number per session, and its hypothesis.

    `regress` gives, by region, the regions whose cleaned series are regressed from its own.
    `direction` (``+`` or ``-``) is set where the lab preregistered one, at `registration`.
    `variant_of` names the circuit that this is another definition of. Of measure ``value`` there
    are no edges: the number was computed elsewhere, of some `quantity` in some `unit`.
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
    direction: str | None = None
    registration: str | None = None
    variant_of: str | None = None
    quantity: str = "connectivity"
    unit: str = "Fisher z"

    @property
    def regions(self) -> tuple[str, ...]:
        """Identifiers of the circuit's regions, in the order of first use; regressors last."""
        ends = [region for edge in self.edges for region in edge]
        return tuple(dict.fromkeys([*ends, *(name for by in self.regress.values() for name in by)]))

    @property
    def seeds(self) -> tuple[str, ...]:
        """Identifiers of the regions whose maps show the circuit.

        Both ends of an edge, the first group of a circuit between two groups, and the first region
        of one within a group.
        """
        if self.measure == "edge":
            return self.edges[0]
        firsts = tuple(dict.fromkeys(edge[0] for edge in self.edges))
        return firsts if self.measure == "between" else firsts[:1]


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

    @property
    def primary_seeds(self) -> tuple[str, ...]:
        """Identifiers of the seeds of the primary circuits, in their order, each once."""
        primary = (circuit for circuit in self.circuits.values() if circuit.primary)
        return tuple(dict.fromkeys(seed for circuit in primary for seed in circuit.seeds))

    @property
    def variants(self) -> dict[str, tuple[Circuit, Region]]:
        """Primary circuits with an alternative definition of one region, and that region.

        They serve sensitivity analyses; :meth:`with_variants` adds some of them to the circuits.
        """
        return {
            variant.id: (variant, other)
            for circuit in self.circuits.values()
            if circuit.primary
            for name in circuit.regions
            for key, other in self.regions[name].alternatives.items()
            for variant in [_variant(circuit, name, key, other.id)]
        }

    def with_variants(self, wanted: Iterable[str]) -> Registry:
        """Return the registry with some of its :attr:`variants` after its circuits."""
        chosen = [self.variants[name] for name in wanted]
        return Registry(
            regions=self.regions | {region.id: region for _, region in chosen},
            circuits=self.circuits | {circuit.id: circuit for circuit, _ in chosen},
        )

    def outside(self, space: str) -> list[str]:
        """Return the identifiers of used regions that have no definition in `space`."""
        return [region.id for region in self.used_regions if region.foreign_spaces(space)]


def _variant(circuit: Circuit, region: str, key: str, other: str) -> Circuit:
    """Return a circuit with one region replaced by another, without a hypothesis of its own."""

    def instead(name: str) -> str:
        return other if name == region else name

    return replace(
        circuit,
        id=f"{circuit.id}.{region}-{key}",
        name=f"{circuit.name}, {region} as {key}",
        edges=tuple((instead(a), instead(b)) for a, b in circuit.edges),
        regress={instead(name): tuple(map(instead, by)) for name, by in circuit.regress.items()},
        primary=False,
        direction=None,
        registration=None,
        variant_of=circuit.id,
    )


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
        With every problem of the file: unknown keys, missing sources, two definitions
        of a region, unknown regions, impossible spheres, circuits without edges.
    """
    path = Path(path)
    try:
        content = read_yaml(path)
    except (OSError, ValueError) as error:
        raise StudyError([registry_problem(path, "", None, f"cannot be read: {error}")]) from error
    parser = _RegistryParser(path)
    registry = parser.registry(content)
    if parser.problems:
        raise StudyError(parser.problems)
    return registry


def region_mismatch(
    registry: Registry,
    images: str,
    atlases: Mapping[str, str | None] = MappingProxyType({}),
) -> str | None:
    """Return a note on used regions that are not defined in the template of the images, or None.

    Parameters
    ----------
    registry : Registry
        Its used regions are looked at.
    images : str
        The template of the images.
    atlases : mapping of str to (str or None)
        By parcellation, the note on its own template.
    """
    said: dict[str, str | None] = {}
    for region in registry.used_regions:
        other = [template_mismatch(space, images) for space in region.foreign_spaces(images)]
        other += [atlases.get(atlas) for atlas in region.atlases]
        if any(other):
            said[region.id] = ", ".join(dict.fromkeys(text for text in other if text))
    return "; ".join(f"{region}: {what}" for region, what in said.items()) or None


class _RegistryParser(RegionParser):
    """Parser of a whole registry file."""

    def registry(self, content: object) -> Registry:
        top = self.mapping("", content)
        self.known_keys("", top, {"regions", "circuits"})
        entries = self.mapping("circuits", top.get("circuits"))
        # values that were computed elsewhere need no region
        given = entries and all(isinstance(x, Mapping) and "value" in x for x in entries.values())
        regions = {} if given and "regions" not in top else self.regions(top.get("regions"))
        circuits = {
            str(key): self.circuit(str(key), entry, regions) for key, entry in entries.items()
        }
        return Registry(regions=regions, circuits=circuits)

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
        direction, registration = self.preregistered(
            f"{field}.preregistered", entry.get("preregistered")
        )
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
            direction=direction,
            registration=registration,
            **self.given(f"{field}.value", entry.get("value")),
        )

    def given(self, field: str, value: object) -> dict[str, str]:
        """Return quantity and unit of a value that was computed elsewhere."""
        if value is None:
            return {}
        texts = isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())
        if not isinstance(value, Mapping) or not texts or set(value) != {"quantity", "unit"}:
            self.complain(field, value, "does not have the required form", _VALUE)
            return {}
        return {str(key): text for key, text in value.items()}

    def preregistered(self, field: str, value: object) -> tuple[str | None, str | None]:
        if value is None:
            return None, None
        entry = self.mapping(field, value)
        if not entry:
            return None, None
        self.known_keys(field, entry, {"direction", "registration"})
        direction, registration = entry.get("direction"), entry.get("registration")
        if direction not in ("+", "-"):
            message = "is not a direction of change"
            self.complain(f"{field}.direction", direction, message, "'+', '-'")
        if not (isinstance(registration, str) and _ADDRESS.fullmatch(registration)):
            message = "must be the address where others can read the registration"
            self.complain(f"{field}.registration", registration, message, "https://…, doi:…")
        return str(direction), str(registration)

    def regress(
        self, field: str, value: object, ends: list[str], regions: Mapping[str, Region]
    ) -> dict[str, tuple[str, ...]]:
        if value is None:
            return {}
        shape = "{region of the circuit: [region, ...]}"
        if not (isinstance(value, Mapping) and value and all(map(is_names, value.values()))):
            self.complain(field, value, "does not have the required form", shape)
            return {}
        for region, by in value.items():
            if region not in ends:
                self.complain(field, region, "is not a region of the circuit", ", ".join(ends))
            self.known_regions(f"{field}.{region}", by, regions)
            # what is an end of an edge cannot be taken out of the other end
            both = sorted(set(by) & set(ends))
            if both:
                self.complain(
                    f"{field}.{region}", ", ".join(both), "is an end of an edge of this circuit"
                )
        return {str(region): tuple(by) for region, by in value.items()}

    def edges(
        self, field: str, entry: Mapping[str, Any]
    ) -> tuple[str, tuple[tuple[str, str], ...]]:
        kinds = [kind for kind in ("edge", "within", "between", "value") if kind in entry]
        if len(kinds) != 1:
            self.complain(
                field, ", ".join(kinds) or None, "needs exactly one of edge, within, between, value"
            )
            return "edge", ()
        kind = kinds[0]
        value = entry[kind]
        field = f"{field}.{kind}"
        if kind == "value":
            return kind, ()
        if kind == "edge" and is_names(value) and len(value) == 2:
            pairs = [(value[0], value[1])]
        elif kind == "within" and is_names(value) and len(value) >= 2:
            pairs = list(combinations(value, 2))
        elif (
            kind == "between"
            and isinstance(value, list)
            and len(value) == 2
            and all(is_names(group) and group for group in value)
        ):
            pairs = list(product(value[0], value[1]))
        else:
            shapes = {
                "edge": "[a, b]",
                "within": "[a, b, ...]",
                "between": "[[a, ...], [b, ...]]",
            }
            self.complain(field, value, "does not have the required form", shapes[kind])
            return kind, ()
        loops = sorted({a for a, b in pairs if a == b})
        if loops:
            self.complain(field, ", ".join(loops), "a region cannot be connected with itself")
        elif len(set(map(frozenset, pairs))) < len(pairs):
            self.complain(field, value, "names a region twice")
        return kind, tuple(pairs)
