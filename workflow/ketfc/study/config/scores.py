"""Section `scores` of the config: tables, columns and instruments of the clinical scores."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    GetPydanticSchema,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from ketfc.study.config.types import (
    Group,
    Number,
    OneOrMore,
    PathText,
    SessionLabel,
    Text,
    key,
    one_or_more,
    refuse,
)

SESSIONS_FILES = "sessions"
"""The value of ``scores.table`` that stands for BIDS' ``sub-*/sub-*_sessions.tsv``."""

Direction = Literal["higher-worse", "higher-better"]
"""Meaning of a higher score."""


def _lower_first(span: tuple[float, ...]) -> tuple[float, ...]:
    if len(span) != 2:
        raise refuse(f"holds {len(span)} numbers, not two")
    if not span[0] < span[1]:
        raise refuse("does not begin with the lower number")
    return span


def _two_schema(core: Any, handler: Any) -> dict[str, Any]:
    return {**handler(core), "minItems": 2, "maxItems": 2}


def _as_text(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.15g}" if number else value


MissingCode = Annotated[
    Text, BeforeValidator(_as_text), WithJsonSchema({"type": ["string", "number"]})
]
"""A cell that stands for a missing value; a number is kept as its text."""

ScoreRange = Annotated[
    tuple[Number, ...],
    AfterValidator(_lower_first),
    GetPydanticSchema(get_pydantic_json_schema=_two_schema),
]
"""Lowest and highest possible score."""


class Score(Group):
    """Column, range and direction of the scores of one instrument."""

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
    range: ScoreRange | None = key(
        None,
        "Lowest and highest possible score, where they are not those of the catalogue "
        "(`config/instruments.yaml`). With a range given here, fractions are possible too, such "
        "as those of prorated scores.",
        "two numbers, the lower first, or null",
    )
    direction: Direction | None = key(
        None,
        "Meaning of a higher score; null: as in the catalogue, else higher-worse. Scores are "
        "never reversed; it decides which change is an improvement.",
        "higher-worse, higher-better or null",
    )
    response: Number | None = key(
        None,
        "Share of the baseline score by which a responder has improved; null: as in the "
        "catalogue, else 0.5.",
        "a number above 0 and at most 1, or null",
        gt=0.0,
        le=1.0,
    )
    remission: Number | None = key(
        None,
        "Score up to which somebody counts as remitted (from which, where higher is better); "
        "null: as in the catalogue, else none.",
        "a number, or null",
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
    """Column, range and direction of the depression scale."""

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
    """Clinical scores of suicidal ideation, of depression, or of both."""

    table: Annotated[tuple[PathText, ...], BeforeValidator(one_or_more), OneOrMore] = key(
        ...,
        "Table of the scores (TSV or CSV), wide or long; the participants table will do. Several "
        "tables are a list, or a pattern such as `phenotype/*.tsv`; `sessions` stands for the "
        "files `sub-*/sub-*_sessions.tsv`. Each column must be in one of them only.",
        "a path or pattern, a list of these, or sessions",
        examples=["participants.tsv"],
    )
    columns: dict[Text, Text] = key(
        {},
        "Columns to rename: the name a column should have (`participant_id`, `session_id`, "
        "`SSI_ses-pre`), and the name it has in the tables.",
        "names of columns",
        examples=[{"participant_id": "Subject", "session_id": "Visit"}],
    )
    sessions: dict[Text, SessionLabel] = key(
        {},
        "Sessions to rename: the name in the column `session_id`, and the session it stands for, "
        "by its label or its role in `study.sessions`.",
        "names, each with a session label or a role",
        examples=[{"Baseline": "pre", "Day 1": "post"}],
    )
    missing: tuple[MissingCode, ...] = key(
        [],
        "Cells that stand for a missing value in the tables of scores and of participants, beside "
        "`n/a` and empty ones, which always do. Numbers are compared as numbers.",
        "a list of text and numbers",
        examples=[["NA", ".", -99, 9999]],
    )
    si: Score | None = key(
        ...,
        "The scale of suicidal ideation; null: the study has none, and nothing is tested against "
        "it.",
        "a group with instrument and either column or change-column; null only with depression",
        examples=[{"instrument": "SSI", "column": "SSI"}],
    )
    depression: Depression | None = key(
        None,
        "The depression scale, to tell SI from depression.",
        "a group with instrument, either column or change-column, and si-item; or null",
        examples=[{"instrument": "MADRS", "column": "MADRS", "si-item": "MADRS_10"}],
    )
    instruments: PathText | None = key(
        None,
        "Instruments of your own, in a file of the form of `config/instruments.yaml`; they are "
        "added to those, and replace those of the same name.",
        "a path, or null",
        examples=["my_instruments.yaml"],
    )
    hours_since_dose: dict[Text, Number] = key(
        {},
        "Time of a role's scores, in hours since the dose (below 0: before it).",
        "roles, each with a number of hours",
        examples=[{"pre": -2, "post": 24}],
    )
    hours_column: Text | None = key(
        None,
        "Column of the hours since the dose at which a score was taken, beside the scores; it is "
        "read like `column` and goes before `hours-since-dose`.",
        "text, or null",
        examples=["hours"],
    )
    max_hours_apart: Number = key(
        24,
        "Hours between a score and the scan of its role (`study.hours-since-dose`) above which "
        "it is noted.",
        "a number of hours above 0",
        gt=0.0,
    )
    si_strata: tuple[Number, ...] = key(
        [],
        "Baseline SI scores at which the participants are divided into strata; a score equal to "
        "one of them belongs above it.",
        "a list of numbers, the lower first",
        examples=[[4, 10]],
    )

    @field_validator("table")
    @classmethod
    def _some_and_once(cls, table: tuple[str, ...]) -> tuple[str, ...]:
        if not table:
            raise refuse("is an empty list")
        if len(set(table)) < len(table):
            raise refuse("names a table twice")
        return table

    @field_validator("depression")
    @classmethod
    def _another_column(cls, scale: Depression | None, info: ValidationInfo) -> Depression | None:
        si = info.data.get("si")
        if "si" in info.data and si is None and scale is None:
            raise refuse("needs either si or depression", instead="si")
        if scale and si and (scale.column, scale.change_column) == (si.column, si.change_column):
            raise refuse("uses the same column as si; it would be compared with itself")
        return scale

    @field_validator("si_strata")
    @classmethod
    def _ascending(cls, cuts: tuple[float, ...]) -> tuple[float, ...]:
        if any(not low < high for low, high in pairwise(cuts)):
            raise refuse("is not in ascending order")
        return cuts
