"""YAML that others wrote is read strictly, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketfc.base.errors import StudyError
from ketfc.base.yaml import read_yaml, require_sound_configs


def written(folder: Path, text: str, name: str = "f.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_what_people_write_is_read(tmp_path):
    text = "\ufeffa: {b: [1, 2.5, true, null, 'x']}\nc: &c {d: 1}\ne: {<<: *c, d: 2}\nf: *c\n"
    expected = {"a": {"b": [1, 2.5, True, None, "x"]}, "c": {"d": 1}, "e": {"d": 2}, "f": {"d": 1}}
    assert read_yaml(written(tmp_path, text)) == expected
    assert read_yaml(written(tmp_path, "")) is None
    assert read_yaml(written(tmp_path, "1: a\n'1': b\n")) == {1: "a", "1": "b"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "the key 'a' occurs twice, in lines 1 and 3"),
        ("x: {a: 1, a: 1}\n", "the key 'a' occurs twice, in lines 1 and 1"),
        ("0x10: a\n16: b\n", "the key '16' occurs twice"),
        ("{a: " * 100_000, "nested too deeply"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: !!python/name:os.getcwd", "could not determine a constructor"),
        ("a: 2025-13-45", "month must be in 1..12"),
        ("a: 1\n--- \nb: 2\n", "expected a single document"),
        ("a: [1, 2", "while parsing"),
        ("? [a]\n: b\n", "unhashable"),
        ("a: \x01", "not allowed"),
    ],
)
def test_anything_else_is_refused_in_one_line(text, said, tmp_path):
    with pytest.raises(ValueError, match=said) as caught:
        read_yaml(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_all_files_of_a_configuration_are_looked_at(tmp_path):
    good = written(tmp_path, "a: 1\n", "good.yaml")
    wrong = written(tmp_path, "a: 1\na: 2\n", "wrong.yaml")
    json = written(tmp_path, '{"b": {"a": 1, "a": 2}}', "wrong.json")
    require_sound_configs([good])
    with pytest.raises(StudyError) as caught:
        require_sound_configs([good, wrong, json])
    assert str(caught.value).splitlines() == [
        "wrong.yaml: cannot be used: the key 'a' occurs twice, in lines 1 and 2",
        "wrong.json: cannot be used: the key 'a' occurs twice",
    ]
