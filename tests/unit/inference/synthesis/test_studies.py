"""Lists of studies, wrong exports, and what is pooled with what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_synthesis import export_of, made

from ketfc.base.errors import StudyError
from ketfc.inference.synthesis.pooling import pooled
from ketfc.inference.synthesis.studies import listed_exports, read_exports, study_effects
from ketfc.inference.synthesis.table import leave_one_out, synthesis, weights
from ketfc.reporting.text.synthesis.results import (
    synthesis_in_words,
    synthesis_methods,
    synthesis_page,
)


@pytest.fixture(scope="module")
def exports() -> list[dict[str, Any]]:
    kinds = ("parallel", "parallel", "single-arm", "parallel")
    return [export_of(made(kind, 30 + 7 * i, i, name=f"lab{i}")) for i, kind in enumerate(kinds)]


def written(folder: Path, exports: list[dict[str, Any]]) -> list[str]:
    paths = []
    for export in exports:
        path = folder / f"{export['study']}.json"
        path.write_text(json.dumps(export), encoding="utf-8")
        paths.append(str(path))
    return paths


def said(error: pytest.ExceptionInfo[StudyError]) -> str:
    return str(error.value)


def test_a_list_names_exports_and_folders(tmp_path, exports) -> None:
    folder = tmp_path / "lab"
    (folder / "results/export").mkdir(parents=True)
    (path,) = written(folder / "results/export", exports[:1])
    other = written(tmp_path, exports[1:2])
    names = tmp_path / "list.yaml"
    names.write_text(f"studies:\n  - {folder}\n  - {other[0]}\n", encoding="utf-8")
    wanted = [Path(path), Path(other[0])]
    assert listed_exports(str(names)) == wanted
    assert listed_exports([str(folder), *other]) == wanted


def test_all_that_is_wrong_with_a_list_is_said_at_once(tmp_path, exports) -> None:
    (path,) = written(tmp_path, exports[:1])
    empty = tmp_path / "empty"
    empty.mkdir()
    two = tmp_path / "two/results/export"
    two.mkdir(parents=True)
    written(two, exports[:2])
    with pytest.raises(StudyError) as error:
        listed_exports([path, path, str(empty), str(tmp_path / "gone"), str(two.parents[1])])
    text = said(error)
    assert "is named twice" in text
    assert "run `snakemake export` there first" in text
    assert "is neither a file nor a folder" in text
    assert "holds 2 exports; name one of them" in text


@pytest.mark.parametrize(
    ("studies", "message"),
    [
        (12, "is no list of paths"),
        ([], "is an empty list"),
        ([{"a": 1}], "is no list of paths"),
        ("gone.yaml", "there is no such file"),
    ],
)
def test_what_is_no_list_is_refused(studies, message) -> None:
    with pytest.raises(StudyError, match=message):
        listed_exports(studies)


def test_wrong_exports_are_refused_each_with_its_reason(tmp_path, exports) -> None:
    good = json.loads(json.dumps(exports[0]))

    def changed(**more: Any) -> dict[str, Any]:
        return good | {"study": f"s{len(wrong)}"} | more

    wrong: list[dict[str, Any]] = []
    wrong.append(changed(format="other"))
    wrong.append(changed(format_version=9))
    wrong.append(changed(tests=[{"hypothesis": "x"}]))
    wrong.append(changed(tests=[*good["tests"], good["tests"][0]]))
    first = json.loads(json.dumps(good["tests"][0]))
    first["effect"]["variance"] = 0
    wrong.append(changed(tests=[first]))
    second = json.loads(json.dumps(good["tests"][0]))
    second["effect"]["estimate"] = "much"
    wrong.append(changed(tests=[second]))
    wrong.append(good)
    again = tmp_path / "again.json"
    again.write_text(json.dumps(good), encoding="utf-8")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(StudyError) as error:
        read_exports([*written(tmp_path, wrong), again, broken])
    text = said(error)
    for message in (
        "is no export of `snakemake export`",
        "is of version 9 of the format, this ketfc reads version 1",
        "lacks 'test'",
        "holds a test twice",
        "one, change: the variance is 0, not above 0",
        "one, change: the effect, its variance or n is no number",
        "is of the study lab0, as is",
        "broken.json: cannot be read",
    ):
        assert message in text
    assert len(text.splitlines()) == 8


def test_designs_are_never_pooled_with_one_another(exports) -> None:
    effects = study_effects(exports, alpha=0.05)
    table = synthesis(effects, alpha=0.05)
    for test in ("change", "association"):
        rows = table[(table["hypothesis"] == "one") & (table["test"] == test)]
        assert dict(zip(rows["design"], rows["k"], strict=True)) == {"parallel": 3, "single-arm": 1}
        assert rows["flags"].str.contains("other-designs").all()
        alone = rows[rows["design"] == "single-arm"].iloc[0]
        assert np.isnan(alone["estimate"])
        assert "one-study" in alone["flags"]
        own = effects[
            (effects["hypothesis"] == "one")
            & (effects["test"] == test)
            & (effects["design"] == "parallel")
        ]
        found = pooled(own["estimate"].to_numpy(), own["variance"].to_numpy(), alpha=0.05)
        together = rows[rows["design"] == "parallel"].iloc[0]
        assert together["estimate"] == pytest.approx(found.estimate)
        assert together["n"] == own["n"].sum()
        assert weights(effects, alpha=0.05)[own.index].to_numpy() == pytest.approx(found.weights)


def test_designs_stand_in_the_same_order_whoever_comes_first(exports) -> None:
    effects = study_effects(exports, alpha=0.05)
    for given in (effects, effects.sort_values("design", ascending=False)):
        rows = synthesis(given, alpha=0.05).query("hypothesis == 'one' and test == 'change'")
        assert rows["design"].tolist() == ["parallel", "single-arm"]


def test_every_study_is_left_out_once(exports) -> None:
    effects = study_effects(exports, alpha=0.05)
    table = leave_one_out(effects, alpha=0.05)
    rows = table[(table["hypothesis"] == "two") & (table["test"] == "change")]
    assert list(rows["left_out"]) == ["lab0", "lab1", "lab3"]
    assert set(rows["k"]) == {2}
    own = effects[
        (effects["hypothesis"] == "two")
        & (effects["test"] == "change")
        & effects["study"].isin(["lab0", "lab3"])
    ]
    found = pooled(own["estimate"].to_numpy(), own["variance"].to_numpy(), alpha=0.05)
    row = rows[rows["left_out"] == "lab1"].iloc[0]
    assert (row["estimate"], row["ci_low"]) == pytest.approx((found.estimate, found.ci_low))
    assert leave_one_out(effects[effects["study"] != "lab3"], alpha=0.05).empty


def test_what_differs_between_studies_is_flagged(exports) -> None:
    effects = study_effects(exports, alpha=0.05)
    plain = synthesis(effects, alpha=0.05)
    names = ("definitions-differ", "strategies-differ", "sessions-differ", "instruments-differ")
    assert not plain["flags"].str.contains("|".join(names)).any()
    one = effects["study"] == "lab1"
    for column, flag in zip(
        ("definition", "strategy", "followup", "instrument"), names, strict=True
    ):
        other = effects.assign(**{column: effects[column].mask(one, "other")})
        found = synthesis(other, alpha=0.05)
        flagged = found[found["flags"].str.contains(flag)]
        assert set(flagged["design"]) == {"parallel"}
        # a change does not rest on a scale
        tests = {"association"} if column == "instrument" else {"association", "change"}
        assert set(flagged["test"]) == tests


def test_a_suppressed_study_is_named_and_not_pooled(exports) -> None:
    small = export_of(made("parallel", 10, 4, name="small"))
    effects = study_effects([*exports, small], alpha=0.05)
    held = effects[effects["study"] == "small"]
    assert held["estimate"].isna().all()
    assert held["suppressed"].str.contains("fewer than 5").all()
    table = synthesis(effects, alpha=0.05)
    assert table["flags"].str.contains("suppressed").all()
    assert set(table.loc[table["design"] == "parallel", "k"]) == {3}


def test_the_fewest_studies_are_said_plainly(exports) -> None:
    three = study_effects(exports, alpha=0.05)
    words = synthesis_in_words(synthesis(three, alpha=0.05), alpha=0.05)
    assert "circuit one, change (single-arm): one study" in words
    assert "so that there is nothing to pool; 2 are the least" in words
    assert "With fewer than 5 studies the variance between them is hardly known" in words
    assert "circuit second" not in words
    two = study_effects(exports[:2], alpha=0.05)
    words = synthesis_in_words(synthesis(two, alpha=0.05), alpha=0.05)
    assert "there is no prediction interval: read the interval, not the p" in words


def test_the_page_and_the_methods_hold_what_was_done(exports) -> None:
    effects = study_effects(exports, alpha=0.05)
    table, without = synthesis(effects, alpha=0.05), leave_one_out(effects, alpha=0.05)
    page = synthesis_page(table, effects, without, alpha=0.05)
    assert len(page.results.rows) == len(table)
    assert len(page.common.rows) == int(table["estimate"].notna().sum())
    assert len(page.studies.rows) == len(effects)
    assert any("pooled apart" in said for said in page.cautions)
    text = synthesis_methods(table, effects, {"PyMARE": "1"}, alpha=0.05)
    assert "4 studies (lab0, lab1, lab2 and lab3) of 2 designs" in text
    assert "designs were never mixed" in text
    assert "SMCC [@gibbons1993]" in text
    one = synthesis_methods(table, effects[effects["study"] == "lab0"], {}, alpha=0.05)
    assert "gibbons1993" not in one
    assert "never mixed" not in one


def test_the_order_of_columns_and_rows_is_that_of_the_studies(exports) -> None:
    effects = study_effects(exports, alpha=0.05)
    assert list(dict.fromkeys(effects["study"])) == ["lab0", "lab1", "lab2", "lab3"]
    row = effects.iloc[0]
    assert row["ci_high"] == pytest.approx(row["estimate"] + 1.959964 * row["se"])
    assert isinstance(effects["n"].dtype, pd.Int64Dtype)
