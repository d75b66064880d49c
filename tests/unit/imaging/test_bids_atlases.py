"""Atlases in BIDS form as input: found, described and checked as they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from made_atlases import ASYM, PARCELLATIONS, SIX, planned, write_image

from ketfc.base.errors import StudyError
from ketfc.imaging.atlas.atlas_files import sha256_of
from ketfc.imaging.atlas.bids_atlases import atlas_names, bids_metadata, inherited
from ketfc.imaging.atlas.catalogue import load_catalogue
from ketfc.imaging.atlas.making import make_parcellation
from ketfc.imaging.atlas.parcellations import save_parcellation
from ketfc.imaging.regions.region_atlases import parcellation_files
from ketfc.study.config.config import Config, parse_config

CATALOGUE = load_catalogue(PARCELLATIONS)
ABOUT = {
    "Name": "three blocks",
    "License": "CC0",
    "ReferencesAndLinks": ["Somebody 2020", "https://doi.org/10.1/x"],
}


def mine(folder: Path, space: str = ASYM, n_labels: int = 3) -> Path:
    """Write a BIDS atlas of three parcels, and return its image."""
    place = folder / "atlas-Mine"
    image = write_image(place / f"atlas-Mine_space-{space}_dseg.nii.gz", n_labels)
    (place / "atlas-Mine_dseg.tsv").write_text(
        "index\tname\tnetwork\n1\ta\tX\n2\tb\tY\n3\tc\tn/a\n"
    )
    (place / "atlas-Mine_dseg.json").write_text(json.dumps(ABOUT))
    return image


def make(
    name: str, folder: Path | None = None, images: str = ASYM, *, others: bool = False, **own: str
):
    return make_parcellation(
        {"name": name, "image": None, "labels": None, "space": None, **own},
        images,
        catalogue=CATALOGUE,
        folder=folder,
        other_templates=others,
        cache=Path("nowhere"),
    )


def errors(found: list) -> list[tuple[str | None, str | None]]:
    return [(each.file, each.value) for each in found if each.severity == "error"]


def config(**circuits: object) -> Config:
    return parse_config(
        {
            "study": {"name": "x", "derivatives": "/d", "sessions": {"pre": "a", "post": "b"}},
            "scores": {"table": "t", "si": {"instrument": "SSI", "column": "SSI"}},
            "circuits": circuits,
        }
    )


@pytest.mark.parametrize("how", ["by name", "image", "folder", "folder above", "other name"])
def test_a_bids_atlas_is_read_as_it_is(how, tmp_path):
    image = mine(tmp_path)
    if how == "by name":
        found, about = make("Mine", tmp_path)
    else:
        path = {"image": image, "folder": image.parent}.get(how, tmp_path)
        name = "Blocks" if how == "other name" else "Mine"
        found, about = make(name, image=str(path))
        assert found.name == name
    assert (found.names, found.networks) == (("a", "b", "c"), ("X", "Y", ""))
    assert (found.space, about["Template"], about["TemplateMismatch"]) == (ASYM, ASYM, None)
    assert about["Description"] == "three blocks"
    assert about["License"] == "CC0"
    assert about["ReferencesAndLinks"] == ["Somebody 2020; https://doi.org/10.1/x"]
    assert about["Sources"] == [image.name, "atlas-Mine_dseg.tsv"]
    assert about["SHA256"] == sha256_of(image)
    assert about["Origin"] == ("circuits.atlases-dir" if how == "by name" else "the config")


@pytest.mark.parametrize("given", ["Mine", "folder", "image"])
def test_the_plan_says_licence_and_origin_and_the_job_gets_its_files(given, tmp_path):
    image = mine(tmp_path)
    path = {"folder": tmp_path, "image": image}.get(given)
    one = {"name": "Mine", "image": str(path)} if path else "Mine"
    found = planned([one], ASYM, tmp_path)
    assert errors(found) == []
    wanted = "licence: CC0; please cite Somebody 2020; https://doi.org/10.1/x"
    assert any(wanted in each.message for each in found)
    files = parcellation_files(
        config(**{"atlases-dir": str(tmp_path), "parcellation": one}), PARCELLATIONS
    )
    names = {Path(file).name for file in files["Mine"]}
    assert names == {image.name, "atlas-Mine_dseg.tsv", "atlas-Mine_dseg.json"}


def test_templateflows_files_have_the_name_of_their_variant(tmp_path):
    place = tmp_path / f"tpl-{ASYM}"
    stem = f"tpl-{ASYM}_res-{{}}_atlas-Fine_desc-{{}}_dseg.nii.gz"
    two = write_image(place / stem.format("02", "2Parcels"), 2)
    write_image(place / stem.format("01", "3Parcels"), 3)
    (place / f"tpl-{ASYM}_atlas-Fine_desc-2Parcels_dseg.tsv").write_text(
        "index\tname\n1\ta\n2\tb\n"
    )
    found, about = make("Fine2Parcels", tmp_path)
    assert (found.names, about["Sources"][0]) == (("a", "b"), two.name)
    assert make("fine3parcels", tmp_path)[0].names == ("label1", "label2", "label3")
    (problem,) = planned(["Fine"], ASYM, tmp_path)
    assert "is the name of 2 atlases; say which" in problem.message
    assert problem.allowed == "Fine2Parcels, Fine3Parcels"
    (problem,) = planned(["Fine4Parcels"], ASYM, tmp_path)
    assert "did you mean 'Fine" in problem.message
    assert problem.allowed.endswith("Fine2Parcels, Fine3Parcels")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("tpl-T_res-02_atlas-A_desc-9Parcels_dseg.nii.gz", ("A", "A9Parcels")),
        ("atlas-A_space-T_dseg.nii", ("A", "A")),
        ("tpl-T_atlas-A_seg-B+C_scale-2_dseg.nii.gz", ("A", "ABC2")),
        ("tpl-T_seg-B_dseg.nii.gz", ("B", "B")),
    ],
)
def test_names_are_the_entities_that_tell_atlases_apart(name, names):
    assert atlas_names(Path(name)) == names


def test_tables_and_metadata_are_inherited_and_the_nearest_wins(tmp_path):
    (tmp_path / "dataset_description.json").write_text('{"Name": "d", "License": "MIT"}')
    (tmp_path / "atlas-Mine_description.json").write_text('{"Name": "all", "Species": "human"}')
    (tmp_path / "atlas-Mine_dseg.tsv").write_text("index\tname\n1\tfar\n")
    (tmp_path / "atlas-Other_dseg.tsv").write_text("index\tname\n1\tother\n")
    place = tmp_path / "tpl" / "anat"
    image = write_image(place / f"atlas-Mine_space-{ASYM}_res-1_dseg.nii.gz", 1)
    assert [path.name for path in inherited(image, ".tsv")] == ["atlas-Mine_dseg.tsv"]
    (place / "atlas-Mine_dseg.tsv").write_text("index\tname\n1\tnearer\n")
    (place / "atlas-Mine_res-2_dseg.tsv").write_text("index\tname\n1\tcoarse\n")
    (place / "atlas-Mine_res-1_dseg.tsv").write_text("index\tname\n1\tnear\n")
    (place / "atlas-Mine_dseg.json").write_text('{"Name": "near"}')
    assert [path.name for path in inherited(image, ".tsv")][-1] == "atlas-Mine_res-1_dseg.tsv"
    assert bids_metadata("Mine", image) == {"License": "MIT", "Name": "near", "Species": "human"}
    assert make("Mine", tmp_path)[0].names == ("near",)


@pytest.mark.parametrize("folders", ["", "one", "one/two", "one/two/three"])
def test_what_is_beside_the_datasets_description_is_inherited_at_any_depth(folders, tmp_path):
    root = tmp_path / "dataset"
    image = write_image(root / folders / f"atlas-Mine_space-{ASYM}_dseg.nii.gz", 1)
    for folder, name in ((tmp_path, "beyond"), (root, "mine")):
        (folder / "atlas-Mine_dseg.tsv").write_text(f"index\tname\n1\t{name}\n")
    (root / "dataset_description.json").write_text('{"Name": "d"}')
    assert inherited(image, ".tsv") == [root / "atlas-Mine_dseg.tsv"]


def test_what_ketfc_wrote_is_read_again(tmp_path):
    written, about = make("Mine", image=str(mine(tmp_path / "in")))
    place = tmp_path / "results" / "derivatives" / "atlases" / "atlas-Mine"
    image = place / f"atlas-Mine_space-{ASYM}_dseg.nii.gz"
    save_parcellation(
        written,
        about,
        image=image,
        table=place / "atlas-Mine_dseg.tsv",
        sidecar=place / f"atlas-Mine_space-{ASYM}_dseg.json",
    )
    for again, known in (make("Mine", place.parent), make("Mine", image=str(image))):
        assert again.table().equals(written.table())
        assert (again.labels == written.labels).all()
        assert known["License"] == about["License"]
        assert known["ReferencesAndLinks"] == about["ReferencesAndLinks"]


def test_the_templates_are_checked(tmp_path):
    image = mine(tmp_path, SIX)
    (problem,) = planned(["Mine"], ASYM, tmp_path)
    assert f"is not available in {ASYM}" in problem.message
    assert make("Mine", tmp_path, others=True)[1]["TemplateMismatch"]
    (problem,) = planned([{"name": "Mine", "image": str(tmp_path)}], ASYM, None)
    assert (problem.message, problem.allowed) == (f"has no image in {ASYM} in {tmp_path}", SIX)
    assert make("Mine", image=str(tmp_path), others=True)[0].space == SIX
    sidecar = image.with_name("atlas-Mine_dseg.json")
    sidecar.write_text(json.dumps({"Template": ASYM}))
    (problem,) = planned(["Mine"], SIX, tmp_path)
    assert problem.message == (
        f"is said to be in {SIX} by its name or folder, but by its sidecar it is in {ASYM}"
    )
    (problem,) = planned([{"name": "Mine", "image": str(image)}], SIX, None)
    assert f"by the config or its name, but by its sidecar it is in {ASYM}" in problem.message


def test_a_space_is_needed_where_the_name_of_an_image_says_none(tmp_path):
    with pytest.raises(StudyError, match="needs a space, since the name of its image says none"):
        config(parcellation={"name": "A", "image": "a_space-MNI305_dseg.nii.gz"})
    named = {"name": "A", "image": f"tpl-{ASYM}_atlas-A_dseg.nii.gz"}
    assert config(parcellation=named).circuits.parcellation[0].space == ASYM
    with pytest.raises(StudyError, match=r"differs from study\.space"):
        config(parcellation={"name": "A", "image": f"atlas-A_space-{SIX}_dseg.nii.gz"})
    # a folder by its name, but an image
    image = write_image(tmp_path / "atlas-A_dseg.nii.gz", 1).rename(tmp_path / "atlas")
    (problem,) = planned([{"name": "A", "image": str(image)}], ASYM, None)
    assert "needs a space" in problem.message


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("atlas-Mine_dseg.json", "[]", "is not a JSON object"),
        ("atlas-Mine_dseg.json", "{", "cannot be read"),
        ("atlas-Mine_dseg.tsv", "number\tname\n1\ta\n", "is not a table of labels"),
        (
            "atlas-Mine_dseg.tsv",
            "index\tname\n1\ta\n",
            "has no name for 2 labels of the image: 2, 3",
        ),
    ],
)
@pytest.mark.parametrize("given", ["Mine", "folder", "image"])
def test_what_is_wrong_with_its_files_is_told_once_at_plan(given, file, content, message, tmp_path):
    image = mine(tmp_path)
    image.with_name(file).write_text(content)
    path = {"folder": tmp_path, "image": image}.get(given)
    found = planned([{"name": "Mine", "image": str(path)} if path else "Mine"], ASYM, tmp_path)
    (problem,) = [each for each in found if each.severity == "error"]
    assert (problem.file, problem.field, problem.value) == (file, "circuits.parcellation", "Mine")
    assert message in problem.message


def test_a_folder_without_the_atlas_says_what_it_has(tmp_path):
    mine(tmp_path)
    shutil.copytree(tmp_path / "atlas-Mine", tmp_path / "more")
    (tmp_path / "more" / f"atlas-Mine_space-{ASYM}_dseg.nii.gz").rename(
        tmp_path / "more" / f"atlas-Yours_space-{ASYM}_dseg.nii.gz"
    )
    (problem,) = planned([{"name": "Ours", "image": str(tmp_path)}], ASYM, None)
    assert "is not the name of a BIDS atlas (…atlas-Ours_…dseg.nii.gz)" in problem.message
    assert problem.allowed == "Mine, Yours"
