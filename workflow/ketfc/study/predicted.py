"""Outcomes to be predicted, by participant, and problems of a study that lacks them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ketfc.base.english import plural
from ketfc.base.errors import Problem, did_you_mean
from ketfc.study.config.analyses.prediction import MATRIX, Prediction
from ketfc.study.config.config import Config
from ketfc.study.design.design import BASELINE, Design
from ketfc.study.scores.long_scores import CHANGE, TOTAL
from ketfc.study.scores.response import clinical_rules, clinical_scores, compared_roles

if TYPE_CHECKING:
    import pandas as pd

KETAMINE = "ketamine"

FEWEST_PER_FOLD = 2
"""Participants that every fold needs where a change is predicted."""

_FIELD = "statistics.prediction"


@dataclass(frozen=True)
class Target:
    """Outcome that is predicted, and its participants.

    Attributes
    ----------
    outcome : str
        ``change``, ``response`` or ``remission``.
    before : str
        Role of the session before treatment.
    at : str
        Role of the session of the outcome; ``change`` where scores are changes alone.
    arm : str or None
        ``ketamine`` where one arm of two is predicted, else None.
    """

    outcome: str
    before: str
    at: str
    arm: str | None

    @property
    def classes(self) -> bool:
        """True where participants are divided into those with and those without the outcome."""
        return self.outcome != CHANGE


def target_of(about: Prediction, design: Design) -> Target:
    """Return what a study predicts.

    Parameters
    ----------
    about : Prediction
        The group of the config.
    design : Design
        The study's design.
    """
    at = CHANGE if design.si_changes_only else about.at or design.followup
    arm = KETAMINE if design.between_arms and about.arm == KETAMINE else None
    return Target(about.outcome, design.pre or BASELINE, at, arm)


def outcomes(
    course: pd.DataFrame, design: Design, target: Target
) -> tuple[pd.Series[Any], dict[str, str]]:
    """Return the outcome of every participant who has one, and why others have none.

    Parameters
    ----------
    course : pandas.DataFrame
        ``clinical/scores.tsv``.
    design : Design
        The study's design.
    target : Target
        From :func:`target_of`.

    Returns
    -------
    outcome : pandas.Series of float
        By participant, sorted: the change in points, or 1 with the outcome and 0 without.
    left_out : dict of str to str
        Reason by participant, for all others whom the study would predict.
    """
    import pandas as pd

    own = course[
        (course["scale"] == "si")
        & (course["item"] == TOTAL)
        & (course["instrument"] == design.instrument)
        & (course["role"] == target.at)
    ]
    if target.at != CHANGE:
        own = own[own["reference"] == target.before]
    rows = own.set_index("participant_id")[target.outcome]
    people = sorted(who for who, arm in design.in_contrasts().items() if target.arm in (None, arm))
    found, left_out = {}, {}
    for who in people:
        value = rows.get(who)
        if value is None or pd.isna(value):
            left_out[who] = f"no {target.outcome} in {design.instrument} at {target.at}"
        else:
            found[who] = float(value == "yes") if target.classes else float(value)
    return pd.Series(found, dtype=float), left_out


def prediction_problems(
    config: Config, design: Design, scores: pd.DataFrame, runs: pd.DataFrame
) -> list[Problem]:
    """Return what keeps a study from the prediction it asks for, all of it together.

    Parameters
    ----------
    config : Config
        The study's configuration.
    design : Design
        The study's design, with the terms of its models.
    scores, runs : pandas.DataFrame
        ``plan/scores.tsv`` and ``plan/runs.tsv``.

    Returns
    -------
    list of Problem
        Errors, each with the key of ``statistics.prediction`` that it is about.
    """
    about = config.statistics.prediction
    if about is None:
        return []
    found = [*_of_the_study(about, config, design), *_of_the_role(about, config, design)]
    # with an outcome that does not exist nobody can be counted
    return found or list(_of_people(about, config, design, scores, runs))


def _problem(key: str, value: Any, message: str, allowed: str | None = None) -> Problem:
    return Problem("error", message, field=f"{_FIELD}.{key}", value=value, allowed=allowed)


def _of_the_study(about: Prediction, config: Config, design: Design) -> Iterator[Problem]:
    """Yield what the study as such does not have."""
    if design.si is None:
        message = "the study has no scale of suicidal ideation (scores.si is null)"
        yield _problem("outcome", about.outcome, message)
    elif about.outcome != CHANGE:
        rule = clinical_rules(config.scores)["si", TOTAL]
        if design.si_changes_only:
            message = "cannot be told from changes alone"
            yield _problem("outcome", about.outcome, message, "change")
        elif getattr(rule, about.outcome) is None:
            message = f"{design.instrument} has no rule of {about.outcome}"
            yield _problem("outcome", about.outcome, message, "change, or an instrument with one")
    if design.pre is None:
        message = "the study has no session before treatment to predict from"
        yield _problem("at", about.at, message, f"a role {BASELINE} in study.sessions")
    if about.arm == "both" and not design.between_arms:
        message = "the study does not have two arms"
        yield _problem("arm", about.arm, message, KETAMINE)
    if MATRIX in about.features and config.study.connectivity is not None:
        message = "matrices are taken from images alone, not from study.connectivity"
        yield _problem("features", ", ".join(about.features), message, "circuits")
    if about.site_folds and design.terms.blocks is None:
        message = "needs the covariate that names the sites"
        yield _problem("site-folds", True, message, "statistics.blocks with the name of one")


def _of_the_role(about: Prediction, config: Config, design: Design) -> Iterator[Problem]:
    """Yield what is wrong with the session of the outcome."""
    if about.at is None:
        return
    before = design.pre or BASELINE
    after = [role for role in config.study.sessions if role != before]
    if design.si_changes_only:
        message = "scores that are changes alone do not say at which session"
        yield _problem("at", about.at, message, "null")
    elif about.at not in config.study.sessions:
        unknown = f"is not a role of study.sessions{did_you_mean(about.at, after)}"
        yield _problem("at", about.at, unknown, ", ".join(after))
    elif about.at == before:
        message = "is the session before treatment, from which is predicted"
        yield _problem("at", about.at, message, ", ".join(after))


def _of_people(
    about: Prediction, config: Config, design: Design, scores: pd.DataFrame, runs: pd.DataFrame
) -> Iterator[Problem]:
    """Yield what there are too few participants for."""
    target = target_of(about, design)
    usable = runs[(runs["status"] == "ok") & (runs["role"] == target.before)]
    if usable.empty:
        message = f"no usable run of session {target.before}, before treatment, to predict from"
        yield _problem("features", ", ".join(about.features), message)
        return
    course = clinical_scores(scores, clinical_rules(config.scores), compared_roles(design))
    outcome, _ = outcomes(course, design, target)
    outcome = outcome[outcome.index.isin(usable["participant_id"])]
    if outcome.empty:
        message = f"nobody with images at {target.before} has a {about.outcome} at {target.at}"
        yield _problem("at" if about.at else "outcome", about.at or about.outcome, message)
        return
    few = too_few(outcome, target, folds=about.folds, by_site=about.site_folds)
    if few is not None:
        yield _problem("site-folds" if about.site_folds else "folds", about.folds, few)
    if not about.site_folds:
        return
    name = str(design.terms.blocks)
    sites = outcome.index.map(design.terms.values[name])
    known = [site for site in sites if site is not None]
    if len(set(known)) < FEWEST_PER_FOLD:
        message = f"{name} has {plural(len(set(known)), 'label')} among those to be predicted"
        yield _problem("site-folds", True, message, "at least 2 sites")
        return
    if target.classes:
        for site in sorted(set(known)):
            rest = outcome[[one is not None and one != site for one in sites]]
            if rest.nunique() < FEWEST_PER_FOLD:
                message = f"without {site} everybody has the same {about.outcome}"
                yield _problem("site-folds", True, message)


def too_few(
    outcome: pd.Series[Any], target: Target, *, folds: int, by_site: bool = False
) -> str | None:
    """Return why there are too few participants for a cross-validation; None where there are not.

    Parameters
    ----------
    outcome : pandas.Series
        From :func:`outcomes`.
    target : Target
        What is predicted.
    folds : int
        Folds of the cross-validation.
    by_site : bool
        Whether sites are the folds.
    """
    if target.classes:
        with_it = int(outcome.sum())
        sizes = {f"with {target.outcome}": with_it, "without": len(outcome) - with_it}
        least = FEWEST_PER_FOLD if by_site else folds
        if min(sizes.values()) >= least:
            return None
        counted = ", ".join(f"{n} {what}" for what, n in sizes.items())
        return f"{counted}; at least {least} of each are needed"
    least = FEWEST_PER_FOLD * (FEWEST_PER_FOLD if by_site else folds)
    if len(outcome) < least:
        return f"{plural(len(outcome), 'participant')} to be predicted, at least {least} are needed"
    if outcome.nunique() < FEWEST_PER_FOLD:
        return f"everybody has the same {target.outcome}"
    return None
