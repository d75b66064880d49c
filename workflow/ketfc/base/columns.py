"""Descriptions of the columns of all tables, from ``config/columns.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from ketfc.base.bundled import bundled
from ketfc.base.yaml import read_yaml


def described_columns(table: Path, columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what the columns of a table are, in the words of a BIDS sidecar.

    Parameters
    ----------
    table : pathlib.Path
        The table; the end of its path says which it is.
    columns : sequence of str
        Its columns.

    Returns
    -------
    dict of str to dict of str to str
        ``Description``, and ``Units`` where there is one, of every column that is described.
    """
    known = _known()
    parts = table.parts
    places = [
        name
        for name in known["tables"]
        if fnmatchcase("/".join(parts[-name.count("/") - 1 :]), name)
    ]
    own = known["tables"][max(places, key=len)] if places else {}
    found = {name: _told(name, own, known["everywhere"]) for name in columns}
    return {name: _entry(told) for name, told in found.items() if told is not None}


def _told(name: str, own: Mapping[str, Any], everywhere: Mapping[str, Any]) -> Any:
    """Return what is said of a column: by its name, or else by the first pattern it matches."""
    for known in (own, everywhere):
        if name in known:
            return known[name]
    return next((told for key, told in own.items() if fnmatchcase(name, key)), None)


def _entry(told: str | list[str]) -> dict[str, str]:
    if isinstance(told, str):
        return {"Description": told}
    return {"Description": told[0], "Units": told[1]}


@cache
def _known() -> dict[str, Any]:
    content: dict[str, Any] = read_yaml(bundled("config/columns.yaml"))
    return content
