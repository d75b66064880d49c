"""Targets of the workflow, as its rules describe them."""

from __future__ import annotations

import re
from pathlib import Path

from ketfc.base.bundled import bundled

_INCLUDED = re.compile(r'^ *include: "(.+)"', re.MULTILINE)
_DESCRIBED = re.compile(r'^ *rule (\w+):\n +"""(.+?)"""', re.MULTILINE | re.DOTALL)


def described_targets(snakefile: Path | None = None) -> dict[str, str]:
    """Return the targets that are offered: the rules with a docstring.

    Snakemake shows the same ones, with the same words, for ``--list-target-rules``.

    Parameters
    ----------
    snakefile : pathlib.Path, optional
        By default the one that comes with ketfc; files that are included are read too, and those
        that these include.

    Returns
    -------
    dict of str to str
        Description by rule, in the order of the files.
    """
    file = snakefile or bundled("Snakefile")
    text = file.read_text(encoding="utf-8")
    found = {rule: " ".join(words.split()) for rule, words in _DESCRIBED.findall(text)}
    for name in _INCLUDED.findall(text):
        found |= described_targets(file.parent / name)
    return found
