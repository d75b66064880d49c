"""Group maps in words, figures, pages: what survives, what does not, and nothing from outside."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from made_design import design_of
from made_maps import cluster_row as row
from made_maps import cluster_table as table
from made_maps import clusters, image_files
from PIL import Image

from ketfc.reporting.figures.maps.group_map import MapImages, draw_group_map
from ketfc.reporting.figures.style import save_figure
from ketfc.reporting.pages.group_maps import map_part, render_viewer
from ketfc.reporting.text.maps.captions import asked, map_alt, map_caption, outcome
from ketfc.reporting.text.maps.section import map_methods, map_section
from ketfc.reporting.text.references import cited

ARMS = {"arms": {"ketamine": "ketamine", "control": "midazolam"}}
SI = {"si": {"instrument": "SSI", "shape": "pre-post"}}
TWO_ARMS = design_of({**ARMS, **SI})
ONE_ARM = design_of(SI)
SETTINGS = {"fwhm": 6, "permutations": 5000, "tail": "counted"}


TABLE = clusters()


def test_an_outcome_counts_clusters_or_gives_the_smallest_p_or_the_reason():
    of = [TABLE.iloc[:2], TABLE.iloc[[0]], TABLE.iloc[[2]], TABLE.iloc[[3]]]
    assert [outcome(rows, TWO_ARMS) for rows in of] == [
        "2 clusters survive: TFCE, p ≤ 0.05 in the whole map (n = 14, 29,398 voxels).",
        "1 cluster survives: TFCE, p ≤ 0.05 in the whole map (n = 14, 29,398 voxels).",
        "No voxel survives: the smallest p = .210 (n = 14, 29,398 voxels).",
        "Not tested: the placebo arm has no complete participant.",
    ]


def test_a_question_names_its_seed_and_its_contrast():
    assert asked(TABLE.iloc[2], TWO_ARMS) == (
        "R habenula and every voxel. ketamine − midazolam at post, given pre"
    )
    assert asked(TABLE.iloc[0], ONE_ARM) == "sgACC and every voxel. Change: post − pre"
    assert "SSI" in asked(TABLE.iloc[3], ONE_ARM)
    assert map_alt(TABLE.iloc[[2]], ONE_ARM).endswith("(n = 14, 29,398 voxels).")
    assert "not for the number of maps" in map_caption(ONE_ARM)


def test_the_section_lists_every_map_and_every_cluster():
    section = map_section(TABLE, TWO_ARMS)
    assert "Something survives in 1 of 3 maps." in section.sentences
    assert "not for the number of maps" in section.sentences[0]
    assert len(section.maps.rows) == 3
    assert len(section.clusters.rows) == 2
    first, second = (
        dict(zip(section.clusters.columns, cells, strict=True)) for cells in section.clusters.rows
    )
    assert first["peak, mm"] == "−44, 14, 22"
    assert first["at"] == "LH_Cont_PFCl_3 (Cont)"
    assert (first["mm³"], first["t"], first["p (TFCE)"]) == ("12,345", "+6.54", ".004")
    assert (second["at"], second["p (TFCE)"]) == ("no parcel", ".004*")
    assert "Pareto" in section.clusters.note
    empty = map_section(TABLE.iloc[[2]], TWO_ARMS)
    assert empty.clusters.rows == []
    assert "Something survives in 0 of 1 maps." in empty.sentences


def test_the_methods_say_what_was_done_and_cite_it():
    (text,) = map_methods(TABLE, SETTINGS, ONE_ARM)
    assert "series of sgACC and R habenula" in text
    assert "6 mm full width" in text
    assert "under 5 000 permutations" in text
    assert "26 neighbours" in text
    assert {one.key for one in cited(text)} >= {"smith2009", "winkler2014"}
    assert "sign flips" in text
    assert map_methods(None, SETTINGS, ONE_ARM) == []
    (text,) = map_methods(table(row("sgACC", "change")), SETTINGS | {"fwhm": 0}, TWO_ARMS)
    assert "not smoothed" in text
    assert "sign flips" not in text
    assert "Pareto" not in text
    few = table(row("sgACC", "change", permutations=256))
    (text,) = map_methods(few, SETTINGS | {"tail": "pareto"}, ONE_ARM)
    assert "or all there are where there are fewer" in text
    assert "winkler2016" in {one.key for one in cited(text)}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MapImages]:
    """Images of a map with a cluster on the left, of one without, and of one not tested."""
    folder = tmp_path_factory.mktemp("maps")
    return {
        name: MapImages.read(*image_files(folder / name, survive=name == "found", **about))
        for name, about in (("found", {}), ("none", {}), ("untested", {"tested": False}))
    }


@pytest.mark.parametrize("name", ["found", "none"])
def test_a_map_is_drawn_and_always_alike(tmp_path, images, name):
    rows = TABLE.iloc[:2] if name == "found" else TABLE.iloc[[2]]
    sizes = []
    for folder in ("a", "b"):
        figure, numbers = draw_group_map(images[name], rows, TWO_ARMS)
        files = save_figure(figure, tmp_path / folder / "map", numbers)
        sizes.append([path.read_bytes() for path in files])
    assert sizes[0] == sizes[1]
    svg = (tmp_path / "a" / "map.svg").read_text(encoding="utf-8")
    said = outcome(rows, TWO_ARMS)
    assert said in svg
    # slices go through the peaks
    peak = (("x", -44), ("y", 14), ("z", 22))
    assert name == "none" or all(f"{axis}={place}" in svg for axis, place in peak)
    with Image.open(tmp_path / "a" / "map.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    # seen through the glass brain: red only where something survives
    glass = pixels[: int(0.3 * len(pixels))]
    red = (glass[..., 0] - glass[..., 2] > 60).sum()
    assert (red > 100) == (name == "found")


def test_a_map_that_was_not_tested_has_words_in_place_of_a_picture(tmp_path, images):
    figure, numbers = draw_group_map(images["untested"], TABLE.iloc[[3]], TWO_ARMS)
    assert "Not tested: the placebo arm" in figure.texts[0].get_text()
    assert len(numbers) == 1
    page = render_viewer(images["untested"], TABLE.iloc[[3]], TWO_ARMS)
    assert "Not tested: the placebo arm" in page
    assert "<canvas" not in page


@pytest.mark.parametrize("name", ["found", "none"])
def test_a_viewer_asks_for_nothing_and_has_both_sides_named(images, name):
    rows = TABLE.iloc[:2] if name == "found" else TABLE.iloc[[2]]
    page = render_viewer(images[name], rows, TWO_ARMS)
    assert page == render_viewer(images[name], rows, TWO_ARMS)
    assert len(page.encode()) < 1_300_000
    assert re.findall(r"""<(?:link|img|script|iframe)\b[^>]*=["']?(?:\w+:)?//[^>]*""", page) == []
    assert re.findall(r"https?://[\w.]+", page) == []
    assert "default-src 'none'" in page
    assert '"showLR": true' in page
    assert '"radiological": false' in page
    assert outcome(rows, TWO_ARMS).replace("'", "&#x27;") in page


def test_the_part_of_the_report_links_pictures_to_their_viewers(tmp_path):
    picture = tmp_path / "seed-sgACC_change.png"
    Image.new("RGB", (2000, 1400), (200, 30, 30)).save(picture)
    part = map_part(TABLE, {"seed-sgACC_change": Path(picture)}, TWO_ARMS)
    (shown,) = part.pictures
    assert shown.viewer == "maps/seed-sgACC_change.html"
    assert shown.size == (1000, 700)
    assert shown.outcome.startswith("2 clusters survive")
    assert "maps/seed-sgACC_change_stat-tfcep.nii.gz" in shown.files
