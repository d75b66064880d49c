"""Templates told by a name or a grid, and records of studies that mix them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_atlases import ASYM, GRIDS, SIX, affine_of
from made_runs import REGISTRY, run_settings

from ketfc.base.files import read_json
from ketfc.imaging.atlas.templates import (
    named_template,
    standard_template,
    template_mismatch,
)
from ketfc.imaging.io.grid import Grid
from ketfc.imaging.regions.definitions import AtlasLabels
from ketfc.imaging.regions.registry import Registry, region_mismatch
from ketfc.imaging.run.denoising import RunResult, StrategyResult
from ketfc.imaging.run.derivatives import template_mismatches, write_run
from ketfc.imaging.run.operators import RunFiles


def grid(shape: tuple[int, int, int], step: tuple[float, ...], origin: tuple[float, ...]) -> Grid:
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = origin
    return Grid(shape, affine)


@pytest.mark.parametrize(
    ("made", "template"),
    [
        (grid((193, 229, 193), (1, 1, 1), (-96, -132, -78)), ASYM),
        (grid((97, 115, 97), (2, 2, 2), (-96.5, -132.5, -78.5)), ASYM),
        (grid((182, 218, 182), (-1, 1, 1), (90, -126, -72)), SIX),
        (grid((182, 218, 182), (1, 1, 1), (-91, -126, -72)), SIX),
        (grid((91, 109, 91), (-2, 2, 2), (90, -126, -72)), SIX),
        # nilearn's MNI152, SPM's bounding box, and a grid of 4 mm
        (grid((99, 117, 95), (2, 2, 2), (-98, -134, -72)), None),
        (grid((79, 95, 79), (-2, 2, 2), (78, -112, -70)), None),
        (grid((50, 59, 50), (4, 4, 4), (-96, -132, -78)), None),
    ],
)
def test_a_templates_own_grid_is_known(made, template):
    assert standard_template(made) == template


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("shape", "step", "origin", "template"),
    [
        # TemplateFlow's res-01 of either template has these corners, the other at 2 mm
        ((193, 229, 193), (1.0, 1.0, 1.0), (-96.0, -132.0, -78.0), ASYM),
        ((91, 109, 91), (2.0, 2.0, 2.0), (-90.0, -126.0, -72.0), SIX),
    ],
)
def test_a_grid_is_a_templates_if_both_ends_are_within_two_millimetres(
    shape, step, origin, template, axis
):
    for end in ("low", "high"):
        for beside, expected in ((1.99, template), (2.01, None)):
            for away in (beside, -beside):
                steps, origins = list(step), list(origin)
                steps[axis] += (away if end == "high" else -away) / (shape[axis] - 1)
                origins[axis] += away if end == "low" else 0
                assert standard_template(grid(shape, tuple(steps), tuple(origins))) == expected


@pytest.mark.parametrize("space", [ASYM, SIX])
def test_the_grids_of_the_tests_are_what_they_are_called(space):
    assert standard_template(Grid(GRIDS[space][0], affine_of(space))) == space


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("tpl-MNI152NLin2009cAsym_res-02_dseg.nii.gz", ASYM),
        ("Tian_Subcortex_S1_3T_2009cAsym.nii.gz", ASYM),
        ("CIT168toMNI152-2009c_det.nii.gz", ASYM),
        ("CIT168toMNI152-FSL_det.nii.gz", SIX),
        ("Schaefer2018_400Parcels_7Networks_order_FSLMNI152_2mm.nii.gz", SIX),
        ("MNI152NLin6Asym/atlas.nii.gz", SIX),
        ("MNI152NLin6Asym/MNI152NLin2009cAsym/atlas.nii.gz", ASYM),
        ("MNI152NLin6Asym/from_2009cAsym_to_NLin6Asym.nii.gz", SIX),
        ("MNI152NLin2009cSym/atlas.nii.gz", None),
        ("atlas.nii.gz", None),
    ],
)
def test_the_nearest_name_that_says_one_template_counts(path, template):
    folder = Path("/MNI152NLin6Asym/atlases")
    # what lies above the folder says nothing
    assert named_template(folder / path, folder) == template


def test_a_mismatch_is_said_and_coordinates_without_a_template_have_none():
    assert template_mismatch(SIX, ASYM) == f"{SIX} regions on {ASYM} images"
    assert template_mismatch(ASYM, ASYM) is None
    assert template_mismatch("MNI152", SIX) is None


def elsewhere() -> Registry:
    """Return a registry whose region b is in the other template only."""
    region = REGISTRY.regions["b"]
    spheres = tuple(replace(sphere, space=SIX) for sphere in region.spheres)
    return replace(REGISTRY, regions={**REGISTRY.regions, "b": replace(region, spheres=spheres)})


def test_regions_of_another_template_are_placed_where_they_are_and_named():
    registry = elsewhere()
    assert registry.outside(ASYM) == ["b"]
    assert [sphere.space for sphere in registry.regions["b"].spheres_in(ASYM)] == [SIX]
    assert region_mismatch(registry, ASYM) == f"b: {SIX} regions on {ASYM} images"
    assert region_mismatch(REGISTRY, ASYM) is None


def of_labels(registry: Registry) -> Registry:
    """Return a registry whose regions a and c are labels, c of two parcellations and a sphere."""
    parts = (AtlasLabels("Mine", ("x",)), AtlasLabels("Theirs", ("y", "z")))
    a, c = (registry.regions[name] for name in "ac")
    label = replace(a, id="part", spheres=(), labels=parts)
    made = {
        "a": replace(a, spheres=(), labels=parts[:1]),
        "c": replace(c, spheres=(), members=(label, replace(c, id="ball"))),
    }
    return replace(registry, regions=registry.regions | made)


def test_regions_of_an_atlas_of_another_template_are_named_too():
    note = template_mismatch(SIX, ASYM)
    registry = of_labels(REGISTRY)
    assert region_mismatch(registry, ASYM) is None
    assert region_mismatch(registry, ASYM, {"Mine": None, "Theirs": None}) is None
    assert region_mismatch(registry, ASYM, {"Mine": None, "Theirs": note}) == f"c: {note}"
    both = region_mismatch(registry, ASYM, {"Mine": note, "Theirs": note, "Unused": "x"})
    assert both == f"a: {note}; c: {note}"
    # what a sphere says comes first, and the same is said once
    assert region_mismatch(of_labels(elsewhere()), ASYM, {"Mine": "another grid"}) == (
        f"a: another grid; b: {note}; c: another grid"
    )


def test_the_sidecars_of_a_run_say_which_atlas_is_of_another_template(tmp_path):
    names = [region.id for region in REGISTRY.used_regions]
    note, registry = template_mismatch(SIX, ASYM), of_labels(REGISTRY)
    sidecars = {name: tmp_path / f"{name}.json" for name in ("Mine", "Theirs", "Other")}
    for name, path in sidecars.items():
        path.write_text(json.dumps({"TemplateMismatch": None if name == "Mine" else note}))
    write_run(
        tmp_path,
        "sub-01_task-rest",
        ASYM,
        files=RunFiles(Path("bold.nii.gz"), Path("mask.nii.gz"), Path("confounds.tsv")),
        result=RunResult(series={}, strategies={"none": StrategyResult()}, quality={}),
        registry=registry,
        regions={"Circuits": names, "Other": ["p1", "p2"]},
        settings=run_settings(),
        mismatches=template_mismatches(registry, ASYM, sidecars),
    )
    for kind in ("stat-mean_timeseries", "desc-none_stat-pearsoncorrelation_relmat"):
        for atlas, said in (("Circuits", f"c: {note}"), ("Other", note)):
            path = tmp_path / f"sub-01_task-rest_space-{ASYM}_atlas-{atlas}_{kind}.json"
            assert read_json(path)["TemplateMismatch"] == said
