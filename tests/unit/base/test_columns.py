"""Descriptions of columns in the JSON beside a table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from ketfc.base import errors
from ketfc.base.bundled import bundled
from ketfc.base.columns import described_columns
from ketfc.base.files import read_json, write_tsv
from ketfc.base.software import write_sidecars
from ketfc.imaging.group.quality_tables import MEASURES
from ketfc.inference.account.attrition import ATTRITION_COLUMNS
from ketfc.inference.clinical.effects import EFFECT_COLUMNS
from ketfc.inference.clinical.time_course import TIME_COURSE_COLUMNS
from ketfc.inference.hypotheses import HYPOTHESIS_COLUMNS
from ketfc.inference.influence.left_out import INFLUENCE_COLUMNS
from ketfc.inference.influence.stability import STABILITY_COLUMNS
from ketfc.inference.maps.clusters import CLUSTER_COLUMNS
from ketfc.inference.motion.qcfc import QCFC_COLUMNS
from ketfc.inference.power.curves import NEEDED_COLUMNS, POWER_COLUMNS
from ketfc.inference.prediction.table import (
    OUT_OF_FOLD_COLUMNS,
    PREDICTION_COLUMNS,
    PREDICTION_CURVE_COLUMNS,
)
from ketfc.inference.reliability.table import RELIABILITY_COLUMNS
from ketfc.inference.robustness.table import ROBUSTNESS_COLUMNS
from ketfc.inference.shrinkage import SHRINKAGE_COLUMNS
from ketfc.inference.specifications.table import CURVE_COLUMNS, SPECIFICATION_COLUMNS
from ketfc.inference.synthesis.studies import STUDY_COLUMNS
from ketfc.inference.synthesis.table import LEAVE_ONE_OUT_COLUMNS, SYNTHESIS_COLUMNS
from ketfc.study.plan import RUN_COLUMNS

KNOWN = yaml.safe_load(bundled("config/columns.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("plan/runs.tsv", RUN_COLUMNS),
        ("plan/problems.tsv", errors.COLUMNS),
        ("clinical/effects.tsv", EFFECT_COLUMNS),
        ("clinical/time_course.tsv", TIME_COURSE_COLUMNS),
        ("synthesis/effects.tsv", STUDY_COLUMNS),
        ("synthesis/synthesis.tsv", SYNTHESIS_COLUMNS),
        ("synthesis/leave_one_out.tsv", LEAVE_ONE_OUT_COLUMNS),
        ("power/power.tsv", POWER_COLUMNS),
        ("power/simulated/change.tsv", POWER_COLUMNS),
        ("power/needed.tsv", NEEDED_COLUMNS),
        ("quality/runs.tsv", tuple(MEASURES)),
        ("quality/qcfc.tsv", QCFC_COLUMNS),
        ("tests/robustness.tsv", ROBUSTNESS_COLUMNS),
        ("tests/influence.tsv", INFLUENCE_COLUMNS),
        ("tests/stability.tsv", STABILITY_COLUMNS),
        ("tests/attrition.tsv", ATTRITION_COLUMNS),
        ("tests/reliability.tsv", RELIABILITY_COLUMNS),
        ("tests/shrinkage.tsv", SHRINKAGE_COLUMNS),
        ("maps/clusters.tsv", CLUSTER_COLUMNS),
        ("maps/seed-sgACC_change_clusters.tsv", CLUSTER_COLUMNS),
        ("figures/seed-sgACC_change.tsv", CLUSTER_COLUMNS),
        ("maps/seed-sgACC_change_voxels.tsv", ("n_voxels", "n_lost", "reason")),
        ("tests/specifications.tsv", SPECIFICATION_COLUMNS),
        ("tests/specification_curve.tsv", CURVE_COLUMNS),
        ("tests/prediction.tsv", PREDICTION_COLUMNS),
        ("tests/prediction_curve.tsv", PREDICTION_CURVE_COLUMNS),
        ("tests/prediction_out_of_fold.tsv", OUT_OF_FOLD_COLUMNS),
        (
            "tests/hypotheses.tsv",
            (*HYPOTHESIS_COLUMNS, "estimand", "verdict", "null_percentile"),
        ),
    ],
)
def test_every_column_is_described(table, columns):
    told = described_columns(Path("results") / table, columns)
    assert list(told) == list(columns)


def test_a_number_of_a_test_says_its_statistic_and_its_correction():
    told = described_columns(Path("results/tests/hypotheses.tsv"), HYPOTHESIS_COLUMNS)
    for name in HYPOTHESIS_COLUMNS:
        if name.startswith("p_"):
            assert told[name]["Units"] == "probability"
            words = told[name]["Description"]
            assert any(word in words for word in ("not corrected", "Holm", "Benjamini", "largest"))
    assert "not corrected" in told["p_permutation"]["Description"]
    assert "Not corrected" in told["ci_low"]["Description"]


def test_the_place_of_a_table_decides_and_patterns_come_last(tmp_path):
    path = tmp_path / "results" / "plan" / "participants.tsv"
    path.parent.mkdir(parents=True)
    write_tsv(path, pd.DataFrame({"participant_id": ["sub-01"], "arm": ["x"], "ward": [4]}))
    write_sidecars([path, tmp_path / "no.json"])
    told = read_json(path.with_suffix(".json"))
    assert told["participant_id"] == {"Description": "Participant, as in BIDS."}
    assert told["ward"] == {"Description": "Covariate, as the study's table has it."}
    assert told["GeneratedBy"][0]["Name"] == "ketfc"
    # quality/runs.tsv is another table than plan/runs.tsv
    there = described_columns(Path("results/quality/runs.tsv"), ["n_censored_fd", "rule"])
    assert there == {
        "n_censored_fd": {
            "Description": "Volumes censored for that reason",
            "Units": "volumes",
        }
    }


def test_the_descriptions_are_sentences_with_known_units():
    units = set()
    for columns in (KNOWN["everywhere"], *KNOWN["tables"].values()):
        for told in columns.values():
            if not isinstance(told, str):
                assert len(told) == 2
                units.add(told[1])
            assert (told if isinstance(told, str) else told[0]).strip()
    assert {"Fisher z", "mm", "s", "probability", "participants"} <= units
