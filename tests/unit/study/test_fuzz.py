"""Damaged input of every kind: told to the user, or without any effect on a number."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import shutil
import signal
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# each enters its faults into the catalogue
import made_confound_faults  # noqa: F401
import made_image_faults  # noqa: F401
import made_table_faults  # noqa: F401
import numpy as np
import pytest
import yaml
from made_faults import EXCLUDED, FAULTS, NOTED, PARTLY, REFUSED, SAME, TABLES
from made_measures import Outcome, measure_plan, measure_runs, write_small_study
from made_study import REPO, Study, contents

from ketfc.base.errors import StudyError
from ketfc.study.config.config import Config, parse_config
from ketfc.study.config.types import known_keys

RUN, OTHER = "sub-01_ses-pre_task-rest", "sub-01_ses-post_task-rest"


def _selected() -> list[Any]:
    """Return the names of all faults; every second one of a kind is slow, for the time's sake."""
    kinds: Counter[str] = Counter()
    found = []
    for name, fault in FAULTS.items():
        late = kinds[fault.kind] % 2 == 1
        kinds[fault.kind] += 1
        found.append(pytest.param(name, id=name, marks=[pytest.mark.slow] * late))
    return found


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Study, Outcome, Outcome]]:
    """The undamaged study, what its plan says, and what its runs give."""
    study = write_small_study(tmp_path_factory.mktemp("small"))
    plan, runs = measure_plan(study, images=True), measure_runs(study)
    assert not plan.refused
    assert not runs.excluded
    shutil.rmtree(study.folder / "out")
    before = _digest(study)
    yield study, plan, runs
    assert _digest(study) == before, "a fault has damaged the study that all share"


def _digest(study: Study) -> str:
    return hashlib.sha256(repr(contents(study.folder)).encode()).hexdigest()


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """Let no fault take memory that its file does not hold, nor hang."""
    held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (held + 2**30, hard))
    signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(300)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _hangs(*_: object) -> None:
    raise TimeoutError("the fault keeps the program busy without end")


def _changed(found: Outcome, undamaged: Outcome) -> set[str]:
    names = found.outputs.keys() | undamaged.outputs.keys()
    return {name for name in names if found.outputs.get(name) != undamaged.outputs.get(name)}


@pytest.mark.parametrize("name", _selected())
def test_a_fault_is_told_or_changes_no_number(
    name: str, pristine: tuple[Study, Outcome, Outcome], tmp_path: Path
) -> None:
    whole, plan, runs = pristine
    fault = FAULTS[name]
    shutil.copytree(whole.folder, tmp_path / "study", copy_function=os.link)
    study = Study(tmp_path / "study")
    fault.damage(study, np.random.default_rng(zlib.crc32(name.encode())))

    # whatever is no error of the project's own escapes from here
    if fault.kind in TABLES:
        found, undamaged = measure_plan(study, images=True), plan
    else:
        found, undamaged = measure_runs(study), runs

    told = "\n".join(found.messages)
    changed = _changed(found, undamaged)
    assert "Traceback" not in told
    assert fault.says in told
    # the participant's other run, and everybody else, keep their numbers
    assert OTHER not in found.excluded
    # voxels that one session lacks are left out of all of them
    if fault.outcome != NOTED:
        assert not any(OTHER in output for output in changed)
    if fault.outcome == REFUSED:
        assert found.refused
        return
    assert not found.refused
    if fault.outcome == EXCLUDED:
        assert len(found.excluded[RUN]) > 20
    elif fault.outcome != PARTLY:
        assert RUN not in found.excluded
    if fault.outcome == SAME:
        assert not changed
    elif fault.outcome == PARTLY:
        # a strategy is n/a with a reason; what the others, and the regions, give is as it was
        lost = set(re.findall(r'"(\w+)": \{"status": "excluded"', told))
        assert lost
        assert not any("timeseries" in output or "coverage" in output for output in changed)
        numbers = {output for output in changed if "relmat" in output}
        assert numbers == {o for o in undamaged.outputs if RUN in o and _strategy(o) in lost}
    elif fault.outcome == NOTED:
        assert changed


def _strategy(output: str) -> str | None:
    found = re.search(r"desc-(\w+?)_stat-pearsoncorrelation_relmat", output)
    return found[1] if found else None


def test_there_are_enough_faults_of_every_kind() -> None:
    tried = [param.id for param in _selected() if not param.marks]
    assert len(tried) >= 200
    kinds = Counter(FAULTS[name].kind for name in tried)
    assert min(kinds.values()) >= 5, kinds


VALUES: dict[str, Any] = {
    "a group": {"x": 1},
    "a list": [[], {}],
    "yes": True,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "far below": -1e308,
    "far above": 10**400,
    "blanks": "  ",
    "odd text": "\x00/../§\u202e",
    "bytes": b"\xff",
    "a complex number": 1j,
}
BASE = yaml.safe_load(
    """
    study: {name: t, derivatives: here, sessions: {pre: a, post: b}}
    scores: {table: t.tsv, si: {instrument: SSI, column: SSI}}
    """
)


def _with(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    whole: dict[str, Any] = yaml.safe_load(yaml.safe_dump(BASE))
    group = whole
    for key in path[:-1]:
        if not isinstance(group.get(key), dict):
            group[key] = {}
        group = group[key]
    group[path[-1]] = value
    return whole


KEYS = sorted(known_keys(Config))


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_a_key_takes_no_value_that_it_cannot_mean(path: tuple[str, ...]) -> None:
    said = []
    for value in VALUES.values():
        try:
            parse_config(_with(path, value))
        except StudyError as error:
            said.append(str(error))
    assert len(said) >= len(VALUES) - 3
    assert all(path[-1] in text or path[0] in text for text in said)
    assert max(map(len, said)) < 5000


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_a_misspelt_key_is_refused_by_its_name(path: tuple[str, ...]) -> None:
    wrong = (*path[:-1], path[-1] + "x")
    with pytest.raises(StudyError) as caught:
        parse_config(_with(wrong, 1))
    assert path[-1] in str(caught.value) or path[0] in str(caught.value)


def test_the_table_in_the_docs_counts_these_faults() -> None:
    text = (REPO / "docs/bad_input.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \| .*\| (\d+) \|$", text, re.MULTILINE)
    counted = {kind: int(number) for kind, number in rows}
    assert counted == dict(Counter(fault.kind for fault in FAULTS.values()))
