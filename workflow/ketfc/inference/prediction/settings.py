"""Settings of one prediction: what is predicted from what, by which model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ketfc.study.config.analyses.prediction import MATRIX, Prediction
from ketfc.study.design.design import Design


@dataclass(frozen=True)
class Settings:
    """Settings of a prediction, beside its sample.

    Attributes
    ----------
    about : Prediction
        The group of the config.
    features, model : str
        One of the pairs that it asks for.
    seed : int
        The study's seed.
    alpha : float
        Intervals cover 1 − `alpha`.
    preregistered : bool
        Whether the hypotheses were locked.
    clinical : tuple of str
        Covariates of the clinical model.
    """

    about: Prediction
    features: str
    model: str
    seed: int
    alpha: float
    preregistered: bool
    clinical: tuple[str, ...] = ()

    @classmethod
    def of(cls, params: Any, wildcards: Any, design: Design) -> Settings:
        """Return the settings of a job.

        Parameters
        ----------
        params, wildcards : snakemake.io.Params, snakemake.io.Wildcards
            ``about``, ``seed`` and ``clinical``; ``features`` and ``model``.
        design : Design
            The study's design.
        """
        return cls(
            Prediction.model_validate(params.about),
            wildcards.features,
            wildcards.model,
            params.seed,
            design.alpha,
            design.preregistered,
            tuple(params.clinical),
        )

    @property
    def matrix(self) -> bool:
        """True where whole matrices are predicted from."""
        return self.features == MATRIX

    @property
    def name(self) -> str:
        """Name of the random streams."""
        return f"prediction/{self.about.outcome}/{self.features}/{self.model}"
