"""Shared results of a small study, every byte searched for participants and their values."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from made_study import Study, contents, labels, people

from ketfc.base.files import read_tsv
from ketfc.reporting.share.allowed import allowed
from ketfc.reporting.share.scan import layers

LICENCE = b"Date: 2026-01-18T00:20Z"
"""The date of the jQuery that the tables of the report bring along."""

DIGITS = 6
"""Digits by which a value is known: what is shared has four, so that none can agree by chance."""

SCALE = {"si": {"instrument": "Scale", "column": "SSI", "range": [0, 40]}}
"""A scale that knows more than whole numbers."""


@pytest.fixture(scope="module")
def told(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The small study with scores that nobody else has, after `snakemake share`."""
    study = finished.copy(tmp_path_factory.mktemp("told") / "study")
    table = pd.DataFrame(people())
    for k, column in enumerate(["SSI_ses-pre", "SSI_ses-post"]):
        table[column] = [round(score + 0.1237 + 0.0311 * (2 * i + k), 4)
                         for i, score in enumerate(table[column])]  # fmt: skip
    table["age"] = [round(31.1732 + 1.0713 * i, 4) for i in range(len(table))]
    table.to_csv(study.folder / "participants.tsv", sep="\t", index=False)
    study.configure(scores=SCALE)
    done = study.run("share")
    assert done.code == 0, done.text
    assert "results/share/report.html" in done.text
    return study


def shared(study: Study) -> dict[str, bytes]:
    """Return every layer of every file that leaves, by file."""
    files = contents(study.results / "share")
    return {name: b"\n".join(layers(content)) for name, content in files.items()}


def individual_values(study: Study) -> set[str]:
    """Return the first digits of everybody's scores, ages, connectivity and motion."""
    scores = pd.read_csv(study.folder / "participants.tsv", sep="\t")
    pre, post = scores["SSI_ses-pre"], scores["SSI_ses-post"]
    values = [*pre, *post, *scores["age"], *(post - pre)]
    values += [*read_tsv(study.results / "connectivity.tsv", numeric=("z",))["z"].dropna()]
    values += [*read_tsv(study.results / "quality/runs.tsv", numeric=("mean_fd",))["mean_fd"]]
    return {_digits(f"{value:.{DIGITS}g}") for value in values} - {""}


def _digits(number: str) -> str:
    """Return the first digits of a number without sign and point; empty where there are fewer."""
    digits = number.lstrip("-−0.").replace(".", "")
    return digits[:DIGITS] if len(digits) >= DIGITS else ""


def test_no_byte_names_a_participant(told: Study) -> None:
    for name, content in shared(told).items():
        for label in labels(people()):
            assert f"sub-{label}".encode() not in content, name
        assert not re.search(rb"\b20\d\d-\d\d-\d\d", content.replace(LICENCE, b"")), name


def test_no_number_is_somebodys(told: Study) -> None:
    own = individual_values(told)
    assert len(own) > 100
    # so that the search is known to find them
    assert own & _numbers((told.results / "connectivity.tsv").read_bytes())
    for name, content in shared(told).items():
        assert not own & _numbers(content), name


def _numbers(content: bytes) -> set[str]:
    text = content.decode("utf-8", errors="ignore")
    return {_digits(found) for found in re.findall(r"(?<![\w.])\d*\.\d+", text)}


def test_every_number_rests_on_enough_participants(told: Study) -> None:
    tables = {name for name in contents(told.results / "share") if name.endswith(".tsv")}
    assert {"tests/hypotheses.tsv", "clinical/effects.tsv", "removed.tsv"} <= tables
    assert tables - {"removed.tsv"} <= set(allowed())
    for name in tables - {"removed.tsv"}:
        table = read_tsv(told.results / "share" / name)
        for column in allowed()[name].get("people", ()):
            counts = pd.to_numeric(table[column]).dropna()
            assert counts[counts > 0].ge(5).all(), (name, column)


def test_all_that_stays_is_listed(told: Study) -> None:
    removed = read_tsv(told.results / "share/removed.tsv")
    whole = set(removed.loc[removed["what"] == "table", "file"])
    every = {
        name
        for name in contents(told.results, "*.tsv")
        if not name.startswith(("derivatives/", "extracted/", "figures/", "share/"))
    }
    kept = {name for name in contents(told.results / "share") if name.endswith(".tsv")}
    assert every - kept == whole
    assert {"connectivity.tsv", "plan/scores.tsv", "quality/exclusions.tsv"} <= whole
    figures = set(removed.loc[removed["what"] == "figure", "file"])
    assert {"figures/paired", "figures/association", "figures/flow"} <= figures


# in the rule; tests/unit/reporting/test_share.py has the refusal itself
@pytest.mark.slow
def test_a_study_with_a_tiny_arm_gives_nothing(told: Study, tmp_path: Path) -> None:
    study = told.copy(tmp_path / "study")
    study.configure(scores=SCALE, statistics={"permutations": 200, "smallest-cell": 7})
    # the tests before it would come to the same
    done = study.run("share", "--allowed-rules", "share")
    assert done.code != 0
    assert "fewer than 7 participants (arm ketamine, arm control)" in done.text
    assert not (study.results / "share/report.html").exists()
