"""Section `statistics` of the config: tests of the hypotheses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from ketfc.study.config.analyses.prediction import Prediction
from ketfc.study.config.types import (
    Group,
    Name,
    Number,
    PathText,
    Text,
    Whole,
    YesNo,
    key,
    refuse,
)

Threshold = Annotated[Number, Field(gt=0.0)]
"""A threshold of framewise displacement in mm."""


class LaterOutcome(Group):
    """A question on the change in connectivity and a score of another session."""

    name: Name = key(
        ...,
        "Name of the question: its test is called `later-` and this name.",
        "letters and digits",
    )
    connectivity: Text = key(
        "post",
        "Role (of `study.sessions`) of the follow-up until which connectivity changed; in a "
        "crossover that of the session after ketamine.",
        "a role with images",
    )
    score: Text = key(
        ...,
        "Role of the session of the score: that of the scan or a later one, with or without "
        "images; in a crossover that of the session after ketamine.",
        "a role, not before connectivity",
    )


class Specifications(Group):
    """Choices whose every combination is tested beside the primary test."""

    strategies: tuple[Text, ...] | None = key(
        None,
        "Denoising strategies, of `denoising.strategies`; null: all of these but `none`.",
        "a list of strategies, or null",
    )
    fd_thresholds: tuple[Threshold, ...] = key(
        [],
        "Thresholds of framewise displacement in mm beside `denoising.fd-thresh`, for strategies "
        "that censor. They are worked out from what was read before: no image is read for them.",
        "a list of numbers above 0 (mm)",
    )
    definitions: YesNo = key(
        True,
        "true: the other definitions that the registry has of a circuit's regions, spheres and "
        "parcels alike, as far as they can be measured.",
        "true or false",
    )
    covariates: tuple[tuple[Text, ...], ...] = key(
        [],
        "Sets of covariates (of `study.covariates`) beside `statistics.covariates`; an empty set "
        "is one too. `statistics.blocks` stays in all of them.",
        "a list of lists of names of covariates",
    )
    scores: tuple[Literal["si-item", "depression"], ...] | None = key(
        None,
        "Scores that stand in for that of suicidal ideation in the associations: the suicide item "
        "of the depression scale (`si-item`), or its total (`depression`). They must have the same "
        "direction. null: the item, where the study has it.",
        "a list of si-item and depression, or null",
    )
    tests: Annotated[tuple[Literal["ranks", "values"], ...], Field(min_length=1)] = key(
        ["ranks", "values"],
        "Whether ranks or values are tested; that of the primary test is always among them.",
        "a list of ranks and values",
    )

    @field_validator("strategies")
    @classmethod
    def _measured(
        cls, names: tuple[str, ...] | None, info: ValidationInfo
    ) -> tuple[str, ...] | None:
        # what other sections say is not in sight from here, so the caller passes it along
        known = (info.context or {}).get("strategies")
        for name in names or ():
            if known is not None and name not in known:
                raise refuse(f"'{name}' is not one of denoising.strategies")
        return names

    @field_validator("covariates")
    @classmethod
    def _known_sets(
        cls, sets: tuple[tuple[str, ...], ...], info: ValidationInfo
    ) -> tuple[tuple[str, ...], ...]:
        for names in sets:
            for name in names:
                _known(name, info)
            if len(set(names)) < len(names):
                raise refuse("names a covariate twice in one set")
        return sets

    @field_validator("scores")
    @classmethod
    def _there(cls, asked: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        there = (info.context or {}).get("other scores", asked) or ()
        for name in asked or ():
            if name not in there:
                lacking = "scores.depression.si-item" if name == "si-item" else "scores.depression"
                raise refuse(f"'{name}' needs {lacking}")
        return asked

    @field_validator("strategies", "fd_thresholds", "covariates", "scores", "tests")
    @classmethod
    def _once(cls, listed: Any) -> Any:
        each = [frozenset(one) if isinstance(one, tuple) else one for one in listed or ()]
        if len(set(each)) < len(each):
            raise refuse("names a choice twice")
        return listed


class Statistics(Group):
    """Tests of the hypotheses."""

    seed: Whole = key(
        20251122,
        "Seed of every random number; the same seed gives the same results.",
        "a whole number, at least 0",
        ge=0,
    )
    permutations: Whole = key(
        10000,
        "Permutations of each test.",
        "a whole number, at least 100",
        ge=100,
    )
    alpha: Number = key(
        0.05,
        "Level of significance.",
        "a number between 0 and 1",
        gt=0.0,
        lt=1.0,
    )
    primary_question: Literal["both", "change", "association"] = key(
        "both",
        "The question that the primary circuits are put to: whether connectivity changed, or "
        "whether it changed with suicidal ideation. With both, each is a family of its own at "
        "`alpha`, so that some primary result is false with a probability of up to 2 · `alpha`; "
        "with one, the tests of the other are secondary. Choose it before the results.",
        "both, change or association",
    )
    covariates: tuple[Text, ...] = key(
        [],
        "Covariates (of `study.covariates`) that the tests of association and the comparison of "
        "two arms are adjusted for: numbers as they are given, labels as one column less than "
        "there are labels. Participants without one are left out of these tests. A change within "
        "participants is not adjusted: what does not change in a person is in both sessions alike.",
        "a list of names of covariates",
        examples=[["age"]],
    )
    blocks: Text | None = key(
        None,
        "Covariate (of `study.covariates`), such as the site, within whose labels participants "
        "are exchanged by the permutations of the tests between participants; these are adjusted "
        "for it too. Sign flips change whole participants, and need none.",
        "the name of a covariate of labels, or null",
        examples=["site"],
    )
    harmonize: Literal["combat"] | None = key(
        None,
        "combat: beside the primary tests, which stay as they are, the same tests of connectivity "
        "harmonised between the sites of `statistics.blocks` by longitudinal ComBat, with and "
        "without it. It is fitted without any score, and keeps the effects of arm, session and "
        "`statistics.covariates`, but for those that are scores. Needs the extra `combat`.",
        "combat or null; combat only with blocks",
        examples=["combat"],
    )
    enrolment: Text | None = key(
        None,
        "Covariate (of `study.covariates`) that tells the order in which participants were "
        "enrolled, by numbers or dates (YYYY-MM-DD): the primary tests are repeated in the earlier "
        "and the later half. null: the order of the rows of the participants table.",
        "the name of a covariate of numbers or dates, or null",
        examples=["enrolled"],
    )
    later_outcomes: tuple[LaterOutcome, ...] = key(
        [],
        "Questions on later scores of suicidal ideation: whether they are associated with the "
        "change in connectivity until an earlier scan. Each is tested in every circuit as the "
        "primary association is, and counts in the secondary family.",
        "a list of groups with name, connectivity and score",
        examples=[[{"name": "day7", "connectivity": "post", "score": "day7"}]],
    )
    specifications: Specifications = key(
        {},
        "Choices whose every combination is tested in every primary circuit beside the primary "
        "test, whose own are always among them: a specification curve. Name what another analyst "
        "might have chosen with as good a reason, and nothing else.",
        "a group of the keys strategies, fd-thresholds, definitions, covariates, scores and tests",
        examples=[{"fd-thresholds": [0.2, 0.3], "covariates": [[], ["age"]]}],
    )
    prediction: Prediction | None = key(
        None,
        "Prediction of the change in suicidal ideation, of response or of remission, from the "
        "connectivity before treatment, in a nested cross-validation beside a clinical model. "
        "Null: none is made.",
        "a group of the keys outcome, at, arm, features, models, clinical, adjust-for-motion, "
        "folds, repeats, site-folds, permutations and min-n, or null",
        examples=[{"outcome": "change", "features": ["circuits"], "models": ["ridge"]}],
    )
    equivalence_margin: Number = key(
        0.1,
        "The smallest change in Fisher z that matters: equivalence tests ask whether the change "
        "is smaller. The default is a convention, not a finding; choose it before the results.",
        "a number above 0",
        gt=0.0,
    )
    reliability: Number | None = key(
        None,
        "Reliability of the connectivity of one session (ICC, from the literature) for studies "
        "that measured nobody twice without ketamine in between. Where a control arm, several "
        "runs of a session or healthy controls allow, it is estimated from them, and this number "
        "is not used.",
        "a number between 0 and 1, or null",
        gt=0.0,
        lt=1.0,
        examples=[0.4],
    )
    smallest_cell: Whole = key(
        5,
        "Participants below which a sample, an arm or an order of drugs gives no number to "
        "`snakemake export` and `snakemake share`.",
        "a whole number, at least 5",
        ge=5,
    )
    preregistration: PathText | None = key(
        None,
        "A locked copy of the hypotheses, the design and the rules of the tests, as "
        "`snakemake preregistration` wrote it to `results/plan/preregistration.json`; keep it "
        "elsewhere. `plan` refuses what differs from it. Without one, every result is labelled "
        "exploratory, whatever the size of its sample.",
        "a path, or null",
        examples=["preregistration.json"],
    )

    @field_validator("covariates")
    @classmethod
    def _known_and_once(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for name in names:
            _known(name, info)
        if len(set(names)) < len(names):
            raise refuse("names a covariate twice")
        return names

    @field_validator("later_outcomes")
    @classmethod
    def _asked_once(cls, asked: tuple[LaterOutcome, ...]) -> tuple[LaterOutcome, ...]:
        if len({one.name for one in asked}) < len(asked):
            raise refuse("gives two questions the same name")
        if len({(one.connectivity, one.score) for one in asked}) < len(asked):
            raise refuse("asks the same question twice, and would count it twice")
        return asked

    @field_validator("harmonize")
    @classmethod
    def _has_sites(cls, asked: str | None, info: ValidationInfo) -> str | None:
        # what is wrong with blocks has its own error
        if asked is not None and info.data.get("blocks", asked) is None:
            raise refuse("needs statistics.blocks, the covariate that holds the site")
        return asked

    @field_validator("blocks", "enrolment")
    @classmethod
    def _known_name(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is not None:
            _known(name, info)
        return name


def _known(name: str, info: ValidationInfo) -> None:
    # what study.covariates says is not in sight from here, so the caller passes it along
    known = (info.context or {}).get("covariates", {name})
    if name not in known:
        raise refuse(f"'{name}' is not one of study.covariates")
