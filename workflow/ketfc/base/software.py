"""The software that made a result: the list of versions in the JSON beside it."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path

from ketfc import __version__
from ketfc.base.columns import described_columns
from ketfc.base.files import write_json

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
    "tfce",
    "PyMARE",
    "matplotlib",
)
"""Packages named beside ketfc and Python; their own dependencies are in ``requirements/``."""

_code: ContextVar[str | None] = ContextVar("code", default=None)


def package_versions() -> dict[str, str]:
    """Return the versions of Python, ketfc and the packages that the numbers come from.

    Only the packages' metadata is read; none is imported.
    """
    own = {"Python": platform.python_version(), "ketfc": __version__}
    return own | {package: version(package) for package in PACKAGES}


@contextmanager
def made_by(code: str) -> Iterator[None]:
    """Say of everything that the block writes which code made it.

    Parameters
    ----------
    code : str
        The script and the digest of its code, from :func:`ketfc.base.source.code_digests`.
    """
    before = _code.set(code)
    try:
        yield
    finally:
        _code.reset(before)


def generated_by() -> list[dict[str, str]]:
    """Return what BIDS calls ``GeneratedBy``: ketfc first, then what it stands on.

    Returns
    -------
    list of dict
        ``Name`` and ``Version`` of each. In a job of the workflow ketfc has a ``Description`` with
        the script and the digest of its code, which tells two states of the code apart that have
        the same version.
    """
    versions = package_versions()
    ketfc = {"Name": "ketfc", "Version": versions.pop("ketfc")}
    if code := _code.get():
        ketfc["Description"] = f"source {code}"
    return [ketfc, *({"Name": name, "Version": text} for name, text in versions.items())]


def write_sidecars(outputs: Iterable[str | Path]) -> None:
    """Write the JSON beside every table among the outputs of a job: its columns and what made it.

    Parameters
    ----------
    outputs : iterable of path
        Files that the job wrote; those that are no TSV are passed over.
    """
    bill = {"GeneratedBy": generated_by()}
    for path in map(Path, outputs):
        if path.suffix == ".tsv":
            with path.open(encoding="utf-8") as handle:
                columns = handle.readline().rstrip("\n").split("\t")
            write_json(path.with_suffix(".json"), described_columns(path, columns) | bill)
