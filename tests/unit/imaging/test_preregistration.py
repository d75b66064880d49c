"""A lock is stable, readable, and tells every difference by its key."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from ketfc.imaging.preflight.preregistration import (
    fingerprint,
    hypotheses_content,
    lock_in_words,
    lock_problems,
    verify_lock,
    write_lock,
)
from ketfc.imaging.regions.registry import Registry, load_registry
from ketfc.study.config.config import Config, parse_config

HERE = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(HERE / "atlases" / "circuits.yaml")


def demo(**changes: object) -> Config:
    raw = yaml.safe_load((HERE / "config" / "config.yaml").read_text(encoding="utf-8"))
    for key, value in changes.items():
        raw.setdefault(key, {}).update(value)
    return parse_config(raw)


def test_an_unchanged_study_matches_its_lock(tmp_path, registry):
    lock = tmp_path / "lock.json"
    written = write_lock(lock, hypotheses_content(registry, demo()))
    assert verify_lock(lock, hypotheses_content(registry, demo())) == []
    assert json.loads(lock.read_text(encoding="utf-8"))["sha256"] == written


def test_the_fingerprint_is_sha256_of_sorted_json():
    content = {"b": [1, 2.5], "a": {"ü": None}}
    text = '{"a":{"ü":null},"b":[1,2.5]}'
    assert fingerprint(content) == hashlib.sha256(text.encode()).hexdigest()
    assert fingerprint({"a": {"ü": None}, "b": [1, 2.5]}) == fingerprint(content)


def test_what_is_locked_are_circuits_their_regions_and_how_they_are_tested(registry):
    content = hypotheses_content(registry, demo())
    assert set(content["circuits"]) == set(registry.circuits)
    assert set(content["regions"]) == {region.id for region in registry.used_regions}
    assert content["statistics"]["alpha"] == 0.05
    assert content["denoising"]["primary"] == "acompcor"
    assert content["scores"]["si"]["instrument"] == "SSI"
    assert json.loads(json.dumps(content)) == content


def test_every_difference_is_listed_by_its_key(tmp_path, registry):
    lock = tmp_path / "lock.json"
    write_lock(lock, hypotheses_content(registry, demo()))
    later = demo(statistics={"alpha": 0.01}, denoising={"primary": "24P"})
    content = hypotheses_content(registry, later)
    circuit = next(iter(content["circuits"]))
    content["circuits"][circuit]["expected_sign"] = "changed"
    gone = list(content["circuits"])[-1]
    del content["circuits"][gone]
    found = {one.key: one for one in verify_lock(lock, content)}
    assert found["statistics/alpha"].locked == "0.05"
    assert found["statistics/alpha"].present == "0.01"
    assert found["denoising/primary"].present == '"24P"'
    assert found[f"circuits/{circuit}/expected_sign"].present == '"changed"'
    assert found[f"circuits/{gone}/edges"].present == "absent"
    assert "sha256" not in found


def test_further_strategies_and_the_place_of_the_data_are_not_locked(registry):
    first = demo()
    second = demo(
        denoising={"strategies": ["acompcor"]}, study={"derivatives": "elsewhere", "name": "other"}
    )
    assert hypotheses_content(registry, first) == hypotheses_content(registry, second)


def test_a_lock_that_was_edited_says_so_even_if_it_matches(tmp_path, registry):
    lock = tmp_path / "lock.json"
    write_lock(lock, hypotheses_content(registry, demo()))
    edited = json.loads(lock.read_text(encoding="utf-8"))
    edited["locked"]["statistics"]["alpha"] = 0.1
    lock.write_text(json.dumps(edited), encoding="utf-8")
    found = verify_lock(lock, hypotheses_content(registry, demo(statistics={"alpha": 0.1})))
    assert [one.key for one in found] == ["sha256"]


def test_a_lock_is_never_replaced(tmp_path, registry):
    lock = tmp_path / "lock.json"
    write_lock(lock, hypotheses_content(registry, demo()))
    with pytest.raises(FileExistsError, match="never replaced"):
        write_lock(lock, hypotheses_content(registry, demo(statistics={"alpha": 0.1})))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": "a"}', "\x00", '"text"'])
def test_a_file_that_is_no_lock_is_named(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"other\.json is not a preregistration"):
        verify_lock(path, {})


def locked(path: Path) -> Config:
    raw = yaml.safe_load((HERE / "config" / "config.yaml").read_text(encoding="utf-8"))
    raw.setdefault("statistics", {})["preregistration"] = str(path)
    return parse_config(raw)


REGISTRY = HERE / "atlases" / "circuits.yaml"


def test_naming_the_lock_is_no_difference_from_it(tmp_path, registry):
    lock = tmp_path / "lock.json"
    write_lock(lock, hypotheses_content(registry, demo()))
    assert lock_problems(locked(lock), REGISTRY) == []
    assert lock_problems(demo(), REGISTRY) == []


def test_the_plan_lists_every_key_that_differs_from_the_lock(tmp_path, registry):
    lock = tmp_path / "lock.json"
    write_lock(lock, hypotheses_content(registry, demo(statistics={"alpha": 0.01, "seed": 1})))
    problems = lock_problems(locked(lock), REGISTRY)
    assert [(one.severity, one.field) for one in problems] == [
        ("error", "statistics/alpha"),
        ("error", "statistics/seed"),
    ]
    assert (problems[0].value, problems[0].allowed) == ("0.05", "0.01")


def test_a_lock_that_was_edited_or_is_missing_is_an_error_of_the_plan(tmp_path, registry):
    lock = tmp_path / "lock.json"
    absent = lock_problems(locked(lock), REGISTRY)
    assert [one.field for one in absent] == ["statistics.preregistration"]
    write_lock(lock, hypotheses_content(registry, demo(statistics={"alpha": 0.01})))
    lock.write_text(
        lock.read_text(encoding="utf-8").replace('alpha": 0.01', 'alpha": 0.05'), encoding="utf-8"
    )
    edited = lock_problems(locked(lock), REGISTRY)
    assert [one.field for one in edited] == ["sha256"]
    assert "changed after it was written" in edited[0].message
    lock.write_text("{}", encoding="utf-8")
    assert "is not a preregistration" in lock_problems(locked(lock), REGISTRY)[0].message


# -- what belongs to the design --------------------------------------------------------------------


def designed(**changes: dict[str, object]) -> Config:
    """A crossover with everything that a design can have; changes by section."""
    drugs = {"ketamine": "d", "control": "p", "ketamine-session": "post", "control-session": "p2"}
    raw: dict[str, dict[str, object]] = {
        "study": {
            "name": "locked",
            "derivatives": "somewhere",
            "sessions": {"pre": "b0", "post": "d2", "p2": "p2"},
            "crossover": {"order": ["infusion_1", "infusion_2"], **drugs},
            "groups": {"column": "group", "patients": ["MDD", "BP"], "controls": "HC"},
            "diagnosis": {"column": "group", "unipolar": "MDD", "bipolar": "BP"},
            "covariates": {"age": "age", "site": "site", "sex": "sex"},
        },
        "scores": {"table": "participants.tsv", "si": {"instrument": "SSI", "column": "SSI"}},
        "statistics": {"covariates": ["age"], "blocks": "site"},
    }
    for section, keys in changes.items():
        raw[section] = raw.get(section, {}) | keys
    return parse_config(raw)


CROSSOVER = {"order": ["infusion_1", "infusion_2"], "ketamine": "d", "control": "p"}
CROSSOVER |= {"ketamine-session": "post", "control-session": "p2"}
LATER = {"name": "late", "score": "post"}
CHANGED: dict[str, tuple[dict[str, dict[str, object]], str]] = {
    "the session of a role": (
        {"study": {"sessions": {"pre": "b0", "post": "d10", "p2": "p2"}}},
        "sessions/post",
    ),
    "what is compared": (
        {"study": {"crossover": CROSSOVER | {"control-session": "pre"}}},
        "contrasts",
    ),
    "which drug is ketamine": (
        {"study": {"crossover": CROSSOVER | {"ketamine": "p", "control": "d"}}},
        "crossover/ketamine",
    ),
    "the order's columns": (
        {"study": {"crossover": CROSSOVER | {"order": ["first", "second"]}}},
        "crossover/order",
    ),
    "who is a patient": (
        {"study": {"groups": {"column": "group", "patients": "MDD", "controls": "HC"}}},
        "groups/patients",
    ),
    "which diagnosis is bipolar": (
        {"study": {"diagnosis": {"column": "group", "unipolar": "MDD", "bipolar": "BD2"}}},
        "diagnosis/bipolar",
    ),
    "the design": ({"study": {"crossover": None}}, "design"),
    "a later outcome": (
        {"statistics": {"covariates": ["age"], "blocks": "site", "later-outcomes": [LATER]}},
        "statistics/later-outcomes",
    ),
    "the task": ({"study": {"task": "rest2"}}, "task"),
    "the column of a covariate": (
        {"study": {"covariates": {"age": "age_at_scan", "site": "site"}}},
        "covariates/age/column",
    ),
    "the column of the blocks": (
        {"study": {"covariates": {"age": "age", "site": "scanner"}}},
        "covariates/site/column",
    ),
    "numbers that become labels": ({"study": {"categorical": ["age"]}}, "covariates/age"),
    "a covariate more": ({"statistics": {"covariates": ["age", "sex"]}}, "covariates/sex"),
    "the instrument": (
        {"scores": {"si": {"instrument": "MADRS", "column": "SSI"}}},
        "scores/si/instrument",
    ),
    "what the table calls the score": (
        {"scores": {"columns": {"SSI": "total"}}},
        "scores/columns",
    ),
    "what excludes a run": ({"quality": {"preset": "strict"}}, "quality/max-mean-fd"),
    "what excludes a region": ({"circuits": {"min-coverage": 0.2}}, "min-coverage"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_a_change_of_the_design_after_locking_is_an_error_that_names_it(what, tmp_path, registry):
    changes, key = CHANGED[what]
    lock = tmp_path / "lock.json"
    write_lock(lock, hypotheses_content(registry, designed()))
    later = {section: dict(keys) for section, keys in changes.items()}
    statistics = {"covariates": ["age"], "blocks": "site", "preregistration": str(lock)}
    later["statistics"] = statistics | later.get("statistics", {})
    problems = lock_problems(designed(**later), REGISTRY)
    assert {one.severity for one in problems} == {"error"}
    assert any((one.field or "").startswith(key) for one in problems), problems
    assert all("differs from the preregistration" in one.message for one in problems)


def test_arms_are_locked_with_their_column(tmp_path, registry):
    lock = tmp_path / "lock.json"
    write_lock(lock, hypotheses_content(registry, demo()))
    raw = yaml.safe_load((HERE / "config" / "config.yaml").read_text(encoding="utf-8"))
    arms = raw["study"]["arms"]
    raw["study"]["arms"] = arms | {"ketamine": arms["control"], "control": arms["ketamine"]}
    found = verify_lock(lock, hypotheses_content(registry, parse_config(raw)))
    assert [one.key for one in found] == ["arms/control", "arms/ketamine"]


@pytest.mark.parametrize(
    "changes",
    [
        {"study": {"covariates": {"age": "age", "site": "site", "bmi": "bmi"}}},
        {"study": {"design": "crossover"}},
        {"study": {"crossover": CROSSOVER | {"control-name": "saline"}}},
        {"study": {"participants": "elsewhere.tsv"}},
        {"quality": {"exclusions": "left_out.tsv"}},
        {"scores": {"table": "elsewhere.tsv"}},
        {"statistics": {"reliability": 0.4}},
    ],
)
def test_what_the_tests_do_not_hold_may_change(changes, registry):
    before, after = designed(), designed(**changes)
    assert hypotheses_content(registry, before) == hypotheses_content(registry, after)


def test_a_lock_of_the_first_format_says_that_it_lacks_the_design(tmp_path, registry):
    content = hypotheses_content(registry, demo())
    first = ("circuits", "regions", "sessions", "arms", "scores", "denoising", "statistics")
    lock = tmp_path / "lock.json"
    write_lock(lock, {key: content[key] for key in first})
    (problem,) = lock_problems(locked(lock), REGISTRY)
    assert (problem.severity, problem.field) == ("error", "statistics.preregistration")
    assert "is a preregistration of format 1" in problem.message
    assert "snakemake preregistration" in problem.message


def test_a_lock_is_told_with_its_fingerprint(tmp_path, registry):
    lock = tmp_path / "lock.json"
    sha256 = write_lock(lock, hypotheses_content(registry, demo()))
    assert lock_in_words([]) is None
    assert lock_in_words([str(lock)]) == f"{lock} agrees with this study (sha256 {sha256})"


def test_what_is_wrong_with_the_registry_is_not_told_of_the_lock(tmp_path, registry):
    lock = tmp_path / "lock.json"
    write_lock(lock, hypotheses_content(registry, demo(statistics={"alpha": 0.01})))
    (tmp_path / "circuits.yaml").write_text("{")
    assert lock_problems(locked(lock), tmp_path / "circuits.yaml") == []
