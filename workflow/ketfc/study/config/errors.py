"""Translation of pydantic's errors into sentences: key, value and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ketfc.base.errors import Problem, closest, did_you_mean
from ketfc.study.config.types import Key, known_keys

_LONGEST = 80
"""Characters of a value that a message shows."""

_Names = tuple[str, ...]
_Path = tuple[str | int, ...]


def plain(raw: Any) -> Any:
    """Return a config with plain dicts whose keys are all text, as YAML would spell them."""
    if isinstance(raw, Mapping):
        return {k if isinstance(k, str) else _yaml(k): plain(v) for k, v in raw.items()}
    if isinstance(raw, list | tuple):
        return [plain(item) for item in raw]
    return raw


def explain(
    error: ValidationError, raw: Mapping[str, Any], model: type[BaseModel], *, source: str
) -> list[Problem]:
    """Translate the errors that pydantic found in a config.

    Parameters
    ----------
    error : pydantic.ValidationError
        Raised by `model` for `raw`.
    raw : mapping
        The config, as made by :func:`plain`.
    model : type of pydantic.BaseModel
        The model of the whole config.
    source : str
        What to call the config.

    Returns
    -------
    list of Problem
        One for each thing that is wrong, in the order of the models' fields; a key that is
        missing because it is misspelt is one problem, not two.
    """
    known = known_keys(model)
    # each problem with the keys it complains of not having
    found: dict[Problem, set[_Names]] = {}
    misspelt: set[_Names] = set()
    for detail in error.errors(include_url=False):
        path = _place(detail, raw)
        names = _declared(_names(path), known)
        value: str | None = _yaml(_at(raw, path))
        key = _nearest(names, known)
        allowed = key.allowed if key else None
        lacks: set[_Names] = set()
        match detail["type"]:
            case "extra_forbidden":
                allowed = ", ".join(k[-1] for k in known if k[:-1] == names[:-1]) or allowed
                meant = _meant(names, known)
                message = _unknown(names, meant)
                misspelt |= {meant} if meant else set()
            case "missing":
                value = None
                message = _missing(names[-1], _at(raw, path[:-1]), known, names[:-1])
                lacks = {names}
            case _:
                message = _message(detail, _at(raw, path), key)
                group = _names(detail["loc"])[:-1]
                lacks = {(*group, name) for name in detail.get("ctx", {}).get("lacks", ())}
        problem = Problem(
            "error", message, file=source, field=_spell(path), value=value, allowed=allowed
        )
        found.setdefault(problem, lacks)
    absent = {names for names in misspelt if not _at(raw, names)}
    return [problem for problem, lacks in found.items() if not _within_any(lacks, absent)]


def _within_any(names: set[_Names], groups: set[_Names]) -> bool:
    return any(name[: len(group)] == group for name in names for group in groups)


def _place(detail: ErrorDetails, raw: Any) -> _Path:
    """Return the path of an error as far as the config itself goes."""
    path = detail["loc"]
    if detail["type"] == "missing":
        return (*_within(raw, path[:-1]), path[-1])
    within = _within(raw, path)
    instead = detail.get("ctx", {}).get("instead")
    if instead and within == path[:-1] and instead in _at(raw, within):
        return (*within, instead)
    return within


def _within(raw: Any, path: _Path) -> _Path:
    followed: list[str | int] = []
    for step in path:
        has_key = isinstance(raw, dict) and step in raw
        has_item = isinstance(raw, list) and isinstance(step, int) and step < len(raw)
        if has_key or has_item:
            raw = raw[step]
            followed.append(step)
        # a single value that was read as a list of one has no step for its index
        elif not isinstance(step, int):
            break
    return tuple(followed)


def _at(raw: Any, path: _Path) -> Any:
    """Return the value at a path, or None where the config has no such path."""
    for step in path:
        if isinstance(raw, dict):
            raw = raw.get(step)
        elif isinstance(raw, list) and isinstance(step, int):
            raw = raw[step]
        else:
            return None
    return raw


def _names(path: _Path) -> _Names:
    return tuple(step for step in path if isinstance(step, str))


def _declared(names: _Names, known: Mapping[_Names, Key]) -> _Names:
    """Leave out the names on the way that a study is free to choose, such as own strategies'."""
    way: _Names = ()
    for name in names[:-1]:
        way = (*way, name) if (*way, name) in known else way
    return (*way, *names[-1:])


def _spell(path: _Path) -> str:
    spelt = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return spelt.removeprefix(".")


def _nearest(names: _Names, known: Mapping[_Names, Key]) -> Key | None:
    """Return the declaration of a key, or of the group it is in, where its names are free."""
    while names and names not in known:
        names = names[:-1]
    return known.get(names)


def _meant(names: _Names, known: Mapping[_Names, Key]) -> _Names | None:
    """Return the key that was probably meant: one of another group, or one in the same group."""
    *above, name = names
    elsewhere = [k for k in known if k[-1] == name]
    if len(elsewhere) == 1:
        return elsewhere[0]
    beside = closest(name, [k[-1] for k in known if k[:-1] == tuple(above)])
    return (*above, beside) if beside is not None else None


def _unknown(names: _Names, meant: _Names | None) -> str:
    if meant is not None:
        here = meant[:-1] == names[:-1]
        return f"unknown key; did you mean '{meant[-1] if here else '.'.join(meant)}'?"
    return "unknown key" + (f"; {_YES_NO}" if names[-1] in {"true", "false"} else "")


def _missing(name: str, beside: Any, known: Mapping[_Names, Key], group: _Names) -> str:
    similar = closest(name, [other for other in beside if (*group, other) not in known])
    # where any key may stand, as for roles, a misspelt one is not unknown
    return "is required and missing" + (f"; was it meant by '{similar}'?" if similar else "")


def _message(detail: ErrorDetails, value: Any, key: Key | None) -> str:
    kind = detail["type"]
    choices = key.choices if key else ()
    match kind:
        case "ketfc":
            return detail["msg"]
        case _ if value is None:
            return "has no value"
        case "literal_error":
            hint = did_you_mean(value, choices) if isinstance(value, str) else ""
            return f"is not one of the possible values{hint}"
        case "float_type":
            return _not_a_number(value, "a number")
        case "int_type" | "int_from_float":
            return _not_a_number(value, "a whole number")
        case "bool_type":
            return f"is {_kind(value)} where true or false is needed"
        case "finite_number":
            return "is not a finite number"
        case "string_type":
            return _not_text(value)
        case "string_too_short" | "too_short":
            return "is empty"
        case "string_pattern_mismatch":
            return "holds a character that cannot be used here"
        case "tuple_type":
            return f"is {_kind(value)} where a list is needed"
        case "model_type":
            return f"is {_kind(value)} where a group of keys is needed"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return "is out of range"
        case _:
            return "is not possible here"


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a group of keys"
        case date():
            return "a date"
        case _:
            return "something else"


def _not_a_number(value: Any, wanted: str) -> str:
    """Explain why a value is not a number, and how to write it where that is clear."""
    message = f"is {_kind(value)} where {wanted} is needed"
    if isinstance(value, bool):
        return f"{message}; {_YES_NO}"
    if isinstance(value, float):
        return message + (f"; write {int(value)}" if value.is_integer() else "")
    if not isinstance(value, str):
        return message
    number = _read_number(value)
    if number is not None and "whole" in wanted:
        number = int(number) if number.is_integer() else None
    if number is not None:
        spelt = format(Decimal(repr(number)), "f")
        if value != _yaml(value):
            return f"{message}; write {spelt} without quotes"
        why = ", since YAML takes this spelling for text" if re.search("[eE]", value) else ""
        return f"{message}; write {spelt}{why}"
    if value.casefold() in {"none", "no", "off", "null"}:
        return f"{message}; if you want none and it can be left out, write null"
    return message


def _read_number(text: str) -> float | None:
    """Return the number in a text such as ``0.5``, ``0,5``, ``1e-2`` or ``0.5 mm``."""
    match = re.fullmatch(
        r"([-+]?\d*[.,]?\d+(?:[eE][-+]?\d+)?)\s*(?:mm|s|sec|seconds|Hz|hz)?", text.strip()
    )
    return float(match[1].replace(",", ".")) if match else None


_YES_NO = "YAML reads yes, no, on and off as true and false"


def _not_text(value: Any) -> str:
    message = f"is {_kind(value)} where text is needed"
    if isinstance(value, bool):
        return f"{message}; {_YES_NO}, so put the word in quotes"
    if isinstance(value, int | float | date):
        return f"{message}; put it in quotes"
    return message


def _yaml(value: Any) -> str:
    """Return a value as it is written in YAML, on one line."""
    import yaml

    try:
        text: str = yaml.safe_dump(
            value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=float("inf")
        )
    except yaml.YAMLError:
        text = repr(value)
    # PyYAML ends a bare scalar with an explicit end of document
    text = " ".join(text.removesuffix("...\n").split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
