"""Tables of scores that would be misread in silence: codes for missing, per cent, another scale."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from made_scores import lines_of, plan_of, values_of

CODED = "participant_id SSI_ses-pre SSI_ses-post\n01 12 -99\n02 9 .\n03 NA 4\n04 9999.0 11\n"
WHO = ("sub-01", "sub-02", "sub-03", "sub-04")
FOUR = [("sub-01", "pre", 12), ("sub-02", "pre", 9), ("sub-03", "post", 4), ("sub-04", "post", 11)]


def test_codes_of_missing_scores_are_errors_that_name_the_key(tmp_path: Path) -> None:
    found = lines_of(plan_of(tmp_path, {"scores.tsv": CODED}, known=WHO))
    assert len(found) == 4
    for line, value in zip(sorted(found), ("-99", ".", "NA", "9999.0"), strict=True):
        assert f"= {value}: " in line
    # 9999.0 is not what a lab types for a missing score, but a number out of range
    hints = ["name it in scores.missing" in line for line in sorted(found)]
    assert hints == [True, True, True, False]


def test_named_codes_are_missing_scores_and_nothing_else_is(tmp_path: Path) -> None:
    codes = {"missing": ["NA", ".", -99, 9999]}
    plan = plan_of(tmp_path, {"scores.tsv": CODED}, known=WHO, scores=codes)
    assert lines_of(plan) == []
    assert values_of(plan) == {(who, role, "si", "total"): score for who, role, score in FOUR}


def test_codes_count_in_other_columns_but_never_as_an_id(tmp_path: Path) -> None:
    files = {
        "scores.tsv": "participant_id session_id SSI\n99 pre 12\n99 post 99\n01 pre 3\n01 post 4\n",
        "participants.tsv": "participant_id age\n99 31\n01 99\n",
    }
    study = {"covariates": {"age": "age"}, "participants": "participants.tsv"}
    plan = plan_of(
        tmp_path, files, known=("sub-01", "sub-99"), study=study, scores={"missing": [99]}
    )
    assert lines_of(plan) == []
    assert values_of(plan)[("sub-99", "pre", "si", "total")] == 12
    assert ("sub-99", "post", "si", "total") not in values_of(plan)
    ages = plan.participants.set_index("participant_id")["age"]
    assert ages["sub-99"] == 31
    assert ages.isna()["sub-01"]


def test_sessions_may_be_renamed_to_roles_as_to_labels(tmp_path: Path) -> None:
    # the example of config/README.md
    text = "Subject;Visit;Beck total\n01;Baseline;12\n01;Day 1;3\n02;Baseline;9\n02;Day 1;4\n"
    (tmp_path / "visits.csv").write_text(text, encoding="utf-8")
    scores = {
        "table": "visits.csv",
        "columns": {"participant_id": "Subject", "session_id": "Visit", "SSI": "Beck total"},
        "sessions": {"Baseline": "pre", "Day 1": "post"},
    }
    study = {"sessions": {"pre": "baseline", "post": "day1"}}
    plan = plan_of(tmp_path, {}, scores=scores, study=study)
    assert lines_of(plan) == []
    assert values_of(plan)[("sub-02", "post", "si", "total")] == 4


def test_a_label_goes_before_a_role_of_the_same_name(tmp_path: Path) -> None:
    rows = "participant_id session_id SSI\n01 A 12\n01 B 3\n02 A 9\n02 B 4\n"
    study = {"sessions": {"pre": "post", "post": "late"}}
    scores = {"sessions": {"A": "post", "B": "late"}}
    plan = plan_of(tmp_path, {"scores.tsv": rows}, study=study, scores=scores)
    assert lines_of(plan) == []
    assert values_of(plan)[("sub-01", "pre", "si", "total")] == 12


@pytest.mark.parametrize(
    ("section", "instrument", "said"),
    [
        (
            "si",
            "MADRS",
            "measures depression (instruments.yaml), not suicidal ideation; its item 10",
        ),
        (
            "depression",
            "C-SSRS-ideation",
            "measures suicidal ideation (instruments.yaml), not depr",
        ),
    ],
)
def test_a_scale_of_something_else_is_refused(
    tmp_path: Path, section: str, instrument: str, said: str
) -> None:
    rows = "participant_id SSI_ses-pre SSI_ses-post M_ses-pre M_ses-post\n01 2 3 4 1\n02 1 4 5 1\n"
    of = {"si": {"instrument": "SSI", "column": "SSI"}} | {
        section: {"instrument": instrument, "column": "M"}
    }
    (found,) = lines_of(plan_of(tmp_path, {"scores.tsv": rows}, scores=of))
    assert f"scores.{section}.instrument = {instrument}: {said}" in found


def test_instruments_that_are_unknown_or_measure_something_else_pass_as_before(
    tmp_path: Path,
) -> None:
    rows = "participant_id X_ses-pre X_ses-post\n01 2 3\n02 1 4\n"
    of = {"si": {"instrument": "BPRS", "column": "X"}}
    assert lines_of(plan_of(tmp_path, {"scores.tsv": rows}, scores=of)) == []


@pytest.mark.parametrize("name", ["SSI_percent", "SSI%", "pct_SSI", "SSI_Per_Cent"])
def test_columns_that_are_named_as_per_cent_are_refused(tmp_path: Path, name: str) -> None:
    rows = f"participant_id {name}\n01 -12\n02 -30\n"
    of = {"si": {"instrument": "SSI", "change-column": name}}
    (found,) = lines_of(plan_of(tmp_path, {"scores.tsv": rows}, scores=of))
    assert f"scores.tsv: {name}: is named as a per cent, and points are needed" in found
    of = {"si": {"instrument": "SSI", "change-column": name, "range": [0, 100]}}
    assert lines_of(plan_of(tmp_path, {"scores.tsv": rows}, scores=of)) == []


def test_changes_that_whole_numbers_cannot_have_are_refused(tmp_path: Path) -> None:
    rows = "participant_id delta\n01 -12\n02 -33.3\n03 -0.5\n04 39\n"
    of = {"si": {"instrument": "SSI", "change-column": "delta"}}
    found = lines_of(plan_of(tmp_path, {"scores.tsv": rows}, known=WHO, scores=of))
    assert [line.split(": ")[2] for line in found] == [
        "delta = -33.3",
        "delta = -0.5",
        "delta = 39",
    ]
    said = "is not a possible change of SSI in points (allowed: a whole number from -38 to 38)"
    assert all(line.endswith(said) for line in found)


def test_spreadsheets_are_recognised_by_their_content(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    for name, content, program in (
        ("scores.xlsx", packed.getvalue(), "Excel or OpenDocument"),
        ("scores.csv", packed.getvalue(), "Excel or OpenDocument"),
        ("scores.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "Excel"),
    ):
        (tmp_path / name).write_bytes(content)
        (found,) = lines_of(plan_of(tmp_path, {}, scores={"table": name}))
        assert f"{name}: scores.table: cannot be read as a table" in found
        assert f"it is a spreadsheet of {program}; save the sheet as CSV (UTF-8)" in found
