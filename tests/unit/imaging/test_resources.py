"""Resources that jobs ask a scheduler for, by size and number of the files they read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketfc.imaging.run.resources import (
    denoising_mb,
    denoising_minutes,
    edgewise_minutes,
    file_mb,
    group_map_mb,
    group_map_minutes,
    matrices_mb,
    memory_mb,
    minutes,
    prediction_minutes,
    reading_minutes,
    voxels_mb,
)


def test_a_run_is_given_more_for_a_larger_image_and_at_every_attempt() -> None:
    small, large = 1, 200
    # the whole file fits, inflated in part; a slow machine inflates 20 MB in a minute
    assert 2 * 200 < memory_mb(large, 1) - memory_mb(small, 1) < 1000
    assert 200 / 20 <= minutes(large, 1) - minutes(small, 1) + 1 < 20
    assert memory_mb(large, 3) == 3 * memory_mb(large, 1)


def test_a_read_that_keeps_every_voxel_is_given_room_for_them_twice() -> None:
    # 1,200 volumes of 235,000 voxels; masked whole numbers of that size are 280 MB of gzip
    large = 280
    voxels = 1200 * 235_000 * 4 / 1e6
    assert voxels_mb(large, 1) - memory_mb(large, 1) > 1.4 * voxels
    assert voxels_mb(large, 3) == 3 * voxels_mb(large, 1)


def test_denoising_is_given_more_for_a_longer_run_and_at_every_attempt() -> None:
    # operators of 5,000 volumes take 200 MB each, of 300 next to nothing
    short, long = 1, 18
    assert denoising_mb(short, 1) < 2000 < 4000 < denoising_mb(long, 1)
    assert denoising_minutes(short, 1) < denoising_minutes(long, 1)
    assert denoising_mb(long, 3) == 3 * denoising_mb(long, 1)


def test_memory_for_matrices_covers_what_was_measured() -> None:
    # 2,000 runs of 400 parcels took 1.45 GB, text files of 1.74 MB each
    matrix = 1.74
    assert 1450 < matrices_mb([matrix] * 2000, 1) < 3000


def test_memory_for_matrices_grows_with_their_number_and_is_ruled_by_the_largest() -> None:
    # of a run that was excluded, every cell is n/a and the file is small
    excluded, full = 0.5, 2
    some = matrices_mb([excluded] + [full] * 99, 1)
    assert some == matrices_mb([full] * 100, 1)
    assert matrices_mb([full] * 300, 1) - matrices_mb([full] * 200, 1) == pytest.approx(
        matrices_mb([full] * 200, 1) - some, abs=1
    )


def test_a_file_that_is_not_there_yet_is_asked_for_again_later(tmp_path: Path) -> None:
    later = tmp_path / "later.tsv"
    with pytest.raises(FileNotFoundError):
        file_mb(later)
    later.write_bytes(b"0" * 1740)
    assert file_mb(later) == 0.00174


def test_time_grows_with_the_number_of_files_and_the_attempt() -> None:
    assert reading_minutes(0, 1) == 20
    # six files of each of 10,000 runs, at 0.05 s each
    assert reading_minutes(60_000, 1) > 60_000 * 0.05 / 60
    assert reading_minutes(100, 2) == 2 * reading_minutes(100, 1)


def test_time_for_the_tests_of_edges_covers_what_was_measured() -> None:
    small, large = 0.01, 1.74
    # a small study fits into a partition of one hour, at its second attempt too
    assert edgewise_minutes([small] * 24, 2, permutations=10_000) < 60
    # 400 parcels of 40 participants, before and after: a minute, or ten where values are missing
    usual = edgewise_minutes([large] * 80, 1, permutations=10_000)
    assert 20 + 10 < usual < 60
    assert edgewise_minutes([large] * 80, 1, permutations=100_000) > usual + 9 * 10
    assert edgewise_minutes([large] * 800, 1, permutations=10_000) > usual + 9 * 10


def test_a_group_map_is_given_more_for_more_runs_and_permutations() -> None:
    maps = [1.0] * 40
    # 20 participants of 235,000 voxels took 230 MB, and 0.1 s a permutation on a busy machine
    assert 230 < group_map_mb(maps, 1) - group_map_mb([], 1) < 1000
    assert group_map_mb(maps, 3) == 3 * group_map_mb(maps, 1)
    few, many = (group_map_minutes(maps, 1, permutations=count) for count in (100, 10_000))
    assert 10_000 * 0.1 / 60 < many - few + 1 < 60
    assert group_map_minutes([], 1, permutations=5000) >= 10


@pytest.mark.parametrize(
    ("features", "model", "expected"),
    [
        ("circuits", "ridge", 250),
        ("circuits", "elastic-net", 1100),
        ("matrix", "ridge", 300),
        ("matrix", "elastic-net", 30_000),
        ("matrix", "cpm", 5000),
    ],
)
def test_a_prediction_is_given_twice_the_time_of_its_fits(features, model, expected) -> None:
    # a million fits of three sets of predictors, at 2.5, 11, 3, 300 and 50 ms each
    about = {"features": features, "model": model}
    assert prediction_minutes(0, 1, fits=1_000_000, **about) == 20 + expected
    assert prediction_minutes(2400, 2, fits=1_000_000, **about) == 2 * (40 + expected)


def test_what_is_asked_for_is_a_base_and_so_much_for_every_megabyte() -> None:
    # of an image: 4 MB, 6 more where voxels are kept, and a minute for 20
    assert (memory_mb(200, 1), voxels_mb(200, 1), minutes(201, 1)) == (2300, 3500, 21)
    assert (denoising_mb(18, 1), denoising_minutes(17.5, 2)) == (4200, 56)
    # of matrices: 0.35 MB, as many times as there are copies, and a minute for 6
    assert matrices_mb([1.0, 2.0] * 50, 1) == 1500 + 70
    assert matrices_mb([2.0] * 100, 2, copies=7) == 2 * (1500 + 490)
    assert edgewise_minutes([2.0, 1.0] * 30, 1, permutations=20_000) == 20 + 40
    assert edgewise_minutes([], 3, permutations=10_000) == 60
    # of maps: 12 MB, and 0.1 s a permutation for the largest
    assert group_map_mb([10.0, 5.0], 1) == 1500 + 180
    assert group_map_minutes([10.0, 5.0], 2, permutations=5000) == 2 * (20 + 167)
    assert group_map_minutes([], 2, permutations=5000) == 40
    assert reading_minutes(121, 1) == 22
