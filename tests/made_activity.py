"""A made study with activity, for its tests and for what is written of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from made_design import design_of
from made_runs import REGIONS

from ketfc.inference.activity.table import activity_tests

SETTING: dict[str, Any] = {"seed": 3, "permutations": 499, "alpha": 0.05}
MADE = REGIONS[:2]
FIRST, SECOND = (region.id for region in MADE)


def activity_study(arms: int, seed: int, *, n: int = 22, slope: float = 0.0, fall: float = 0.0):
    """Return the tables of a study.

    In the first region, activity has `slope` on the share of censored volumes, and falls by `fall`
    in the ketamine arm; those of both arms who fall most improve most.
    """
    draw = np.random.default_rng(seed)
    # two of three have ketamine, interleaved
    people = {
        f"sub-{i:02d}": ("control" if i % 3 == 1 else "ketamine") if arms == 2 else None
        for i in range(n)
    }
    activity, runs, scores = [], [], []
    for who, arm in people.items():
        trait, before = draw.normal(1.1, 0.1), draw.integers(5, 40)
        change = -fall * (arm != "control") + draw.normal(0, 0.05)
        si = 20 + draw.normal(0, 3)
        after = before + draw.integers(0, 60)
        for role, censored in (("pre", before), ("post", after)):
            runs.append((who, role, "ok", 240, 0.1, censored))
            late = role == "post"
            scores.append(("si", "SSI", who, role, si + late * (60 * change + draw.normal(0, 1))))
            for region in (FIRST, SECOND):
                value = trait + draw.normal(0, 0.02)
                if region == FIRST:
                    value += late * change + slope * censored / 240
                for measure, shown in (("malff", value), ("alff", 7 * value)):
                    activity.append((who, role, role, "24P", region, measure, shown, 200))
    columns = ["participant_id", "session", "role", "strategy", "region", "measure", "value"]
    design = {
        "participants": people,
        "arms": {"ketamine": "drug", "control": "placebo"} if arms == 2 else None,
        "si": {"instrument": "SSI"},
        "strategy": "24P",
    }
    return {
        "activity": pd.DataFrame(activity, columns=[*columns, "n_volumes"]),
        "scores": pd.DataFrame(
            scores, columns=["scale", "instrument", "participant_id", "role", "score"]
        ),
        "quality": pd.DataFrame(
            runs,
            columns=["participant_id", "role", "status", "n_volumes", "mean_fd", "n_censored"],
        ),
        "design": design_of(design),
    }


def table_of(study: dict[str, Any], strategy: str = "24P") -> pd.DataFrame:
    return activity_tests(**study, regions=MADE, strategy=strategy, **SETTING)
