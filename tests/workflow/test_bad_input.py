"""A study with ten damaged participants: the others have the numbers they have without them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import made_confound_faults  # noqa: F401
import made_image_faults  # noqa: F401
import numpy as np
import pandas as pd
import pytest
from made_faults import FAULTS
from made_study import Study, people, write_blocks, write_participants, write_run

from ketfc.base.files import read_tsv
from ketfc.imaging.group.sessions import NUMERIC

pytestmark = pytest.mark.slow

DAMAGED = {
    "09": "truncated: BOLD 0",
    "10": "bit flipped: BOLD 0",
    "11": "BOLD header: as many voxels as there can be",
    "12": "BOLD header: data at no number",
    "13": "gzip: mask wrong checksum",
    "14": "mask: probabilities",
    "15": "confounds: a NUL in a number",
    "16": "confounds: a column twice",
    "17": "BOLD's JSON: nested without end",
    "18": "not finite: a volume of NaN",
}
GOOD = [f"{n:02}" for n in range(1, 9)]


@dataclass(frozen=True)
class _As(Study):
    """A study in which somebody takes the place of the participant whom faults hit."""

    label: str

    def file(self, participant: str, session: str, ending: str) -> Path:
        return super().file(self.label, session, ending)


def _people(labels: list[str]) -> list[dict[str, object]]:
    rows = {row["participant_id"]: row for row in people(9)}
    arms = ("ketamine", "midazolam")
    return [rows[f"sub-{label}"] | {"arm": arms[int(label) % 2]} for label in labels]


def _study(folder: Path, labels: list[str]) -> Study:
    study = Study(folder)
    for label in labels:
        for session in ("pre", "post"):
            write_run(study, label, session)
    write_participants(study, _people(labels))
    write_blocks(study)
    study.configure()
    return study


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study of those who are not damaged, run."""
    study = _study(tmp_path_factory.mktemp("good"), GOOD)
    done = study.run()
    assert done.code == 0, done.text
    return study


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study with the damaged ones, each in the session before, run."""
    study = _study(tmp_path_factory.mktemp("damaged"), [*GOOD, *DAMAGED])
    for label, name in DAMAGED.items():
        FAULTS[name].damage(_As(study.folder, label), np.random.default_rng(int(label)))
    done = study.run()
    assert done.code == 0, done.text
    assert "Traceback" not in done.text
    return study


def _of(table: pd.DataFrame) -> pd.DataFrame:
    kept = table["participant_id"].isin([f"sub-{label}" for label in GOOD])
    return table[kept].reset_index(drop=True)


def test_every_damaged_participant_is_named_with_a_reason(damaged: Study) -> None:
    rows = read_tsv(damaged.results / "quality/exclusions.tsv")
    runs = rows[rows["region"].isna() & rows["run"].notna()]
    assert set(runs["participant_id"]) == {f"sub-{label}" for label in DAMAGED}
    assert set(runs["run"]) == {f"sub-{label}_ses-pre_task-rest" for label in DAMAGED}
    assert (runs["reason"].str.len() > 20).all()
    left_out = read_tsv(damaged.results / "tests/left_out.tsv")
    assert set(left_out["participant_id"]) == {f"sub-{label}" for label in DAMAGED}


def test_the_others_have_the_numbers_they_have_without_them(damaged: Study, good: Study) -> None:
    name = "connectivity.tsv"
    with_them, without = (
        read_tsv(study.results / name, numeric=NUMERIC) for study in (damaged, good)
    )
    assert with_them["participant_id"].nunique() == len(GOOD) + len(DAMAGED)
    pd.testing.assert_frame_equal(_of(with_them), without, check_exact=True)
    for path in sorted((good.results / "derivatives").rglob("sub-*.tsv")):
        other = damaged.results / path.relative_to(good.results)
        assert other.read_bytes() == path.read_bytes(), path.name


def test_the_tests_give_what_they_give_without_them(damaged: Study, good: Study) -> None:
    columns = ["test", "hypothesis", "n", "estimate", "statistic", "p_permutation"]
    with_them, without = (
        read_tsv(study.results / "tests/hypotheses.tsv") for study in (damaged, good)
    )
    pd.testing.assert_frame_equal(with_them[columns], without[columns])
