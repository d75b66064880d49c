"""Redraw the figures of this bundle, and compare them with the ones that came in it.

python redraw.py PATH/TO/ketfc [--cores 2]

PATH/TO/ketfc is a clone of ketfc whose dependencies are installed in this Python, best in the
versions of versions.txt. Nothing but the tables in this folder is read; no image of a participant
is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FIGURES = "results/figures/"
DRAWING = ("matplotlib", "numpy", "pandas", "scipy", "nilearn", "nibabel")
"""Packages that another version of may move a pixel."""


def listed_checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file, by its path in the bundle."""
    lines = (folder / "checksums.sha256").read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def damaged(folder: Path, checksums: dict[str, str]) -> list[str]:
    """Return the files that are missing or are not what they were."""
    return [
        name
        for name, digest in checksums.items()
        if not (folder / name).is_file()
        or hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    ]


def other_versions(folder: Path) -> list[str]:
    """Return the packages that this Python has in another version than the bundle was made with."""
    lines = (folder / "versions.txt").read_text(encoding="utf-8").splitlines()
    # other software stands in comments, without ==
    made_with = dict(line.split("==") for line in lines if "==" in line)
    found = []
    for package in DRAWING:
        try:
            here = version(package)
        except PackageNotFoundError:
            here = "missing"
        if here != made_with.get(package):
            found.append(f"{package} {here}, made with {made_with.get(package)}")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Redraw, compare, say what came of it; return 0 where every file is identical."""
    parser = argparse.ArgumentParser(prog="redraw.py", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("clone", type=Path, help="a clone of ketfc")
    parser.add_argument("--cores", type=int, default=2)
    asked = parser.parse_args(arguments)
    folder, clone = Path(__file__).resolve().parent, asked.clone.resolve()
    if not (clone / "Snakefile").is_file():
        print(f"{asked.clone} is no clone of ketfc: it has no Snakefile.")
        return 2
    checksums = listed_checksums(folder)
    figures = {name: digest for name, digest in checksums.items() if name.startswith(FIGURES)}
    # figures may have been drawn anew, everything they are drawn from must be as it was
    tables = {name: digest for name, digest in checksums.items() if name not in figures}
    if broken := damaged(folder, tables):
        print("The bundle is not whole; unpack it again. Missing or changed:", *broken, sep="\n  ")
        return 2
    for line in other_versions(folder):
        print(f"Another version may draw other bytes: {line}")
    command = [sys.executable, "-m", "snakemake", "-s", str(clone / "Snakefile")]
    command += ["--cores", str(asked.cores), "--forceall", "figures", "--configfile", "redraw.yaml"]
    library = [str(clone / "workflow"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, library))}
    done = subprocess.run(command, cwd=folder, env=environment, check=False)
    if done.returncode != 0:
        return 2
    if differing := damaged(folder, figures):
        print(f"{len(differing)} of {len(figures)} files differ:", *differing, sep="\n  ")
        return 1
    print(f"All {len(figures)} files of the figures are identical to those of the bundle.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
