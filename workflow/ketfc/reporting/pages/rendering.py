"""The templates of the pages: every one escapes what it is given and refuses what it lacks."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure


def environment() -> Environment:
    """Return the environment that all HTML templates of this room are rendered in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("ketfc.reporting.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def png_uri(figure: Figure, *, dpi: int = 140) -> str:
    """Return a figure as the source of an image on a page that needs no other file."""
    from PIL import Image

    from ketfc.reporting.figures.style import paper_style

    pixels, small = BytesIO(), BytesIO()
    with paper_style():
        figure.savefig(pixels, format="rgba", dpi=dpi)
    size = (int(figure.get_figwidth() * dpi), int(figure.get_figheight() * dpi))
    picture = Image.frombytes("RGBA", size, pixels.getvalue()).convert("RGB")
    # of few colours and much noise: a palette is a third of the size
    picture.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(small.getvalue()).decode("ascii")
