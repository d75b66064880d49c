"""The command line: its subcommands, what they take, and what they say."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ketfc import __version__
from ketfc.base.screen import wrapped
from ketfc.command.calls import CONFIG, replace_process, snakemake_call
from ketfc.command.init.entries import Question
from ketfc.command.targets import described_targets

_EVERYTHING, _SEVERAL = "all", "synthesis"
"""Rules whose commands differ from the others."""


class _InOrder(click.Group):
    """A group whose help lists its commands as they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which they were added."""
        return list(self.commands)


@click.group(
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog=(
        "The commands of the workflow call Snakemake: `ketfc plan` is `snakemake plan` with the "
        f"Snakefile that comes with ketfc, and with {CONFIG} of this folder, if there is one. "
        "Without a config it is the demo, a simulated study. Options that ketfc does not know "
        "go to Snakemake: --cores 8, --configfile other.yaml, --dry-run, --profile slurm."
    ),
)
@click.version_option(__version__, prog_name="ketfc")
def main() -> None:
    """Circuits before and after ketamine, tested against suicidal ideation.

    From fMRIPrep derivatives and a table of scores to a report. For research use only.
    """


def _target_command(rule: str, description: str) -> click.Command:
    """Return the command that makes a target of the workflow."""
    everything = rule == _EVERYTHING
    target = None if everything else rule
    called = "snakemake" if everything else f"snakemake {rule}"

    def run(arguments: Sequence[str]) -> None:
        call = snakemake_call(target, arguments, environment=os.environ, config=Path(CONFIG))
        replace_process(call)

    return click.Command(
        "run" if everything else rule,
        params=[_passed_on("[SNAKEMAKE OPTIONS]...")],
        callback=run,
        context_settings={"ignore_unknown_options": True},
        help=f"{description}\n\nCalls `{called}`; one core, unless --cores says more.",
        short_help=description,
    )


def _synthesis_command(description: str) -> click.Command:
    """Return the command that combines the studies of a list."""

    def run(studies: str, arguments: Sequence[str]) -> None:
        told = ["--config", f"studies={studies}", *arguments]
        replace_process(snakemake_call(_SEVERAL, told, environment=os.environ))

    where = click.Argument(["studies"], type=click.Path(exists=True, dir_okay=False))
    return click.Command(
        _SEVERAL,
        params=[where, _passed_on("[SNAKEMAKE OPTIONS]...")],
        callback=run,
        context_settings={"ignore_unknown_options": True},
        help=f"{description}\n\nSTUDIES is a YAML file with the key `studies` and a list of "
        "folders or exports (docs/synthesis.md).",
        short_help=description,
    )


def _passed_on(metavar: str) -> click.Argument:
    return click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED, metavar=metavar)


@click.command(short_help="Write a config from what a study holds, to begin with.")
@click.argument("derivatives", type=click.Path(exists=True, path_type=Path))
@click.argument("scores", nargs=-1, type=click.Path(exists=True, path_type=Path))
def init(derivatives: Path, scores: tuple[Path, ...]) -> None:
    """Look at a study and write ketfc.yaml, with a reason for every value.

    DERIVATIVES is the folder of fMRIPrep derivatives, or a table or folder of connectivity that was
    computed elsewhere; SCORES are tables of scores (by default participants.tsv and phenotype/).
    What only you can know stays a question in the file, and `ketfc plan` asks it; on a terminal it
    is asked at once. A config that is there is never changed.
    """
    from ketfc.command.init.draft import draft
    from ketfc.command.init.entries import nobody
    from ketfc.study.config.config import questions

    place = Path(CONFIG)
    if place.exists():
        raise click.ClickException(
            f"{place} is here already, and was not changed. Go to another folder, or move it away."
        )
    made = draft(derivatives, scores, _asked_here if _at_terminal() else nobody)
    place.write_text(made.text(), encoding="utf-8")
    for sentence in made.found:
        click.echo(sentence)
    still_open = list(questions(made.config()))
    click.echo(f"Wrote {place}. Every value has its reason above it: read it.")
    if still_open:
        click.echo("To be answered in the file, in place of each value that begins with '? ':")
    for field, text in still_open:
        click.echo("\n".join(wrapped([f"  - {field}: {text}"])))
    click.echo(f"Then: ketfc plan{'' if still_open else ', which takes seconds'}")


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _asked_here(question: Question) -> str | None:
    """Ask somebody at the terminal; an empty answer leaves the question open."""
    if not question.options:
        return None
    click.echo("\n".join(wrapped([question.text])))
    later = "later"
    chosen = click.prompt(
        "Answer", type=click.Choice([*question.options, later]), default=later, show_choices=True
    )
    return None if chosen == later else str(chosen)


@click.command()
def doctor() -> None:
    """Look at this machine for what would stop a run.

    Versions, cores, memory, disk, a cluster, the files of the atlases. The exit code is 1 if
    something would stop a run.
    """
    from ketfc.command.doctor import examined, in_words

    findings = examined(Path(CONFIG), environment=os.environ)
    click.echo(in_words(findings))
    sys.exit(any(finding.stops for finding in findings))


main.add_command(init)
main.add_command(doctor)
for _rule, _description in described_targets().items():
    main.add_command(
        _synthesis_command(_description)
        if _rule == _SEVERAL
        else _target_command(_rule, _description)
    )
