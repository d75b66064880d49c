"""The page on which all runs of a study stand side by side, for judging quality blind to arms."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd

from ketfc.imaging.run.carpet import NO_VALUE, STEP, Carpet
from ketfc.reporting.pages.rendering import environment, policy, scripts
from ketfc.reporting.words import as_number, as_text, is_missing, number, region_label

_SIZE = (200, 56)
_GREYS = 2.0
"""Standard deviations from black to mid-grey, and on to white."""

_FD_HEIGHT, _FD_LIMIT = 30.0, 1.0
"""Of the line of framewise displacement: pixels, and the mm that they stand for."""

MEASURES = {
    "mean_fd": ("mean FD, mm", 2, True),
    "max_fd": ("largest FD, mm", 2, True),
    "share_censored": ("censored, share", 2, True),
    "seconds_kept": ("kept, s", 0, False),
    "mean_std_dvars": ("mean DVARS (std)", 2, True),
    "lost": ("regions without signal", 0, True),
    "lowest": ("lowest coverage", 2, False),
}
"""Numbers that runs can be sorted by: name, decimals, True where more is worse."""


@dataclass(frozen=True)
class Thumbnail:
    """One run on the strip.

    Attributes
    ----------
    reason : str
        Why it is excluded; empty if it is used.
    carpet : str
        A picture as a data URI; empty where there is none.
    fd : str
        Framewise displacement as an SVG polyline over the width of the carpet.
    values : dict of str to float
        By the names of `MEASURES`; NaN where missing.
    coverage : list of (str, float)
        Regions of the circuits and their shares of voxels with signal.
    """

    run: str
    participant: str
    role: str
    reason: str
    carpet: str
    fd: str
    values: dict[str, float]
    coverage: list[tuple[str, float]]

    @property
    def said(self) -> dict[str, str]:
        """The values as they are printed, by what they are."""
        return {
            name: number(self.values[key], digits) for key, (name, digits, _) in MEASURES.items()
        }


def thumbnail(
    row: Mapping[Any, Any], carpet: Carpet, coverage: pd.DataFrame, *, min_coverage: float
) -> Thumbnail:
    """Return a run of the strip.

    Parameters
    ----------
    row : mapping
        Of ``quality/runs.tsv``.
    carpet : Carpet
        Its carpet.
    coverage : pandas.DataFrame
        Coverage of the regions of the circuits.
    min_coverage : float
        Below this share a region is without signal.
    """
    known = coverage.dropna(subset=["coverage"])
    shares = [float(one) for one in known["coverage"]]
    least = max(min_coverage, float(np.finfo(float).tiny))
    values = {key: as_number(row.get(key)) for key in MEASURES}
    values["lost"] = float(sum(share < least for share in shares)) if shares else float("nan")
    values["lowest"] = min(shares, default=float("nan"))
    return Thumbnail(
        run=str(row["run"]),
        participant=str(row["participant_id"]),
        role=str(row["role"]),
        reason="" if is_missing(row["reason"]) else as_text(row["reason"]),
        carpet=_picture(carpet),
        fd=_line(carpet),
        values=values,
        coverage=[
            (region_label(str(region)), share)
            for region, share in zip(known["region"], shares, strict=True)
        ],
    )


def render_strip(
    thumbnails: Iterable[Thumbnail], *, study: str, settings: Mapping[str, Any]
) -> str:
    """Return the page of all runs, side by side.

    Parameters
    ----------
    thumbnails : iterable of Thumbnail
        In the order in which they first stand.
    study : str
        Its name.
    settings : mapping
        ``fd_thresh`` and ``min_coverage``.

    Returns
    -------
    str
        HTML that loads nothing and names no arm; links lead to the pages of participants.
    """
    shown = scripts("strip.js")
    threshold = settings["fd_thresh"]
    return (
        environment()
        .get_template("strip.html.j2")
        .render(
            study=study,
            runs=list(thumbnails),
            measures=MEASURES,
            settings=settings,
            width=_SIZE[0],
            height=_SIZE[1],
            fd_height=_FD_HEIGHT,
            fd_limit=_FD_LIMIT,
            threshold=_height(threshold) if threshold else None,
            scripts=shown,
            policy=policy(shown),
        )
    )


def _picture(carpet: Carpet) -> str:
    """Return the carpet before denoising in grey, small."""
    from PIL import Image

    if not carpet.before.size:
        return ""
    z = carpet.before * np.float32(STEP)
    grey = np.clip(127.5 + 127.5 * z / _GREYS, 0, 255)
    grey[carpet.before == NO_VALUE] = 255
    small, buffer = Image.fromarray(grey.astype(np.uint8)), BytesIO()
    small.resize(_SIZE, Image.Resampling.BOX).save(buffer, "JPEG", quality=60, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _height(fd: float) -> float:
    return round(_FD_HEIGHT * (1 - min(fd, _FD_LIMIT) / _FD_LIMIT), 1)


def _line(carpet: Carpet) -> str:
    """Return framewise displacement as points, the largest of a pixel where volumes share one."""
    fd = np.nan_to_num(carpet.fd, nan=0.0)
    if not fd.size:
        return ""
    groups = np.array_split(fd, min(fd.size, _SIZE[0] // 2))
    places = np.linspace(0, _SIZE[0], len(groups))
    return " ".join(
        f"{x:.0f},{_height(float(group.max())):g}" for x, group in zip(places, groups, strict=True)
    )
