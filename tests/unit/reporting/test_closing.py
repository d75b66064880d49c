"""The end of a study in a few lines."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from made_design import design_of

from ketfc.base.errors import RefusalError
from ketfc.reporting.pages.closing import closing

ARMS = {"ketamine": "ketamine", "control": "midazolam"}
PEOPLE = [f"sub-{n:02}" for n in range(1, 13)]
DESIGN = design_of({"arms": ARMS, "participants": dict.fromkeys(PEOPLE, "ketamine")})


def hypotheses(*rows: tuple[str, str, float | None, float | None]) -> pd.DataFrame:
    """Return ``hypotheses.tsv`` of circuit, test, estimate and p after Holm."""
    found = [
        {
            "hypothesis": circuit,
            "name": f"the {circuit}",
            "test": test,
            "family": f"primary-{test}",
            "estimate": estimate,
            "effect_size": estimate,
            "ci_low": None,
            "ci_high": None,
            "ci_holm_low": None,
            "ci_holm_high": None,
            "p_holm": p,
            "n": 9,
            "flags": None,
            "verdict": None if estimate else f"the {circuit}: no result: the ket arm is empty.",
        }
        for circuit, test, estimate, p in rows
    ]
    return pd.DataFrame(found).astype(object)


def left_out(*rows: tuple[str, str]) -> pd.DataFrame:
    table = [{"participant_id": who, "test": test, "hypothesis": "dmn"} for who, test in rows]
    return pd.DataFrame(table, columns=["participant_id", "test", "hypothesis"], dtype=object)


RUNS = pd.DataFrame({"status": ["ok"] * 20 + ["excluded"] * 3})


def excluded(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Return ``exclusions.tsv`` of unit, rule and reason."""
    return pd.DataFrame(rows, columns=["unit", "rule", "reason"], dtype=object)


SHORT = excluded(
    ("run", "min-time", "142 s are left"),
    ("region", "min-coverage", "0 of 3 voxels"),
    ("run", "max-mean-fd", "moved"),
    ("run", "min-time", "100 s are left"),
)


def said(
    table: pd.DataFrame,
    *gone: tuple[str, str],
    simulated: bool = False,
    exclusions: pd.DataFrame = SHORT,
) -> list[str]:
    text = closing(
        table,
        left_out(*gone),
        RUNS,
        exclusions,
        DESIGN,
        simulated=simulated,
        report="results/report.html",
    )
    return text.splitlines()


def test_verdicts_who_was_left_out_and_the_report_are_the_end() -> None:
    table = hypotheses(
        ("dmn", "change", 0.3, 0.012),
        ("dmn", "association", -0.2, 0.4),
        ("salience", "change", None, None),
        ("salience", "association", 0.5, 0.0001),
    )
    gone = [("sub-02", "change"), ("sub-05", "association"), ("sub-02", "change")]
    assert said(table, *gone) == [
        "Study made: two arms, parallel",
        "p after Holm  change                    association",
        "the dmn       evidence, p = .012        no evidence, p = .400",
        "the salience  no result                 evidence, p < .001",
        "Left out of the tests of change: 1 of 12 participants (sub-02)",
        "Runs excluded: 3 of 23 (1 by max-mean-fd and 2 by min-time)",
        "Everybody left out, and why: results/quality/exclusions.tsv",
        "Report: results/report.html",
    ]


def test_the_demo_says_what_it_is() -> None:
    lines = said(hypotheses(("dmn", "change", 0.3, 0.012)), simulated=True)
    assert lines[0] == "Study made: a simulated study with a planted truth, no data"
    assert "Left out of the tests of change: none of 12 participants" in lines


def test_of_many_who_are_left_out_some_are_named() -> None:
    gone = [(who, "change") for who in PEOPLE[:7]]
    lines = said(hypotheses(("dmn", "change", 0.3, 0.012)), *gone)
    assert (
        "Left out of the tests of change: 7 of 12 participants (sub-01, sub-02, sub-03, sub-04 and "
        "3 more)"
    ) in lines


def test_a_study_in_which_nothing_could_be_tested_ends_with_the_reason() -> None:
    table = hypotheses(("dmn", "change", None, None), ("dmn", "association", None, None))
    with pytest.raises(RefusalError) as refused:
        said(table, *((who, "change") for who in PEOPLE))
    lines = str(refused.value).splitlines()
    assert lines[0] == (
        "Nothing could be tested: no hypothesis of this study has a result (the ket arm is empty)."
    )
    assert "Runs excluded: 3 of 23 (1 by max-mean-fd and 2 by min-time)" in lines
    assert lines[-1] == "Report: results/report.html"


def test_damaged_images_are_named_with_what_to_do() -> None:
    damaged = [("run", "damaged-image", f"sub-0{n}_bold.nii.gz is truncated.") for n in (1, 2, 3)]
    table = hypotheses(("dmn", "change", 0.3, 0.012))
    lines = said(table, exclusions=excluded(*damaged))
    at = lines.index("Runs excluded: 3 of 23 (3 by damaged-image)")
    mend = "is truncated: copy it again, then start again with the same command"
    assert lines[at + 1 : at + 4] == [
        f"  sub-01_bold.nii.gz {mend}",
        f"  sub-02_bold.nii.gz {mend}",
        "  and 1 more, damaged too",
    ]
    two = said(table, exclusions=excluded(*damaged[:2]))
    assert two[at + 2] == f"  sub-02_bold.nii.gz {mend}"
    assert two[at + 3].startswith("Everybody left out")


def test_where_no_run_is_excluded_no_rule_is_named() -> None:
    assert "Runs excluded: 3 of 23" in said(
        hypotheses(("dmn", "change", 0.3, 0.012)), exclusions=excluded()
    )
