"""List every result file of two trees as same, different or missing.

    python tests/compare_trees.py OLD/results NEW/results [--quiet]

Files are compared byte by byte. JSON that differs only in the digest of the source (the
``Description`` in ``GeneratedBy``) is listed as ``digest``: every edit of the code changes it.
Exits with 1 where a file is different or missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any


def without_digests(content: Any) -> Any:
    """Return parsed JSON without the description of the software in any ``GeneratedBy``."""
    if isinstance(content, list):
        return [without_digests(each) for each in content]
    if not isinstance(content, dict):
        return content
    kept = {key: without_digests(each) for key, each in content.items()}
    if isinstance(kept.get("GeneratedBy"), list):
        kept["GeneratedBy"] = [
            {key: text for key, text in each.items() if key != "Description"}
            for each in kept["GeneratedBy"]
        ]
    return kept


def state(old: Path, new: Path) -> str:
    """Return how two files compare: ``same``, ``digest``, ``different`` or ``missing in …``."""
    if not old.is_file():
        return "missing in old"
    if not new.is_file():
        return "missing in new"
    before, after = old.read_bytes(), new.read_bytes()
    if before == after:
        return "same"
    if old.suffix == ".json" and without_digests(json.loads(before)) == without_digests(
        json.loads(after)
    ):
        return "digest"
    return "different"


def compare(old: Path, new: Path) -> dict[str, str]:
    """Return the state of every file below either folder, by its path relative to it."""
    names = {
        path.relative_to(top).as_posix()
        for top in (old, new)
        for path in top.rglob("*")
        if path.is_file()
    }
    return {name: state(old / name, new / name) for name in sorted(names)}


def main(argv: list[str] | None = None) -> int:
    """Print the states of two trees and their counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--quiet", action="store_true", help="do not list what is the same")
    options = parser.parse_args(argv)
    for top in (options.old, options.new):
        if not top.is_dir():
            parser.error(f"{top} is no folder")
    states = compare(options.old, options.new)
    for name, said in states.items():
        if not (options.quiet and said in ("same", "digest")):
            print(f"{said}\t{name}")
    counts = Counter(states.values())
    print(", ".join(f"{n} {said}" for said, n in sorted(counts.items())))
    return int(any(said not in ("same", "digest") for said in states.values()))


if __name__ == "__main__":
    sys.exit(main())
