"""Connectivity from a lab's own tables: what is read of them, and what is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ketfc.base.errors import Problem, StudyError
from ketfc.imaging.regions.registry import load_registry
from ketfc.study.config.config import AS_GIVEN, parse_config
from ketfc.study.connectivity.given import Given, registry_text
from ketfc.study.connectivity.scales import fisher_z, scale_problem
from ketfc.study.connectivity.tidy import read_tidy

TABLE = """\
subj\tses\tpathway\tcorr\tALFF
01\tses-pre\ta-b\t0.5\t10
01\tses-post\ta-b\t-0.25\t12
01\tses-pre\ta-c\t0.1\t3
01\tses-post\ta-c\t0.2\tn/a
02\tses-pre\ta-b\t0.3\t9
02\tses-post\ta-b\t\t8
02\tses-pre\ta-c\t0\t7
03\tses-later\ta-b\t0.7\t6
"""
COLUMNS = {"participant_id": "subj", "session_id": "ses", "connection": "pathway"}
STUDY: dict[str, Any] = {"name": "own", "sessions": {"pre": "pre", "post": "post"}}
SCORES = {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}}


def read(tables: str | dict[str, str], **about: Any) -> Given:
    """Return what is read of tables that are written into the working directory."""
    tables = {"own.tsv": tables} if isinstance(tables, str) else tables
    for name, text in tables.items():
        Path(name).write_text(text, encoding="utf-8")
    given = {"path": list(tables), "columns": COLUMNS, "values": {"corr": "r"}} | about
    config = parse_config({"study": STUDY | {"connectivity": given}, "scores": SCORES})
    return read_tidy(config.study)


def errors(given: Given) -> list[Problem]:
    return [problem for problem in given.index.problems if problem.severity == "error"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- what is read ------------------------------------------------------------


def value(given: Given, *key: str) -> float:
    rows = given.values.set_index(["participant_id", "session", "measure"])["value"]
    return float(rows[key])


def test_correlations_become_fisher_z_and_other_measures_stay():
    given = read(TABLE, values={"corr": "r", "ALFF": "as-is"})
    assert value(given, "sub-01", "post", "a-b") == pytest.approx(np.arctanh(-0.25), abs=1e-15)
    assert value(given, "sub-01", "pre", "a-c_ALFF") == 3
    assert errors(given) == []


def test_where_one_column_is_of_connectivity_it_is_called_by_its_connections_alone():
    given = read(TABLE, values={"corr": "r", "ALFF": "as-is"})
    assert [(one.id, one.primary) for one in given.measures] == [
        ("a-b", True), ("a-c", True), ("a-b_ALFF", False), ("a-c_ALFF", False)
    ]  # fmt: skip


def test_of_several_columns_of_connectivity_all_are_told_apart_and_primary():
    given = read(TABLE.replace("n/a", "1"), values={"ALFF": "fisher-z", "corr": "r"})
    names = [(one.id, one.primary) for one in given.measures]
    assert names == [(f"a-{end}_{of}", True) for of in ("ALFF", "corr") for end in "bc"]


def test_the_config_names_the_primary_ones_which_then_come_first():
    given = read(TABLE, primary=["a-c"])
    assert [(one.id, one.primary) for one in given.measures] == [("a-c", True), ("a-b", False)]


def test_every_session_has_a_row_for_every_measure_and_what_is_missing_is_told():
    given = read(TABLE)
    assert len(given.values) == 2 * 2 * 2
    left_out = [p for p in given.index.problems if p.severity == "excluded"]
    assert [(p.participant_id, p.session, p.message) for p in left_out] == [
        ("sub-02", "post", "has no value of a-b"), ("sub-02", "post", "has no value of a-c")
    ]  # fmt: skip
    assert given.values["value"].isna().sum() == 2


def test_who_has_other_sessions_alone_is_a_participant_without_a_run():
    given = read(TABLE)
    assert given.index.participants == {"sub-01", "sub-02", "sub-03"}
    assert [run.name for run in given.index.runs] == [
        "sub-01_ses-post", "sub-01_ses-pre", "sub-02_ses-post", "sub-02_ses-pre"
    ]  # fmt: skip


def test_a_table_without_connections_has_a_row_per_session():
    table = "participant_id\tsession_id\tDMN\n" + "".join(
        f"{who}\t{when}\t{z}\n" for who, when, z in (("1", "pre", 1.2), ("1", "post", -2))
    )
    given = read(table, columns={}, values={"DMN": "fisher-z"})
    assert value(given, "sub-1", "post", "DMN") == -2


def test_sessions_are_renamed_by_label_or_role():
    table = TABLE.replace("ses-pre", "Baseline").replace("ses-post", "Day 1")
    given = read(table, sessions={"Baseline": "pre", "Day 1": "post"})
    assert {run.session for run in given.index.runs} == {"pre", "post"}


def test_marks_for_missing_values_are_no_values():
    given = read(TABLE.replace("-0.25", "9999"), missing=[9999])
    assert errors(given) == []
    assert np.isnan(value(given, "sub-01", "post", "a-b"))


def test_arctangents_are_turned_into_fisher_z_of_their_tangents():
    r = np.array([-0.7, 0.0, 0.31])
    assert fisher_z(np.arctan(r), "arctan") == pytest.approx(np.arctanh(r), abs=1e-15)


def test_the_hypotheses_on_values_are_a_registry_without_regions(tmp_path: Path):
    given = read(TABLE, values={"corr": "r", "ALFF": "as-is"}, primary=["a-c"])
    path = tmp_path / "circuits.yaml"
    path.write_text(registry_text(given), encoding="utf-8")
    circuits = load_registry(path).circuits
    assert list(circuits) == ["a-c", "a-b", "a-b_ALFF", "a-c_ALFF"]
    assert [one.primary for one in circuits.values()] == [True, False, False, False]
    assert circuits["a-b_ALFF"].quantity == "ALFF"
    assert circuits["a-b"].unit == "Fisher z"
    assert circuits["a-b"].edges == ()


def test_the_strategy_is_whatever_the_lab_did():
    connectivity = {"path": "own.tsv", "values": {"corr": "r"}}
    config = parse_config({"study": STUDY | {"connectivity": connectivity}, "scores": SCORES})
    assert config.primary_strategy == AS_GIVEN
    assert config.study.derivatives == ()


def test_a_session_of_few_is_asked_about():
    rows = [
        f"{who:02}\tses-{when}\ta-b\t0.{who:02}\t1"
        for who in range(1, 12)
        for when in ("pre", "post")
    ]
    table = "\n".join([TABLE.split("\n")[0], *rows, "03\tPre2.0\ta-b\t.1\t1"])
    asked = [p for p in read(table).index.problems if p.field == "session_id"]
    assert [(p.severity, p.value) for p in asked] == [("note", "Pre2.0")]
    assert "sub-03 alone" in asked[0].message
    assert "study.connectivity.sessions names the session it stands for" in asked[0].message


# --- what is refused ---------------------------------------------------------

ROW = "01\tses-pre\ta-b\t0.5\t10\n"

WRONG: dict[str, tuple[str | dict[str, str], dict[str, Any], str]] = {
    "no such file": ({}, {"path": "gone.tsv"}, "gone.tsv: there is no such file"),
    "a spreadsheet": ("PK\x03\x04", {}, "it is a spreadsheet of Excel or OpenDocument"),
    "no participants": (
        TABLE.replace("subj", "who"),
        {"columns": COLUMNS | {"participant_id": "subject"}},
        "has no column subject",
    ),
    "no sessions": (
        TABLE,
        {"columns": {"participant_id": "subj", "connection": "pathway"}},
        "has no column session_id; name theirs in study.connectivity.columns",
    ),
    "a column to rename that is not there": (
        TABLE,
        {"columns": COLUMNS | {"connection": "pathways"}},
        "pathways: no table of connectivity has this column; did you mean 'pathway'?",
    ),
    "a name that no column can have": (
        TABLE,
        {"columns": COLUMNS | {"conection": "ALFF"}},
        "conection: is not a column that can be renamed; did you mean 'connection'?",
    ),
    "a session to rename that is not there": (
        TABLE,
        {"sessions": {"ses-pr": "pre"}},
        "ses-pr: no table of connectivity has this session",
    ),
    "values that are not there": (
        TABLE,
        {"values": {"cor": "r"}},
        "cor: no table of connectivity has this column; did you mean 'corr'?",
    ),
    "values in two tables": (
        {"one.tsv": TABLE, "two.tsv": TABLE},
        {},
        "corr: is a column of several tables (one.tsv and two.tsv)",
    ),
    "text": (TABLE.replace("-0.25", "low"), {}, "corr = low: is not a number"),
    "an infinite number": (TABLE.replace("-0.25", "inf"), {}, "corr = inf: is not a number"),
    "a correlation above one": (
        TABLE.replace("-0.25", "-1.25"),
        {},
        "the numbers go from -1.25 to 0.5, which are no correlations (from -1 "
        "to 1); they could be Fisher z",
    ),
    "a mark for missing values": (
        TABLE.replace("-0.25", "9999"),
        {},
        "if it stands for a missing value, name it in study.connectivity.missing",
    ),
    "a region with itself": (TABLE.replace("-0.25", "1"), {}, "one of exactly 1 has no Fisher z"),
    "no arctangents": (
        TABLE.replace("-0.25", "0.9"),
        {"values": {"corr": "arctan"}},
        "they could be correlations (from -1 to 1) or Fisher z",
    ),
    "a row twice": (TABLE + ROW, {}, "has 2 rows of a-b (lines 2, 10); one is expected"),
    "connections that are not named": (
        TABLE,
        {"columns": {"participant_id": "subj", "session_id": "ses"}},
        "name the column that tells them apart in study.connectivity.columns.connection",
    ),
    "a row without a connection": (
        TABLE.replace("03\tses-later", "03\tses-pre").replace("a-b\t0.7", "\t0.7"),
        {},
        "no connection in line 9",
    ),
    "a row without a session": (
        TABLE.replace("03\tses-later", "03\t"),
        {},
        "no session_id in line 9",
    ),
    "a session that no row has": (
        TABLE.replace("ses-post", "ses-after"),
        {},
        "post: no row of connectivity has this session",
    ),
    "a hypothesis that is not there": (
        TABLE,
        {"primary": ["a-d"]},
        "a-d: is no connection of the tables; did you mean",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_tables_is_said_in_one_clear_message(case: str):
    tables, about, message = WRONG[case]
    found = errors(read(tables, **about))
    said = [str(problem) for problem in found]
    assert sum(message in line for line in said) >= 1, said
    # nothing else is an error, save one for every participant it concerns
    assert (
        len({problem.field for problem in found}) == 1 or case == "connections that are not named"
    ), said


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "images too": ({"study": {"derivatives": "fmriprep"}}, "name one of them"),
    "denoising": ({"denoising": {"fd-thresh": 0.3}}, "denoising.fd-thresh: has no effect on"),
    "limits of quality": ({"quality": {"max-fd": 3}}, "quality.max-fd: has no effect on"),
    "no correlation": ({"values": {"ALFF": "as-is"}}, "holds no correlation"),
    "a primary test as it is": ({"values": {"corr": "r", "ALFF": "as-is"}, "primary": ["ALFF"]},
                                "'ALFF' is tested as it is"),
    "an unknown scale": ({"values": {"corr": "z"}}, "r, fisher-z, arctan or as-is"),
    "a table twice": ({"path": ["own.tsv", "own.tsv"]}, "names a table twice"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_configs_that_make_no_sense_are_refused_in_words(case: str):
    changes, message = REFUSED[case]
    sections = {key: value for key, value in changes.items() if key in ("denoising", "quality")}
    own = {key: value for key, value in changes.items() if key in ("path", "values", "primary")}
    connectivity = {"path": "own.tsv", "values": {"corr": "r"}} | own
    study = STUDY | {"connectivity": connectivity} | changes.get("study", {})
    with pytest.raises(StudyError) as caught:
        parse_config({"study": study, "scores": SCORES} | sections)
    assert len(caught.value.problems) == 1
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("numbers", "scale", "fits"),
    [
        ([0.9, np.nan, -0.99], "r", True),
        ([0.9, 1.01], "r", False),
        ([0.78], "arctan", True),
        ([0.79], "arctan", False),
        ([18.4, -3], "fisher-z", True),
        ([np.inf, 1], "fisher-z", False),
        ([1e9], "as-is", True),
        ([np.nan], "r", True),
    ],
)
def test_numbers_fit_a_scale_or_do_not(numbers: list[float], scale: str, fits: bool):
    assert (scale_problem(numbers, scale) is None) == fits
