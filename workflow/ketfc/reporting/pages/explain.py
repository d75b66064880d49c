"""Page of all circuits: place, size on the study's grid, and source."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np

from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.definitions import Region
from ketfc.imaging.regions.placing import RegionSet
from ketfc.imaging.regions.registry import Circuit, Registry
from ketfc.reporting.figures.regions import draw_regions
from ketfc.reporting.pages.rendering import environment


def render_explanation(
    registry: Registry,
    regions: RegionSet,
    parcellations: Sequence[tuple[RegionSet, str]],
    centres: Mapping[str, np.ndarray],
    *,
    study: str,
    space: str,
    run: str,
    grid: Grid,
) -> str:
    """Return a self-contained HTML page of every circuit.

    Parameters
    ----------
    registry : Registry
        The circuits; their variants, where they have some, are listed with them.
    regions : RegionSet
        Their regions on `grid`.
    parcellations : sequence of (RegionSet, str)
        The study's parcellations on `grid`, each with its licence.
    centres : mapping of str to numpy.ndarray
        Where the regions of the circuits lie, mm.
    study, space, run : str
        Name of the study, its template space, and the run whose grid this is.
    grid : Grid
        That grid.
    """
    pages = environment()
    circuits = [each for each in registry.circuits.values() if each.variant_of is None]
    return pages.get_template("explain.html.j2").render(
        study=study,
        space=space,
        run=run,
        grid=grid.describe(),
        circuits=circuits,
        regions={
            circuit.id: [_row(registry.regions[r], regions, space) for r in circuit.regions]
            for circuit in circuits
        },
        alternatives={
            circuit.id: [
                _row(registry.regions[name], regions, space)
                for variant in registry.circuits.values()
                if variant.variant_of == circuit.id
                for name in variant.regions
                if name not in circuit.regions
            ]
            for circuit in circuits
        },
        pictures=_pictures(circuits, regions, centres, grid),
        parcellations=[
            {
                "name": each.atlas,
                "n_parcels": len(each.names),
                "n_present": int((np.diff(each.weights.indptr) > 0).sum()),
                "licence": licence,
            }
            for each, licence in parcellations
        ],
    )


def _row(region: Region, regions: RegionSet, space: str) -> dict[str, Any]:
    place = regions.names.index(region.id)
    return {
        "id": region.id,
        "name": region.name,
        "definition": region.describe(space),
        "n_voxels": int(np.diff(regions.weights.indptr)[place]),
        "note": regions.notes[place].replace("-", " "),
        "source": region.source,
        "verified": region.verified,
    }


def _pictures(
    circuits: Sequence[Circuit],
    regions: RegionSet,
    centres: Mapping[str, np.ndarray],
    grid: Grid,
) -> dict[str, str]:
    """Return a picture of every circuit as a data URI."""
    pictures = {}
    for circuit in circuits:
        figure = draw_regions(circuit.regions, regions, dict(centres), grid)
        buffer = BytesIO()
        figure.savefig(buffer, format="png", dpi=140, metadata={"Software": None})
        encoded = base64.b64encode(buffer.getvalue()).decode()
        pictures[circuit.id] = f"data:image/png;base64,{encoded}"
    return pictures
