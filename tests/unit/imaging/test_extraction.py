"""Series, coverage and tSNR of one read, against nilearn's maskers and plain numpy."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from made_runs import AFFINE, MadeRun, nifti_bytes, place, write_gzip

from ketfc.base.errors import RunError
from ketfc.base.files import write_tsv
from ketfc.imaging.atlas.parcellations import Parcellation
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.io.masks import read_mask, require_outside
from ketfc.imaging.regions.definitions import Region, Sphere
from ketfc.imaging.regions.placing import label_regions, sphere_regions
from ketfc.imaging.run.extraction import coverage_by_run, extract, extract_voxels

SHAPE = (12, 13, 11)
GRID = Grid(SHAPE, AFFINE)
SEEDS = {
    "a": ((0.0, 0.0, 0.0), 6.0),
    "b": ((-9.3, 5.2, 3.1), 8.0),
    "small": ((10.1, 8.2, 4.3), 1.0),
    "edge": ((-20.0, -24.0, -16.0), 9.0),
}


def spheres(seeds=SEEDS):
    space = "MNI152NLin2009cAsym"
    regions = [
        Region(name, name, "left", (Sphere(space, centre, radius),), "test", True)
        for name, (centre, radius) in seeds.items()
    ]
    return sphere_regions(regions, space, GRID)


def slabs() -> np.ndarray:
    """Return labels 1, 3, 5 … in slabs of two voxels along j, with a gap of background."""
    labels = np.zeros(SHAPE, dtype=np.int32)
    for j in range(SHAPE[1]):
        labels[:, j] = 2 * (j // 2) + 1
    labels[:, :, 5] = 0
    return labels


def parcels(labels: np.ndarray | None = None):
    labels = slabs() if labels is None else labels
    indices = np.unique(labels[labels > 0]).astype(np.int32)
    names = tuple(f"p{i}" for i in indices)
    parcellation = Parcellation(
        "Slabs", "MNI152NLin2009cAsym", labels, GRID, indices, names, ("",) * len(names)
    )
    return label_regions(parcellation, GRID)


def extracted(run: MadeRun, *sets, min_coverage: float = 0.5):
    mask = run.mask.ravel(order="F")
    return extract(run.files.bold, mask, sets or (spheres(), parcels())).by_atlas(min_coverage)


def by_numpy(data: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Return the mean series of the voxels that are true."""
    return data[voxels].mean(axis=0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("dtype", "slope"), [("float32", np.nan), ("int16", 0.37)])
def test_series_equal_those_of_nilearns_maskers(dtype, slope, make_run):
    from nilearn.maskers import NiftiLabelsMasker, NiftiSpheresMasker

    run = make_run(40, dtype=dtype, slope=slope)
    found = extracted(run, min_coverage=0.0)
    labels = NiftiLabelsMasker(
        nib.Nifti1Image(slabs(), AFFINE), mask_img=run.files.mask, standardize=False
    ).fit_transform(run.files.bold)
    ours = found["Slabs"].series
    covered = ours.columns[ours.notna().all()]
    # the last label lies outside the mask: nilearn 0.14 drops it, 0.12 keeps a column of NaN
    assert list(covered) == [f"p{i}" for i in range(1, 12, 2)]
    np.testing.assert_allclose(ours[covered], labels[:, :6], rtol=2e-6)
    for name, (centre, radius) in SEEDS.items():
        signal = NiftiSpheresMasker(
            [centre], radius=radius, mask_img=run.files.mask, standardize=False, allow_overlap=True
        ).fit_transform(run.files.bold)
        np.testing.assert_allclose(found["Circuits"].series[name], signal[:, 0], rtol=2e-6)
    assert found["Circuits"].coverage["note"].fillna("").tolist() == ["", "", "nearest-voxel", ""]


@pytest.mark.parametrize("dtype", ["int16", ">i2", "uint16", "int32", "float32", ">f4", "float64"])
def test_every_type_gives_the_means_of_numpy(dtype, make_run):
    # 0.5: the made numbers reach 12,000, twice that fits all types
    run = make_run(20, dtype=dtype, slope=0.5)
    found = extracted(run)["Slabs"].series
    for index in (1, 3, 5, 7, 9, 11):
        expected = by_numpy(run.data, (slabs() == index) & run.mask)
        np.testing.assert_allclose(found[f"p{index}"], expected, rtol=1e-6)


def test_a_negative_slope_and_an_intercept_are_applied(make_run, rng):
    run = make_run(20)
    stored = rng.integers(-3000, 3000, (*SHAPE, 20)).astype("i2")
    write_gzip(run.files.bold, nifti_bytes(stored, slope=-2.5, inter=9000.0))
    found = extracted(run)["Slabs"]
    data = stored * -2.5 + 9000.0
    voxels = (slabs() == 3) & run.mask
    np.testing.assert_allclose(found.series["p3"], by_numpy(data, voxels), rtol=1e-6)
    tsnr = (data[voxels].mean(axis=1) / data[voxels].std(axis=1, ddof=1)).mean()
    assert found.coverage.set_index("region").loc["p3", "tsnr"] == pytest.approx(tsnr, rel=1e-5)


def test_small_changes_on_a_high_baseline_survive(make_run, rng):
    def lift(data: np.ndarray) -> None:
        data[:] = 1e6 + rng.standard_normal(data.shape)

    run = make_run(50, dtype="float64", edit=lift)
    single = run.data.astype(np.float32).astype(float)
    write_gzip(run.files.bold, nifti_bytes(run.data.astype("f4")))
    found = extracted(run)["Slabs"].series["p5"]
    np.testing.assert_allclose(found, by_numpy(single, (slabs() == 5) & run.mask), atol=1e-4)


def test_dead_voxels_are_left_out_of_the_mean_and_of_coverage(make_run):
    def kill(data: np.ndarray) -> None:
        data[:, 2, :4] = 0.0
        data[:, 3, :2] = 4321.5

    run = make_run(30, edit=kill)
    found = extracted(run)["Slabs"]
    voxels = (slabs() == 3) & run.mask & (run.data.std(axis=3) > 0)
    np.testing.assert_allclose(found.series["p3"], by_numpy(run.data, voxels), rtol=1e-6)
    row = found.coverage.set_index("region").loc["p3"]
    # 12 × 2 × 10 voxels; the mask leaves out one of the twelve planes
    assert (row["n_voxels"], row["n_covered"]) == (240, 220 - 11 * 6)
    assert row["coverage"] == pytest.approx((220 - 66) / 240)


def test_voxels_that_are_nan_throughout_are_left_out(make_run):
    def lose(data: np.ndarray) -> None:
        data[4, 2:4] = np.nan

    run = make_run(30, edit=lose)
    found = extracted(run)["Slabs"]
    voxels = (slabs() == 3) & run.mask
    voxels[4, 2:4] = False
    np.testing.assert_allclose(found.series["p3"], by_numpy(run.data, voxels), rtol=1e-6)
    assert found.coverage.set_index("region").loc["p3", "n_covered"] == 200


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_lost_in_some_volumes_only_are_refused(value, make_run):
    def spoil(data: np.ndarray) -> None:
        data[4, 2, 2:4, 7] = value

    run = make_run(30, edit=spoil)
    with pytest.raises(RunError, match="has 2 voxels in regions") as caught:
        extracted(run)
    assert (caught.value.rule, caught.value.value) == ("not-finite", 2)
    assert run.files.bold.name in caught.value.reason


def test_an_image_of_nans_is_refused(make_run):
    run = make_run(10, edit=lambda data: data.fill(np.nan))
    with pytest.raises(RunError, match="no finite number") as caught:
        extracted(run)
    assert caught.value.rule == "not-finite"
    assert run.files.bold.name in caught.value.reason


def test_coverage_and_tsnr_are_those_of_numpy(make_run):
    def kill(data: np.ndarray) -> None:
        data[3:5, 6:8, :3] = 0

    run = make_run(60, edit=kill)
    coverage = extracted(run)["Slabs"].coverage.set_index("region")
    alive = run.mask & (run.data.std(axis=3) > 0)
    for index in (1, 5, 7, 11, 13):
        label = slabs() == index
        row = coverage.loc[f"p{index}"]
        assert row["n_voxels"] == label.sum()
        assert row["n_covered"] == (label & alive).sum()
        assert row["coverage"] == pytest.approx((label & alive).sum() / label.sum())
        if (label & alive).any():
            part = run.data[label & alive]
            tsnr = (part.mean(axis=1) / part.std(axis=1, ddof=1)).mean()
            assert row["tsnr"] == pytest.approx(tsnr, rel=1e-4)
    # the last slab is one voxel thick and lies outside the mask
    assert coverage.loc["p13", "n_covered"] == 0
    assert np.isnan(coverage.loc["p13", "tsnr"])


def test_a_region_below_the_threshold_is_missing_and_never_zero(make_run):
    def kill(data: np.ndarray) -> None:
        data[1:7, 2:4] = 0  # 120 of the 220 voxels of p3 in the mask

    run = make_run(20, edit=kill)
    coverage = extracted(run)["Slabs"].coverage.set_index("region")["coverage"]
    assert coverage["p3"] == pytest.approx(100 / 240)
    for threshold, missing in [(0.5, True), (100 / 240, False), (0.4, False)]:
        series = extracted(run, min_coverage=threshold)["Slabs"].series
        assert series["p3"].isna().all() == missing
        assert series["p3"].notna().all() == (not missing)
        assert list(series.columns) == [f"p{i}" for i in range(1, 14, 2)]
        assert series["p5"].notna().all()


def test_a_region_without_any_voxel_is_missing_even_without_a_threshold(make_run):
    run = make_run(20)
    off = spheres({"in": ((0.0, 0.0, 0.0), 6.0), "off": ((-90.0, 0.0, 0.0), 6.0)})
    found = extracted(run, off, parcels(), min_coverage=0.0)
    assert found["Circuits"].series["off"].isna().all()
    assert found["Circuits"].series["in"].notna().all()
    assert found["Slabs"].series["p13"].isna().all()
    row = found["Circuits"].coverage.set_index("region").loc["off"]
    assert (row["n_voxels"], row["n_covered"], row["coverage"]) == (0, 0, 0)


def test_atlases_read_together_give_what_each_gives_alone(make_run):
    run = make_run(20)
    together = extracted(run)
    for atlas, regions in (("Circuits", spheres()), ("Slabs", parcels())):
        alone = extracted(run, regions)[atlas]
        np.testing.assert_allclose(together[atlas].series, alone.series, rtol=1e-12)
        assert together[atlas].coverage.equals(alone.coverage)


def test_batches_do_not_change_the_numbers(make_run, monkeypatch):
    from ketfc.imaging.io import reader

    run = make_run(30)
    whole = extracted(run)["Slabs"]
    monkeypatch.setattr(reader, "_BATCH_BYTES", 1)
    single = extracted(run)["Slabs"]
    np.testing.assert_allclose(single.series, whole.series, rtol=1e-9)
    np.testing.assert_allclose(single.coverage["tsnr"], whole.coverage["tsnr"], rtol=1e-9)


def test_an_image_that_does_not_vary_is_refused(make_run):
    run = make_run(10, edit=lambda data: data.fill(5000.0))
    with pytest.raises(RunError, match="varies over time") as caught:
        extracted(run)
    assert caught.value.rule == "no-signal"


def test_regions_outside_the_mask_altogether_are_refused(make_run):
    run = make_run(10)
    outside = np.where(np.arange(SHAPE[0])[:, None, None] == 0, 1, 0) * np.ones(SHAPE, dtype=int)
    with pytest.raises(RunError, match="no region has a voxel inside the brain mask") as caught:
        extracted(run, parcels(outside.astype(np.int32)))
    assert caught.value.rule == "no-signal"


def test_a_mask_is_what_is_not_zero_whatever_its_type(make_run, tmp_path):
    run = make_run(5)
    stored = np.zeros((*SHAPE, 1), dtype="f4")
    stored[2:5] = 255
    path = tmp_path / "mask.nii.gz"
    write_gzip(path, nifti_bytes(stored))
    mask = read_mask(path, GRID)
    np.testing.assert_array_equal(mask, (stored[..., 0] != 0).ravel(order="F"))
    assert read_mask(run.files.mask, GRID).sum() == run.mask.sum()


@pytest.mark.parametrize("value", [0.3, np.nan, np.inf, -1])
def test_a_mask_of_several_values_is_refused(value, tmp_path):
    stored = np.zeros(SHAPE, dtype="f4")
    stored[2:5], stored[3, 3, 3] = 1, value
    path = tmp_path / "mask.nii.gz"
    write_gzip(path, nifti_bytes(stored))
    with pytest.raises(RunError, match=r"mask\.nii\.gz .*holds") as caught:
        read_mask(path, GRID)
    assert caught.value.rule == "mask-values"


def test_a_mask_on_another_grid_or_without_a_voxel_is_refused(make_run, tmp_path):
    run = make_run(5)
    path = tmp_path / "other_mask.nii.gz"
    moved = AFFINE.copy()
    moved[0, 3] += 2
    for content in (
        nifti_bytes(run.mask.astype("u1"), moved),
        nifti_bytes(run.mask[:-1].astype("u1")),
    ):
        write_gzip(path, content)
        with pytest.raises(RunError, match=r"other_mask\.nii\.gz has another grid") as caught:
            read_mask(path, GRID)
        assert caught.value.rule == "mask-grid"
        assert caught.value.threshold == GRID.describe()
    write_gzip(path, nifti_bytes(np.zeros(SHAPE, dtype="u1")))
    with pytest.raises(RunError, match=r"other_mask\.nii\.gz holds no brain") as caught:
        read_mask(path, GRID)
    assert caught.value.rule == "mask-empty"
    assert (caught.value.value, caught.value.threshold) == (0, 1)


def test_a_mask_of_every_voxel_is_refused_and_one_short_of_that_is_not():
    full = np.ones(GRID.n_voxels, dtype=bool)
    with pytest.raises(RunError, match=r"m\.nii takes the whole image for brain") as caught:
        require_outside(full, Path("m.nii"))
    assert caught.value.rule == "mask-full"
    assert (caught.value.value, caught.value.threshold) == (GRID.n_voxels, GRID.n_voxels - 1)
    full[7] = False
    require_outside(full, Path("m.nii"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda data: np.subtract(data, data.mean(axis=-1, keepdims=True), out=data), "bright"),
        (lambda data: data.__setitem__((6, 6, 5, 3), 1e30), "no scanner gives"),
    ],
)
def test_numbers_that_are_no_bold_signal_are_refused(make_run, spoil, said):
    run = make_run(40, edit=spoil)
    mask = read_mask(run.files.mask, GRID)
    with pytest.raises(RunError, match=said) as caught:
        extract(run.files.bold, mask, place(GRID))
    assert caught.value.rule == "implausible-signal"


def test_voxels_may_vary_as_much_as_they_are_bright_and_no_more(make_run, rng):
    noise = rng.standard_normal((*SHAPE, 60))
    for bright, fine in ((1.3, True), (0.8, False)):
        run = make_run(60, edit=lambda data, bright=bright: np.add(bright, noise, out=data))
        mask = read_mask(run.files.mask, GRID)
        if fine:
            extract(run.files.bold, mask, place(GRID))
            continue
        with pytest.raises(RunError, match="vary over time more than they are bright") as caught:
            extract(run.files.bold, mask, place(GRID))
        assert caught.value.value == pytest.approx(0.8, abs=0.1)
        assert caught.value.value == round(caught.value.value, 6)
        assert caught.value.threshold == 1


@pytest.mark.parametrize(("slope", "largest"), [(np.nan, 1e12), (0.5, 2e12)])
def test_numbers_up_to_a_million_millions_are_read(slope, largest, make_run):
    for share, fine in ((0.99, True), (1.01, False)):

        def edit(data, share=share):
            data[6, 6, 5, 3] = share * 1e12

        run = make_run(40, edit=edit, slope=slope)
        mask = read_mask(run.files.mask, GRID)
        if fine:
            extract(run.files.bold, mask, place(GRID))
            continue
        with pytest.raises(RunError, match="which no scanner gives") as caught:
            extract(run.files.bold, mask, place(GRID))
        assert caught.value.value == pytest.approx(share * largest, rel=1e-6)
        assert caught.value.threshold == largest


def test_voxels_that_are_missing_in_some_volumes_are_counted(make_run):
    def edit(data):
        data[6, 6, 5, 3] = data[6, 6, 4, :7] = np.nan
        data[6, 5, 5] = np.nan

    run = make_run(40, edit=edit)
    with pytest.raises(RunError, match="has 2 voxels in regions that are NaN") as caught:
        extract(run.files.bold, read_mask(run.files.mask, GRID), place(GRID))
    assert (caught.value.rule, caught.value.value, caught.value.threshold) == ("not-finite", 2, 0)
    nothing = make_run(40, edit=lambda data: data.fill(np.inf))
    with pytest.raises(RunError, match="holds no finite number in any region") as caught:
        extract(nothing.files.bold, read_mask(nothing.files.mask, GRID), place(GRID))
    assert caught.value.value > 100
    assert caught.value.threshold == 0


def test_a_voxel_that_hardly_varies_counts_and_one_that_is_rounded_does_not(make_run, rng):
    level = np.float32(10_000)

    def edit(data):
        data[6, 6, 5] = level + 0.01 * rng.standard_normal(40)
        # the next number of single precision, now and then
        data[6, 6, 4] = np.where(np.arange(40) % 3, level, np.nextafter(level, np.float32(np.inf)))

    run = make_run(40, edit=edit)
    _, voxels = extract_voxels(
        run.files.bold,
        read_mask(run.files.mask, GRID),
        place(GRID),
        shared=np.ones(GRID.n_voxels, dtype=bool),
    )
    places = [np.ravel_multi_index((6, 6, k), SHAPE, order="F") for k in (5, 4)]
    assert np.isin(places, voxels.voxels).tolist() == [True, False]


def test_a_series_that_never_varies_is_refused_with_the_number_of_voxels_that_do(make_run):
    run = make_run(20, edit=lambda data: data.fill(700.0))
    with pytest.raises(RunError, match="no voxel of any region varies over time") as caught:
        extract(run.files.bold, read_mask(run.files.mask, GRID), place(GRID))
    assert (caught.value.rule, caught.value.value) == ("no-signal", 0)


@pytest.mark.parametrize(
    ("dtype", "slope"), [("float32", np.nan), ("int16", 0.37), ("int32", 0.5), ("float64", np.nan)]
)
def test_every_voxel_that_is_compared_is_kept_in_the_units_of_the_image(dtype, slope, make_run):
    def edit(data):
        data[3, 4, 5] = 9000.0
        data[4, 4, 5] = 0.0
        if dtype.startswith("float"):
            data[5, 4, 5] = np.nan

    run = make_run(40, dtype=dtype, slope=slope, edit=edit)
    shared = np.ones(SHAPE, dtype=bool)
    shared[:, 6:8, 2] = False
    mask = run.mask.ravel(order="F")
    series, voxels = extract_voxels(
        run.files.bold, mask, [spheres(), parcels()], shared=shared.ravel(order="F")
    )
    expected = run.mask & shared
    expected[3, 4, 5] = expected[4, 4, 5] = False
    if dtype.startswith("float"):
        expected[5, 4, 5] = False
    np.testing.assert_array_equal(voxels.voxels, np.flatnonzero(expected.ravel(order="F")))
    data = run.data.reshape(-1, 40, order="F")[voxels.voxels].T
    assert voxels.values.dtype == np.float32
    np.testing.assert_allclose(voxels.values, data - data.mean(axis=0), rtol=0, atol=2e-2)
    assert np.abs(voxels.values).max() > 50
    # the regions are those of the read that keeps no voxel
    alone = extract(run.files.bold, mask, [spheres(), parcels()], shared=shared.ravel(order="F"))
    np.testing.assert_array_equal(series.series, alone.series)
    assert series.coverage.equals(alone.coverage)
    image = voxels.image(np.arange(voxels.voxels.size))
    assert image[voxels.voxels[7]] == 7
    assert np.isnan(image[~expected.ravel(order="F")]).all()


def test_coverage_of_several_runs_is_read_by_run_and_atlas(tmp_path):
    paths = []
    for i, (run, atlas) in enumerate([("r1", "A"), ("r1", "B"), ("r2", "A"), ("r2", "B")]):
        paths.append(tmp_path / f"{run}{atlas}.tsv")
        write_tsv(paths[-1], pd.DataFrame({"region": ["x"], "coverage": [i / 4], "note": [None]}))
    found = coverage_by_run(["r1", "r2"], ["A", "B"], paths)
    assert [list(each) for each in found.values()] == [["A", "B"]] * 2
    values = [found[run][atlas]["coverage"].iloc[0] for run in ("r1", "r2") for atlas in "AB"]
    assert values == [0, 0.25, 0.5, 0.75]
