"""Software behind the results, with versions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ketfc.base.files import read_json_of_others
from ketfc.base.software import package_versions


def software_versions(folders: Iterable[str | Path]) -> dict[str, str]:
    """Return software and versions: what made the derivatives first, then what analysed them.

    Parameters
    ----------
    folders : iterable of path
        Derivatives folders, whose ``dataset_description.json`` says what made them.
    """
    found: dict[str, str] = {}
    for folder in folders:
        try:
            about = read_json_of_others(Path(folder) / "dataset_description.json")
            makers = about["GeneratedBy"]
            found |= {str(maker["Name"]): str(maker["Version"]) for maker in makers}
        except (OSError, ValueError, KeyError, TypeError):
            # a derivatives folder without a usable description is common and says nothing
            continue
    return found | package_versions()
