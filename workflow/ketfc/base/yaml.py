"""Read YAML strictly: plain values alone, and no key twice."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

import yaml

from ketfc.base.errors import Problem, StudyError
from ketfc.base.files import read_json_of_others

_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Make text, numbers, truth values, dates, lists and mappings, and nothing else."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse keys that occur twice, of which YAML would take the last in silence."""
        seen: dict[Hashable, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                name, line = self.construct_object(key), key.start_mark.line + 1
                if name in seen:
                    message = (
                        f"the key {key.value!r} occurs twice, in lines {seen[name]} and {line}"
                    )
                    raise ValueError(message)
                seen[name] = line
        return super().construct_mapping(node, deep=deep)


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
        If it is no YAML or holds a key twice; the message is one line.
    """
    text = Path(path).read_text(encoding="utf-8-sig")
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


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
