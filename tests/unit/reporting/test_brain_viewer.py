"""Positions of a circuit's regions, and the template that they are shown on."""

from __future__ import annotations

import base64
import re
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ketfc.reporting.pages.report.brain.viewer import places, template

sys.path.insert(0, str(Path(__file__).parents[2]))
import made_maps
import made_tables
from made_report import report_of

COLUMNS = ["region", "circuits", "name", "x", "y", "z", "radius", "inner", "n_spheres"]


def test_a_circuit_has_its_own_regions_with_their_spheres_and_shells():
    regions = pd.DataFrame(
        [
            ("lAmygdala", "amygdala;amygdala-dacc", "left amygdala", -22, -4, -18, 5, 0, 1),
            ("shell", "amygdala-dacc", "a shell", 1.5, 2, 3, 9, 4, 1),
            ("lPFC", "amygdala-dacc.other", "another", 1, 2, 3, 9, 4, 1),
            ("none", "amygdala-dacc", "not placed", None, 2, 3, 9, 4, 1),
        ],
        columns=COLUMNS,
    )
    first, second = places("amygdala-dacc", regions)
    assert (first.label, first.centre, first.radius, first.inner) == (
        "L amygdala", (-22.0, -4.0, -18.0), 5.0, 0.0,
    )  # fmt: skip
    assert (second.centre, second.radius, second.inner) == ((1.5, 2.0, 3.0), 9.0, 4.0)
    assert [place.region for place in places("amygdala", regions)] == ["lAmygdala"]


@pytest.mark.parametrize("spheres", [0, 2, None])
def test_what_is_no_single_sphere_is_its_centre_alone(spheres):
    row = ("dACC", "a", "dorsal ACC", 0, 22, 35, 6, 2, spheres)
    (place,) = places("a", pd.DataFrame([row], columns=COLUMNS))
    assert (place.radius, place.inner) == (0.0, 0.0)
    # connectivity computed elsewhere has no sizes at all
    given = pd.DataFrame([row[:6]], columns=COLUMNS[:6])
    assert [one.centre for one in places("a", given)] == [(0.0, 22.0, 35.0)]


def test_the_picture_holds_every_slice_where_the_script_looks_for_it():
    from nilearn.datasets import load_mni152_template

    about = template()
    assert len(about["source"]) < 300_000
    picture = base64.b64decode(about["source"].split(",", 1)[1])
    sheet = np.asarray(Image.open(BytesIO(picture)))
    width, depth, _ = about["shape"]
    image = load_mni152_template(resolution=2)
    inverse = np.linalg.inv(image.affine)
    rng = np.random.default_rng(3)
    seen = set()
    for x, y, z in rng.integers(0, about["shape"], (500, 3)):
        place = np.array(about["origin"]) + about["step"] * np.array([x, y, z])
        voxel = np.rint(inverse[:3, :3] @ place + inverse[:3, 3]).astype(int)
        row, column = divmod(int(z), about["columns"])
        shown = sheet[row * depth + depth - 1 - y, column * width + x]
        assert abs(int(shown) - 255 * image.dataobj[tuple(voxel)]) <= 4
        seen.add(int(shown) // 32)
    # of brain, cerebrospinal fluid and outside
    assert len(seen) >= 6


def test_a_card_leads_to_the_maps_of_its_seeds_unless_it_leaves_the_lab(tmp_path):
    Image.new("RGB", (10, 10)).save(tmp_path / "map.png")
    about = {
        "clusters": made_maps.clusters(),
        "map_pictures": {"seed-sgACC_change": tmp_path / "map.png"},
    }
    made = made_tables.two_arms()
    page = report_of(made, **about)
    card = re.split(r'<article class="card"', page)[1:]
    assert [("maps/seed-sgACC_change.html" in one.split("</article>")[0]) for one in card] == [
        "sgACC" in one.split("</article>")[0] for one in card
    ]
    assert page.count('href="maps/seed-sgACC_change.html"') == 2
    assert "maps/seed-sgACC_change.html" not in report_of(made, people=False, **about)


def test_without_places_there_is_neither_a_viewer_nor_its_template():
    made = made_tables.two_arms()
    page = report_of(made_tables.replace(made, regions=made.regions.iloc[:0]))
    assert 'id="template"' not in page
    assert 'class="brain"' not in page
    assert "In the brain choose" not in page
