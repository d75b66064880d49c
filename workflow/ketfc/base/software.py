"""Which software made a result: the bill of versions in the JSON beside it."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from ketfc import __version__
from ketfc.base.files import write_json
from ketfc.base.source import source_digest

PACKAGES = (
    "snakemake",
    "nilearn",
    "nibabel",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "statsmodels",
    "isal",
    "matplotlib",
)
"""What is named beside ketfc and Python; their own dependencies are in ``requirements/``."""


def package_versions() -> dict[str, str]:
    """Return the versions of Python, ketfc and the packages that the numbers come from.

    Only the packages' metadata is read; none is imported.
    """
    own = {"Python": platform.python_version(), "ketfc": __version__}
    return own | {package: version(package) for package in PACKAGES}


def generated_by(room: str) -> list[dict[str, str]]:
    """Return what BIDS calls ``GeneratedBy``: ketfc first, then what it stands on.

    Parameters
    ----------
    room : str
        Which code to give the digest of; see :func:`ketfc.base.source.source_digest`.

    Returns
    -------
    list of dict
        ``Name`` and ``Version`` of each; ketfc has a ``Description`` with the digest, which tells
        two states of the code apart that have the same version.
    """
    versions = package_versions()
    ketfc = {
        "Name": "ketfc",
        "Version": versions.pop("ketfc"),
        "Description": f"source {source_digest(room)} ({room})",
    }
    return [ketfc, *({"Name": name, "Version": text} for name, text in versions.items())]


def write_sidecars(outputs: Iterable[str | Path], room: str) -> None:
    """Write the JSON beside every table among the outputs of a job, with what made it.

    Parameters
    ----------
    outputs : iterable of path
        Files that the job wrote; those that are no TSV are passed over.
    room : str
        Whose code made them, one of :data:`ketfc.base.source.ROOMS`.
    """
    bill = {"GeneratedBy": generated_by(room)}
    for path in map(Path, outputs):
        if path.suffix == ".tsv":
            write_json(path.with_suffix(".json"), bill)
