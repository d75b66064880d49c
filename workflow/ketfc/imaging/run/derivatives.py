"""Write the files of one run in ``results/derivatives``, named as XCP-D names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from ketfc.base.errors import RunError
from ketfc.base.files import read_json, write_json, write_tsv
from ketfc.base.software import generated_by
from ketfc.imaging.regions.null_spheres import SPHERES
from ketfc.imaging.regions.placing import CIRCUITS
from ketfc.imaging.regions.registry import Registry, region_mismatch
from ketfc.imaging.run.carpet import write_carpet
from ketfc.imaging.run.connectivity import circuit_rows
from ketfc.imaging.run.denoising import RunResult, StrategyResult
from ketfc.imaging.run.extraction import COVERAGE_NUMBERS
from ketfc.imaging.run.operators import RunFiles, RunSettings
from ketfc.study.config.denoising import Denoising, scrubbed

_RELMAT = {
    "RelationshipMeasure": "Pearson correlation coefficient",
    "Weighted": True,
    "Directed": False,
    "ValidDiagonal": False,
    "StorageFormat": "Full",
}

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


def template_mismatches(
    registry: Registry, space: str, sidecars: Mapping[str, str | Path]
) -> dict[str, str | None]:
    """Return by atlas what to record of regions of another template than the runs'.

    Parameters
    ----------
    registry : Registry
        The circuits' regions.
    space : str
        The runs' template.
    sidecars : mapping of str to (str or pathlib.Path)
        JSON of every atlas.
    """
    of_atlases = {name: read_json(path)["TemplateMismatch"] for name, path in sidecars.items()}
    return of_atlases | {CIRCUITS: region_mismatch(registry, space, of_atlases)}


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
    files, result
        The run, and what :func:`ketfc.imaging.run.denoising.denoise_run` returned.
    registry : Registry
        Whose circuits are listed.
    regions : mapping of str to sequence of str
        Names of the regions of every atlas; of the null spheres, coverage and the primary
        strategy's matrix are written.
    settings : RunSettings
        Those that it was denoised by.
    mismatches : mapping of str to (str or None)
        By atlas, what to record of regions of another template than the run's.
    """
    stem, denoising = f"{prefix}_space-{space}", settings.denoising
    *sources, _ = files.sources
    about = {"Sources": sources, "Excluded": _reason(result.error)}
    made_by = {"GeneratedBy": generated_by()}
    for atlas, names in regions.items():
        base = folder / f"{stem}_atlas-{atlas}"
        if atlas == SPHERES:
            primary = f"_desc-{denoising.primary}_stat-pearsoncorrelation_relmat.tsv"
            write_spheres(
                _path(base, "_stat-coverage_bold.tsv"),
                _path(base, primary),
                sources=sources,
                names=names,
                result=result,
                strategy=denoising.primary,
            )
            continue
        part = result.series.get(atlas)
        if part is None:
            series = pd.DataFrame(columns=list(names), dtype=float)
            coverage = _no_coverage(names)
        else:
            series, coverage = part.series, part.coverage
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
            matrix = cleaned.matrices.get(atlas, _no_matrix(names))
            relmat = f"_desc-{strategy}_stat-pearsoncorrelation_relmat"
            write_tsv(_path(base, relmat + ".tsv"), matrix, index_label="Node")
            write_json(
                _path(base, relmat + ".json"),
                _RELMAT
                | {
                    "Sources": files.sources,
                    "TemplateMismatch": mismatches.get(atlas),
                }
                | about_cleaning(strategy, cleaned, denoising)
                | made_by,
            )
    write_tsv(
        folder / f"{stem}_desc-circuits_connectivity.tsv", circuit_table(result, registry, regions)
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
    """Write coverage and connectivity of the null spheres; n/a where the run was excluded.

    Parameters
    ----------
    coverage, relmat : pathlib.Path
        The tables; the matrix has a JSON beside it.
    sources : sequence of str
        BIDS URIs of what was read.
    names : sequence of str
        The spheres' names.
    result : RunResult
        The run's.
    strategy : str
        Which of the strategies is written.
    """
    part, cleaned = result.series.get(SPHERES), result.strategies[strategy]
    write_tsv(coverage, _no_coverage(names) if part is None else part.coverage)
    matrix = cleaned.matrices.get(SPHERES, _no_matrix(names))
    write_tsv(relmat, matrix, digits=6, index_label="Node")
    write_json(
        relmat.with_suffix(".json"),
        {
            "Description": "Spheres of the circuits' radii in the cortex; centres are in "
            f"atlas-{SPHERES}_dseg.tsv",
            **_RELMAT,
            "Sources": list(sources),
            "DenoisingStrategy": strategy,
            "NumberOfVolumes": cleaned.n_volumes,
            "DegreesOfFreedom": round(cleaned.tdof, 6),
            "Excluded": _reason(cleaned.error),
            "GeneratedBy": generated_by(),
        },
    )


def _no_coverage(names: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame({"region": list(names)})
    return table.assign(**dict.fromkeys((*COVERAGE_NUMBERS, "note")))


def _no_matrix(names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(np.nan, index=list(names), columns=list(names))


def _path(base: Path, ending: str) -> Path:
    return base.with_name(base.name + ending)


def _reason(error: RunError | None) -> str | None:
    return error.reason if error else None


def about_cleaning(strategy: str, cleaned: StrategyResult, denoising: Denoising) -> dict[str, Any]:
    """Return what the JSON of everything that was denoised says of it.

    Parameters
    ----------
    strategy, cleaned
        The strategy, and what came of it.
    denoising : Denoising
        That section of the configuration.
    """
    scrubbing = scrubbed(strategy)
    by_filter = denoising.motion_filter_type if scrubbing else None
    return {
        "DenoisingStrategy": strategy,
        "ConfoundColumns": list(cleaned.columns),
        "CompCorMask": cleaned.compcor.masks if cleaned.compcor else None,
        "CompCorComponents": cleaned.compcor.counts if cleaned.compcor else None,
        "HighPass": cleaned.high_pass,
        "LowPassHz": denoising.upper_bpf,
        "Detrended": True,
        "NumberOfRegressors": len(cleaned.columns),
        "IndependentRegressors": cleaned.rank,
        "DummyScans": denoising.dummy_scans,
        "FramewiseDisplacementThreshold": denoising.fd_thresh if scrubbing else None,
        "StandardizedDVARSThreshold": denoising.dvars_thresh if scrubbing else None,
        "CensoredBefore": denoising.censor_before if scrubbing else 0,
        "CensoredAfter": denoising.censor_after if scrubbing else 0,
        "CensoredBetween": denoising.censor_between if scrubbing else 0,
        "MotionFilter": by_filter,
        "MotionFilterBreathsPerMinute": [denoising.band_stop_min, denoising.band_stop_max]
        if by_filter
        else None,
        "KeptVolumes": cleaned.n_kept,
        "MatchedVolumes": cleaned.n_volumes if denoising.match_volumes else None,
        "NumberOfVolumes": cleaned.n_volumes,
        "DegreesOfFreedom": round(cleaned.tdof, 6),
        "Excluded": _reason(cleaned.error),
    }


def circuit_table(
    result: RunResult, registry: Registry, regions: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return the circuits of a run, rows of all strategies with volumes and degrees of freedom.

    Parameters are those of :func:`write_run`.
    """
    names = list(regions[CIRCUITS])
    part = result.series.get(CIRCUITS)
    coverage = (
        part.coverage.set_index("region")["coverage_shared"]
        if part
        else pd.Series(np.nan, index=names)
    )
    tables = []
    for strategy, cleaned in result.strategies.items():
        r = cleaned.matrices.get(CIRCUITS, _no_matrix(names))
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
                "compcor": str(cleaned.compcor) if cleaned.compcor else None,
            }
            for name, cleaned in result.strategies.items()
        },
    }
