"""The rules' knowledge of a study, in the first process and in those that jobs start elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from made_study import REPO, Study, people, touch_run, write_blocks, write_participants

from ketfc.base.errors import RefusalError
from ketfc.base.files import read_json, write_json
from ketfc.base.source import code_digests
from ketfc.workflow import StudyWorkflow, answers, entry, greeting, of_runs, study_workflow

NAMES = [f"sub-{n:02}" for n in range(1, 13)]
RUNS = [f"{name}_ses-{session}_task-rest" for name in NAMES for session in ("post", "pre")]


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    """Participants whose files are all there, and this process in their folder."""
    study = Study(tmp_path)
    for participant in NAMES:
        for session in ("pre", "post"):
            touch_run(study, participant.removeprefix("sub-"), session)
    write_participants(study, people())
    write_blocks(study)
    study.configure()
    before = Path.cwd()
    os.chdir(tmp_path)
    yield study
    os.chdir(before)


def start(*, first: bool = True) -> StudyWorkflow:
    given: dict[str, Any] = yaml.safe_load(Path("config.yaml").read_text(encoding="utf-8"))
    return study_workflow(given, REPO, first=first, configfiles=["config.yaml"])


def test_the_rules_are_told_of_the_study(study: Study) -> None:
    work = start()
    assert list(work.runs) == work.names == RUNS
    assert work.atlases == ["Circuits", "Blocks"]
    assert work.matrix_atlas == "Blocks"
    assert work.parcellation_settings["Blocks"]["image"] == "blocks.nii.gz"
    assert work.tables == ["participants.tsv"]
    assert work.folders == ["fmriprep"]
    assert work.registry == str(REPO / "atlases/circuits.yaml")
    assert work.siblings[RUNS[0]]["bold"] == [work.runs[RUNS[1]]["bold"]]
    assert (work.keep_images, work.listing, work.to_fetch) == (True, None, [])
    assert (work.lock, work.by_hand, work.by_hand_file, work.atlases_dir) == ([], None, [], None)
    assert work.code == code_digests() | {"fetch_bold": "1"}


def test_the_demo_needs_no_file() -> None:
    given = yaml.safe_load((REPO / "config/config.yaml").read_text(encoding="utf-8"))
    work = study_workflow(given, REPO, first=True)
    assert work.usable
    assert work.folders == ["resources/demo/fmriprep"]
    assert len(work.runs) > 20


def test_a_job_elsewhere_is_told_the_same_and_looks_at_no_derivatives(study: Study) -> None:
    work = start()
    for path in study.derivatives.rglob("*bold*"):
        path.unlink()
    assert start(first=False) == work
    assert start().runs == {}


def test_a_job_elsewhere_takes_the_digests_that_were_planned(study: Study) -> None:
    start()
    (path,) = Path(".snakemake/ketfc").glob("*_planned.json")
    planned = read_json(path)
    planned["code"]["motion"] = "motion 0123456789abcdef"
    write_json(path, planned)
    assert start(first=False).code["motion"] == "motion 0123456789abcdef"


def test_a_job_elsewhere_does_not_start_under_another_configuration(study: Study) -> None:
    start()
    study.configure(denoising={"fd-thresh": 0.3})
    with pytest.raises(RefusalError, match="was changed while jobs were waiting"):
        start(first=False)
    # a call with it leaves what the jobs that wait were told
    start()
    study.configure()
    assert start(first=False).config.denoising.fd_thresh == 0.5


def test_what_is_left_out_by_hand_is_found_but_not_read(study: Study) -> None:
    table = study.folder / "mine.tsv"
    table.write_text("participant_id\tsession\treason\nsub-12\tpre\tcyst\n", encoding="utf-8")
    study.configure(quality={"exclusions": "mine.tsv"})
    work = start()
    assert work.by_hand_file == ["mine.tsv"]
    assert list(work.found) == RUNS
    assert work.names == RUNS[:-1]


def test_a_study_that_cannot_go_on_is_not_usable(study: Study) -> None:
    assert start().usable
    study.configure(study={"sessions": {"pre": "nothing", "post": "post"}})
    assert not start().usable


def _make_short(study: Study, runs: list[str]) -> None:
    """Give the confounds of some runs twenty rows."""
    for path in study.derivatives.rglob("*_timeseries.tsv"):
        header = path.read_text(encoding="utf-8").splitlines()[0]
        row = "\t".join(["0"] * len(header.split("\t"))) + "\n"
        rows = 20 if path.name.partition("_desc-")[0] in runs else 60
        path.write_text(f"{header}\n{row * rows}", encoding="utf-8")
    study.configure(study={"repetition-time": 2.0})


def test_a_study_whose_runs_are_all_too_short_is_not_usable_before_an_image_is_read(
    study: Study,
) -> None:
    _make_short(study, RUNS)
    assert not start().usable
    # one that is long enough among the first few is reason enough to begin
    _make_short(study, RUNS[1:])
    assert start().usable


def test_a_wrong_configuration_is_refused(study: Study) -> None:
    study.configure(denoising={"fd-tresh": 0.3})
    with pytest.raises(RefusalError, match=r"The configuration cannot be used:\n.*fd-tresh"):
        start()
    text = "statistics: {seed: 1}\nstatistics: {seed: 2}\n"
    (study.folder / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RefusalError, match="statistics"):
        start()


def test_a_job_finds_its_entry() -> None:
    found = entry("{run}/bold", {"a": {"bold": "a.nii"}})
    assert found(SimpleNamespace(run="a").__dict__) == "a.nii"
    with pytest.raises(KeyError):
        found({"run": "b"})


def test_files_of_runs_are_listed_run_by_run() -> None:
    runs: Any = {"a": {"folder": "x"}, "b": {"folder": "y"}}
    listed = of_runs(runs, "{folder}/{run}.tsv", "{folder}/{run}.json")
    assert listed(None) == ["x/a.tsv", "x/a.json", "y/b.tsv", "y/b.json"]


def _planned(study: Study, name: str, bold: str | None) -> None:
    """Leave what a plan of a study left."""
    write_json(study.results / "plan/design.json", {"study": name})
    row = f"sub-01\t{bold}\n" if bold else ""
    (study.results / "plan/runs.tsv").write_text(f"run\tbold\n{row}", encoding="utf-8")


def _start_demo(*configfiles: str) -> StudyWorkflow:
    given = yaml.safe_load((REPO / "config/config.yaml").read_text(encoding="utf-8"))
    return study_workflow(given, REPO, first=True, configfiles=configfiles)


@pytest.mark.parametrize(
    ("name", "bold"), [("tiny", "fmriprep/x.nii.gz"), ("demo", "x"), ("t", None)]
)
def test_the_demo_does_not_replace_a_study_whose_configfile_was_forgotten(
    study: Study, name: str, bold: str | None
) -> None:
    _planned(study, name, bold)
    before = sorted(study.folder.rglob("*"))
    with pytest.raises(RefusalError) as refused:
        _start_demo()
    assert str(refused.value).splitlines() == [
        f"results: this folder holds the results of the study {name}, and this call is of the "
        "demo, since no --configfile was given.",
        "Nothing was changed. Add --configfile with the config of that study, or go to another "
        "folder; to begin anew here, delete the folder results.",
    ]
    assert sorted(study.folder.rglob("*")) == before
    # nor does a job elsewhere ask
    with pytest.raises(RefusalError, match="changed while jobs were waiting"):
        study_workflow(yaml.safe_load(Path("config.yaml").read_text()), REPO, first=False)


def test_a_study_does_not_replace_another_one_nor_the_demo(study: Study) -> None:
    _planned(study, "other", "fmriprep/x.nii.gz")
    with pytest.raises(RefusalError, match=r"of the study other, .* tiny \(config.yaml\)"):
        start()
    _planned(study, "tiny", "resources/demo/fmriprep/x.nii.gz")
    with pytest.raises(RefusalError, match="of the simulated demo, and this call is of the s"):
        start()


def test_the_results_of_the_same_study_are_gone_on_with(study: Study) -> None:
    # images may have moved
    for bold in ("elsewhere/x.nii.gz", None):
        _planned(study, "tiny", bold)
        assert start().usable
    _planned(study, "demo", "resources/demo/fmriprep/x.nii.gz")
    for files in ((), (str(REPO / "config/config.yaml"),)):
        assert _start_demo(*files).config.study.simulated


def test_a_greeting_says_which_study_this_is(study: Study) -> None:
    assert greeting(start(), [study.folder / "config.yaml"]) == (
        "Study tiny (config.yaml): 24 runs of 12 participants"
    )
    demo = _start_demo()
    assert greeting(demo, []) == (
        "This is the demo, a simulated study, since no --configfile was given."
    )
    assert greeting(demo, ["demo.yaml"]) == "This is the demo, a simulated study."


def test_a_call_is_answered_by_its_targets(study: Study) -> None:
    for path, text in (("summary.txt", "the verdicts\n"), ("plan/summary.txt", "the plan\n")):
        (study.results / path).parent.mkdir(parents=True, exist_ok=True)
        (study.results / path).write_text(text, encoding="utf-8")
    assert answers([]) == answers(["report"]) == "the verdicts"
    assert answers({"plan"}) == "the plan"
    assert answers(["plan", "all"]) == "the verdicts\nthe plan"
    assert answers(["results/x.tsv"]) == "Done: results/x.tsv"
    assert answers(["explain"]) == "Done: results/explain.html"
    write_json(study.results / "plan/preregistration.json", {"sha256": "abc"})
    said = answers(["preregistration"])
    assert said == "Locked: results/plan/preregistration.json (sha256 abc)"
