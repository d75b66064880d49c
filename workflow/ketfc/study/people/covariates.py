"""Covariates of the participants, strata of baseline SI, and terms of the models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from ketfc.base.errors import Problem, did_you_mean
from ketfc.base.files import MISSING
from ketfc.study.config.config import Config
from ketfc.study.config.study import Study
from ketfc.study.design.design import Diagnoses, Terms
from ketfc.study.lab_tables import Table, as_number, lines
from ketfc.study.scores.long_scores import TOTAL

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["numeric", "categorical"]

_OF_SESSION = re.compile(r"(.+)_ses-([A-Za-z0-9]+)")


def covariates(
    tables: Sequence[Table], study: Study, participants: Iterable[str]
) -> tuple[pd.DataFrame, dict[str, Kind], list[Problem]]:
    """Return the covariates of every participant, and the problems of their values.

    Parameters
    ----------
    tables : sequence of Table
        The participants table and those of the scores; a column is taken from the first that
        has it.
    study : Study
        Section of the configuration.
    participants : iterable of str
        Everybody in the study.

    Returns
    -------
    values : pandas.DataFrame
        Indexed by participant, a column per covariate: numbers, or text; missing where missing.
    kinds : dict of str to str
        ``numeric`` or ``categorical`` by covariate. One with any number in it is numeric, unless
        ``study.categorical`` names it.
    problems : list of Problem
        Errors for missing columns, contradictory rows and text among numbers; a note per
        covariate with those who lack it.
    """
    import pandas as pd

    everybody = list(participants)
    found: dict[str, pd.Series[Any]] = {}
    kinds: dict[str, Kind] = {}
    problems: list[Problem] = []
    for name, column in study.covariates.items():
        field = f"study.covariates.{name}"
        place = _place(tables, column)
        if place is None:
            problems.append(_no_column(tables, field, column))
            continue
        table, rows, header = place
        texts, wrong = _one_each(table, rows, header)
        problems += wrong
        numbers = {who: as_number(text) for who, text in texts.items()}
        numeric = name not in study.categorical and (
            not texts or any(number is not None for number in numbers.values())
        )
        kinds[name] = "numeric" if numeric else "categorical"
        if numeric:
            problems += [
                Problem(
                    "error",
                    "is not a number; if these are labels, name the covariate in study.categorical",
                    file=table.file(who),
                    participant_id=who,
                    field=table.header(header),
                    value=texts[who],
                    allowed=f"a number or {MISSING}",
                )
                for who, number in numbers.items()
                if number is None
            ]
        values: Mapping[str, float | str | None] = numbers if numeric else texts
        dtype = float if numeric else object
        found[name] = pd.Series({who: values.get(who) for who in everybody}, dtype=dtype)
        lacking = [who for who in everybody if who not in texts]
        if lacking:
            message = (
                f"is missing in {len(lacking)} of {len(everybody)} participants "
                f"({', '.join(lacking)}); it is not filled in"
            )
            note = Problem("note", message, file=table.path.name, field=field, value=column)
            problems.append(note)
    frame = pd.DataFrame(found, index=pd.Index(everybody, dtype=object, name="participant_id"))
    return frame, kinds, problems


def _place(tables: Sequence[Table], column: str) -> tuple[Table, pd.DataFrame, str] | None:
    """Return the first table with a column, its rows that count, and the column's name there."""
    for table in tables:
        if column in table.rows:
            return table, table.rows, column
    of_session = _OF_SESSION.fullmatch(column)
    if of_session is None:
        return None
    for table in tables:
        if of_session[1] in table.rows and "session_id" in table.rows:
            labels = table.rows["session_id"].str.removeprefix("ses-")
            return table, table.rows[labels == of_session[2]], of_session[1]
    return None


def _no_column(tables: Sequence[Table], field: str, column: str) -> Problem:
    there = dict.fromkeys(str(name) for table in tables for name in table.rows.columns)
    message = f"no table has such a column{did_you_mean(column, there)}"
    return Problem("error", message, field=field, value=column, allowed=", ".join(there) or None)


def _one_each(
    table: Table, rows: pd.DataFrame, column: str
) -> tuple[dict[str, str], list[Problem]]:
    """Return the value of each participant who has one; rows that contradict are an error."""
    texts: dict[str, str] = {}
    problems = []
    for who, own in rows[rows[column].notna()].groupby("participant_id", sort=False):
        values = list(dict.fromkeys(own[column]))
        texts[str(who)] = values[0]
        if len(values) > 1:
            problems.append(
                Problem(
                    "error",
                    f"differs between rows ({lines(own.index)}); for the rows of one session, "
                    f"name the column {column}_ses-<label>",
                    file=table.file(str(who)),
                    participant_id=str(who),
                    field=table.header(column),
                    value=", ".join(values),
                )
            )
    return texts, problems


def si_strata(
    scores: pd.DataFrame, cuts: Sequence[float], participants: Iterable[str]
) -> pd.Series[Any]:
    """Return each participant's stratum of baseline SI, such as ``4 to below 10``.

    Parameters
    ----------
    scores : pandas.DataFrame
        As :func:`ketfc.study.scores.long_scores.long_scores` gives it.
    cuts : sequence of float
        Where the strata are divided, in ascending order; at least one.
    participants : iterable of str
        Everybody in the study.

    Returns
    -------
    pandas.Series
        Indexed by participant; missing without a baseline score.
    """
    import numpy as np
    import pandas as pd

    names = [
        f"below {cuts[0]:g}",
        *(f"{low:g} to below {high:g}" for low, high in pairwise(cuts)),
        f"{cuts[-1]:g} or more",
    ]
    own = scores[(scores["scale"] == "si") & (scores["item"] == TOTAL) & (scores["role"] == "pre")]
    known = own[own["score"].notna()].drop_duplicates("participant_id")
    numbers = np.searchsorted(list(cuts), known["score"].to_numpy(dtype=float), side="right")
    strata = dict(zip(known["participant_id"], (names[i] for i in numbers), strict=True))
    return pd.Series({who: strata.get(who) for who in participants}, dtype=object)


def model_terms(
    config: Config,
    known: pd.DataFrame,
    kinds: Mapping[str, Kind],
    diagnoses: Mapping[str, str | None],
    contrasted: Iterable[str],
) -> tuple[Terms, list[Problem]]:
    """Return the covariates, blocks and diagnoses of the tests, and a problem per missing value.

    Parameters
    ----------
    config : Config
        The study's configuration.
    known : pandas.DataFrame
        Covariates of everybody, as :func:`ketfc.study.people.covariates.covariates` gives them.
    kinds : mapping of str to str
        Their kinds.
    diagnoses : mapping of str to (str or None)
        As :func:`ketfc.study.people.groups.diagnoses_of` gives them.
    contrasted : iterable of str
        The participants of the contrasts: who else lacks something is of no concern here.

    Returns
    -------
    terms : Terms
        Covariates, blocks, their values in everybody (those of further specifications and of the
        prediction too), and diagnoses.
    problems : list of Problem
        An error where blocks are numbers, and per missing value of a participant one line that says
        so (``excluded``).
    """
    people, statistics = list(contrasted), config.statistics
    used = [name for name in statistics.covariates if name in known]
    blocks = statistics.blocks if statistics.blocks in known else None
    problems = []
    if blocks is not None and kinds[blocks] == "numeric":
        message = "holds numbers; if these are labels, name the covariate in study.categorical"
        field = "statistics.blocks"
        problems.append(Problem("error", message, file="config", field=field, value=blocks))
    further = [name for names in statistics.specifications.covariates for name in names]
    if statistics.prediction is not None:
        further += statistics.prediction.clinical_covariates(config.study.covariates)
    named = dict.fromkeys([*used, *([blocks] if blocks else [])])
    values = {
        name: {str(who): None if absent else value for who, value, absent in rows}
        for name in dict.fromkeys([*named, *(name for name in further if name in known)])
        for rows in [zip(known.index, known[name].tolist(), known[name].isna(), strict=True)]
    }
    # who lacks what other specifications hold is in the primary tests all the same
    for name in named:
        own = values[name]
        field = "statistics.blocks" if name == blocks else "statistics.covariates"
        lost = f"has no {name}, so is in no test that needs it"
        problems += [
            Problem("excluded", lost, file="config", participant_id=who, field=field, value=name)
            for who in people
            if own.get(who) is None
        ]
    about = config.study.diagnosis
    diagnosis = None
    if about is not None:
        diagnosis = Diagnoses(
            unipolar=tuple(about.unipolar),
            bipolar=tuple(about.bipolar),
            participants={str(who): diagnoses.get(str(who)) for who in known.index},
        )
        lost = "has neither diagnosis of the config, so is in no test that compares them"
        problems += [
            Problem("excluded", lost, file="config", participant_id=who, field="study.diagnosis")
            for who in people
            if diagnoses.get(who) is None
        ]
    return Terms(tuple(used), blocks, values, diagnosis), problems
