"""The tables of a real crossover with healthy controls, whose images are not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from made_study import REPO, Finished, snakemake

from ketfc.base.files import read_json, read_tsv
from ketfc.study.config.config import parse_config


@pytest.fixture(scope="module")
def planned(kit: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Path]:
    """Return the output of `snakemake plan` on the dataset as it is, and the results' folder."""
    folder = tmp_path_factory.mktemp("ds005917")
    raw = example()
    raw["study"] |= {
        "derivatives": str(kit / "tables/ds005917"),
        "participants": str(kit / "tables/ds005917/participants.tsv"),
    }
    raw["scores"]["table"] = str(kit / "tables/ds005917/phenotype/phenotype.tsv")
    (folder / "config.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    done = snakemake("plan", "--configfile", "config.yaml", folder=folder, cores=1)
    return done, folder / "results/plan"


def example() -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load(
        (REPO / "config/examples/ds005917.yaml").read_text(encoding="utf-8")
    )
    return raw


def test_the_example_is_a_config():
    pairs = parse_config(example()).study.crossover.pairs
    assert pairs == (("control", "post"), ("controllate", "late"))


def test_missing_images_are_the_error_and_the_design_is_said_all_the_same(planned):
    done, results = planned
    assert done.code != 0
    assert "is a raw BIDS dataset, not preprocessed" in done.text
    assert "Traceback" not in done.text
    said = (results.parents[1] / "logs/plan.log").read_text(encoding="utf-8")
    assert "design: crossover (detected from study.crossover" in said
    assert "groups: patients (MDD, BP) n = 36, controls (HC) n = 22" in said
    for label, role in example()["study"]["sessions"].items():
        assert f"session {role} ({label})" in said
    assert read_json(results / "design.json")["kind"] == "crossover"


def test_the_orders_are_those_of_the_dataset(planned):
    _, results = planned
    design = read_json(results / "design.json")
    orders = list(design["sequences"].values())
    assert len(orders) == 58
    assert orders.count("ketamine-first") == 23
    assert orders.count("control-first") == 22
    assert orders.count("ketamine-only") + orders.count("control-only") == 7
    assert orders.count(None) == 6
    said = re.search(
        r"order, everybody: (.*)",
        (results.parents[1] / "logs/plan.log").read_text(encoding="utf-8"),
    )
    assert said is not None
    assert said[1] == (
        "ketamine-first 23, control-first 22, ketamine-only 5, control-only 2, not known 6"
    )


def test_patients_who_lack_a_drug_are_listed_and_controls_are_not(planned):
    problems = read_tsv(planned[1] / "problems.tsv")
    lacking = problems[problems["field"].isin(["infusion_1", "infusion_2"])]
    assert set(lacking["severity"]) == {"excluded"}
    one = lacking[lacking["field"] == "infusion_2"]["participant_id"]
    none = lacking[lacking["field"] == "infusion_1"]["participant_id"]
    assert sorted(one) == [f"sub-MOA{n}" for n in (103, 111, 120, 121, 125, 136)]
    assert sorted(none) == [f"sub-MOA{n}" for n in (117, 138, 201)]
    groups = read_json(planned[1] / "design.json")["groups"]["participants"]
    assert sum(group == "controls" for group in groups.values()) == 22
