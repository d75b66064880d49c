"""What `docs/extend.md` says to write, written, and answered as the page says."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_study import CONFIG, Study, labels, people, touch_run, write_blocks, write_participants

from ketfc.base.bundled import bundled
from ketfc.imaging.preflight.study_plan import StudyFiles, study_plan
from ketfc.imaging.regions.registry import load_registry
from ketfc.study.config.config import parse_config
from ketfc.workflow.study import study_folders

REPO = Path(__file__).parents[2]
PAGE = (REPO / "docs/extend.md").read_text(encoding="utf-8")


def block(name: str) -> Any:
    """Return what the block of the page that follows a comment holds."""
    (text,) = re.findall(rf"<!-- {name} -->\n```yaml\n(.+?)```", PAGE, re.DOTALL)
    return yaml.safe_load(text)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    study = Study(tmp_path)
    for participant in labels(people(2)):
        for session in ("pre", "post"):
            touch_run(study, participant, session)
    write_blocks(study)
    write_participants(study, people(2))
    return study


def problems(*sections: dict[str, Any], registry: str = "") -> list[str]:
    """Return the errors of a plan of the study with some sections of the config extended."""
    config = copy.deepcopy(CONFIG)
    for section in sections:
        for name, keys in section.items():
            config[name] |= keys
    read = parse_config(config)
    registry = registry or str(bundled("atlases/circuits.yaml"))
    files = StudyFiles(study_folders(read), registry, bundled("atlases/parcellations.yaml"))
    found = study_plan(read, files).plan.problems
    return [str(problem) for problem in found if problem.severity == "error"]


def test_a_region_and_a_circuit_of_one_s_own(study: Study) -> None:
    text = bundled("atlases/circuits.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    content["regions"] |= block("region")
    content["circuits"] |= block("circuit")
    name = block("registry")["circuits"]["registry"]
    Path(name).write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    registry = load_registry(Path(name))
    assert "rAccumbens" in registry.regions
    assert not registry.circuits["sgacc-raccumbens"].primary
    assert problems(block("registry"), registry=name) == []
    # and what is not there is answered
    content["circuits"]["sgacc-raccumbens"]["edge"] = ["sgACC", "rAcumbens"]
    Path(name).write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    assert any("rAcumbens" in each for each in problems(block("registry"), registry=name))


@pytest.mark.parametrize(("score", "is_refused"), [(54, False), (55, True), (12.5, True)])
def test_an_instrument_of_one_s_own(study: Study, score: float, is_refused: bool) -> None:
    own = block("scores")
    Path(own["scores"]["instruments"]).write_text(
        yaml.safe_dump(block("instrument")), encoding="utf-8"
    )
    rows = people(2)
    for row in rows:
        for session in ("pre", "post"):
            row[f"mssi_total_ses-{session}"] = row.pop(f"SSI_ses-{session}")
    rows[0]["mssi_total_ses-pre"] = score
    write_participants(study, rows)
    assert bool(problems(own)) == is_refused


def test_a_strategy_of_one_s_own(study: Study) -> None:
    assert problems(block("strategy")) == []
    assert (
        "friston6csf_noscrub"
        in parse_config(
            CONFIG | {"denoising": CONFIG["denoising"] | block("strategy")["denoising"]}
        ).strategies
    )


@pytest.mark.parametrize("name", re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.(?:py|smk|yaml))`", PAGE))
def test_every_file_that_is_to_be_edited_is_there(name: str) -> None:
    if name.endswith(("NAME.py", "circuits.yaml", "instruments.yaml")):
        return
    places = [
        REPO / name,
        *REPO.glob(f"workflow/ketfc/**/{name}"),
        *REPO.glob(f"workflow/*/{name}"),
    ]
    assert any(place.is_file() for place in places), name


@pytest.mark.parametrize("name", ["PlannedTest", "Check", "draw_edges", "_figures"])
def test_every_name_that_is_to_be_used_is_there(name: str) -> None:
    assert f"`{name}`" in PAGE
    code = [*REPO.glob("workflow/ketfc/**/*.py"), *REPO.glob("workflow/rules/*.smk")]
    defined = re.compile(rf"^(class|def) {name}\b|^{name} = ", re.MULTILINE)
    assert any(defined.search(path.read_text(encoding="utf-8")) for path in code)
