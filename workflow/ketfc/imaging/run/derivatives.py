"""The files of one run in ``results/derivatives``: names and sidecars as XCP-D writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.errors import RunError
from ketfc.base.files import write_json, write_tsv
from ketfc.base.software import generated_by
from ketfc.imaging.denoise.censoring import CensoringRules
from ketfc.imaging.regions.null_spheres import SPHERES
from ketfc.imaging.regions.placing import CIRCUITS
from ketfc.imaging.regions.registry import Registry
from ketfc.imaging.run.carpet import write_carpet
from ketfc.imaging.run.connectivity import circuit_rows
from ketfc.imaging.run.extraction import COVERAGE_NUMBERS
from ketfc.imaging.run.process import RunFiles, RunResult, RunSettings, StrategyResult
from ketfc.study.config.denoising import scrubbed

SERIES_DIGITS = 9
"""Significant digits of a time series: what float32 needs to survive a round trip."""


def dataset_description() -> dict[str, Any]:
    """Return ``dataset_description.json`` of the derivatives dataset."""
    return {
        "Name": "ketfc: circuit connectivity",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": generated_by(),
    }


def write_run(
    folder: Path,
    prefix: str,
    space: str,
    *,
    files: RunFiles,
    result: RunResult,
    registry: Registry,
    regions: Mapping[str, Sequence[str]],
    settings: RunSettings,
    mismatches: Mapping[str, str | None] = MappingProxyType({}),
) -> None:
    """Write every file of a run; an excluded run has the same files, with n/a and the reason.

    Parameters
    ----------
    folder : pathlib.Path
        ``results/derivatives/sub-…/ses-…/func``.
    prefix : str
        ``sub-…_ses-…_task-…`` without the space entity.
    space : str
        Template space of the run.
    files, result, settings
        What was read, what came of it, and how.
    registry : Registry
        Whose circuits are listed.
    regions : mapping of str to sequence of str
        Names of the regions of every atlas, which a run that could not be read does not know.
    settings : RunSettings
        How it was cleaned.
    mismatches : mapping of str to (str or None)
        By atlas, what to record of regions of another template than the run's.
    """
    stem = f"{prefix}_space-{space}"
    sources = [f"bids:preprocessed:{path.name}" for path in (files.bold, files.mask)]
    about = {"Sources": sources, "Excluded": _reason(result.error)}
    made_by = {"GeneratedBy": generated_by()}
    for atlas, names in regions.items():
        part = result.series.get(atlas)
        if part is None:
            series = pd.DataFrame(columns=list(names), dtype=float)
            coverage = pd.DataFrame({"region": list(names)})
            for column in (*COVERAGE_NUMBERS, "note"):
                coverage[column] = None
        else:
            series, coverage = part.series, part.coverage
        base = folder / f"{stem}_atlas-{atlas}"
        write_tsv(_path(base, "_stat-mean_timeseries.tsv"), series, digits=SERIES_DIGITS)
        write_json(
            _path(base, "_stat-mean_timeseries.json"),
            about
            | {
                "RepetitionTime": result.quality.get("repetition_time"),
                "Units": "those of the BOLD image; not denoised",
                "MinimumCoverage": settings.min_coverage,
                "MissingRegions": [name for name in names if series[name].isna().all()],
                "TemplateMismatch": mismatches.get(atlas),
            }
            | made_by,
        )
        write_tsv(_path(base, "_stat-coverage_bold.tsv"), coverage)
        for strategy, cleaned in result.strategies.items():
            matrix = cleaned.matrices.get(atlas)
            if matrix is None:
                matrix = pd.DataFrame(np.nan, index=list(names), columns=list(names))
            relmat = f"_desc-{strategy}_stat-pearsoncorrelation_relmat"
            write_tsv(_path(base, relmat + ".tsv"), matrix, index_label="Node")
            write_json(
                _path(base, relmat + ".json"),
                {
                    "RelationshipMeasure": "Pearson correlation coefficient",
                    "Weighted": True,
                    "Directed": False,
                    "ValidDiagonal": False,
                    "StorageFormat": "Full",
                    "Sources": [*sources, f"bids:preprocessed:{files.confounds.name}"],
                    "TemplateMismatch": mismatches.get(atlas),
                }
                | _cleaning(strategy, cleaned, settings)
                | made_by,
            )
    write_tsv(
        folder / f"{stem}_desc-circuits_connectivity.tsv", _circuit_table(result, registry, regions)
    )
    write_json(folder / f"{stem}_desc-ketfc_qc.json", _quality(result) | made_by)
    write_carpet(folder / f"{stem}_desc-carpet_qc.npz", result.carpet)


def write_spheres(
    coverage: Path,
    relmat: Path,
    *,
    sources: Sequence[str],
    names: Sequence[str],
    result: RunResult,
    strategy: str,
) -> None:
    """Write what a run gave for the spheres; n/a where it was excluded.

    Parameters
    ----------
    coverage, relmat : pathlib.Path
        The tables; the matrix has a JSON beside it.
    sources : sequence of str
        BIDS URIs of what was read.
    names : sequence of str
        The spheres' names, which a run that could not be read does not know.
    result : ketfc.imaging.run.process.RunResult
        What the run gave.
    strategy : str
        Which of the strategies is written.
    """
    part, cleaned = result.series.get(SPHERES), result.strategies[strategy]
    empty = pd.DataFrame({"region": list(names)}).assign(
        **dict.fromkeys((*COVERAGE_NUMBERS, "note"))
    )
    write_tsv(coverage, empty if part is None else part.coverage)
    nothing = pd.DataFrame(np.nan, index=list(names), columns=list(names))
    matrix = cleaned.matrices.get(SPHERES, nothing)
    write_tsv(relmat, matrix, digits=6, index_label="Node")
    write_json(
        relmat.with_suffix(".json"),
        {
            "Description": "Spheres of the circuits' radii in the cortex; centres are in "
            f"atlas-{SPHERES}_dseg.tsv",
            "RelationshipMeasure": "Pearson correlation coefficient",
            "Weighted": True,
            "Directed": False,
            "ValidDiagonal": False,
            "StorageFormat": "Full",
            "Sources": list(sources),
            "DenoisingStrategy": strategy,
            "NumberOfVolumes": cleaned.n_volumes,
            "DegreesOfFreedom": round(cleaned.tdof, 6),
            "Excluded": cleaned.error.reason if cleaned.error else None,
            "GeneratedBy": generated_by(),
        },
    )


def _path(base: Path, ending: str) -> Path:
    return base.with_name(base.name + ending)


def _reason(error: RunError | None) -> str | None:
    return error.reason if error else None


def _cleaning(strategy: str, cleaned: StrategyResult, settings: RunSettings) -> dict[str, Any]:
    return {
        "DenoisingStrategy": strategy,
        "ConfoundColumns": list(cleaned.columns),
        "CompCorMask": cleaned.compcor,
        "HighPass": cleaned.high_pass,
        "LowPassHz": settings.upper_bpf,
        "Detrended": True,
        "NumberOfRegressors": len(cleaned.columns),
        "IndependentRegressors": cleaned.rank,
        **_censoring(strategy, settings),
        "KeptVolumes": cleaned.n_kept,
        "MatchedVolumes": cleaned.n_volumes if settings.match_volumes else None,
        "NumberOfVolumes": cleaned.n_volumes,
        "DegreesOfFreedom": round(cleaned.tdof, 6),
        "Excluded": _reason(cleaned.error),
    }


def _censoring(strategy: str, settings: RunSettings) -> dict[str, Any]:
    rules = settings.censoring
    if not scrubbed(strategy):
        rules = CensoringRules(dummy_scans=rules.dummy_scans)
    by = rules.motion_filter
    return {
        "DummyScans": rules.dummy_scans,
        "FramewiseDisplacementThreshold": rules.fd_thresh,
        "StandardizedDVARSThreshold": rules.dvars_thresh,
        "CensoredBefore": rules.before,
        "CensoredAfter": rules.after,
        "CensoredBetween": rules.between,
        "MotionFilter": by.kind if by else None,
        "MotionFilterBreathsPerMinute": [by.low, by.high] if by else None,
    }


def _circuit_table(
    result: RunResult, registry: Registry, regions: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return the rows of all strategies, with volumes and degrees of freedom beside them."""
    names = list(regions[CIRCUITS])
    part = result.series.get(CIRCUITS)
    coverage = (
        part.coverage.set_index("region")["coverage_shared"]
        if part
        else pd.Series(np.nan, index=names)
    )
    nothing = pd.DataFrame(np.nan, index=names, columns=names)
    tables = []
    for strategy, cleaned in result.strategies.items():
        r = cleaned.matrices.get(CIRCUITS, nothing)
        rows = circuit_rows(r, registry.circuits.values(), coverage)
        rows.insert(0, "strategy", strategy)
        rows["n_volumes"] = cleaned.n_volumes
        rows["tdof"] = cleaned.tdof
        tables.append(rows)
    return pd.concat(tables, ignore_index=True)


def _quality(result: RunResult) -> dict[str, Any]:
    def verdict(error: RunError | None) -> dict[str, Any]:
        if error is None:
            return {"status": "ok"}
        return {
            "status": "excluded",
            "rule": error.rule,
            "value": error.value,
            "threshold": error.threshold,
            "reason": error.reason,
        }

    return {
        **verdict(result.error),
        "quality": result.quality,
        "strategies": {
            name: verdict(cleaned.error)
            | {
                "n_volumes": cleaned.n_volumes,
                "n_kept": cleaned.n_kept,
                "tdof": round(cleaned.tdof, 6),
                "n_regressors": len(cleaned.columns),
                "rank": cleaned.rank,
            }
            for name, cleaned in result.strategies.items()
        },
    }
