"""The part of the config that says what was measured: the study and its scores."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    ValidationInfo,
    field_validator,
)
from pydantic_core import core_schema

from ketfc.study.config_design import Arms, Crossover, Groups, Kind
from ketfc.study.config_keys import key
from ketfc.study.config_kinds import (
    Group,
    Number,
    OneOrMore,
    PathText,
    ResolutionLabel,
    SessionLabel,
    Space,
    TaskLabel,
    Text,
    one_or_more,
    refuse,
)

SIMULATE = "simulate"
"""The value of ``study.derivatives`` that asks for the simulated demo study."""

DEFAULT_SPACE: Space = "MNI152NLin2009cAsym"

_LABEL = "letters and digits"


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


class Study(Group):
    """What was measured, and where it is."""

    name: Text = key(
        ...,
        "Name of the study, for titles and file names.",
        "letters, digits, hyphens and underscores",
        examples=["demo"],
        pattern="^[A-Za-z0-9_-]+$",
    )
    derivatives: Annotated[tuple[PathText, ...], BeforeValidator(one_or_more), OneOrMore] = key(
        ...,
        "Folder of the fMRIPrep derivatives, or a list of such folders; `simulate` makes a demo "
        "study with a known truth instead.",
        "simulate, a path, or a list of paths",
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
        "Which session (BIDS label) plays which role. `pre` and `post` are needed; add as many "
        'roles as the study has. Put labels with a leading zero in quotes ("01"): YAML reads 01 '
        "as the number 1.",
        "pre and post, each with a session label of its own, of letters and digits",
        examples=[{"pre": "pre", "post": "post"}],
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
        "Who had which drug first, in a study whose participants had both.",
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

    @property
    def simulated(self) -> bool:
        """Whether the study is the simulated demo."""
        return self.derivatives == (SIMULATE,)

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
    def _some_and_not_mixed(cls, derivatives: tuple[str, ...]) -> tuple[str, ...]:
        if not derivatives:
            raise refuse("is an empty list")
        if len(set(derivatives)) < len(derivatives):
            raise refuse("names a folder twice")
        if SIMULATE in derivatives and len(derivatives) > 1:
            raise refuse(f"'{SIMULATE}' cannot be combined with folders")
        return derivatives


class Score(Group):
    """Where the scores of one instrument are."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("column", "change-column")
            ]
        }
    )

    instrument: Text = key(..., "Name of the instrument, as the report shows it.", "text")
    column: Text | None = key(
        None,
        "Column of the scores. `SSI` stands for the columns `SSI_ses-<label>` of a wide table, or "
        "for the column `SSI` of a long one with `session_id`.",
        "text; either this or change-column",
    )
    change_column: Text | None = key(
        None,
        "Column of the change (post − pre), for tables that do not hold the scores themselves.",
        "text; either this or column",
    )

    @field_validator("change_column")
    @classmethod
    def _one_of_two(cls, change: str | None, info: ValidationInfo) -> str | None:
        if "column" in info.data and info.data["column"] is None and change is None:
            raise refuse(
                "needs either column (scores) or change-column (post − pre)",
                lacks=("column", "change-column"),
            )
        if info.data.get("column") is not None and change is not None:
            raise refuse("column is given too, and only one of the two can be used")
        return change


class Depression(Score):
    """Where the scores of the depression scale are."""

    si_item: Text | None = key(
        None,
        "Column of the scale's own suicide item, so that it can be subtracted; it is read like "
        "`column` (or `change-column`).",
        "text, or null",
    )

    @field_validator("si_item")
    @classmethod
    def _not_the_total(cls, item: str | None, info: ValidationInfo) -> str | None:
        if item is not None and item in (info.data.get("column"), info.data.get("change_column")):
            raise refuse("is the column of the total score")
        return item


class Scores(Group):
    """The clinical scores."""

    table: PathText = key(
        ...,
        "Table of the scores (TSV or CSV), wide or long; the participants table will do.",
        "a path",
        examples=["participants.tsv"],
    )
    si: Score = key(
        ...,
        "The scale of suicidal ideation.",
        "a group with instrument and either column or change-column",
        examples=[{"instrument": "SSI", "column": "SSI"}],
    )
    depression: Depression | None = key(
        None,
        "The depression scale, to tell SI from depression.",
        "a group with instrument, either column or change-column, and si-item; or null",
        examples=[{"instrument": "MADRS", "column": "MADRS", "si-item": "MADRS_10"}],
    )

    @field_validator("depression")
    @classmethod
    def _another_column(cls, scale: Depression | None, info: ValidationInfo) -> Depression | None:
        si = info.data.get("si")
        if scale and si and (scale.column, scale.change_column) == (si.column, si.change_column):
            raise refuse("uses the same column as si; it would be compared with itself")
        return scale
