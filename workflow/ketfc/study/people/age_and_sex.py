"""Age and sex of the participants, for the description of the sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ketfc.study.lab_tables import Table

if TYPE_CHECKING:
    import pandas as pd

_SEX = {"m": "male", "male": "male", "f": "female", "female": "female", "o": "other"}
"""Values that BIDS allows in participants.tsv, in words; any other value stays as it is."""


def age_and_sex(tables: Sequence[Table], participants: Iterable[str]) -> pd.DataFrame:
    """Return age and sex of every participant, as far as a table has columns of these names.

    Parameters
    ----------
    tables : sequence of Table
        The participants table and those of the scores; a column is taken from the first that has
        it, the first value of each participant.
    participants : iterable of str
        Everybody in the study.

    Returns
    -------
    pandas.DataFrame
        Indexed by participant, with `age` (years; missing where it is no number) and `sex` where
        there are such columns.
    """
    import pandas as pd

    frame = pd.DataFrame(index=pd.Index(list(participants), dtype=object, name="participant_id"))
    for name in ("age", "sex"):
        for table in tables:
            columns = [column for column in table.rows if str(column).casefold() == name]
            if not columns:
                continue
            known = table.rows[table.rows[columns[0]].notna()]
            first = known.drop_duplicates("participant_id").set_index("participant_id")[columns[0]]
            told = first.reindex(frame.index)
            if name == "age":
                frame[name] = pd.to_numeric(told, errors="coerce").astype(float)
            else:
                frame[name] = told.map(_in_words, na_action="ignore")
            break
    return frame


def _in_words(sex: str) -> str:
    return _SEX.get(sex.strip().casefold(), sex)
