"""A bundle that was unpacked, as the rules see it that redraw its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ketfc import __version__
from ketfc.base.english import listed
from ketfc.base.errors import RefusalError
from ketfc.base.source import code_digests


@dataclass(frozen=True)
class RedrawWorkflow:
    """Tables that the figures of a bundle are drawn from.

    Attributes
    ----------
    figures : mapping of str to mapping
        By figure, its files by what they are for it.
    maps : mapping
        ``of``, paths with the wildcards region and question, and ``seeds`` and ``questions``.
    code : mapping of str to str
        By script, the digest of the code behind it.
    printed : mapping of str to mapping
        By figure, and of maps by ``map``, how it is printed.
    """

    figures: Mapping[str, Mapping[str, str]]
    maps: Mapping[str, Any]
    code: Mapping[str, str]
    printed: Mapping[str, Mapping[str, Any]]


def redraw_workflow(bundle: Mapping[str, Any]) -> RedrawWorkflow:
    """Return what the rules need to know, from the key ``bundle`` of ``redraw.yaml``.

    Raises
    ------
    RefusalError
        If files are missing, or this version of ketfc does not know a figure.
    """
    figures, maps, code = bundle["figures"], bundle["maps"], code_digests()
    unknown = [name for name in figures if f"figure_{name}" not in code]
    if unknown:
        raise RefusalError(
            f"ketfc {__version__} draws no figure named {listed(unknown)}: use the version that "
            f"made the "
            f"bundle ({bundle['ketfc']})."
        )
    wanted = {path for files in figures.values() for path in files.values()}
    for seed, question in product(maps["seeds"], maps["questions"]):
        wanted |= {path.format(region=seed, question=question) for path in maps["of"].values()}
    missing = sorted(path for path in wanted if not Path(path).is_file())
    if missing:
        raise RefusalError(
            f"The bundle is not whole: {listed(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not in this folder. Unpack all of bundle.zip "
            "into one folder, and start there."
        )
    return RedrawWorkflow(figures, maps, code, bundle["printed"])
