"""Start of the workflow: the configuration is checked, and the study looked for.

All access to files at the start is here. Snakemake reads its rules again for every job on another
machine; such a process is given what the first one found.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ketfc.base.errors import RefusalError, StudyError
from ketfc.base.files import read_json, write_json, write_text
from ketfc.base.source import code_digests
from ketfc.base.yaml import require_sound_configs
from ketfc.imaging.preflight.study_plan import StudyFiles, study_plan
from ketfc.imaging.regions.region_atlases import region_inputs
from ketfc.study.config.config import Config, parse_config
from ketfc.study.config.types import find_bundled
from ketfc.study.connectivity.given import registry_text
from ketfc.study.connectivity.tidy import read_tidy
from ketfc.study.runs.fetch.openneuro import prepare
from ketfc.study.runs.manifest import demo_manifest, digest
from ketfc.workflow.study import DEMO, StudyWorkflow, exclusions_by_hand, study_folders
from ketfc.workflow.terminal import relative

RESULTS = Path("results")
"""Folder of the results, unless another workflow names another."""

CONSTANT_CODE = {"fetch_bold": "1"}
"""By script: what was fetched has the listed checksum, no update of the code fetches it again."""


def study_workflow(
    given: Mapping[str, Any],
    root: Path,
    *,
    first: bool,
    configfiles: Sequence[str | Path] = (),
    results: Path = RESULTS,
) -> StudyWorkflow:
    """Return what the rules need to know.

    Parameters
    ----------
    given : mapping
        The configuration as Snakemake has it.
    root : pathlib.Path
        The folder of the Snakefile.
    first : bool
        Whether this is the process that was started by hand. Only that one looks at the
        derivatives and asks the network, and leaves what it finds for the others.
    configfiles : sequence of path
        The files that the configuration comes from, looked at by the first process alone, since on
        the nodes of a cluster they need not be there.
    results : pathlib.Path
        The folder of the results, which must not be another study's.

    Raises
    ------
    RefusalError
        If the configuration is wrong or was changed while jobs were waiting, if the folder holds
        the results of another study, if a dataset cannot be fetched, or if nothing can be written.
    """
    try:
        if first:
            require_sound_configs(configfiles)
        config = parse_config(given, source="config")
        registry = str(find_bundled(config.circuits.registry, root))
    except StudyError as error:
        raise RefusalError(f"The configuration cannot be used:\n{error}") from None
    # What is found goes to jobs on other machines under the name of the configuration: a second
    # call with another one, or an edit while jobs wait, must not change it under them. Digests of
    # code are among it: a job is recorded with the code it was planned with, which it checks.
    place = f".snakemake/ketfc/{digest(config.model_dump(mode='json'))}"
    planned, listed = Path(f"{place}_planned.json"), Path(f"{place}_runs.json")
    named = str(root / "atlases/parcellations.yaml")
    elsewhere = config.study.connectivity
    if elsewhere is not None and not elsewhere.of_regions:
        registry = f"{place}_circuits.yaml"
    usable = True
    if first:
        _require_own_results(config, configfiles, results)
        # what is on this machine decides which alternative definitions are measured
        nothing: dict[str, list[str]] = {"variants": [], "atlases": [], "maps": [], "seeds": []}
        about: dict[str, Any] = {
            "regions": nothing if elsewhere is not None else region_inputs(config, registry, named),
            "code": code_digests(),
        }
        _leave(planned, about)
        try:
            prepare(config.study)
        except StudyError as error:
            raise RefusalError(f"The study cannot be fetched:\n{error}") from None
        if elsewhere is not None and not elsewhere.of_regions:
            _leave_registry(registry, config)
        if not config.study.simulated:
            files = StudyFiles(study_folders(config), registry, named, exclusions_by_hand(config))
            study = study_plan(config, files)
            usable = study.plan.usable
            _leave(listed, study.manifest)
    elif planned.is_file():
        about = read_json(planned)
    else:
        raise RefusalError(
            "The configuration was changed while jobs were waiting. Start again with the same "
            "command."
        )
    simulated = config.study.simulated
    return StudyWorkflow(
        config=config,
        registry=registry,
        named_parcellations=named,
        code=about["code"] | CONSTANT_CODE,
        variants=about["regions"]["variants"],
        region_maps=about["regions"]["maps"],
        region_atlases=about["regions"]["atlases"],
        seeds=about["regions"]["seeds"],
        found=(
            demo_manifest(config.statistics.seed, DEMO / "fmriprep")
            if simulated
            else read_json(listed)
        ),
        usable=usable,
        left=[str(planned)] if simulated else [str(planned), str(listed)],
    )


def _require_own_results(config: Config, configfiles: Sequence[str | Path], results: Path) -> None:
    """Refuse a folder with the results of another study, which this one would replace.

    A study is known by its name, and the demo by its simulated images too, since labs begin with a
    copy of its config.
    """
    design, runs = results / "plan/design.json", results / "plan/runs.tsv"
    if not (design.is_file() and runs.is_file()):
        return
    theirs = str(read_json(design)["study"])
    with runs.open(encoding="utf-8", newline="") as table:
        first = next(csv.DictReader(table, delimiter="\t"), None)
    simulated = bool(first and first["bold"].startswith(f"{DEMO}/"))
    # a plan without a run is of no simulated study
    if theirs == config.study.name and simulated == config.study.simulated:
        return
    if configfiles:
        mine = f"the study {config.study.name} ({relative(configfiles)})"
        mended = "Go to a folder of its own"
    else:
        mine = "the demo, since no --configfile was given"
        mended = "Add --configfile with the config of that study, or go to another folder"
    held = "the simulated demo" if simulated else f"the study {theirs}"
    raise RefusalError(
        f"{results}: this folder holds the results of {held}, and this call is of {mine}.\n"
        f"Nothing was changed. {mended}; to begin anew here, delete the folder {results}."
    )


def _leave_registry(path: str, config: Config) -> None:
    """Write the hypotheses on a lab's own values, if they are not there already."""
    text = registry_text(read_tidy(config.study))
    place = Path(path)
    if not place.is_file() or place.read_text(encoding="utf-8") != text:
        try:
            write_text(place, text)
        except StudyError as error:
            raise RefusalError(str(error)) from None


def _leave(path: Path, content: Mapping[str, Any]) -> None:
    """Write what jobs on other machines read; where nothing can be written, end in words."""
    try:
        write_json(path, content)
    except StudyError as error:
        raise RefusalError(str(error)) from None
