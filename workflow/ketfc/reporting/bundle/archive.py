"""An archive whose bytes depend on nothing but what is in it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ketfc.base.files import replacing

Members = Mapping[str, bytes | Path]
"""By name in the archive, the content, or the file that has it."""

_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time of a ZIP archive; a real one would tell two builds apart."""

_READABLE = 0o644 << 16
_UNIX = 3


def content(member: bytes | Path) -> bytes:
    """Return the content of a member."""
    return member if isinstance(member, bytes) else member.read_bytes()


def digest(member: bytes | Path) -> str:
    """Return the SHA-256 of a member, as hexadecimal digits."""
    return hashlib.sha256(content(member)).hexdigest()


def write_archive(path: str | Path, members: Members) -> None:
    """Write members to a ZIP archive, sorted by name, without times, owners or paths.

    Parameters
    ----------
    path : str or pathlib.Path
        The archive, written whole or not at all.
    members : mapping of str to (bytes or pathlib.Path)
        By name in the archive, with ``/`` between folders.
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(members):
            about = zipfile.ZipInfo(name, _TIME)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.create_system, about.external_attr = _UNIX, _READABLE
            archive.writestr(about, content(members[name]), compresslevel=6)
