"""The templates of the pages: every one escapes what it is given and refuses what it lacks."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING

from markupsafe import Markup

from ketfc.reporting.tables import order_of, without_empty
from ketfc.reporting.words import whole_value

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure


def environment() -> Environment:
    """Return the environment that all HTML templates of this room are rendered in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("ketfc.reporting.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"legible": without_empty, "order": order_of, "whole": whole_value}
    return pages


def file_link(path: str, *, links: bool = True) -> Markup:
    """Return the name of a file of the results, as a link to it where there may be links."""
    name = Markup("<code>{}</code>").format(path)
    return Markup('<a href="{}">{}</a>').format(path, name) if links else name


def scripts(*names: str) -> list[Markup]:
    """Return scripts of the templates, by file name, as they stand in a page."""
    folder = files("ketfc.reporting.pages").joinpath("templates")
    return [Markup(folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def table_script(name: str) -> Markup:
    """Return a script of the templates that finds DataTables' jQuery as ``$``.

    The bundle of DataTables is the one that itables ships. It is a module that exports: inside one
    script nothing can be imported, so the name that it gives to jQuery takes the place of what it
    exports.

    Raises
    ------
    ValueError
        If the bundle exports no jQuery.
    """
    bundle = files("itables").joinpath("html/dt_bundle.js").read_text(encoding="utf-8")
    exported = re.search(r"export\s*\{([^}]*)\};?", bundle)
    jquery = exported and re.search(r"(\S+) as jQuery\b", exported[1].replace(",", " "))
    if not exported or not jquery:
        raise ValueError("the DataTables of this itables export no jQuery")
    inside = f"{bundle[: exported.start()]}const $ = {jquery[1]};{bundle[exported.end() :]}"
    (own,) = scripts(name)
    # what is between is text to the parser of HTML until the end of a script is written
    return Markup(f"{inside}\n{own}".replace("</script", "<\\/script"))


def policy(allowed: Sequence[str]) -> str:
    """Return a content security policy that forbids every request and all but these scripts."""
    digests = [sha256(text.encode("utf-8")).digest() for text in allowed]
    sources = " ".join(f"'sha256-{base64.b64encode(one).decode('ascii')}'" for one in digests)
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {sources}; base-uri 'none'; form-action 'none'"
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
