"""Sentences of the plan on aCompCor's masks, from the heads of all confounds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from made_runs import confounds_table

from ketfc.imaging.preflight.compcor_checks import component_problems, components_by_run
from ketfc.study.config.config import parse_config
from ketfc.study.runs.index import Run

BOTH = [f"{mask}_comp_cor_{i:02d}" for mask in "wc" for i in range(6)]
SIX = [f"a_comp_cor_{i:02d}" for i in range(6)]
OTHERS = [c for c in confounds_table(3).columns if "comp_cor" not in c]
MINIMAL = """
study: {name: mine, derivatives: /data, sessions: {pre: pre, post: post}}
scores: {table: scores.tsv, si: {instrument: SSI, column: SSI}}
"""
BY_24P = "denoising: {primary: 24P, strategies: [24P, acompcor, acompcor_gsr]}"


def runs_of(folder: Path, masks: dict[tuple[str, str], list[str]]) -> list[Run]:
    runs = []
    for (person, session), components in masks.items():
        (folder / person / session).mkdir(parents=True)
        path = folder / person / session / "confounds.tsv"
        # the head alone is read
        path.write_text("\t".join(OTHERS + components) + "\n")
        runs.append(
            Run(
                name=f"{person}_ses-{session}_task-rest",
                participant_id=person,
                session=session,
                role=session,
                bold="bold.nii.gz",
                sidecar="bold.json",
                mask="mask.nii.gz",
                confounds=str(path),
            )
        )
    return runs


def problems_of(runs: list[Run], yaml_text: str = ""):
    found = components_by_run(runs)
    return component_problems(runs, found, parse_config(yaml.safe_load(MINIMAL + yaml_text)))


def test_five_and_five_everywhere_raise_no_problem(tmp_path):
    runs = runs_of(tmp_path, {("sub-01", "pre"): BOTH, ("sub-01", "post"): BOTH})
    assert problems_of(runs) == []
    assert {str(one) for one in components_by_run(runs).values()} == {"5 WM + 5 CSF"}


def test_combined_masks_are_noted_once_with_the_number_of_runs(tmp_path):
    runs = runs_of(
        tmp_path,
        {
            ("sub-01", "pre"): SIX,
            ("sub-01", "post"): SIX,
            ("sub-02", "pre"): SIX,
            ("sub-03", "pre"): BOTH,
            ("sub-04", "pre"): [],
        },
    )
    five, six = problems_of(runs)
    assert (five.severity, five.value) == ("note", "5 WM + 5 CSF")
    assert five.message == "1 run of 1 participant"
    assert (six.severity, six.value) == ("note", "6 combined")
    assert six.field == "aCompCor, strategy acompcor"
    assert six.message == (
        "3 runs of 2 participants; their confounds have no separate masks of white matter and CSF, "
        "so the first 10 combined components, or as many as there are, are regressed out"
    )
    # where aCompCor is not asked for, nobody needs to know
    assert problems_of(runs, "denoising: {primary: 24P, strategies: [24P]}") == []
    assert str(components_by_run(runs)["sub-04_ses-pre_task-rest"]) == "none"


@pytest.mark.parametrize(("yaml_text", "severity"), [("", "excluded"), (BY_24P, "note")])
def test_the_run_that_differs_from_the_participants_others_is_named(tmp_path, yaml_text, severity):
    runs = runs_of(
        tmp_path,
        {
            ("sub-01", "pre"): BOTH,
            ("sub-01", "day1"): SIX,
            ("sub-01", "post"): BOTH,
            ("sub-02", "pre"): SIX,
            ("sub-02", "post"): SIX,
        },
    )
    named = [problem for problem in problems_of(runs, yaml_text) if problem.run]
    assert [(p.severity, p.run) for p in named] == [(severity, "sub-01_ses-day1_task-rest")]
    assert "of white matter and of CSF" in named[0].message


def test_runs_that_cannot_be_read_have_a_problem_of_their_own(tmp_path):
    runs = runs_of(tmp_path, {("sub-01", "pre"): BOTH, ("sub-01", "post"): BOTH})
    Path(str(runs[1].confounds)).unlink()
    assert list(components_by_run(runs)) == [runs[0].name]
    assert problems_of(runs) == []
