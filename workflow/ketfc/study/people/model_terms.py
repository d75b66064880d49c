"""Terms of the models beside connectivity and scores: covariates, blocks and diagnoses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ketfc.base.errors import Problem
from ketfc.study.config.config import Config
from ketfc.study.design.design import Diagnoses, Terms
from ketfc.study.people.covariates import Kind

if TYPE_CHECKING:
    import pandas as pd


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
        Covariates, blocks, their values in everybody, and diagnoses.
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
    named = dict.fromkeys([*used, *([blocks] if blocks else [])])
    values = {
        name: {str(who): None if absent else value for who, value, absent in rows}
        for name in named
        for rows in [zip(known.index, known[name].tolist(), known[name].isna(), strict=True)]
    }
    for name, own in values.items():
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
