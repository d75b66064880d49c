"""The command: what it offers, and which call of Snakemake each subcommand is."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ketfc import __version__
from ketfc.base.bundled import bundled
from ketfc.command import main as command
from ketfc.command.targets import described_targets

SNAKEFILE = ["--snakefile", str(bundled("Snakefile"))]
ONE_CORE = ["--cores", "1"]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[str]]:
    """Call ketfc in an empty folder; return the arguments that Snakemake would have got."""
    calls: list[list[str]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    monkeypatch.setattr(command, "replace_process", calls.append)

    def call(*arguments: str) -> list[str]:
        done = CliRunner().invoke(command.main, arguments)
        assert done.exit_code == 0, done.output
        (program, *rest), *others = calls
        calls.clear()
        assert not others
        assert program == sys.executable
        assert rest[:2] == ["-m", "snakemake"]
        return rest[2:]

    return call


def helped(*arguments: str) -> Result:
    # a terminal that is wider than a page is no reason to write longer lines
    return CliRunner().invoke(command.main, [*arguments, "--help"], env={"COLUMNS": "200"})


def test_a_command_is_a_target_of_the_snakefile_on_one_core(
    called: Callable[..., list[str]],
) -> None:
    assert called("plan") == ["plan", *SNAKEFILE, *ONE_CORE]
    assert called("figures") == ["figures", *SNAKEFILE, *ONE_CORE]


def test_run_leaves_the_target_open_so_that_it_can_be_named(
    called: Callable[..., list[str]],
) -> None:
    assert called("run") == [*SNAKEFILE, *ONE_CORE]
    assert called("run", "results/tests/hypotheses.tsv")[-1] == "results/tests/hypotheses.tsv"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--cores", "8"),
        ("--cores=8",),
        ("-c8",),
        ("-c", "8"),
        ("-j", "4", "--dry-run"),
        ("--profile", "slurm"),
        ("--executor=slurm", "--jobs", "100"),
        ("-n", "--cores", "all", "--config", "x=1"),
    ],
)
def test_what_ketfc_does_not_know_goes_to_snakemake_as_it_is(
    arguments: tuple[str, ...], called: Callable[..., list[str]]
) -> None:
    assert called("run", *arguments) == [*SNAKEFILE, *arguments]


def test_options_that_say_nothing_of_cores_leave_one(called: Callable[..., list[str]]) -> None:
    given = ["--keep-incomplete", "--configfile", "a.yaml", "b.yaml"]
    # what is added must not stand behind --configfile, which takes all that follows
    assert called("run", *given) == [*SNAKEFILE, *ONE_CORE, *given]


def test_a_profile_of_the_environment_decides_on_cores(
    called: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "slurm")
    assert called("run") == SNAKEFILE


def test_the_config_of_the_folder_is_taken_unless_another_is_named(
    called: Callable[..., list[str]],
) -> None:
    Path("ketfc.yaml").write_text("study: {}\n", encoding="utf-8")
    taken = ["--configfile", "ketfc.yaml"]
    assert called("plan") == ["plan", *SNAKEFILE, *taken, *ONE_CORE]
    # --config alone changes a key of it, and names no other file
    assert called("plan", "--config", "x=1")[1 + len(SNAKEFILE) :][:2] == taken
    for given in (["--configfile", "my.yaml"], ["--configfile=my.yaml"]):
        assert called("plan", *given) == ["plan", *SNAKEFILE, *ONE_CORE, *given]


def test_a_synthesis_reads_a_list_and_no_config_of_the_folder(
    called: Callable[..., list[str]],
) -> None:
    Path("ketfc.yaml").write_text("study: {}\n", encoding="utf-8")
    Path("list.yaml").write_text("studies: [a, b]\n", encoding="utf-8")
    told = ["--config", "studies=list.yaml", "--dry-run"]
    assert called("synthesis", "list.yaml", "--dry-run") == [
        "synthesis", *SNAKEFILE, *ONE_CORE, *told,
    ]  # fmt: skip
    missing = CliRunner().invoke(command.main, ["synthesis", "none.yaml"])
    assert missing.exit_code == 2
    assert "none.yaml" in missing.output


def test_the_commands_are_the_described_rules_and_those_of_the_snakefile_s_head() -> None:
    rules = described_targets()
    own = {"init", "doctor", "run"}
    assert set(command.main.commands) - own == rules.keys() - {"all"}
    head = bundled("Snakefile").read_text(encoding="utf-8").partition("\n\n")[0]
    told = set(re.findall(r"^#   snakemake --cores \d+ (\w+)", head, re.MULTILINE))
    assert told - {"everything"} <= rules.keys()
    assert len(told) > 5


def test_descriptions_are_of_included_files_and_fit_a_line(tmp_path: Path) -> None:
    (tmp_path / "other.smk").write_text(
        'rule second:\n    """Do\n    more."""\n    input: "x"\n\nrule silent:\n    input: "y"\n'
        'include: "third.smk"\n',
        encoding="utf-8",
    )
    (tmp_path / "third.smk").write_text('rule third:\n    """End."""\n', encoding="utf-8")
    main = tmp_path / "Snakefile"
    main.write_text(
        'if True:\n\n    include: "other.smk"\n\n    rule first:\n        """Begin."""\n',
        encoding="utf-8",
    )
    assert described_targets(main) == {"first": "Begin.", "second": "Do more.", "third": "End."}
    assert all(len(words) <= 60 for words in described_targets().values())


def test_help_fits_80_columns_and_names_every_command() -> None:
    first = helped()
    assert first.exit_code == 0
    for name in command.main.commands:
        assert re.search(rf"^  {name} ", first.output, re.MULTILINE), name
        each = helped(name)
        assert each.exit_code == 0
        assert max(map(len, each.output.splitlines())) <= 80
    assert max(map(len, first.output.splitlines())) <= 80
    assert "..." not in first.output.partition("Commands:")[2].partition("\n\n")[0]


def test_the_version_is_that_of_the_package() -> None:
    said = CliRunner().invoke(command.main, ["--version"])
    assert said.output.split()[-1] == __version__
