"""Group maps in the report, and the page of each on which it can be turned through."""

from __future__ import annotations

import base64
import html
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from ketfc.inference.maps.clusters import CLUSTER
from ketfc.reporting.figures import style
from ketfc.reporting.figures.maps.group_map import MapImages
from ketfc.reporting.text.maps.captions import asked, map_alt, map_caption, outcome
from ketfc.reporting.text.maps.section import MapSection, map_section
from ketfc.study.design.design import Design

_WIDTH = 1000
"""Pixels of a picture in the report."""

_SHOWN_FROM = 2.0
"""Smallest t shown where nothing survives: smaller ones would double the size of the page."""

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_STYLE = (
    "body{margin:1.5rem;font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff;"
    "max-width:48rem}h1{font-size:1.2rem;margin:0}"
)


@dataclass(frozen=True)
class Picture:
    """The picture of a map in the report, with the names of its viewer and of its files."""

    seed: str
    title: str
    outcome: str
    source: str
    size: tuple[int, int]
    alt: str
    viewer: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class MapPart:
    """The report's part on group maps: its words and tables, the caption and the pictures."""

    words: MapSection
    caption: str
    pictures: list[Picture]


def map_part(clusters: pd.DataFrame, pictures: Mapping[str, Path], design: Design) -> MapPart:
    """Return the report's part on group maps.

    Parameters
    ----------
    clusters : pandas.DataFrame
        ``maps/clusters.tsv``, numbers as numbers.
    pictures : mapping of str to pathlib.Path
        PNG files by the names of maps (:func:`map_name`).
    design : Design
        The study's design.
    """
    shown = []
    for (seed, question), rows in clusters.groupby(["seed", "question"], sort=False):
        name = map_name(str(seed), str(question))
        if name in pictures:
            source, size = _small(pictures[name])
            shown.append(
                Picture(
                    seed=str(seed),
                    title=asked(rows.iloc[0], design),
                    outcome=outcome(rows, design),
                    source=source,
                    size=size,
                    alt=map_alt(rows, design),
                    viewer=f"maps/{name}.html",
                    files=tuple(
                        f"{folder}/{name}{end}"
                        for folder, end in (
                            ("figures", ".pdf"),
                            ("maps", "_stat-t.nii.gz"),
                            ("maps", "_stat-tfcep.nii.gz"),
                            ("maps", "_stat-effect.nii.gz"),
                        )
                    ),
                )
            )
    return MapPart(map_section(clusters, design), map_caption(design), shown)


def map_name(seed: str, question: str) -> str:
    """Return how the files of a map begin."""
    return f"seed-{seed}_{question}"


def _small(path: Path) -> tuple[str, tuple[int, int]]:
    """Return a picture as the source of an image, made small: a report has many of them."""
    from PIL import Image

    with Image.open(path) as image:
        size = (_WIDTH, round(image.height * _WIDTH / image.width))
        picture = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    buffer = BytesIO()
    picture.quantize(128, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"), size


def render_viewer(images: MapImages, clusters: pd.DataFrame, design: Design) -> str:
    """Return the page of a group map, with a viewer of three planes through any point.

    What survives is shown, or where nothing does all t that are not small. The code of the viewer
    is nilearn's, without its link to an icon on another server; a content security policy forbids
    every request. Left is left, and L and R are written beside the planes.

    Parameters
    ----------
    images : MapImages
        Its t, that of surviving voxels, and its mask.
    clusters : pandas.DataFrame
        The map's rows of ``maps/clusters.tsv``.
    design : Design
        The study's design.
    """
    title, said = asked(clusters.iloc[0], design), outcome(clusters, design)
    tested = bool(np.asanyarray(images.mask.dataobj).any())
    shown = "Shown: t of the voxels that survive."
    if (clusters["result"] != CLUSTER).all():
        shown = f"Shown: t beyond ±{_SHOWN_FROM:g}, which survives nowhere."
    viewer = _viewer(images, clusters) if tested else ("", "")
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="robots" content="noindex">\n<link rel="icon" href="data:,">',
            f"<title>{html.escape(title)}</title>",
            viewer[0],
            f"<style>{_STYLE}</style>\n</head>\n<body>",
            f"<h1>{html.escape(title)}</h1>",
            f"<p>{html.escape(said)} {shown if tested else ''}</p>",
            viewer[1],
            "<p>Click or drag in a plane to move through the brain. L: left, R: right; places are "
            "in mm. Research use only – not for clinical prediction.</p>",
            "</body>\n</html>\n",
        ]
    )


def _viewer(images: MapImages, clusters: pd.DataFrame) -> tuple[str, str]:
    """Return what belongs into the head and into the body of the page."""
    from nilearn import plotting

    found = clusters[clusters["result"] == CLUSTER]
    image = images.t if found.empty else images.thresholded
    t = np.asanyarray(images.t.dataobj)
    with warnings.catch_warnings():
        # numpy says of nilearn that it sorts masked values
        warnings.simplefilter("ignore")
        view = plotting.view_img(
            image,
            cut_coords=clusters.iloc[0][["x", "y", "z"]].astype(float).tolist(),
            threshold=_SHOWN_FROM if found.empty else 1e-6,
            vmax=style.nice_limit(t[t != 0], quantile=0.999, smallest=3.0),
            cmap=style.DIVERGING,
            symmetric_cmap=True,
            black_bg=False,
            show_lr=True,
        )
    page = view.html
    head = re.search(r"<head>(.*)</head>", page, re.DOTALL)
    body = re.search(r"<body[^>]*>(.*)</body>", page, re.DOTALL)
    if head is None or body is None:
        raise ValueError("nilearn's viewer is not the page that it was")
    inside = re.sub(r"<link\b[^>]*>|<title>.*?</title>", "", head[1], flags=re.DOTALL)
    # random names of its elements would make equal pages differ
    name = re.compile(r"(?<=[-_])[0-9a-f]{32}\b")
    return name.sub("map", inside), name.sub("map", body[1])
