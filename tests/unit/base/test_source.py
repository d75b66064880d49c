"""The digest that makes results follow the code: what a script imports, and nothing else."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from ketfc.base.errors import StudyError
from ketfc.base.source import (
    PACKAGE,
    SCRIPTS,
    code_digests,
    imported_modules,
    require_same_code,
)

EVERY = sorted(path.stem for path in SCRIPTS.glob("*.py"))


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """A copy of the scripts and of the package, whose digests are taken."""
    leave = shutil.ignore_patterns("__pycache__", "bundled")
    found = {"scripts": tmp_path / "scripts", "package": tmp_path / "ketfc"}
    shutil.copytree(SCRIPTS, found["scripts"], ignore=leave)
    shutil.copytree(PACKAGE, found["package"], ignore=leave)
    return found


def changed(before: dict[str, str], places: dict[str, Path]) -> set[str]:
    after = code_digests(**places)
    return {script for script in {*before, *after} if after.get(script) != before.get(script)}


def edit(path: Path) -> None:
    assert path.is_file()
    with path.open("a") as handle:
        handle.write("\n")


@pytest.mark.parametrize(
    ("file", "again", "not_again"),
    [
        ("base/files.py", set(EVERY) - {"fetch_bold"}, set()),
        (
            "imaging/io/reader.py",
            {"extract_run", "explain"},
            {"motion", "demo_run", "clinical_effects"},
        ),
        ("imaging/denoise/censoring.py", {"denoise_run"}, {"extract_run", "demo_run"}),
        ("imaging/denoise/operator.py", {"denoise_run"}, {"extract_run", "demo_run"}),
        ("imaging/run/carpet.py", {"denoise_run"}, {"extract_run", "demo_run"}),
        ("study/config/denoising.py", {"denoise_run"}, {"extract_run"}),
        ("study/config/quality.py", {"denoise_run"}, {"extract_run"}),
        (
            "imaging/regions/registry.py",
            {"demo_run", "extract_run", "hypotheses"},
            {"clinical_course", "clinical_effects"},
        ),
        ("imaging/regions/registry_parser.py", {"demo_run", "extract_run"}, {"figure_edges"}),
        ("imaging/regions/habenula.py", {"habenula"}, {"extract_run", "denoise_run", "motion"}),
        (
            "study/scores/response.py",
            {"clinical_course", "clinical_effects"},
            {"extract_run", "denoise_run", "qcfc"},
        ),
        ("inference/core/maxt.py", {"hypotheses"}, {"extract_run", "denoise_run", "inventory"}),
        ("reporting/figures/flow.py", {"figure_flow"}, {"figure_edges", "report", "sessions"}),
        ("reporting/pages/templates/report.css", {"report"}, {"methods", "figure_flow", "qcfc"}),
        ("reporting/text/references.bib", {"methods"}, {"extract_run", "denoise_run", "qcfc"}),
        ("reporting/__init__.py", {"report", "figure_flow"}, {"extract_run", "denoise_run"}),
    ],
)
def test_an_edit_changes_what_imports_it(
    places: dict[str, Path], file: str, again: set[str], not_again: set[str]
) -> None:
    before = code_digests(**places)
    edit(places["package"] / file)
    found = changed(before, places)
    assert again <= found
    assert found.isdisjoint(not_again)


def test_wording_of_reports_is_behind_no_imaging_and_no_number(places: dict[str, Path]) -> None:
    before = code_digests(**places)
    for path in (places["package"] / "reporting/text").glob("*.py"):
        edit(path)
    found = changed(before, places)
    assert {"report", "methods"} <= found
    runs = {"extract_run", "denoise_run", "sessions", "similarity"}
    numbers = runs | {"parcellation", "null_spheres", "inventory"}
    assert found.isdisjoint(numbers | {"robustness", "edges", "qcfc", "motion", "clinical_effects"})


def test_a_script_changes_its_own_digest_alone(places: dict[str, Path]) -> None:
    before = code_digests(**places)
    edit(places["scripts"] / "qcfc.py")
    assert changed(before, places) == {"qcfc"}


def test_a_module_that_is_not_imported_changes_nothing(places: dict[str, Path]) -> None:
    before = code_digests(**places)
    (places["package"] / "inference/new.py").touch()
    (places["package"] / "imaging/__pycache__").mkdir()
    (places["package"] / "imaging/__pycache__/run.cpython-311.pyc").write_bytes(b"x")
    (places["package"] / "reporting/pages/templates/.report.css.swp").write_bytes(b"x")
    assert changed(before, places) == set()


def test_a_new_template_changes_the_pages(places: dict[str, Path]) -> None:
    before = code_digests(**places)
    (places["package"] / "reporting/pages/templates/more.html.j2").touch()
    assert {"report", "participant_quality"} <= changed(before, places)


def test_the_digest_does_not_depend_on_where_the_package_is(places: dict[str, Path]) -> None:
    there = code_digests()
    assert code_digests(**places) == there
    assert list(there) == EVERY
    assert len(set(there.values())) == len(EVERY)


def write(folder: Path, **modules: str) -> dict[str, Path]:
    """Write a package of one's own, and a script that imports its module ``a``."""
    places = {"scripts": folder / "scripts", "package": folder / "ketfc"}
    for place in (places["scripts"], places["package"] / "room"):
        place.mkdir(parents=True)
        (place / "__init__.py").touch()
    (places["package"] / "__init__.py").touch()
    (places["scripts"] / "__init__.py").unlink()
    (places["scripts"] / "s.py").write_text("from ketfc.room.a import f\n")
    for name in "abcde":
        (places["package"] / f"room/{name}.py").write_text(modules.get(name, ""))
    return places


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("from ketfc.room.b import x\n", {"b"}),
        ("import ketfc.room.b\n", {"b"}),
        ("import ketfc.room.b as other\n", {"b"}),
        ("from ketfc.room import b, c as d\n", {"b", "c"}),
        ("from ketfc.room import (\n    b,  # why\n    c as d,\n)\n", {"b", "c"}),
        ("def f():\n    from ketfc.room.b import x\n", {"b"}),
        ("if TYPE_CHECKING:\n    from ketfc.room.b import x\n\n\nimport ketfc.room.c\n", {"c"}),
        ("if TYPE_CHECKING:\n    from ketfc.room import b\n", set()),
        ('"""As ketfc.room.b has it."""\n# import ketfc.room.c\n', set()),
    ],
)
def test_ways_to_import(tmp_path: Path, text: str, needed: set[str]) -> None:
    places = write(tmp_path, a=text)
    found = imported_modules(places["scripts"] / "s.py", places["package"])
    assert found == {"ketfc", "ketfc.room", *(f"ketfc.room.{name}" for name in {"a", *needed})}


def test_imports_are_followed_to_their_end_and_in_circles(tmp_path: Path) -> None:
    places = write(tmp_path, a="import ketfc.room.b\n", b="import ketfc.room.c\n")
    (places["package"] / "room/c.py").write_text("import ketfc.room.a\n")
    before = code_digests(**places)
    for name, found in (("c", {"s"}), ("d", set())):
        edit(places["package"] / f"room/{name}.py")
        assert changed(before, places) == found
        before = code_digests(**places)


def test_the_imports_are_those_that_python_finds() -> None:
    # of every module that there is, against Python's own parser
    modules = [path for path in PACKAGE.rglob("*.py") if "bundled" not in path.parts]
    assert len(modules) > 100
    for path in [*modules, *SCRIPTS.glob("*.py")]:
        assert imported_modules(path) == closure(path), path


def closure(start: Path) -> set[str]:
    """Return what a file imports directly or through others, found slowly."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in imports_of(waiting.pop()):
            parts = name.split(".")
            for n in range(1, len(parts) + 1):
                each = ".".join(parts[:n])
                file = module_file(each)
                if file is not None and each not in found:
                    found.add(each)
                    waiting.append(file)
    return found


@cache
def module_file(name: str) -> Path | None:
    place = PACKAGE.parent.joinpath(*name.split("."))
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in files if path.is_file()), None)


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    return tuple(_imports(ast.parse(path.read_text(encoding="utf-8"))))


def _imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (each.name for each in child.names if each.name.startswith("ketfc"))
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative imports are not followed"
            if (child.module or "").startswith("ketfc"):
                yield child.module or ""
                yield from (f"{child.module}.{each.name}" for each in child.names)
        yield from _imports(child)


def test_code_that_changed_after_its_job_was_planned_is_refused(places: dict[str, Path]) -> None:
    planned = code_digests(**places)
    edit(places["package"] / "imaging/regions/habenula.py")
    require_same_code(planned["motion"], **places)
    with pytest.raises(StudyError, match="the code behind habenula was changed after"):
        require_same_code(planned["habenula"], **places)


@pytest.mark.parametrize("script", EVERY)
def test_what_a_script_imports_is_there(script: str) -> None:
    # scripts are not imported by any test: a module that was renamed would be missed first in a run
    tree = ast.parse((SCRIPTS / f"{script}.py").read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert any(str(node.module).startswith("ketfc") for node in found)
    for node in found:
        module = import_module(str(node.module))
        assert [each.name for each in node.names if not hasattr(module, each.name)] == []
