"""Paragraphs from the templates of this room, in which text may be laid out over lines."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from ketfc.base.english import listed, plural
from ketfc.reporting.words import as_number, compact, number, p_equals

if TYPE_CHECKING:
    from jinja2 import Environment


def rendered(template: str, **facts: Any) -> str:
    """Return a template with the facts in it, a line for every paragraph and item of a list.

    Parameters
    ----------
    template : str
        Its name. Empty lines part paragraphs and items, which start with ``- ``; all other spaces
        and line breaks become single spaces.
    **facts
        What the template names.

    Raises
    ------
    jinja2.UndefinedError
        If the template names what is not given.
    """
    text = _environment().get_template(template).render(**facts)
    blocks = (re.sub("[ \n]+", " ", block).strip() for block in re.split(r"\n\s*\n", text))
    lines = ""
    for block in filter(None, blocks):
        of_list = block.startswith("- ") and lines.rpartition("\n")[2].startswith("- ")
        lines += ("\n" if of_list else "\n\n" if lines else "") + block
    return lines


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ketfc.reporting.text"),
        autoescape=False,  # plain text and Markdown: the report escapes what it shows
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (as_number, compact, listed, number, p_equals, plural)
    environment.globals |= {function.__name__: function for function in words}
    return environment
