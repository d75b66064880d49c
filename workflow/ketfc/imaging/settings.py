"""The part of the configuration that a run depends on, light enough for the Snakefile."""

from __future__ import annotations

from typing import Any

from ketfc.study.config import Config


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
    }
