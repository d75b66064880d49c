"""What made the results: software, its versions, and what each strategy did."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

_PACKAGES = (
    "ketfc",
    "snakemake",
    "nilearn",
    "nibabel",
    "numpy",
    "scipy",
    "pandas",
    "statsmodels",
    "isal",
    "matplotlib",
)


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
            text = (Path(folder) / "dataset_description.json").read_text(encoding="utf-8-sig")
            makers = json.loads(text)["GeneratedBy"]
            found |= {str(maker["Name"]): str(maker["Version"]) for maker in makers}
        except (OSError, ValueError, KeyError, TypeError):
            # a derivatives folder without a usable description is common and says nothing
            continue
    found["Python"] = platform.python_version()
    return found | {package: version(package) for package in _PACKAGES}
