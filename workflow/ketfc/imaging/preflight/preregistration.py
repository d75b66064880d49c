"""Preregistration: a locked copy of the hypotheses, and differences from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketfc.base.errors import Problem, StudyError
from ketfc.base.files import read_json_of_others, write_json
from ketfc.imaging.regions.registry import load_registry
from ketfc.study.config.types import expand
from ketfc.study.design.detection import contrasts, detect_design

if TYPE_CHECKING:
    from ketfc.imaging.regions.registry import Registry
    from ketfc.study.config.config import Config

FORMAT = 2
"""Format of a lock; locks without a number have the first format, without the design."""

_FREE_TEXT = ("name", "source", "verified")
"""Fields of a region or circuit that may change without changing the hypotheses."""

_SCORES = ("si", "depression", "columns", "sessions", "missing")
"""Keys of the section of scores that define the score."""

_ABSENT = "absent"
"""Value that stands for a key missing on one side."""


@dataclass(frozen=True)
class Mismatch:
    """One difference from the lock.

    Attributes
    ----------
    key : str
        The path of the key, such as ``circuits/dmn/expected_sign``.
    locked, present : str
        Its value in the lock and now, as JSON; ``absent`` where there is none.
    """

    key: str
    locked: str
    present: str


def hypotheses_content(registry: Registry, config: Config) -> dict[str, Any]:
    """Return the content that a preregistration fixes.

    Parameters
    ----------
    registry : ketfc.imaging.regions.registry.Registry
        Circuits and regions.
    config : ketfc.study.config.config.Config
        Configuration of the study.

    Returns
    -------
    dict
        :data:`FORMAT`; ``circuits`` and the ``regions`` that they use (all but names and sources);
        ``design`` (its kind, whether detected or set), ``contrasts``, ``task``, ``space``,
        ``sessions``, ``arms``, ``crossover``, ``groups`` and ``diagnosis`` (all but names for
        display); ``covariates`` that the tests are adjusted for or exchanged within, with their
        columns and whether their values are labels; ``scores`` (instruments, columns and what the
        tables call them), ``denoising`` (all but the list of further strategies), ``quality``
        (thresholds), ``min-coverage`` and ``statistics`` (all but where the lock is, and the
        reliability), in types of JSON.
    """
    settings = config.model_dump(mode="json", by_alias=True)
    study, statistics = settings["study"], settings["statistics"]
    crossover = study["crossover"]
    used = [*config.statistics.covariates, config.statistics.blocks]
    content = {
        "format": FORMAT,
        "circuits": {key: _fixed(asdict(one)) for key, one in registry.circuits.items()},
        "regions": {region.id: _fixed(asdict(region)) for region in registry.used_regions},
        "design": detect_design(config.study).kind,
        "contrasts": contrasts(config.study),
        **{key: study[key] for key in ("task", "space", "sessions", "arms", "groups", "diagnosis")},
        "crossover": crossover and _without(crossover, "control-name"),
        "covariates": {
            name: {
                "column": study["covariates"][name],
                "categorical": name in study["categorical"],
            }
            for name in used
            if name is not None
        },
        "scores": {key: settings["scores"][key] for key in _SCORES},
        "denoising": _without(settings["denoising"], "strategies"),
        "quality": _without(settings["quality"], "preset", "exclusions"),
        "min-coverage": settings["circuits"]["min-coverage"],
        # a reliability describes, and no test knows it
        "statistics": _without(statistics, "preregistration", "reliability"),
    }
    found: dict[str, Any] = json.loads(_canonical(content))
    return found


def fingerprint(content: dict[str, Any]) -> str:
    """Return the SHA-256 of a content as canonical JSON (keys sorted, no blanks, UTF-8)."""
    return hashlib.sha256(_canonical(content).encode("utf-8")).hexdigest()


def write_lock(path: str | Path, content: dict[str, Any]) -> str:
    """Write a lock file and return its fingerprint.

    Parameters
    ----------
    path : str or pathlib.Path
        The file: JSON with the keys ``sha256`` and ``locked``. It holds no date: register it, or
        its fingerprint, where dates are kept.
    content : dict
        From :func:`hypotheses_content`.

    Raises
    ------
    FileExistsError
        If there is a lock already: it is never replaced.
    """
    if Path(path).exists():
        raise FileExistsError(f"{path} exists: a preregistration is never replaced")
    sha256 = fingerprint(content)
    write_json(path, {"sha256": sha256, "locked": content})
    return sha256


def verify_lock(path: str | Path, content: dict[str, Any]) -> list[Mismatch]:
    """Return the differences between a lock file and the present hypotheses.

    Parameters
    ----------
    path : str or pathlib.Path
        A file that :func:`write_lock` wrote.
    content : dict
        From :func:`hypotheses_content`.

    Returns
    -------
    list of Mismatch
        By key, sorted; empty where nothing differs. One with the key ``sha256`` says that the file
        itself was changed after it was written.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a lock file, or one of another format.
    """
    try:
        lock = read_json_of_others(path)
        recorded, locked = lock["sha256"], lock["locked"]
        actual = fingerprint(locked)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not a preregistration: not JSON with the keys sha256 and locked"
        ) from error
    of = locked.get("format", 1) if isinstance(locked, dict) else 1
    if of != FORMAT:
        raise ValueError(
            f"{path} is a preregistration of format {of}, and this version of ketfc writes and "
            f"compares format {FORMAT}, which fixes the design and the columns behind covariates "
            "too: run the study with the version that wrote it, or, if no result has been seen "
            "yet, write it anew with `snakemake preregistration` and register that"
        )
    changed = [] if actual == recorded else [Mismatch("sha256", str(recorded), actual)]
    before, now = _leaves(locked), _leaves(content)
    return changed + [
        Mismatch(key, before.get(key, _ABSENT), now.get(key, _ABSENT))
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]


def lock_in_words(paths: Sequence[str]) -> str | None:
    """Return the path and the fingerprint of the lock that a study agrees with, None without one.

    Parameters
    ----------
    paths : sequence of str
        The lock, if there is one; :func:`lock_problems` has found nothing in it.
    """
    for path in paths:
        return f"{path} agrees with this study (sha256 {read_json_of_others(path)['sha256']})"
    return None


def lock_problems(config: Config, registry_file: str | Path) -> list[Problem]:
    """Return errors where the study contradicts the preregistration that the config names.

    Parameters
    ----------
    config : ketfc.study.config.config.Config
        Configuration of the study.
    registry_file : str or pathlib.Path
        ``circuits.yaml``; errors in it are reported elsewhere.

    Returns
    -------
    list of Problem
        One per key that differs; none without a preregistration.
    """
    named = config.statistics.preregistration
    if named is None:
        return []
    path, field = expand(named), "statistics.preregistration"
    try:
        registry = load_registry(registry_file)
    except StudyError:
        return []
    try:
        found = verify_lock(path, hypotheses_content(registry, config))
    except FileNotFoundError:
        return [Problem("error", "there is no such file", field=field, value=str(path))]
    except (OSError, ValueError) as error:
        return [Problem("error", str(error), field=field, value=str(path))]
    return [
        Problem(
            "error",
            f"differs from the preregistration, in which it is {one.locked}"
            if one.key != "sha256"
            else "the file was changed after it was written",
            file=path.name,
            field=one.key,
            value=one.present,
            allowed=one.locked,
        )
        for one in found
    ]


def _fixed(fields: dict[str, Any]) -> dict[str, Any]:
    return _without(fields, *_FREE_TEXT)


def _without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in names}


def _canonical(content: Any) -> str:
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _leaves(content: Any, above: str = "") -> dict[str, str]:
    """Return all values that are not mappings, as JSON, by the path of their keys."""
    if isinstance(content, dict) and content:
        found: dict[str, str] = {}
        for key, value in content.items():
            found |= _leaves(value, f"{above}/{key}" if above else str(key))
        return found
    return {above: _canonical(content)}
