"""What the Snakefile needs of the configuration: the settings of a run, the files of atlases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ketfc.imaging.atlas_files import files_in, matching_files
from ketfc.imaging.catalogue import load_catalogue
from ketfc.study.config import Config, expand


def run_settings(config: Config) -> dict[str, Any]:
    """Return the arguments of :class:`ketfc.imaging.run.RunSettings`, as plain values."""
    return {
        "strategies": list(config.denoising.strategies),
        "fd_thresh": config.denoising.fd_thresh,
        "dvars_thresh": config.denoising.dvars_thresh,
        "min_time": config.denoising.min_time,
        "lower_bpf": config.denoising.lower_bpf,
        "upper_bpf": config.denoising.upper_bpf,
        "min_coverage": config.circuits.min_coverage,
        "repetition_time": config.study.repetition_time,
        "primary": config.denoising.primary,
        "carpet_atlas": config.circuits.parcellation[0].name,
    }


def parcellation_files(config: Config, named: str | Path) -> dict[str, list[str]]:
    """Return, by parcellation, the files on this machine that it may be made from.

    For a named parcellation these are all that are called like it, in whatever template: which is
    taken is decided when it is made. What is missing is listed by the plan, with all other
    problems.

    Parameters
    ----------
    config : Config
        The study's configuration.
    named : str or pathlib.Path
        ``parcellations.yaml``.
    """
    circuits = config.circuits
    catalogue = load_catalogue(named)
    there = files_in(expand(circuits.atlases_dir) if circuits.atlases_dir else None)
    files: dict[str, list[Path]] = {}
    for each in circuits.parcellation:
        atlas = catalogue.atlases.get(each.name)
        if not each.bundled:
            own = [expand(path) for path in (each.image, each.labels) if path is not None]
            files[each.name] = [path for path in own if path.is_file()]
        else:
            files[each.name] = matching_files(atlas, there) if atlas else []
    return {name: [str(path) for path in paths] for name, paths in files.items()}
