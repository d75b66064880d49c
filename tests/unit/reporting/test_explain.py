"""The page that explains the circuits, on a grid of its own."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from ketfc.imaging.atlas.parcellations import voronoi_parcellation
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.placing import label_regions, region_centres, sphere_regions
from ketfc.imaging.regions.registry import Registry, load_registry
from ketfc.reporting.pages.explain import render_explanation

SPACE = "MNI152NLin2009cAsym"
AFFINE = np.diag([4.0, 4, 4, 1])
AFFINE[:3, 3] = (-96, -132, -78)
GRID = Grid((49, 58, 49), AFFINE)


class Page(HTMLParser):
    """Collects what the tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.headings: list[str] = []
        self.cells: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._open = tag
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open == "h2":
            self.headings.append(data)
        elif self._open == "td":
            self.cells.append(data)


@pytest.fixture(scope="module")
def registry() -> Registry:
    full = load_registry(Path(__file__).parents[3] / "atlases/circuits.yaml")
    wanted = ("sgacc-rlpfc", "habenula-cortex")
    return Registry(full.regions, {name: full.circuits[name] for name in wanted})


@pytest.fixture(scope="module")
def text(registry: Registry) -> str:
    cells = label_regions(voronoi_parcellation(), GRID)
    return render_explanation(
        registry,
        sphere_regions(registry.used_regions, SPACE, GRID),
        [(cells, "a licence")],
        region_centres(registry.used_regions, SPACE, {}),
        study="<b>study</b>",
        space=SPACE,
        run="sub-01_bold.nii.gz",
        grid=GRID,
    )


def test_every_circuit_has_a_heading_a_picture_and_its_regions(text, registry):
    page = Page(text)
    names = [circuit.name for circuit in registry.circuits.values()]
    assert page.headings == [*names, "Parcellations"]
    assert len(page.images) == len(names)
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.images)
    assert all(name in image["alt"] for name, image in zip(names, page.images, strict=True))
    for region in registry.used_regions:
        assert region.id in page.cells
        assert region.source in page.cells


def test_voxel_counts_are_those_of_the_grid(text, registry):
    cells = Page(text).cells
    # by brute force: voxel centres within 5 mm of (0, 21, -10)
    index = np.stack(np.meshgrid(*map(np.arange, GRID.shape), indexing="ij"), -1)
    centres = index @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    count = int((((centres - (0, 21, -10)) ** 2).sum(-1) <= 25).sum())
    assert cells[cells.index("sgACC") + 3].split()[0] == str(count)


def test_a_parcellation_is_listed_with_its_licence(text):
    cells = Page(text).cells
    place = cells.index("KetfcVoronoi239")
    assert cells[place + 1] == "239"
    assert cells[place + 3] == "a licence"


def test_names_from_a_config_are_escaped_and_nothing_is_fetched(text):
    assert "<b>study</b>" not in text
    assert "&lt;b&gt;study&lt;/b&gt;" in text
    assert "http://" not in text
    assert "https://" not in text
