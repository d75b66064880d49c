"""An export in words: all that leaves the lab, and what stays in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ketfc.base.english import listed, plural
from ketfc.reporting.words import is_missing


def export_in_words(export: Mapping[str, Any]) -> str:
    """Return what an export holds: every number of it, as it stands in the file.

    Parameters
    ----------
    export : mapping
        As :func:`ketfc.inference.synthesis.export.study_export` gives it.
    """
    design = export["design"]
    given = [test for test in export["tests"] if test["suppressed"] is None]
    held = [test for test in export["tests"] if test["suppressed"] is not None]
    arms = [*design["arms"].values()] or [*design["drugs"].values()]
    lines = [
        f"What leaves the lab: study {export['study']}, "
        f"{plural(len(given), 'test')} with numbers, {len(held)} without",
        "",
        "No row, label or score of a participant. Numbers are of groups, with six digits; nothing "
        f"is said of fewer than {export['smallest_cell']} participants.",
        "",
        f"design: {design['kind']}, {design['baseline']} → {design['followup']}"
        + (f", {listed(arms)}" if arms else ""),
        f"sessions: {_pairs(design['sessions'])}; hours since dose: "
        f"{_pairs(design['hours_since_dose']) or 'n/a'}",
        f"instrument: {design['instrument']}; strategy: {design['strategy']}; alpha: "
        f"{design['alpha']}; preregistered: {'yes' if design['preregistered'] else 'no'}",
        f"adjusted for: {listed(design['covariates']) or 'nothing'}; blocks: "
        f"{design['blocks'] or 'none'}",
        *(f"estimand, {name}: {said}" for name, said in design["estimand"].items()),
        f"configuration (hash): {export['config_sha256']}",
        f"versions: {_pairs(export['versions'])}",
        "",
    ]
    for test in given:
        lines += _told(test)
    for name, found in export["covariances"].items():
        lines.append(f"Covariances of the estimates of {name} between hypotheses:")
        lines += [
            f"  {hypothesis}: {', '.join(map(_as_is, row))}"
            for hypothesis, row in zip(found["hypotheses"], found["matrix"], strict=True)
        ]
        lines.append("")
    if held:
        lines.append("Named without any number:")
        lines += [f"  {test['name']}, {test['test']}: {test['suppressed']}" for test in held]
    return "\n".join([*lines, ""])


def _told(test: Mapping[str, Any]) -> Iterator[str]:
    rank = "primary" if test["primary"] else "secondary"
    yield f"{test['name']} ({test['hypothesis']}, {rank}), {test['test']}"
    yield f"  {listed(test['roles'])}; {test['design']}; definition {test['definition_sha256']}"
    yield f"  n = {test['n']} ({_pairs(test['cells'])})"
    yield (
        f"  estimate {_as_is(test['estimate'])}, standard error {_as_is(test['standard_error'])}, "
        f"df {_as_is(test['df'])}, permutation p {_as_is(test['p_permutation'])}"
    )
    effect = test["effect"]
    yield (
        f"  effect {_as_is(effect['estimate'])}, variance {_as_is(effect['variance'])}: "
        f"{test['metric']}"
    )
    for name, part in test.get("moments", {}).items():
        means = ", ".join(map(_as_is, part["mean"]))
        covariance = "; ".join(", ".join(map(_as_is, row)) for row in part["covariance"])
        yield (
            f"  measure before, after ({name}, n = {part['n']}): means {means}; covariance "
            f"{covariance}"
        )
    yield ""


def _pairs(content: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in content.items())


def _as_is(value: Any) -> str:
    return "n/a" if is_missing(value) else str(value)
