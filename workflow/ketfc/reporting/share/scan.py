"""A search through every byte of files for what must not be in them."""

from __future__ import annotations

import base64
import binascii
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO

_DATA_URI = re.compile(rb"base64,([A-Za-z0-9+/=\s]+)")
_STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
_CHUNKS = (b"tEXt", b"zTXt", b"iTXt")


def layers(content: bytes) -> Iterator[bytes]:
    """Yield a file's bytes and whatever is packed in them: data URIs, PDF streams, ZIP members.

    Of a PNG, pixels are not decoded, but its text chunks are.
    """
    yield content
    for match in _DATA_URI.finditer(content):
        try:
            yield from layers(base64.b64decode(match[1]))
        except binascii.Error:
            continue
    if content.startswith(b"%PDF"):
        for match in _STREAM.finditer(content):
            try:
                yield zlib.decompress(match[1])
            except zlib.error:
                continue
    if content.startswith(b"\x89PNG"):
        for kind in _CHUNKS:
            for at in _places(content, kind):
                length = int.from_bytes(content[at - 4 : at], "big")
                _, _, packed = content[at + 4 : at + 4 + length].partition(b"\0")
                try:
                    yield zlib.decompress(packed[1:])
                except zlib.error:
                    continue
    if content.startswith(b"\x1f\x8b"):
        yield from layers(zlib.decompress(content, wbits=31))
    if zipfile.is_zipfile(BytesIO(content)):
        with zipfile.ZipFile(BytesIO(content)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from layers(archive.read(name))


def found_in(contents: Mapping[str, bytes], words: Iterable[str]) -> dict[str, list[str]]:
    """Return which words are in which files, or in their names.

    Parameters
    ----------
    contents : mapping of str to bytes
        By name, the content of each file.
    words : iterable of str
        Found where no letter or digit stands beside them.

    Returns
    -------
    dict of str to list of str
        By file, the words in it; files without any are left out.
    """
    wanted = sorted({word for word in words if word}, key=len, reverse=True)
    if not wanted:
        return {}
    either = "|".join(map(re.escape, wanted))
    pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{either})(?![A-Za-z0-9])".encode())
    found = {}
    for name, content in sorted(contents.items()):
        parts = [name.encode(), *layers(content)]
        hits = {match.decode() for part in parts for match in pattern.findall(part)}
        if hits:
            found[name] = sorted(hits)
    return found


def _places(content: bytes, kind: bytes) -> Iterator[int]:
    at = content.find(kind)
    while at >= 0:
        yield at
        at = content.find(kind, at + 1)
