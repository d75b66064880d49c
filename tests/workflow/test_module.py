"""ketfc as a module of another workflow, with and without a prefix."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
import zipfile
from pathlib import Path

import pytest
from made_study import REPO, SPACE, Finished, Study, contents, snakemake

HEAD = 'configfile: "config.yaml"\n'


def module(name: str, **more: str) -> str:
    """Return the lines of a workflow that take in ketfc under a name, with further keys."""
    keys = {"snakefile": repr(str(REPO / "Snakefile")), "config": "config"} | more
    lines = [f"    {key}: {value}" for key, value in keys.items()]
    return "\n".join([f"module {name}:", *lines, f"use rule * from {name} as {name}_*", ""])


def run(study: Study, text: str, *arguments: str, cores: int = 2) -> Finished:
    """Run a workflow of this text in the folder of a study."""
    (study.folder / "Snakefile").write_text(text, encoding="utf-8")
    # of two paths after -s the last one counts
    return snakemake("-s", "Snakefile", *arguments, folder=study.folder, cores=cores)


def test_the_workflow_around_it_has_the_default_target_the_last_word_and_the_image(
    few: Study, tmp_path: Path
) -> None:
    study = few.copy(tmp_path / "study")
    mine = """
onsuccess:
    print("mine is done")

rule all:
    input: "mine.txt"

rule mine:
    input: rules.ketfc_plan.output.summary
    output: "mine.txt"
    shell: "cp {input} {output}"

assert not workflow.get_rule("mine").container_img
"""
    rule_all, rest = mine.partition("rule mine")[0], "rule mine" + mine.partition("rule mine")[2]
    done = run(study, HEAD + rule_all + module("ketfc") + rest)
    assert done.code == 0, done.text
    assert "mine is done" in done.text
    assert "Study tiny (config.yaml): 4 runs of 2 participants" in done.text
    assert (study.folder / "mine.txt").read_bytes() == (
        study.results / "plan/summary.txt"
    ).read_bytes()
    assert not (study.results / "connectivity.tsv").exists()
    # and where nothing comes before it, everything of ketfc is made
    everything = run(study, HEAD + module("ketfc"), "-n")
    assert everything.code == 0, everything.text
    assert everything.jobs["ketfc_extract_run"] == 4
    assert everything.jobs["ketfc_report"] == 1


def test_results_under_a_prefix_have_the_same_bytes_from_files_that_have_none(
    few: Study, few_measured: Study, tmp_path: Path
) -> None:
    study = few.copy(tmp_path / "study")
    text = HEAD + module("ketfc", prefix="'circuits'")
    done = run(study, text, "circuits/results/connectivity.tsv")
    assert done.code == 0, done.text
    assert not study.results.exists()
    assert not (study.folder / "logs").exists()
    mine = contents(study.folder / "circuits/results", "*.tsv")
    theirs = contents(few_measured.results, "*.tsv")
    assert set(mine) == set(theirs)
    assert [name for name in mine if mine[name] != theirs[name]] == []
    # maps are written by the folder's name alone
    maps = {"seed-maps": True, "seeds": ["sgACC"]}
    study.configure(denoising={"primary": "24P", "strategies": ["24P"], "min-time": 60}, maps=maps)
    place = "circuits/results/derivatives/sub-01/ses-pre/func"
    name = f"sub-01_ses-pre_task-rest_space-{SPACE}_seed-sgACC_desc-24P_stat-fisherz_boldmap.nii.gz"
    mapped = run(study, text, f"{place}/{name}")
    assert mapped.code == 0, mapped.text
    assert (study.folder / place / name).is_file()
    assert not study.results.exists()


def test_the_workflow_of_the_docs(few: Study, tmp_path: Path) -> None:
    study = few.copy(tmp_path / "study")
    (study.folder / "config").mkdir()
    (study.folder / "config.yaml").rename(study.folder / "config/config.yaml")
    (study.folder / "slides.py").touch()
    page = (REPO / "docs/module.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^( *)```python\n(.+?)^ *```", page, re.DOTALL | re.MULTILINE)
    whole, changed = (textwrap.dedent(indent + text) for indent, text in blocks)
    done = run(study, whole + changed, "-n", "-p")
    assert done.code == 0, done.text
    assert done.jobs["slides"] == 1
    assert done.jobs["ketfc_figure"] > 8
    assert "ketfc_report" not in done.jobs
    denoised = re.findall(r"rule ketfc_denoise_run:\n(?: .*\n)*? *resources: (.*)", done.text)
    assert len(denoised) == 4
    assert all("mem_mb=8000" in asked for asked in denoised)


def test_two_studies_in_one_workflow(few: Study, tmp_path: Path) -> None:
    study = few.copy(tmp_path / "study")
    text = (
        HEAD
        + "import copy\nother = copy.deepcopy(config)\n"
        + "other['study']['name'] = 'other'\n"
        + module("one", prefix="'one'")
        + module("two", config="other", prefix="'two'")
        + "rule both:\n    default_target: True\n"
        + "    input: rules.one_plan.output, rules.two_plan.output\n"
    )
    done = run(study, text)
    assert done.code == 0, done.text
    for name, study_name in (("one", "tiny"), ("two", "other")):
        design = study.folder / name / "results/plan/design.json"
        assert json.loads(design.read_text(encoding="utf-8"))["study"] == study_name
    # the results of one study are not to be replaced by those of the other
    swapped = text.replace("prefix: 'one'", "prefix: 'two'")
    refused = run(study, swapped)
    assert refused.code == 1
    assert "two/results: this folder holds the results of the study other" in refused.text


def test_what_cannot_be_kept_is_refused_in_words(few: Study, tmp_path: Path) -> None:
    study = few.copy(tmp_path / "study")
    text = module("ketfc", replace_prefix="{'results/': 'mine/'}")
    refused = run(study, HEAD + text, "-n")
    assert refused.code == 1
    assert "replace_prefix cannot be used with ketfc; prefix can." in refused.text


@pytest.mark.slow
def test_a_whole_study_under_a_prefix_and_its_archive(finished: Study, tmp_path: Path) -> None:
    study = finished.copy(tmp_path / "study")
    for folder in ("results", "logs", ".snakemake"):
        (study.folder / folder).rename(tmp_path / folder)
    # what is measured of voxels is written by names of its own
    study.configure(maps={"seed-maps": True, "seeds": ["sgACC"], "permutations": 100})
    text = HEAD + module("ketfc", prefix="'circuits'")
    done = run(study, text, "ketfc_all", "ketfc_bundle", "ketfc_share")
    assert done.code == 0, done.text
    mine = contents(study.folder / "circuits/results", "*.tsv")
    theirs = contents(tmp_path / "results", "*.tsv")
    assert set(theirs) <= set(mine)
    assert not study.results.exists()
    assert (study.folder / "circuits/results/maps/seed-sgACC_change_stat-t.nii.gz").is_file()
    assert [name for name in theirs if mine[name] != theirs[name]] == []
    shared = {path.name for path in (study.folder / "circuits/results/share").rglob("*.tsv")}
    assert {"removed.tsv", "hypotheses.tsv"} <= shared
    with zipfile.ZipFile(study.folder / "circuits/results/bundle.zip") as archive:
        archive.extractall(tmp_path / "bundle")
        assert "results/tests/hypotheses.tsv" in archive.namelist()
    sums = ["sha256sum", "--check", "--quiet", "checksums.sha256"]
    assert subprocess.run(sums, cwd=tmp_path / "bundle", check=False).returncode == 0
    redraw = (tmp_path / "bundle/redraw.yaml").read_text(encoding="utf-8")
    assert "circuits/" not in redraw
