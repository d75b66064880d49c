"""The quality pages: every session, every dead parcel, every reason."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_design import design_of

from ketfc.imaging.group.similarity import SIMILARITY_NUMBERS
from ketfc.imaging.run.carpet import NO_VALUE, Carpet, make_carpet
from ketfc.reporting.figures.maps.seed_maps import SeedMap
from ketfc.reporting.pages.group import render_group
from ketfc.reporting.pages.participant import RunOnPage, render_participant

PICTURE = Path(__file__).parents[3] / "docs/images/demo-paired.png"
"""Stands for the figure of motion and connectivity."""

SETTINGS = {
    "fd_thresh": 0.5,
    "dvars_thresh": None,
    "min_coverage": 0.5,
    "primary": "24P",
    "carpet_atlas": "Blocks",
}
SESSIONS = {"pre": "1", "post": "2"}
REGIONS = ["sgACC", "lAmygdala", "rAmygdala"]
PARCELS = [f"P{i}" for i in range(12)]


def coverage(names: list[str], dead: int = 0, elsewhere: int = 0) -> pd.DataFrame:
    own = np.ones(len(names))
    own[:dead] = 0.1
    shared = own.copy()
    shared[dead : dead + elsewhere] = 0.2
    return pd.DataFrame(
        {
            "region": names,
            "n_voxels": 10.0,
            "n_covered": 10 * own,
            "coverage": own,
            "n_shared": 10 * shared,
            "coverage_shared": shared,
            "tsnr": np.where(own > 0.05, 60.0, np.nan),
            "note": None,
        }
    )


def carpet(rng: np.random.Generator) -> Carpet:
    fd = np.full(40, 0.1, dtype=np.float32)
    fd[[0, 7]] = np.nan, 9.0
    stored = rng.integers(-10, 10, (24, 40)).astype(np.int8)
    stored[3] = NO_VALUE
    return Carpet(
        before=stored,
        after=stored,
        parcel=np.r_[np.arange(12), np.full(12, -1)].astype(np.int16),
        depth=np.ones(24, dtype=np.float32),
        fd=fd,
        std_dvars=np.ones(40, dtype=np.float32),
        keep=np.arange(40) != 7,
        repetition_time=2.0,
        strategy="24P",
        reason="",
    )


def matrix(names: list[str], rng: np.random.Generator) -> pd.DataFrame:
    r = np.tanh(rng.standard_normal((len(names), len(names))) / 3)
    r = (r + r.T) / 2
    np.fill_diagonal(r, np.nan)
    return pd.DataFrame(r, names, names)


def good(rng: np.random.Generator, role: str, dead: int = 0, elsewhere: int = 0) -> RunOnPage:
    measured = {"n_volumes": 40, "n_censored": 1, "mean_fd": 0.123, "max_fd": 9.0}
    return RunOnPage(
        run=f"sub-01_ses-{SESSIONS[role]}_task-rest",
        role=role,
        session=SESSIONS[role],
        qc={
            "status": "ok",
            "quality": measured | {"seconds_kept": 78.0},
            "strategies": {"24P": {"status": "ok", "tdof": 14.0}},
        },
        carpet=carpet(rng),
        coverage={
            "Circuits": coverage(REGIONS),
            "Blocks": coverage(PARCELS, dead, elsewhere),
        },
        relmat=matrix(REGIONS, rng),
    )


def damaged(role: str) -> RunOnPage:
    reason = {
        "status": "excluded",
        "rule": "damaged-image",
        "value": None,
        "threshold": None,
        "reason": "bold.nii.gz is truncated",
    }
    empty = dict.fromkeys(("n_voxels", "n_covered", "n_shared", "tsnr", "note"))
    tables = {
        atlas: pd.DataFrame({"region": names}).assign(
            **empty, coverage=np.nan, coverage_shared=np.nan
        )
        for atlas, names in (("Circuits", REGIONS), ("Blocks", PARCELS))
    }
    return RunOnPage(
        run=f"sub-01_ses-{SESSIONS[role]}_task-rest",
        role=role,
        session=SESSIONS[role],
        qc=reason | {"quality": {}, "strategies": {"24P": reason | {"tdof": 0.0}}},
        carpet=make_carpet(reason=reason["reason"], strategy="24P"),
        coverage=tables,
        relmat=pd.DataFrame(np.nan, REGIONS, REGIONS),
    )


def page(
    runs: list[RunOnPage], matrices: dict[str, pd.DataFrame] | None = None, **more: Any
) -> str:
    return render_participant(
        "sub-01",
        runs,
        study="tiny <b>",
        sessions=SESSIONS,
        matrices=matrices or {},
        networks=["Vis"] * 6 + ["Limbic"] * 6,
        settings=SETTINGS | {"map_strategy": "24P", "fwhm": "6"},
        **more,
    )


def text_of(html: str) -> str:
    """Return what is read on a page, without its pictures."""
    bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", bare)


def test_sessions_stand_beside_each_other_in_their_order(rng):
    z = {role: matrix(PARCELS, rng) for role in SESSIONS}
    html = page([good(rng, "post"), good(rng, "pre")], z)
    assert html.index("Framewise displacement, DVARS and carpet of pre") < html.index(
        "Framewise displacement, DVARS and carpet of post"
    )
    # motion and matrix of either session, their regions, their likeness
    assert html.count('<img src="data:image/png;base64,') == 6
    first, last = (z[role].to_numpy()[np.triu_indices(12, 1)] for role in SESSIONS)
    r = np.corrcoef(first, last)[0, 1]
    said = re.search(r"pre and post: r = (\S+) over 66 of 66 edges", text_of(html))
    assert said is not None
    assert float(said[1].replace("−", "-")) == pytest.approx(r, abs=0.005)
    assert "No run, no strategy and no region of a circuit." in text_of(html)
    assert "1 (2 %)" in text_of(html)


def test_seed_maps_are_shown_where_they_were_made(rng):
    runs = [good(rng, "post"), good(rng, "pre")]
    assert "Seed maps" not in page(runs)
    z = rng.standard_normal((6, 7, 5)).astype(np.float32)
    maps = {run.run: {"sgACC": SeedMap(z, (2, 3, 4), None)} for run in runs}
    html = page(runs, seed_maps=maps)
    assert "Strategy 24P, smoothed by 6 mm in the brain (the seed is not)." in text_of(html)
    assert html.count('<img src="data:image/png;base64,') == 6
    assert 'alt="Seed maps of all sessions, side by side"' in html


def test_dead_parcels_are_counted_and_named(rng):
    html = page([good(rng, "pre", dead=5, elsewhere=2), good(rng, "post")])
    text = text_of(html)
    assert "5 of 12 regions of Blocks without enough signal." in text
    assert "2 more have signal here, but not in all sessions" in text
    assert "Blocks: all 12 regions have signal." in text
    for name in PARCELS[:7]:
        assert f"<li>{name}</li>" in html
    assert f"<li>{PARCELS[7]}</li>" not in html


def test_an_excluded_run_says_why_and_its_twin_is_still_shown(rng):
    text = text_of(page([good(rng, "pre"), damaged("post")]))
    assert "post is excluded: bold.nii.gz is truncated." in text
    assert "Nothing could be measured: bold.nii.gz is truncated." in text
    assert "Circuits: not read." in text
    assert "damaged-image" in text
    assert "There are not two sessions to compare." in text
    assert "0.123" in text


def test_a_participant_without_any_readable_run_has_a_page():
    text = text_of(page([damaged("pre"), damaged("post")]))
    assert text.count("is excluded: bold.nii.gz is truncated.") == 2


def test_a_missing_session_is_said(rng):
    text = text_of(page([good(rng, "pre")]))
    assert "No run of post (ses-2)." in text
    assert "No run of pre" not in text


def test_several_runs_of_a_session_are_numbered(rng):
    from dataclasses import replace

    first = good(rng, "pre")
    text = text_of(page([first, replace(first, run=first.run + "_run-2")]))
    assert "pre, run 1" in text
    assert "pre, run 2" in text


def test_a_page_loads_nothing_and_escapes_what_it_is_told(rng):
    html = page([good(rng, "pre")])
    assert "tiny &lt;b&gt;" in html
    assert "<script" not in html
    assert "default-src 'none'" in html
    assert re.findall(r'href="([^"]+)"', html) == ["data:,", "strip.html"]
    assert page([good(np.random.default_rng(1), "pre")]) == page(
        [good(np.random.default_rng(1), "pre")]
    )


DESIGN = design_of(
    {
        "study": "tiny",
        "baseline": "pre",
        "followup": "post",
        "sessions": SESSIONS,
        "arms": {"ketamine": "ketamine", "control": "saline"},
        "participants": {
            "sub-01": "ketamine",
            "sub-02": "control",
            "sub-03": "ketamine",
            "sub-04": "control",
        },
        "strategy": "24P",
    }
)


def group(**changes) -> str:
    rows = []
    for i, (participant, arm) in enumerate(DESIGN.participants.items()):
        for role, label in SESSIONS.items():
            lost = participant == "sub-04" and role == "post"
            rows.append(
                {
                    "run": f"{participant}_ses-{label}",
                    "participant_id": participant,
                    "session": label,
                    "role": role,
                    "arm": arm,
                    "status": "excluded" if lost else "ok",
                    "reason": "has no confounds" if lost else None,
                    "n_volumes": None if lost else "100",
                    "n_censored": None if lost else str(3 * i),
                    "seconds_kept": None if lost else "180",
                    "mean_fd": None if lost else str(0.1 * (i + 1)),
                }
            )
    strategies = [
        {
            "strategy": name,
            "tdof": None if lost else tdof,
            "status": "excluded" if lost else "ok",
        }
        for i, row in enumerate(rows)
        for name, tdof in (("none", "80"), ("24P", "60"))
        for lost in [row["status"] != "ok" or (name == "24P" and i in (2, 3))]
    ]
    tables = {
        str(row["run"]): coverage(REGIONS, dead=int(row["participant_id"] == "sub-02"))
        for row in rows
        if row["status"] == "ok"
    }
    similarity = pd.DataFrame(
        [["sub-01", 0.6, 66, 0.2, 0.4, 1, 2], ["sub-02", 0.3, 66, 0.2, 0.4, 2, 2]],
        columns=["participant_id", *SIMILARITY_NUMBERS],
    )
    exclusions = pd.DataFrame(
        {
            "stage": ["plan", "region"],
            "participant_id": ["sub-04", "sub-02"],
            "reason": ["has no confounds", "0 of 9 voxels"],
        }
    )
    given = {
        "design": DESIGN,
        "runs": pd.DataFrame(rows),
        "strategies": pd.DataFrame(strategies),
        "qcfc": PICTURE,
        "coverage": tables,
        "similarity": similarity,
        "exclusions": exclusions,
        "pages": ["sub-01", "sub-02", "sub-03"],
        "settings": SETTINGS,
    }
    return render_group(**(given | changes))


def test_everybody_is_listed_the_worst_first_with_a_link_where_there_is_a_page():
    html = group()
    listed = re.findall(r'<tr id="(sub-\d+)"', html)
    assert listed == ["sub-04", "sub-02", "sub-03", "sub-01"]
    links = re.findall(r'href="(sub-\d+)\.html"', html)
    assert links == ["sub-02", "sub-03", "sub-01"]
    assert "has no confounds" in html
    assert "0 of 9 voxels" not in html
    row = re.search(r'<tr id="sub-02".*?</tr>', html, re.DOTALL)
    assert row is not None
    assert "0.20 / 0.20" in row[0]
    assert ">2 of 3<" in row[0]


def test_strategies_are_compared_by_the_runs_they_can_be_applied_to():
    text = text_of(group())
    assert "none 7 of 8 80 80 to 80" in text
    assert "24P (primary) 5 of 8 60 60 to 60" in text
    assert "1 of 2 participants' pre is most like their own post" in text.replace("&#39;", "'")


def test_the_figure_of_motion_and_connectivity_is_shown(tmp_path: Path):
    picture = tmp_path / "qcfc.png"
    picture.write_bytes(b"png")
    html = group(qcfc=picture)
    assert "Motion and connectivity" in html
    assert "data:image/png;base64,cG5n" in html


def test_a_study_without_arms_and_without_likeness_has_a_page():
    html = group(
        design=replace(DESIGN, arms={}, participants=dict.fromkeys(DESIGN.participants)),
        similarity=pd.DataFrame(columns=["participant_id", *SIMILARITY_NUMBERS]),
    )
    assert "no arm" not in html
    assert "Finn et al." not in html  # four letters alone may be some of a picture


def test_no_figure_collapses_where_nothing_is_wrong(rng):
    # an empty line that is not clipped makes the layout of its figure give up, with a warning
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page(
            [good(rng, "pre"), good(rng, "post")], {role: matrix(PARCELS, rng) for role in SESSIONS}
        )
        page([good(rng, "pre", dead=2)])
