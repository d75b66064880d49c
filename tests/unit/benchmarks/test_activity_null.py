"""The null simulation of activity: censoring alone is no change of what is tested."""

from __future__ import annotations

import pytest
from activity_null import rates

TESTED = ("malff", "mfalff", "mreho")


def test_what_is_tested_stays_in_its_band_and_what_is_not_shows_that_the_simulation_can_tell():
    table = rates(0.2, 30).set_index("measure")
    assert (table.loc[list(TESTED), "rate"] <= table["high"].iloc[0]).all()
    # the share of slow power grows where gaps are filled in, so that it is not tested as it is
    assert table.loc["falff", "rate"] > 0.9
    assert table.loc["falff", "effect"] > 1
    assert table.loc[list(TESTED), "effect"].abs().max() < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
def test_tested_measures_reject_in_the_binomial_band(share):
    table = rates(share, 1000).set_index("measure").loc[list(TESTED)]
    assert table["rate"].between(table["low"], table["high"]).all(), table
