"""The print figures on the page: embedded, numbered, captioned, with their files."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from ketfc.reporting.text.captions import TITLES, figure_alt, figure_caption, figure_title
from ketfc.study.design.design import Design

OF_PEOPLE = ("paired", "trajectory", "association", "qcfc", "influence")
"""Those with a mark for every participant, or without each."""

_BYTES = 3_000_000
"""Above this sum the images are embedded smaller, so that the page stays small."""
_WIDTH = 1300


def embedded(
    figures: Mapping[str, Path], hypotheses: pd.DataFrame, design: Design, *, people: bool
) -> list[dict[str, Any]]:
    """Return the figures with everything the page says of them.

    Parameters
    ----------
    figures : mapping of str to pathlib.Path
        PNG files by the names of `TITLES`.
    hypotheses : pandas.DataFrame
        ``tests/hypotheses.tsv``.
    people : bool
        False leaves out those with a mark for every participant.
    """
    present = {
        name: figures[name]
        for name in TITLES
        if name in figures and (people or name not in OF_PEOPLE)
    }
    small = sum(path.stat().st_size for path in present.values()) > _BYTES
    page = []
    for i, (name, path) in enumerate(present.items(), start=1):
        content, width, height = _image(path, small=small)
        page.append(
            {
                "name": name,
                "number": i,
                "title": figure_title(name, design),
                "source": "data:image/png;base64," + base64.b64encode(content).decode("ascii"),
                "width": width,
                "height": height,
                "alt": figure_alt(name, hypotheses, design),
                "caption": figure_caption(name, design),
                # a page without people has none beside it
                "files": [
                    f"figures/{path.stem}.{kind}" for kind in ("pdf", "svg", "png", "tsv") if people
                ],
            }
        )
    return page


def _image(path: Path, *, small: bool) -> tuple[bytes, int, int]:
    """Return the bytes of a PNG, made smaller if need be, with its width and height."""
    from PIL import Image

    with Image.open(path) as image:
        if not small or image.width <= _WIDTH:
            return path.read_bytes(), image.width, image.height
        size = (_WIDTH, round(image.height * _WIDTH / image.width))
        buffer = BytesIO()
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(
            buffer, "PNG", optimize=True
        )
        return buffer.getvalue(), *size
