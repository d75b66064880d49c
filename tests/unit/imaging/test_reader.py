"""The streaming reader, against nibabel and against every kind of damaged file."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from made_runs import AFFINE, nifti_bytes

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.confounds import read_confounds
from ketfc.imaging.io import reader
from ketfc.imaging.io.reader import (
    read_geometry,
    read_header,
    read_volume,
    require_whole,
    stored_volumes,
)
from ketfc.imaging.io.sidecars import read_sidecar

SHAPE = (5, 6, 4, 7)
KINDS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def numbers(dtype: str, rng: np.random.Generator, shape=SHAPE) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return rng.normal(1000, 50, shape).astype(kind)
    info = np.iinfo(kind)
    low, high = max(info.min, -(2**40)), min(info.max, 2**40)
    return rng.integers(low, high, shape, endpoint=True, dtype=np.int64).astype(kind)


def streamed(path: Path, voxels: np.ndarray) -> np.ndarray:
    header = read_header(path)
    stored = np.concatenate([batch.copy() for batch in stored_volumes(path, voxels)])
    return stored * header.slope + header.inter


def by_nibabel(path: Path, voxels: np.ndarray) -> np.ndarray:
    data = nib.load(path).get_fdata()
    return data.reshape(-1, data.shape[3], order="F").T[:, voxels]


def refused(path: Path) -> RunError:
    """Return the error of reading a file to its end; its message must name the file."""
    with pytest.raises(RunError) as caught:
        for _ in stored_volumes(path, np.arange(20)):
            pass
    assert path.name in caught.value.reason
    return caught.value


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", KINDS)
def test_every_stored_type_and_byte_order_reads_as_in_nibabel(dtype, order, rng, tmp_path):
    stored = numbers(dtype, rng)
    voxels = np.sort(rng.choice(120, 50, replace=False))
    for version in (1, 2):
        content = nifti_bytes(stored, order=order, version=version, slope=0.25, inter=-7.5)
        for path, data in (
            (tmp_path / f"v{version}_bold.nii", content),
            (tmp_path / f"v{version}_bold.nii.gz", gzip.compress(content)),
        ):
            path.write_bytes(data)
            np.testing.assert_allclose(streamed(path, voxels), by_nibabel(path, voxels), rtol=1e-12)


@pytest.mark.parametrize(
    ("slope", "inter", "expected"),
    [
        (2.0, 10.0, (2.0, 10.0)),
        (-0.5, 0.0, (-0.5, 0.0)),
        (1.0, 3.0, (1.0, 3.0)),
        (0.0, 5.0, (1.0, 0.0)),
        (np.nan, 5.0, (1.0, 0.0)),
        (np.nan, np.nan, (1.0, 0.0)),
    ],
)
def test_scaling_is_that_of_nibabel(slope, inter, expected, rng, tmp_path):
    path = tmp_path / "bold.nii"
    path.write_bytes(nifti_bytes(numbers("i2", rng), slope=slope, inter=inter))
    header = read_header(path)
    assert (header.slope, header.inter) == expected
    np.testing.assert_allclose(streamed(path, np.arange(120)), by_nibabel(path, np.arange(120)))


def test_a_file_of_many_batches_is_read_whole(rng, tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "_BATCH_BYTES", 2 * 120 * 2 + 5)
    path = tmp_path / "bold.nii.gz"
    path.write_bytes(gzip.compress(nifti_bytes(numbers("i2", rng))))
    batches = [batch.copy() for batch in stored_volumes(path, np.arange(120))]
    assert [len(batch) for batch in batches] == [2, 2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(batches), by_nibabel(path, np.arange(120)))


@pytest.mark.parametrize("extension", [16, 192, 208, 5008])
@pytest.mark.parametrize("version", [1, 2])
def test_header_extensions_of_any_length_are_passed_over(version, extension, rng, tmp_path):
    path = tmp_path / "bold.nii.gz"
    content = nifti_bytes(numbers("i2", rng), version=version, extension=extension)
    path.write_bytes(gzip.compress(content))
    np.testing.assert_array_equal(streamed(path, np.arange(120)), by_nibabel(path, np.arange(120)))


@pytest.mark.parametrize(("version", "place"), [(1, slice(108, 112)), (2, slice(168, 176))])
def test_data_whose_place_is_not_told_follow_the_header(version, place, rng, tmp_path):
    stored = numbers("i2", rng)
    content = bytearray(nifti_bytes(stored, version=version))
    content[place] = bytes(place.stop - place.start)
    path = tmp_path / "bold.nii"
    path.write_bytes(content)
    expected = stored.reshape(120, 7, order="F").T
    np.testing.assert_array_equal(streamed(path, np.arange(120)), expected)


def test_several_gzip_members_are_one_file(rng, tmp_path):
    content = nifti_bytes(numbers("f4", rng))
    path = tmp_path / "bold.nii.gz"
    parts = [content[:300], content[300:1234], content[1234:], b""]
    path.write_bytes(b"".join(map(gzip.compress, parts)))
    np.testing.assert_array_equal(streamed(path, np.arange(120)), by_nibabel(path, np.arange(120)))


def test_the_header_tells_grid_volumes_and_repetition_time(rng, tmp_path):
    path = tmp_path / "bold.nii"
    for units, stored, seconds in [
        ("sec", 0.8, 0.8),
        ("msec", 800.0, 0.8),
        ("usec", 8e5, 0.8),
        ("unknown", 2.5, 2.5),
        ("sec", 0.0, None),
    ]:
        content = nifti_bytes(numbers("i2", rng), repetition_time=stored, units=units)
        path.write_bytes(content)
        header = read_header(path)
        assert header.repetition_time == (pytest.approx(seconds) if seconds else None)
        assert header.n_volumes == 7
        assert header.grid.shape == SHAPE[:3]
        np.testing.assert_allclose(header.grid.affine, AFFINE)


def test_a_file_cut_at_any_byte_is_refused(rng, tmp_path):
    content = nifti_bytes(numbers("i2", rng))
    path = tmp_path / "sub-01_bold.nii"
    for end in [0, 1, 3, 4, 100, 347, 348, 351, 352, 353, 500, 544, 545, 831, len(content) - 1]:
        path.write_bytes(content[:end])
        error = refused(path)
        assert error.rule == "damaged-image"
        if end >= 352:
            assert error.threshold == 7
            assert error.value == (end - 352) // 240


def test_a_gzipped_file_cut_at_any_byte_is_refused(rng, tmp_path):
    content = gzip.compress(nifti_bytes(numbers("i2", rng)))
    path = tmp_path / "sub-01_bold.nii.gz"
    ends = {*range(0, len(content), 67), *range(12), *(len(content) - k for k in range(1, 12))}
    for end in sorted(ends):
        path.write_bytes(content[:end])
        assert refused(path).rule == "damaged-image"


def test_a_large_gzipped_file_cut_between_batches_is_refused(rng, tmp_path):
    content = gzip.compress(nifti_bytes(numbers("f4", rng, (40, 40, 40, 20))), 1)
    path = tmp_path / "sub-01_bold.nii.gz"
    for part in (0.01, 0.3, 0.9, 0.9999):
        path.write_bytes(content[: int(part * len(content))])
        assert refused(path).rule == "damaged-image"


def test_more_data_than_the_header_says_are_refused(rng, tmp_path):
    content = nifti_bytes(numbers("i2", rng))
    for path, data in (
        (tmp_path / "bold.nii", content + b"\0"),
        (tmp_path / "bold.nii.gz", gzip.compress(content + b"\0" * 240)),
        (tmp_path / "two_bold.nii.gz", gzip.compress(content) + gzip.compress(b"more")),
    ):
        path.write_bytes(data)
        error = refused(path)
        assert error.rule == "damaged-image"
        assert "more data than the 7 volumes" in error.reason


def test_a_wrong_checksum_is_seen(rng, tmp_path):
    content = bytearray(gzip.compress(nifti_bytes(numbers("i2", rng))))
    path = tmp_path / "bold.nii.gz"
    for place in (-8, -5, -4, -1):
        damaged = content.copy()
        damaged[place] ^= 0x40
        path.write_bytes(damaged)
        assert refused(path).rule == "damaged-image"


def test_a_damaged_byte_anywhere_in_the_data_is_seen(rng, tmp_path):
    content = bytearray(gzip.compress(nifti_bytes(numbers("f4", rng))))
    path = tmp_path / "bold.nii.gz"
    for place in np.linspace(12, len(content) - 9, 25).astype(int):
        damaged = content.copy()
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        refused(path)


def test_what_is_no_nifti_file_is_refused(tmp_path):
    text = b"participant_id\tage\nsub-01\t33\n" * 50
    for path, data in (
        (tmp_path / "text.nii", text),
        (tmp_path / "text.nii.gz", text),
        (tmp_path / "zipped_text.nii.gz", gzip.compress(text)),
        (tmp_path / "zeros.nii", b"\0" * 2000),
    ):
        path.write_bytes(data)
        assert refused(path).rule == "damaged-image"
        with pytest.raises(RunError, match=path.name):
            read_header(path)
        with pytest.raises(RunError, match=path.name):
            read_volume(path)


def test_a_gzipped_file_without_its_suffix_is_refused(rng, tmp_path):
    path = tmp_path / "bold.nii"
    path.write_bytes(gzip.compress(nifti_bytes(numbers("i2", rng))))
    assert refused(path).rule == "damaged-image"


def test_what_is_not_4_d_or_not_real_is_refused(rng, tmp_path):
    path = tmp_path / "bold.nii"
    path.write_bytes(nifti_bytes(numbers("i2", rng, (5, 6, 4))))
    error = refused(path)
    assert (error.rule, error.value) == ("not-4d", "5×6×4")
    path.write_bytes(nifti_bytes(np.zeros((5, 6, 4, 7), dtype=np.complex64)))
    error = refused(path)
    assert (error.rule, error.value) == ("data-type", "complex64")
    rgb = np.zeros((5, 6, 4, 7), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    path.write_bytes(nifti_bytes(rgb))
    assert refused(path).rule == "data-type"


def test_an_affine_that_cannot_be_inverted_is_refused(rng, tmp_path):
    path = tmp_path / "bold.nii"
    content = bytearray(nifti_bytes(numbers("i2", rng)))
    content[280:296] = np.zeros(4, "<f4").tobytes()  # srow_x
    path.write_bytes(content)
    assert refused(path).rule == "affine"
    content[280:296] = np.full(4, np.nan, "<f4").tobytes()
    path.write_bytes(content)
    assert refused(path).rule == "affine"


@pytest.mark.parametrize(
    ("place", "damage"),
    [(70, b"\x0f\x27"), (40, b"\xff\xff"), (42, b"\xfe\xff"), (108, b"\x00\x00\x80\x42")],
    ids=["unknown type", "minus one dimension", "negative size", "data inside the header"],
)
def test_an_impossible_header_is_refused(place, damage, rng, tmp_path):
    path = tmp_path / "bold.nii"
    content = bytearray(nifti_bytes(numbers("i2", rng)))
    content[place : place + len(damage)] = damage
    path.write_bytes(content)
    refused(path)
    with pytest.raises(RunError, match=path.name):
        read_volume(path)


def test_reading_may_stop_early(rng, tmp_path):
    path = tmp_path / "bold.nii.gz"
    path.write_bytes(gzip.compress(nifti_bytes(numbers("f4", rng, (60, 60, 40, 60))), 1))
    volumes = stored_volumes(path, np.arange(5))
    assert next(volumes).shape[1] == 5
    volumes.close()
    with pytest.raises(StopIteration):
        next(volumes)


def test_a_volume_has_three_dimensions_or_a_fourth_of_one(rng, tmp_path):
    path = tmp_path / "mask.nii.gz"
    stored = numbers("u1", rng, (5, 6, 4, 1))
    path.write_bytes(gzip.compress(nifti_bytes(stored)))
    data, grid = read_volume(path)
    np.testing.assert_array_equal(data, stored[..., 0])
    np.testing.assert_allclose(grid.affine, AFFINE)
    path.write_bytes(gzip.compress(nifti_bytes(numbers("u1", rng))))
    with pytest.raises(RunError, match=r"mask\.nii\.gz has 4 dimensions") as caught:
        read_volume(path)
    assert caught.value.rule == "not-3d"
    path.write_bytes(gzip.compress(nifti_bytes(stored))[:-30])
    with pytest.raises(RunError, match=r"mask\.nii\.gz is truncated"):
        read_volume(path)


def test_an_image_of_one_slice_or_one_volume_is_read(rng, tmp_path):
    path = tmp_path / "one.nii"
    for shape in ((5, 6, 1), (1, 1, 1), (5, 1, 4, 1)):
        stored = numbers("i2", rng, shape)
        path.write_bytes(nifti_bytes(stored, slope=0.5, inter=3))
        data, grid = read_volume(path)
        np.testing.assert_array_equal(data, stored.reshape(shape[:3]) * 0.5 + 3)
        assert grid.shape == shape[:3]
    path.write_bytes(nifti_bytes(numbers("i2", rng, (5, 6, 1, 1))))
    assert read_header(path).n_volumes == 1
    np.testing.assert_array_equal(streamed(path, np.arange(30)), by_nibabel(path, np.arange(30)))


def test_the_grid_of_an_image_of_any_number_of_dimensions_is_read(tmp_path):
    affine = np.diag([2.0, 3, 4, 1])
    for shape, grid, zooms in (
        ((5, 6, 4, 7), (5, 6, 4), (2, 3, 4)),
        ((5, 6, 4), (5, 6, 4), (2, 3, 4)),
        ((5, 6), (5, 6, 1), (2, 3, 0)),
        ((5,), (5, 1, 1), (2, 0, 0)),
    ):
        path = tmp_path / "x.nii"
        nib.save(nib.Nifti1Image(np.zeros(shape, "i2"), affine), path)
        found, sizes = read_geometry(path)
        assert (found.shape, sizes) == (grid, zooms)
        np.testing.assert_allclose(found.affine, affine)


@pytest.mark.parametrize("dim", [[3, 4, 0, 6, 1, 1, 1, 1], [4, 4, 5, 0, 3, 1, 1, 1]])
def test_an_image_without_a_voxel_is_refused(dim, tmp_path):
    path = _with_header(tmp_path / "b.nii", dim=dim)
    with pytest.raises(RunError, match=r"b\.nii"):
        read_volume(path)
    assert refused(path).rule == "not-4d"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_volume_of_less_or_more_data_than_its_header_promises_is_refused(suffix, rng, tmp_path):
    path = tmp_path / f"mask{suffix}"
    content = nifti_bytes(numbers("i2", rng, (5, 6, 4)))
    for data, less_or_more in ((content[:-2], "less"), (content + b"\0\0", "more")):
        path.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
        with pytest.raises(RunError, match=f"it holds {less_or_more} data than") as caught:
            read_volume(path)
        assert caught.value.rule == "damaged-image"


def read_series(path: Path) -> None:
    list(stored_volumes(path, np.arange(20)))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that gives EIO")
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (read_header, "x.nii"),
        (read_series, "x.nii"),
        (read_series, "x.nii.gz"),
        (read_volume, "x.nii"),
        (read_volume, "x.nii.gz"),
        (read_confounds, "x.tsv"),
        (read_sidecar, "x.json"),
    ],
)
def test_a_disk_that_fails_is_no_fault_of_the_run(read, name, tmp_path):
    # the first page of a process is never mapped, so that reading it is an input/output error
    path = tmp_path / name
    path.symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match="Input/output error"):
        read(path)


def _with_header(path, **fields):
    content = bytearray(nifti_bytes(np.ones((4, 5, 6, 3), "i2")))
    head = nib.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        head[name] = value
    content[:348] = head.binaryblock
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("fields", "rule", "said"),
    [
        ({"sform_code": 0, "qform_code": 0}, "affine", "does not say where its voxels lie"),
        ({"qoffset_x": 40}, "affine", "up to 15.5 voxels apart"),
        ({"vox_offset": np.nan}, "damaged-image", "is not a NIfTI image"),
        ({"vox_offset": np.inf}, "damaged-image", "is not a NIfTI image"),
        ({"scl_slope": np.inf}, "damaged-image", "infinite scl_slope"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(fields, rule, said, tmp_path):
    with pytest.raises(RunError, match=said) as caught:
        read_header(_with_header(tmp_path / "b.nii", **fields))
    assert caught.value.rule == rule


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_sform_and_qform_that_part_along_one_axis_alone_are_refused(axis, tmp_path):
    sizes = [1.0, 4, 4, 4, 2, 0, 0, 0]
    sizes[axis] = 5.5
    with pytest.raises(RunError, match="voxels apart"):
        read_header(_with_header(tmp_path / "b.nii", pixdim=sizes))


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_sform_and_qform_may_part_by_less_than_half_a_voxel_at_the_far_end(axis, tmp_path):
    # by 0.3 mm a voxel: up to 0.3, 0.375 and 0.45 voxels, at the end of 4, 5 and 6
    sizes = [1.0, 4, 4, 4, 2, 0, 0, 0]
    sizes[axis] = 4.3
    assert read_header(_with_header(tmp_path / "b.nii", pixdim=sizes)).n_volumes == 3


def test_how_far_sform_and_qform_part_is_told_in_voxels(tmp_path):
    with pytest.raises(RunError) as caught:
        read_header(_with_header(tmp_path / "b.nii", qoffset_x=40))
    assert (caught.value.value, caught.value.threshold) == (15.5, 0.5)
    with pytest.raises(RunError) as caught:
        read_header(_with_header(tmp_path / "b.nii", sform_code=0, qform_code=0))
    assert (caught.value.value, caught.value.threshold) == (0, "> 0")


def test_sform_and_qform_of_different_codes_may_mean_different_spaces(tmp_path):
    path = _with_header(tmp_path / "b.nii", qform_code=1, qoffset_x=40)
    np.testing.assert_allclose(read_header(path).grid.affine, AFFINE)


@pytest.mark.parametrize("name", ["b.nii", "b.nii.gz"])
def test_no_memory_is_taken_for_what_a_file_cannot_hold(name, tmp_path):
    path = _with_header(tmp_path / "b.nii", dim=[4, 32767, 32767, 32767, 3, 1, 1, 1])
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(RunError, match=r"can hold .* at most") as caught:
        list(stored_volumes(tmp_path / name, np.arange(3)))
    assert caught.value.rule == "damaged-image"


def test_what_a_file_can_hold_is_its_own_size_or_that_of_the_best_deflation(tmp_path):
    # a volume of 1,000 bytes in a file of 352 + 720
    path = _with_header(tmp_path / "b.nii", dim=[4, 10, 10, 6, 3, 1, 1, 1])
    with pytest.raises(RunError, match=r"has 1200 bytes by its header") as caught:
        list(stored_volumes(path, np.arange(3)))
    assert (caught.value.value, caught.value.threshold) == (1200, 1072)
    assert len(list(stored_volumes(_with_header(path), np.arange(3)))) == 1
    huge = _with_header(tmp_path / "h.nii", dim=[4, 999, 999, 99, 3, 1, 1, 1]).read_bytes()
    packed = tmp_path / "h.nii.gz"
    packed.write_bytes(gzip.compress(huge))
    with pytest.raises(RunError) as caught:
        list(stored_volumes(packed, np.arange(3)))
    assert caught.value.threshold == 1100 * packed.stat().st_size


def test_an_image_whose_length_agrees_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "b.nii.gz"
    content = nifti_bytes(np.arange(360, dtype="i2").reshape(4, 5, 6, 3))
    path.write_bytes(gzip.compress(content))
    (tmp_path / "b.nii").write_bytes(content)
    monkeypatch.setattr("ketfc.imaging.io.reader.stored_volumes", None)
    require_whole(path)
    require_whole(tmp_path / "b.nii")


def test_a_whole_image_is_known_by_its_length(tmp_path):
    content = nifti_bytes(np.arange(360, dtype="i2").reshape(4, 5, 6, 3))
    path = tmp_path / "b.nii.gz"
    for good in (
        gzip.compress(content),
        gzip.compress(content[:500]) + gzip.compress(content[500:]),
    ):
        path.write_bytes(good)
        require_whole(path)
    for bad in (content[:-2], content + b"\1\0"):
        path.write_bytes(gzip.compress(bad))
        with pytest.raises(RunError, match=r"truncated|more data"):
            require_whole(path)
