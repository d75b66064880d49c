"""Age and sex of the participants, and the scans, as the methods tell them."""

from __future__ import annotations

import pandas as pd

from ketfc.base.english import listed, plural
from ketfc.reporting.rows import numeric
from ketfc.reporting.words import compact, number
from ketfc.study.design.design import Design


def people_in_words(participants: pd.DataFrame, design: Design) -> str:
    """Return a sentence on age and sex; empty where the study's tables have neither.

    Parameters
    ----------
    participants : pandas.DataFrame
        ``plan/participants.tsv``.
    design : Design
        Only those who are in its contrasts count.
    """
    own = participants[participants["participant_id"].isin(list(design.in_contrasts()))]
    parts = []
    if "age" in own and len(age := numeric(own, "age")["age"].dropna()):
        spread = f" (SD {number(age.std(ddof=1), 1)})" if len(age) > 1 else ""
        parts.append(
            f"their mean age was {number(age.mean(), 1)} years{spread}{_of(len(age), len(own))}"
        )
    if "sex" in own and len(sex := own["sex"].dropna().astype(str)):
        counts = sex.value_counts().sort_index()
        said = listed([f"{n} {name}" for name, n in counts.items()])
        parts.append(f"{said}{_of(len(sex), len(own))}")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def scans_in_words(runs: pd.DataFrame, native: pd.DataFrame | None) -> str:
    """Return a sentence on repetition time, volumes, minutes and voxels of the runs that were used.

    Parameters
    ----------
    runs : pandas.DataFrame
        ``quality/runs.tsv``.
    native : pandas.DataFrame or None
        ``plan/native.tsv``: the voxel size that was recorded.
    """
    used = runs[runs["status"].astype(str) == "ok"]
    known = [name for name in ("repetition_time", "n_volumes", "seconds_kept") if name in used]
    used = numeric(used, *known)
    parts = []
    if "repetition_time" in used and used["repetition_time"].notna().any():
        parts.append(f"a repetition time of {_span(used['repetition_time'])} s")
    if "n_volumes" in used and used["n_volumes"].notna().any():
        minutes = ""
        if "repetition_time" in used:
            length = used["n_volumes"] * used["repetition_time"] / 60
            minutes = f" ({_span(length.round(1))} min)" if length.notna().any() else ""
        parts.append(f"{_span(used['n_volumes'])} volumes{minutes}")
    if native is not None and (size := _voxels(native, set(used["run"].astype(str)))):
        parts.append(f"voxels that were recorded at {size} mm")
    if not parts:
        return ""
    text = f"The {plural(len(used), 'run')} that were used had {listed(parts)}"
    if "seconds_kept" in used and len(kept := used["seconds_kept"].dropna() / 60):
        spread = f" (SD {number(kept.std(ddof=1), 1)})" if len(kept) > 1 else ""
        text += f"; {number(kept.mean(), 1)} min{spread} of a run were left after censoring"
    return f"{text}."


def _voxels(native: pd.DataFrame, runs: set[str]) -> str:
    """Return the recorded voxel sizes, the commonest first."""
    own = native[native["run"].astype(str).isin(runs)]
    axes = ["native_x", "native_y", "native_z"]
    sizes = numeric(own, *axes)[axes].dropna().round(2).value_counts()
    texts = [" × ".join(compact(side) for side in size) for size in sizes.index]
    return " or ".join(texts)


def _span(values: pd.Series[float]) -> str:
    low, high = compact(values.min()), compact(values.max())
    return low if low == high else f"{low} to {high}"


def _of(known: int, everybody: int) -> str:
    return "" if known == everybody else f" (known of {known} of {everybody})"
