"""The keys that say who had what: which are refused, and how they are read."""

from __future__ import annotations

import pytest
import yaml

from ketfc.base.errors import StudyError
from ketfc.study.config.config import Config, parse_config

ORDER = "order: [a, b], ketamine: d, control: p"


def parsed(line: str) -> Config:
    study = yaml.safe_load("{name: x, derivatives: d, sessions: {pre: b0, post: d2, control: p2}}")
    scores = {"table": "t", "si": {"instrument": "SSI", "column": "SSI"}}
    return parse_config({"study": study | yaml.safe_load(line), "scores": scores})


def test_a_crossover_compares_post_with_control_unless_it_says_otherwise():
    assert parsed(f"crossover: {{{ORDER}}}").study.crossover.pairs == (("control", "post"),)
    own = "ketamine-session: [post, control], control-session: [pre, x]"
    line = f"{{sessions: {{pre: a, post: b, control: c, x: d}}, crossover: {{{ORDER}, {own}}}}}"
    assert parsed(line).study.crossover.pairs == (("pre", "post"), ("x", "control"))


def test_labels_of_groups_may_be_one_or_several_and_numbers():
    groups = parsed("groups: {column: g, patients: [1, 2], controls: 0}").study.groups
    assert (groups.patients, groups.controls) == (("1", "2"), ("0",))


@pytest.mark.parametrize(
    ("line", "field", "message"),
    [
        ("crossover: {order: [a], ketamine: d, control: p}", "order", "two columns"),
        ("crossover: {order: [a, a], ketamine: d, control: p}", "order", "two columns"),
        ("crossover: {order: [a, b], ketamine: d, control: d}", "control", "same label"),
        (f"crossover: {{{ORDER}, control-session: post}}", "control-session", "names a role twice"),
        (f"crossover: {{{ORDER}, control-session: [pre, control]}}", "control-session", "as many"),
        (f"crossover: {{{ORDER}, ketamine-session: day1}}", "crossover", "no role day1"),
        ("groups: {column: g, patients: [a, b], controls: b}", "controls", "patients and controls"),
        ("design: cross-over", "design", "did you mean 'crossover'?"),
    ],
)
def test_what_cannot_be_is_refused(line, field, message):
    with pytest.raises(StudyError, match=message) as caught:
        parsed(line)
    (problem,) = caught.value.problems
    assert problem.field is not None
    assert problem.field.endswith(field)
