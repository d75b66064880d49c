"""Tables of a lab: where they are, and which of their columns name participants and sessions."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ketfc.study.lab_tables import as_number, read_text

if TYPE_CHECKING:
    import pandas as pd

_WHO = frozenset({"participantid", "participant", "subj", "subject", "subjectid", "subjid", "sub",
                  "id", "patient", "patientid", "recordid"})  # fmt: skip
_WHEN = frozenset({"sessionid", "session", "ses", "visit", "visitid", "timepoint", "time", "wave",
                   "redcapeventname"})  # fmt: skip
_HALF = 0.5

CODES = re.compile(r"[+-]?9{2,5}(\.0*)?|-9(\.0*)?")
"""Numbers that often stand for a missing value."""

COVARIATES = {
    "age": ("age",),
    "sex": ("sex", "gender"),
    "site": ("site", "scanner", "centre", "center"),
    "bmi": ("bmi",),
}
"""First words of columns that describe people and are no scale, by the name of the covariate."""

WORDS = frozenset({"NA", "N/A", "na", "NaN", "nan", "NULL", "null", "None", ".", "-", "#N/A"})
"""Words that always do."""


@dataclass(frozen=True)
class LabTable:
    """A table as it was found.

    Attributes
    ----------
    path : pathlib.Path
        As the config should name it.
    rows : pandas.DataFrame
        Cells as text, None where missing.
    participant : str
        The column of participants.
    session : str or None
        The column of sessions, if there is one.
    of_study : pandas.DataFrame
        The rows of participants that have images; all of them where nobody is known to.
    """

    path: Path
    rows: pd.DataFrame
    participant: str
    session: str | None
    of_study: pd.DataFrame

    @property
    def participants(self) -> frozenset[str]:
        """Everybody in the table, as ``sub-…``."""
        cells = self.rows[self.participant].dropna()
        return frozenset("sub-" + cell.removeprefix("sub-") for cell in cells)

    @property
    def sessions(self) -> dict[str, int]:
        """Participants by session label, without ``ses-``."""
        if self.session is None:
            return {}
        counted = self.rows.groupby(self.session)[self.participant].nunique()
        return {str(label).removeprefix("ses-"): int(n) for label, n in counted.items()}

    @property
    def columns(self) -> list[str]:
        """The columns beside those of participants and sessions."""
        return [str(c) for c in self.rows.columns if c not in (self.participant, self.session)]

    def numbers(self, column: str) -> list[float] | None:
        """Return the numbers of a column without codes of missing values; None if it has text."""
        cells = [cell for cell in self.rows[column].dropna() if cell not in WORDS]
        values = [as_number(cell) for cell in cells if not CODES.fullmatch(cell)]
        if not values or None in values:
            return None
        return [value for value in values if value is not None]

    def labels(self, column: str) -> dict[str, int]:
        """Return how many participants of the study have each label; empty if somebody has two."""
        known = self.of_study[[self.participant, column]].dropna().drop_duplicates()
        if known[self.participant].duplicated().any():
            return {}
        counts = known[column].value_counts()
        return {str(label): int(counts[label]) for label in sorted(counts.index)}


def folded(name: str) -> str:
    """Return a name in small letters, without what is neither letter nor digit."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def first_word(column: str) -> str:
    """Return the first word of a column's name, in small letters."""
    words = column.casefold().replace("_", " ").replace("(", " ").split()
    return words[0] if words else ""


def find_score_tables(given: Iterable[Path], folders: Iterable[Path]) -> list[Path]:
    """Return the tables to look at: those given, then those that BIDS has a place for.

    Parameters
    ----------
    given : iterable of pathlib.Path
        Tables, or folders of tables.
    folders : iterable of pathlib.Path
        The derivatives and the dataset around them.
    """
    named = [path for each in given for path in ([each] if each.is_file() else _tables_in(each))]
    if named:
        return list(dict.fromkeys(named))
    return list(dict.fromkeys(
        path for folder in folders for path in _tables_in(folder / "phenotype")
    ))  # fmt: skip


def find_participants(folders: Iterable[Path]) -> Path | None:
    """Return the first ``participants.tsv`` in some folders."""
    places = (folder / "participants.tsv" for folder in folders)
    return next((place for place in places if place.is_file()), None)


def _tables_in(folder: Path) -> list[Path]:
    return sorted(path for ending in ("*.tsv", "*.csv") for path in folder.glob(ending))


def read_lab_table(path: Path, known: Collection[str]) -> LabTable | str:
    """Read a table and find its participants and sessions; a sentence if it cannot be used.

    Parameters
    ----------
    path : pathlib.Path
        TSV or CSV.
    known : collection of str
        Participants that have images, as ``sub-…``.
    """
    try:
        rows = read_text(path)
    except (OSError, ValueError, csv.Error) as error:
        return f"{path} cannot be read as a table: {error}"
    who = _participant_column(rows, known)
    if who is None:
        columns = ", ".join(map(str, rows.columns))
        return f"{path} has no column that names participants (columns: {columns})"
    ids = "sub-" + rows[who].astype(str).str.removeprefix("sub-")
    measured = rows[ids.isin(list(known))]
    return LabTable(
        path, rows, who, _session_column(rows, who), rows if measured.empty else measured
    )


def _participant_column(rows: pd.DataFrame, known: Collection[str]) -> str | None:
    if "participant_id" in rows:
        return "participant_id"
    for column in map(str, rows.columns):
        cells = {"sub-" + cell.removeprefix("sub-") for cell in rows[column].dropna()}
        of_study = cells & set(known)
        written = sum(str(cell).startswith("sub-") for cell in rows[column].dropna())
        if len(of_study) > _HALF * len(cells) or written > _HALF * len(rows):
            return column
    return next((str(c) for c in rows.columns if folded(str(c)) in _WHO), None)


def _session_column(rows: pd.DataFrame, who: str) -> str | None:
    if "session_id" in rows:
        return "session_id"
    for column in map(str, rows.columns):
        written = sum(str(cell).startswith("ses-") for cell in rows[column].dropna())
        if column != who and (written > _HALF * len(rows) or folded(column) in _WHEN):
            return column
    return None
