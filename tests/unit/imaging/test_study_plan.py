"""The plan of a study as the workflow makes it: with headers, without, and of other programs'."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_given import write_matrices
from made_study import CONFIG, Study, labels, people, touch_run, write_blocks, write_participants

from ketfc.base.bundled import bundled
from ketfc.base.errors import Problem
from ketfc.base.files import read_tsv
from ketfc.imaging.preflight.study_plan import (
    FEW,
    StudyFiles,
    StudyPlan,
    read_headers,
    study_plan,
    write_plan,
)
from ketfc.study.config.config import Config, parse_config

BY_HAND = "participant_id\tsession\treason\n"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Return a study of four people, two to an arm, of empty images."""
    monkeypatch.chdir(tmp_path)
    made, rows = Study(tmp_path), people(2)
    for participant in labels(rows):
        for session in ("pre", "post"):
            touch_run(made, participant, session)
    write_blocks(made)
    write_participants(made, rows)
    return made


def config(**changes: Any) -> Config:
    content = copy.deepcopy(CONFIG)
    for section, keys in changes.items():
        content.setdefault(section, {}).update(keys)
    return parse_config(content)


def files(by_hand: str | None = None) -> StudyFiles:
    path = None
    if by_hand is not None:
        path = Path("by_hand.tsv")
        path.write_text(BY_HAND + by_hand, encoding="utf-8")
    registry, named = bundled("atlases/circuits.yaml"), bundled("atlases/parcellations.yaml")
    return StudyFiles([Path("fmriprep")], registry, named, path)


def spoil(study: Study, participant: str, session: str) -> None:
    """Take a column that the primary strategy needs from the confounds of a run."""
    path = study.file(participant, session, "desc-confounds_timeseries.tsv")
    path.write_text(path.read_text().replace("rot_x_derivative1\t", ""), encoding="utf-8")


def of_confounds(planned: StudyPlan) -> list[str | None]:
    return [each.run for each in planned.plan.problems if each.field == "strategy acompcor"]


def test_without_headers_confounds_are_told_only_where_no_run_can_be_used(study: Study) -> None:
    whole = config()
    planned = study_plan(whole, files())
    assert [each for each in planned.plan.problems if each.severity == "error"] == []
    assert len(planned.manifest) == 8
    assert planned.native.empty
    for participant in ("01", "02", "03", "04"):
        for session in ("pre", "post"):
            assert of_confounds(study_plan(whole, files())) == []
            spoil(study, participant, session)
    assert len(of_confounds(study_plan(whole, files()))) == 8


def test_one_run_alone_that_cannot_be_used_is_told(study: Study) -> None:
    spoil(study, "01", "pre")
    rows = "".join(
        f"sub-{who}\t{session}\tasleep\n"
        for who in ("01", "02", "03", "04")
        for session in ("pre", "post")
        if (who, session) != ("01", "pre")
    )
    found = study_plan(config(), files(rows))
    assert of_confounds(found) == ["sub-01_ses-pre_task-rest"]
    # those left out by hand are not looked at
    assert of_confounds(study_plan(config(), files(rows + "sub-01\tpre\tasleep\n"))) == []


def test_all_runs_are_looked_at_once_none_of_the_first_few_can_be_used(study: Study) -> None:
    for n in range(5, 12):
        for session in ("pre", "post"):
            touch_run(study, f"{n:02}", session)
    for n in range(1, 1 + FEW // 2):
        for session in ("pre", "post"):
            spoil(study, f"{n:02}", session)
    assert len(of_confounds(study_plan(config(), files()))) == FEW
    spoil(study, "11", "post")
    assert len(of_confounds(study_plan(config(), files()))) == FEW + 1


def test_headers_tell_of_every_run_that_is_not_left_out_by_hand(study: Study) -> None:
    spoil(study, "02", "pre")
    spoil(study, "03", "post")
    of_hand = files("sub-03\tpost\tasleep\n")
    headers = read_headers(config(), of_hand.folders, of_hand.by_hand)
    # they lie in a file of JSON between two jobs
    headers = json.loads(json.dumps(headers))
    assert set(headers) == {"problems", "components", "native"}
    assert {each["run"] for each in headers["problems"]} == {"sub-02_ses-pre_task-rest"}
    assert set(headers["problems"][0]) == {each.name for each in fields(Problem)}
    assert set(headers["components"].values()) == {"5 WM + 5 CSF"}
    assert len(headers["components"]) == len(headers["native"]["run"]) == 7
    planned = study_plan(config(), of_hand, headers)
    assert of_confounds(planned) == ["sub-02_ses-pre_task-rest"]
    assert planned.native["native_z"].tolist() == [3.0] * 7
    assert set(planned.plan.runs["run"]) == set(planned.manifest)
    assert "study.native-voxel-size" not in {each.field for each in planned.plan.problems}


def test_a_size_that_no_header_has_is_missing_and_asked_for(study: Study) -> None:
    unknown = config(study={"native-voxel-size": None})
    headers = json.loads(json.dumps(read_headers(unknown, files().folders)))
    assert headers["native"]["native_x"] == [None] * 8
    planned = study_plan(unknown, files(), headers)
    assert planned.native["native_x"].isna().all()
    asked = [each for each in planned.plan.problems if each.field == "study.native-voxel-size"]
    assert [each.severity for each in asked] == ["note"]


def test_the_tables_of_a_plan_are_written(study: Study) -> None:
    planned = study_plan(config(), files(), read_headers(config(), files().folders))
    names = ("runs", "scores", "participants", "native", "problems")
    outputs = {name: f"plan/{name}.tsv" for name in names} | {"design": "plan/design.json"}
    Path("plan").mkdir()
    write_plan(planned, SimpleNamespace(**outputs))
    tables = {name: read_tsv(outputs[name]) for name in names}
    assert tables["runs"]["run"].tolist() == planned.plan.runs["run"].tolist()
    assert set(tables["participants"]["participant_id"]) == {f"sub-0{n}" for n in range(1, 5)}
    assert len(tables["scores"]) == len(planned.plan.scores)
    assert tables["native"]["native_source"].tolist() == ["config"] * 8
    assert len(tables["problems"]) == len(planned.plan.problems)
    assert json.loads(Path("plan/design.json").read_text())["participants"]


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """Write matrices of four people and scores; return a function that gives their config."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    series = {
        (f"{n:02}", session): rng.normal(size=(40, 3))
        for n in range(1, 5)
        for session in ("pre", "post")
    }
    write_matrices(Path("own"), series, ["Front", "Side", "Far"])
    write_participants(Study(tmp_path), people(2))

    def made(statistics: dict[str, Any] | None = None, **about: Any) -> Config:
        own = {"kind": "matrices", "path": "own", "scale": "r"}
        own["regions"] = {"sgACC": "Front", "rLPFC": "Side"}
        study = {key: CONFIG["study"][key] for key in ("name", "sessions", "arms")}
        study["connectivity"] = own | about
        content = {"study": study, "scores": CONFIG["scores"], "statistics": statistics}
        return parse_config(content)

    return made


def errors(planned: StudyPlan) -> list[tuple[str | None, str | None]]:
    found = [each for each in planned.plan.problems if each.severity == "error"]
    return [(each.field, each.value) for each in found]


def test_matrices_of_other_programs_have_a_plan_without_images(
    given: Callable[..., Config],
) -> None:
    headers = read_headers(given(), [])
    assert headers == {"problems": [], "components": {}, "native": {}}
    for read in (None, headers):
        planned = study_plan(given(), files(), read)
        assert errors(planned) == []
        assert planned.manifest == {}
        assert planned.native.empty
        assert len(planned.plan.runs) == 8


def test_parcels_that_no_matrix_has_are_told_at_the_plan(given: Callable[..., Config]) -> None:
    wrong = given(regions={"sgACC": "Front", "rLPFC": "Sid"})
    assert errors(study_plan(wrong, files())) == [("study.connectivity.regions.rLPFC", "Sid")]


def test_a_matrix_that_cannot_be_read_is_told_by_the_headers_and_the_next_one_read(
    given: Callable[..., Config],
) -> None:
    Path("own/sub-01/ses-pre/sub-01_ses-pre_conn.tsv").write_text("nothing", encoding="utf-8")
    wrong = given(regions={"sgACC": "Front", "rLPFC": "Sid"})
    assert errors(study_plan(wrong, files())) == [("study.connectivity.regions.rLPFC", "Sid")]
    (problem,) = read_headers(given(), [])["problems"]
    assert (problem["severity"], problem["participant_id"]) == ("excluded", "sub-01")
    told = study_plan(given(), files(), read_headers(given(), [])).plan.problems
    assert problem["message"] in {each.message for each in told}


def test_a_preregistration_and_exclusions_by_hand_count_for_matrices_too(
    given: Callable[..., Config],
) -> None:
    locked = given(statistics={"preregistration": "lock.json"})
    assert ("statistics.preregistration", "lock.json") in errors(study_plan(locked, files()))
    left_out = study_plan(given(), files("sub-01\tpre\tasleep\n")).plan.runs.set_index("run")
    (reason,) = left_out.loc[left_out["status"] != "ok", "reason"]
    assert "asleep" in reason
