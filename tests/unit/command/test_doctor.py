"""The examination of a machine: what it finds wrong, what it notes, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from made_study import CONFIG, Study, touch_run

from ketfc.command import doctor
from ketfc.command.main import main

Packages = Mapping[str, tuple[str, Sequence[str]]]

SOUND: Packages = {
    "ketfc": ("0.1.0", ["snakemake<10,>=9.15", "nilearn!=0.13.*,!=0.14.0,<0.15,>=0.12.1",
                        'absent>=1; extra == "slurm"']),
    "snakemake": ("9.15.0", ["packaging", 'nothing>=3; python_version < "3"']),
    "nilearn": ("0.14.1", ["packaging>=26"]),
    "packaging": ("26.3", []),
}  # fmt: skip


def installed(monkeypatch: pytest.MonkeyPatch, packages: Packages) -> None:
    """Let only these packages be installed: version and requirements by name."""

    def of(name: str) -> tuple[str, Sequence[str]]:
        if name not in packages:
            raise doctor.PackageNotFoundError(name)
        return packages[name]

    monkeypatch.setattr(doctor, "version", lambda name: of(name)[0])
    monkeypatch.setattr(doctor, "requires", lambda name: list(of(name)[1]))


def wrong(findings: Sequence[doctor.Finding]) -> list[str]:
    return [each.text for each in findings if each.stops]


def test_versions_that_fit_are_said_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, SOUND)
    (finding,) = doctor.version_findings()
    assert finding.state == "ok"
    assert "snakemake 9" in finding.text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"nilearn": ("0.14.0", [])}, ["this is 0.14.0, which cuts the decimals off"]),
        ({"nilearn": ("0.13.1", [])}, ["this is 0.13.1, which writes seed maps"]),
        ({"snakemake": ("8.30.0", [])}, ["ketfc needs snakemake<10,>=9.15, and this is 8.30.0."]),
        (
            # what pip leaves behind when it is told to install the newest of both
            {"snakemake": ("9.27.1", ["packaging<26"])},
            ["snakemake 9.27.1 needs packaging<26, and this is 26.3."],
        ),
        ({"packaging": ("25.0", [])}, ["nilearn 0.14.1 needs packaging>=26, and this is 25.0."]),
    ],
)
def test_versions_outside_the_ranges_or_at_odds_are_wrong(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], said: list[str]
) -> None:
    installed(monkeypatch, {**SOUND, **changed})
    found = wrong(doctor.version_findings())
    assert len(found) == len(said)
    for text, part in zip(found, said, strict=True):
        assert part in text
        assert "Snakemake 9.27 with nilearn 0.12.1" in text


def test_a_package_that_is_gone_is_wrong_but_not_one_of_an_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed(monkeypatch, {name: about for name, about in SOUND.items() if name != "packaging"})
    found = wrong(doctor.version_findings())
    assert len(found) == 2
    assert "snakemake 9.15.0 needs packaging, which is not installed." in found[0]


def test_a_folder_without_a_config_is_that_of_the_demo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["doctor"], env={"PATH": str(tmp_path)})
    assert done.exit_code == 0, done.output
    assert "no ketfc.yaml here" in done.output
    assert "the demo will take about 0.7 GB" in done.output
    assert "no Slurm commands" in done.output
    assert "KetfcVoronoi239 is built in" in done.output
    assert done.output.endswith("Nothing here would stop a run.\n")
    assert max(map(len, done.output.splitlines())) <= 80


def study(folder: Path, **circuits: Any) -> Study:
    made = Study(folder)
    touch_run(made, "01", "pre")
    touch_run(made, "01", "post")
    about = CONFIG | {"circuits": circuits}
    (folder / "ketfc.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")
    return made


def test_the_disk_is_held_against_the_runs_of_the_study(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    study(tmp_path)
    config = doctor.parse_config(CONFIG)
    # two runs: 8 MB each, and 1.8 MB for each of five strategies
    for free, state in ((34_100_000, "ok"), (33_900_000, "wrong")):
        usage = type("Usage", (), {"free": free})
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _, usage=usage: usage)
        assert doctor.disk_finding(tmp_path, config, 2).state == state


def test_memory_is_what_the_largest_image_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = tmp_path / "bold.nii.gz"
    image.touch()
    monkeypatch.setattr(doctor, "cores", lambda: 4)
    pages = {"SC_PAGE_SIZE": 1000, "SC_PHYS_PAGES": 0}
    monkeypatch.setattr(doctor.os, "sysconf", pages.__getitem__)
    for gigabytes, state in ((1.4, "wrong"), (5.9, "note"), (6.1, "ok")):
        pages["SC_PHYS_PAGES"] = int(gigabytes * 1e6)
        assert doctor.memory_finding([image]).state == state
    pages["SC_PHYS_PAGES"] = 4_000_000
    assert "--resources mem_mb=3600" in doctor.memory_finding([image]).text


def test_a_config_that_cannot_be_used_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ketfc.yaml").write_text("study: {name: x}\nscores: {}\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["doctor"], env={"PATH": str(tmp_path)})
    assert done.exit_code == 1
    assert "ketfc plan" in done.output
    assert "1 to mend before a run." in done.output


def test_atlases_that_are_not_here_are_wrong_or_to_be_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    own = {
        "name": "Own",
        "image": "own.nii.gz",
        "labels": "own.tsv",
        "space": "MNI152NLin2009cAsym",
    }

    def states(parcellation: Any) -> list[str]:
        given = json.loads(json.dumps(CONFIG | {"circuits": {"parcellation": parcellation}}))
        return [each.state for each in doctor.atlas_findings(doctor.parse_config(given))]

    assert states(["KetfcVoronoi239", "Schaefer400x9"]) == ["ok", "wrong"]
    assert states(own) == ["wrong"]
    Path("own.nii.gz").touch()
    assert states(own) == ["ok"]


def slurm(folder: Path, *lines: str) -> dict[str, str]:
    """Write an ``sinfo`` that does this, and the commands beside it; return the environment."""
    for name in ("sbatch", "sacct"):
        (folder / name).touch(mode=0o755)
    (folder / "sinfo").write_text("\n".join(["#!/bin/sh", *lines]) + "\n", encoding="utf-8")
    (folder / "sinfo").chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_a_cluster_that_answers_is_told_by_its_partitions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = slurm(tmp_path, "echo 'short*'", "echo long")
    monkeypatch.setenv("PATH", environment["PATH"])
    (finding,) = doctor.cluster_findings(environment)
    assert "partitions: short*, long" in finding.text


def test_a_cluster_that_does_not_answer_is_noted_with_its_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = slurm(tmp_path, "echo 'sinfo: error: no controller' >&2", "exit 1")
    monkeypatch.setenv("PATH", environment["PATH"])
    (finding,) = doctor.cluster_findings(environment)
    assert (finding.state, "sinfo: error: no controller" in finding.text) == ("note", True)
    environment = slurm(tmp_path, "exec sleep 20")
    monkeypatch.setattr(doctor, "_SECONDS", 0.2)
    (finding,) = doctor.cluster_findings(environment)
    assert "no answer in 0.2 s" in finding.text
