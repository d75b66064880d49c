"""The part of the config that says how the hypotheses are tested."""

from __future__ import annotations

from ketfc.study.config_keys import key
from ketfc.study.config_kinds import Group, Number, PathText, Whole


class Reliability(Group):
    """How reliable the measures are in such participants, as repeated measurements have shown."""

    connectivity: Number | None = key(
        None,
        "Reliability of a circuit's connectivity in one session (ICC of two sessions without "
        "treatment). With it the slope of the change on its baseline is corrected, and "
        "regression to the mean simulated where there are healthy controls.",
        "a number above 0 and at most 1, or null",
        gt=0.0,
        le=1.0,
    )
    score: Number | None = key(
        None,
        "Reliability of the score of suicidal ideation. With both, the largest correlation that "
        "could be observed stands beside the associations.",
        "a number above 0 and at most 1, or null",
        gt=0.0,
        le=1.0,
    )


class Statistics(Group):
    """How the hypotheses are tested."""

    seed: Whole = key(
        20251122,
        "Seed of every random number; the same seed gives the same results.",
        "a whole number, at least 0",
        ge=0,
    )
    permutations: Whole = key(
        10000,
        "Permutations of each test.",
        "a whole number, at least 100",
        ge=100,
    )
    alpha: Number = key(
        0.05,
        "Level of significance.",
        "a number between 0 and 1",
        gt=0.0,
        lt=1.0,
    )
    equivalence_margin: Number = key(
        0.1,
        "The smallest change in Fisher z that matters: equivalence tests ask whether the change "
        "is smaller. The default is a convention, not a finding; choose it before the results.",
        "a number above 0",
        gt=0.0,
    )
    reliability: Reliability | None = key(
        None,
        "How reliable connectivity and score are, where that is known.",
        "a group with connectivity and score, or null",
        examples=[{"connectivity": 0.5, "score": 0.9}],
    )
    preregistration: PathText | None = key(
        None,
        "A locked copy of the hypotheses, as `snakemake preregistration` wrote it to "
        "`results/plan/preregistration.json`; keep it elsewhere. `plan` refuses what differs "
        "from it, and small samples are then not labelled exploratory.",
        "a path, or null",
        examples=["preregistration.json"],
    )
