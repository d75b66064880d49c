"""Settings of a run, from the configuration."""

from __future__ import annotations

from typing import Any

from ketfc.study.config.config import Config


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
