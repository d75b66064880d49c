"""What a reference is, on a page and as BibTeX."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ketfc.reporting.words import listed


@dataclass(frozen=True)
class Reference:
    """One work: `authors` as BibTeX lists them, joined by ``and``."""

    key: str
    kind: str
    authors: str
    title: str
    year: int
    venue: str
    volume: str = ""
    number: str = ""
    pages: str = ""
    doi: str = ""

    @property
    def short(self) -> str:
        """Author and year, such as ``Freedman & Lane 1983``."""
        names = [name.split(",")[0].strip("{}") for name in self.authors.split(" and ")]
        if len(names) > 2:
            return f"{names[0]} et al. {self.year}"
        return f"{' & '.join(names)} {self.year}"

    @property
    def long(self) -> str:
        """The whole reference on one line, without its DOI."""
        names = [_initials(name) for name in self.authors.split(" and ")]
        authors = listed(names) if len(names) <= 6 else f"{', '.join(names[:6])} et al."
        place = self.venue
        if self.volume:
            place += f" {self.volume}" + (f"({self.number})" if self.number else "")
        if self.pages:
            place += f":{self.pages.replace('--', '–')}"
        return f"{authors} ({self.year}). {self.title}. {place}."

    def bibtex(self) -> str:
        """Return the BibTeX entry."""
        venue = "journal" if self.kind == "article" else "publisher"
        fields = {
            "author": self.authors,
            "title": self.title,
            venue: self.venue,
            "volume": self.volume,
            "number": self.number,
            "pages": self.pages,
            "year": str(self.year),
            "doi": self.doi,
        }
        # braces keep BibTeX styles from lowering capitals such as those of fMRI
        fields["title"] = f"{{{self.title}}}"
        lines = [
            "  {} = {{{}}}".format(name, value.replace("&", r"\&"))
            for name, value in fields.items()
            if value
        ]
        return f"@{self.kind}{{{self.key},\n" + ",\n".join(lines) + "\n}\n"


def _initials(name: str) -> str:
    """Return ``Wolf DH`` for ``Wolf, Daniel H.``; a name in braces stays whole."""
    if name.startswith("{"):
        return name.strip("{}")
    family, _, given = name.partition(", ")
    return f"{family} {''.join(part[0] for part in re.split(r'[ -]', given))}"
