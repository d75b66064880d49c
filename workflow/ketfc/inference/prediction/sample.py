"""Participants of a prediction: outcome, connectivity, head motion and clinical predictors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.imaging.run.connectivity import MEAN
from ketfc.inference.core.permutation import Blocks, Floats
from ketfc.inference.design.exchangeability import label_codes
from ketfc.inference.design.samples import covariate_values
from ketfc.inference.motion.sessions import session_motion
from ketfc.inference.prediction.settings import Settings
from ketfc.study.design.design import Design
from ketfc.study.predicted import Target, outcomes, target_of
from ketfc.study.scores.long_scores import TOTAL

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Circuit

_MEASURED = 0.5
"""Share of the circuits, or edges, that a participant needs to be predicted from."""


@dataclass(frozen=True, eq=False)
class PredictionSample:
    """One row per participant of everything that a prediction needs.

    Attributes
    ----------
    target : Target
        What is predicted, of whom.
    people : list of str
        The participants, each once, sorted.
    outcome : numpy.ndarray of shape (n,)
        The change, or 1 and 0.
    connectivity, motion, clinical : numpy.ndarray of shape (n, columns)
        The predictors; NaN where missing. `motion` and `clinical` can have no column.
    names : dict of str to list of str
        Names of the columns of `connectivity` and `clinical`.
    blocks : numpy.ndarray of shape (n,)
        Who may be exchanged with whom: participants of the same site and arm.
    sites : numpy.ndarray of shape (n,) or None
        Label of the site, where sites are the folds.
    left_out : dict of str to str
        Reason by participant.
    """

    target: Target
    people: list[str]
    outcome: Floats
    connectivity: Floats
    motion: Floats
    clinical: Floats
    names: dict[str, list[str]]
    blocks: Blocks
    sites: npt.NDArray[Any] | None
    left_out: dict[str, str]


def circuit_features(
    connectivity: pd.DataFrame, circuits: Iterable[Circuit], *, strategy: str, role: str
) -> pd.DataFrame:
    """Return the mean Fisher z of every circuit at one session, a row per participant.

    Parameters
    ----------
    connectivity : pandas.DataFrame
        ``connectivity.tsv``.
    circuits : iterable of Circuit
        The circuits; other definitions of the same ones are not used.
    strategy, role : str
        Denoising strategy and session.
    """
    rows = connectivity[
        (connectivity["strategy"] == strategy)
        & (connectivity["role"] == role)
        & (connectivity["measure"] == MEAN)
    ]
    if rows.duplicated(["participant_id", "circuit"]).any():
        raise ValueError(f"a participant has two values of a circuit at {role}")
    wide = rows.pivot_table(index="participant_id", columns="circuit", values="z", dropna=False)
    own = [circuit.id for circuit in circuits if circuit.variant_of is None]
    return wide.reindex(columns=[name for name in own if name in wide.columns])


def edge_features(sessions: Iterable[tuple[str, str, pd.DataFrame]], *, role: str) -> pd.DataFrame:
    """Return the edges of the matrices of one session, a row per participant.

    Parameters
    ----------
    sessions : iterable of (participant, role, matrix)
        As :func:`ketfc.imaging.group.sessions.session_fisher_z` gives them.
    role : str
        The session.
    """
    rows: dict[str, pd.Series[Any]] = {}
    for participant, of, matrix in sessions:
        if of == role:
            if participant in rows:
                raise ValueError(f"{participant} has two matrices of session {role}")
            a, b = np.triu_indices(len(matrix), k=1)
            labels = matrix.index.astype(str).tolist()
            names = [
                f"{labels[i]} – {labels[j]}" for i, j in zip(a.tolist(), b.tolist(), strict=True)
            ]
            rows[participant] = pd.Series(matrix.to_numpy()[a, b], index=names)
    return pd.DataFrame(rows).T


def prediction_sample(
    features: pd.DataFrame,
    course: pd.DataFrame,
    scores: pd.DataFrame,
    quality: pd.DataFrame,
    design: Design,
    settings: Settings,
) -> PredictionSample:
    """Gather everybody who has an outcome and was measured before treatment.

    Parameters
    ----------
    features : pandas.DataFrame
        From :func:`circuit_features` or :func:`edge_features`.
    course, scores, quality : pandas.DataFrame
        ``clinical/scores.tsv``, ``plan/scores.tsv`` and ``quality/runs.tsv``.
    design : Design
        The study's design.
    settings : Settings
        What is predicted from what. Edges that somebody lacks are left out, whatever the outcome;
        circuits that somebody lacks are imputed within the folds.

    Raises
    ------
    ValueError
        If a participant has two rows of features, and would be on both sides of a fold.
    """
    if not features.index.is_unique:
        raise ValueError("a participant has two rows of features")
    about = settings.about
    target = target_of(about, design)
    outcome, left_out = outcomes(course, design, target)
    share = features.notna().mean(axis=1).reindex(outcome.index)
    sites = _labels(design, design.terms.blocks, outcome.index)
    for who in outcome.index:
        if not share[who] >= _MEASURED:
            left_out[who] = f"connectivity at {target.before} missing or measured by half"
        elif about.site_folds and sites is not None and pd.isna(sites[who]):
            left_out[who] = f"no {design.terms.blocks}"
    people = [who for who in outcome.index if who not in left_out]
    table = features.reindex(people)
    table = table.dropna(axis=1, how="any" if settings.matrix else "all")
    known = _clinical(scores, design, target, people, settings.clinical)
    # those of no site are exchanged with one another
    blocks = [sites[people].map(str)] if sites is not None else []
    if target.arm is None and design.between_arms:
        blocks.append(pd.Series([str(design.participants[who]) for who in people], index=people))
    codes = label_codes(blocks)
    return PredictionSample(
        target=target,
        people=people,
        outcome=outcome[people].to_numpy(dtype=np.float64),
        connectivity=table.to_numpy(dtype=np.float64),
        motion=_motion(quality, target, people, used=about.adjust_for_motion),
        clinical=known.to_numpy(dtype=np.float64),
        names={"connectivity": list(map(str, table.columns)), "clinical": list(known.columns)},
        blocks=np.zeros(len(people), dtype=np.int64) if codes is None else codes,
        sites=sites[people].to_numpy() if about.site_folds and sites is not None else None,
        left_out=left_out,
    )


def _labels(design: Design, name: str | None, people: pd.Index[str]) -> pd.Series[Any] | None:
    return None if name is None else covariate_values(design, name, people)


def _motion(quality: pd.DataFrame, target: Target, people: list[str], *, used: bool) -> Floats:
    """Return mean framewise displacement before treatment; no column where nobody has any."""
    empty = np.empty((len(people), 0))
    motion = session_motion(quality) if used else pd.DataFrame()
    if "mean_fd" not in motion:
        return empty
    fd = motion["mean_fd"]
    own = fd[fd.index.get_level_values("role") == target.before].droplevel("role")
    values = own.reindex(people).to_numpy(dtype=np.float64)[:, np.newaxis]
    return values if np.isfinite(values).any() else empty


def _clinical(
    scores: pd.DataFrame,
    design: Design,
    target: Target,
    people: list[str],
    names: Iterable[str],
) -> pd.DataFrame:
    """Return the clinical predictors: baseline score, arm, and covariates, labels as columns."""
    table = pd.DataFrame(index=pd.Index(people, dtype=object))
    if not design.si_changes_only:
        own = scores[
            (scores["scale"] == "si")
            & (scores["instrument"] == design.instrument)
            & (scores["item"] == TOTAL)
            & (scores["role"] == target.before)
        ]
        score = own.set_index("participant_id")["score"].astype(np.float64)
        table["baseline score"] = score.reindex(people)
    if target.arm is None and design.between_arms:
        table["arm"] = [float(design.participants[who] == "ketamine") for who in people]
    for name in names:
        values = covariate_values(design, name, table.index)
        if values.dtype == np.float64:
            table[name] = values
            continue
        labels = sorted({str(value) for value in values.dropna()})
        for label in labels[1:]:
            same = (values == label).astype(float)
            table[f"{name} {label}"] = same.where(values.notna())
    # what does not vary predicts nothing
    varies = [name for name in table if len(set(table[name].dropna())) > 1]
    return table[varies].astype(np.float64)
