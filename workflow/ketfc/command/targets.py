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
        By default the one that comes with ketfc; the files that it includes are read too.

    Returns
    -------
    dict of str to str
        Description by rule, in the order of the files.
    """
    main = snakefile or bundled("Snakefile")
    text = main.read_text(encoding="utf-8")
    files = [main.parent / name for name in _INCLUDED.findall(text)]
    texts = [text, *(file.read_text(encoding="utf-8") for file in files)]
    return {
        rule: " ".join(words.split()) for each in texts for rule, words in _DESCRIBED.findall(each)
    }
