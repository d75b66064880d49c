"""Documents made from the models of the config: default file, JSON schema and reference.

``python -m ketfc.study.config.docs`` rewrites them; a test fails when they are out of step.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import yaml

from ketfc.base.bundled import bundled
from ketfc.base.files import write_text
from ketfc.study.config.config import Config
from ketfc.study.config.types import Key, known_keys

BEGIN = "<!-- keys: made by python -m ketfc.study.config.docs -->"
"""The line of ``config/README.md`` after which the reference stands."""

END = "<!-- end of keys -->"
"""The line of ``config/README.md`` before which the reference ends."""

_WIDTH = 96


def documents(folder: Path) -> dict[Path, str]:
    """Return the present content of the three files.

    Parameters
    ----------
    folder : pathlib.Path
        The ``config`` folder of the workflow, with its ``README.md``.

    Returns
    -------
    dict
        Path to text.
    """
    readme = folder / "README.md"
    return {
        folder / "config.default.yaml": default_config_text(),
        folder / "config.schema.json": schema_text(),
        readme: with_reference(readme.read_text(encoding="utf-8")),
    }


def default_config_text() -> str:
    """Return a config with every key, its default and its meaning, as commented YAML.

    Returns
    -------
    str
        A config that works as it is: required keys have the values of the demo study. Below a
        key that holds a group, the keys of the group are explained.
    """
    lines = [
        *_comment(
            "Every key of a config with its default. A config of your own needs only the keys "
            "that are required (they have the values of the demo study here), and those whose "
            "default does not suit it."
        ),
        *_comment("Made by python -m ketfc.study.config.docs; do not edit."),
    ]
    for section in _keys_in(()):
        lines += ["", *_comment(section.meaning), f"{section.path[-1]}:"]
        for key in _keys_in(section.path):
            lines += [f"  {line}" if line else "" for line in _default_lines(key)]
    return "\n".join(lines) + "\n"


def _default_lines(key: Key) -> list[str]:
    name = key.path[-1]
    example = key.examples[0] if key.examples else None
    lines = ["", *_comment(_explained(key))]
    lines.append(f"{name}: {_flow(example if key.required else key.default)}")
    if example is not None and not key.required:
        lines.append(f"# {name}: {_flow(example)}")
    for inner in _keys_in(key.path):
        lines += _comment(f"{inner.path[-1]}: {_explained(inner)}", hanging=True)
    return lines


def schema_text() -> str:
    """Return the JSON schema of a config, for editors and other programs.

    Returns
    -------
    str
        JSON schema (draft 2020-12). It knows of keys, types and ranges; what depends on several
        keys at once, or on the environment, only :func:`ketfc.study.config.config.parse_config`
        knows.
    """
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of a ketfc study",
        **_tidy(Config.model_json_schema(), named=False),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _tidy(schema: Any, *, named: bool) -> Any:
    """Drop pydantic's titles and put what is allowed where editors show it.

    `named` says that the keys of this mapping are names of the config, not words of the schema.
    """
    if isinstance(schema, list):
        return [_tidy(item, named=False) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if named:
        return {name: _tidy(inner, named=False) for name, inner in schema.items()}
    kept = {word: inner for word, inner in schema.items() if word not in {"title", "allowed"}}
    if "allowed" in schema:
        kept["description"] = f"{schema['description']} Allowed: {schema['allowed']}."
    return {
        word: _tidy(inner, named=word in {"properties", "$defs"}) for word, inner in kept.items()
    }


def reference_table() -> str:
    """Return the reference of every key as markdown: one table for each section.

    Returns
    -------
    str
        Headings and tables with the columns key, allowed, default and meaning.
    """
    blocks = []
    for section in _keys_in(()):
        rows = [
            "| key | allowed | default | meaning |",
            "| --- | --- | --- | --- |",
            *(_row(key) for path, key in _known().items() if path[:-1][:1] == section.path),
        ]
        blocks.append(f"### {section.path[-1]}\n\n{section.meaning}\n\n" + "\n".join(rows))
    return "\n\n".join(blocks) + "\n"


def _row(key: Key) -> str:
    default = "required" if key.required else f"`{_flow(key.default)}`"
    cells = [f"`{'.'.join(key.path[1:])}`", key.allowed, default, key.meaning]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def with_reference(readme: str) -> str:
    """Return a text with the reference between its two marker lines.

    Parameters
    ----------
    readme : str
        Holds the lines :data:`BEGIN` and :data:`END`.

    Returns
    -------
    str
        The same text with the present reference.

    Raises
    ------
    ValueError
        If a marker is not there.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the text has no lines '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n\n{reference_table()}\n{END}{after}"


def _known() -> dict[tuple[str, ...], Key]:
    return known_keys(Config)


def _keys_in(group: tuple[str, ...]) -> list[Key]:
    return [key for path, key in _known().items() if path[:-1] == group]


def _explained(key: Key) -> str:
    status = "Required." if key.required else ""
    return f"{key.meaning} Allowed: {key.allowed}. {status}".strip()


def _comment(text: str, *, hanging: bool = False) -> list[str]:
    first, further = ("#   ", "#       ") if hanging else ("# ", "# ")
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=further, break_on_hyphens=False
    )


def _flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, width=float("inf"), allow_unicode=True
    )
    # PyYAML ends a bare scalar with an explicit end of document
    return text.removesuffix("...\n").strip()


if __name__ == "__main__":
    for path, text in documents(bundled("config")).items():
        write_text(path, text)
