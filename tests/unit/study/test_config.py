from __future__ import annotations

import copy
import difflib
import json
import pickle
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from ketfc.base.errors import Problem, StudyError
from ketfc.study.config import docs as config_docs
from ketfc.study.config.config import OF_IMAGES, Config, parse_config
from ketfc.study.config.types import expand, find_bundled, known_keys

FOLDER = Path(__file__).parents[3] / "config"

MINIMAL = """
study:
  name: mine
  derivatives: /data/fmriprep
  sessions: {pre: baseline, post: day1}
scores:
  table: scores.tsv
  si: {instrument: SSI, column: SSI}
"""


def config(yaml_text: str = "") -> Config:
    """Parse the minimal config with further sections."""
    return parse_config(yaml.safe_load(MINIMAL + yaml_text), source="mine.yaml")


def changed(path: str, yaml_value: str) -> dict:
    """Return the minimal config with one key (such as `study.name`) set to a piece of YAML."""
    raw = yaml.safe_load(MINIMAL)
    *groups, name = path.split(".")
    group = raw
    for step in groups:
        group = group.setdefault(step, {})
    group[name] = yaml.safe_load(yaml_value)
    return raw


def problems(raw: object) -> list[Problem]:
    with pytest.raises(StudyError) as caught:
        parse_config(raw, source="mine.yaml")
    return list(caught.value.problems)


def only_problem(raw: object) -> Problem:
    found = problems(raw)
    assert len(found) == 1, found
    return found[0]


# --- what is accepted --------------------------------------------------------------------------


def test_a_minimal_config_has_the_documented_defaults():
    parsed = config()
    assert parsed.model_dump(by_alias=True) == {
        "study": {
            "name": "mine",
            "openneuro": None,
            "connectivity": None,
            "derivatives": ("/data/fmriprep",),
            "task": "rest",
            "space": "MNI152NLin2009cAsym",
            "resolution": None,
            "sessions": {"pre": "baseline", "post": "day1"},
            "hours-since-dose": {},
            "arms": None,
            "crossover": None,
            "groups": None,
            "diagnosis": None,
            "design": "auto",
            "participants": "participants.tsv",
            "covariates": {},
            "categorical": (),
            "repetition-time": None,
            "native-voxel-size": None,
        },
        "scores": {
            "table": ("scores.tsv",),
            "columns": {},
            "sessions": {},
            "missing": (),
            "si": {
                "instrument": "SSI",
                "column": "SSI",
                "change-column": None,
                "range": None,
                "direction": None,
                "response": None,
                "remission": None,
            },
            "depression": None,
            "instruments": None,
            "hours-since-dose": {},
            "hours-column": None,
            "max-hours-apart": 24.0,
            "si-strata": (),
        },
        "denoising": {
            "own-strategies": {},
            "primary": "acompcor",
            "strategies": ("acompcor", "24P", "36P"),
            "dummy-scans": "auto",
            "fd-thresh": 0.5,
            "dvars-thresh": None,
            "censor-before": 0,
            "censor-after": 0,
            "censor-between": 0,
            "motion-filter-type": None,
            "band-stop-min": None,
            "band-stop-max": None,
            "min-time": 240.0,
            "match-volumes": False,
            "lower-bpf": 0.01,
            "upper-bpf": None,
        },
        "quality": {
            "preset": None,
            "max-mean-fd": None,
            "max-fd": None,
            "max-censored": None,
            "exclusions": None,
        },
        "circuits": {
            "registry": "atlases/circuits.yaml",
            "parcellation": (
                {"name": "KetfcVoronoi239", "image": None, "labels": None, "space": None},
            ),
            "atlases-dir": None,
            "allow-template-mismatch": False,
            "min-coverage": 0.5,
        },
        "statistics": {
            "seed": 20251122,
            "permutations": 10000,
            "alpha": 0.05,
            "primary-question": "both",
            "covariates": (),
            "blocks": None,
            "harmonize": None,
            "enrolment": None,
            "later-outcomes": (),
            "specifications": {
                "strategies": None,
                "fd-thresholds": (),
                "definitions": True,
                "covariates": (),
                "scores": None,
                "tests": ("ranks", "values"),
            },
            "prediction": None,
            "equivalence-margin": 0.1,
            "reliability": None,
            "smallest-cell": 5,
            "preregistration": None,
        },
        "maps": {
            "seed-maps": False,
            "seeds": None,
            "strategies": None,
            "fwhm": 6.0,
            "permutations": 5000,
            "tail": "counted",
        },
        "activity": {
            "measures": (),
            "strategies": None,
            "lower-bpf": 0.01,
            "upper-bpf": 0.08,
            "maps": False,
        },
        "figures": {
            "journal": None,
            "single-column": (),
            "width": None,
            "font": None,
            "font-size": None,
            "dpi": None,
            "panel-letters": None,
        },
        "power": {
            **dict.fromkeys(("design", "participants", "curve", "allocation")),
            **dict.fromkeys(("reliability", "reliability-minutes", "minutes")),
            **dict.fromkeys(("level", "permutations", "seed")),
            "drop-out": 0.0,
            "stability": 0.5,
            "scores": {
                "baseline": {
                    **{"mean": 14.0, "sd": 7.0, "skew": 0.5},
                    **{"floor": 4, "ceiling": 38, "at-floor": 0.0},
                },
                "followup": {
                    **{"mean": 8.0, "sd": 6.0, "skew": 1.0},
                    **{"floor": 0, "ceiling": 38, "at-floor": 0.3},
                },
                "correlation": 0.5,
            },
            "effects": {"change": (0.3, 0.5, 0.8), "association": (0.3, 0.4, 0.5)},
            "target": 0.8,
            "circuits": 1,
            "studies": 2000,
        },
    }
    assert not parsed.study.simulated
    assert parsed.circuits.parcellation[0].image is None


def test_the_demo_config_says_what_others_rely_on():
    demo = parse_config(yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8")))
    assert demo.study.simulated
    assert demo.study.sessions == {"pre": "pre", "post": "post"}
    assert demo.study.arms is not None
    assert dict(demo.study.arms) == {
        "column": "arm",
        "ketamine": "ketamine",
        "control": "midazolam",
    }
    assert (demo.scores.table, demo.scores.si.column) == (("participants.tsv",), "SSI")
    assert demo.scores.depression is not None
    assert (demo.scores.depression.column, demo.scores.depression.si_item) == ("MADRS", "MADRS_10")
    assert demo.denoising.primary == "acompcor"
    assert demo.denoising.strategies == ("none", "24P", "36P", "acompcor", "acompcor_gsr")
    assert (demo.denoising.fd_thresh, demo.denoising.min_time) == (0.5, 240.0)
    assert (demo.statistics.seed, demo.statistics.permutations) == (20251122, 10000)


def test_a_config_cannot_be_changed_and_survives_pickling():
    parsed = config()
    with pytest.raises(ValidationError, match="frozen"):
        parsed.denoising.fd_thresh = 0.2
    assert pickle.loads(pickle.dumps(parsed)) == parsed


def test_parsing_leaves_the_given_mapping_as_it_was():
    raw = yaml.safe_load(MINIMAL)
    before = copy.deepcopy(raw)
    parse_config(OrderedDict(raw))
    assert raw == before


def test_a_section_without_keys_has_its_defaults():
    assert config("denoising:\ncircuits:\n") == config()


@pytest.mark.parametrize(
    ("written", "label"),
    [("1", "1"), ("'01'", "01"), ("ses-02", "02"), ("' v2'", "v2"), ("2", "2")],
)
def test_a_session_label_may_be_a_number_or_carry_its_prefix(written, label):
    parsed = parse_config(changed("study.sessions.pre", written))
    assert parsed.study.sessions == {"pre": label, "post": "day1"}


def test_task_and_resolution_may_carry_their_prefix():
    raw = changed("study.resolution", "2")
    raw["study"]["task"] = "task-rest"
    parsed = parse_config(raw)
    assert (parsed.study.task, parsed.study.resolution) == ("rest", "2")


def test_a_study_may_have_further_roles():
    raw = changed("study.sessions", "{post: b, week4: ses-d, pre: a}")
    assert parse_config(raw).study.sessions == {"pre": "a", "post": "b", "week4": "d"}


def test_arm_labels_may_be_numbers_as_in_the_table():
    parsed = parse_config(changed("study.arms", "{column: group, ketamine: 1, control: 0}"))
    assert parsed.study.arms is not None
    assert (parsed.study.arms.ketamine, parsed.study.arms.control) == ("1", "0")


def test_derivatives_and_parcellations_become_tuples():
    raw = changed("study.derivatives", "[a, b]")
    raw["circuits"] = yaml.safe_load(
        """
        parcellation:
          - One
          - {name: Two, image: two.nii.gz, space: MNI152NLin2009cAsym}
        """
    )
    parsed = parse_config(raw)
    assert parsed.study.derivatives == ("a", "b")
    one, two = parsed.circuits.parcellation
    assert (one.name, one.image) == ("One", None)
    assert (two.name, two.image, two.labels) == ("Two", "two.nii.gz", None)


def test_whole_numbers_stand_for_floats_and_null_switches_off():
    parsed = config("denoising: {fd-thresh: null, lower-bpf: 0, upper-bpf: 1, min-time: 0}")
    kept = parsed.denoising
    assert (kept.fd_thresh, kept.lower_bpf, kept.upper_bpf, kept.min_time) == (None, 0.0, 1.0, 0.0)
    assert isinstance(kept.min_time, float)


def test_change_scores_need_no_column():
    raw = changed("scores.si", "{instrument: SSI, change-column: SSI_change}")
    si = parse_config(raw).scores.si
    assert (si.column, si.change_column) == (None, "SSI_change")


def test_a_preset_fills_in_the_limits_that_are_not_given():
    def limits(yaml_text: str) -> list[float | None]:
        quality = parse_config({**yaml.safe_load(MINIMAL), "quality": yaml.safe_load(yaml_text)})
        return [quality.quality.max_mean_fd, quality.quality.max_fd, quality.quality.max_censored]

    assert limits("{preset: lenient}") == [0.55, None, 0.5]
    assert limits("{preset: strict}") == [0.25, 5, 0.2]
    assert limits("{preset: strict, max-fd: null, max-mean-fd: 0.3}") == [0.3, None, 0.2]
    assert limits("{max-fd: 3}") == [None, 3, None]
    assert limits("{preset: null}") == [None, None, None]


def test_an_unknown_preset_is_named_with_what_was_meant():
    problem = only_problem(changed("quality.preset", "leniant"))
    assert "did you mean 'lenient'?" in problem.message


# --- what is refused ---------------------------------------------------------------------------

REFUSED = [
    # key, YAML, key blamed, value shown, part of the message
    ("study.name", "''", "study.name", "''", "is empty"),
    ("study.name", "my study", "study.name", "my study", "character that cannot be used"),
    ("study.name", "../x", "study.name", "../x", "character that cannot be used"),
    ("study.name", "2024", "study.name", "2024", "a number where text is needed; put it in quotes"),
    ("study.derivatives", "null", "study.derivatives", "null", "has no value"),
    ("study.derivatives", "[]", "study.derivatives", "[]", "is an empty list"),
    ("study.derivatives", "[a, '']", "study.derivatives[1]", "''", "is empty"),
    ("study.derivatives", "3", "study.derivatives", "3", "a number where a list is needed"),
    ("study.derivatives", "[a, a]", "study.derivatives", "[a, a]", "names a folder twice"),
    (
        "study.derivatives",
        "[simulate, a]",
        "study.derivatives",
        "[simulate, a]",
        "cannot be combined",
    ),
    ("study.task", "rest_1", "study.task", "rest_1", "character that cannot be used"),
    ("study.space", "MNI152NLin2009", "study.space", "MNI152NLin2009", "'MNI152NLin2009cAsym'?"),
    ("study.space", "[T1w]", "study.space", "[T1w]", "not one of the possible values"),
    ("study.sessions", "[pre, post]", "study.sessions", "[pre, post]", "is a list where a group"),
    ("study.sessions", "{pre: a}", "study.sessions.post", None, "required and missing"),
    ("study.sessions", "{pre: a, pst: b}", "study.sessions.post", None, "by 'pst'?"),
    (
        "study.sessions",
        "{pre: a, post: ses-a}",
        "study.sessions",
        "{pre: a, post: ses-a}",
        "pre and post are the same session, a",
    ),
    ("study.sessions.pre", "yes", "study.sessions.pre", "true", "YAML reads yes, no, on and off"),
    ("study.sessions.pre", "1.5", "study.sessions.pre", "1.5", "put it in quotes"),
    ("study.sessions.pre", "2025-01-31", "study.sessions.pre", "2025-01-31", "a date where text"),
    ("study.sessions.pre", "day_1", "study.sessions.pre", "day_1", "character that cannot"),
    ("study.sessions.change", "c", "study.sessions", None, "'change' cannot be the name of a role"),
    ("study.sessions.week 4", "c", "study.sessions", None, "'week 4' cannot be the name"),
    ("study.arms", "yes", "study.arms", "true", "where a group of keys is needed"),
    (
        "study.arms",
        "{column: arm, ketamine: a, control: a}",
        "study.arms.control",
        "a",
        "same label as that of the ketamine arm",
    ),
    (
        "study.arms",
        "{column: arm, ketamine: a}",
        "study.arms.control",
        None,
        "required and missing",
    ),
    ("study.repetition-time", "0", "study.repetition-time", "0", "out of range"),
    ("study.repetition-time", "2000", "study.repetition-time", "2000", "out of range"),
    ("study.native-voxel-size", "[3, 3]", "study.native-voxel-size", "[3, 3]", "holds 2 numbers"),
    ("study.native-voxel-size", "3", "study.native-voxel-size", "3", "where a list is needed"),
    ("study.native-voxel-size", "[3, 0, 3]", "study.native-voxel-size[1]", "0", "out of range"),
    ("study.native-voxel-size", "[3, 3, 35]", "study.native-voxel-size[2]", "35", "out of range"),
    ("scores.si", "SSI", "scores.si", "SSI", "is text where a group of keys is needed"),
    ("scores.si", "{instrument: SSI}", "scores.si", "{instrument: SSI}", "needs either column"),
    ("scores.si.change-column", "d", "scores.si.change-column", "d", "only one of the two"),
    ("scores.si.instrument", "7", "scores.si.instrument", "7", "put it in quotes"),
    (
        "scores.depression",
        "{instrument: MADRS, column: MADRS, si-item: MADRS}",
        "scores.depression.si-item",
        "MADRS",
        "is the column of the total score",
    ),
    (
        "scores.depression",
        "{instrument: MADRS, column: SSI}",
        "scores.depression",
        "{instrument: MADRS, column: SSI}",
        "the same column as si",
    ),
    ("denoising", "acompcor", "denoising", "acompcor", "is text where a group of keys is needed"),
    ("denoising.primary", "36p", "denoising.primary", "36p", "is neither a built-in strategy"),
    (
        "denoising.primary",
        "icaaroma",
        "denoising.primary",
        "icaaroma",
        "neither a built-in strategy",
    ),
    (
        "denoising.primary",
        "24P_scrub",
        "denoising.primary",
        "24P_scrub",
        "neither a built-in strategy",
    ),
    ("denoising.primary", "none", "denoising.primary", "none", "none is not among the strategies"),
    ("denoising.strategies", "[24P]", "denoising.strategies", "[24P]", "acompcor is not among"),
    ("denoising.strategies", "[]", "denoising.strategies", "[]", "acompcor is not among"),
    ("denoising.strategies", "24P", "denoising.strategies", "24P", "text where a list is needed"),
    (
        "denoising.strategies",
        "[acompcor, 24p]",
        "denoising.strategies[1]",
        "24p",
        "is neither a built-in strategy nor one of own-strategies; did you mean '24P'?",
    ),
    (
        "denoising.strategies",
        "[acompcor, acompcor]",
        "denoising.strategies",
        "[acompcor, acompcor]",
        "names a strategy twice",
    ),
    (
        "denoising.own-strategies",
        "{36p: {columns: [csf]}}",
        "denoising.own-strategies",
        "{36p: {columns: [csf]}}",
        "names a strategy like a built-in one (36P)",
    ),
    (
        "denoising.own-strategies",
        "{lab: {columns: [csf]}, Lab: {columns: [csf]}}",
        "denoising.own-strategies",
        "{lab: {columns: [csf]}, Lab: {columns: [csf]}}",
        "has names that differ only in capitals and would be one file on some disks",
    ),
    (
        "denoising.own-strategies",
        "{my_lab: {columns: [csf]}}",
        "denoising.own-strategies.my_lab",
        "{columns: [csf]}",
        "holds a character that cannot be used here",
    ),
    (
        "denoising.own-strategies",
        "{lab: {columns: []}}",
        "denoising.own-strategies.lab.columns",
        "[]",
        "is empty",
    ),
    (
        "denoising.own-strategies",
        "{lab: {colums: [csf]}}",
        "denoising.own-strategies.lab.colums",
        "[csf]",
        "unknown key; did you mean 'columns'?",
    ),
    (
        "denoising",
        "{motion-filter-type: notch, band-stop-max: 18}",
        "denoising.motion-filter-type",
        "notch",
        "needs a band-stop-min",
    ),
    (
        "denoising",
        "{motion-filter-type: notch, band-stop-min: 12}",
        "denoising.motion-filter-type",
        "notch",
        "needs a band-stop-max",
    ),
    (
        "denoising",
        "{motion-filter-type: notch, band-stop-min: 12, band-stop-max: 9}",
        "denoising.band-stop-max",
        "9",
        "is not above band-stop-min, which is 12 breaths per minute",
    ),
    ("denoising.band-stop-min", "12", "denoising.band-stop-min", "12", "has no use without"),
    ("denoising.band-stop-max", "18", "denoising.band-stop-max", "18", "has a use for motion-filt"),
    (
        "denoising.motion-filter-type",
        "lowpass",
        "denoising.motion-filter-type",
        "lowpass",
        "not one of the",
    ),
    ("denoising.censor-before", "-1", "denoising.censor-before", "-1", "out of range"),
    ("denoising.censor-between", "1.5", "denoising.censor-between", "1.5", "a whole number is"),
    ("denoising.match-volumes", "1", "denoising.match-volumes", "1", "true or false is needed"),
    ("denoising.fd-thresh", "0", "denoising.fd-thresh", "0", "out of range"),
    ("denoising.fd-thresh", "yes", "denoising.fd-thresh", "true", "YAML reads yes, no, on and off"),
    ("denoising.fd-thresh", "1e-2", "denoising.fd-thresh", "1e-2", "write 0.01, since YAML takes"),
    ("denoising.fd-thresh", "1e-5", "denoising.fd-thresh", "1e-5", "write 0.00001, since"),
    ("denoising.fd-thresh", "'0.3'", "denoising.fd-thresh", "'0.3'", "write 0.3 without quotes"),
    ("denoising.fd-thresh", "0,3", "denoising.fd-thresh", "0,3", "needed; write 0.3"),
    ("denoising.fd-thresh", "0.3 mm", "denoising.fd-thresh", "0.3 mm", "needed; write 0.3"),
    ("denoising.fd-thresh", "none", "denoising.fd-thresh", "none", "write null"),
    ("denoising.fd-thresh", ".nan", "denoising.fd-thresh", ".nan", "is not a finite number"),
    ("denoising.fd-thresh", "[0.3]", "denoising.fd-thresh", "[0.3]", "a list where a number"),
    ("denoising.min-time", "-1", "denoising.min-time", "-1", "out of range"),
    ("denoising.min-time", "null", "denoising.min-time", "null", "has no value"),
    ("denoising.min-time", ".inf", "denoising.min-time", ".inf", "is not a finite number"),
    ("denoising.upper-bpf", "0.01", "denoising.upper-bpf", "0.01", "not above lower-bpf"),
    ("circuits.min-coverage", "1.5", "circuits.min-coverage", "1.5", "out of range"),
    ("circuits.parcellation", "[]", "circuits.parcellation", "[]", "is an empty list"),
    ("circuits.parcellation", "a_b", "circuits.parcellation", "a_b", "character that cannot"),
    ("circuits.parcellation", "[A, A]", "circuits.parcellation", "[A, A]", "twice"),
    ("circuits.parcellation", "[A, 3]", "circuits.parcellation[1]", "3", "is a number where"),
    (
        "circuits.parcellation",
        "{name: A, image: a.nii}",
        "circuits.parcellation",
        "{name: A, image: a.nii}",
        "needs a space",
    ),
    (
        "circuits.parcellation",
        "{name: A, space: MNI152NLin6Asym}",
        "circuits.parcellation.space",
        "MNI152NLin6Asym",
        "needs an image",
    ),
    (
        "circuits.parcellation",
        "[{name: A, image: a.nii, space: MNI152NLin6Asym}]",
        "circuits.parcellation[0].space",
        "MNI152NLin6Asym",
        "differs from study.space, which is MNI152NLin2009cAsym",
    ),
    (
        "circuits.allow-template-mismatch",
        "'true'",
        "circuits.allow-template-mismatch",
        "'true'",
        "is text where true or false is needed",
    ),
    ("circuits.atlases-dir", "[a]", "circuits.atlases-dir", "[a]", "is a list where text"),
    ("statistics.seed", "-1", "statistics.seed", "-1", "out of range"),
    ("statistics.seed", "true", "statistics.seed", "true", "a whole number is needed"),
    ("statistics.seed", "1.5", "statistics.seed", "1.5", "a whole number is needed"),
    ("statistics.permutations", "99", "statistics.permutations", "99", "out of range"),
    ("statistics.permutations", "1e4", "statistics.permutations", "1e4", "write 10000, since"),
    ("statistics.permutations", "1.0e+3", "statistics.permutations", "1000.0", "write 1000"),
    ("statistics.alpha", "1", "statistics.alpha", "1", "out of range"),
    ("statistics.alpha", "0", "statistics.alpha", "0", "out of range"),
    (
        "statistics.specifications.strategies",
        "[acompcor, 27P]",
        "statistics.specifications.strategies",
        "[acompcor, 27P]",
        "'27P' is not one of denoising.strategies",
    ),
    (
        "statistics.specifications.fd-thresholds",
        "[0.2, 0]",
        "statistics.specifications.fd-thresholds[1]",
        "0",
        "out of range",
    ),
    (
        "statistics.specifications.fd-thresholds",
        "[0.2, 0.20]",
        "statistics.specifications.fd-thresholds",
        "[0.2, 0.2]",
        "names a choice twice",
    ),
    (
        "statistics.specifications.covariates",
        "[[], [wisdom]]",
        "statistics.specifications.covariates",
        "[[], [wisdom]]",
        "'wisdom' is not one of study.covariates",
    ),
    (
        "statistics.specifications.scores",
        "[si-item]",
        "statistics.specifications.scores",
        "[si-item]",
        "'si-item' needs scores.depression.si-item",
    ),
    (
        "statistics.specifications.tests",
        "[]",
        "statistics.specifications.tests",
        "[]",
        "is empty",
    ),
    ("statistics.reliability", "1", "statistics.reliability", "1", "out of range"),
    ("statistics.reliability", "-0.2", "statistics.reliability", "-0.2", "out of range"),
]


@pytest.mark.parametrize(("path", "written", "field", "value", "message"), REFUSED)
def test_a_mistake_is_one_line_that_names_key_value_and_what_is_allowed(
    path, written, field, value, message
):
    problem = only_problem(changed(path, written))
    assert problem.severity == "error"
    assert (problem.file, problem.field) == ("mine.yaml", field)
    if value is not None:
        assert problem.value == value
    assert message in problem.message
    assert problem.allowed
    line = str(problem)
    assert line.startswith(f"mine.yaml: {field}")
    assert problem.message in line
    assert f"(allowed: {problem.allowed})" in line


@pytest.mark.parametrize(("path", "written", "field", "value", "message"), REFUSED)
def test_messages_are_free_of_jargon(path, written, field, value, message):
    text = str(only_problem(changed(path, written)))
    jargon = r"pydantic|Input should|valid (string|number|dictionary)|\bstr\b|\bNone\b|\bdict\b"
    assert not re.search(jargon, text)
    assert "\n" not in text


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("study.nmae", "name"),
        ("study.repetition_time", "repetition-time"),
        ("study.arms.colum", "column"),
        ("scores.si.instrumnet", "instrument"),
        ("scores.si.change_column", "change-column"),
        ("denoising.fd_thresh", "fd-thresh"),
        ("denoising.fd-tresh", "fd-thresh"),
        ("denoising.FD-Thresh", "fd-thresh"),
        ("circuits.min_coverage", "min-coverage"),
        ("statistics.permutation", "permutations"),
        ("statistic", "statistics"),
        # a key in the wrong section
        ("study.fd-thresh", "denoising.fd-thresh"),
        ("alpha", "statistics.alpha"),
    ],
)
def test_an_unknown_key_comes_with_the_closest_known_one(path, meant):
    raw = changed("study.arms", "{column: a, ketamine: b, control: c}")
    group = raw
    for step in path.split(".")[:-1]:
        group = group.setdefault(step, {})
    group[path.split(".")[-1]] = 1
    problem = only_problem(raw)
    assert (problem.field, problem.value) == (path, "1")
    assert problem.message == f"unknown key; did you mean '{meant}'?"
    siblings = [k[-1] for k in known_keys(Config) if k[:-1] == tuple(path.split(".")[:-1])]
    assert problem.allowed == ", ".join(siblings)


def test_an_unknown_key_like_no_other_has_no_suggestion():
    assert only_problem(changed("study.colour", "1")).message == "unknown key"


def test_a_misspelt_required_key_is_one_problem():
    raw = yaml.safe_load(MINIMAL.replace("derivatives:", "derivatvies:"))
    problem = only_problem(raw)
    assert (problem.field, problem.message) == (
        "study.derivatvies",
        "unknown key; did you mean 'derivatives'?",
    )


def test_a_misspelt_section_is_one_problem():
    raw = yaml.safe_load(MINIMAL.replace("study:", "Studdy:"))
    assert only_problem(raw).message == "unknown key; did you mean 'study'?"


def test_a_misspelt_column_is_one_problem():
    raw = yaml.safe_load(MINIMAL.replace("column: SSI", "colum: SSI"))
    assert only_problem(raw).field == "scores.si.colum"


def test_a_misspelt_key_does_not_hide_that_another_is_missing():
    raw = yaml.safe_load(MINIMAL.replace("derivatives:", "derivatvies:").replace("name:", "#"))
    assert {problem.field for problem in problems(raw)} == {"study.derivatvies", "study.name"}


def test_keys_that_yaml_does_not_read_as_text_are_unknown_keys():
    found = problems(yaml.safe_load(MINIMAL + "yes: 1\n2: 3\n"))
    assert [(p.field, p.value) for p in found] == [("true", "1"), ("2", "3")]
    assert "YAML reads yes" in found[0].message


def test_all_required_keys_that_are_missing_are_named():
    found = problems({"study": None, "scores": {}})
    assert [problem.field for problem in found] == [
        "study.name",
        "study.derivatives",
        "study.sessions",
        "scores.table",
        "scores.si",
    ]
    assert {problem.message for problem in found} == {"is required and missing"}


def test_all_mistakes_are_reported_at_once_and_none_twice():
    with pytest.raises(StudyError) as caught:
        config(
            "denoising: {fd_thresh: 0.3, min-time: yes, upper-bpf: 0.001, primary: none}\n"
            "circuits: {parcellation: [A, {name: a b, imag: c}], min-coverage: 2}\n"
            "statistics: {seed: x, alpha: 1e-3}\n"
            "report: html\n"
        )
    assert [problem.field for problem in caught.value.problems] == [
        "denoising.primary",
        "denoising.min-time",
        "denoising.upper-bpf",
        "denoising.fd_thresh",
        "circuits.parcellation[1].name",
        "circuits.parcellation[1].imag",
        "circuits.min-coverage",
        "statistics.seed",
        "statistics.alpha",
        "report",
    ]
    lines = str(caught.value).splitlines()
    assert len(lines) == len(set(lines)) == 10
    assert lines[3] == (
        "mine.yaml: denoising.fd_thresh = 0.3: unknown key; did you mean 'fd-thresh'? "
        "(allowed: own-strategies, primary, strategies, dummy-scans, fd-thresh, dvars-thresh, "
        "censor-before, "
        "censor-after, censor-between, motion-filter-type, band-stop-min, band-stop-max, min-time, "
        "match-volumes, lower-bpf, upper-bpf)"
    )


FULL = """
study:
  name: mine
  openneuro: {accession: ds000001}
  sessions: {pre: a, post: b}
  arms: {column: a, ketamine: b, control: c}
  crossover: {order: [a, b], ketamine: d, control: p, control-session: pre}
  groups: {column: a, patients: b, controls: c}
  diagnosis: {column: a, unipolar: b, bipolar: c}
scores:
  table: a
  si: {instrument: SSI, column: SSI}
  depression: {instrument: M, column: M, si-item: M10}
denoising: {primary: acompcor, own-strategies: {}}
quality: {preset: strict}
circuits: {parcellation: {name: A, image: a, space: MNI152NLin2009cAsym}}
statistics:
  {seed: 1, later-outcomes: [{name: a, score: post}], specifications: {tests: [ranks]},
   prediction: {folds: 4}}
maps: {seed-maps: true, seeds: [sgACC], strategies: [acompcor]}
activity: {measures: [alff], strategies: [acompcor]}
figures: {journal: nature, single-column: [paired]}
power:
  scores: {baseline: {mean: 14, sd: 6}, followup: {mean: 8, sd: 6}}
  effects: {change: [0.5]}
"""

ODD = [None, True, 0, -1.5, 10**400, "", "x", [], [None, {}], {}, {1: {"a": [b"x"]}}, b"x", {"x"}]


@pytest.mark.parametrize("path", sorted(known_keys(Config)))
def test_whatever_stands_at_a_key_ends_in_a_config_or_in_readable_problems(path):
    for value in ODD:
        raw = yaml.safe_load(FULL)
        if path[1:2] == ("connectivity",):
            del raw["study"]["openneuro"]
            raw["study"]["connectivity"] = {"path": "a.tsv", "values": {"corr": "r"}}
            raw = {key: raw[key] for key in raw if key not in OF_IMAGES}
        group = raw
        for step in path[:-1]:
            group = group[step][0] if isinstance(group[step], list) else group[step]
        group[path[-1]] = value
        found: tuple[Problem, ...] = ()
        try:
            parse_config(raw)
        except StudyError as error:
            found = error.problems
        # another key of the section may be to blame: the one that depends on this one
        assert all((problem.field or "").startswith(path[0]) for problem in found)
        assert all(problem.message and problem.allowed for problem in found)


@pytest.mark.parametrize("raw", [None, {}, []])
def test_an_empty_config_says_what_is_needed(raw):
    message = only_problem(raw).message
    assert message.startswith("the configuration is empty")
    assert "study (name, derivatives, sessions) and scores (table, si)" in message


@pytest.mark.parametrize("raw", [["study"], "study", 3])
def test_a_config_without_keys_says_what_is_needed(raw):
    assert "is not a set of keys with values" in only_problem(raw).message


def test_a_space_that_is_itself_unknown_is_not_held_against_a_parcellation():
    raw = changed("study.space", "MNI")
    raw["circuits"] = {"parcellation": {"name": "A", "image": "a.nii", "space": "MNI152NLin6Asym"}}
    assert only_problem(raw).field == "study.space"


def test_a_parcellation_in_another_template_passes_where_the_config_allows_it():
    raw = changed("circuits.allow-template-mismatch", "true")
    raw["circuits"]["parcellation"] = {
        "name": "A",
        "image": "a.nii",
        "space": "MNI152NLin6Asym",
    }
    assert parse_config(raw).circuits.parcellation[0].space == "MNI152NLin6Asym"
    raw["circuits"]["allow-template-mismatch"] = False
    assert "set circuits.allow-template-mismatch: true" in only_problem(raw).message


def test_a_long_value_is_cut_short():
    problem = only_problem(changed("study.name", "'" + "x " * 300 + "'"))
    assert problem.value is not None
    assert len(problem.value) == 80
    assert problem.value.endswith("…")


# --- paths -------------------------------------------------------------------------------------

PATHS = [
    "study.derivatives",
    "study.participants",
    "scores.table",
    "circuits.registry",
    "circuits.atlases-dir",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_variable_that_is_not_set_is_named_with_its_key(path, monkeypatch):
    monkeypatch.delenv("KETFC_TEST_NOWHERE", raising=False)
    problem = only_problem(changed(path, "'${KETFC_TEST_NOWHERE}/x'"))
    assert problem.field == path
    assert problem.message == "the environment variable $KETFC_TEST_NOWHERE is not set"


def test_a_variable_in_a_parcellation_is_checked_too(monkeypatch):
    monkeypatch.delenv("KETFC_TEST_NOWHERE", raising=False)
    written = "{name: A, image: $KETFC_TEST_NOWHERE/a.nii, space: MNI152NLin2009cAsym}"
    assert only_problem(changed("circuits.parcellation", written)).field == (
        "circuits.parcellation.image"
    )


def test_paths_stay_as_written_until_they_are_expanded(monkeypatch):
    monkeypatch.setenv("KETFC_TEST_DATA", "/data")
    monkeypatch.setenv("HOME", "/home/someone")
    parsed = parse_config(changed("study.derivatives", "[$KETFC_TEST_DATA/a, ~/b, c]"))
    assert parsed.study.derivatives == ("$KETFC_TEST_DATA/a", "~/b", "c")
    assert [expand(path) for path in parsed.study.derivatives] == [
        Path("/data/a"),
        Path("/home/someone/b"),
        Path("c"),
    ]
    assert expand("x/${KETFC_TEST_DATA}_2") == Path("x//data_2")


@pytest.mark.parametrize("path", ["$KETFC_TEST_NOWHERE/x", "~nobodyofthisname/x"])
def test_expanding_what_cannot_be_expanded_is_an_error(path, monkeypatch):
    monkeypatch.delenv("KETFC_TEST_NOWHERE", raising=False)
    with pytest.raises(StudyError, match=r"is not set|no home folder") as caught:
        expand(path)
    assert caught.value.problems[0].value == path


def test_a_bundled_file_is_looked_up_in_the_working_directory_first(tmp_path, monkeypatch):
    root, work = tmp_path / "root", tmp_path / "work"
    for folder in (root, work):
        (folder / "atlases").mkdir(parents=True)
    monkeypatch.chdir(work)
    (root / "atlases/a.yaml").touch()
    assert find_bundled("atlases/a.yaml", root) == root / "atlases/a.yaml"
    (work / "atlases/a.yaml").touch()
    assert find_bundled("atlases/a.yaml", root) == Path("atlases/a.yaml")
    assert find_bundled(str(root / "atlases/a.yaml"), work) == root / "atlases/a.yaml"


def test_a_bundled_file_that_is_nowhere_is_an_error_with_both_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError) as caught:
        find_bundled("b.yaml", Path("/elsewhere"))
    assert f"looked for {tmp_path / 'b.yaml'} or /elsewhere/b.yaml" in str(caught.value)


# --- documents made from the models ------------------------------------------------------------


@pytest.mark.parametrize("name", ["config.default.yaml", "config.schema.json", "README.md"])
def test_the_documents_are_in_step_with_the_models(name):
    path = FOLDER / name
    expected = config_docs.documents(FOLDER)[path]
    present = path.read_text(encoding="utf-8")
    difference = "".join(
        difflib.unified_diff(
            present.splitlines(keepends=True),
            expected.splitlines(keepends=True),
            f"config/{name}",
            "the models",
        )
    )
    assert not difference, f"run python -m ketfc.study.config.docs\n{difference}"


def test_the_default_config_has_every_default():
    raw = yaml.safe_load(config_docs.default_config_text())
    parsed = parse_config(raw)
    keys = known_keys(Config)
    assert all(key.meaning and key.allowed for key in keys.values())
    plain = config()
    for section in ("denoising", "circuits", "statistics"):
        assert getattr(parsed, section) == getattr(plain, section)
    for path, key in keys.items():
        if len(path) == 2:
            assert raw[path[0]][path[1]] == (key.examples[0] if key.required else key.default)


def test_commented_examples_of_the_default_config_can_be_used():
    text = config_docs.default_config_text()
    used, n_used = re.subn(r"^  (\S+): .*\n  # (\1: .*)$", r"  \2", text, flags=re.M)
    assert n_used == sum(
        bool(key.examples) and not key.required for key in known_keys(Config).values()
    )
    # connectivity from elsewhere and what is fetched take the place of derivatives
    used, given = re.sub(r"^  connectivity: .*\n", "", used, flags=re.M), used
    assert given != used
    parsed = parse_config(yaml.safe_load(used.replace("  derivatives: simulate\n", "")))
    assert parsed.study.openneuro is not None
    assert parsed.study.arms is not None
    assert parsed.scores.depression is not None
    assert parsed.circuits.parcellation[0].image is not None


def test_the_reference_has_a_row_for_every_key():
    rows = re.findall(r"^\| `([^`]+)` \|", config_docs.reference_table(), flags=re.M)
    assert rows == [".".join(path[1:]) for path in known_keys(Config) if len(path) > 1]


def test_a_readme_without_markers_is_refused():
    with pytest.raises(ValueError, match="has no lines"):
        config_docs.with_reference(f"text\n{config_docs.BEGIN}\n")


def example(name: str) -> str:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- example: {name} -->\n```\w*\n(.*?)```", readme, flags=re.S)
    assert found is not None
    return found[1]


def test_the_minimal_example_of_the_readme_is_a_config():
    parsed = parse_config(yaml.safe_load(example("minimal")))
    assert parsed.study.sessions == {"pre": "baseline", "post": "day1"}


def test_the_messages_of_the_readme_are_those_one_gets(monkeypatch):
    monkeypatch.delenv("FMRIPREP", raising=False)
    with pytest.raises(StudyError) as caught:
        parse_config(yaml.safe_load(example("mistaken")), source="my-study.yaml")
    assert str(caught.value).splitlines() == example("messages").splitlines()


# --- JSON schema -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(config_docs.schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", ["config.yaml", "config.default.yaml"])
def test_the_schema_accepts_our_configs(name, validator):
    validator.validate(yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("study.derivatives", "[a, b]"),
        ("study.sessions", "{pre: 1, post: ses-02, week4: x}"),
        ("study.arms", "{column: a, ketamine: 1, control: 0}"),
        ("study.repetition-time", "2"),
        ("scores.si", "{instrument: SSI, change-column: d}"),
        ("scores.si", "{instrument: SSI, column: null, change-column: d}"),
        ("denoising.fd-thresh", "null"),
        ("denoising", "{primary: none_noscrub, strategies: [none_noscrub, gsr_only]}"),
        (
            "denoising",
            "{own-strategies: {lab: {columns: [csf]}}, primary: lab_noscrub, "
            "strategies: [lab, lab_noscrub]}",
        ),
        ("denoising", "{motion-filter-type: notch, band-stop-min: 12, band-stop-max: 18}"),
        ("denoising", "{motion-filter-type: lp, band-stop-min: 6}"),
        ("circuits.parcellation", "[A, {name: B, image: b.nii, space: MNI152NLin2009cAsym}]"),
    ],
)
def test_schema_and_models_agree_on_what_is_right(path, written, validator):
    raw = changed(path, written)
    parse_config(raw)
    validator.validate(raw)


# what depends on several keys at once, on the environment or on identity is beyond the schema
BEYOND_SCHEMA = re.compile(
    "twice|combined|same|cannot be the name|is not among|not above|needs a space"
    "|needs an image|differs from|total score|finite|write 1000$|neither a built-in|like a built-in"
    "|only in capitals|needs a band|has no use|has a use|is not one of (den|study)|needs scores"
)


@pytest.mark.parametrize(
    ("path", "written"),
    [(path, written) for path, written, _, _, why in REFUSED if not BEYOND_SCHEMA.search(why)],
)
def test_schema_and_models_agree_on_what_is_wrong(path, written, validator):
    # as JSON, since a date is nothing that JSON knows
    raw = json.loads(json.dumps(changed(path, written), default=lambda day: {"date": str(day)}))
    assert not validator.is_valid(raw)


def test_the_schema_allows_no_further_keys_anywhere():
    schema = json.loads(config_docs.schema_text())
    groups = {**schema["$defs"], "config": schema}
    closed = {name: group["additionalProperties"] for name, group in groups.items()}
    # roles of sessions are free, their labels are not
    assert closed.pop("Sessions") == {
        "type": ["string", "integer"],
        "pattern": "^(ses-)?[A-Za-z0-9]+$",
    }
    assert set(closed.values()) == {False}
    assert not re.search('"[a-z]+_[a-z]+": {', config_docs.schema_text())


def test_reading_a_config_does_not_load_heavy_packages():
    code = (
        "import sys; from ketfc.study.config.config import parse_config; "
        "print([name for name in ('numpy', 'pandas', 'yaml', 'snakemake') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("key", ["covariates", "blocks"])
def test_what_tests_are_adjusted_for_must_be_a_covariate_of_the_study(key):
    value = ["age", "weight"] if key == "covariates" else "weight"
    raw = yaml.safe_load(FULL)
    raw["study"]["covariates"] = {"age": "age"}
    raw["statistics"][key] = value
    with pytest.raises(StudyError) as caught:
        parse_config(raw)
    (problem,) = caught.value.problems
    assert problem.field == f"statistics.{key}"
    assert problem.message == "'weight' is not one of study.covariates"


@pytest.mark.parametrize(
    ("statistics", "message"),
    [
        ({"harmonize": "combat"}, "needs statistics.blocks, the covariate that holds the site"),
        ({"harmonize": "neuro", "blocks": "site"}, "is not one of the possible values"),
        ({"harmonize": True, "blocks": "site"}, "is not one of the possible values"),
    ],
)
def test_what_cannot_be_harmonised_is_one_error(statistics, message):
    raw = yaml.safe_load(FULL)
    raw["study"]["covariates"] = {"site": "site"}
    raw["statistics"] = statistics
    with pytest.raises(StudyError) as caught:
        parse_config(raw)
    (problem,) = caught.value.problems
    assert problem.field == "statistics.harmonize"
    assert problem.message == message


def test_harmonisation_keeps_the_covariates_that_are_no_scores():
    raw = yaml.safe_load(FULL)
    scores = {"si": {"instrument": "SSI", "column": "SSI"}}
    scores["depression"] = {"instrument": "MADRS", "column": "MADRS", "si-item": "MADRS_10"}
    raw["scores"] = {"table": "scores.tsv"} | scores
    raw["study"]["covariates"] = {
        "age": "years",
        "worst": "SSI_ses-pre",
        "low": "MADRS",
        "item": "MADRS_10_ses-pre",
        "site": "where",
    }
    names = ["worst", "age", "low", "item", "site"]
    raw["statistics"] = {"covariates": names, "blocks": "site"}
    assert parse_config(raw).harmonized_beside is None
    raw["statistics"]["harmonize"] = "combat"
    assert parse_config(raw).harmonized_beside == ("age",)


def test_a_diagnosis_cannot_be_both():
    raw = yaml.safe_load(FULL)
    raw["study"]["diagnosis"]["bipolar"] = ["BD", "b"]
    with pytest.raises(StudyError, match="b cannot be unipolar and bipolar at once"):
        parse_config(raw)
