"""A study with unequal arms and missing data, for tests of influence and missing follow-ups."""

from __future__ import annotations

import numpy as np
from made_hypotheses import CIRCUITS, Study, adjusted, study

from ketfc.inference.design.circuit_tests import Planned
from ketfc.inference.influence.left_out import primary_tests

N = 21
"""Arms of 8 and 13."""


def uneven(*, sites: bool = False, seed: int = 3, n: int = N) -> Study:
    """Unequal arms, interleaved sites of unequal size, and three people with something missing."""
    made = study(n, planted=True, seed=seed)
    people = sorted(made.content["participants"])
    for i, who in enumerate(people):
        made.content["participants"][who] = "ketamine" if i % 5 in (0, 2) else "control"
    own = made.connectivity
    gone = own["participant_id"].isin([people[4], people[9]]) & (own["role"] == "post")
    made.connectivity = own[~gone]
    lost = (made.scores["participant_id"] == people[7]) & (made.scores["role"] == "post")
    made.scores.loc[lost, "score"] = np.nan
    if sites:
        adjusted(made, blocks="site", site=["BACBCAB"[i % 7] for i in range(n)])
    return made


def planned_of(made: Study) -> list[Planned]:
    return list(
        primary_tests(made.connectivity, made.scores, made.design, CIRCUITS, strategy="acompcor")
    )
