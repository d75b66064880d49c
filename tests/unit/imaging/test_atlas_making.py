"""From the files of a parcellation to its parcels, and what is recorded of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_atlases import ASYM, PARCELLATIONS, SIX, no_network, write_image  # noqa: F401
from made_runs import nifti_bytes, write_gzip

from ketfc.base.errors import StudyError
from ketfc.base.files import read_json
from ketfc.imaging.atlas.atlas_files import AtlasFile
from ketfc.imaging.atlas.catalogue import Atlas, load_catalogue
from ketfc.imaging.atlas.making import make_parcellation, named_parcellation
from ketfc.imaging.atlas.parcellations import VORONOI, Parcellation, save_parcellation

CATALOGUE = load_catalogue(PARCELLATIONS)
NOTHING = {"image": None, "labels": None, "space": None}


def make(
    name: str,
    images: str,
    folder: Path | None,
    *,
    others: bool = False,
    **own: str,
) -> tuple[Parcellation, dict[str, Any]]:
    return make_parcellation(
        {"name": name, **NOTHING, **own},
        images,
        catalogue=CATALOGUE,
        folder=folder,
        other_templates=others,
        cache=Path("nowhere"),
    )


def test_the_built_in_parcellation_is_made_without_a_network(no_network):  # noqa: F811
    made, about = make(VORONOI, ASYM, None)
    assert len(made.names) == 239
    assert about["Origin"] == "made by ketfc"
    assert "not the published regions" in about["Description"]
    assert about["TemplateMismatch"] is None
    assert about["NumberOfLabels"] == 239


def test_an_own_parcellation_is_recorded_with_its_files_and_what_it_lost(tmp_path):
    image = write_image(tmp_path / "mine.nii.gz", 3)
    table = tmp_path / "mine.tsv"
    table.write_text("index\tname\n1\ta\n2\tb\n3\tc\n4\tlost\n")
    given = {"image": str(image), "labels": str(table), "space": ASYM}
    with pytest.raises(StudyError, match=f"is in {ASYM}, and study.space is {SIX}"):
        make("Mine", SIX, None, **given)
    own, about = make("Mine", SIX, None, others=True, **given)
    assert (own.name, own.space, own.names) == ("Mine", ASYM, ("a", "b", "c", "lost"))
    assert about["Sources"] == ["mine.nii.gz", "mine.tsv"]
    assert about["LabelsWithoutVoxels"] == ["lost"]
    assert about["TemplateMismatch"] == f"{ASYM} regions on {SIX} images"
    assert len(about["SHA256"]) == 64


def test_an_own_parcellation_needs_no_table_of_labels(tmp_path):
    image = write_image(tmp_path / "mine.nii.gz", 3)
    own, about = make("Mine", ASYM, None, image=str(image), space=ASYM)
    assert own.names == ("label1", "label2", "label3")
    assert about["Sources"] == ["mine.nii.gz"]
    assert about["TemplateMismatch"] is None


def test_a_named_parcellation_is_recorded_with_its_licence_and_checksum(tmp_path):
    write_image(tmp_path / ASYM / "TianS1.nii.gz", 16)
    made, about = make("TianS1", ASYM, tmp_path)
    assert made.names == CATALOGUE.atlases["TianS1"].names
    assert made.indices.tolist() == list(range(1, 17))
    assert about["License"].startswith("free to use, with citation")
    assert about["ReferencesAndLinks"][1] == "https://doi.org/10.1038/s41593-020-00711-6"
    assert about["Origin"] == "circuits.atlases-dir"
    assert about["Template"] == ASYM
    assert about["KnownFile"] is False
    _, about = make("TianS1", SIX, tmp_path, others=True)
    assert about["TemplateMismatch"] == f"{ASYM} regions on {SIX} images"


def test_a_table_goes_before_the_names_of_the_catalogue(tmp_path):
    write_image(tmp_path / ASYM / "TianS1.nii.gz", 16)
    names = [f"mine{i}" for i in range(1, 17)]
    (tmp_path / "Tian_Subcortex_S1_3T_label.txt").write_text("\n".join(names))
    assert make("TianS1", ASYM, tmp_path)[0].names == tuple(names)


@pytest.mark.parametrize("n_labels", [89, 101])
def test_an_image_with_other_labels_than_its_name_promises_is_refused(n_labels, tmp_path):
    write_image(tmp_path / ASYM / "Schaefer100x7.nii.gz", n_labels)
    with pytest.raises(StudyError, match=f"has {n_labels} labels, where Schaefer100x7 has 100"):
        make("Schaefer100x7", ASYM, tmp_path)


def test_a_few_labels_may_have_been_lost_to_resampling(tmp_path):
    write_image(tmp_path / ASYM / "Schaefer100x7.nii.gz", 95)
    rows = "".join(f"{i}\tp{i}\n" for i in range(1, 101))
    (tmp_path / "Schaefer100x7.txt").write_text(rows)
    made, about = make("Schaefer100x7", ASYM, tmp_path)
    assert len(made.names) == 100
    assert about["LabelsWithoutVoxels"] == ["p96", "p97", "p98", "p99", "p100"]


def cit168(folder: Path, n_labels: int) -> None:
    """Write an image with blocks of labels across x = 0, as the nuclei of both sides."""
    labels = np.zeros((10, n_labels, 2), dtype=np.float32)
    labels[1:9, :, 0] = np.arange(1, n_labels + 1)
    affine = np.diag([1.0, 1, 1, 1])
    affine[0, 3] = -4.5
    folder.mkdir(parents=True)
    write_gzip(folder / "CIT168.nii.gz", nifti_bytes(labels, affine))


def test_the_habenula_of_both_sides_is_split_at_the_midline(tmp_path):
    cit168(tmp_path / ASYM, 16)
    made, about = make("CIT168", ASYM, tmp_path)
    assert about["NumberOfLabels"] == 32
    names = dict(zip(made.names, made.indices, strict=True))
    assert (names["HN_LH"], names["HN_RH"]) == (13, 113)
    x = np.arange(10) - 4.5
    for side, label in ((x < 0, 13), (x >= 0, 113)):
        assert (made.labels == label).any(axis=(1, 2))[1:9].tolist() == side[1:9].tolist()


def test_an_image_that_is_split_already_stays_as_it_is(tmp_path):
    cit168(tmp_path / ASYM, 28)
    rows = [f"{i},n{i}" for i in range(1, 29)]
    (tmp_path / ASYM / "CIT168.csv").write_text("\n".join(rows))
    made, _ = make("CIT168", ASYM, tmp_path)
    assert made.names == tuple(f"n{i}" for i in range(1, 29))


def test_labels_that_neither_table_nor_catalogue_names_are_refused(tmp_path):
    cit168(tmp_path / ASYM, 28)
    with pytest.raises(StudyError, match="has no name for 12 labels of the image: 17, 18"):
        make("CIT168", ASYM, tmp_path)


def test_the_sidecar_is_plain_json(tmp_path):
    write_image(tmp_path / ASYM / "Yeo7.nii.gz", 7)
    made, about = make("Yeo7", ASYM, tmp_path)
    out = tmp_path / "out"
    sidecar = out / "dseg.json"
    save_parcellation(
        made, about, image=out / "dseg.nii.gz", table=out / "dseg.tsv", sidecar=sidecar
    )
    written = read_json(sidecar)
    assert written.pop("GeneratedBy")[0]["Name"] == "ketfc"
    assert written == about


@pytest.mark.parametrize(("present", "fine"), [(8, True), (7, False), (9, False)])
def test_a_tenth_of_the_labels_may_be_lost_and_none_added(present, fine, tmp_path):
    # 90 per cent of 8 are 7.2
    atlas = Atlas("A", "files", "built in", "somebody", "", "free", True, counts=(8,))
    image = tmp_path / "a.nii.gz"
    values = np.arange(27, dtype=np.int16).reshape(3, 3, 3) % (present + 1)
    write_gzip(image, nifti_bytes(values))
    file = AtlasFile(image, ASYM, "here", "", False, None)
    if fine:
        assert len(named_parcellation(atlas, file).names) == present
    else:
        with pytest.raises(StudyError, match=f"has {present} labels, where A has 8"):
            named_parcellation(atlas, file)


def test_an_unknown_parcellation_is_an_error_with_the_nearest_name(tmp_path):
    with pytest.raises(StudyError, match="did you mean 'KetfcVoronoi239'"):
        make("KetfcVoronoi329", ASYM, tmp_path)
