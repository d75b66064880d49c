"""Keys of a config: their declaration, the types of their values, and the list of all of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

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
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, PydanticUndefined

from ketfc.base.errors import Problem, StudyError

Space = Literal["MNI152NLin2009cAsym", "MNI152NLin6Asym"]
"""Template spaces."""

DEFAULT_SPACE: Space = "MNI152NLin2009cAsym"

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def key(default: Any, meaning: str, allowed: str, **options: Any) -> Any:
    """Declare a key of the config: a pydantic field that always comes with its documentation.

    Parameters
    ----------
    default : object
        As it would be written in YAML; ``...`` for a required key.
    meaning : str
        What the key decides, in a sentence or two.
    allowed : str
        What may be written there; error messages and the reference repeat it.
    **options : object
        Passed to :func:`pydantic.Field`: bounds, and `examples` for keys without a useful default.

    Returns
    -------
    pydantic.fields.FieldInfo
        Typed as Any, since it stands where pydantic expects a default value.
    """
    return Field(default, description=meaning, json_schema_extra={"allowed": allowed}, **options)


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
    """Return the path of a file that is the study's own or comes with the workflow.

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


@dataclass(frozen=True)
class Key:
    """Declaration of one key of the config.

    Attributes
    ----------
    path : tuple of str
        From the section down, as spelt in YAML.
    meaning : str
        As declared; for a section, the docstring of its model.
    allowed : str
        As declared; for a section, its keys.
    default : object
        As it would be written in YAML; None for a required key and for a section.
    required : bool
        Whether it must be given wherever its section is.
    examples : tuple of object
        For documentation.
    choices : tuple of str
        The values, for keys that have a fixed set of them.
    """

    path: tuple[str, ...]
    meaning: str
    allowed: str
    default: Any
    required: bool
    examples: tuple[Any, ...]
    choices: tuple[str, ...]


def known_keys(model: type[BaseModel], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Key]:
    """Return every key of a model and of the models within it, in the order of the fields.

    Parameters
    ----------
    model : type of pydantic.BaseModel
        The model.
    above : tuple of str
        The keys that lead to it.

    Returns
    -------
    dict
        Path to key; the elements of a list are not part of a path.
    """
    found: dict[tuple[str, ...], Key] = {}
    for name, info in model.model_fields.items():
        path = (*above, info.alias or name)
        inner = _model_within(info.annotation)
        found[path] = Key(
            path=path,
            meaning=info.description or _docstring(inner),
            allowed=_allowed(info, inner),
            default=None if info.default is PydanticUndefined else info.default,
            required=info.is_required(),
            examples=tuple(info.examples or ()),
            choices=tuple(_choices(info.annotation)),
        )
        if inner is not None:
            found |= known_keys(inner, path)
    return found


def _allowed(info: FieldInfo, inner: type[BaseModel] | None) -> str:
    declared = info.json_schema_extra
    if isinstance(declared, dict):
        return str(declared["allowed"])
    keys = known_keys(inner) if inner is not None else ()
    return "a group of the keys " + ", ".join(path[-1] for path in keys if len(path) == 1)


def _docstring(model: type[BaseModel] | None) -> str:
    return (model.__doc__ or "") if model is not None else ""


def _model_within(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_within, get_args(annotation))), None)


def _choices(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for inner in get_args(annotation):
            yield from _choices(inner)
