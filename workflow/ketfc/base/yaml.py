"""Reading YAML that others wrote: nothing is executed, no key stands twice, nothing is endless."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml

from ketfc.base.errors import Problem, StudyError
from ketfc.base.files import read_json_of_others

_DEEPEST = 50
"""Levels of nesting; a configuration has five."""

_MOST = 100_000
"""Values, each counted as often as aliases repeat it; the bundled files have some thousand."""

_MERGE = "tag:yaml.org,2002:merge"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Makes nothing but text, numbers, truth values, dates, lists and mappings."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse keys that are there twice, of which YAML would take the last in silence."""
        seen: dict[Hashable, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                name, line = self.construct_object(key), key.start_mark.line + 1
                if name in seen:
                    message = (
                        f"the key {key.value!r} is there twice, in lines {seen[name]} and {line}"
                    )
                    raise ValueError(message)
                seen[name] = line
        made: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return made


def read_yaml(path: str | Path) -> Any:
    """Return the content of a YAML file.

    Parameters
    ----------
    path : str or pathlib.Path
        A file in UTF-8 with one document; tags that make Python objects are refused.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is no YAML, holds a key twice, or unfolds to more than anybody writes; the message is
        one line.
    """
    text = Path(path).read_text(encoding="utf-8-sig")
    try:
        _require_shallow(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _count(node, {}, set())
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split())) from error


def _require_shallow(text: str) -> None:
    """Refuse deep nesting before anything follows it by recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise ValueError(f"it is nested more than {_DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _count(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """Return how many values a node unfolds to; refuse what is endless or too much."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) in above:
        raise ValueError("an alias in it refers to what it is part of")
    if id(node) not in known:
        inside = above | {id(node)}
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_count(part, known, inside) for part in parts)
        if known[id(node)] > _MOST:
            raise ValueError(f"its aliases unfold to more than {_MOST} values")
    return known[id(node)]


def require_sound_configs(paths: Iterable[str | Path]) -> None:
    """Refuse files of a configuration that say two things at once, before they are believed.

    Snakemake reads them too, but takes the last of two keys in silence.

    Parameters
    ----------
    paths : iterable of str or pathlib.Path
        YAML or JSON.

    Raises
    ------
    StudyError
        With a problem for each file that cannot be used.
    """
    problems = []
    for path in map(Path, paths):
        try:
            if path.suffix == ".json":
                read_json_of_others(path)
            else:
                read_yaml(path)
        except (OSError, ValueError) as error:
            problems.append(Problem("error", f"cannot be used: {error}", file=path.name))
    if problems:
        raise StudyError(problems)
