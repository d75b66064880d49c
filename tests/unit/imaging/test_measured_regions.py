"""All regions of one read: circuits, spheres and parcellations, in one order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
from made_runs import AFFINE, SHAPE, nifti_bytes, slabs, write_gzip

from ketfc.base.files import write_tsv
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.null_spheres import SPHERES
from ketfc.imaging.run.measured_regions import load_regions, regions_of_job

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


def test_a_job_measures_the_regions_variants_and_parcellations_that_it_is_given(tmp_path):
    spheres = pd.DataFrame({"name": ["r6n000"], "x": [0.0], "y": [8.0], "z": [0.0], "radius": 6.0})
    write_tsv(tmp_path / "spheres.tsv", spheres)
    values = np.ones(SHAPE, dtype=np.int16)
    values[5:] = 2
    images, tables = [], []
    for name in ("One", "Two"):
        images.append(tmp_path / f"{name}.nii.gz")
        tables.append(tmp_path / f"{name}.tsv")
        write_gzip(images[-1], nifti_bytes(values, AFFINE))
        tables[-1].write_text(f"index\tname\n1\t{name}_left\n2\t{name}_right\n")
    inputs = SimpleNamespace(
        registry=BUNDLED, spheres=tmp_path / "spheres.tsv", images=images, tables=tables
    )
    params = SimpleNamespace(
        atlases=["One", "Two"],
        variants=["sgacc-rlpfc.sgACC-Fox2012"],
        parcellations=["Two"],
        space=SPACE,
    )
    measured = regions_of_job(inputs, params)
    assert list(measured.names) == ["Circuits", SPHERES, "Two"]
    assert measured.names["Two"] == ["Two_left", "Two_right"]
    assert measured.names[SPHERES] == ["r6n000"]
    assert "sgACCFox2012" in measured.names["Circuits"]
    assert "sgacc-rlpfc.sgACC-Fox2012" in measured.registry.circuits
    assert {name: each.space for name, each in measured.atlases.items()} == {
        "One": SPACE, "Two": SPACE,
    }  # fmt: skip
    assert measured.space == SPACE
