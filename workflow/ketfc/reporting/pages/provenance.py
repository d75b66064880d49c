"""Software behind the results, with versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ketfc.base.files import read_json, read_json_of_others
from ketfc.base.software import package_versions
from ketfc.study.config.config import Config


def study_facts(
    config: Config,
    folders: Iterable[str | Path],
    sidecars: Mapping[str, Iterable[str | Path]],
    atlases: Mapping[str, str | Path],
) -> dict[str, Any]:
    """Return what ``provenance.json`` says of a study, from which methods and report are written.

    Parameters
    ----------
    config : Config
    folders : iterable of path
        The derivatives.
    sidecars : mapping of str to iterable of path
        By strategy, the sidecars of what it cleaned, run by run.
    atlases : mapping of str to path
        By parcellation, its sidecar.

    Returns
    -------
    dict
        ``config``, ``versions``, ``sidecars`` and ``atlases``.
    """
    return {
        "config": config.model_dump(by_alias=True, mode="json"),
        "versions": software_versions(folders),
        # the versions are told once, for all
        "sidecars": {
            strategy: [
                {key: told for key, told in read_json(path).items() if key != "GeneratedBy"}
                for path in paths
            ]
            for strategy, paths in sidecars.items()
        },
        "atlases": {name: read_json(path) for name, path in atlases.items()},
    }


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
