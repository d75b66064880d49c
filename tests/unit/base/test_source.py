"""The digest that makes results follow the code: later rooms see earlier ones, not the reverse."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ketfc.base import source
from ketfc.base.source import ROOMS, source_digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, whose digests are taken."""
    copy = tmp_path / "ketfc"
    here = Path(source.__file__).parent
    shutil.copytree(here, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(source, "__file__", str(copy / "source.py"))
    return copy


def digests() -> dict[str, str]:
    return {room: source_digest(room) for room in ROOMS}


def changed(before: dict[str, str]) -> list[str]:
    after = digests()
    return [room for room in ROOMS if after[room] != before[room]]


@pytest.mark.parametrize(
    ("file", "rooms"),
    [
        ("files.py", ["study", "imaging", "inference", "reporting"]),
        ("study/plan.py", ["study", "imaging", "inference", "reporting"]),
        ("imaging/run/process.py", ["imaging", "inference", "reporting"]),
        ("inference/design/change.py", ["inference", "reporting"]),
        ("reporting/templates/report.css", ["reporting"]),
    ],
)
def test_an_edit_changes_its_room_and_those_after_it(
    package: Path, file: str, rooms: list[str]
) -> None:
    before = digests()
    with (package / file).open("a") as handle:
        handle.write("\n")
    assert changed(before) == rooms


def test_a_new_or_renamed_module_changes_its_room(package: Path) -> None:
    before = digests()
    (package / "inference/new.py").touch()
    assert changed(before) == ["inference", "reporting"]
    before = digests()
    (package / "inference/new.py").rename(package / "inference/newer.py")
    assert changed(before) == ["inference", "reporting"]


def test_what_is_no_source_changes_nothing(package: Path) -> None:
    before = digests()
    (package / "imaging/__pycache__").mkdir()
    (package / "imaging/__pycache__/run.cpython-311.pyc").write_bytes(b"x")
    (package / "imaging/.run.py.swp").write_bytes(b"x")
    assert changed(before) == []


def test_the_digest_does_not_depend_on_where_the_package_is(package: Path) -> None:
    copy = digests()
    source.__file__ = str(package.rename(package.with_name("moved")) / "source.py")
    assert digests() == copy
