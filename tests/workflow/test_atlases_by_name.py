"""Parcellations by name in the workflow: refused, or prepared, before images are read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
from made_runs import nifti_bytes, write_gzip
from made_study import AFFINE, SHAPE, SPACE, Study

from ketfc.base.files import read_json, read_tsv

MAKE = Callable[..., Study]
OTHER = "MNI152NLin6Asym"


def named(study: Study, folder: str, first: int = 4, **circuits: Any) -> dict[str, Any]:
    """Write an image of Yeo's seven networks for the study; return the config's section."""
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[first : first + 7, 5:12, 5:10] = np.arange(1, 8)[:, None, None]
    path = study.folder / "atlases" / folder / "Yeo7.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_gzip(path, nifti_bytes(labels, AFFINE))
    return {"parcellation": "Yeo7", "atlases-dir": "atlases", **circuits}


def test_a_named_parcellation_is_prepared_with_its_licence_beside_it(empty: MAKE) -> None:
    study = empty()
    study.configure(circuits=named(study, SPACE))
    stem = f"results/derivatives/atlases/atlas-Yeo7/atlas-Yeo7_space-{SPACE}_dseg"
    done = study.run(f"{stem}.json", cores=1)
    assert done.code == 0, done.text
    about = read_json(study.folder / f"{stem}.json")
    assert about["License"].startswith("MIT")
    assert about["Origin"] == "circuits.atlases-dir"
    assert about["TemplateMismatch"] is None
    assert study.run("plan", cores=1).code == 0
    summary = (study.results / "plan/summary.txt").read_text(encoding="utf-8")
    assert summary.count("licence: MIT") == 1
    # a new file of that name is a new parcellation, another file is not
    write_gzip(study.folder / "atlases" / "other.nii.gz", b"")
    assert "Nothing to be done" in study.run(f"{stem}.json", cores=1).text
    named(study, SPACE, first=5)
    assert study.run("-n", f"{stem}.json").jobs == {"parcellation": 1}


def test_another_template_stops_the_plan_or_is_noted(empty: MAKE) -> None:
    study = empty()
    study.configure(circuits=named(study, OTHER))
    done = study.run("plan", cores=1)
    assert done.code != 0
    assert f"Yeo7: is not available in {SPACE}" in done.text
    assert not (study.results / "plan/summary.txt").exists()
    study.configure(circuits=named(study, OTHER, **{"allow-template-mismatch": True}))
    assert study.run("plan", cores=1).code == 0
    problems = read_tsv(study.results / "plan/problems.tsv")
    assert set(problems["severity"]) == {"note"}
    assert problems["message"].str.contains(f"is in {OTHER} and used on data in {SPACE}").any()


def test_a_bids_atlas_is_prepared_and_what_is_written_is_input_again(empty: MAKE) -> None:
    study = empty()
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[4:7, 5:12, 5:10] = np.arange(1, 4)[:, None, None]
    place = study.folder / "atlases" / "atlas-Mine"
    place.mkdir(parents=True)
    write_gzip(place / f"atlas-Mine_space-{SPACE}_dseg.nii.gz", nifti_bytes(labels, AFFINE))
    table = place / "atlas-Mine_dseg.tsv"
    table.write_text("index\tname\n1\ta\n2\tb\n", encoding="utf-8")
    (place / "atlas-Mine_dseg.json").write_text('{"License": "CC0"}', encoding="utf-8")
    study.configure(circuits={"parcellation": "Mine", "atlases-dir": "atlases"})
    done = study.run("plan", cores=1)
    assert done.code != 0
    assert (
        "atlas-Mine_dseg.tsv: circuits.parcellation = Mine: has no name for 1 label of" in done.text
    )
    table.write_text("index\tname\n1\ta\n2\tb\n3\tc\n", encoding="utf-8")
    stem = f"results/derivatives/atlases/atlas-Mine/atlas-Mine_space-{SPACE}_dseg"
    assert study.run(f"{stem}.json", cores=1).code == 0
    assert read_json(study.folder / f"{stem}.json")["License"] == "CC0"
    # a new licence is a new sidecar
    (place / "atlas-Mine_dseg.json").write_text('{"License": "CC BY 4.0"}', encoding="utf-8")
    assert study.run("-n", f"{stem}.json").jobs == {"parcellation": 1}
    study.configure(circuits={"parcellation": {"name": "Again", "image": f"{stem}.nii.gz"}})
    done = study.run("plan", cores=1)
    assert done.code != 0
    assert "lies among the results of this very study" in done.text
    shutil.copytree(study.results / "derivatives/atlases", study.folder / "copied")
    image = f"copied/{stem.partition('atlases/')[2]}.nii.gz"
    study.configure(circuits={"parcellation": {"name": "Again", "image": image}})
    again = stem.replace("Mine", "Again")
    assert study.run(f"{again}.json", cores=1).code == 0
    about = read_json(study.folder / f"{again}.json")
    assert (about["License"], about["Sources"][1]) == ("CC0", "atlas-Mine_dseg.tsv")
    written = read_tsv(study.results / "derivatives/atlases/atlas-Again/atlas-Again_dseg.tsv")
    assert list(written["name"]) == ["a", "b", "c"]
