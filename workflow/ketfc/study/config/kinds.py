"""The kinds of values a config holds: paths, labels, numbers, and groups of keys."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from ketfc.base.errors import Problem, StudyError

Space = Literal["MNI152NLin2009cAsym", "MNI152NLin6Asym"]
"""Template spaces."""

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class Group(BaseModel):
    """A group of keys: nothing but the keys it knows, and read-only once checked."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        alias_generator=lambda name: name.replace("_", "-"),
    )


def refuse(text: str, *, instead: str = "", lacks: tuple[str, ...] = ()) -> PydanticCustomError:
    """Return the error that a validator of a key raises.

    Parameters
    ----------
    text : str
        What is wrong, as the rest of a sentence about the value.
    instead : str
        The key beside it that is to blame where this one was not given.
    lacks : tuple of str
        The keys beside it whose absence is what is wrong: not worth saying if one is misspelt.

    Returns
    -------
    pydantic_core.PydanticCustomError
        To be raised.
    """
    return PydanticCustomError(
        "ketfc", "{text}", {"text": text, "instead": instead, "lacks": lacks}
    )


def expand(path: str) -> Path:
    """Return a path of the config with ``~`` and environment variables replaced.

    Parameters
    ----------
    path : str
        As written in the config; ``$NAME`` and ``${NAME}`` are environment variables.

    Returns
    -------
    pathlib.Path
        Relative to the working directory if `path` is.

    Raises
    ------
    StudyError
        If a variable is not set, or the home folder of a ``~user`` is unknown.
    """
    try:
        return _expand(path)
    except ValueError as error:
        raise StudyError([Problem("error", str(error), value=path)]) from error


def _expand(path: str) -> Path:
    names = dict.fromkeys(braced or bare for braced, bare in _VARIABLE.findall(path))
    unset = [f"${name}" for name in names if name not in os.environ]
    if unset:
        one = "the environment variable {} is not set"
        several = "the environment variables {} are not set"
        raise ValueError((one if len(unset) == 1 else several).format(", ".join(unset)))
    replaced = _VARIABLE.sub(lambda match: os.environ[match[1] or match[2]], path)
    try:
        return Path(replaced).expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no home folder for {Path(replaced).parts[0]}") from error


def find_bundled(path: str, root: Path) -> Path:
    """Return the file a config means, whether it is the study's own or comes with the workflow.

    Parameters
    ----------
    path : str
        As written in the config, such as ``atlases/circuits.yaml``.
    root : pathlib.Path
        The workflow's folder (the one that holds ``atlases``).

    Returns
    -------
    pathlib.Path
        The first that exists: `path` in the working directory, `path` in `root`.

    Raises
    ------
    StudyError
        If neither exists, or `path` holds a variable that is not set.
    """
    own = expand(path)
    # joining an absolute path to `root` gives that path again, so there is only one place then
    places = dict.fromkeys([own, root / own])
    for place in places:
        if place.exists():
            return place
    looked = " or ".join(str(place.absolute()) for place in places)
    raise StudyError([Problem("error", f"there is no such file; looked for {looked}", value=path)])


def _check_path(path: str) -> str:
    try:
        _expand(path)
    except ValueError as error:
        raise refuse(str(error)) from error
    return path


def _label(entity: str) -> tuple[BeforeValidator, WithJsonSchema]:
    """Accept ``ses-01`` for ``01``, and a label that YAML took for a whole number."""

    def label(value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value.strip().removeprefix(entity) if isinstance(value, str) else value

    pattern = f"^({entity})?[A-Za-z0-9]+$" if entity else r"\S"
    return (
        BeforeValidator(label),
        WithJsonSchema({"type": ["string", "integer"], "pattern": pattern}),
    )


def one_or_more(value: Any) -> Any:
    """Return a single value as a list of it; anything else as it is."""
    return [value] if isinstance(value, str | Mapping) else value


def _one_or_more_schema(core: Any, handler: Any) -> dict[str, Any]:
    items = handler(core)["items"]
    return {"anyOf": [items, {"type": "array", "items": items, "minItems": 1}]}


OneOrMore = GetPydanticSchema(get_pydantic_json_schema=_one_or_more_schema)
"""Makes the JSON schema of a list allow one of its items in place of the list."""

Text = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
Name = Annotated[str, StringConstraints(strict=True, pattern="^[A-Za-z0-9]+$")]
PathText = Annotated[Text, AfterValidator(_check_path)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]
YesNo = Annotated[bool, Field(strict=True)]
SessionLabel = Annotated[Name, *_label("ses-")]
TaskLabel = Annotated[Name, *_label("task-")]
ResolutionLabel = Annotated[Name, *_label("res-")]
ArmLabel = Annotated[Text, *_label("")]
