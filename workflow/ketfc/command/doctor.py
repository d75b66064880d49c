"""Examination of the machine and the folder: what would stop a run, and what is good to know."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from ketfc.base.bundled import bundled
from ketfc.base.errors import StudyError
from ketfc.base.screen import wrapped
from ketfc.base.software import package_versions
from ketfc.base.yaml import read_yaml
from ketfc.imaging.atlas.atlas_choice import choose, find_atlas, unknown_atlas
from ketfc.imaging.atlas.catalogue import load_catalogue
from ketfc.imaging.run.resources import file_mb, memory_mb
from ketfc.study.config.config import Config, parse_config
from ketfc.study.config.types import expand
from ketfc.study.runs.index import index_runs

State = Literal["ok", "note", "wrong"]

KNOWN_BAD = {
    ("nilearn", "0.13"): "writes seed maps with a header of 8-bit numbers",
    ("nilearn", "0.14.0"): "cuts the decimals off cleaned series of whole numbers",
}
"""Versions that were seen to do wrong, by the beginning of their number."""

TESTED_PAIRS = "Snakemake 9.15 with nilearn 0.14.1, and Snakemake 9.27 with nilearn 0.12.1"
"""The pairs that resolve together: newer ones want different versions of packaging."""

_DEMO_GB = 0.7
_MB_PER_RUN = 8.0
_MB_PER_STRATEGY = 1.8
_MB_PER_MAP = 3.0
"""Disk that a run leaves used: measured 10 MB in the demo (239 parcels, five strategies, two seed
maps) and 17 MB with 400 parcels and five strategies, of which a matrix as text is 1.8 MB."""

_SEEDS = 7
"""Seeds of the primary circuits, which are mapped where the config names none."""


_SECONDS = 10.0
"""Time that the commands of a cluster are given to answer."""


@dataclass(frozen=True)
class Finding:
    """An answer of the examination.

    Attributes
    ----------
    topic : str
        Such as ``memory``.
    state : {"ok", "note", "wrong"}
        ``wrong`` would stop a run.
    text : str
        What was found, in words.
    """

    topic: str
    state: State
    text: str

    @property
    def stops(self) -> bool:
        """True if a run would come to grief over it."""
        return self.state == "wrong"


def examined(config: Path, *, environment: Mapping[str, str]) -> list[Finding]:
    """Examine the machine, and what a study needs of it.

    Parameters
    ----------
    config : pathlib.Path
        The config of this folder, which need not exist.
    environment : mapping of str to str
        Variables of the environment.
    """
    study, unusable = _study(config)
    sizes = _image_sizes(study) if study else []
    return [
        *version_findings(),
        *_about_config(config, study, unusable),
        Finding("cores", "ok", f"{cores()} can be used: --cores {cores()}"),
        memory_finding(sizes),
        disk_finding(Path.cwd(), study, len(sizes)),
        *cluster_findings(environment),
        *atlas_findings(study),
    ]


def in_words(findings: Sequence[Finding]) -> str:
    """Return the findings as text for a terminal of 80 columns, with a last line that sums up."""
    marks = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}
    lines = [f"{marks[each.state]}  {each.topic}: {each.text}" for each in findings]
    wrong = sum(each.stops for each in findings)
    end = f"{wrong} to mend before a run" if wrong else "Nothing here would stop a run"
    return "\n".join(wrapped([*lines, f"{end}."]))


def version_findings() -> list[Finding]:
    """Return the versions, and what is wrong with them: outside the ranges, or at odds."""
    said = ", ".join(f"{name} {number}" for name, number in package_versions().items())
    try:
        needed = [Requirement(each) for each in requires("ketfc") or ()]
    except PackageNotFoundError:
        text = f"{said}; ketfc itself is not installed, so their ranges were not checked"
        return [Finding("versions", "note", text)]
    own = [each for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    problems = [*_outside(own, "ketfc")]
    for each in own:
        problems += _outside(_requirements(each.name), f"{each.name} {_version(each.name)}")
    hint = f" Tested together: {TESTED_PAIRS}."
    return [
        Finding("versions", "ok", said),
        *(Finding("versions", "wrong", problem + hint) for problem in dict.fromkeys(problems)),
    ]


def _requirements(name: str) -> list[Requirement]:
    try:
        found = [Requirement(each) for each in requires(name) or ()]
    except PackageNotFoundError:
        return []
    return [each for each in found if each.marker is None or each.marker.evaluate({"extra": ""})]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _outside(needed: Sequence[Requirement], who: str) -> Iterator[str]:
    """Yield a sentence for each requirement that is not met."""
    for each in needed:
        there = _version(each.name)
        if there is None:
            yield f"{who} needs {each.name}{each.specifier}, which is not installed."
        elif not each.specifier.contains(there, prereleases=True):
            why = next(
                (
                    f", which {what}"
                    for (name, start), what in KNOWN_BAD.items()
                    if name == each.name and f"{there}.".startswith(f"{start}.")
                ),
                "",
            )
            yield f"{who} needs {each.name}{each.specifier}, and this is {there}{why}."


def _study(config: Path) -> tuple[Config | None, str | None]:
    """Return the study of this folder, or why its config cannot be used; neither without one."""
    if not config.is_file():
        return None, None
    try:
        return parse_config(read_yaml(config), source=config.name), None
    except (OSError, ValueError, StudyError) as error:
        return None, str(error)


def _about_config(config: Path, study: Config | None, unusable: str | None) -> Iterator[Finding]:
    if unusable is not None:
        first, *more = unusable.splitlines()
        rest = f" (and {len(more)} more; `ketfc plan` lists them)" if more else ""
        yield Finding("config", "wrong", f"{first}{rest}")
    elif study is None:
        yield Finding("config", "note", f"no {config} here: a run would be of the demo")
    else:
        yield Finding("config", "ok", f"{config} of the study {study.study.name}")


def _image_sizes(study: Config) -> list[Path]:
    """Return the images of a study that are here."""
    about = study.study
    if about.simulated or about.scores_only or about.connectivity or about.openneuro:
        return []
    try:
        runs = index_runs(about).runs
    except (OSError, StudyError):
        return []
    return [Path(run.bold) for run in runs if Path(run.bold).is_file()]


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_finding(images: Sequence[Path]) -> Finding:
    """Return the memory of the machine, beside what the largest image needs."""
    here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    needed = max((memory_mb(file_mb(path), 1) for path in images), default=1500) / 1000
    at_once = int(here // needed)
    text = f"{here:.1f} GB; a job that reads an image is given {needed:.1f} GB"
    if at_once < 1:
        return Finding("memory", "wrong", f"{text}, more than there is")
    if at_once < cores():
        text += f": --resources mem_mb={int(here * 900)} keeps jobs from filling it"
        return Finding("memory", "note", text)
    return Finding("memory", "ok", text)


def disk_finding(folder: Path, study: Config | None, runs: int) -> Finding:
    """Return the free disk beside what the results of a study will take."""
    free = shutil.disk_usage(folder).free / 1e9
    if not os.access(folder, os.W_OK):
        return Finding("disk", "wrong", f"nothing can be written to {folder}")
    if study is None or study.study.simulated:
        what, needed = "the demo", _DEMO_GB
    else:
        maps = study.maps
        n_maps = (
            (len(maps.seeds) if maps.seeds else _SEEDS)
            * len(maps.strategies or (1,))
            * maps.seed_maps
        )
        mb = _MB_PER_RUN + len(study.strategies) * _MB_PER_STRATEGY + n_maps * _MB_PER_MAP
        what, needed = f"the results of {runs} runs", runs * mb / 1000
    text = f"{free:.1f} GB free; {what} will take about {max(needed, 0.1):.1f} GB"
    return Finding("disk", "wrong" if free < needed else "ok", text)


def cluster_findings(environment: Mapping[str, str]) -> list[Finding]:
    """Return whether a Slurm is here and answers, and whether Snakemake can use it."""
    path = environment.get("PATH")
    there = [name for name in ("sbatch", "sinfo", "sacct") if shutil.which(name, path=path)]
    plugin = find_spec("snakemake_executor_plugin_slurm") is not None
    if not there:
        slow = "; with the Slurm plugin installed every start may take 10 s" if plugin else ""
        return [Finding("cluster", "note", f"no Slurm commands: jobs run on this machine{slow}")]
    if "sinfo" not in there:
        return [Finding("cluster", "note", f"of Slurm only {', '.join(there)} is here")]
    try:
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%P"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            env=dict(environment),
        )
        answer = done.stdout if done.returncode == 0 else None
        why = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    except (OSError, subprocess.TimeoutExpired):
        answer, why = None, [f"no answer in {_SECONDS:g} s"]
    if answer is None:
        return [Finding("cluster", "note", f"Slurm is here but does not answer: {why[0]}")]
    partitions = ", ".join(dict.fromkeys(answer.split())) or "none"
    said = f"Slurm answers; partitions: {partitions}"
    if not plugin:
        text = f'{said}. To send jobs there: pip install "ketfc[slurm]" (docs/cluster.md)'
        return [Finding("cluster", "note", text)]
    return [Finding("cluster", "ok", f"{said}; --profile slurm sends jobs there")]


def atlas_findings(study: Config | None) -> list[Finding]:
    """Return whether the files of the parcellations of a study are on this machine."""
    circuits = study.circuits if study else parse_config(_demo()).circuits
    if study is not None and study.study.connectivity:
        return []
    space = study.study.space if study else "MNI152NLin2009cAsym"
    catalogue = load_catalogue(bundled("atlases/parcellations.yaml"))
    folder = expand(circuits.atlases_dir) if circuits.atlases_dir else None
    findings = []
    for each in circuits.parcellation:
        if each.image is not None:
            here = expand(each.image).exists()
            text = f"{each.name} {'is' if here else 'is not'} at {each.image}"
            findings.append(Finding("atlas", "ok" if here else "wrong", text))
            continue
        try:
            atlas = find_atlas(each.name, catalogue, folder)
            if atlas is None:
                raise unknown_atlas(each.name, catalogue, folder)
            if atlas.kind != "files":
                findings.append(Finding("atlas", "ok", f"{each.name} is built in"))
                continue
            found = choose(
                atlas,
                space,
                folder=folder,
                catalogue=catalogue,
                other_templates=circuits.allow_template_mismatch,
            )
        except StudyError as error:
            findings.append(Finding("atlas", "wrong", str(error.problems[0].message)))
            continue
        if found.file is None:
            ways = " or ".join(download.by for download in found.downloads)
            text = f"{each.name} is not here and will be fetched by {ways}, which needs a network"
            findings.append(Finding("atlas", "note", text))
        else:
            findings.append(Finding("atlas", "ok", f"{each.name} is at {found.file.image}"))
    return findings


def _demo() -> dict[str, object]:
    content: dict[str, object] = read_yaml(bundled("config/config.yaml"))
    return content
