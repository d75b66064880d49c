"""Confounds tables of every fMRIPrep there was, and the columns that each strategy takes."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import AXES, SIGNALS, confounds_table

from ketfc.base.errors import RunError
from ketfc.imaging.denoise.compcor import compcor_components
from ketfc.imaging.denoise.confounds import (
    STRATEGIES,
    Strategy,
    cosines,
    find_strategy,
    read_confounds,
    regressors,
    strategy_columns,
)
from ketfc.study.config.denoising import BUILT_IN, OwnStrategy, base_name, scrubbed

ALL_SUFFIXES = ("", "_derivative1", "_power2", "_derivative1_power2")
ZOO = {
    "21": "fmriprep21/test-v21_full90_desc-confounds_timeseries",
    "20": "nilearn_14x/test_desc-confounds_regressors",
    "1.4": "fmriprep1_4_snakecase/"
    "learningbrain_sub-01_ses-1_task-audionback_desc-confounds_regressors",
}


def zoo(kit: Path, version: str) -> tuple[pd.DataFrame, dict]:
    """Return a real table and its sidecar."""
    stem = kit / "confounds" / ZOO[version]
    metadata = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    return read_confounds(stem.with_suffix(".tsv")), metadata


def refused(path: Path) -> RunError:
    with pytest.raises(RunError) as caught:
        read_confounds(path)
    assert path.name in caught.value.reason
    return caught.value


def test_the_strategies_regress_what_their_names_say():
    table = list(confounds_table(30).columns)
    found = {name: strategy_columns(STRATEGIES[name], table, {}) for name in STRATEGIES}
    motion = {axis + suffix for axis in AXES for suffix in ALL_SUFFIXES}
    signals = {signal + suffix for signal in SIGNALS for suffix in ALL_SUFFIXES}
    components = {f"{mask}_comp_cor_{i:02d}" for mask in "cw" for i in range(5)}
    cosines = {f"cosine{i:02d}" for i in range(4)}
    twelve = {axis + suffix for axis in AXES for suffix in ("", "_derivative1")}
    assert tuple(found) == BUILT_IN
    assert found["none"] == []
    assert set(found["24P"]) == motion
    assert set(found["36P"]) == motion | signals
    assert set(found["acompcor"]) == twelve | components | cosines
    assert set(found["acompcor_gsr"]) == twelve | components | cosines | {"global_signal"}
    aroma = {"csf", "white_matter", "aroma_motion_03", "aroma_motion_07", "aroma_motion_11"}
    assert set(found["27P"]) == motion | set(SIGNALS)
    assert set(found["gsr_only"]) == {"global_signal"}
    assert set(found["aroma"]) == aroma
    assert set(found["aroma_gsr"]) == aroma | {"global_signal"}
    assert [len(columns) for columns in found.values()] == [0, 24, 27, 36, 26, 27, 5, 6, 1]
    assert all(len(set(columns)) == len(columns) for columns in found.values())


@pytest.mark.parametrize("version", ZOO)
@pytest.mark.parametrize("name", STRATEGIES)
def test_real_tables_of_all_versions_have_the_columns(name, version, kit):
    table, metadata = zoo(kit, version)
    if "aroma" in name and version == "21":
        with pytest.raises(RunError, match=r"lack aroma_motion_\*.*--use-aroma"):
            strategy_columns(STRATEGIES[name], list(table.columns), metadata)
        return
    columns = strategy_columns(STRATEGIES[name], list(table.columns), metadata)
    values = regressors(table, columns)
    assert values.shape == (len(table), len(columns))
    assert np.isfinite(values.to_numpy(dtype=float)).all()
    if STRATEGIES[name].compcor:
        # the table of version 21 has been cut down to four and three components
        expected = {"21": 7, "20": 10, "1.4": 10}[version]
        components = compcor_components(table.columns, metadata)
        chosen = components.columns
        assert (len(chosen), components.masks) == (expected, "separate")
        masks = [metadata[column]["Mask"] for column in chosen]
        assert masks == sorted(masks, reverse=True)  # WM, then CSF
        assert set(chosen) <= set(columns)
        assert [c for c in columns if c.startswith("cosine")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("version", ["21", "20"])
def test_columns_and_values_are_those_of_nilearns_load_confounds(version, kit, tmp_path):
    from nilearn.interfaces.fmriprep import load_confounds

    stem = kit / "confounds" / ZOO[version]
    # nilearn finds confounds by the name of their image
    suffix = "timeseries" if version == "21" else "regressors"
    base = tmp_path / "sub-01_task-rest"
    for ending in (".tsv", ".json"):
        shutil.copy(stem.with_suffix(ending), f"{base}_desc-confounds_{suffix}{ending}")
    image = Path(f"{base}_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz")
    image.touch()
    table, metadata = zoo(kit, version)
    for name, arguments in {
        "24P": {"strategy": ["motion"], "motion": "full"},
        "36P": {
            "strategy": ["motion", "wm_csf", "global_signal"],
            "motion": "full",
            "wm_csf": "full",
            "global_signal": "full",
        },
        "acompcor": {
            "strategy": ["motion", "high_pass", "compcor"],
            "motion": "derivatives",
            "compcor": "anat_separated",
            "n_compcor": 5,
        },
        "acompcor_gsr": {
            "strategy": ["motion", "high_pass", "compcor", "global_signal"],
            "motion": "derivatives",
            "compcor": "anat_separated",
            "n_compcor": 5,
            "global_signal": "basic",
        },
    }.items():
        expected, _ = load_confounds(str(image), demean=False, **arguments)
        ours = regressors(table, strategy_columns(STRATEGIES[name], list(table), metadata))
        assert sorted(ours.columns) == sorted(expected.columns)
        np.testing.assert_allclose(ours[expected.columns], expected, rtol=1e-12)


def test_components_count_as_numbers_in_runs_with_more_than_a_hundred(kit):
    table, metadata = zoo(kit, "1.4")
    chosen = compcor_components(table.columns, metadata).columns
    # the sidecar tells which components of each mask explain most
    for mask, part in (("WM", chosen[:5]), ("CSF", chosen[5:])):
        strength = {
            column: about["SingularValue"]
            for column, about in metadata.items()
            if column.startswith("a_comp_cor") and about["Mask"] == mask
        }
        assert part == sorted(strength, key=strength.__getitem__, reverse=True)[:5]
    assert chosen[:5] == [f"a_comp_cor_{i}" for i in range(82, 87)]


def test_without_masks_the_first_ten_combined_components_are_taken():
    columns = [f"a_comp_cor_{i:02d}" for i in range(14)][::-1]
    ten = [f"a_comp_cor_{i:02d}" for i in range(10)]
    combined = {column: {"Mask": "combined"} for column in columns}
    # white matter alone is no pair
    halves = combined | {column: {"Mask": "WM"} for column in columns[:4]}
    for metadata in ({}, combined, halves):
        components = compcor_components(columns, metadata)
        assert (components.columns, components.masks) == (ten, "combined")
        assert str(components) == "10 combined"
    assert str(compcor_components(columns[-6:], {})) == "6 combined"
    none = compcor_components(["csf", "t_comp_cor_00", "cosine00"], {})
    assert (none.columns, none.masks, str(none)) == ([], None, "none")


def test_components_named_by_their_tissue_need_no_sidecar():
    columns = [f"{mask}_comp_cor_{i:02d}" for mask in "acw" for i in range(7)]
    components = compcor_components(columns, {})
    expected = [f"w_comp_cor_0{i}" for i in range(5)] + [f"c_comp_cor_0{i}" for i in range(5)]
    assert (components.columns, components.masks) == (expected, "separate")
    assert str(components) == "5 WM + 5 CSF"
    few = [column for column in columns if column[0] != "w" or column.endswith(("00", "01", "02"))]
    assert str(compcor_components(few, {})) == "3 WM + 5 CSF"


def test_a_strategy_without_scrubbing_regresses_the_same():
    for name in BUILT_IN:
        assert find_strategy(f"{name}_noscrub", {}) is find_strategy(name, {}) is STRATEGIES[name]
        assert (base_name(f"{name}_noscrub"), scrubbed(f"{name}_noscrub")) == (name, False)
        assert (base_name(name), scrubbed(name)) == (name, True)


def test_a_labs_own_strategy_takes_what_its_patterns_match():
    columns = list(confounds_table(10))
    patterns = ("trans_?", "cosine*", "c_comp_cor_0[0-2]", "rot_x*", "trans_x")
    own = {"lab": OwnStrategy(columns=patterns)}
    strategy = find_strategy("lab_noscrub", own)
    chosen = strategy_columns(strategy, columns, {})
    assert chosen == [
        *AXES[:3],
        *(f"cosine{i:02d}" for i in range(4)),
        *(f"c_comp_cor_0{i}" for i in range(3)),
        *("rot_x" + suffix for suffix in ALL_SUFFIXES),
    ]
    assert cosines(chosen) == [f"cosine{i:02d}" for i in range(4)]
    assert strategy.name == "lab"


def test_a_pattern_that_matches_nothing_is_named():
    strategy = find_strategy("lab", {"lab": OwnStrategy(columns=("csf", "CSF", "edge_comp_*"))})
    with pytest.raises(RunError) as caught:
        strategy_columns(strategy, list(confounds_table(10)), {})
    assert caught.value.reason == (
        "the confounds lack a column like 'CSF', a column like 'edge_comp_*', "
        "which strategy lab needs"
    )


def test_every_missing_column_is_named():
    columns = [c for c in confounds_table(5).columns if c not in ("rot_z", "csf_power2")]
    with pytest.raises(
        RunError, match="lack rot_z, csf_power2, which strategy 36P needs"
    ) as caught:
        strategy_columns(STRATEGIES["36P"], columns, {})
    assert (caught.value.rule, caught.value.value) == ("confounds-column", 2)
    assert len(strategy_columns(STRATEGIES["acompcor"], [*columns, "rot_z"], {})) == 26
    with pytest.raises(RunError, match=r"lack trans_x, .* and 18 more, which strategy 24P needs"):
        strategy_columns(STRATEGIES["24P"], ["csf"], {})
    without = [c for c in columns if "comp_cor" not in c] + ["rot_z"]
    with pytest.raises(RunError, match=r"lack a_comp_cor_\*"):
        strategy_columns(STRATEGIES["acompcor"], without, {})


def test_the_first_row_of_a_derivative_takes_the_value_of_the_second():
    a = "rot_x_derivative1_power2"
    table = pd.DataFrame({a: [np.nan, 2.0, 3.0], "b": [1.0, 5.0, 6.0]})
    filled = regressors(table, [a, "b"])
    assert filled[a].tolist() == [2, 2, 3]
    assert filled["b"].tolist() == [1, 5, 6]
    assert np.isnan(table[a][0])
    assert regressors(table, []).shape == (3, 0)


@pytest.mark.parametrize(
    ("values", "row"),
    [([1, np.nan, 3], 3), ([np.nan, 2, 3], 2), ([1, 2, np.inf], 4), ([1, 2, 1e101], 4)],
)
def test_any_other_gap_is_refused(values, row):
    with pytest.raises(
        RunError, match=f"confound a has no finite number in row {row} of"
    ) as caught:
        regressors(pd.DataFrame({"a": values}, dtype=float), ["a"])
    assert caught.value.rule == "confounds-gap"


def test_a_written_table_is_read_back(tmp_path):
    table = confounds_table(20)
    for path in (tmp_path / "c.tsv", tmp_path / "c.tsv.gz"):
        table.to_csv(path, sep="\t", na_rep="n/a", index=False)
        pd.testing.assert_frame_equal(read_confounds(path), table, rtol=1e-12)


def test_columns_that_are_empty_are_numbers_that_are_missing(tmp_path):
    path = tmp_path / "c.tsv"
    path.write_text("csf\tempty\tflag\n1\tn/a\tTrue\n2\tn/a\tn/a\n")
    table = read_confounds(path)
    assert table["empty"].isna().all()
    assert table["flag"].tolist()[0] == 1.0
    path.write_text("csf\tdvars\n")
    assert read_confounds(path).shape == (0, 2)


def test_camel_case_of_old_fmriprep_is_refused_in_words(kit):
    for path in sorted((kit / "confounds" / "fmriprep1_camelcase").glob("*.tsv")):
        error = refused(path)
        assert error.rule == "confounds-version"
        assert "fMRIPrep before 1.2 (" in error.reason
        assert "run fMRIPrep 20.2 or later" in error.reason


def test_text_among_the_numbers_is_located(tmp_path):
    path = tmp_path / "sub-01_desc-confounds_timeseries.tsv"
    path.write_text("csf\tdvars\n1.0\tn/a\n2.0\tbad\n3.0\t1\n4.0\tworse\n")
    error = refused(path)
    assert error.rule == "confounds-text"
    assert "column dvars, row 3 of the file: 'bad' is not a number" in error.reason
    assert error.value == "bad"


@pytest.mark.parametrize(
    "content",
    [b"", b"csf\tdvars\n1\t2\t3\n4\t5\t6\n", b"csf\tdvars\n1\t2\n1\t2\t3\n", b"\xff\xfe\x00c\n1\n"],
    ids=["empty", "all rows longer", "a row longer", "not text"],
)
def test_what_is_no_table_is_refused(content, tmp_path):
    path = tmp_path / "sub-01_desc-confounds_timeseries.tsv"
    path.write_bytes(content)
    assert refused(path).rule == "confounds-file"


def test_a_truncated_gzipped_table_is_refused(tmp_path):
    path = tmp_path / "c.tsv.gz"
    path.write_bytes(gzip.compress(confounds_table(50).to_csv(sep="\t").encode())[:-200])
    assert refused(path).rule == "confounds-file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("csf\tcsf\n1\t2\n", "several columns called 'csf'"),
        ("csf\tdvars\n1\t2\n1\n", "line 3 has 1 cells, the header 2"),
        ("csf\tdvars\n1\t2\t3\n", "line 2 has 3 cells, the header 2"),
        ("csf\n1\x002\n", "NUL"),
    ],
)
def test_a_table_that_would_be_read_as_another_one_is_refused(text, said, tmp_path):
    path = tmp_path / "c.tsv"
    path.write_text(text)
    with pytest.raises(RunError, match=said) as caught:
        read_confounds(path)
    assert caught.value.rule == "confounds-file"


@pytest.mark.parametrize(
    ("columns", "metadata"),
    [
        (["w_comp_cor_00", "c_comp_cor_00"], {"w_comp_cor_00": {"Mask": "CSF"}}),
        (["w_comp_cor_00", "c_comp_cor_00"], {"c_comp_cor_00": {"Mask": 5}}),
        (["a_comp_cor_00", "a_comp_cor_01"], {"a_comp_cor_00": {"Mask": "WM"}}),
    ],
)
def test_components_of_a_mask_that_cannot_be_are_refused(columns, metadata):
    with pytest.raises(RunError) as caught:
        compcor_components(columns, metadata)
    assert caught.value.rule == "confounds-sidecar"
    assert caught.value.value in columns


def test_whole_numbers_too_large_for_any_type_do_not_hide_a_text_behind_them(tmp_path):
    path = tmp_path / "c.tsv"
    path.write_text(f"csf\tdvars\n{10**30}\t1\n2\tone\n")
    error = refused(path)
    assert (error.rule, error.value) == ("confounds-text", "one")
    path.write_text(f"csf\tdvars\n{10**30}\t1\n2\t3\n")
    assert read_confounds(path)["csf"].tolist() == [1e30, 2]


@pytest.mark.parametrize("n", [5, 6, 7, 8])
def test_six_at_most_of_the_missing_columns_are_told_and_all_are_counted(n):
    names = [f"x{i}" for i in range(n)]
    with pytest.raises(RunError) as caught:
        strategy_columns(Strategy("lab", tuple(names)), ["csf"], {})
    more = f" and {n - 6} more" if n > 6 else ""
    assert caught.value.reason == (
        f"the confounds lack {', '.join(names[:6])}{more}, which strategy lab needs"
    )
    assert (caught.value.value, caught.value.threshold) == (n, 0)


def test_rows_with_a_gap_are_counted_and_the_first_is_told():
    table = pd.DataFrame({"csf": [1.0, 2, np.nan, 4, 1e101], "x": [1.0, np.inf, np.nan, 1e99, 0]})
    with pytest.raises(
        RunError, match=r"confound x has no finite number in row 3 .*3 such"
    ) as caught:
        regressors(table, ["csf", "x"])
    assert (caught.value.rule, caught.value.value) == ("confounds-gap", 3)
    assert caught.value.threshold == 0
    assert len(regressors(table[3:4], ["csf", "x"])) == 1
