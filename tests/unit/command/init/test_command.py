"""`ketfc init`: what it writes, says and asks, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from made_study import Study, touch_run

from ketfc.command import main as command
from ketfc.demo.study import demo_runs, write_tables

SEED = 20251122


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo's derivatives: its own tables, beside images that are empty."""
    monkeypatch.chdir(tmp_path)
    for participant, session in demo_runs(SEED):
        touch_run(Study(tmp_path), participant.removeprefix("sub-"), session)
    write_tables(tmp_path / "fmriprep", seed=SEED, truth=tmp_path / "truth.json")
    return tmp_path


def test_the_demo_leaves_nothing_to_ask(demo: Path) -> None:
    done = CliRunner().invoke(command.main, ["init", "fmriprep"])
    assert done.exit_code == 0, done.output
    assert "16 participants, sessions post and pre" in done.output
    assert "To be answered" not in done.output
    given: dict[str, Any] = yaml.safe_load(Path("ketfc.yaml").read_text(encoding="utf-8"))
    shipped = yaml.safe_load(
        (Path(__file__).parents[4] / "config/config.yaml").read_text(encoding="utf-8")
    )
    # what the demo's own config says of the study is found in its files
    for key in ("task", "space", "sessions", "arms"):
        assert given["study"][key] == shipped["study"][key], key
    assert given["scores"] == shipped["scores"]


def test_a_config_that_is_there_is_never_changed(demo: Path) -> None:
    Path("ketfc.yaml").write_text("mine: true\n", encoding="utf-8")
    done = CliRunner().invoke(command.main, ["init", "fmriprep"])
    assert done.exit_code == 1
    assert "ketfc.yaml is here already, and was not changed" in done.output
    assert Path("ketfc.yaml").read_text(encoding="utf-8") == "mine: true\n"


def test_questions_are_said_with_their_keys_and_refused_by_the_doctor(demo: Path) -> None:
    table = demo / "fmriprep/participants.tsv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("ketamine", "X").replace("midazolam", "Y"), encoding="utf-8")
    done = CliRunner().invoke(command.main, ["init", "fmriprep"])
    assert "  - study.arms.ketamine: arm has X (8) and Y (8): which is the arm" in done.output
    assert max(map(len, done.output.splitlines())) <= 80
    looked = CliRunner().invoke(command.main, ["doctor"])
    assert looked.exit_code == 1
    assert "arm has X (8) and Y (8)" in " ".join(looked.output.split())


def test_at_a_terminal_what_can_be_listed_is_asked_at_once(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = demo / "fmriprep/participants.tsv"
    text = table.read_text(encoding="utf-8")
    table.write_text(text.replace("ketamine", "X").replace("midazolam", "Y"), encoding="utf-8")
    monkeypatch.setattr(command, "_at_terminal", lambda: True)
    done = CliRunner().invoke(command.main, ["init", "fmriprep"], input="Z\nY\n")
    assert done.exit_code == 0, done.output
    given = yaml.safe_load(Path("ketfc.yaml").read_text(encoding="utf-8"))
    assert given["study"]["arms"] == {"column": "arm", "ketamine": "Y", "control": "X"}
    Path("ketfc.yaml").unlink()
    # an empty answer leaves the question where it is
    later = CliRunner().invoke(command.main, ["init", "fmriprep"], input="\n")
    assert later.exit_code == 0
    assert "study.arms.ketamine" in later.output


def test_a_place_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(command.main, ["init", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "does not exist" in done.output
