"""Everybody who was left out, in one table."""

from __future__ import annotations

import pandas as pd
from made_design import design_of

from ketfc.imaging.group.excluded_runs import EXCLUSION_COLUMNS
from ketfc.inference.account.exclusions import all_exclusions, with_design

PROBLEM = {"participant_id": "sub-01", "session": None, "run": None, "severity": "warning"}
PROBLEM |= {"field": "scores", "value": "SSI", "message": "no score"}


def filled(table: pd.DataFrame) -> list[dict[str, str]]:
    """Return what stands in each row."""
    assert tuple(table.columns) == EXCLUSION_COLUMNS
    return [row.dropna().to_dict() for _, row in table.iterrows()]


def test_the_plan_images_and_tests_stand_one_after_the_other() -> None:
    problems = pd.DataFrame(
        [
            PROBLEM | {"severity": "error"},
            PROBLEM | {"run": "sub-01_run-1", "severity": "excluded"},
            PROBLEM | {"participant_id": None},
            PROBLEM,
            PROBLEM | {"participant_id": "sub-02", "session": "post", "severity": "excluded"},
        ],
        dtype=object,
    )
    images = pd.DataFrame([{"stage": "run", "participant_id": "sub-03"}])
    images = images.reindex(columns=list(EXCLUSION_COLUMNS))
    left_out = pd.DataFrame(
        [("sub-04", "dmn", "change", "no image")],
        columns=["participant_id", "hypothesis", "test", "reason"],
    )
    found = all_exclusions(problems, images, left_out)
    planned = {"stage": "plan", "rule": "scores", "value": "SSI", "reason": "no score"}
    planned["consequence"] = "participant or session not complete"
    tested = {
        "stage": "test",
        "unit": "test",
        "participant_id": "sub-04",
        "rule": "dmn / change",
        "consequence": "participant not in this test",
        "reason": "no image",
    }
    expected = [
        planned | {"unit": "participant", "participant_id": "sub-01"},
        planned | {"unit": "session", "participant_id": "sub-02", "session": "post"},
        {"stage": "run", "participant_id": "sub-03"},
        tested,
    ]
    assert filled(found) == expected
    assert found.index.tolist() == [0, 1, 2, 3]
    # healthy controls come first
    groups = {"patients": ["MDD"], "controls": ["HC"]}
    groups |= {"participants": {"sub-01": "patients", "sub-05": "controls"}}
    design = design_of({"participants": {"sub-01": None, "sub-05": None}, "groups": groups})
    first = {
        "stage": "design",
        "unit": "participant",
        "participant_id": "sub-05",
        "rule": "study.groups",
        "consequence": "participant in no contrast",
        "reason": "healthy control: not in drug contrasts",
    }
    assert filled(with_design(design, found)) == [first, *expected]
    assert filled(with_design(design_of({}), found)) == expected
