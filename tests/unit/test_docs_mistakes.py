"""The ten most common mistakes of `docs/own_study.md`, answered in the words of the page."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_study import CONFIG, Study, labels, people, touch_run, write_blocks, write_participants

from ketfc.base.bundled import bundled
from ketfc.base.errors import StudyError
from ketfc.imaging.preflight.study_plan import StudyFiles, study_plan
from ketfc.study.config.config import parse_config
from ketfc.workflow.study import study_folders

PAGE = Path(__file__).parents[2] / "docs/own_study.md"
Rows = list[dict[str, Any]]
Mistake = Callable[[Study, dict[str, Any], Rows], None]


def messages() -> list[str]:
    """Return the messages of the table on the page, in its order."""
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("<!-- mistakes")[2].partition("<!-- end of mistakes -->")[0]
    return re.findall(r"^\|[^|]+\| `([^`]+)` \|", table, re.MULTILINE)


def raw_data(study: Study, config: dict[str, Any], rows: Rows) -> None:
    for path in sorted(study.derivatives.rglob("*")):
        if path.is_file():
            path.unlink()
    for path in study.derivatives.rglob("func"):
        name = f"{path.parent.parent.name}_{path.parent.name}_task-rest_bold.nii.gz"
        (path / name).touch()


def other_session(study: Study, config: dict[str, Any], rows: Rows) -> None:
    config["study"]["sessions"] = {"pre": "pre", "post": "day1"}


def number_for_label(study: Study, config: dict[str, Any], rows: Rows) -> None:
    for participant in labels(rows):
        for session in ("01", "02"):
            touch_run(study, participant, session)
    config["study"] |= yaml.safe_load("sessions: {pre: 01, post: 02}")


def misspelt(study: Study, config: dict[str, Any], rows: Rows) -> None:
    config["denoising"]["fd-treshold"] = 0.5


def lost_zeros(study: Study, config: dict[str, Any], rows: Rows) -> None:
    rows[0]["participant_id"] = "1"


def code(study: Study, config: dict[str, Any], rows: Rows) -> None:
    rows[0]["SSI_ses-post"] = 9999


def spreadsheet(study: Study, config: dict[str, Any], rows: Rows) -> None:
    config["scores"]["table"] = "scores.xlsx"
    Path("scores.xlsx").write_bytes(b"PK\x03\x04")


def twice(study: Study, config: dict[str, Any], rows: Rows) -> None:
    rows.append(dict(rows[1]))


def no_such_arm(study: Study, config: dict[str, Any], rows: Rows) -> None:
    config["study"]["arms"] = {"column": "arm", "ketamine": "ketamine", "control": "placebo"}


def out_of_range(study: Study, config: dict[str, Any], rows: Rows) -> None:
    rows[0]["SSI_ses-post"] = 41


MISTAKES: list[Mistake] = [
    raw_data, other_session, number_for_label, misspelt, lost_zeros, code, spreadsheet, twice,
    no_such_arm, out_of_range,
]  # fmt: skip


def test_the_page_has_a_message_for_each_mistake() -> None:
    assert len(messages()) == len(MISTAKES) == 10


@pytest.mark.parametrize(
    ("mistake", "message"),
    list(zip(MISTAKES, messages(), strict=False)),
    ids=[mistake.__name__ for mistake in MISTAKES[: len(messages())]],
)
def test_each_mistake_is_answered_in_the_words_of_the_page(
    mistake: Mistake, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study, rows, config = Study(tmp_path), people(2), copy.deepcopy(CONFIG)
    for participant in labels(rows):
        for session in ("pre", "post"):
            touch_run(study, participant, session)
    write_blocks(study)
    assert message not in said(study, config, rows)
    mistake(study, config, rows)
    assert message in said(study, config, rows)


def said(study: Study, config: dict[str, Any], rows: Rows) -> str:
    """Return all that the plan says is wrong, errors alone."""
    write_participants(study, rows)
    try:
        read = parse_config(config)
    except StudyError as error:
        return str(error)
    registry = str(bundled("atlases/circuits.yaml"))
    files = StudyFiles(study_folders(read), registry, bundled("atlases/parcellations.yaml"))
    problems = study_plan(read, files).plan.problems
    return "\n".join(str(problem) for problem in problems if problem.severity == "error")
