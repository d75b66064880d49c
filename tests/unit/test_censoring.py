"""Which volumes are censored, and when too little is left."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ketfc.imaging.censoring import kept_volumes, require_time
from ketfc.imaging.errors import RunError

FD = [np.nan, 0.1, 0.5, 0.51, 0.2, 2.0]
DVARS = [np.nan, 1.0, 1.6, 1.0, 1.5, 1.0]


def confounds(fd=FD, dvars=DVARS) -> pd.DataFrame:
    return pd.DataFrame({"framewise_displacement": fd, "std_dvars": dvars}, dtype=float)


@pytest.mark.parametrize(
    ("fd_thresh", "dvars_thresh", "kept"),
    [
        (None, None, [0, 1, 2, 3, 4, 5]),
        (0.5, None, [0, 1, 2, 4]),
        (None, 1.5, [0, 1, 3, 4, 5]),
        (0.5, 1.5, [0, 1, 4]),
        (0.05, None, [0]),
    ],
)
def test_volumes_above_a_threshold_go_and_the_first_stays(fd_thresh, dvars_thresh, kept):
    keep = kept_volumes(confounds(), fd_thresh=fd_thresh, dvars_thresh=dvars_thresh)
    assert np.flatnonzero(keep).tolist() == kept


def test_a_column_is_needed_only_where_it_decides():
    table = confounds().drop(columns="std_dvars")
    assert kept_volumes(table, fd_thresh=0.5, dvars_thresh=None).sum() == 4
    with pytest.raises(RunError, match="lack std_dvars, by which volumes") as caught:
        kept_volumes(table, fd_thresh=0.5, dvars_thresh=1.5)
    assert caught.value.rule == "confounds-column"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gap_later_than_the_first_row_is_refused(value):
    table = confounds(fd=[np.nan, 0.1, 0.2, value, 0.1, 0.1])
    with pytest.raises(RunError, match="row 5 of its file") as caught:
        kept_volumes(table, fd_thresh=0.5, dvars_thresh=None)
    assert caught.value.rule == "confounds-gap"
    assert kept_volumes(table, fd_thresh=None, dvars_thresh=None).all()


def test_what_is_left_must_last_long_enough():
    keep = np.r_[np.ones(120, bool), np.zeros(30, bool)]
    require_time(keep, 2.0, 240)
    with pytest.raises(RunError) as caught:
        require_time(keep, 1.5, 240)
    assert caught.value.reason == (
        "180 s are left after censoring 30 of 150 volumes, less than min-time 240 s"
    )
    assert (caught.value.rule, caught.value.value, caught.value.threshold) == (
        "min-time",
        180.0,
        240,
    )
