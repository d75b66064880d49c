"""The site of the documentation: every page of this repository, one of columns, and the library.

``sphinx-build -W -c docs . build/docs`` makes it from the root of a clone, without a network.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import GenericAlias
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

from pygments.lexers.special import TextLexer  # noqa: E402

import ketfc  # noqa: E402
from ketfc.base.yaml import read_yaml  # noqa: E402

project = "ketfc"
author = "The ketfc developers"
version = release = ketfc.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
# pages stay where GitHub shows them, so that a link is the same in both
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "docs/**.rst",
    "config/README.md",
    "atlases/README.md",
    "benchmarks/README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "README.md",
]
exclude_patterns = ["build", "**/.venv*", "docs/templates/**"]

html_theme = "pydata_sphinx_theme"
html_title = f"ketfc {release}"
html_extra_path = ["site"]
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
}
# the contents are on top, and pages need the width
html_sidebars = {"**": []}
html_show_sourcelink = False
html_use_index = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

templates_path = ["templates"]
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False


def columns() -> str:
    """Return the tables of all columns, from ``config/columns.yaml``, as Markdown."""
    content = read_yaml(ROOT / "config/columns.yaml")
    parts = [_table("In several files", content["everywhere"])]
    parts += [_table(f"`{name}`", own) for name, own in content["tables"].items()]
    return "\n".join(parts)


def _table(title: str, own: dict[str, str | list[str]]) -> str:
    rows = [f"| `{name}` | {_cell(about)} |" for name, about in own.items()]
    return "\n".join([f"## {title}", "", "| column | meaning |", "| --- | --- |", *rows, ""])


def _cell(about: str | list[str]) -> str:
    if isinstance(about, list):
        meaning, unit = about
        about = f"{meaning} ({unit})" if unit.casefold() != meaning.casefold() else meaning
    return " ".join(str(about).split()).replace("|", "\\|")


def _fill(app: object, docname: str, source: list[str]) -> None:
    source[0] = source[0].replace("<!-- columns -->", columns())


def _skip(app: object, kind: str, name: str, item: object, skip: bool, options: object) -> bool:
    """Leave out names of types, which autodoc takes for classes and cannot describe."""
    return skip or isinstance(item, GenericAlias)


def setup(app: Any) -> None:
    """Fill in what is made from the code, and leave out what cannot be shown."""
    app.connect("source-read", _fill)
    app.connect("autodoc-skip-member", _skip)
    # diagrams are drawn by GitHub; here they are shown as they are written
    app.add_lexer("mermaid", TextLexer)
