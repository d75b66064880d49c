"""The tables and pages of a large study, made of copies of a small one's participants."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import made_tables
import numpy as np
import pandas as pd
from made_report import report_of

from ketfc.base.files import write_text
from ketfc.imaging.run.carpet import Carpet
from ketfc.reporting.figures.association import draw_association
from ketfc.reporting.figures.sessions.paired import draw_paired
from ketfc.reporting.pages.group import render_group
from ketfc.reporting.pages.strip import render_strip, thumbnail

PEOPLE = 500
SETTINGS = {"fd_thresh": 0.5, "min_coverage": 0.5, "carpet_atlas": "Seitzman300"}


def large(people: int = PEOPLE) -> made_tables.Made:
    """Return the tables of a study of two arms with so many participants.

    Whatever names participants is copied, values with noise; the results are the small study's.
    """
    small = made_tables.two_arms()
    rng = np.random.default_rng(5)
    everybody = list(small.design.participants)
    copies = -(-people // len(everybody))

    def name(who: str, copy: int) -> str:
        return f"sub-{copy * len(everybody) + everybody.index(who) + 1:04d}"

    def copied(table: pd.DataFrame, *noisy: str) -> pd.DataFrame:
        parts = []
        for copy in range(copies):
            part = table.copy()
            part["participant_id"] = [name(str(who), copy) for who in part["participant_id"]]
            for column in noisy:
                values = pd.to_numeric(part[column])
                part[column] = values + rng.normal(0, 0.1 * values.std(), len(values))
            if "run" in part:
                runs = zip(
                    table["run"], table["participant_id"], part["participant_id"], strict=True
                )
                part["run"] = [
                    run.replace(old, new) if isinstance(run, str) else run for run, old, new in runs
                ]
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    arms = small.design.participants
    left_out = copied(
        small.influence[small.influence["left_out"] == "participant"].assign(
            participant_id=lambda t: t["label"]
        ),
        "estimate",
    )
    left_out = left_out.assign(label=left_out["participant_id"]).drop(columns="participant_id")
    others = small.influence[small.influence["left_out"] != "participant"]
    return replace(
        small,
        content={
            **small.content,
            "participants": {
                name(who, copy): arm for copy in range(copies) for who, arm in arms.items()
            },
        },
        connectivity=copied(small.connectivity, "z"),
        scores=copied(small.scores),
        runs=copied(small.runs, "mean_fd"),
        exclusions=copied(small.exclusions),
        incomplete=copied(small.incomplete),
        influence=pd.concat([others, left_out], ignore_index=True),
    )


def write_report(made: made_tables.Made, folder: Path) -> Path:
    """Write the report of a study, with the plots of its cards."""
    numbers = {
        "paired": draw_paired(made.connectivity, made.hypotheses, made.design)[1],
        "association": draw_association(
            made.connectivity, made.scores, made.hypotheses, made.design
        )[1],
    }
    write_text(folder / "report.html", report_of(made, numbers=numbers))
    return folder / "report.html"


def write_group(made: made_tables.Made, folder: Path) -> Path:
    """Write the page of the study's quality."""
    from PIL import Image

    rng = np.random.default_rng(6)
    people = list(made.design.participants)
    regions = list(made.regions["region"])
    coverage = {
        str(run): pd.DataFrame(
            {
                "region": regions,
                "coverage_shared": rng.uniform(0.4, 1, len(regions)),
                "tsnr": rng.normal(50, 9, len(regions)),
            }
        )
        for run in made.runs["run"]
    }
    similarity = pd.DataFrame(
        {
            "participant_id": people,
            "r_own": rng.uniform(0.3, 0.8, len(people)),
            "r_others_median": rng.uniform(0.1, 0.4, len(people)),
            "rank": 1.0,
            "n_others": float(len(people) - 1),
        }
    )
    strategies = pd.concat(
        [
            pd.DataFrame({"strategy": name, "tdof": rng.normal(90, 20, len(made.runs))})
            for name in ("acompcor", "24P", "36P")
        ]
    ).assign(status="ok")
    picture = folder / "qcfc.png"
    Image.effect_noise((1200, 500), 60).save(picture)
    page = render_group(
        design=made.design,
        runs=made.runs.assign(arm=made.runs["participant_id"].map(made.design.participants)),
        strategies=strategies,
        coverage=coverage,
        similarity=similarity,
        exclusions=made.exclusions,
        pages=people,
        settings=SETTINGS,
        qcfc=picture,
    )
    write_text(folder / "group.html", page)
    return folder / "group.html"


def write_strip(folder: Path, people: int = PEOPLE) -> Path:
    """Write the page of two runs of each participant; noise is what compresses worst."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 5, (60, 200)).round().clip(-120, 120).astype(np.int8)
    regions = pd.DataFrame({"region": [f"R{i}" for i in range(22)], "coverage": 0.9})
    runs = []
    for i in range(2 * people):
        fd = rng.gamma(2, 0.1, 200).astype(np.float32)
        carpet = Carpet(
            before=noise,
            after=noise,
            parcel=np.zeros(60, np.int16),
            depth=np.zeros(60, np.float32),
            fd=fd,
            std_dvars=fd,
            keep=fd < 1,
            repetition_time=2.0,
            strategy="24P",
            reason="",
        )
        who = f"sub-{i // 2:03d}"
        row = {
            "run": f"{who}_ses-{i % 2}_task-rest",
            "participant_id": who,
            "role": ("pre", "post")[i % 2],
            "reason": "moved" if i % 50 == 7 else None,
            "mean_fd": None if i == 3 else fd.mean(),
            "seconds_kept": 100 + (i * 37) % 500,
        }
        runs.append(thumbnail(row, carpet, regions, min_coverage=0.5))
    write_text(folder / "strip.html", render_strip(runs, study="large", settings=SETTINGS))
    return folder / "strip.html"
