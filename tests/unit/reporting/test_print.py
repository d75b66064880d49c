"""Figures as they are printed: width, fonts, letters, for journals."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.text import Text

from ketfc.reporting.figures import style
from ketfc.reporting.figures.forest import draw_hypotheses
from ketfc.reporting.figures.sessions.paired import draw_paired
from ketfc.study.config.printing.figures import Figures
from ketfc.study.config.printing.journals import JOURNALS

sys.path.insert(0, str(Path(__file__).parents[2]))
import made_tables


def drawn(made: made_tables.Made, name: str):
    if name == "paired":
        return draw_paired(made.connectivity, made.hypotheses, made.design)
    return draw_hypotheses(made.hypotheses, made.motion, made.curves, made.design)


def widths(stem: Path) -> tuple[float, float, float]:
    """Return the widths of PDF, SVG and PNG in mm, as the files say."""
    from PIL import Image

    box = re.search(
        rb"/MediaBox \[\s*0 0 ([\d.]+) [\d.]+\s*\]", stem.with_suffix(".pdf").read_bytes()
    )
    svg = re.search(rb'<svg [^>]*?width="([\d.]+)pt"', stem.with_suffix(".svg").read_bytes())
    assert box is not None
    assert svg is not None
    with Image.open(stem.with_suffix(".png")) as image:
        dots, dpi = image.width, image.info["dpi"][0]
    return float(box[1]) / 72 * 25.4, float(svg[1]) / 72 * 25.4, dots / dpi * 25.4


CASES = [*[(name, "paired", False) for name in JOURNALS], ("nature", "forest", False)]
CASES += [("nature", "paired", True)]


@pytest.mark.parametrize(("journal", "name", "narrow"), CASES)
def test_a_figure_is_as_wide_as_the_journal_asks(journal, name, narrow, tmp_path):
    about = {"journal": journal, "single-column": [name] if narrow else []}
    printed = Figures.model_validate(about).printed(name)
    asked = JOURNALS[journal]
    assert printed["width"] == (asked.single if narrow else asked.double)
    with style.printed(printed):
        figure, numbers = drawn(made_tables.two_arms(), name)
        style.save_figure(figure, tmp_path / name, numbers)
    pdf, svg, png = widths(tmp_path / name)
    assert pdf == pytest.approx(printed["width"], abs=0.001)
    assert svg == pytest.approx(printed["width"], abs=0.001)
    assert png == pytest.approx(printed["width"], abs=25.4 / asked.dpi)
    texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert min(text.get_fontsize() for text in texts) >= max(5.0, asked.smallest)
    text = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
    assert "Arial" in text
    assert ">Default mode network, within<" in text
    # type 42 keeps text as text
    assert b"/Type3" not in (tmp_path / f"{name}.pdf").read_bytes()
    written = {one.get_text().strip() for one in texts}
    letters = "abcde" if asked.letters == "lower" else "ABCDE"
    assert set(letters[: 5 if name == "paired" else 2]) <= written


def test_only_panels_have_letters_and_only_where_there_are_several(tmp_path):
    with style.printed({"letters": "upper"}):
        with style.paper_style():
            figure, (one, two, legend) = style.panel_grid(2, columns=3, panel_height=40)
            one.set_title("One", loc="left")
            two.set_title("Two\nlines")
        style.save_figure(figure, tmp_path / "several", pd.DataFrame({"x": [1]}))
        assert [axes.texts[-1].get_text().strip() for axes in (one, two)] == ["A", "B"]
        assert not legend.texts
        with style.paper_style():
            alone, (panel, _) = style.panel_grid(1, columns=3, panel_height=40)
            panel.set_title("One", loc="left")
        style.save_figure(alone, tmp_path / "alone", pd.DataFrame({"x": [1]}))
        assert not panel.texts


def test_the_next_figure_is_printed_as_ever():
    with style.printed({"width": 89.0, "size": 8.0, "font": "Arial"}):
        assert (style.page_width(), style.pt(7), style.fitting(4)) == (89.0, 8.0, 2)
        assert style.families()[:2] == ["Arial", "Liberation Sans"]
    assert (style.page_width(), style.pt(6), style.fitting(4)) == (180.0, 6, 4)
    assert style.families() == ["DejaVu Sans"]


def test_a_font_that_was_installed_later_is_found(monkeypatch):
    from matplotlib import font_manager

    known = [font for font in font_manager.fontManager.ttflist if font.name != "DejaVu Serif"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", known)
    folder = Path(font_manager.get_font_names.__code__.co_filename).parent / "mpl-data/fonts/ttf"
    monkeypatch.setattr(
        font_manager, "findSystemFonts", lambda: [str(folder / "DejaVuSerif.ttf"), "other.ttf"]
    )
    with style.printed({"font": "DejaVu Serif"}):
        assert "DejaVu Serif" in {font.name for font in font_manager.fontManager.ttflist}
