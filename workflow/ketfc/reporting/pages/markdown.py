"""The little Markdown that ``methods.md`` is written in, as HTML."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from ketfc.reporting.text.references import literature


def to_html(text: str, *, top: int = 3) -> Markup:
    """Return headings, paragraphs, lists, code, bold and citations as HTML.

    Everything else is text: no tag in `text` survives as a tag.

    Parameters
    ----------
    text : str
        Blocks are separated by empty lines. ``#`` headings stand alone in their block; a block
        whose lines all start with ``- `` is a list; ``[@key]`` cites a work of ``references.bib``.
    top : int
        The level of ``#``: 3 makes it ``<h3>``.
    """
    blocks = [block for block in re.split(r"\n\s*\n", text.strip()) if block.strip()]
    return Markup("\n").join(_block(block, top) for block in blocks)


def _block(block: str, top: int) -> Markup:
    heading = re.match(r"(#+) (.*)$", block)
    if heading:
        level = min(6, top + len(heading[1]) - 1)
        return Markup("<h{0}>{1}</h{0}>").format(level, _inline(heading[2]))
    lines = block.splitlines()
    if all(line.startswith("- ") for line in lines):
        items = Markup("").join(
            Markup("<li>{}</li>").format(_inline(line.removeprefix("- "))) for line in lines
        )
        return Markup("<ul>{}</ul>").format(items)
    return Markup("<p>{}</p>").format(_inline(" ".join(lines)))


def _inline(text: str) -> Markup:
    html = str(escape(text))
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", html)
    html = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", html)
    html = re.sub(r"\[(@[^\]]*)\]", _citation, html)
    return Markup(html)


def _citation(match: re.Match[str]) -> str:
    works = literature()
    links = [
        f'<a href="#ref-{key}">{escape(works[key].short)}</a>' if key in works else key
        for key in re.findall(r"@(\w+)", match[1])
    ]
    return f"({'; '.join(links)})"
