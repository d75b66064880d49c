"""Disks and files that fail, fill up, change or vanish: said in words, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from made_study import (
    Study,
    assert_nothing_half_written,
    assert_same_tables,
    command,
    contents,
    mount,
)

MEASURE = "results/connectivity.tsv"
BOLD = "_desc-preproc_bold.nii.gz"


def read_only(folder: Path) -> None:
    mount("--bind", str(folder), str(folder))
    mount("-o", "remount,bind,ro", str(folder))


def test_a_folder_that_cannot_be_written_is_named(few: Study, mounted: Path) -> None:
    study = few.copy(mounted)
    read_only(mounted)
    done = study.run("plan")
    assert done.code != 0
    assert "cannot be written (Read-only file system): work in a folder that can be" in done.text
    assert "Traceback" not in done.text


def test_a_second_call_in_a_folder_at_work_is_refused_in_words(few: Study, tmp_path: Path) -> None:
    study = few.copy(tmp_path / "study")
    first = subprocess.Popen(
        command("plan", "--configfile", "config.yaml", cores=1),
        cwd=study.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not list(study.folder.glob(".snakemake/locks/*")):
            assert first.poll() is None
            time.sleep(0.01)
        # at work for as long as it takes
        first.send_signal(signal.SIGSTOP)
        second = study.run("plan")
    finally:
        first.send_signal(signal.SIGCONT)
    assert second.code != 0
    assert "Directory cannot be locked" in second.text
    assert str(study.folder) in second.text
    assert first.wait(timeout=300) == 0


@pytest.mark.slow
def test_a_full_disk_is_said_and_a_plain_call_goes_on(
    few: Study, few_measured: Study, small_disk: Callable[[Study, int], Study], mounted: Path
) -> None:
    # room for the plan, the atlas and one or two of the four runs
    study = small_disk(few, 4000)
    full = study.run(MEASURE)
    assert full.code == 1
    assert "cannot be written (No space left on device): make room and start again" in full.text
    assert "Traceback" not in full.text
    assert_nothing_half_written(study, few_measured)

    mount("-o", "remount,size=64m", str(mounted))
    done = study.run(MEASURE)
    assert done.code == 0, done.text
    # what had room is not measured again
    assert 1 <= done.jobs["extract_run"] < 4
    assert_same_tables(study, few_measured)


@pytest.mark.slow
def test_two_studies_share_derivatives_that_nobody_may_write(
    few: Study, few_measured: Study, mounted: Path, tmp_path: Path
) -> None:
    few.copy(mounted)
    read_only(mounted)
    before = contents(mounted)
    studies = []
    for name in ("one", "two"):
        study = few.copy(tmp_path / name)
        study.configure(
            denoising={"primary": "24P", "strategies": ["24P"], "min-time": 60},
            study={"derivatives": str(mounted / "fmriprep"), "name": name},
        )
        studies.append(study)
    threads = [
        threading.Thread(target=study.run, args=(MEASURE,), kwargs={"cores": 1})
        for study in studies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    measured = (few_measured.results / "connectivity.tsv").read_bytes()
    for study in studies:
        assert (study.results / "connectivity.tsv").read_bytes() == measured
        assert study.run("-n", MEASURE).jobs == {}
    assert contents(mounted) == before


class Beside:
    """Something that goes on while Snakemake runs, in a thread of its own."""

    def __init__(self, act: Callable[[], None], *, seconds: float = 0.01) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._repeat, args=(act, seconds))

    def _repeat(self, act: Callable[[], None], seconds: float) -> None:
        while not self._stop.wait(seconds):
            act()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.slow
def test_an_image_that_is_still_being_written_fails_its_run_alone(
    few: Study, few_measured: Study, tmp_path: Path
) -> None:
    study = few.copy(tmp_path / "study")
    image = study.file("01", "pre", BOLD)
    copied = image.stat()
    with Beside(image.touch):
        done = study.run(MEASURE)
    assert done.code == 1
    assert f"{image.name}: changed or vanished while it was read: wait until" in done.text
    assert "Traceback" not in done.text
    # the other session of the participant reads this image's header, and the rest nothing of it
    left = {path.name[:15] for path in study.results.rglob("sub-*_desc-ketfc_qc.json")}
    assert {"sub-02_ses-pre_", "sub-02_ses-post"} <= left
    assert "sub-01_ses-pre_" not in left
    assert_nothing_half_written(study, few_measured)

    os.utime(image, ns=(copied.st_atime_ns, copied.st_mtime_ns))
    done = study.run(MEASURE)
    assert done.code == 0, done.text
    assert done.jobs["extract_run"] <= 2
    assert_same_tables(study, few_measured)


@pytest.mark.slow
def test_images_that_vanish_in_the_middle_are_named(
    few: Study, few_measured: Study, tmp_path: Path
) -> None:
    study = few.copy(tmp_path / "study")
    away: dict[Path, Path] = {}

    def take_away() -> None:
        """Move the images of all runs that have not begun, once the first run is done."""
        if away or not list(study.results.rglob("sub-*_desc-ketfc_qc.json")):
            return
        for image in study.derivatives.rglob(f"*{BOLD}"):
            away[image] = image.rename(tmp_path / image.name)

    with Beside(take_away):
        done = study.run(MEASURE, cores=1)
    assert done.code == 1
    assert any(f"{image.relative_to(study.folder)} (missing locally" in done.text for image in away)
    assert_nothing_half_written(study, few_measured)

    for image, moved in away.items():
        moved.rename(image)
    done = study.run(MEASURE)
    assert done.code == 0, done.text
    assert done.jobs["extract_run"] < 4
    assert_same_tables(study, few_measured)
