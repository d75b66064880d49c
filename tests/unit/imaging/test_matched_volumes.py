"""Sessions of a participant are cut to equally many volumes, run by run."""

from __future__ import annotations

import pytest

from ketfc.imaging.denoise.censoring import matched_volumes


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ({"pre": {"a": 100}, "post": {"b": 80}}, {"a": 80, "b": 80}),
        ({"pre": {"a": 100}}, {"a": 100}),
        ({"pre": {"a": 100}, "post": {}}, {"a": 100}),
        ({"pre": {"a": 90}, "post": {"b": 90}, "late": {"c": 70}}, {"a": 70, "b": 70, "c": 70}),
        # shares of 100 of 60, 30 and 30: 50, 25 and 25
        (
            {"pre": {"a": 60, "b": 30, "c": 30}, "post": {"d": 100}},
            {"a": 50, "b": 25, "c": 25, "d": 100},
        ),
        # 100 × 70/190 = 36.84 and 100 × 120/190 = 63.16
        ({"pre": {"a": 70, "b": 120}, "post": {"c": 100}}, {"a": 37, "b": 63, "c": 100}),
        # equal remainders go by name
        ({"pre": {"b": 50, "a": 50}, "post": {"c": 51}}, {"a": 26, "b": 25, "c": 51}),
        ({}, {}),
    ],
)
def test_every_session_uses_as_many_as_the_shortest(kept, expected):
    assert matched_volumes(kept) == expected


def test_whatever_is_kept_sessions_end_equal_and_no_run_gives_more_than_it_has(rng):
    for _ in range(200):
        kept = {
            f"s{i}": {f"s{i}r{j}": int(rng.integers(1, 300)) for j in range(rng.integers(1, 5))}
            for i in range(rng.integers(1, 4))
        }
        matched = matched_volumes(kept)
        totals = {sum(matched[run] for run in runs) for runs in kept.values()}
        assert totals == {min(sum(runs.values()) for runs in kept.values())}
        for runs in kept.values():
            assert all(0 <= matched[run] <= n for run, n in runs.items())
        shuffled = {session: dict(reversed(kept[session].items())) for session in reversed(kept)}
        assert matched_volumes(shuffled) == matched
