"""Contents of a bundle: results as they are, and the files that explain and redraw them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from importlib.metadata import distributions
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

import yaml

from ketfc.base.english import listed
from ketfc.base.errors import Problem, StudyError
from ketfc.base.files import read_json
from ketfc.reporting.bundle import redraw
from ketfc.reporting.bundle.archive import Members, digest
from ketfc.reporting.bundle.crate import CONFIG, METADATA, WORKFLOW, crate_metadata

_DATA = resources.files("ketfc.reporting.bundle")

DESCRIBED = {
    "README.md": "What is in this bundle, and how its figures are redrawn",
    CONFIG: "The configuration of the study with all defaults, paths cut to names",
    "redraw.yaml": "What each figure is drawn from",
    "redraw.py": "A script that redraws the figures and compares them",
    "versions.txt": "The versions of all software behind the results",
    "checksums.sha256": "The SHA-256 of every file",
    WORKFLOW: "The workflow that was run",
    "results/methods.md": "The methods in words",
    "results/references.bib": "The literature that the methods cite",
    "results/cobidas.md": "The COBIDAS checklist, filled as far as the run knows",
    "results/cobidas.tsv": "The COBIDAS checklist as a table",
    "results/figures/captions.md": "Titles and captions of the figures",
}


def bundle_members(
    files: Iterable[str | Path],
    *,
    drawn: Mapping[str, Any],
    facts: Mapping[str, Any],
    workflow: str | Path,
    root: str = "",
) -> dict[str, bytes | Path]:
    """Return all that a bundle holds.

    Parameters
    ----------
    files : iterable of path
        Results.
    drawn : mapping
        What figures are drawn from, as :func:`ketfc.workflow.redraw.redraw_workflow` reads it.
    facts : mapping
        ``provenance.json``, from `ketfc.reporting.pages.provenance.study_facts`.
    workflow : path
        The Snakefile that was run.
    root : str
        The folder that names in the bundle are relative to; by default the working directory.

    Returns
    -------
    dict of str to (bytes or pathlib.Path)
        By name in the archive.

    Raises
    ------
    StudyError
        If a result is missing or empty, naming every such file.
    """
    results = {Path(path).relative_to(root).as_posix(): Path(path) for path in files}
    _require_whole(results)
    config, versions = facts["config"], facts["versions"]
    study = str(config["study"]["name"])
    written = {
        CONFIG: _yaml(without_places(config)),
        "redraw.yaml": _yaml({"bundle": drawn}),
        "redraw.py": Path(redraw.__file__).read_bytes(),
        "versions.txt": _versions(versions).encode(),
        WORKFLOW: Path(workflow).read_bytes(),
        "README.md": (_DATA / "readme.md")
        .read_text(encoding="utf-8")
        .format(study=study, version=versions["ketfc"])
        .encode(),
    }
    members: dict[str, bytes | Path] = {**results, **written}
    members["checksums.sha256"] = checksums(members).encode()
    members[METADATA] = crate_metadata(
        members,
        study=study,
        simulated="simulate" in list(config["study"]["derivatives"] or ()),
        versions=versions,
        described=DESCRIBED | _columns_of(results),
    )
    return members


def checksums(members: Members) -> str:
    """Return the SHA-256 of members as ``sha256sum --check`` reads them."""
    return "".join(f"{digest(members[name])}  {name}\n" for name in sorted(members))


def without_places(value: Any) -> Any:
    """Return a configuration in which paths from a root or a home are cut to their last part.

    Such paths name machines, projects and people, and lead nowhere in another folder.
    """
    if isinstance(value, Mapping):
        return {key: without_places(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [without_places(each) for each in value]
    if isinstance(value, str) and re.match(r"[/~$]|[A-Za-z]:[\\/]|\\\\", value):
        path: PurePath = PureWindowsPath(value)
        return path.name
    return value


def _require_whole(results: Mapping[str, Path]) -> None:
    problems = [
        Problem("error", "is missing or empty: the run that makes it has not ended well", file=name)
        for name, path in results.items()
        if not path.is_file() or path.stat().st_size == 0
    ]
    if problems:
        raise StudyError(problems)


def _columns_of(results: Mapping[str, Path]) -> dict[str, str]:
    """Return what tables are: their columns, from the JSON beside them."""
    told = {}
    for name, path in results.items():
        sidecar = Path(name).with_suffix(".json").as_posix()
        if path.suffix == ".tsv" and sidecar in results:
            columns = [key for key in read_json(results[sidecar]) if key != "GeneratedBy"]
            told[name] = f"Table of {listed(columns)}" if columns else name
    return told


def _versions(versions: Mapping[str, str]) -> str:
    """Return all packages of this Python as pip's constraints; other software as comments."""
    packages = {each.metadata["Name"]: each.version for each in distributions()}
    lines = [
        f"{name}=={number}"
        for name, number in sorted(packages.items(), key=lambda each: each[0].lower())
        if name != "ketfc"
    ]
    others = [f"# {name} {number}" for name, number in versions.items() if name not in packages]
    ketfc = [] if "ketfc" not in packages else [f"# ketfc {versions['ketfc']}"]
    return "\n".join([*others, *ketfc, *lines]) + "\n"


def _yaml(value: Any) -> bytes:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).encode()
