"""The keys of a config: how the models declare them, and the list of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined


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


@dataclass(frozen=True)
class Key:
    """What is known of one key of the config.

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
