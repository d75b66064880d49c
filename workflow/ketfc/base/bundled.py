"""Files that come with ketfc beside its modules: Snakefile, rules, scripts, config and atlases."""

from __future__ import annotations

from pathlib import Path

FOLDER = (Path(__file__).parents[1] / "bundled" / "Snakefile").resolve().parent
"""The folder that holds them: a clone of ketfc, or ``ketfc/bundled`` of an installed wheel.

In a clone ``ketfc/bundled`` holds links alone; building a wheel puts the files in their place.
"""


def bundled(path: str) -> Path:
    """Return the path of a file that comes with ketfc.

    Parameters
    ----------
    path : str
        From the root of a clone, such as ``Snakefile`` or ``atlases/circuits.yaml``.

    Returns
    -------
    pathlib.Path
        Absolute.
    """
    return FOLDER / path
