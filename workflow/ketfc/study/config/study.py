"""Section `study` of the config: derivatives, sessions, participants and covariates."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import core_schema

from ketfc.study.config.arms import Arms, Crossover, Diagnosis, Groups, Kind
from ketfc.study.config.sources import Connectivity, NamedOpenNeuro
from ketfc.study.config.types import (
    DEFAULT_SPACE,
    Group,
    Number,
    OneOrMore,
    PathText,
    ResolutionLabel,
    SessionLabel,
    Space,
    TaskLabel,
    Text,
    key,
    one_or_more,
    refuse,
)

SIMULATE = "simulate"
"""The value of ``study.derivatives`` that asks for the simulated demo study."""

NO_IMAGES = "none"
"""The value of ``study.derivatives`` of a study that has scores alone."""

FETCHED = "openneuro"
"""Placeholder of ``study.derivatives`` until the folder of a fetched dataset is known."""

ELSEWHERE = "elsewhere"
"""Placeholder of ``study.derivatives`` where connectivity was computed elsewhere."""

_LABEL = "letters and digits"

CovariateName = Annotated[str, StringConstraints(strict=True, pattern="^[A-Za-z][A-Za-z0-9_]*$")]

_TAKEN = {"participant_id", "arm", "group", "si_stratum"}


def _three_schema(core: Any, handler: Any) -> dict[str, Any]:
    return {**handler(core), "minItems": 3, "maxItems": 3}


_Sizes = Annotated[
    tuple[Annotated[Number, Field(gt=0.0, le=10.0)], ...],
    GetPydanticSchema(get_pydantic_json_schema=_three_schema),
]


class Sessions(BaseModel):
    """Role to session label: `pre` and `post`, and as many further roles as the study has."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"propertyNames": {"pattern": "^[A-Za-z0-9]+$"}}
    )
    __pydantic_extra__: dict[str, SessionLabel]

    pre: SessionLabel
    post: SessionLabel


def _roles(sessions: Sessions) -> dict[str, str]:
    roles: dict[str, str] = sessions.model_dump()
    for role in roles:
        if not re.fullmatch("[A-Za-z0-9]+", role) or role == "change":
            raise refuse(f"'{role}' cannot be the name of a role")
    holders: dict[str, str] = {}
    for role, label in roles.items():
        if label in holders:
            raise refuse(f"{holders[label]} and {role} are the same session, {label}")
        holders[label] = role
    return roles


def _roles_schema(_source: Any, handler: Any) -> core_schema.CoreSchema:
    """Validate as `Sessions`, which reports every bad label at once, and keep a plain dict."""
    return core_schema.no_info_after_validator_function(
        _roles,
        handler(Sessions),
        serialization=core_schema.plain_serializer_function_ser_schema(dict),
    )


def _one_source(schema: dict[str, Any]) -> None:
    schema["required"].remove("derivatives")
    schema["anyOf"] = [{"required": [key]} for key in ("derivatives", "openneuro", "connectivity")]


class Study(Group):
    """Images, sessions, arms, participants and covariates."""

    model_config = ConfigDict(json_schema_extra=_one_source)

    name: Text = key(
        ...,
        "Name of the study, for titles and file names.",
        "letters, digits, hyphens and underscores",
        examples=["demo"],
        pattern="^[A-Za-z0-9_-]+$",
    )
    openneuro: NamedOpenNeuro | None = key(
        None,
        "A dataset of OpenNeuro, fetched as far as the study needs it (docs/openneuro.md), in "
        "place of `derivatives`: its accession number, or a group.",
        "an accession number, a group with accession, version, folder and keep-images, or null",
        examples=["ds003007"],
    )
    connectivity: Connectivity | None = key(
        None,
        "Connectivity that was computed elsewhere (docs/connectivity_input.md), in place of "
        "`derivatives`: everything from the tests on is made from it.",
        "a group with path and values, or null",
        examples=[{"path": "connectivity.tsv", "values": {"r": "r"}}],
    )
    derivatives: Annotated[tuple[PathText, ...], BeforeValidator(one_or_more), OneOrMore] = key(
        ...,
        "Folder of the fMRIPrep derivatives, or a list of such folders; `simulate` makes a demo "
        "study with a known truth instead, and `none` stands for a study of scores alone, for "
        "`snakemake clinical`. To be left out where `openneuro` or `connectivity` is given.",
        "simulate, none, a path, or a list of paths",
        examples=[SIMULATE],
    )
    task: TaskLabel = key("rest", "BIDS label of the task.", _LABEL)
    space: Space = key(
        DEFAULT_SPACE,
        "Template space of the images to use.",
        "MNI152NLin2009cAsym or MNI152NLin6Asym",
    )
    resolution: ResolutionLabel | None = key(
        None,
        "BIDS `res-` label of the images to use; needed only where a run has several.",
        f"{_LABEL}, or null",
        examples=["2"],
    )
    sessions: Annotated[dict[str, str], GetPydanticSchema(_roles_schema)] = key(
        ...,
        "Roles of the sessions (BIDS labels). `pre` and `post` are needed; add as many "
        'roles as the study has. Put labels with a leading zero in quotes ("01"): YAML reads 01 '
        "as the number 1.",
        "pre and post, each with a session label of its own, of letters and digits",
        examples=[{"pre": "pre", "post": "post"}],
    )
    hours_since_dose: dict[Text, Number] = key(
        {},
        "Time of a role's scans, in hours since the dose (below 0: before it).",
        "roles, each with a number of hours",
        examples=[{"pre": -2, "post": 24}],
    )
    arms: Arms | None = key(
        None,
        "The arms of a controlled study; without it (and without `crossover`), the study has a "
        "single arm, and nothing is said about specificity to ketamine.",
        "a group with column, ketamine and control, or null",
        examples=[{"column": "arm", "ketamine": "ketamine", "control": "midazolam"}],
    )
    crossover: Crossover | None = key(
        None,
        "Order of the drugs, in a study whose participants had both.",
        "a group with order, ketamine, control and the roles of the sessions after each; or null",
        examples=[
            {
                "order": ["infusion_1", "infusion_2"],
                "ketamine": "d",
                "control": "p",
                "ketamine-session": "post",
                "control-session": "pre",
            }
        ],
    )
    groups: Groups | None = key(
        None,
        "Healthy controls beside patients; without it, everybody is a patient.",
        "a group with column, patients and controls, or null",
        examples=[{"column": "group", "patients": ["MDD", "BP"], "controls": "HC"}],
    )
    diagnosis: Diagnosis | None = key(
        None,
        "Unipolar and bipolar patients, whose changes and associations are compared in an "
        "exploratory family of tests (moderation) where there are enough of both.",
        "a group with column, unipolar and bipolar, or null",
        examples=[{"column": "diagnosis", "unipolar": "MDD", "bipolar": ["BD1", "BD2"]}],
    )
    design: Literal["auto", Kind] = key(
        "auto",
        "The design, which decides the tests. `auto`: parallel with `arms`, crossover with "
        "`crossover`, otherwise longitudinal with three roles or more, and single-arm with two. "
        "`plan` says which it is; write it here to fix it, or to leave the further roles of a "
        "single arm out of the tests.",
        "auto, single-arm, parallel, crossover or longitudinal",
    )
    participants: PathText = key(
        "participants.tsv",
        "Table with one row per participant and the column `participant_id`.",
        "a path",
    )
    covariates: dict[CovariateName, Text] = key(
        {},
        "Further variables of the participants, such as age, sex, site, diagnosis, medication, "
        "dissociation (CADSS) or inflammatory markers: a name of your choice, and its column in "
        "the participants table or the tables of scores. `CADSS_ses-post` is that column of a "
        "wide table, or `CADSS` in the rows of session post of a long one. Missing values are "
        "reported and never filled in.",
        "names of letters, digits and _, each with a column",
        examples=[
            {"age": "age", "site": "site", "enrolled": "enrolment_date", "cadss": "CADSS_ses-post"}
        ],
    )
    categorical: tuple[Text, ...] = key(
        [],
        "Covariates whose numbers are labels, such as sites 1 to 4. Covariates without any "
        "number are categorical anyway.",
        "a list of names of covariates",
        examples=[["site"]],
    )
    repetition_time: Number | None = key(
        None,
        "Repetition time in s, to be used instead of the one in the image header and sidecar "
        "where they disagree or are wrong.",
        "seconds (not milliseconds) above 0 and at most 30, or null",
        examples=[2.0],
        gt=0.0,
        le=30.0,
    )
    native_voxel_size: _Sizes | None = key(
        None,
        "Voxel size in mm that the scanner recorded, along left–right, back–front and down–up, "
        "gaps between slices included; not that of the images resampled to the template. By it "
        "the habenula's results are judged. null: read from the header of the source images, or "
        "of fMRIPrep's reference images, where these are found.",
        "three numbers of mm above 0 and at most 10, or null",
        examples=[[3.75, 3.75, 3.5]],
    )

    @model_validator(mode="before")
    @classmethod
    def _fetched(cls, given: Any) -> Any:
        """Fill in derivatives, which are required, where something else is in their place."""
        if not isinstance(given, dict) or given.get("derivatives") is not None:
            return given
        for source, instead in (("openneuro", FETCHED), ("connectivity", ELSEWHERE)):
            if given.get(source):
                return given | {"derivatives": instead}
        return given

    @property
    def simulated(self) -> bool:
        """True if the study is the simulated demo."""
        return self.derivatives == (SIMULATE,)

    @property
    def scores_only(self) -> bool:
        """True if the study has scores, and no images."""
        return self.derivatives == (NO_IMAGES,)

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders of its files: the derivatives and, where it is fetched, the whole dataset."""
        if self.scores_only:
            return ()
        fetched = (self.openneuro.dataset,) if self.openneuro is not None else ()
        return (*self.derivatives, *fetched)

    @field_validator("hours_since_dose")
    @classmethod
    def _known_roles(cls, hours: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        for role in hours:
            if "sessions" in info.data and role not in info.data["sessions"]:
                raise refuse(f"'{role}' is not a role of study.sessions")
        return hours

    @field_validator("covariates")
    @classmethod
    def _free_names(cls, covariates: dict[str, str]) -> dict[str, str]:
        taken = sorted(covariates.keys() & _TAKEN)
        if taken:
            raise refuse(f"'{taken[0]}' is a column that the plan writes itself")
        return covariates

    @field_validator("categorical")
    @classmethod
    def _known_covariates(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for name in names:
            if "covariates" in info.data and name not in info.data["covariates"]:
                raise refuse(f"'{name}' is not one of study.covariates")
        return names

    @field_validator("crossover")
    @classmethod
    def _with_known_roles(
        cls, crossover: Crossover | None, info: ValidationInfo
    ) -> Crossover | None:
        sessions = info.data.get("sessions")
        if crossover is not None and sessions is not None:
            wanted = [role for pair in crossover.pairs for role in pair]
            unknown = [role for role in wanted if role not in sessions]
            if unknown:
                raise refuse(
                    f"sessions has no role {' or '.join(unknown)}; name the roles of the sessions "
                    "after each drug in ketamine-session and control-session"
                )
        return crossover

    @field_validator("native_voxel_size")
    @classmethod
    def _three(cls, size: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if size is not None and len(size) != 3:
            raise refuse(f"holds {len(size)} numbers, not three")
        return size

    @field_validator("derivatives")
    @classmethod
    def _some_and_not_mixed(
        cls, derivatives: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        fetched = info.data.get("openneuro")
        if info.data.get("connectivity") is not None:
            if derivatives != (ELSEWHERE,) or fetched is not None:
                raise refuse(
                    "cannot be given beside derivatives or openneuro: name one of them",
                    instead="connectivity",
                )
            return ()
        if fetched is not None and derivatives != (FETCHED,):
            raise refuse("cannot be given beside openneuro, which brings derivatives of its own")
        if fetched is not None:
            return (fetched.derivatives,)
        if not derivatives:
            raise refuse("is an empty list")
        if len(set(derivatives)) < len(derivatives):
            raise refuse("names a folder twice")
        for word in (SIMULATE, NO_IMAGES):
            if word in derivatives and len(derivatives) > 1:
                raise refuse(f"'{word}' cannot be combined with folders")
        return derivatives
