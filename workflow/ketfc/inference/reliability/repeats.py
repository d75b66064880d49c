"""Repeated measurements of a circuit that no ketamine lies between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ketfc.imaging.run.connectivity import MEAN
from ketfc.inference.core.permutation import Floats
from ketfc.inference.reliability.icc import LEAST
from ketfc.study.design.design import CONTROL_FIRST, Design

SESSION, RUN = "session", "run"
"""The unit that is measured again."""

CONTROL_ARM, CONTROL_DRUG = "control-arm", "control-drug"
HEALTHY, RUNS = "healthy-controls", "runs"
"""Sources of repeated measurements, the best first: in patients, over the study's own interval."""


@dataclass(frozen=True, eq=False)
class Repeats:
    """Repeated measurements of the same people.

    Attributes
    ----------
    source : str
        :data:`CONTROL_ARM`, :data:`CONTROL_DRUG`, :data:`HEALTHY` or :data:`RUNS`.
    of : str
        :data:`SESSION` or :data:`RUN`.
    values : numpy.ndarray of shape (n, k)
        Fisher z; participants in sorted order, occasions in their own.
    note : str
        What they are, and what of the error they hold, in plain words.
    """

    source: str
    of: str
    values: Floats
    note: str


def by_role(own: pd.DataFrame) -> pd.DataFrame:
    """Return a circuit's Fisher z, a row per participant, a column per role.

    Parameters
    ----------
    own : pandas.DataFrame
        Its rows of ``connectivity.tsv`` in one strategy, with the mean over its edges.
    """
    z = pd.to_numeric(own["z"])
    return own.assign(z=z.where(np.isfinite(z))).pivot_table(
        index="participant_id", columns="role", values="z", aggfunc="first"
    )


def by_run(
    tables: Iterable[pd.DataFrame], design: Design, *, circuit: str, strategy: str
) -> pd.DataFrame:
    """Return a circuit's Fisher z in the runs of the baseline session.

    Parameters
    ----------
    tables : iterable of pandas.DataFrame
        What :func:`ketfc.imaging.group.sessions.read_circuits` gives, in the order of the runs.
    design : Design
        The study's design.
    circuit, strategy : str
        Which of the circuits and denoising strategies.

    Returns
    -------
    pandas.DataFrame
        A row per participant of the contrasts, a column per run that has a value: the first of
        them, the second and so on, NaN where there are fewer.
    """
    people = design.in_contrasts()
    runs: dict[str, list[float]] = {}
    for table in tables:
        row = table[
            (table["circuit"] == circuit)
            & (table["strategy"] == strategy)
            & (table["measure"] == MEAN)
            & (table["role"] == design.baseline)
            & table["participant_id"].isin(people)
        ]
        for who, z in zip(row["participant_id"], pd.to_numeric(row["z"]), strict=True):
            if np.isfinite(z):
                runs.setdefault(str(who), []).append(float(z))
    most = max(map(len, runs.values()), default=0)
    rows = {who: z + [np.nan] * (most - len(z)) for who, z in sorted(runs.items())}
    return pd.DataFrame.from_dict(rows, orient="index", columns=range(most))


def repeats(sessions: pd.DataFrame, runs: pd.DataFrame, design: Design) -> Iterator[Repeats]:
    """Yield the repeated measurements that a study has of a circuit, the best first.

    Parameters
    ----------
    sessions, runs : pandas.DataFrame
        As :func:`by_role` and :func:`by_run` give them.
    design : Design
        The study's design.

    Yields
    ------
    Repeats
        Of the control arm: the two sessions that are compared. Of a crossover with a session
        before both drugs: that session and the one after the control drug, in those who had it
        first. Of healthy controls: their first two sessions. Of runs: those of the baseline
        session, as many as most participants with several have. Without people who lack one, and
        only where somebody is left.
    """
    for source in (
        _of_control(sessions, design),
        _of_healthy(sessions, design),
        _of_runs(runs, design),
    ):
        yield from (one for one in source if len(one.values))


def _of_control(sessions: pd.DataFrame, design: Design) -> Iterator[Repeats]:
    if design.between_arms:
        people = [who for who, arm in design.in_contrasts().items() if arm == "control"]
        pair, arm = (design.baseline, design.followup), design.arms["control"]
        note = (
            f"{pair[0]} and {pair[1]} of the {arm} arm: what differs holds the error and whatever "
            "changed in that time without ketamine"
        )
        yield Repeats(CONTROL_ARM, SESSION, _complete(sessions, people, pair), note)
    if design.within_drugs and design.pre is not None:
        people = [who for who, order in design.sequences.items() if order == CONTROL_FIRST]
        pair, drug = (design.pre, design.baseline), design.drugs["control"]
        note = (
            f"{pair[0]} and the session after {drug} in who had {drug} first: what differs holds "
            "the error and whatever changed in that time without ketamine"
        )
        yield Repeats(CONTROL_DRUG, SESSION, _complete(sessions, people, pair), note)


def _of_healthy(sessions: pd.DataFrame, design: Design) -> Iterator[Repeats]:
    people = design.healthy_controls()
    there = sessions.reindex(people).notna().sum()
    roles = [role for role in design.sessions if there.get(role, 0) >= LEAST][:2]
    if len(roles) == 2:
        note = (
            f"{roles[0]} and {roles[1]} of healthy controls, who may lie stiller and differ less "
            "from one another than patients"
        )
        yield Repeats(HEALTHY, SESSION, _complete(sessions, people, roles), note)


def _of_runs(runs: pd.DataFrame, design: Design) -> Iterator[Repeats]:
    several = runs.notna().sum(axis=1)
    several = several[several > 1]
    if len(several):
        k = int(several.mode().iloc[0])
        note = (
            f"{k} runs of {design.baseline}: error within a session alone, so that the reliability "
            "from one day to another is lower"
        )
        yield Repeats(RUNS, RUN, runs.loc[several.index, : k - 1].dropna().to_numpy(), note)


def _complete(sessions: pd.DataFrame, people: Iterable[str], roles: Iterable[str]) -> Floats:
    """Return Fisher z of who has all of the roles, in the order of their names."""
    table = sessions.reindex(index=sorted(people), columns=list(roles)).dropna()
    return table.to_numpy(dtype=np.float64)
