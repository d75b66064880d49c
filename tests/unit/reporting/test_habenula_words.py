"""Sentences of report and methods on the habenula."""

from __future__ import annotations

from pathlib import Path

from ketfc.imaging.regions.habenula import habenula_table
from ketfc.imaging.regions.registry import load_registry
from ketfc.reporting.text.habenula import methods_sentences, report_sentences

SPACE = "MNI152NLin2009cAsym"
REGISTRY = load_registry(Path(__file__).parents[3] / "atlases" / "circuits.yaml")


def test_the_sentences_give_size_runs_and_verdict(native):
    table = habenula_table(REGISTRY, SPACE, native)
    fine, coarse, unknown = report_sentences(table)
    assert fine.startswith("rHabenula, 3 runs recorded at 2 × 2 × 2 mm: interpretable. By geometry")
    assert "3.75 × 3.75 × 3.5 mm: peri-habenular only" in coarse
    assert "1 run: the recorded voxel size is not known" in unknown
    methods = " ".join(methods_sentences(table))
    assert "not from the resampled grid" in methods
    assert "not a published standard" in methods
    assert fine in methods
    assert methods_sentences(table.iloc[:0]) == []


def test_the_methods_say_what_stood_for_the_habenula(native):
    spheroid = habenula_table(REGISTRY, SPACE, native)
    assert "a spheroid with the volume" in methods_sentences(spheroid)[0]
    assert "the label of the habenula" in methods_sentences(spheroid.assign(body="label"))[0]
