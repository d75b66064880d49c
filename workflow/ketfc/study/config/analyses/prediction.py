"""Group `statistics.prediction` of the config: response from baseline connectivity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from ketfc.study.config.types import Group, Text, Whole, YesNo, key, refuse

CPM = "cpm"
"""The model that adds up selected edges: of whole matrices alone."""

MATRIX = "matrix"

_USUAL = ("age", "sex")
"""Covariates that the clinical model takes where the study has them."""


class Prediction(Group):
    """Prediction of what becomes of suicidal ideation from connectivity before treatment."""

    outcome: Literal["change", "response", "remission"] = key(
        "change",
        "What is predicted: the change in the score of suicidal ideation, or whether a participant "
        "responded or remitted by the rules of the instrument. A change holds more than a class "
        "that is made of it.",
        "change, response or remission",
    )
    at: Text | None = key(
        None,
        "Role of the session of the outcome, with images or without; null: the follow-up of the "
        "primary tests.",
        "a role after treatment, or null",
    )
    arm: Literal["ketamine", "both"] = key(
        "ketamine",
        "Whose outcome is predicted in a study of two arms: that of participants on ketamine "
        "alone, or of everybody, which is prognosis whatever the treatment (the arm is then one "
        "of the clinical predictors).",
        "ketamine or both",
    )
    features: Annotated[tuple[Literal["circuits", "matrix"], ...], Field(min_length=1)] = key(
        ["circuits"],
        "What is predicted from: the mean connectivity of every circuit, or every edge of the "
        "first parcellation.",
        "a list of circuits and matrix",
    )
    models: Annotated[tuple[Literal["ridge", "elastic-net", "cpm"], ...], Field(min_length=1)] = (
        key(
            ["ridge"],
            "Models of the outcome: ridge regression, elastic net, or connectome-based predictive "
            "modelling (cpm), which is made of matrices alone. Every model more is another chance "
            "of a lucky one: name what was planned.",
            "a list of ridge, elastic-net and cpm",
        )
    )
    clinical: tuple[Text, ...] | None = key(
        None,
        "Covariates (of `study.covariates`) of the clinical model beside the baseline score; null: "
        "those that are called age and sex, where there are such.",
        "a list of names of covariates, or null",
    )
    adjust_for_motion: YesNo = key(
        True,
        "true: what the mean framewise displacement of the baseline session explains is taken out "
        "of connectivity, by coefficients of the training participants alone.",
        "true or false",
    )
    folds: Whole = key(
        5, "Folds of the cross-validation.", "a whole number from 2 to 20", ge=2, le=20
    )
    repeats: Whole = key(
        10,
        "Times that the participants are divided into folds anew; results are means over these.",
        "a whole number from 1 to 100",
        ge=1,
        le=100,
    )
    site_folds: YesNo = key(
        False,
        "true: every fold is one site of `statistics.blocks`, so that nobody is predicted by a "
        "model that saw the site; `folds` and `repeats` have then no effect.",
        "true or false",
    )
    permutations: Whole = key(
        1000,
        "Permutations of the whole procedure, cross-validation and choice of penalties included, "
        "at most: one ends where ten of them have reached the observed value.",
        "a whole number, at least 100",
        ge=100,
    )
    min_n: Whole = key(
        200,
        "Participants below which every result is called exploratory, whatever its p. Prediction "
        "asks for several hundred (Poldrack et al. 2020, 10.1001/jamapsychiatry.2019.3671); with "
        "100, the accuracy of a cross-validation is uncertain by some 10 % (Varoquaux 2018, "
        "10.1016/j.neuroimage.2017.06.061).",
        "a whole number, at least 100",
        ge=100,
    )

    @property
    def jobs(self) -> list[tuple[str, str]]:
        """The pairs of features and model that are fitted, in the order of the config."""
        return [
            (features, model)
            for features in self.features
            for model in self.models
            if model != CPM or features == MATRIX
        ]

    def clinical_covariates(self, covariates: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the covariates of the clinical model, of those that the study has."""
        if self.clinical is not None:
            return self.clinical
        return tuple(name for name in covariates if name.lower() in _USUAL)

    @field_validator("features", "models", "clinical")
    @classmethod
    def _once(cls, listed: Any) -> Any:
        if len(set(listed or ())) < len(listed or ()):
            raise refuse("names something twice")
        return listed

    @field_validator("models")
    @classmethod
    def _of_matrices(cls, models: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if CPM in models and MATRIX not in info.data.get("features", (MATRIX,)):
            raise refuse("'cpm' selects edges of matrices: add matrix to features")
        return models

    @field_validator("clinical")
    @classmethod
    def _known(cls, names: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        # what study.covariates says is not in sight from here, so the caller passes it along
        known = (info.context or {}).get("covariates", names) or ()
        for name in names or ():
            if name not in known:
                raise refuse(f"'{name}' is not one of study.covariates")
        return names
