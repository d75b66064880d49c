"""Parts of section `study` of the config: arms, crossover, diagnosis and groups."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    GetPydanticSchema,
    ValidationInfo,
    field_validator,
)

from ketfc.study.config.types import (
    ArmLabel,
    Group,
    Name,
    OneOrMore,
    Text,
    key,
    one_or_more,
    refuse,
)

Kind = Literal["single-arm", "parallel", "crossover", "longitudinal"]
"""Designs of a study."""


def _two_schema(core: Any, handler: Any) -> dict[str, Any]:
    return {**handler(core), "minItems": 2, "maxItems": 2}


def _one_label_or_more(value: Any) -> Any:
    # YAML reads the label 1 as a number
    return [value] if isinstance(value, int) else one_or_more(value)


_Two = Annotated[tuple[Text, ...], GetPydanticSchema(get_pydantic_json_schema=_two_schema)]
_Labels = Annotated[tuple[ArmLabel, ...], BeforeValidator(_one_label_or_more), OneOrMore]
_Roles = Annotated[tuple[Name, ...], BeforeValidator(one_or_more), OneOrMore]


class Arms(Group):
    """The arms of a controlled study."""

    column: Text = key(..., "Column of the participants table that holds the arm.", "text")
    ketamine: ArmLabel = key(..., "Label of the ketamine arm in the column.", "text")
    control: ArmLabel = key(
        ...,
        "Label of the control arm in the column; the report shows it.",
        "text, not that of the ketamine arm",
    )

    @field_validator("control")
    @classmethod
    def _distinct(cls, control: str, info: ValidationInfo) -> str:
        if control == info.data.get("ketamine"):
            raise refuse("is the same label as that of the ketamine arm")
        return control


class Crossover(Group):
    """Order of the drugs in a study whose participants had both."""

    order: _Two = key(
        ...,
        "Columns of the participants table that hold the first and the second drug.",
        "two columns, that of the first drug first",
    )
    ketamine: ArmLabel = key(..., "Label of ketamine in the columns.", "text")
    control: ArmLabel = key(
        ..., "Label of the control drug in the columns.", "text, not that of ketamine"
    )
    control_name: Text | None = key(
        None,
        "Name of the control drug in the report, where its label in the table is a code.",
        "text, or null: its label",
    )
    ketamine_session: _Roles = key(
        "post",
        "Role (of `sessions`) of the session after ketamine; of several, the first is primary.",
        "a role, or a list of roles",
    )
    control_session: _Roles = key(
        "control",
        "Role of the session after the control drug; of several, as many as after ketamine, in "
        "the same order. Of a study without a scan before both drugs, name it `pre`.",
        "a role, or a list of roles",
    )

    @field_validator("order")
    @classmethod
    def _two_columns(cls, order: tuple[str, ...]) -> tuple[str, ...]:
        if len(order) != 2 or order[0] == order[1]:
            raise refuse("does not name two columns")
        return order

    @field_validator("control")
    @classmethod
    def _distinct(cls, control: str, info: ValidationInfo) -> str:
        if control == info.data.get("ketamine"):
            raise refuse("is the same label as that of ketamine")
        return control

    @field_validator("control_session")
    @classmethod
    def _paired(cls, control: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        ketamine = info.data.get("ketamine_session")
        if ketamine is None:
            return control
        if not control or len(control) != len(ketamine):
            raise refuse("does not name as many roles as ketamine-session")
        if len({*control, *ketamine}) < 2 * len(control):
            raise refuse("names a role twice, or one of ketamine-session")
        return control

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Roles after the control drug and after ketamine that are compared, primary first."""
        return tuple(zip(self.control_session, self.ketamine_session, strict=True))


class Diagnosis(Group):
    """Unipolar and bipolar depression among the patients."""

    column: Text = key(..., "Column of the participants table that holds the diagnosis.", "text")
    unipolar: _Labels = key(
        ..., "Label of unipolar depression in the column.", "text, or a list of texts"
    )
    bipolar: _Labels = key(
        ...,
        "Label of bipolar depression in the column.",
        "text, or a list of texts, none of them that of unipolar depression",
    )

    @field_validator("bipolar")
    @classmethod
    def _apart(cls, bipolar: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        both = sorted(set(bipolar) & set(info.data.get("unipolar", ())))
        if both:
            raise refuse(f"{', '.join(both)} cannot be unipolar and bipolar at once")
        return bipolar


class Groups(Group):
    """Patients and the healthy controls beside them."""

    column: Text = key(..., "Column of the participants table that holds the group.", "text")
    patients: _Labels = key(..., "Label of patients in the column.", "text, or a list of texts")
    controls: _Labels = key(
        ...,
        "Label of healthy controls in the column: they are measured, but enter no contrast of "
        "drugs or sessions.",
        "text, or a list of texts, none of them that of patients",
    )

    @field_validator("controls")
    @classmethod
    def _apart(cls, controls: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        both = sorted(set(controls) & set(info.data.get("patients", ())))
        if both:
            raise refuse(f"{', '.join(both)} cannot be patients and controls at once")
        return controls
