"""Problems of regions, parcellations and confounds, found before any image is opened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_runs import REGISTRY, confounds_table, nifti_bytes, region, write_gzip

from ketfc.imaging.atlas.catalogue import Atlas, Catalogue, load_catalogue
from ketfc.imaging.preflight.parcellation_checks import parcellation_problems
from ketfc.imaging.preflight.precheck import (
    confound_problems,
    fixed_problems,
    limit_problems,
    package_problems,
    region_problems,
)
from ketfc.imaging.regions.registry import Registry
from ketfc.study.config.config import Config, parse_config
from ketfc.study.runs.index import Run

ATLASES = Path(__file__).parents[3] / "atlases"
BUILT_IN = "KetfcVoronoi239"
CATALOGUE = Catalogue(
    atlases={BUILT_IN: Atlas(BUILT_IN, "voronoi", "built in", "somebody", "", "free", True)},
    known={},
    families=(BUILT_IN,),
)

MINIMAL = """
study:
  name: mine
  derivatives: /data
  sessions: {pre: baseline, post: day1}
scores:
  table: scores.tsv
  si: {instrument: SSI, column: SSI}
"""


def config(yaml_text: str = "") -> Config:
    return parse_config(yaml.safe_load(MINIMAL + yaml_text), source="mine.yaml")


def circuits(parcellation: str) -> Config:
    return config(f"circuits:\n  parcellation: {parcellation}\n")


def test_regions_and_parcellations_that_fit_raise_no_problem():
    assert region_problems(config(), REGISTRY) == []
    assert parcellation_problems(config(), CATALOGUE) == []


def test_a_missing_extra_is_told_with_what_to_install(monkeypatch):
    raw = yaml.safe_load(MINIMAL)
    raw["study"]["covariates"] = {"site": "site"}
    raw["statistics"] = {"blocks": "site", "harmonize": "combat"}
    asked = parse_config(raw)
    there = "ketfc.imaging.preflight.precheck.find_spec"
    monkeypatch.setattr(there, lambda name: None)
    (problem,) = package_problems(asked)
    assert (problem.severity, problem.field) == ("error", "statistics.harmonize")
    assert "pip install 'ketfc[combat]'" in problem.message
    assert package_problems(config()) == []
    monkeypatch.setattr(there, lambda name: object() if name == "longcombat" else None)
    assert package_problems(asked) == []


def test_a_region_without_a_place_in_the_studys_template_is_an_error():
    elsewhere = replace(region("c", (10.0, -12.0, 6.0)), id="c")
    elsewhere = replace(
        elsewhere, spheres=(replace(elsewhere.spheres[0], space="MNI152NLin6Asym"),)
    )
    registry = Registry(REGISTRY.regions | {"c": elsewhere}, REGISTRY.circuits)
    (problem,) = region_problems(config(), registry)
    assert (problem.severity, problem.field) == ("error", "regions.c")
    assert problem.message == "has no definition in MNI152NLin2009cAsym, the study's space"
    assert problem.allowed == "MNI152NLin6Asym"
    unused = Registry(REGISTRY.regions | {"z": replace(elsewhere, id="z")}, REGISTRY.circuits)
    assert region_problems(config(), unused) == []
    (note,) = region_problems(config("circuits: {allow-template-mismatch: true}"), registry)
    assert (note.severity, note.field) == ("note", "regions.c")
    assert "is used as if it had" in note.message


def test_an_unknown_parcellation_comes_with_the_closest_known_one():
    (problem,) = parcellation_problems(circuits("KetfcVoronoi293"), CATALOGUE)
    assert problem.field == "circuits.parcellation"
    assert problem.value == "KetfcVoronoi293"
    assert "did you mean 'KetfcVoronoi239'?" in problem.message
    assert problem.allowed == "KetfcVoronoi239"


def test_files_of_an_own_parcellation_must_exist(tmp_path):
    image, labels = tmp_path / "a.nii.gz", tmp_path / "a.tsv"
    own = circuits(f"{{name: Mine, image: {image}, labels: {labels}, space: MNI152NLin2009cAsym}}")
    fields = {problem.field: problem.value for problem in parcellation_problems(own, CATALOGUE)}
    assert fields == {
        "circuits.parcellation.image": str(image),
        "circuits.parcellation.labels": str(labels),
    }
    image.touch()
    labels.touch()
    (problem,) = parcellation_problems(own, CATALOGUE)
    assert (problem.severity, problem.file) == ("error", "a.nii.gz")
    write_gzip(image, nifti_bytes(np.ones((3, 3, 3), dtype=np.uint8)))
    (problem,) = parcellation_problems(own, CATALOGUE)
    assert (problem.file, problem.message) == (
        "a.tsv",
        "is not a table of labels (index, name): is empty",
    )
    labels.write_text("index\tname\n1\ta\n")
    (note,) = parcellation_problems(own, CATALOGUE)
    assert (note.severity, note.value) == ("note", "Mine")
    assert note.message.startswith(
        "its labels do not name the default-mode network, salience network and frontoparietal "
        "network, so their rows of results/networks.tsv are n/a and are not tested"
    )


def test_networks_are_looked_for_in_the_first_parcellation_alone(tmp_path):
    image = tmp_path / "a.nii.gz"
    values = np.arange(27, dtype=np.uint8).reshape(3, 3, 3) % 4
    write_gzip(image, nifti_bytes(values))

    def table(name: str, *networks: str) -> str:
        rows = "".join(f"{i}\tparcel{i}\t{of}\n" for i, of in enumerate(networks, start=1))
        (tmp_path / f"{name}.tsv").write_text(f"index\tname\tnetwork\n{rows}")
        space = "space: MNI152NLin2009cAsym"
        return f"{{name: {name}, image: {image}, labels: {tmp_path / name}.tsv, {space}}}"

    whole, some = table("Whole", "DMN", "salience", "FPN"), table("Some", "n/a", "Vis", "ContA")
    assert parcellation_problems(circuits(whole), CATALOGUE) == []
    assert parcellation_problems(circuits(f"[{whole}, {some}]"), CATALOGUE) == []
    gone = whole.replace("Whole,", "Gone,").replace("a.nii.gz", "gone.nii.gz")
    (problem,) = parcellation_problems(circuits(f"[{whole}, {gone}]"), CATALOGUE)
    assert (problem.severity, problem.value) == ("error", str(tmp_path / "gone.nii.gz"))
    (problem,) = parcellation_problems(circuits(f"[{whole}, Unknown]"), CATALOGUE)
    assert (problem.severity, problem.value) == ("error", "Unknown")
    (note,) = parcellation_problems(circuits(f"[{some}, {whole}]"), CATALOGUE)
    assert note.value == "Some"
    assert "do not name the default-mode network and salience network, so" in note.message


def test_a_named_parcellation_is_read_for_its_networks_where_it_is_the_first(tmp_path):
    catalogue = load_catalogue(ATLASES / "parcellations.yaml")
    affine = np.diag([8.0, 8, 8, 1])
    affine[:3, 3] = (-90, -120, -70)
    place = tmp_path / "MNI152NLin2009cAsym/Yeo7.nii.gz"
    place.parent.mkdir()
    # there is no such label
    write_gzip(place, nifti_bytes(np.full((23, 28, 23), 29, dtype=np.int16), affine))
    asked = f"circuits: {{atlases-dir: {tmp_path}, parcellation: [%s]}}\n"
    found = parcellation_problems(config(asked % "Yeo7"), catalogue)
    assert [each.file for each in found if each.severity == "error"] == ["Yeo7.nii.gz"]
    # what is wrong with another one is told when it is made
    found = parcellation_problems(config(asked % f"{BUILT_IN}, Yeo7"), catalogue)
    assert {each.severity for each in found} == {"note"}


def test_an_own_parcellation_may_not_lie_among_the_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/atlases").mkdir(parents=True)
    image = tmp_path / "results/atlases/a.nii.gz"
    write_gzip(image, nifti_bytes(np.ones((3, 3, 3), dtype=np.uint8)))
    own = "{name: Mine, image: results/atlases/a.nii.gz, space: MNI152NLin2009cAsym}"
    (problem,) = parcellation_problems(circuits(own), CATALOGUE)
    assert (problem.severity, problem.field) == ("error", "circuits.parcellation.image")
    assert problem.value == "results/atlases/a.nii.gz"
    assert "lies among the results of this very study" in problem.message
    # a folder of that name elsewhere is none of this study
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    own = own.replace("results", "../results")
    assert {each.severity for each in parcellation_problems(circuits(own), CATALOGUE)} == {"note"}


def test_a_folder_of_atlases_that_is_not_there_is_an_error(tmp_path):
    asked = config(f"circuits: {{atlases-dir: {tmp_path / 'gone'}}}\n")
    (problem,) = parcellation_problems(asked, CATALOGUE)
    assert (problem.severity, problem.field) == ("error", "circuits.atlases-dir")
    assert problem.value == str(tmp_path / "gone")
    there = config(f"circuits: {{atlases-dir: {tmp_path}}}\n")
    assert parcellation_problems(there, CATALOGUE) == []


def test_an_own_parcellation_on_another_templates_grid_or_in_another_template_is_noted(tmp_path):
    image = tmp_path / "a.nii.gz"
    fsl = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    write_gzip(image, nifti_bytes(np.ones((91, 109, 91), dtype=np.uint8), fsl))
    own = circuits(f"{{name: Mine, image: {image}, space: MNI152NLin2009cAsym}}")
    _, note = parcellation_problems(own, CATALOGUE)
    assert (note.severity, note.value) == ("note", "Mine")
    assert "its grid is that of MNI152NLin6Asym" in note.message
    other = config(
        "circuits:\n  allow-template-mismatch: true\n  parcellation: "
        f"{{name: Mine, image: {image}, space: MNI152NLin6Asym}}\n"
    )
    _, note = parcellation_problems(other, CATALOGUE)
    assert note.severity == "note"
    assert "is in MNI152NLin6Asym and used on data in MNI152NLin2009cAsym" in note.message


def test_a_broken_registry_does_not_hide_what_is_wrong_with_parcellations(tmp_path):
    (tmp_path / "circuits.yaml").write_text("{")
    found = fixed_problems(config(), tmp_path / "circuits.yaml", tmp_path / "parcellations.yaml")
    assert [problem.file for problem in found] == ["circuits.yaml", "parcellations.yaml"]


def test_a_broken_registry_leaves_the_parcellations_to_be_checked_and_the_other_way_round(tmp_path):
    (tmp_path / "circuits.yaml").write_text("{")
    (tmp_path / "parcellations.yaml").write_text("{")
    unknown = circuits("Unknown")
    found = fixed_problems(unknown, tmp_path / "circuits.yaml", ATLASES / "parcellations.yaml")
    assert [(problem.file, problem.value) for problem in found] == [
        ("circuits.yaml", None), ("config", "Unknown"),
    ]  # fmt: skip
    found = fixed_problems(unknown, ATLASES / "circuits.yaml", tmp_path / "parcellations.yaml")
    assert [problem.file for problem in found] == ["parcellations.yaml"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("denoising: {fd-thresh: null}\nquality: {max-censored: 0.25}", True),
        ("quality: {max-censored: 0.25}", False),
        ("denoising: {fd-thresh: null, dvars-thresh: 2}\nquality: {max-censored: 0.25}", False),
        ("denoising: {fd-thresh: null}\nquality: {max-censored: null}", False),
        ("quality: {max-censored: null}", False),
    ],
)
def test_a_limit_of_censored_volumes_is_noted_where_none_is_censored(text, told):
    found = limit_problems(config(text))
    assert [(each.severity, each.field, each.value) for each in found] == [
        ("note", "quality.max-censored", "0.25")
    ] * told


def a_run(folder: Path, columns: list[str] | None) -> Run:
    """Return a run whose confounds have a header only; the rest of the table is not read."""
    path = folder / "sub-01_ses-baseline_task-rest_desc-confounds_timeseries.tsv"
    if columns is not None:
        path.write_text("\t".join(columns) + "\n")
    return Run(
        name="sub-01_ses-baseline_task-rest",
        participant_id="sub-01",
        session="baseline",
        role="pre",
        bold="bold.nii.gz",
        sidecar="bold.json",
        mask="mask.nii.gz",
        confounds=str(path),
    )


COLUMNS = list(confounds_table(3).columns)
FD = "framewise_displacement"


def test_complete_confounds_raise_no_problem(tmp_path):
    run = a_run(tmp_path, COLUMNS)
    assert confound_problems([run, replace(run, confounds=None)], config()) == []


def test_what_the_primary_strategy_lacks_excludes_and_what_another_lacks_is_a_note(tmp_path):
    run = a_run(tmp_path, [c for c in COLUMNS if c not in ("csf_power2", "rot_x_derivative1")])
    found = confound_problems([run], config())
    assert [(p.severity, p.field) for p in found] == [
        ("excluded", "strategy acompcor"),
        ("note", "strategy 24P"),
        ("note", "strategy 36P"),
    ]
    assert "lack rot_x_derivative1, which strategy acompcor needs" in found[0].message
    assert "lack rot_x_derivative1, csf_power2, which" in found[2].message
    assert {(p.participant_id, p.session, p.run) for p in found} == {
        ("sub-01", "baseline", "sub-01_ses-baseline_task-rest")
    }


@pytest.mark.parametrize(
    ("column", "yaml_text", "expected"),
    [
        ("framewise_displacement", "", 1),
        ("framewise_displacement", "denoising: {fd-thresh: null}", 0),
        ("std_dvars", "", 0),
        ("std_dvars", "denoising: {dvars-thresh: 1.5}", 1),
    ],
)
def test_the_column_that_censors_is_needed_only_where_it_censors(
    column, yaml_text, expected, tmp_path
):
    run = a_run(tmp_path, [c for c in COLUMNS if c != column])
    found = confound_problems([run], config(yaml_text))
    assert [(p.severity, p.field) for p in found] == [("excluded", column)] * expected


@pytest.mark.parametrize(
    ("strategies", "expected"),
    [
        ("primary: none, strategies: [none, 24P_noscrub]", [("excluded", FD)]),
        ("primary: 24P_noscrub, strategies: [none, 24P_noscrub]", [("note", FD)]),
        ("primary: 24P_noscrub, strategies: [24P_noscrub]", []),
    ],
)
def test_displacement_is_needed_only_where_something_is_scrubbed(strategies, expected, tmp_path):
    run = a_run(tmp_path, [c for c in COLUMNS if c != FD])
    found = confound_problems([run], config(f"denoising: {{{strategies}}}"))
    assert [(p.severity, p.field) for p in found] == expected


def test_columns_of_own_and_aroma_strategies_are_looked_for_at_once(tmp_path):
    run = a_run(tmp_path, [c for c in COLUMNS if "aroma" not in c])
    found = confound_problems(
        [run],
        config(
            "denoising: {own-strategies: {lab: {columns: [csf, 'edge_*']}}, primary: lab, "
            "strategies: [lab, aroma, 27P_noscrub]}"
        ),
    )
    assert [(p.severity, p.field) for p in found] == [
        ("excluded", "strategy lab"),
        ("note", "strategy aroma"),
    ]
    assert "a column like 'edge_*'" in found[0].message
    assert "--use-aroma" in found[1].message


def test_old_column_names_are_told_once_and_with_what_to_do(tmp_path):
    (problem,) = confound_problems([a_run(tmp_path, ["CSF", "GlobalSignal", "X"])], config())
    assert (problem.severity, problem.field) == ("excluded", "confounds")
    assert "fMRIPrep before 1.2 (GlobalSignal, X); run fMRIPrep 20.2" in problem.message


def test_a_motion_filter_that_the_repetition_time_does_not_allow_is_told_before_images_are_read(
    tmp_path,
):
    notch = "motion-filter-type: notch, band-stop-min: 12, band-stop-max: 18"
    run = replace(a_run(tmp_path, COLUMNS), sidecar=str(tmp_path / "bold.json"))
    # nothing is known of the repetition time yet
    assert confound_problems([run], config(f"denoising: {{{notch}}}")) == []
    (tmp_path / "bold.json").write_text('{"RepetitionTime": 0.8}')
    assert confound_problems([run], config(f"denoising: {{{notch}}}")) == []
    (tmp_path / "bold.json").write_text('{"RepetitionTime": 2.0}')
    (problem,) = confound_problems([run], config(f"denoising: {{{notch}}}"))
    assert (problem.severity, problem.field) == ("excluded", "motion-filter-type")
    assert "nothing above 15 can be told apart" in problem.message
    assert confound_problems([run], config(f"denoising: {{{notch}, fd-thresh: null}}")) == []


def test_a_run_without_readable_or_right_confounds_does_not_hide_the_next(tmp_path):
    runs = []
    for name, columns in (("none", None), ("gone", None), ("old", ["CSF", "X"]), ("good", ["x"])):
        (tmp_path / name).mkdir()
        made = a_run(tmp_path / name, columns)
        runs.append(replace(made, name=name, confounds=None if name == "none" else made.confounds))
    found = confound_problems(runs, config("denoising: {strategies: [24P], primary: 24P}"))
    assert [(each.run, each.field) for each in found] == [
        ("gone", "confounds"),
        ("old", "confounds"),
        ("good", FD),
        ("good", "strategy 24P"),
    ]
    stem = "sub-01_ses-baseline_task-rest"
    assert {each.file for each in found} == {f"{stem}_desc-confounds_timeseries.tsv"}


def test_a_limit_of_displacement_needs_its_column_where_nothing_is_scrubbed_too(tmp_path):
    run = a_run(tmp_path, [c for c in COLUMNS if c != FD])
    for limit, told in (("max-mean-fd: 0.5", True), ("max-fd: 5", True), ("max-fd: null", False)):
        text = f"denoising: {{fd-thresh: null}}\nquality: {{max-mean-fd: null, {limit}}}"
        if "mean" in limit:
            text = f"denoising: {{fd-thresh: null}}\nquality: {{{limit}}}"
        found = confound_problems([run], config(text))
        assert [(each.severity, each.field) for each in found] == [("excluded", FD)] * told
    # told once where volumes are censored by it too
    found = confound_problems([run], config("quality: {max-fd: 5}"))
    assert [each.message for each in found] == [
        "the confounds lack this column, by which volumes are censored"
    ]


def test_a_run_that_is_too_short_is_told_with_its_columns(tmp_path):
    run = replace(a_run(tmp_path, COLUMNS), sidecar=str(tmp_path / "bold.json"))
    Path(run.confounds).write_text("\t".join(COLUMNS) + "\n" + "1\n" * 10)
    (tmp_path / "bold.json").write_text('{"RepetitionTime": 2.0}')
    (problem,) = confound_problems([run], config())
    assert (problem.severity, problem.field) == ("excluded", "denoising.min-time")
    # of a damaged sidecar the run itself tells
    (tmp_path / "bold.json").write_text("{")
    assert confound_problems([run], config()) == []


def test_confounds_that_cannot_be_read_exclude_the_run(tmp_path):
    (gone,) = confound_problems([a_run(tmp_path, None)], config())
    assert (gone.severity, gone.field) == ("excluded", "confounds")
    run = a_run(tmp_path, COLUMNS)
    Path(run.confounds).with_suffix(".json").write_text("{")
    (problem,) = confound_problems([run], config())
    assert "desc-confounds_timeseries.json cannot be read" in problem.message
    Path(run.confounds).write_bytes(b"\xff\xfe\x00")
    assert len(confound_problems([run], config())) == 1
