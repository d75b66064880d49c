"""The page that explains every circuit: where it is, how large on this grid, and who says so."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np

from ketfc.imaging.grid import Grid
from ketfc.imaging.regions import RegionSet
from ketfc.imaging.registry import Region, Registry
from ketfc.reporting.pages import environment
from ketfc.reporting.region_pictures import draw_regions


def render_explanation(
    registry: Registry,
    regions: RegionSet,
    parcellations: Sequence[tuple[RegionSet, str]],
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
        The circuits.
    regions : RegionSet
        Their regions on `grid`.
    parcellations : sequence of (RegionSet, str)
        The study's parcellations on `grid`, each with its licence.
    study, space, run : str
        Name of the study, its template space, and the run whose grid this is.
    grid : Grid
        That grid.
    """
    pages = environment()
    centres = {
        region.id: np.mean([sphere.centre for sphere in region.spheres_in(space)], axis=0)
        for region in registry.used_regions
    }
    return pages.get_template("explain.html.j2").render(
        study=study,
        space=space,
        run=run,
        grid=grid.describe(),
        circuits=list(registry.circuits.values()),
        regions={
            circuit.id: [_row(registry.regions[r], regions, space) for r in circuit.regions]
            for circuit in registry.circuits.values()
        },
        pictures=_pictures(registry, regions, centres, grid),
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
    spheres = [
        f"sphere ({', '.join(f'{x:g}' for x in sphere.centre)}) mm, radius {sphere.radius:g} mm"
        + (f" without its inner {sphere.inner:g} mm" if sphere.inner else "")
        + f", {sphere.space}"
        for sphere in region.spheres_in(space)
    ]
    return {
        "id": region.id,
        "name": region.name,
        "definition": "; ".join(spheres),
        "n_voxels": int(np.diff(regions.weights.indptr)[place]),
        "note": regions.notes[place].replace("-", " "),
        "source": region.source,
        "verified": region.verified,
    }


def _pictures(
    registry: Registry, regions: RegionSet, centres: Mapping[str, np.ndarray], grid: Grid
) -> dict[str, str]:
    """Return a picture of every circuit as a data URI."""
    pictures = {}
    for circuit in registry.circuits.values():
        figure = draw_regions(circuit.regions, regions, dict(centres), grid)
        buffer = BytesIO()
        figure.savefig(buffer, format="png", dpi=140, metadata={"Software": None})
        encoded = base64.b64encode(buffer.getvalue()).decode()
        pictures[circuit.id] = f"data:image/png;base64,{encoded}"
    return pictures
