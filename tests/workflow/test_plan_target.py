"""`snakemake plan`: in seconds, without opening an image, and every problem at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from made_study import Study, contents, labels, people

from ketfc.base.files import read_json, read_tsv

MAKE = Callable[..., Study]
TABLES = ("native", "participants", "problems", "runs", "scores")
FILES = sorted(
    ["design.json", "headers.json", *(f"{n}.{kind}" for n in TABLES for kind in ("json", "tsv"))]
)


def test_a_good_study_is_planned_from_empty_images(empty: MAKE) -> None:
    study = empty()
    before = study.listing()
    done = study.run("plan", cores=1)
    assert done.code == 0, done.text
    assert done.jobs == {"headers": 1, "inventory": 1, "plan": 1}
    assert sorted(contents(study.results)) == [f"plan/{name}" for name in (*FILES, "summary.txt")]
    assert len(read_tsv(study.results / "plan/runs.tsv")) == 8
    # but for the alternative definitions that this machine cannot measure
    assert set(read_tsv(study.results / "plan/problems.tsv")["field"]) <= {
        "alternatives",
        "regions",
    }
    assert read_json(study.results / "plan/design.json")["kind"] == "parallel"
    summary = (study.results / "plan/summary.txt").read_text(encoding="utf-8")
    assert "Study tiny: parallel design, 4 participants" in summary
    # the terminal says what the file says
    assert summary in done.text
    assert study.listing() == before


def test_a_second_plan_has_nothing_to_do_and_answers_all_the_same(empty: MAKE) -> None:
    study = empty()
    first, second = study.run("plan"), study.run("plan")
    assert (first.code, second.code) == (0, 0)
    assert "Nothing to be done" in second.text
    summary = (study.results / "plan/summary.txt").read_text(encoding="utf-8")
    assert first.text.endswith(summary)
    assert second.text.endswith(summary)


def test_unusable_input_stops_with_every_reason_and_goes_on_once_mended(empty: MAKE) -> None:
    rows = people(2)
    rows[0]["participant_id"] = "1"
    rows[1]["SSI_ses-post"] = "none at all"
    rows.append(rows[2] | {"SSI_ses-pre": 3})
    study = empty(rows, study={"sessions": {"pre": "pre", "post": "posst"}})
    header = (study.folder / "participants.tsv").read_text(encoding="utf-8")
    (study.folder / "participants.tsv").write_text(
        header.replace("SSI_ses-post", "SSI_ses-posst"), encoding="utf-8"
    )
    # not only the plan: whatever is asked for ends here
    for arguments in (["plan"], []):
        done = study.run(*arguments)
        assert done.code != 0
        assert "Traceback" not in done.text
        for said in (
            "The input cannot be used; 4 problems to fix",
            "config: study.sessions.post = posst: no BOLD image has this session label; did you "
            "mean 'post'? (allowed: post, pre)",
            "participants.tsv: sub-1: participant_id = 1: no images have this ID, but sub-01 has "
            "some: were leading zeros lost",
            "participants.tsv: sub-02 ses-posst: SSI_ses-posst = none at all: is not a number",
            "participants.tsv: sub-03: participant_id = sub-03: has 2 rows (lines 4, 6); one is",
        ):
            assert said in done.text, done.text
        assert sorted(contents(study.results / "plan")) == FILES
        assert not (study.results / "derivatives/sub-02").exists()
    problems = read_tsv(study.results / "plan/problems.tsv")
    assert (problems["severity"] == "error").sum() == 4

    mended = empty()
    done = mended.run("plan")
    assert mended.folder == study.folder
    assert done.code == 0, done.text
    assert (study.results / "plan/summary.txt").is_file()


def test_missing_tables_folders_and_images_are_named(empty: MAKE) -> None:
    study = empty(study={"derivatives": ["fmriprep", "nowhere"]})
    (study.folder / "participants.tsv").unlink()
    (study.folder / "blocks.nii.gz").unlink()
    done = study.run()
    assert done.code != 0
    assert "study.derivatives = nowhere: is not a folder" in done.text
    assert "scores.table = participants.tsv: there is no such file" in done.text
    assert "circuits.parcellation.image = blocks.nii.gz: there is no such file" in done.text
    assert "Traceback" not in done.text
    assert (study.results / "plan/problems.tsv").is_file()
    assert not (study.results / "derivatives/atlases").exists()


def test_links_into_an_annex_that_lead_nowhere_are_named_with_the_command(empty: MAKE) -> None:
    study = empty()
    for path in [*study.derivatives.rglob("*_bold.nii.gz")][:7]:
        path.unlink()
        path.symlink_to("../../../.git/annex/objects/1/2/MD5E-s1--x.nii.gz/MD5E-s1--x.nii.gz")
    (study.folder / "blocks.nii.gz").unlink()
    # not only the plan: whatever is asked for ends here, with the other problems
    done = study.run()
    assert done.code != 0
    assert "7 files are not here yet, only git-annex's links to them. To get them: cd" in done.text
    assert "datalad get sub-*/ses-*/func/sub-*_ses-*_task-rest_space-" in done.text
    assert "circuits.parcellation.image = blocks.nii.gz: there is no such file" in done.text
    assert "MissingInput" not in done.text


def test_a_missing_registry_is_an_error_of_the_config(empty: MAKE) -> None:
    done = empty(circuits={"registry": "nowhere.yaml"}).run("-n")
    assert done.code != 0
    assert "nowhere.yaml: there is no such file" in done.text
    assert "Traceback" not in done.text


def test_circuits_in_another_template_than_the_data_are_an_error(empty: MAKE) -> None:
    study = empty()
    place = "{name: x, hemisphere: left, source: {text: none, verified: false}, spheres: "
    place += "[{space: MNI152NLin6Asym, centre: [9, 9, 9], radius: 5}]}"
    circuit = "{name: c, edge: [a, b], primary: true, hypothesis: h, expected-sign: '?', "
    circuit += "evidence-scale: none, confidence: low, source: {text: none, verified: false}}"
    (study.folder / "circuits.yaml").write_text(
        f"regions: {{a: {place}, b: {place}}}\ncircuits: {{c: {circuit}}}\n", encoding="utf-8"
    )
    study.configure(circuits={"registry": "circuits.yaml"})
    done = study.run("plan")
    assert done.code != 0
    for region in "ab":
        assert (
            f"circuits.yaml: regions.{region}: has no definition in MNI152NLin2009cAsym, the "
            "study's space (allowed: MNI152NLin6Asym)"
        ) in done.text, done.text


def test_everybody_is_listed_whatever_they_lack(empty: MAKE) -> None:
    rows = people(2)
    rows[3]["arm"] = "waiting list"
    rows.append({"participant_id": "sub-09", "arm": "ketamine", "SSI_ses-pre": 9})
    study = empty(rows)
    study.file("01", "pre", "_timeseries.tsv").unlink()
    done = study.run("plan")
    assert done.code == 0, done.text
    assert list(read_json(study.results / "plan/design.json")["participants"]) == [
        *(f"sub-{label}" for label in labels(people(2))),
        "sub-09",
    ]
    problems = read_tsv(study.results / "plan/problems.tsv")
    assert set(problems["participant_id"].dropna()) == {"sub-01", "sub-04", "sub-09"}
    runs = read_tsv(study.results / "plan/runs.tsv")
    excluded = runs[runs["status"] == "excluded"]
    assert excluded["run"].tolist() == ["sub-01_ses-pre_task-rest"]
    assert "has no confounds" in excluded["reason"].iloc[0]


def test_a_study_elsewhere_is_only_read(empty: MAKE, tmp_path: Path) -> None:
    study = empty()
    study.configure(
        study={"derivatives": str(study.derivatives), "participants": "participants.tsv"},
        circuits={
            "parcellation": {
                "name": "Blocks",
                "image": str(study.folder / "blocks.nii.gz"),
                "space": "MNI152NLin2009cAsym",
            }
        },
    )
    # tables are found in the derivatives too
    (study.folder / "participants.tsv").rename(study.derivatives / "participants.tsv")
    before = contents(study.folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = study.run("plan", cwd=elsewhere)
    assert done.code == 0, done.text
    assert contents(study.folder) == before
    assert {path.name for path in elsewhere.iterdir()} == {".snakemake", "logs", "results"}
