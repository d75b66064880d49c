"""What can be known before an image is opened: spaces, regions and confound columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ketfc.imaging.censoring import DVARS, FD
from ketfc.imaging.confounds import STRATEGIES, strategy_columns
from ketfc.imaging.errors import RunError
from ketfc.imaging.registry import Registry
from ketfc.imaging.run import read_sidecar
from ketfc.study.config import Config, expand
from ketfc.study.index import Run
from ketfc.study.problems import Problem, closest


def atlas_problems(config: Config, registry: Registry, named: Mapping[str, str]) -> list[Problem]:
    """Return what keeps regions or parcellations from being used in the study's space."""
    space = config.study.space
    problems = []
    for region in registry.outside(space):
        there = sorted({sphere.space for sphere in registry.regions[region].spheres})
        problems.append(
            Problem(
                "error",
                f"has no definition in {space}, the study's space",
                file=Path(config.circuits.registry).name,
                field=f"regions.{region}",
                allowed=", ".join(there),
            )
        )
    for parcellation in config.circuits.parcellation:
        if parcellation.bundled:
            if parcellation.name not in named:
                near = closest(parcellation.name, named)
                problems.append(
                    Problem(
                        "error",
                        "is not in atlases/parcellations.yaml"
                        + (f"; did you mean '{near}'?" if near else "")
                        + "; a parcellation of your own needs name, image and space",
                        file="config",
                        field="circuits.parcellation",
                        value=parcellation.name,
                        allowed=", ".join(named),
                    )
                )
            continue
        if parcellation.space != space:
            problems.append(
                Problem(
                    "error",
                    f"parcellation {parcellation.name} is in another template than the data",
                    file="config",
                    field="circuits.parcellation.space",
                    value=parcellation.space,
                    allowed=space,
                )
            )
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
    return problems


def confound_problems(runs: Iterable[Run], config: Config) -> list[Problem]:
    """Return the columns that runs lack, from the first line of each confounds table.

    A run without what the primary strategy or censoring needs is excluded; one without what
    another strategy needs is only n/a there.
    """
    problems = []
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
        for column, threshold in (
            (FD, config.denoising.fd_thresh),
            (DVARS, config.denoising.dvars_thresh),
        ):
            if threshold is not None and column not in columns:
                message = "the confounds lack this column, by which volumes are censored"
                problems.append(_of_run(run, "excluded", column, message))
        for name in config.denoising.strategies:
            try:
                strategy_columns(STRATEGIES[name], columns, metadata)
            except RunError as error:
                primary = name == config.denoising.primary
                severity = "excluded" if primary else "note"
                problems.append(_of_run(run, severity, f"strategy {name}", error.reason))
    return problems


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
