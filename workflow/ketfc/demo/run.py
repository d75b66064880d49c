"""Files of the demo study's runs: images, sidecars and confounds under fMRIPrep's names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ketfc.demo.bold import SLOPE, T_R, simulate
from ketfc.demo.head import Mask, Spheres, make_head, place_signals
from ketfc.demo.signals import Array, head_motion
from ketfc.demo.study import SPACE, TASK, DemoParticipant, demo_participants, stream

DEMO_SHAPE = (49, 58, 49)
DEMO_AFFINE: Array = np.array(
    [[4.0, 0, 0, -96], [0, 4, 0, -132], [0, 0, 4, -78], [0, 0, 0, 1]], dtype=np.float64
)
"""The field of view of MNI152NLin2009cAsym in voxels of 4 mm."""

N_VOLUMES = 160


@dataclass(frozen=True, eq=False)
class TemplateMasks:
    """Masks on one grid, each a 3-D array of bool: the brain, its grey and its white matter."""

    brain: Mask
    gm: Mask
    wm: Mask


def template_masks() -> TemplateMasks:
    """Return brain, grey- and white-matter masks on the demo's grid.

    They are the masks that nilearn bundles, which need no network; their template is ICBM 2009a,
    symmetric, which differs from the 2009c, asymmetric, that the demo's files name by a millimetre
    or two: less than half of one of its voxels. Takes some seconds, so do it once for all runs.
    """
    from nilearn import datasets
    from nilearn.image import resample_img

    loaders = {
        "brain": datasets.load_mni152_brain_mask,
        "gm": datasets.load_mni152_gm_mask,
        "wm": datasets.load_mni152_wm_mask,
    }
    masks = {}
    for name, load in loaders.items():
        image = resample_img(
            load(resolution=1),
            target_affine=DEMO_AFFINE,
            target_shape=DEMO_SHAPE,
            interpolation="nearest",
            force_resample=True,
            copy_header=True,
        )
        masks[name] = np.asanyarray(image.dataobj) > 0
    inside = masks["brain"]
    return TemplateMasks(brain=inside, gm=masks["gm"] & inside, wm=masks["wm"] & inside)


def run_motion(
    person: DemoParticipant, session: str, *, seed: int, n_volumes: int = N_VOLUMES
) -> Array:
    """Return the six motion parameters of one run, shape (n_volumes, 6); mm and radians."""
    return head_motion(
        stream(seed, person.id, session, "motion"),
        n_volumes,
        person.motion[session],
        heavy=person.heavy_motion == session,
    )


def write_run(
    out_dir: str | Path,
    participant: str,
    session: str,
    *,
    seed: int,
    regions: Sequence[tuple[str, Spheres]],
    labels: NDArray[np.integer],
    networks: Sequence[str],
    brain_mask: Mask,
    gm: Mask,
    wm: Mask,
    affine: Array = DEMO_AFFINE,
    n_volumes: int = N_VOLUMES,
) -> None:
    """Simulate one run and write its files, each whole or not at all.

    Parameters
    ----------
    out_dir : str or pathlib.Path
        The derivatives dataset.
    participant, session : str
        Such as ``sub-01`` and ``pre``; a run of `ketfc.demo.study.demo_runs`.
    seed : int
        Seed of the study.
    regions : sequence of (id, spheres)
        The circuits' regions; between them `ketfc.demo.study.planted_edges` holds exactly, before
        noise. A sphere that contains no voxel centre is the voxel that holds its centre.
    labels : numpy.ndarray of int, 3-D
        A parcellation, 0 outside.
    networks : sequence of str
        The network of label 1, 2, ...; parcels of a network share some of their signal.
    brain_mask, gm, wm : numpy.ndarray of bool, 3-D
        The brain; its grey and its white matter, which may overlap.
    affine : numpy.ndarray, shape (4, 4)
        From voxel indices to mm.
    n_volumes : int
        Volumes of the run, one every `ketfc.demo.bold.T_R` seconds.

    Raises
    ------
    ValueError
        If the study has no such run.
    """
    from ketfc.base.files import write_json, write_tsv
    from ketfc.demo.confounds import confounds_table

    people = {person.id: person for person in demo_participants(seed)}
    person = people.get(participant)
    if person is None or session not in person.sessions:
        raise ValueError(f"the demo study has no run {participant}, session {session}")
    placed = place_signals(regions, labels, brain_mask, affine)
    head = make_head(brain_mask, gm, wm, placed, affine)
    motion = run_motion(person, session, seed=seed, n_volumes=n_volumes)
    stored = simulate(
        person,
        session,
        seed=seed,
        placed=placed,
        head=head,
        networks=networks,
        motion=motion,
        shape=brain_mask.shape,
    )
    masks = {
        "brain": head.brain,
        "csf": head.tissue["csf"],
        "white_matter": head.tissue["white"],
        "edge": head.tissue["scalp"],
    }
    intensity = stored.astype(np.float32) * np.float32(SLOPE)
    table, metadata = confounds_table(intensity, masks, motion, t_r=T_R)

    run = f"{participant}_ses-{session}_task-{TASK}"
    stem = Path(out_dir) / participant / f"ses-{session}" / "func" / run
    confounds = f"{stem}_desc-confounds_timeseries"
    write_tsv(f"{confounds}.tsv", table)
    write_json(f"{confounds}.json", metadata)
    mask = f"{stem}_space-{SPACE}_desc-brain_mask"
    write_json(f"{mask}.json", {"Type": "Brain"})
    write_nifti(f"{mask}.nii.gz", brain_mask.astype(np.uint8), affine)
    bold = f"{stem}_space-{SPACE}_desc-preproc_bold"
    details = {"RepetitionTime": T_R, "SkullStripped": False, "TaskName": TASK}
    write_json(f"{bold}.json", details)
    volumes = np.zeros((n_volumes, brain_mask.size), dtype=np.int16)
    volumes[:, head.voxels] = stored
    image = volumes.T.reshape((*brain_mask.shape, n_volumes), order="F")
    write_nifti(f"{bold}.nii.gz", image, affine, slope=SLOPE)


def write_nifti(
    path: str | Path, data: NDArray[np.integer], affine: Array, *, slope: float = 1.0
) -> None:
    """Write integers as a compressed NIfTI-1 file in MNI space, with the same bytes every time.

    Parameters
    ----------
    path : str or pathlib.Path
        Ends in ``.nii.gz``.
    data : numpy.ndarray of int, 3-D or 4-D
        What is stored; a fourth dimension is time, one volume every `T_R` seconds.
    affine : numpy.ndarray, shape (4, 4)
        From voxel indices to mm.
    slope : float
        What a step of the stored integers stands for (``scl_slope``).
    """
    # nibabel would choose slope and intercept itself, so only the header is left to it
    from isal import igzip
    from nibabel import Nifti1Header

    from ketfc.base.files import replacing

    header = Nifti1Header()
    header.set_data_dtype(data.dtype)
    header.set_data_shape(data.shape)
    header.set_sform(affine, code="mni")
    header.set_qform(affine, code="mni")
    header.set_zooms((*header.get_zooms()[:3], T_R)[: data.ndim])
    header.set_xyzt_units("mm", "sec")
    header["scl_slope"], header["scl_inter"] = slope, 0
    header["magic"], header["vox_offset"] = b"n+1", 352
    content = header.binaryblock + bytes(4) + data.tobytes(order="F")
    with replacing(path) as temporary:
        temporary.write_bytes(igzip.compress(content, 2, mtime=0))
