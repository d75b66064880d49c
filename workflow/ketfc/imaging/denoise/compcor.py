"""aCompCor's components: of which masks a run has them, and which of them are regressed out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ketfc.base.errors import RunError
from ketfc.imaging.io.sidecars import read_sidecar

N_COMPONENTS = 5
"""aCompCor components of white matter, and of CSF, as in XCP-D's ``acompcor``."""

RULE = "compcor-masks"
"""The rule by which a run is refused whose masks are not those of the participant's other runs."""


@dataclass(frozen=True)
class Components:
    """The aCompCor components that a strategy regresses out of a run.

    Attributes
    ----------
    by_mask : dict of str to tuple of str
        Columns of the masks ``WM`` and ``CSF``, or of ``combined``; empty without aCompCor.
    """

    by_mask: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The columns, those of white matter first."""
        return [column for columns in self.by_mask.values() for column in columns]

    @property
    def masks(self) -> str | None:
        """The kind of masks: ``separate``, ``combined``, or None without aCompCor."""
        if not self.by_mask:
            return None
        return "combined" if "combined" in self.by_mask else "separate"

    @property
    def counts(self) -> dict[str, int]:
        """The number of components of each mask."""
        return {mask: len(columns) for mask, columns in self.by_mask.items()}

    def __str__(self) -> str:
        """Return such as ``5 WM + 5 CSF``, ``6 combined`` or ``none``."""
        return " + ".join(f"{n} {mask}" for mask, n in self.counts.items()) or "none"


def compcor_components(columns: Iterable[str], metadata: Mapping[str, Any]) -> Components:
    """Return the aCompCor components that are regressed out of a run.

    Five of white matter and five of CSF: ``w_comp_cor_``/``c_comp_cor_`` (fMRIPrep ≥ 21), or
    ``a_comp_cor_`` whose sidecar names the mask (1.4 to 20.2). Where only the combined mask
    exists, its first ten, or as many as there are.

    Parameters
    ----------
    columns : iterable of str
        Column names of the confounds table.
    metadata : mapping
        Its JSON sidecar, empty if there is none.

    Returns
    -------
    Components
        Without any if the table has no aCompCor.

    Raises
    ------
    RunError
        ``confounds-sidecar`` if it names impossible masks, or those of some components only.
    """
    present = [column for column in columns if re.fullmatch(r"[acw]_comp_cor_\d+", column)]
    # by number: as text, a_comp_cor_100 of a long run would go before a_comp_cor_82
    present.sort(key=lambda column: (column[0], int(column[11:])))
    told = {column for column in present if _told_mask(column, metadata) is not None}
    silent = [column for column in present if column[0] == "a" and column not in told]
    if silent and len(silent) < sum(column[0] == "a" for column in present):
        raise RunError(
            "confounds-sidecar",
            f"the confounds' JSON names the mask of other components, but not of {silent[0]}",
            value=silent[0],
        )
    groups: dict[str, list[str]] = {"WM": [], "CSF": [], "combined": []}
    for column in present:
        groups[_mask_of(column, metadata)].append(column)
    if groups["WM"] and groups["CSF"]:
        return Components({mask: tuple(groups[mask][:N_COMPONENTS]) for mask in ("WM", "CSF")})
    if not groups["combined"]:
        return Components()
    return Components({"combined": tuple(groups["combined"][: 2 * N_COMPONENTS])})


def components_of(confounds: Path) -> Components | None:
    """Return the components of a run from the heads of its confounds and their JSON sidecar.

    Parameters
    ----------
    confounds : pathlib.Path
        The confounds table; its sidecar may not exist.

    Returns
    -------
    Components or None
        None where the files cannot be read or are contradictory, which excludes the run for a
        reason of its own.
    """
    try:
        with confounds.open(encoding="utf-8-sig") as handle:
            columns = handle.readline().rstrip("\r\n").split("\t")
        return compcor_components(columns, read_sidecar(confounds.with_suffix(".json")))
    except (OSError, UnicodeDecodeError, RunError):
        return None


def masks_of(confounds: Path) -> str | None:
    """Return the kind of masks of a run, as :attr:`Components.masks`; None if it is not known."""
    components = components_of(confounds)
    return None if components is None else components.masks


def require_same_masks(own: Components, others: Sequence[str | None]) -> None:
    """Refuse the combined mask where a run of the same participant has separate ones.

    Two sessions of one participant would be cleaned of different signals, by a different number of
    components: their difference would in part be that of the cleaning.

    Parameters
    ----------
    own : Components
        Of the run.
    others : sequence of str or None
        Kinds of masks of the participant's other runs.

    Raises
    ------
    RunError
        ``compcor-masks``.
    """
    if own.masks == "combined" and "separate" in others:
        raise RunError(
            RULE,
            "its confounds have aCompCor of the combined mask alone, those of the participant's "
            "other runs of white matter and of CSF; runs that are compared must be cleaned alike: "
            "run the same fMRIPrep on all of them",
            value=str(own),
            threshold="separate",
        )


def _told_mask(column: str, metadata: Mapping[str, Any]) -> Any:
    about = metadata.get(column)
    return about.get("Mask") if isinstance(about, Mapping) else None


def _mask_of(column: str, metadata: Mapping[str, Any]) -> str:
    """Return the mask of a component: by its sidecar, or else by its name."""
    told = _told_mask(column, metadata)
    possible = {"w": ["WM"], "c": ["CSF"], "a": ["combined", "WM", "CSF"]}[column[0]]
    if told is not None and told not in possible:
        raise RunError(
            "confounds-sidecar",
            f"the confounds' JSON says that {column} is of the mask {str(told)[:40]!r}, which "
            f"cannot be (possible: {', '.join(possible)})",
            value=column,
        )
    return str(told or possible[0])
