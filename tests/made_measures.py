"""A tiny study through everything up to the numbers of its runs, in this process."""

from __future__ import annotations

import io
import json
import os
import runpy
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import yaml
from made_study import (
    REPO,
    SPACE,
    Study,
    people,
    write_blocks,
    write_participants,
    write_run,
)

from ketfc.base.errors import Problem, RefusalError, StudyError
from ketfc.base.files import read_json, read_tsv
from ketfc.base.logs import problem_in
from ketfc.base.source import code_digests
from ketfc.imaging.preflight.precheck import confound_problems
from ketfc.study.config.config import Config, parse_config
from ketfc.study.config.types import expand
from ketfc.study.runs.index import index_runs
from ketfc.study.runs.manifest import indexed_manifest, siblings
from ketfc.workflow import study_workflow

CODE = code_digests()
NAMED = str(REPO / "atlases/parcellations.yaml")
_SOURCE = {"text": "made up", "verified": False}
REGISTRY = {
    "regions": {
        name: {
            "name": f"the {name}",
            "hemisphere": "left",
            "spheres": [{"space": SPACE, "centre": centre, "radius": 14}],
            "source": _SOURCE,
        }
        for name, centre in (("a", [0, 40, 10]), ("b", [-40, -20, 30]), ("c", [40, -20, 30]))
    },
    "circuits": {
        "one": {
            "name": "one",
            "between": [["a"], ["b", "c"]],
            "primary": True,
            "hypothesis": "it changes",
            "expected-sign": "?",
            "source": _SOURCE,
        }
    },
}


@dataclass
class Outcome:
    """Results of a study.

    Attributes
    ----------
    refused : str
        Why the plan, or a parcellation, stopped it; empty if it went on.
    excluded : dict of str to str
        Why a run is left out, by its name.
    messages : list of str
        Everything the user is told: problems of the plan, reasons in the sidecars of runs.
    outputs : dict of str to bytes
        Every table, and every record of a run's quality, by name.
    """

    refused: str = ""
    excluded: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    outputs: dict[str, bytes] = field(default_factory=dict)


def write_small_study(folder: Path) -> Study:
    """Write two participants with two sessions each, three regions and a parcellation."""
    study = Study(folder)
    for participant in ("01", "02"):
        for session in ("pre", "post"):
            write_run(study, participant, session)
    write_participants(study, people(1))
    write_blocks(study)
    (folder / "circuits.yaml").write_text(yaml.safe_dump(REGISTRY), encoding="utf-8")
    pd.DataFrame(
        {"name": ["s1", "s2"], "x": [0, 20], "y": [20, -40], "z": [20, 20], "radius": [14, 14]}
    ).to_csv(folder / "spheres.tsv", sep="\t", index=False)
    study.configure(
        circuits={"registry": "circuits.yaml"},
        denoising={"strategies": ["none", "36P", "acompcor"]},
    )
    return study


def measure_plan(study: Study, *, images: bool = False) -> Outcome:
    """Plan a study as the workflow does, and make its parcellation if `images` is true.

    An exception that is none of the project's own escapes.
    """
    found = Outcome()
    with _inside(study.folder):
        try:
            config = _plan(found)
            if images and not found.refused:
                _parcellation(found, config)
        except StudyError as error:
            found.refused = str(error)
            found.messages.append(str(error))
    return found


def measure_runs(study: Study) -> Outcome:
    """Measure both runs of the first participant of a study that was planned when undamaged."""
    found = Outcome()
    with _inside(study.folder):
        config = parse_config(yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8")))
        index = index_runs(config.study, [expand(path) for path in config.study.derivatives])
        for problem in (*index.problems, *confound_problems(index.runs, config)):
            found.messages.append(str(problem))
            if problem.severity == "excluded" and problem.run is not None:
                found.excluded.setdefault(problem.run, str(problem))
        runs = indexed_manifest(index)
        others = siblings(runs, compared=False)
        for name, run in runs.items():
            if run["participant_id"] == "sub-01":
                _run(found, config, name, run, others[name])
    return found


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


class _Files(SimpleNamespace):
    """Files by name, over which one can go as over Snakemake's."""

    def __iter__(self) -> Iterator[Any]:
        return iter(vars(self).values())


def _script(name: str, params: SimpleNamespace, **about: Any) -> str:
    """Run a script of the workflow; return what its log says of its end if it failed."""
    params.code = CODE[name.removesuffix(".py")]
    said = io.StringIO()
    # of a study that shares its files with another one by links, none may be written to
    Path("log.txt").unlink(missing_ok=True)
    try:
        with redirect_stderr(said):
            snakemake = SimpleNamespace(log=["log.txt"], params=params, **about)
            runpy.run_path(str(REPO / "workflow/scripts" / name), {"snakemake": snakemake})
    except SystemExit as end:
        log = Path("log.txt")
        ended = problem_in(log) or ""
        text = f"{said.getvalue()}{ended}{'' if isinstance(end.code, int) else end.code}"
        whole = log.read_text(encoding="utf-8")
        assert "Traceback (most recent call last)" not in whole, f"{name}: {whole}"
        return text
    return ""


def _plan(found: Outcome) -> Config:
    from snakemake.common.configfile import load_configfile
    from snakemake_interface_common.exceptions import WorkflowError

    try:
        raw = load_configfile("config.yaml")
    except (WorkflowError, ValueError) as error:
        # Snakemake reads it before anything of ours runs
        raise StudyError([Problem("error", str(error), file="config.yaml")]) from error
    # as workflow/rules/common.smk does it
    try:
        work = study_workflow(raw, REPO, first=True, configfiles=["config.yaml"])
    except RefusalError as error:
        raise StudyError([Problem("error", str(error))]) from error
    # which the rules ask for at once
    assert all(isinstance(each, list) for each in (work.tables, work.instruments, work.lock))
    assert set(work.parcellation_files) == set(work.made_atlases)
    plan = Path("plan")
    names = ("runs", "scores", "participants", "native", "problems")
    files = _Files(**{name: plan / f"{name}.tsv" for name in names}, design=plan / "design.json")
    params = SimpleNamespace(config=raw, folders=work.folders, by_hand=work.by_hand)
    headers = plan / "headers.json"
    failed = _script("headers.py", params=params, output=[headers])
    assert not failed, failed
    failed = _script(
        "inventory.py",
        params=params,
        input=SimpleNamespace(headers=headers, registry=work.registry, parcellations=NAMED),
        output=files,
    )
    assert not failed, failed
    problems = read_tsv(files.problems)
    found.messages += [
        " ".join(str(cell) for cell in row if cell is not None) for row in problems.to_numpy()
    ]
    runs = read_tsv(files.runs)
    left_out = runs[runs["status"] == "excluded"]
    found.excluded |= dict(zip(left_out["run"], left_out["reason"], strict=True))
    for name in ("scores", "participants"):
        found.outputs[f"plan/{name}.tsv"] = (plan / f"{name}.tsv").read_bytes()
    found.refused = _script(
        "plan.py",
        params=SimpleNamespace(listing=None, choices=work.choices, variants=work.variants),
        input=SimpleNamespace(**vars(files), preregistration=work.lock, registry=work.registry),
        output=_Files(summary=plan / "summary.txt"),
    )
    found.messages.append(found.refused)
    return work.config


def _parcellation(found: Outcome, config: Config) -> None:
    (each,) = config.circuits.parcellation
    files = {"image": "made.nii.gz", "table": "made.tsv", "sidecar": "made.json"}
    found.refused = _script(
        "parcellation.py",
        params=SimpleNamespace(
            parcellation={
                "name": each.name, "image": each.image, "labels": each.labels, "space": each.space,
            },
            space=config.study.space,
            folder=None,
            other_templates=config.circuits.allow_template_mismatch,
        ),
        input=SimpleNamespace(named=NAMED),
        output=_Files(**files),
    )  # fmt: skip
    found.messages.append(found.refused)
    if not found.refused:
        found.outputs |= {name: Path(name).read_bytes() for name in files.values()}
        about = read_json(files["sidecar"])
        # the file is another one whenever its bytes are
        del about["SHA256"]
        found.outputs[files["sidecar"]] = json.dumps(about).encode()


class _Inputs(SimpleNamespace):
    """Input files by name, and one after the other, as Snakemake gives them."""

    def __iter__(self) -> Iterator[str]:
        for value in vars(self).values():
            yield from [value] if isinstance(value, str) else value


def _run(
    found: Outcome,
    config: Config,
    name: str,
    run: dict[str, Any],
    others: dict[str, list[str]],
) -> None:
    out = Path("out")
    extraction = f"{name}_extraction.npz"
    space = config.study.space
    failed = _script(
        "extract_run.py",
        input=_Inputs(
            bold=run["bold"],
            mask=run["mask"],
            other_bolds=others["bold"],
            other_masks=others["mask"],
            registry="circuits.yaml",
            spheres="spheres.tsv",
            images=["made.nii.gz"],
            tables=["made.tsv"],
        ),
        output=[extraction],
        params=SimpleNamespace(
            space=space,
            atlases=["Blocks"],
            parcellations=["Blocks"],
            variants=[],
            carpet_atlas="Blocks",
        ),
    )
    assert not failed, failed
    limits = {"max_mean_fd", "max_fd", "max_censored"}
    failed = _script(
        "denoise_run.py",
        wildcards=SimpleNamespace(run=name),
        input=_Inputs(
            extraction=extraction,
            confounds=run["confounds"],
            other_confounds=others["confounds"],
            registry="circuits.yaml",
            atlas_sidecars=["made.json"],
        ),
        output=_Files(circuits=out / "circuits.tsv"),
        params=SimpleNamespace(
            space=space,
            files=run,
            others=others,
            atlases=["Blocks"],
            variants=[],
            denoising=config.denoising.model_dump(mode="json", by_alias=True),
            limits=config.quality.model_dump(by_alias=True, include=limits),
            min_coverage=config.circuits.min_coverage,
            repetition_time=config.study.repetition_time,
        ),
    )
    assert not failed, failed
    for path in sorted(out.glob(f"{name}_*")):
        if path.name.endswith(".tsv"):
            found.outputs[path.name] = path.read_bytes()
        if path.name.endswith("_qc.json"):
            quality = read_json(path)
            reason = quality.get("reason")
            if reason is not None:
                found.excluded.setdefault(name, str(reason))
            found.messages.append(json.dumps(quality, ensure_ascii=False))
            # these say what the headers say, right or wrong, and nothing is computed from them
            for key in ("header_repetition_time", "sidecar_repetition_time"):
                quality["quality"].pop(key, None)
            found.outputs[path.name] = json.dumps(quality).encode()
