"""Small stand-ins for the files of published parcellations, and a network that is not there."""

from __future__ import annotations

import gzip
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import nifti_bytes

from ketfc.base.errors import Problem
from ketfc.imaging.atlas.catalogue import load_catalogue
from ketfc.imaging.preflight.parcellation_checks import parcellation_problems
from ketfc.study.config.config import parse_config

REPO = Path(__file__).parents[1]
PARCELLATIONS = REPO / "atlases" / "parcellations.yaml"
ASYM, SIX = "MNI152NLin2009cAsym", "MNI152NLin6Asym"
GRIDS = {
    ASYM: ((97, 115, 97), (2.0, -96.5, -132.5, -78.5)),
    SIX: ((91, 109, 91), (-2.0, 90.0, -126.0, -72.0)),
    "neither": ((12, 14, 12), (16.0, -90.0, -120.0, -70.0)),
}


def affine_of(grid: str) -> np.ndarray:
    step, *origin = GRIDS[grid][1]
    affine = np.diag([step, abs(step), abs(step), 1.0])
    affine[:3, 3] = origin
    return affine


def write_image(path: Path, n_labels: int, grid: str = "neither") -> Path:
    """Write a label image of labels 1 to `n_labels` on the grid of a template, or of neither."""
    labels = np.zeros(GRIDS[grid][0], dtype=np.int16)
    labels.reshape(-1)[100 : 100 + n_labels] = np.arange(1, n_labels + 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = nifti_bytes(labels, affine_of(grid))
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def planned(
    names: list[Any], space: str, folder: Path | None, *, others: bool = False
) -> list[Problem]:
    """Return what the plan says of parcellations."""
    given = parse_config(
        {
            "study": {
                "name": "x",
                "derivatives": "/d",
                "space": space,
                "sessions": {"pre": "a", "post": "b"},
            },
            "scores": {"table": "t", "si": {"instrument": "SSI", "column": "SSI"}},
            "circuits": {
                "atlases-dir": str(folder) if folder else None,
                "parcellation": names,
                "allow-template-mismatch": others,
            },
        },
        source="config",
    )
    return parcellation_problems(given, load_catalogue(PARCELLATIONS))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Refuse every connection, and empty the folders in which downloads are kept."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path / "nilearn_data"))
    monkeypatch.delenv("NILEARN_SHARED_DATA", raising=False)
    return tmp_path
