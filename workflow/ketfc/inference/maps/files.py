"""Files of a group map: images, their sidecar and the table of its participants' voxels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ketfc.base.files import write_json, write_tsv
from ketfc.base.software import generated_by, write_sidecars
from ketfc.imaging.io.images import write_image
from ketfc.inference.maps.clusters import survivors
from ketfc.inference.maps.enhancement import EXTENT, HEIGHT, NEIGHBOURS
from ketfc.inference.maps.questions import GroupMap

IMAGES = ("stat-t", "stat-tfcep", "stat-effect", "desc-thresholded_stat-t", "mask")
"""Images of a map, by the end of their names."""

_OF_SEED_MAPS = ("Seed", "SeedName", "SeedDefinition", "SmoothingFWHM")
"""Keys that are passed on from the sidecars of seed maps."""


def write_group_map(stem: Path, found: GroupMap, *, alpha: float) -> None:
    """Write the images of a map and its sidecar; the table of participants has one of its own.

    Outside the mask t and effect are 0 and p is 1; so they are everywhere where the test could
    not be made.

    Parameters
    ----------
    stem : pathlib.Path
        Folder and start of the names.
    found : GroupMap
        The map.
    alpha : float
        The thresholded image has t where p is no larger.
    """
    test = found.test
    kept = survivors(found, alpha=alpha)
    nothing = np.empty(0)
    t, p, effect = (nothing,) * 3 if test is None else (test.t, test.p_tfce, test.estimate)
    volumes = {
        "stat-t": found.volume(np.clip(t, -1e6, 1e6)),
        "stat-tfcep": found.volume(p, outside=1.0),
        "stat-effect": found.volume(effect),
        "desc-thresholded_stat-t": found.volume(np.where(kept, np.clip(t, -1e6, 1e6), 0.0)),
        "mask": found.mask.ravel(order="F").astype(np.float32),
    }
    for name in IMAGES:
        write_image(f"{stem}_{name}.nii.gz", volumes[name], found.grid)
    write_json(f"{stem}.json", _sidecar(found, alpha))
    write_tsv(f"{stem}_voxels.tsv", found.voxels)
    write_sidecars([f"{stem}_voxels.tsv"])


def _sidecar(found: GroupMap, alpha: float) -> dict[str, Any]:
    """Return what the images of a map are."""
    test = found.test
    numbers: dict[str, Any] = {}
    if test is not None:
        tail = test.tail and {
            "Threshold": test.tail.threshold,
            "Share": test.tail.share,
            "Shape": test.tail.shape,
            "Scale": test.tail.scale,
        }
        numbers = {
            "DegreesOfFreedom": [round(float(end), 3) for end in (test.df.min(), test.df.max())],
            "Permutations": test.permutations,
            "Exhaustive": test.exhaustive,
            "SmallestP": test.smallest_p,
            "SurvivingVoxels": int(survivors(found, alpha=alpha).sum()),
            "FittedTail": tail,
        }
    return {
        "Description": {
            "stat-t": "t of the term of interest, of ranks in an association",
            "stat-tfcep": "two-sided p by the largest enhanced value of the map (1 outside)",
            "stat-effect": "Fisher z, or partial Spearman correlation in an association",
            "desc-thresholded_stat-t": f"t where stat-tfcep is no larger than {alpha:g}",
            "mask": "voxels with signal in all sessions of all participants that were tested",
        },
        "Question": found.question,
        "DenoisingStrategy": found.strategy,
        **{key: found.about.get(key) for key in _OF_SEED_MAPS},
        "NotTested": found.obstacle,
        "NumberOfParticipants": found.n,
        "NumberOfVoxels": int(found.mask.sum()),
        "Enhancement": {"Neighbours": NEIGHBOURS, "Extent": EXTENT, "Height": HEIGHT},
        **numbers,
        "GeneratedBy": generated_by(),
    }
