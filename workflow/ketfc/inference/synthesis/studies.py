"""Lists of studies for a synthesis, and the exports that they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from ketfc.base.errors import Problem, StudyError
from ketfc.base.files import read_json_of_others
from ketfc.base.yaml import read_yaml
from ketfc.inference.synthesis.export import FORMAT, FORMAT_VERSION
from ketfc.study.config.types import expand

STUDY_COLUMNS = (
    "study",
    "hypothesis",
    "name",
    "primary",
    "test",
    "design",
    "metric",
    "n",
    "estimate",
    "variance",
    "se",
    "ci_low",
    "ci_high",
    "baseline",
    "followup",
    "instrument",
    "strategy",
    "definition",
    "suppressed",
)

_ALLOWED = "study folders, or exports (*.json) as `snakemake export` writes them"


def listed_exports(studies: Any) -> list[Path]:
    """Return the exports that a list of studies names.

    Parameters
    ----------
    studies : str, list of str, or anything else that a user wrote
        A YAML file with the key ``studies``, or that list itself: exports, or folders in which
        ``snakemake export`` was run. Paths are relative to the working directory.

    Raises
    ------
    StudyError
        With all that is wrong.
    """
    source = "config"
    if isinstance(studies, str):
        source = studies
        try:
            content = read_yaml(expand(studies))
        except (OSError, ValueError) as error:
            reason = "there is no such file" if isinstance(error, FileNotFoundError) else error
            raise StudyError([_problem(f"cannot be read: {reason}", source)]) from None
        studies = content.get("studies") if isinstance(content, Mapping) else content
    if not isinstance(studies, list) or not all(isinstance(one, str) for one in studies):
        raise StudyError([_problem("is no list of paths", source, allowed=_ALLOWED)])
    if not studies:
        raise StudyError([_problem("is an empty list", source, allowed=_ALLOWED)])
    found, problems = [], []
    for one in studies:
        path, wrong = _export_of(expand(one))
        if path is not None and path in found:
            wrong = "is named twice"
        if wrong:
            problems.append(_problem(wrong, source, value=one))
        elif path is not None:
            found.append(path)
    if problems:
        raise StudyError(problems)
    return found


def _export_of(path: Path) -> tuple[Path | None, str | None]:
    """Return the export that a path names, or what is wrong with it."""
    if path.is_file():
        return path, None
    if not path.is_dir():
        return None, "is neither a file nor a folder"
    exports = sorted((path / "results/export").glob("*.json"))
    if len(exports) == 1:
        return exports[0], None
    if not exports:
        return None, "holds no results/export/*.json: run `snakemake export` there first"
    return None, f"holds {len(exports)} exports; name one of them"


def _problem(
    message: str, source: str, *, value: str | None = None, allowed: str | None = None
) -> Problem:
    return Problem("error", message, file=source, field="studies", value=value, allowed=allowed)


def read_exports(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Return the content of exports.

    Raises
    ------
    StudyError
        With all that is wrong: no JSON, no export, another version of the format, two studies of
        one name, numbers that are none.
    """
    exports: list[dict[str, Any]] = []
    problems: list[Problem] = []
    names: dict[str, str] = {}
    for path in map(Path, paths):
        try:
            content = read_json_of_others(path)
        except (OSError, ValueError) as error:
            problems.append(Problem("error", f"cannot be read: {error}", file=str(path)))
            continue
        wrong = _faults(content)
        if wrong is None and (study := str(content["study"])) in names:
            wrong = (
                f"is of the study {study}, as is {names[study]}: people would be counted twice; "
                "give two studies two names (study.name) and export again"
            )
        if wrong is not None:
            problems.append(Problem("error", wrong, file=str(path)))
            continue
        names[str(content["study"])] = str(path)
        exports.append(content)
    if problems:
        raise StudyError(problems)
    return exports


def _faults(content: Any) -> str | None:
    """Return what is wrong with the content of an export."""
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        return "is no export of `snakemake export`"
    if content.get("format_version") != FORMAT_VERSION:
        return (
            f"is of version {content.get('format_version')} of the format, this ketfc reads "
            f"version {FORMAT_VERSION}"
        )
    try:
        tests = [(str(test["hypothesis"]), str(test["test"])) for test in content["tests"]]
        for key in ("study", "design", "smallest_cell"):
            content[key]
        for test in content["tests"]:
            if test["suppressed"] is None and (wrong := _wrong_effect(test)):
                return f"{test['hypothesis']}, {test['test']}: {wrong}"
    except (KeyError, TypeError) as error:
        return f"lacks {error}"
    if len(set(tests)) < len(tests):
        return "holds a test twice"
    return None


def _wrong_effect(test: Mapping[str, Any]) -> str | None:
    estimate, variance = test["effect"]["estimate"], test["effect"]["variance"]
    numbers = (estimate, variance, test["n"])
    if not all(isinstance(x, int | float) and isfinite(x) for x in numbers):
        return "the effect, its variance or n is no number"
    return None if variance > 0 else f"the variance is {variance}, not above 0"


def study_effects(exports: Iterable[Mapping[str, Any]], *, alpha: float) -> pd.DataFrame:
    """Return the effects of all studies.

    Parameters
    ----------
    exports : iterable of mapping
        From :func:`read_exports`.
    alpha : float
        Intervals cover 1 − `alpha`, by the normal distribution.

    Returns
    -------
    pandas.DataFrame
        :data:`STUDY_COLUMNS`, a row per study and test in the order of the studies; those that a
        lab suppressed have no numbers.
    """
    from scipy import stats

    normal = float(stats.norm.ppf(1 - alpha / 2))
    rows = []
    for export in exports:
        design = export["design"]
        for test in export["tests"]:
            row = {
                "study": export["study"],
                "hypothesis": test["hypothesis"],
                "name": test["name"],
                "primary": test["primary"],
                "test": test["test"],
                "design": test["design"],
                "baseline": test["roles"][0],
                "followup": test["roles"][1],
                "instrument": design["instrument"],
                "strategy": design["strategy"],
                "definition": test["definition_sha256"],
                "suppressed": test["suppressed"],
            }
            if test["suppressed"] is None:
                effect = test["effect"]
                se = effect["variance"] ** 0.5
                row |= {
                    "metric": test["metric"],
                    "n": test["n"],
                    "estimate": effect["estimate"],
                    "variance": effect["variance"],
                    "se": se,
                    "ci_low": effect["estimate"] - normal * se,
                    "ci_high": effect["estimate"] + normal * se,
                }
            rows.append(row)
    return pd.DataFrame(rows, columns=list(STUDY_COLUMNS)).astype({"n": "Int64"})
