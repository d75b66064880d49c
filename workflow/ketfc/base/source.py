"""Which version of the code made a result."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOMS = ("base", "demo", "study", "imaging", "inference", "reporting")


def source_digest(room: str) -> str:
    """Return a short text that changes when the code of a room, or of one before it, changes.

    Snakemake does not see which modules a script imports; as a parameter of a rule, this makes
    it run again when they are edited.

    Parameters
    ----------
    room : str
        One of :data:`ROOMS`.
    """
    here = Path(__file__).parents[1]
    rooms = ROOMS[: ROOMS.index(room) + 1]
    files = sorted(here.glob("*.py"))
    for name in rooms:
        files += sorted(path for path in (here / name).rglob("*") if _is_source(path))
    total = hashlib.sha256()
    for path in files:
        total.update(path.relative_to(here).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def _is_source(path: Path) -> bool:
    # neither compiled modules nor the swap files of editors
    return path.is_file() and path.parent.name != "__pycache__" and path.name[0] != "."
