"""Calls of Snakemake."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ketfc.base.bundled import bundled

CONFIG = "ketfc.yaml"
"""The config of a folder, taken where a call names none."""

_ELSEWHERE = ("--executor", "-e", "--profile")
"""Options that send jobs to other machines, or name a file that says how many cores to use."""


def snakemake_call(
    target: str | None,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    config: Path | None = None,
) -> list[str]:
    """Return the call of Snakemake that makes a target.

    Parameters
    ----------
    target : str or None
        A rule; None leaves it to `arguments`, and without any to the Snakefile: everything.
    arguments : sequence of str
        Whatever else was given; Snakemake judges it.
    environment : mapping of str to str
        Variables of the environment.
    config : pathlib.Path, optional
        A config that is taken if `arguments` names none and it exists.

    Returns
    -------
    list of str
        Program and arguments. One core is used where nothing says how many.
    """
    # options with several values take all that follows: nothing of ours may stand behind them
    call = [sys.executable, "-m", "snakemake", *([target] if target else [])]
    call += ["--snakefile", str(bundled("Snakefile"))]
    if config is not None and config.is_file() and not _given(arguments, "--configfile"):
        call += ["--configfile", str(config)]
    counted = _given(arguments, "--cores", "-c", "--jobs", "-j", *_ELSEWHERE)
    if not counted and "SNAKEMAKE_PROFILE" not in environment:
        call += ["--cores", "1"]
    return [*call, *arguments]


def replace_process(call: Sequence[str]) -> None:
    """Go on as another program: signals reach it and its exit code is what is left."""
    sys.stdout.flush()
    os.execv(call[0], list(call))


def _given(arguments: Sequence[str], *options: str) -> bool:
    """Return True if an option is among arguments: ``--cores 2``, ``--cores=2``, ``-c2``."""
    return any(
        argument in options
        or argument.partition("=")[0] in options
        or (not argument.startswith("--") and argument[:2] in options)
        for argument in arguments
    )
