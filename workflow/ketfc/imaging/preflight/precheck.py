"""Checks before an image is read: spaces, regions, parcellations and confound columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from ketfc.base.errors import Problem, RunError, StudyError, did_you_mean
from ketfc.imaging.atlas.catalogue import load_catalogue
from ketfc.imaging.denoise.censoring import FD, censoring_columns
from ketfc.imaging.denoise.confounds import find_strategy, require_version, strategy_columns
from ketfc.imaging.denoise.head_motion import require_nyquist
from ketfc.imaging.io.sidecars import read_sidecar
from ketfc.imaging.preflight.parcellation_checks import parcellation_problems
from ketfc.imaging.preflight.preregistration import lock_problems
from ketfc.imaging.preflight.region_checks import brain_problems, region_atlas_problems
from ketfc.imaging.preflight.run_lengths import length_problem
from ketfc.imaging.regions.region_atlases import RegionAtlases
from ketfc.imaging.regions.registry import BUNDLED, Registry, load_registry
from ketfc.study.config.config import Config
from ketfc.study.config.denoising import scrubbed
from ketfc.study.runs.fetch.annex import annex_problems
from ketfc.study.runs.fetch.openneuro import version_problems
from ketfc.study.runs.index import Index, Run
from ketfc.study.runs.manual import manual_exclusions


def early_problems(
    config: Config,
    index: Index,
    folders: Sequence[Path],
    *,
    absent: Mapping[str, Sequence[Path]],
    by_hand: Path | None,
    registry: str | Path,
    parcellations: str | Path,
) -> list[Problem]:
    """Return the problems of a study, except those of scores and confounds.

    Parameters
    ----------
    config, index, folders
        The study's configuration, its runs and its derivatives.
    absent : mapping
        Missing files of runs, from :func:`ketfc.study.runs.fetch.annex.absent_files`.
    by_hand : pathlib.Path or None
        The table of manual exclusions.
    registry, parcellations : str or pathlib.Path
        ``circuits.yaml`` and ``parcellations.yaml``.
    """
    return [
        *fixed_problems(config, registry, parcellations),
        *lock_problems(config, registry),
        *version_problems(config.study),
        *annex_problems(config, absent, folders),
        *manual_exclusions(by_hand, index.runs).problems,
        *package_problems(config),
    ]


def package_problems(config: Config) -> list[Problem]:
    """Return an error where the config asks for what an extra does, and its package is missing."""
    if config.statistics.harmonize is None or find_spec("longcombat"):
        return []
    message = (
        "needs longcombat-py, which is not installed: pip install 'ketfc[combat]', or "
        "pip install longcombat-py"
    )
    field = "statistics.harmonize"
    return [Problem("error", message, file="config", field=field, value="combat")]


def fixed_problems(config: Config, registry: str | Path, named: str | Path) -> list[Problem]:
    """Return the problems of circuits and parcellations, which do not depend on the runs.

    Parameters
    ----------
    config : Config
        The study's configuration.
    registry, named : str or pathlib.Path
        ``circuits.yaml`` and ``parcellations.yaml``.
    """
    problems = limit_problems(config)
    regions = catalogue = None
    try:
        regions = load_registry(registry)
        problems += region_problems(config, regions)
    except StudyError as error:
        problems += error.problems
    try:
        catalogue = load_catalogue(named)
        problems += parcellation_problems(config, catalogue)
    except StudyError as error:
        problems += error.problems
    if regions is not None and catalogue is not None:
        sources = RegionAtlases(config, regions, catalogue)
        problems += region_atlas_problems(sources)
        problems += seed_problems(config, regions.with_variants(sources.variants))
    # a test sees to it that the bundled file's spheres lie in the brain
    if regions is not None and not Path(registry).samefile(Path(named).with_name(BUNDLED)):
        problems += brain_problems(regions, config.study.space, file=Path(registry).name)
    return problems


def limit_problems(config: Config) -> list[Problem]:
    """Return notes on limits that can never be reached."""
    denoising, quality = config.denoising, config.quality
    censored = denoising.fd_thresh is not None or denoising.dvars_thresh is not None
    if quality.max_censored is None or censored:
        return []
    message = "excludes nothing, since neither fd-thresh nor dvars-thresh censors a volume"
    return [Problem("note", message, field="quality.max-censored",
                    value=f"{quality.max_censored:g}")]  # fmt: skip


def region_problems(config: Config, registry: Registry) -> list[Problem]:
    """Return the regions that are not defined in the study's template.

    They are errors, or notes where ``circuits.allow-template-mismatch`` is true.
    """
    space, allowed = config.study.space, config.circuits.allow_template_mismatch
    problems = []
    for region in registry.outside(space):
        there = registry.regions[region].foreign_spaces(space)
        message = f"has no definition in {space}, the study's space"
        if allowed:
            message += ", and is used as if it had, since circuits.allow-template-mismatch is true"
        problems.append(
            Problem(
                "note" if allowed else "error",
                message,
                file=Path(config.circuits.registry).name,
                field=f"regions.{region}",
                allowed=", ".join(there),
            )
        )
    return problems


def seed_problems(config: Config, registry: Registry) -> list[Problem]:
    """Return the seeds of maps that no circuit of the registry measures.

    Parameters
    ----------
    config : Config
        The study's configuration.
    registry : Registry
        With the alternative circuits that are measured.
    """
    known = [region.id for region in registry.used_regions]
    return [
        Problem(
            "error",
            "is not a region of a circuit" + did_you_mean(seed, known),
            file="config",
            field="maps.seeds",
            value=seed,
            allowed=f"regions that a circuit of {Path(config.circuits.registry).name} uses",
        )
        for seed in config.maps.seeds or ()
        if seed not in known
    ]


def confound_problems(runs: Iterable[Run], config: Config) -> list[Problem]:
    """Return the missing columns of confounds tables, from the first line of each, and short runs.

    Where a sidecar has the repetition time, the motion filter is checked against it. A run is
    excluded if a column is missing that the primary strategy, its censoring or a limit of motion
    needs; a column missing for another strategy only makes that strategy n/a.
    """
    problems = []
    primary, strategies = config.denoising.primary, config.denoising.strategies
    scrubbing = any(map(scrubbed, strategies))
    if_primary = {True: "excluded", False: "note"}
    for run in runs:
        if run.confounds is None:
            continue
        path = Path(run.confounds)
        try:
            with path.open(encoding="utf-8-sig") as handle:
                columns = handle.readline().rstrip("\r\n").split("\t")
            metadata = read_sidecar(path.with_suffix(".json"))
        except (OSError, UnicodeDecodeError, RunError) as error:
            problems.append(_of_run(run, "excluded", "confounds", f"cannot be read: {error}"))
            continue
        try:
            require_version(columns, path.name)
        except RunError as error:
            problems.append(_of_run(run, "excluded", "confounds", error.reason))
            continue
        if scrubbing:
            problems += [
                _of_run(run, if_primary[scrubbed(primary)], field, message)
                for field, message in _censoring_problems(run, columns, config)
            ]
        try:
            short = length_problem(run, config)
        except (OSError, RunError):
            # what is wrong with a sidecar is told by the run itself, with its images
            short = None
        problems += [short] if short else []
        limits = (config.quality.max_mean_fd, config.quality.max_fd)
        censored_by_fd = scrubbing and config.denoising.fd_thresh is not None
        if not censored_by_fd and any(limits) and FD not in columns:
            message = "the confounds lack this column, for which the study sets a limit"
            problems.append(_of_run(run, "excluded", FD, message))
        for name in strategies:
            try:
                strategy_columns(
                    find_strategy(name, config.denoising.own_strategies), columns, metadata
                )
            except RunError as error:
                severity = if_primary[name == primary]
                problems.append(_of_run(run, severity, f"strategy {name}", error.reason))
    return problems


def _censoring_problems(run: Run, columns: Sequence[str], config: Config) -> list[tuple[str, str]]:
    """Return field and message of each problem of censoring a run."""
    denoising = config.denoising
    message = "the confounds lack this column, by which volumes are censored"
    found = [(column, message) for column in censoring_columns(denoising) if column not in columns]
    if denoising.motion_filter_type is not None and denoising.fd_thresh is not None:
        try:
            t_r = config.study.repetition_time
            t_r = t_r or read_sidecar(Path(run.sidecar)).get("RepetitionTime")
            if isinstance(t_r, int | float) and t_r > 0:
                require_nyquist(denoising, t_r)
        except RunError as error:
            found.append(("motion-filter-type", error.reason))
    return found


def _of_run(run: Run, severity: str, field: str, message: str) -> Problem:
    return Problem(
        severity,  # type: ignore[arg-type]
        message,
        file=Path(run.confounds or run.bold).name,
        participant_id=run.participant_id,
        session=run.session,
        run=run.name,
        field=field,
    )
