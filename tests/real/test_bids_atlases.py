"""Real atlases of the data kit in BIDS form: read as they are, with the same parcels and series."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_atlases import ASYM, PARCELLATIONS, no_network, planned  # noqa: F401

from ketfc.base.files import write_tsv
from ketfc.imaging.atlas.catalogue import load_catalogue
from ketfc.imaging.atlas.making import make_parcellation
from ketfc.imaging.atlas.parcellations import Parcellation, save_parcellation
from ketfc.imaging.io.masks import read_mask
from ketfc.imaging.io.reader import read_header
from ketfc.imaging.regions.placing import label_regions
from ketfc.imaging.run.extraction import extract

CATALOGUE = load_catalogue(PARCELLATIONS)
NAMES = ["Schaefer100x7", "TianS2", "THOMAS"]
ABOUT = {"Name": "from the data kit", "License": "MIT", "ReferencesAndLinks": ["the kit"]}


def make(name: str, folder: Path | None, image: Path | None = None) -> tuple[Parcellation, dict]:
    own = str(image) if image else None
    return make_parcellation(
        {"name": name, "image": own, "labels": None, "space": None},
        ASYM,
        catalogue=CATALOGUE,
        folder=folder,
        other_templates=False,
        cache=Path("nowhere"),
    )


def in_bids_form(form: str, name: str, kit: Path, folder: Path) -> tuple[Parcellation, Path]:
    """Write an atlas of the kit in a form; return it as the catalogue reads it, and its image."""
    known, about = make(name, kit / "atlases")
    (source,) = (kit / "atlases").rglob(about["Sources"][0])
    if form == "BIDS-atlas":
        stem, table = f"atlas-Kit{name}_space-{ASYM}_dseg", f"atlas-Kit{name}_dseg.tsv"
        place, sidecar = folder / f"atlas-Kit{name}", f"atlas-Kit{name}_description.json"
    else:
        stem = f"tpl-{ASYM}_res-02_atlas-Kit_desc-{name}_dseg"
        table = f"tpl-{ASYM}_atlas-Kit_desc-{name}_dseg.tsv"
        place, sidecar = folder / f"tpl-{ASYM}", stem.replace("_res-02", "") + ".json"
    place.mkdir(parents=True)
    image = place / f"{stem}.nii.gz"
    shutil.copy(source, image)
    write_tsv(place / table, known.table())
    (place / sidecar).write_text(json.dumps(ABOUT), encoding="utf-8")
    return known, image


@pytest.mark.parametrize("form", ["BIDS-atlas", "TemplateFlow"])
@pytest.mark.parametrize("name", NAMES)
def test_a_real_atlas_in_bids_form_is_the_one_of_the_catalogue(form, name, kit, tmp_path):
    known, image = in_bids_form(form, name, kit, tmp_path)
    for found, about in (
        make(f"Kit{name}", tmp_path),
        make("Mine", None, image),
        make("Mine", None, tmp_path),
    ):
        np.testing.assert_array_equal(found.labels, known.labels)
        assert found.table().equals(known.table())
        assert (found.space, about["License"]) == (ASYM, "MIT")
        assert about["LabelsWithoutVoxels"] == []
    notes = planned([f"Kit{name}", {"name": "Mine", "image": str(tmp_path)}], ASYM, tmp_path)
    assert {note.severity for note in notes} == {"note"}
    assert sum("licence: MIT; please cite the kit" in note.message for note in notes) == 2


def test_a_real_image_of_the_other_template_is_caught_by_checksum_and_grid(kit, tmp_path):
    """A file of MNI152NLin6Asym whose BIDS name says MNI152NLin2009cAsym."""
    source = kit / "atlases/CIT168/MNI152NLin6Asym_Thalamus_THOMAS.nii.gz"
    image = tmp_path / f"atlas-Mine_space-{ASYM}_dseg.nii.gz"
    shutil.copy(source, image)
    for one in ("Mine", {"name": "Mine", "image": str(image)}):
        (problem,) = planned([one], ASYM, tmp_path)
        assert problem.severity == "error"
        assert "but by its checksum it is in MNI152NLin6Asym" in problem.message


def test_what_ketfc_writes_gives_the_same_series_of_a_real_run(kit, tmp_path):
    known, image = in_bids_form("TemplateFlow", "Schaefer100x7", kit, tmp_path / "in")
    made, about = make("Mine", None, image)
    place = tmp_path / "results/derivatives/atlases/atlas-Mine"
    save_parcellation(
        made,
        about,
        image=place / f"atlas-Mine_space-{ASYM}_dseg.nii.gz",
        table=place / "atlas-Mine_dseg.tsv",
        sidecar=place / f"atlas-Mine_space-{ASYM}_dseg.json",
    )
    again, told = make("Mine", place.parent)
    assert (told["License"], told["Template"]) == ("MIT", ASYM)
    func = kit / "studies/stages/sub-002/ses-1/func"
    bold = next(func.glob("*_bold.nii.gz"))
    grid = read_header(bold).grid
    mask = read_mask(next(func.glob("*_mask.nii.gz")), grid)
    series = [
        extract(bold, mask, [label_regions(each, grid)]).by_atlas(0.5)[each.name].series
        for each in (known, again)
    ]
    assert series[0].notna().any(axis=None)
    assert series[0].equals(series[1])
