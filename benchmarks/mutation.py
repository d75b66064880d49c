"""Count wrong one-line changes of the library that the unit tests find, and list the others.

    python benchmarks/mutation.py map FOLDER                 # which test files run which lines
    python benchmarks/mutation.py run FOLDER --mutants 300   # samples, tests, writes mutants.tsv
    python benchmarks/mutation.py again FOLDER               # survivors, by the tests of now

Cosmic Ray (https://cosmic-ray.readthedocs.io) finds what can be changed and changes it, in a copy
of the last commit; of each mutant only those test files run that reach its line, until the first
test fails. Needs ``pip install cosmic-ray coverage`` beside the package with its extra ``test``,
and Linux (tests run in forks of a process that has loaded the libraries).
"""

from __future__ import annotations

import argparse
import ast
import importlib
import io
import os
import random
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
ROOMS = ("imaging", "inference")
SEED = 20251129
_HEAVY = (
    *("numpy", "pandas", "nibabel", "pydantic", "hypothesis", "pytest", "coverage", "pingouin"),
    *("scipy.stats", "scipy.sparse", "scipy.ndimage", "sklearn", "statsmodels.api"),
    *("nilearn.signal", "matplotlib.pyplot"),
)


@dataclass
class Mutant:
    """One change of one line, and what became of it."""

    module: str
    line: int
    operator: str
    occurrence: int
    before: str
    after: str
    outcome: str = ""
    killed_by: str = ""
    files: int = 0
    seconds: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["map", "run", "again"])
    parser.add_argument("folder", type=Path, help="where the copy of the tree and the tables lie")
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--rooms", nargs="+", default=list(ROOMS), help="below workflow/ketfc")
    parser.add_argument("--seconds", type=float, default=120, help="of the test files of a mutant")
    parser.add_argument("--table", default="mutants.tsv", help="inside the folder")
    chosen = parser.parse_args()
    folder = chosen.folder.resolve()
    tree = folder / "tree"
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / chosen.table
    # the commit that was mapped, also where a mutant was left behind; survivors meet today's tests
    mapped = folder / "commit.txt"
    resumed = chosen.command == "run" and mapped.exists()
    commit = mapped.read_text().strip() if resumed else "HEAD"
    unpack(tree, commit)
    if chosen.command == "map":
        mapped.write_text(git("rev-parse", "HEAD").decode())
    elif chosen.command == "again":
        mutants = [each for each in read(table) if each.outcome == "survived"]
        table = table.with_suffix(".again.tsv")
    # a run that is ended takes its mutant back
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    load(tree)
    if chosen.command == "map":
        map_tests(folder, chosen.rooms)
        return
    if chosen.command == "run":
        mutants = sample(tree, chosen.rooms, chosen.mutants, chosen.seed)
    done = {(m.module, m.line, m.operator, m.occurrence) for m in read(table)}
    reached, seconds = read_map(folder)
    for mutant in mutants:
        if (mutant.module, mutant.line, mutant.operator, mutant.occurrence) in done:
            continue
        test(mutant, tree, files_for(mutant, reached, seconds, tree, chosen.seconds), seconds)
        write(table, mutant)
        print(*asdict(mutant).values(), sep="\t", flush=True)
    rows = read(table)
    killed = sum(row.outcome != "survived" for row in rows)
    print(f"{killed} of {len(rows)} killed ({killed / len(rows):.1%})")


def git(*arguments: str) -> bytes:
    return subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, capture_output=True, check=True
    ).stdout


def unpack(tree: Path, commit: str) -> None:
    """Write a commit's files into a folder."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as archive:
        archive.extractall(tree, filter="tar")


def load(tree: Path) -> None:
    """Import what all tests import, but nothing of ketfc, so that forks need not."""
    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    os.environ["PYTHONPATH"] = str(tree / "workflow")
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(tree / "workflow"))
    for name in _HEAVY:
        importlib.import_module(name)
    if "ketfc" in sys.modules:
        raise RuntimeError("ketfc was imported: forks would not see a mutant")
    os.chdir(tree)


def map_tests(folder: Path, rooms: Sequence[str]) -> None:
    """Run each test file by itself with coverage, and keep the lines it reaches and its seconds."""
    tree = folder / "tree"
    files = sorted(
        str(p.relative_to(tree))
        for room in rooms
        for p in (tree / "tests/unit" / room).rglob("test_*.py")
    )
    with (folder / "files.tsv").open("w") as times, (folder / "lines.tsv").open("w") as lines:
        for file in files:
            data = folder / "one.coverage"
            started = time.monotonic()
            # without tracing first: these seconds decide the order and the limits of time
            code, output = in_fork(lambda file=file: run_pytest([file]), limit=1800)
            took = time.monotonic() - started
            if code != 0:
                raise RuntimeError(f"{file} fails without a mutant:\n{output[-3000:]}")
            in_fork(lambda file=file, data=data: traced(file, data, tree), limit=3600)
            for module, reached in reached_lines(data, tree):
                lines.write(f"{file}\t{module}\t{' '.join(map(str, reached))}\n")
            times.write(f"{file}\t{took:.1f}\n")
            times.flush()
            lines.flush()
            print(f"{file}\t{took:.1f}", flush=True)


def traced(file: str, data: Path, tree: Path) -> int:
    """Run a test file under coverage, which writes the lines it reaches."""
    from coverage import Coverage

    sources = [str(tree / "workflow/ketfc" / room) for room in ROOMS]
    coverage = Coverage(data_file=str(data), include=[f"{source}/*" for source in sources])
    coverage.erase()
    coverage.start()
    code = run_pytest([file])
    coverage.stop()
    coverage.save()
    return code


def reached_lines(data: Path, tree: Path) -> Iterator[tuple[str, list[int]]]:
    """Return the lines in functions that a test file reached, by module; [] if only imported."""
    from coverage import CoverageData

    found = CoverageData(str(data))
    found.read()
    for path in sorted(found.measured_files()):
        module = Path(path).relative_to(tree)
        inside = function_lines(Path(path).read_text())
        yield str(module), sorted(inside.intersection(found.lines(path) or []))


def function_lines(source: str) -> set[int]:
    """Return the lines of the bodies of functions: those that run when a test calls something."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return {i for node in nodes for i in range(node.body[0].lineno, (node.end_lineno or 0) + 1)}


def read_map(folder: Path) -> tuple[dict[tuple[str, str], set[int]], dict[str, float]]:
    """Return the lines that each file reaches of each module, and each file's seconds."""
    reached = {}
    for row in (folder / "lines.tsv").read_text().splitlines():
        file, module, lines = row.split("\t")
        reached[file, module] = {int(i) for i in lines.split()}
    rows = (row.split("\t") for row in (folder / "files.tsv").read_text().splitlines())
    return reached, {file: float(seconds) for file, seconds in rows}


def sample(tree: Path, rooms: Sequence[str], number: int, seed: int) -> list[Mutant]:
    """Return mutants of different places, drawn by the seed.

    A place is drawn first and then one change of it, or a plus sign with its eleven replacements
    would count eleven times. Annotations are no places: nobody runs them.
    """
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    operators = {}
    for name in sorted(operator_names()):
        kind = get_operator(name)
        if not kind.arguments():
            operators[name] = kind()
    places: dict[tuple[str, tuple[int, int]], list[tuple[str, int]]] = {}
    paths = sorted(p for room in rooms for p in (tree / "workflow/ketfc" / room).rglob("*.py"))
    for path in paths:
        nodes = list(ast_nodes(get_ast_from_path(path)))
        skipped = annotation_spans(path.read_text())
        for name, operator in operators.items():
            found = (start for node in nodes for start, _ in operator.mutation_positions(node))
            for occurrence, start in enumerate(found):
                if not any(low <= start < high for low, high in skipped):
                    key = (str(path.relative_to(tree)), tuple(start))
                    places.setdefault(key, []).append((name, occurrence))
    rng = random.Random(seed)
    keys = sorted(places)
    rng.shuffle(keys)
    mutants: list[Mutant] = []
    for module, start in keys:
        name, occurrence = rng.choice(places[module, start])
        source = (tree / module).read_text()
        try:
            mutated = mutate_code(source, operators[name], occurrence)
        except AttributeError:  # Cosmic Ray cannot replace an exception with a dot in its name
            continue
        if mutated is None or not compiles(mutated):
            continue
        before, after = changed(source, mutated)
        if before.startswith("@dataclass("):  # frozen and eq forbid what nobody does
            continue
        mutants.append(Mutant(module, start[0], name, occurrence, before, after))
        if len(mutants) == number:
            break
    return mutants


def annotation_spans(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where annotations begin and end, as (line, column)."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if part is not None:
                start, end = (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)
                spans.append((start, end))
    return spans


def compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def changed(source: str, mutated: str) -> tuple[str, str]:
    """Return the first line that differs, before and after."""
    pairs = zip(source.splitlines(), mutated.splitlines(), strict=False)
    before, after = next(((a, b) for a, b in pairs if a != b), ("", ""))
    return before.strip(), after.strip()


def files_for(
    mutant: Mutant,
    reached: dict[tuple[str, str], set[int]],
    seconds: dict[str, float],
    tree: Path,
    most: float,
) -> list[str]:
    """Return the test files that reach a mutant's line, up to so many seconds in all.

    The module's own comes first, then those that import it, each the shortest first.
    """
    inside = mutant.line in function_lines((tree / mutant.module).read_text())
    lines = {file: found for (file, module), found in reached.items() if module == mutant.module}
    files = [f for f, found in lines.items() if (mutant.line in found if inside else found)]
    own = f"test_{Path(mutant.module).stem}.py"
    name = mutant.module.removeprefix("workflow/").removesuffix(".py").replace("/", ".")
    far = {file: f"from {name} import" not in (tree / file).read_text() for file in files}
    files.sort(key=lambda f: (Path(f).name != own, far[f], seconds[f], f))
    kept, total = [], 0.0
    for file in files:
        total += seconds[file]
        if not kept or total <= most:
            kept.append(file)
    return kept


def test(mutant: Mutant, tree: Path, files: list[str], seconds: dict[str, float]) -> None:
    """Apply a mutant, run tests until one fails, take the mutant back, fill in its outcome."""
    from cosmic_ray.mutating import use_mutation
    from cosmic_ray.plugins import get_operator

    mutant.files = len(files)
    started = time.monotonic()
    mutant.outcome = "survived"
    limit = 60 + 5 * sum(seconds[file] for file in files)
    with use_mutation(tree / mutant.module, get_operator(mutant.operator)(), mutant.occurrence) as (
        old,
        new,
    ):
        if new is None or changed(old, new) != (mutant.before, mutant.after):
            mutant.outcome = "gone: the line is another now"
        elif files:
            mutant.outcome, mutant.killed_by = outcome_of(files, limit)
    if mutant.outcome == "killed" and "::" in mutant.killed_by and fails_anyway(mutant.killed_by):
        return test(mutant, tree, files, seconds)
    mutant.seconds = round(time.monotonic() - started, 1)


def outcome_of(files: list[str], limit: float) -> tuple[str, str]:
    """Run test files until a test fails; return the outcome and the test that failed."""
    code, output = in_fork(lambda: run_pytest(["-x", *files]), limit)
    if code is None:
        return "timeout", ""
    if code == 0:
        return "survived", ""
    failed = re.search(r"^(?:FAILED|ERROR) (tests/unit/[^\s\[]+)", output, re.MULTILINE)
    return "killed", failed[1] if failed else f"exit code {code}"


_SOUND: set[str] = set()
_BROKEN: set[str] = set()
"""Tests that pass without a mutant, and those that fail and so kill nothing."""


def fails_anyway(name: str) -> bool:
    """Return whether a test fails without a mutant; it is left out from then on."""
    if name not in _SOUND:
        code, _ = in_fork(lambda: run_pytest([name]), limit=600)
        (_SOUND if code == 0 else _BROKEN).add(name)
    return name in _BROKEN


def run_pytest(arguments: list[str]) -> int:
    """Run pytest in this process."""
    import pytest

    fixed = ["-q", "-m", "not slow", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no"]
    left_out = [f"--deselect={name}" for name in sorted(_BROKEN)]
    return int(pytest.main([*fixed, "--hypothesis-seed=0", *left_out, *arguments]))


def in_fork(work: Callable[[], int], limit: float) -> tuple[int | None, str]:
    """Run work in a fork of this process; return its exit code (None: out of time) and output."""
    out = Path(os.environ.get("TMPDIR", "/tmp")) / f"ketfc_mutation_{os.getpid()}.txt"
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setsid()
            sink = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            code = work()
        finally:
            sys.stdout.flush()
            os._exit(code)
    ends = time.monotonic() + limit
    status = None
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        status = None
        time.sleep(0.05)
    else:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    output = out.read_text(errors="replace")
    out.unlink()
    return (None if status is None else os.waitstatus_to_exitcode(status)), output


def write(table: Path, mutant: Mutant) -> None:
    """Append a mutant to the table."""
    new = not table.exists()
    with table.open("a") as file:
        if new:
            file.write("\t".join(asdict(mutant)) + "\n")
        file.write(
            "\t".join(str(value).replace("\t", " ") for value in asdict(mutant).values()) + "\n"
        )


def read(table: Path) -> list[Mutant]:
    """Return the mutants of a table; none if there is no table."""
    if not table.exists():
        return []
    _, *rows = [row.split("\t") for row in table.read_text().splitlines()]
    return [
        Mutant(m, int(line), op, int(occ), before, after, outcome, by, int(files), float(seconds))
        for m, line, op, occ, before, after, outcome, by, files, seconds in rows
    ]


if __name__ == "__main__":
    main()
