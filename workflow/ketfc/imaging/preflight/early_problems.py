"""What is wrong with a study before any of its tables is opened: one list for parse and plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ketfc.base.errors import Problem
from ketfc.imaging.preflight.precheck import fixed_problems
from ketfc.imaging.preflight.preregistration import lock_problems
from ketfc.study.config.config import Config
from ketfc.study.runs.fetch.annex import annex_problems
from ketfc.study.runs.fetch.openneuro import version_problems
from ketfc.study.runs.index import Index
from ketfc.study.runs.manual import manual_exclusions


def early_problems(
    config: Config,
    index: Index,
    folders: Sequence[Path],
    *,
    absent: Mapping[str, Sequence[Path]],
    by_hand: Path | None,
    registry: str | Path,
    parcellations: str | Path,
) -> list[Problem]:
    """Return the problems of everything but scores and confounds.

    Parameters
    ----------
    config, index, folders
        The study's configuration, its runs and its derivatives.
    absent : mapping
        What runs lack, from :func:`ketfc.study.runs.fetch.annex.absent_files`.
    by_hand : pathlib.Path or None
        The table of manual exclusions.
    registry, parcellations : str or pathlib.Path
        ``circuits.yaml`` and ``parcellations.yaml``.
    """
    return [
        *fixed_problems(config, registry, parcellations),
        *lock_problems(config, registry),
        *version_problems(config.study),
        *annex_problems(config, absent, folders),
        *manual_exclusions(by_hand, index.runs).problems,
    ]
