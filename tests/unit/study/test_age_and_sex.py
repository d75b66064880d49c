"""Age and sex as tables of labs hold them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pandas.testing import assert_frame_equal

from ketfc.study.lab_tables import Table
from ketfc.study.people.age_and_sex import age_and_sex


def table(**columns: list[str | None]) -> Table:
    return Table(Path("t.tsv"), pd.DataFrame(columns, dtype=object), ())


def test_age_and_sex_come_from_the_first_table_that_has_them():
    people = table(participant_id=["sub-2", "sub-1", "sub-1"], Age=["31", None, "89+"])
    scores = table(participant_id=["sub-1", "sub-2"], age=["7", "8"], sex=["F", "intersex"])
    found = age_and_sex([people, scores], ["sub-1", "sub-2", "sub-3"])
    index = pd.Index(["sub-1", "sub-2", "sub-3"], dtype=object, name="participant_id")
    expected = pd.DataFrame(
        {"age": [None, 31.0, None], "sex": ["female", "intersex", None]}, index=index
    )
    assert_frame_equal(found, expected.astype({"age": float}), check_dtype=False)


def test_tables_without_such_columns_tell_nothing():
    assert list(age_and_sex([table(participant_id=["sub-1"], arm=["a"])], ["sub-1"])) == []
