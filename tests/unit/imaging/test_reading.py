"""The one read of a run, and the file that denoising takes it from."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from made_runs import REGIONS, build_run, place

from ketfc.imaging.run.operators import RunFiles
from ketfc.imaging.run.reading import Extraction, extract_run, read_extraction, write_extraction

NAMES = {"Circuits": [each.id for each in REGIONS], "Slabs": [f"p{i}" for i in range(1, 8)]}


def extracted(run, others=(), carpet_atlas: str | None = "Slabs") -> Extraction:
    files = run.files
    return extract_run(
        files.bold, files.mask, place, NAMES, others=others, carpet_atlas=carpet_atlas
    )


def back(extraction: Extraction, path: Path) -> Extraction:
    write_extraction(path, extraction)
    return read_extraction(path)


def test_what_was_read_comes_back_to_the_last_bit(make_run, tmp_path):
    run = make_run(80, dtype="int16", slope=0.37)
    before = extracted(run)
    after = back(before, tmp_path / "a.npz")
    assert after.regions == {atlas: tuple(names) for atlas, names in NAMES.items()}
    assert (after.length.n_volumes, after.length.repetition_time) == (80, 2.0)
    assert (after.error, after.failed) == (None, None)
    assert after.series.regions == before.series.regions
    assert after.series.series.dtype == np.float64
    np.testing.assert_array_equal(after.series.series, before.series.series)
    pd.testing.assert_frame_equal(after.series.coverage, before.series.coverage)
    for name, array in vars(before.carpet).items():
        found = getattr(after.carpet, name)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_the_same_run_gives_the_same_bytes_without_any_pickle(make_run, tmp_path):
    run = make_run(60)
    for name in ("a.npz", "b.npz"):
        write_extraction(tmp_path / name, extracted(run))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as file:
        assert not any(b"'|O'" in file.read(name)[:200] for name in file.namelist())


def test_no_threshold_of_coverage_is_applied_when_reading(make_run):
    def kill(data: np.ndarray) -> None:
        data[1:9, 2:4] = 0

    series = extracted(make_run(60, edit=kill)).series
    low = series.coverage.set_index("region").loc["p2", "coverage_shared"]
    assert 0 < low < 0.5
    assert series.by_atlas(low)["Slabs"].series["p2"].notna().all()
    assert series.by_atlas(low + 1e-9)["Slabs"].series["p2"].isna().all()
    # the stacked series stay as they are
    assert series.by_atlas(0.0)["Slabs"].series["p2"].notna().all()


def test_a_run_that_cannot_be_read_says_where_it_failed_and_keeps_the_names(make_run, tmp_path):
    run = make_run(60, edit=lambda data: data.fill(np.nan))
    image = back(extracted(run), tmp_path / "image.npz")
    assert (image.failed, image.error.rule, image.length.n_volumes) == ("image", "not-finite", 60)
    assert image.error.reason == extracted(run).error.reason
    run.files.mask.write_bytes(run.files.mask.read_bytes()[:30])
    assert back(extracted(run), tmp_path / "mask.npz").failed == "mask"
    run.files.bold.write_bytes(b"")
    nothing = back(extracted(run), tmp_path / "header.npz")
    assert (nothing.failed, nothing.length, nothing.series, nothing.carpet) == (
        "header", None, None, None,
    )  # fmt: skip
    assert list(nothing.regions) == list(NAMES)


def test_the_lengths_of_the_other_runs_are_kept_in_their_order(make_run, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = build_run(tmp_path / "one", 70), build_run(tmp_path / "two", 90)
    one.files.bold.write_bytes(b"")
    others = [(each.files.bold, each.files.mask) for each in (one, two)]
    found = back(extracted(make_run(60), others), tmp_path / "x.npz")
    assert found.others[0] is None
    assert found.others[1].n_volumes == 90


def test_reading_imports_nothing_of_denoising():
    code = (
        "import sys, ketfc.imaging.run.reading, ketfc.imaging.run.measured_regions\n"
        "print([name for name in sys.modules if name.startswith(('ketfc.imaging.denoise',"
        " 'ketfc.study.config.denoising', 'nilearn'))])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_the_files_of_a_run_are_those_of_the_manifest():
    run = {"bold": "a", "mask": "b", "confounds": "c", "session": "pre", "folder": "x"}
    others = {"bold": ["d"], "mask": ["e"], "confounds": [], "session": [], "sidecars": []}
    assert RunFiles.of(run, others) == RunFiles(Path("a"), Path("b"), Path("c"), "pre")
    others |= {"confounds": ["f"], "session": ["post"]}
    (matched,) = RunFiles.of(run, others).others
    assert matched == RunFiles(Path("d"), Path("e"), Path("f"), "post")
