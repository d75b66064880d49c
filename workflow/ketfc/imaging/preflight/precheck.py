"""What can be known before an image is opened: spaces, regions and confound columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ketfc.base.errors import Problem, RunError, StudyError
from ketfc.imaging.atlas.catalogue import Catalogue, load_catalogue
from ketfc.imaging.atlas.plan import named_problems, own_image_problems
from ketfc.imaging.denoise.censoring import FD
from ketfc.imaging.denoise.confounds import find_strategy, require_version, strategy_columns
from ketfc.imaging.io.sidecars import read_sidecar
from ketfc.imaging.regions.registry import BUNDLED, Registry, load_registry
from ketfc.imaging.regions.sources import RegionSources, brain_problems
from ketfc.imaging.run.process import RunSettings
from ketfc.imaging.run.settings import run_settings
from ketfc.study.config.config import Config
from ketfc.study.config.denoising import scrubbed
from ketfc.study.config.types import expand
from ketfc.study.runs.index import Run


def fixed_problems(config: Config, registry: str | Path, named: str | Path) -> list[Problem]:
    """Return what is wrong with circuits and parcellations, whatever the runs are.

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
        problems += RegionSources(config, regions, catalogue).problems()
    # a test sees to it that the bundled file's spheres lie in the brain
    if regions is not None and not Path(registry).samefile(Path(named).with_name(BUNDLED)):
        problems += brain_problems(regions, config.study.space, file=Path(registry).name)
    return problems


def limit_problems(config: Config) -> list[Problem]:
    """Return the limits that can never be reached, as notes."""
    denoising, quality = config.denoising, config.quality
    censored = denoising.fd_thresh is not None or denoising.dvars_thresh is not None
    if quality.max_censored is None or censored:
        return []
    message = "excludes nothing, since neither fd-thresh nor dvars-thresh censors a volume"
    return [Problem("note", message, field="quality.max-censored",
                    value=f"{quality.max_censored:g}")]  # fmt: skip


def region_problems(config: Config, registry: Registry) -> list[Problem]:
    """Return the regions that have no place in the study's template.

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


def parcellation_problems(config: Config, catalogue: Catalogue) -> list[Problem]:
    """Return what keeps parcellations from being used, and their origins and licences."""
    circuits, space = config.circuits, config.study.space
    own = [each for each in circuits.parcellation if not each.bundled]
    problems = named_problems(
        [each.name for each in circuits.parcellation if each.bundled],
        space,
        folder=expand(circuits.atlases_dir) if circuits.atlases_dir else None,
        catalogue=catalogue,
        other_templates=circuits.allow_template_mismatch,
    )
    for parcellation in own:
        for key, path in (("image", parcellation.image), ("labels", parcellation.labels)):
            if path is not None and not expand(path).is_file():
                problems.append(
                    Problem(
                        "error",
                        "there is no such file",
                        file="config",
                        field=f"circuits.parcellation.{key}",
                        value=path,
                    )
                )
            elif path is not None and key == "image":
                problems += own_image_problems(
                    parcellation.name, expand(path), str(parcellation.space), space
                )
    return problems


def confound_problems(runs: Iterable[Run], config: Config) -> list[Problem]:
    """Return the columns that runs lack, from the first line of each confounds table.

    Also whether the motion filter suits the repetition time, where a sidecar tells it. A run
    without what the primary strategy, its censoring or a limit of motion needs is excluded; one
    without what another strategy needs is only n/a there.
    """
    problems = []
    primary, strategies = config.denoising.primary, config.denoising.strategies
    settings = RunSettings(**run_settings(config))
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
                for field, message in _censoring_problems(run, columns, settings)
            ]
        limits = (config.quality.max_mean_fd, config.quality.max_fd)
        censored_by_fd = scrubbing and config.denoising.fd_thresh is not None
        if not censored_by_fd and any(limits) and FD not in columns:
            message = "the confounds lack this column, for which the study sets a limit"
            problems.append(_of_run(run, "excluded", FD, message))
        for name in strategies:
            try:
                strategy_columns(find_strategy(name, settings.own_strategies), columns, metadata)
            except RunError as error:
                severity = if_primary[name == primary]
                problems.append(_of_run(run, severity, f"strategy {name}", error.reason))
    return problems


def _censoring_problems(
    run: Run, columns: Sequence[str], settings: RunSettings
) -> list[tuple[str, str]]:
    """Return field and message of what keeps a run's volumes from being judged."""
    rules = settings.censoring
    message = "the confounds lack this column, by which volumes are censored"
    found = [(column, message) for column in rules.columns if column not in columns]
    if rules.motion_filter is not None and rules.fd_thresh is not None:
        try:
            t_r = settings.repetition_time or read_sidecar(Path(run.sidecar)).get("RepetitionTime")
            if isinstance(t_r, int | float) and t_r > 0:
                rules.motion_filter.require_nyquist(t_r)
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
