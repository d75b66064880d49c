"""Order of enrolment: by numbers, by dates, or by the rows of the participants table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ketfc.study.config.config import parse_config
from ketfc.study.lab_tables import Table
from ketfc.study.people.enrolment import enrolment_order

PEOPLE = ["sub-01", "sub-02", "sub-03", "sub-04"]


def table(*rows: str) -> Table:
    return Table(Path("participants.tsv"), pd.DataFrame({"participant_id": list(rows)}), ())


def known(values: list[float] | list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"enrolled": values}, index=pd.Index(PEOPLE, name="participant_id"))


def order_of(rows: Table, values: pd.DataFrame, name: str | None) -> list[int | None]:
    order, problems = enrolment_order(rows, values, name)
    assert problems == []
    assert list(order.index) == PEOPLE
    return [None if pd.isna(place) else int(place) for place in order]


def test_rows_of_the_table_are_the_order_where_no_column_is_named():
    rows = table("sub-03", "sub-01", "sub-04")
    assert order_of(rows, known([1.0, 2.0, 3.0, 4.0]), None) == [2, None, 1, 3]


def test_numbers_and_dates_are_put_in_order_and_ties_follow_the_rows():
    rows = table("sub-04", "sub-03", "sub-02", "sub-01")
    assert order_of(rows, known([7.0, -2.0, 7.0, 10.0]), "enrolled") == [3, 1, 2, 4]
    dates = ["2021-03-09", "2020-12-31", None, "2021-03-10"]
    assert order_of(rows, known(dates), "enrolled") == [2, 1, None, 3]
    assert order_of(rows, known([7.0, np.nan, 3.0, 10.0]), "enrolled") == [2, None, 1, 3]


def test_what_is_no_date_is_an_error_that_says_whose_and_what_is_allowed():
    _, problems = enrolment_order(
        table(*PEOPLE), known(["2021-03-09", "9.3.2021", None, "2021-03"]), "enrolled"
    )
    assert [(one.participant_id, one.value) for one in problems] == [
        ("sub-02", "9.3.2021"),
        ("sub-04", "2021-03"),
    ]
    assert problems[0].severity == "error"
    assert problems[0].field == "statistics.enrolment"
    assert problems[0].allowed == "numbers, dates as YYYY-MM-DD, or n/a"


def test_the_config_refuses_a_name_that_is_no_covariate():
    study = {"name": "x", "derivatives": "simulate", "covariates": {"enrolled": "enrolled"}}
    config = {"study": study, "statistics": {"enrolment": "enroled"}}
    with pytest.raises(Exception, match=r"'enroled' is not one of study\.covariates"):
        parse_config(config)
