"""Literature that the methods cite, kept in ``references.bib``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ketfc.base.english import listed


@dataclass(frozen=True)
class Reference:
    """One work.

    Attributes
    ----------
    key : str
        What cites it.
    short, long : str
        Such as ``Freedman & Lane 1983``, and the whole reference on one line without its DOI.
    doi : str
        Empty where there is none.
    bibtex : str
        Its entry as it is in ``references.bib``.
    """

    key: str
    short: str
    long: str
    doi: str
    bibtex: str


@cache
def literature() -> Mapping[str, Reference]:
    """Read every work of ``references.bib``, by key."""
    from bibtexparser import middlewares
    from bibtexparser.entrypoint import parse_string

    text = files("ketfc.reporting.text").joinpath("references.bib").read_text(encoding="utf-8")
    names = [middlewares.SeparateCoAuthors(), middlewares.SplitNameParts()]
    library = parse_string(text, append_middleware=[*names, middlewares.LatexDecodingMiddleware()])
    return {entry.key: _reference(entry) for entry in library.entries}


def _reference(entry: Any) -> Reference:
    """Return one entry of the parsed file as it is printed."""
    fields = {key: field.value for key, field in entry.fields_dict.items()}
    # a name in braces is one word, such as that of a group
    families = [" ".join([*name.von, *name.last]).strip("{}") for name in fields["author"]]
    year = fields["year"]
    short = f"{families[0]} et al." if len(families) > 2 else " & ".join(families)
    names = [
        f"{family} {''.join(part[0] for given in name.first for part in given.split('-'))}".strip()
        for family, name in zip(families, fields["author"], strict=True)
    ]
    authors = listed(names) if len(names) <= 6 else f"{', '.join(names[:6])} et al."
    place = fields.get("journal", fields.get("publisher", ""))
    if "volume" in fields:
        place += f" {fields['volume']}" + (f"({fields['number']})" if "number" in fields else "")
    if "pages" in fields:
        place += f":{fields['pages']}"
    return Reference(
        key=entry.key,
        short=f"{short} {year}",
        long=f"{authors} ({year}). {fields['title']}. {place}.",
        doi=fields.get("doi", ""),
        bibtex=f"{entry.raw}\n",
    )


def cited(text: str) -> list[Reference]:
    """Return the references that a text cites as ``[@key]`` or ``[@key; @key]``, by key.

    Raises
    ------
    KeyError
        If the text cites a work that is not in ``references.bib``.
    """
    keys = re.findall(r"@(\w+)", " ".join(re.findall(r"\[(@[^\]]*)\]", text)))
    return [literature()[key] for key in sorted(set(keys))]


def references_bib(text: str) -> str:
    """Return the entries that a methods text cites, as BibTeX."""
    return "\n".join(reference.bibtex for reference in cited(text))
