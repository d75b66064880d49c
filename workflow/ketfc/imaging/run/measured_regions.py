"""All regions that one read of a run measures: circuits, null spheres and parcellations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ketfc.base.files import read_tsv
from ketfc.imaging.atlas.parcellations import Parcellation, load_parcellations
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.null_spheres import SPHERES, place_spheres
from ketfc.imaging.regions.placing import CIRCUITS, RegionSet, label_regions, place_regions
from ketfc.imaging.regions.registry import Registry, load_registry


@dataclass(frozen=True, eq=False)
class MeasuredRegions:
    """The regions that are measured in every run of a study.

    Attributes
    ----------
    registry : Registry
        The circuits' regions.
    spheres : pandas.DataFrame
        The null spheres, as :func:`ketfc.imaging.regions.null_spheres.null_spheres` gives them.
    parcellations : tuple of Parcellation
        Those of which every parcel is measured.
    atlases : dict of str to Parcellation
        Those and the others that regions take labels of.
    space : str
        Template space of the runs.
    """

    registry: Registry
    spheres: pd.DataFrame
    parcellations: tuple[Parcellation, ...]
    atlases: Mapping[str, Parcellation]
    space: str

    @property
    def names(self) -> dict[str, list[str]]:
        """Names of the regions by atlas."""
        return {
            CIRCUITS: [region.id for region in self.registry.used_regions],
            SPHERES: list(self.spheres["name"]),
            **{each.name: list(each.names) for each in self.parcellations},
        }

    def place(self, grid: Grid) -> list[RegionSet]:
        """Return every region set on the grid of a run."""
        return [
            place_regions(self.registry.used_regions, self.space, grid, self.atlases),
            place_spheres(self.spheres, grid),
            *(label_regions(each, grid) for each in self.parcellations),
        ]


def load_regions(
    registry: str | Path,
    spheres: str | Path,
    atlases: Mapping[str, Parcellation],
    *,
    variants: Sequence[str],
    parcellations: Sequence[str],
    space: str,
) -> MeasuredRegions:
    """Load the regions that are measured in every run.

    Parameters
    ----------
    registry, spheres : str or pathlib.Path
        ``circuits.yaml``, and the table of null spheres.
    atlases : mapping of str to Parcellation
        By name.
    variants : sequence of str
        Alternative circuits that are measured too.
    parcellations : sequence of str
        The atlases of which every parcel is measured.
    space : str
        Template space of the runs.
    """
    return MeasuredRegions(
        registry=load_registry(registry).with_variants(variants),
        spheres=read_tsv(spheres, numeric=("x", "y", "z", "radius")),
        parcellations=tuple(atlases[name] for name in parcellations),
        atlases=atlases,
        space=space,
    )


def regions_of_job(inputs: Any, params: Any) -> MeasuredRegions:
    """Load the regions that a job which reads a run measures.

    Parameters
    ----------
    inputs : snakemake.io.InputFiles
        Paths of ``registry`` and ``spheres``, and ``images`` and ``tables`` of parcellations.
    params : snakemake.io.Params
        ``atlases`` (the names of those parcellations), ``variants``, ``parcellations`` and
        ``space``.
    """
    return load_regions(
        inputs.registry,
        inputs.spheres,
        load_parcellations(params.atlases, inputs.images, inputs.tables, space=params.space),
        variants=params.variants,
        parcellations=params.parcellations,
        space=params.space,
    )
