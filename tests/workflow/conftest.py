"""A small study, before and after a full run of the workflow."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_study import (
    Study,
    labels,
    mount,
    people,
    touch_run,
    write_blocks,
    write_participants,
    write_run,
)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The small study, never run: twelve participants in two arms, before and after."""
    study = Study(tmp_path_factory.mktemp("tiny"))
    for participant in labels(people()):
        for session in ("pre", "post"):
            write_run(study, participant, session)
    write_participants(study, people())
    write_blocks(study)
    study.configure()
    return study


@pytest.fixture(scope="session")
def finished(pristine: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The small study after one full run with two cores, one for all of xdist; tests copy it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    study = Study(shared / "finished")
    with (shared / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "finished.ok").exists():
            pristine.copy(study.folder)
            done = study.run()
            assert done.code == 0, done.text
            (shared / "finished.ok").touch()
    return study


@pytest.fixture
def done(finished: Study, tmp_path: Path) -> Study:
    """A copy of the finished study, to change and run again."""
    return finished.copy(tmp_path / "study")


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of four runs and one strategy, never run, for what needs real jobs but no results."""
    study = Study(tmp_path_factory.mktemp("few"))
    for participant in labels(people(1)):
        for session in ("pre", "post"):
            write_run(study, participant, session)
    write_participants(study, people(1))
    write_blocks(study)
    study.configure(denoising={"primary": "24P", "strategies": ["24P"], "min-time": 60})
    return study


@pytest.fixture(scope="session")
def few_measured(few: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The four runs after they were measured undisturbed; tests compare with it."""
    study = few.copy(tmp_path_factory.mktemp("measured"))
    done = study.run("results/connectivity.tsv")
    assert done.code == 0, done.text
    return study


@pytest.fixture
def empty(tmp_path: Path) -> Callable[..., Study]:
    """Return a function that makes a study whose images are empty files, for plans."""

    def empty(rows: list[dict[str, Any]] | None = None, **sections: dict[str, Any]) -> Study:
        study = Study(tmp_path / "study")
        for participant in labels(people(2)):
            for session in ("pre", "post"):
                touch_run(study, participant, session)
        write_participants(study, people(2) if rows is None else rows)
        write_blocks(study)
        study.configure(**sections)
        return study

    return empty


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder that a test mounts something on."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    yield folder
    subprocess.run(["umount", "-l", folder], capture_output=True, check=False)


@pytest.fixture
def small_disk(mounted: Path) -> Callable[[Study, int], Study]:
    """Return a function that copies a study to a disk with so many KB left."""

    def small_disk(study: Study, left: int) -> Study:
        mount("-t", "tmpfs", "-o", "size=64m", "ketfc-test", str(mounted))
        copied = study.copy(mounted / "study")
        disk = os.statvfs(mounted)
        used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize // 1024
        mount("-o", f"remount,size={used + left}k", str(mounted))
        return copied

    return small_disk
