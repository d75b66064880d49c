"""Circuits of a run and a study at further thresholds of framewise displacement."""

from __future__ import annotations

import numpy as np
import pandas as pd
from made_runs import CIRCUITS, REGIONS, REGISTRY, place, process_run, run_settings

from ketfc.base.files import write_tsv
from ketfc.imaging.group.fd_thresholds import circuits_at, combined_at
from ketfc.imaging.run.derivatives import circuit_table
from ketfc.imaging.run.reading import extract_run

NAMES = {"Circuits": [each.id for each in REGIONS]}
STRATEGIES = ("24P", "none", "gsr_only")
ROWS = sum(len(circuit.edges) + 1 for circuit in CIRCUITS)


def moved(table: pd.DataFrame) -> pd.DataFrame:
    """Let 12 volumes exceed 0.3 mm, of which 5 exceed 0.45 mm."""
    fd = np.full(len(table), 0.1)
    fd[7:67:5] = 0.4
    fd[7:32:5] = 0.5
    return table.assign(framewise_displacement=fd)


def settings(fd: float):
    return run_settings(strategies=STRATEGIES, fd_thresh=fd, min_time=60.0)


def test_a_run_is_denoised_at_every_threshold_as_it_is_at_its_own(make_run):
    run = make_run(100, confounds=moved)
    extraction = extract_run(run.files.bold, run.files.mask, place, NAMES)
    table = circuits_at(
        [0.3, 0.45], ["none", "gsr_only"], extraction, run.files, settings(0.2), REGISTRY
    )
    assert len(table) == 2 * 2 * ROWS
    assert table.index.tolist() == list(range(len(table)))
    # the primary strategy is worked out and not listed, where it is not asked for
    assert table.groupby("fd_thresh")["strategy"].agg(set).tolist() == [{"none", "gsr_only"}] * 2
    for fd, kept in ((0.3, 88), (0.45, 95)):
        own = table[table["fd_thresh"] == fd].drop(columns="fd_thresh")
        assert set(own["n_volumes"]) == {kept}
        expected = circuit_table(process_run(run.files, place, settings(fd)), REGISTRY, NAMES)
        expected = expected[expected["strategy"] != "24P"]
        pd.testing.assert_frame_equal(
            own.reset_index(drop=True), expected.reset_index(drop=True), check_exact=False
        )


def test_a_study_is_combined_at_every_threshold_by_itself(tmp_path):
    runs = pd.DataFrame(
        {"run": ["r1", "r2", "gone"], "participant_id": ["sub-1", "sub-1", "sub-2"],
         "session": "b", "role": "pre"}
    )  # fmt: skip
    paths = {}
    for run, value in (("r1", 0.1), ("r2", 0.5)):
        rows = pd.DataFrame(
            [
                {"strategy": "none", "circuit": "one", "measure": "edge", "region_a": "a",
                 "region_b": "b", "r": np.tanh(value + fd), "z": value + fd, "n_volumes": 90,
                 "tdof": 40.0, "coverage_a": 1.0, "coverage_b": 1.0, "fd_thresh": fd}
                for fd in (0.3, 0.45)
            ]
        )  # fmt: skip
        paths[run] = str(tmp_path / f"{run}.tsv")
        write_tsv(paths[run], rows)
    found = combined_at([0.45, 0.3], ["none"], paths, REGISTRY, runs)
    assert list(found) == [0.45, 0.3]
    for fd, table in found.items():
        edges = table[(table["circuit"] == "one") & (table["measure"] == "edge")]
        assert edges["participant_id"].tolist() == ["sub-1", "sub-2"]
        np.testing.assert_allclose(edges["z"].iloc[0], 0.3 + fd, rtol=1e-6)
        assert np.isnan(edges["z"].iloc[1])
        assert edges["n_volumes"].tolist() == [180, 0]
    assert combined_at([], ["none"], {"r1": "nowhere.tsv"}, REGISTRY, runs) == {}
