"""One seed and one question: from the seed maps of a study to a tested group map."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ketfc.imaging.io.grid import Grid
from ketfc.inference.core.permutation import stream
from ketfc.inference.design.model import model_over
from ketfc.inference.design.planned_tests import PlannedTest, planned_tests
from ketfc.inference.design.samples import Sample, participant_table, sample_obstacle, sample_of
from ketfc.inference.maps.enhancement import MapTest, map_test
from ketfc.inference.maps.sessions import Files, MapSessions, map_sessions, shared_maps
from ketfc.study.design.design import Design

_TIMES = ("baseline", "followup")
_NO_CONNECTIVITY = pd.DataFrame(
    columns=["participant_id", "strategy", "circuit", "measure", "role", "z"]
)

Volume = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class GroupMap:
    """One question asked of every voxel with one seed.

    Attributes
    ----------
    seed, question, strategy : str
        Region, name of the test, and denoising strategy.
    grid : Grid
        Of the seed maps; of a single voxel where there are none.
    mask : numpy.ndarray of bool
        Voxels that were tested.
    test : MapTest or None
        Its numbers; None where the test could not be made.
    obstacle : str or None
        The reason, in plain words.
    n : int
        Participants.
    voxels : pandas.DataFrame
        `participant_id`, `n_voxels`, `n_lost` (:class:`ketfc.inference.maps.sessions.SharedMaps`)
        of who entered, and `reason` of everybody planned who did not.
    about : mapping
        What the sidecars of the seed maps say.
    """

    seed: str
    question: str
    strategy: str
    grid: Grid
    mask: npt.NDArray[np.bool_]
    test: MapTest | None
    obstacle: str | None
    n: int
    voxels: pd.DataFrame
    about: dict[str, Any]

    def volume(self, values: npt.NDArray[np.floating], outside: float = 0.0) -> Volume:
        """Return values of the tested voxels on the grid, in Fortran order."""
        whole: Volume = np.full(self.grid.n_voxels, outside, dtype=np.float32)
        whole[self.mask.ravel(order="F")] = values
        return whole


def group_map(
    files: Files,
    runs: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    *,
    region: str,
    question: str,
    strategy: str,
    seed: int,
    permutations: int,
    fitted_tail: bool,
) -> GroupMap:
    """Put the connectivity of a seed with every voxel to a primary test of the design.

    The model, who enters, blocks and groups of one variance are those of the primary hypotheses.

    Parameters
    ----------
    files : mapping of str to (str, str)
        The seed's map and its sidecar, by run.
    runs, scores : pandas.DataFrame
        ``plan/runs.tsv`` and ``plan/scores.tsv``.
    design : Design
        The study's design.
    region : str
        The seed.
    question : str
        One of :data:`ketfc.study.config.maps.QUESTIONS`.
    strategy : str
        Denoising strategy of the maps.
    seed : int
        The study's seed; each map has its own stream by its name.
    permutations : int
        Arrangements of whole participants.
    fitted_tail : bool
        As for :func:`ketfc.inference.maps.enhancement.map_test`.
    """
    test = next(test for test in planned_tests(design) if test.name == question)
    sessions = map_sessions(files, runs)
    sample = _sample(sessions, runs, scores, design, test)
    complete, people = sample.complete, list(map(str, sample.complete.index))
    nothing = Grid((1, 1, 1), np.eye(4))
    found = GroupMap(
        seed=region,
        question=question,
        strategy=strategy,
        grid=sessions.grid or nothing,
        mask=np.zeros((sessions.grid or nothing).shape, dtype=bool),
        test=None,
        obstacle=None,
        n=len(people),
        voxels=_voxels(pd.DataFrame({"participant_id": people}), sample),
        about=dict(sessions.about),
    )
    obstacle = sample_obstacle(test, complete, design)
    if obstacle is not None:
        return replace(found, obstacle=obstacle.obstacle)
    if not people:
        return replace(found, obstacle="no participant has a seed map at both sessions")
    maps = shared_maps(sessions, people, (design.roles["baseline"], design.roles["followup"]))
    found = replace(found, voxels=_voxels(maps.voxels, sample))
    if not maps.mask.any():
        return replace(found, obstacle="no voxel has signal in all sessions of all participants")
    model = model_over(test, complete, maps.baseline, maps.followup, design)
    tested = map_test(
        model,
        maps.mask,
        permutations=permutations,
        rng=stream(seed, f"maps/{region}/{question}"),
        fitted_tail=fitted_tail,
    )
    if not len(tested.kept):
        few = f"{len(people)} complete participants are too few, or no voxel differs between them"
        return replace(found, obstacle=few)
    mask = np.zeros(maps.mask.size, dtype=bool)
    mask[np.flatnonzero(maps.mask.ravel(order="F"))[tested.kept]] = True
    return replace(found, mask=mask.reshape(maps.mask.shape, order="F"), test=tested)


def _sample(
    sessions: MapSessions,
    runs: pd.DataFrame,
    scores: pd.DataFrame,
    design: Design,
    test: PlannedTest,
) -> Sample:
    """Return who enters, and why the others do not."""
    table = participant_table(_NO_CONNECTIVITY, scores, design, circuit="", strategy="")
    scanned = set(zip(runs["participant_id"], runs["role"], strict=True))
    for time in _TIMES:
        keys = [(str(who), design.roles[time]) for who in table.index]
        table[f"z_{time}"] = [0.0 if key in sessions.runs else np.nan for key in keys]
        table[f"listed_{time}"] = [key in scanned for key in keys]
    sample = sample_of(table, test, design)
    left_out = {
        who: "; ".join(
            [
                reason,
                *(
                    f"{role}: {sessions.why_not[who, role]}"
                    for role in (design.roles[time] for time in _TIMES)
                    if (who, role) in sessions.why_not
                ),
            ]
        )
        for who, reason in sample.left_out.items()
    }
    return replace(sample, left_out=left_out)


def _voxels(of_those: pd.DataFrame, sample: Sample) -> pd.DataFrame:
    """Return the table of voxels by participant, with those who did not enter and why."""
    rest = pd.DataFrame(list(sample.left_out.items()), columns=["participant_id", "reason"])
    table = pd.concat([of_those, rest]).sort_values("participant_id", ignore_index=True)
    table = table.reindex(columns=["participant_id", "n_voxels", "n_lost", "reason"])
    return table.astype({"n_voxels": "Int64", "n_lost": "Int64"})
