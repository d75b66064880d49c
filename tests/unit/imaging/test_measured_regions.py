"""All regions of one read: circuits, spheres and parcellations, in one order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from made_runs import AFFINE, SHAPE, slabs

from ketfc.base.files import write_tsv
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.null_spheres import SPHERES
from ketfc.imaging.run.measured_regions import load_regions

BUNDLED = Path(__file__).parents[3] / "atlases" / "circuits.yaml"
SPACE = "MNI152NLin2009cAsym"


def test_names_are_those_of_what_is_placed_and_only_listed_atlases_have_their_parcels(tmp_path):
    spheres = pd.DataFrame(
        {"name": ["r6n000", "r6n001"], "x": [0.0, 4], "y": [8.0, 0], "z": [0.0, 4], "radius": 6.0}
    )
    write_tsv(tmp_path / "spheres.tsv", spheres)
    atlases = {name: replace(slabs(), name=name) for name in ("Slabs", "Other", "Last")}
    measured = load_regions(
        BUNDLED,
        tmp_path / "spheres.tsv",
        atlases,
        variants=(),
        parcellations=["Last", "Slabs"],
        space=SPACE,
    )
    placed = measured.place(Grid(SHAPE, AFFINE))
    assert [each.atlas for each in placed] == ["Circuits", SPHERES, "Last", "Slabs"]
    assert measured.names == {each.atlas: list(each.names) for each in placed}
    assert measured.names[SPHERES] == ["r6n000", "r6n001"]
    assert "sgACC" in measured.names["Circuits"]
    assert np.diff(placed[1].weights.indptr).tolist() == [8, 8]
    assert measured.atlases == atlases
