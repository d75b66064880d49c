"""Digests of the code behind each script: the script and every module of ketfc it imports.

Snakemake does not see which modules a script imports. As a parameter of its rule, the digest runs
a job again when a line that can change its result was edited, and only then.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ketfc.base.bundled import bundled
from ketfc.base.errors import Problem, StudyError

PACKAGE = Path(__file__).parents[1]
SCRIPTS = bundled("workflow/scripts")

# imports in functions count, those for type checkers do not; ast would take several times as long
_FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+.*\n|\n)*", re.MULTILINE)
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(ketfc[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|.+)|import[ \t]+(ketfc[\w.]*))",
    re.MULTILINE,
)
# a package whose name is given as text is one whose templates or other data are read
_DATA = re.compile(r"""["'](ketfc(?:\.\w+)+)["']""")


class _Source(NamedTuple):
    digest: str
    imports: frozenset[str]
    data: frozenset[str]


def code_digests(scripts: Path = SCRIPTS, package: Path = PACKAGE) -> dict[str, str]:
    """Return what identifies the code behind every script.

    Parameters
    ----------
    scripts : pathlib.Path
        The folder of the scripts.
    package : pathlib.Path
        The folder of the package ``ketfc``.

    Returns
    -------
    dict of str to str
        By the stem of the script: the stem and 16 hexadecimal digits, such as
        ``motion 0123456789abcdef``. The digits change with the script, with every module of ketfc
        that it imports directly or through others, and with the data files of these.
    """
    paths = sorted(scripts.glob("*.py"))
    read = _reader(package)
    return {path.stem: _identity(path, package, read) for path in paths}


def require_same_code(planned: str, scripts: Path = SCRIPTS, package: Path = PACKAGE) -> None:
    """Refuse to go on where the code behind a script is not what it was when its job was planned.

    Parameters
    ----------
    planned : str
        From :func:`code_digests`.
    scripts, package : pathlib.Path
        As there.

    Raises
    ------
    StudyError
        If the code was edited or updated since.
    """
    script = scripts / f"{planned.split()[0]}.py"
    if planned != _identity(script, package, _reader(package)):
        message = (
            f"the code behind {script.stem} was changed after this job was planned, and nothing "
            "was written: start again with the same command"
        )
        raise StudyError([Problem("error", message)])


def imported_modules(script: Path, package: Path = PACKAGE) -> set[str]:
    """Return the names of the modules and packages of ketfc that a script needs."""
    return set(_closure(_source(script), _reader(package)))


def _identity(script: Path, package: Path, read: Callable[[str], _Source | None]) -> str:
    own = _source(script)
    found = _closure(own, read)
    parts = {f"{name} {each.digest}" for name, each in found.items()}
    for name in own.data.union(*(each.data for each in found.values())):
        for path in _data_files(package.parent.joinpath(*name.split("."))):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            parts.add(f"{path.relative_to(package).as_posix()} {content}")
    text = "\n".join([script.name, own.digest, *sorted(parts)])
    return f"{script.stem} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _reader(package: Path) -> Callable[[str], _Source | None]:
    """Return a function that reads a module by its name, once; None if it is no module."""

    @cache
    def read(name: str) -> _Source | None:
        place = package.parent.joinpath(*name.split("."))
        for path in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
            if path.is_file():
                return _source(path)
        return None

    return read


def _source(path: Path) -> _Source:
    content = path.read_bytes()
    text = _FOR_TYPES.sub("", content.decode())
    imports: set[str] = set()
    for match in _IMPORT.finditer(text):
        module, names, whole = match.groups()
        imports.add(module or whole)
        # each of the names may be a module of the package
        for line in (names or "").strip("()").splitlines():
            for name in line.partition("#")[0].split(","):
                if name.strip():
                    imports.add(f"{module}.{name.split()[0]}")
    return _Source(
        hashlib.sha256(content).hexdigest(), frozenset(imports), frozenset(_DATA.findall(text))
    )


def _closure(start: _Source, read: Callable[[str], _Source | None]) -> dict[str, _Source]:
    """Return all that is imported by a source, by name, with the packages around each module."""
    found: dict[str, _Source] = {}
    waiting = set(start.imports)
    while waiting:
        name = waiting.pop()
        source = None if name in found else read(name)
        if source is not None:
            found[name] = source
            waiting |= source.imports
            # importing a module runs the packages that it is in
            waiting |= {name.rpartition(".")[0]} - {""}
    return found


def _data_files(folder: Path) -> Iterator[Path]:
    """Find the files of a package that are no modules, without those of packages in it."""
    for place, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name != "__pycache__" and not Path(place, name, "__init__.py").is_file()
        ]
        # swap files of editors begin with a dot
        yield from (
            Path(place, name) for name in files if name[0] != "." and not name.endswith(".py")
        )
