"""What the Snakefile needs of the configuration: the settings of a run, the files of atlases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ketfc.base.errors import StudyError
from ketfc.imaging.atlas.catalogue import load_catalogue
from ketfc.imaging.atlas.files import files_in, matching_files
from ketfc.imaging.regions.registry import load_registry
from ketfc.imaging.regions.sources import RegionSources
from ketfc.study.config.config import Config
from ketfc.study.config.types import expand


def run_settings(config: Config) -> dict[str, Any]:
    """Return the arguments of :class:`ketfc.imaging.run.process.RunSettings`, as plain values."""
    return {
        "strategies": list(config.denoising.strategies),
        "fd_thresh": config.denoising.fd_thresh,
        "dvars_thresh": config.denoising.dvars_thresh,
        "censor_before": config.denoising.censor_before,
        "censor_after": config.denoising.censor_after,
        "censor_between": config.denoising.censor_between,
        "motion_filter_type": config.denoising.motion_filter_type,
        "band_stop_min": config.denoising.band_stop_min,
        "band_stop_max": config.denoising.band_stop_max,
        "dummy_scans": config.denoising.dummy_scans,
        "match_volumes": config.denoising.match_volumes,
        "own_strategies": {
            name: list(own.columns) for name, own in config.denoising.own_strategies.items()
        },
        "min_time": config.denoising.min_time,
        "lower_bpf": config.denoising.lower_bpf,
        "upper_bpf": config.denoising.upper_bpf,
        "min_coverage": config.circuits.min_coverage,
        "repetition_time": config.study.repetition_time,
        "max_mean_fd": config.quality.max_mean_fd,
        "max_fd": config.quality.max_fd,
        "max_censored": config.quality.max_censored,
        "primary": config.denoising.primary,
        "carpet_atlas": config.circuits.parcellation[0].name,
    }


def region_inputs(config: Config, registry: str | Path, named: str | Path) -> dict[str, list[str]]:
    """Return what the regions of the circuits need: ``variants``, ``atlases`` and ``maps``.

    `variants` are the alternative circuits that this machine can measure, `atlases` the
    parcellations that regions take labels of, `maps` their probability maps. All are empty where a
    file cannot be used, which the plan tells.

    Parameters
    ----------
    config : Config
        The study's configuration.
    registry, named : str or pathlib.Path
        ``circuits.yaml`` and ``parcellations.yaml``.
    """
    try:
        sources = RegionSources(config, load_registry(registry), load_catalogue(named))
    except StudyError:
        return {"variants": [], "atlases": [], "maps": []}
    known = {each.name for each in config.circuits.parcellation} | set(sources.catalogue.atlases)
    return {
        "variants": list(sources.variants),
        "atlases": [name for name in sources.atlases if name in known],
        "maps": [path for path in sources.maps if Path(path).is_file()],
    }


def parcellation_files(
    config: Config, named: str | Path, more: Iterable[str] = ()
) -> dict[str, list[str]]:
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
    more : iterable of str
        Parcellations that the config does not list, but regions take labels of.
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
    for name in more:
        if name not in files:
            files[name] = matching_files(catalogue.atlases[name], there)
    return {name: [str(path) for path in paths] for name, paths in files.items()}
