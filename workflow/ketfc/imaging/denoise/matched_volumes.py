"""How many volumes each run may use, so that a participant's sessions rest on equally many."""

from __future__ import annotations

from collections.abc import Mapping


def matched_volumes(kept: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return how many of its kept volumes each run uses once sessions are matched.

    Every session uses as many as the one that kept fewest. Where a session has several runs,
    each gives its share of what the session kept, by largest remainder (ties go by name).

    Parameters
    ----------
    kept : mapping of str to mapping of str to int
        Kept volumes by session and run; runs that cannot be used are not in it.

    Returns
    -------
    dict of str to int
        By run.
    """
    totals = {session: sum(runs.values()) for session, runs in kept.items() if runs}
    target = min(totals.values(), default=0)
    matched: dict[str, int] = {}
    for session, total in totals.items():
        runs = kept[session]
        matched |= {run: n * target // total for run, n in runs.items()}
        left = target - sum(matched[run] for run in runs)
        by_remainder = sorted(runs, key=lambda run: (-(runs[run] * target % total), run))
        for run in by_remainder[:left]:
            matched[run] += 1
    return matched
