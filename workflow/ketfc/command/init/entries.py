"""Entries of a config with their reasons, and questions where nothing can be chosen."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from ketfc.study.config.config import QUESTION

_WIDTH = 96
_SHORT = 80


@dataclass(frozen=True)
class Question:
    """A question that only the lab can answer.

    Attributes
    ----------
    text : str
        The question, with all that helps to answer it.
    options : tuple of str
        Possible answers, where they can be listed.
    """

    text: str
    options: tuple[str, ...] = ()


Answer = Callable[[Question], str | None]
"""Asks somebody, and returns one of the options; None leaves the question open."""


def nobody(question: Question) -> str | None:
    """Leave a question open."""
    return None


@dataclass(frozen=True)
class Entry:
    """A key of a section, its value, and why it has it.

    Attributes
    ----------
    key : str
        As in YAML.
    value : object
        Text, number, list or mapping, with :class:`Question` where the lab must decide.
    why : str
        What was found, and what was chosen for which reason; may be empty.
    active : bool
        False for a suggestion, which is written as a comment.
    """

    key: str
    value: Any
    why: str = ""
    active: bool = True


@dataclass(frozen=True)
class Draft:
    """A config to be.

    Attributes
    ----------
    found : tuple of str
        What was looked at and found, a sentence each.
    sections : mapping of str to sequence of Entry
        By the name of the section.
    """

    found: tuple[str, ...]
    sections: Mapping[str, Sequence[Entry]] = field(default_factory=dict)

    def config(self) -> dict[str, dict[str, Any]]:
        """Return the config as YAML would be read: questions are texts that begin with ``? ``."""
        return {
            name: {entry.key: _plain(entry.value) for entry in entries if entry.active}
            for name, entries in self.sections.items()
            if any(entry.active for entry in entries)
        }

    def text(self) -> str:
        """Return the config as commented YAML."""
        head = [
            "Written by ketfc init. Every value has the reason why it was chosen above it; look "
            "through them before the first run. A value that begins with a question mark is a "
            "question: put the answer in its place. `ketfc plan` lists those that are open. "
            "All keys and their defaults are in config/README.md.",
            *self.found,
        ]
        lines = [line for each in head for line in (*_comment(each), "#")][:-1]
        for name, entries in self.sections.items():
            mark = "" if any(entry.active for entry in entries) else "# "
            lines += ["", f"{mark}{name}:"]
            for entry in entries:
                lines += ["  " + line for line in _lines(entry)]
        return "\n".join(lines) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Question):
        return QUESTION + value.text
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _lines(entry: Entry) -> list[str]:
    lines = _comment(entry.why)
    value = {entry.key: _plain(entry.value)}
    flow = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True,
                          sort_keys=False).strip()[1:-1]  # fmt: skip
    if len(flow) > _SHORT and isinstance(value[entry.key], dict | list):
        block = yaml.safe_dump(value, default_flow_style=False, width=10_000, allow_unicode=True,
                               sort_keys=False)  # fmt: skip
        written = block.rstrip("\n").splitlines()
    else:
        written = [flow]
    return lines + (written if entry.active else [f"# {line}" for line in written])


def _comment(text: str) -> list[str]:
    return ["# " + line for line in textwrap.wrap(text, _WIDTH, break_long_words=False,
                                                  break_on_hyphens=False)]  # fmt: skip
