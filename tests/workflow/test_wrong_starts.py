"""Twenty wrong starts: the last lines name the file, the reason and what to do, on one screen."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from made_study import Finished, Study, snakemake

from ketfc.base.screen import wrapped

MAKE = Callable[..., Study]

SCREEN = 24
"""Lines of 80 columns."""


def assert_one_screen(done: Finished, *said: str) -> None:
    """Assert that a call failed, and that the last screen of it says why, without a traceback."""
    assert done.code != 0
    assert_screen(done, *said)


def assert_screen(done: Finished, *said: str) -> None:
    """Assert that the last screen of a call says something, without a traceback."""
    assert "Traceback" not in done.text
    screen = wrapped(done.text.splitlines())[-SCREEN:]
    # the greeting is still to be seen: what failed takes less than a screen
    first = ("Study ", "Using ", "This is the demo")
    assert len(wrapped(done.text.splitlines())) <= SCREEN or screen[0].startswith(first), done.text
    shown = " ".join(" ".join(screen).split())
    assert all(" ".join(words.split()) in shown for words in said), done.text
    # nor does anything of Snakemake's come after it, nor any place in the code
    assert not any(words in shown for words in ('File "/', "Exiting because", "Complete log"))


def test_a_config_that_is_not_there(empty: MAKE) -> None:
    study = empty()
    done = snakemake("plan", "--configfile", "mine.yaml", folder=study.folder)
    assert_one_screen(done, "--configfile = mine.yaml: there is no such file in", "Its path starts")


def test_a_target_after_the_config(empty: MAKE) -> None:
    done = snakemake("--configfile", "config.yaml", "plan", folder=empty().folder)
    assert_one_screen(done, "--configfile = plan: there is no such file", "put plan before it")


def test_no_config_in_the_folder_of_a_study(empty: MAKE) -> None:
    study = empty()
    assert study.run("plan").code == 0
    before = study.listing()
    for target in ("plan", "all"):
        done = snakemake(target, folder=study.folder)
        assert_one_screen(
            done, "results: this folder holds the results of the study tiny", "Add --configfile"
        )
    assert study.listing() == before
    study.configure(study={"name": "another"})
    done = study.run("plan")
    assert_one_screen(
        done, "of the study tiny, and this call is of the study another (config.yaml)"
    )
    assert "Go to a folder of its own" in done.text


def test_a_config_that_is_no_yaml(empty: MAKE) -> None:
    study = empty()
    (study.folder / "config.yaml").write_text("study:\n\tname: x\n", encoding="utf-8")
    assert_one_screen(study.run("plan"), "YAML")


@dataclass(frozen=True)
class Start:
    """A wrong start: what is done to a good study, and what must be said of it.

    Attributes
    ----------
    spoil : callable
        Given the study; it returns the sections of the config that differ.
    said : tuple of str
        File, reason and what to do.
    """

    spoil: Callable[[Study], dict[str, dict[str, object]]]
    said: Sequence[str]


def raw(study: Study) -> dict[str, dict[str, object]]:
    folder = study.folder / "bids"
    func = folder / "sub-01/ses-pre/func"
    func.mkdir(parents=True)
    (func / "sub-01_ses-pre_task-rest_bold.nii.gz").touch()
    about = {"Name": "x", "DatasetType": "raw"}
    (folder / "dataset_description.json").write_text(json.dumps(about))
    shutil.copytree(study.derivatives, folder / "derivatives/fmriprep")
    return {"study": {"derivatives": "bids"}}


def denoised(study: Study) -> dict[str, dict[str, object]]:
    for path in study.derivatives.rglob("*_desc-preproc_bold.nii.gz"):
        path.rename(path.with_name(path.name.replace("preproc", "denoised")))
    return {}


def above(study: Study) -> dict[str, dict[str, object]]:
    (study.folder / "data").mkdir()
    study.derivatives.rename(study.folder / "data/fmriprep")
    return {"study": {"derivatives": "data"}}


def nothing(study: Study) -> dict[str, dict[str, object]]:
    (study.folder / "void").mkdir()
    return {"study": {"derivatives": "void"}}


def table(edit: Callable[[str], str]) -> Callable[[Study], dict[str, dict[str, object]]]:
    def spoil(study: Study) -> dict[str, dict[str, object]]:
        path = study.folder / "participants.tsv"
        path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8")
        return {}

    return spoil


def spreadsheet(study: Study) -> dict[str, dict[str, object]]:
    with zipfile.ZipFile(study.folder / "scores.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return {"scores": {"table": "scores.xlsx"}}


def short(study: Study) -> dict[str, dict[str, object]]:
    for path in study.derivatives.rglob("*_timeseries.tsv"):
        header = path.read_text(encoding="utf-8")
        row = "\t".join(["0"] * len(header.split("\t")))
        path.write_text(header + f"{row}\n" * 20, encoding="utf-8")
    return {"study": {"repetition-time": 2.0}}


def keys(**sections: dict[str, object]) -> Callable[[Study], dict[str, dict[str, object]]]:
    return lambda study: sections


STARTS = {
    "a key mistyped": Start(
        keys(denoising={"fd-tresh": 0.5}),
        ("config: denoising.fd-tresh", "did you mean 'fd-thresh'?"),
    ),
    "a wrong session": Start(
        keys(study={"sessions": {"pre": "pre", "post": "day1"}}),
        ("config: study.sessions.post = day1: no BOLD image has this", "allowed: post, pre"),
    ),
    "derivatives that are not there": Start(
        keys(study={"derivatives": "fmripep"}), ("study.derivatives = fmripep: is not a folder",)
    ),
    "an empty folder": Start(
        nothing, ("study.derivatives = void: holds no BIDS file", "name the folder that holds")
    ),
    "raw data": Start(
        raw,
        ("study.derivatives = bids: is a raw BIDS dataset", "write bids/derivatives/fmriprep"),
    ),
    "denoised data": Start(
        denoised, ("study.derivatives = fmriprep: holds the results of XCP-D", "name the fMRIPrep")
    ),
    "a folder above": Start(
        above, ("study.derivatives = data: lies above the derivatives; write data/fmriprep",)
    ),
    "another task": Start(
        keys(study={"task": "nback"}), ("study.task = nback: no preprocessed", "allowed: rest")
    ),
    "another template": Start(
        keys(study={"space": "MNI152NLin6Asym"}, circuits={"parcellation": "KetfcVoronoi239"}),
        ("study.space = MNI152NLin6Asym: no preprocessed", "allowed: MNI152NLin2009cAsym"),
    ),
    "no table of scores": Start(
        keys(scores={"table": "scores.tsv"}), ("scores.table = scores.tsv: there is no such file",)
    ),
    "a spreadsheet": Start(
        spreadsheet, ("scores.xlsx: scores.table: cannot be read", "save the sheet as CSV")
    ),
    "other IDs": Start(
        table(lambda text: text.replace("sub-0", "P10")),
        ("participants.tsv: participant_id: holds nobody who has images",),
    ),
    "lost zeros": Start(
        table(lambda text: text.replace("sub-0", "")),
        ("participants.tsv: sub-1: participant_id = 1", "were leading zeros lost"),
    ),
    "codes for missing": Start(
        table(lambda text: text.rstrip("\n").rpartition("\t")[0] + "\t-99\n"),
        ("participants.tsv: sub-04 ses-post: SSI_ses-post = -99", "name it in scores.missing"),
    ),
    "depression as ideation": Start(
        keys(scores={"si": {"instrument": "MADRS", "column": "SSI"}}),
        ("scores.si.instrument = MADRS: measures depression", "allowed: SSI, BSS"),
    ),
    "per cent": Start(
        lambda study: (
            table(lambda text: text.replace("SSI_ses-post", "SSI_pct"))(study)
            | {"scores": {"si": {"instrument": "SSI", "change-column": "SSI_pct"}}}
        ),
        ("participants.tsv: SSI_pct: is named as a per cent, and points are needed",),
    ),
    "a column mistyped": Start(
        keys(scores={"si": {"instrument": "SSI", "column": "SIS"}}),
        ("participants.tsv: scores.si = SIS_ses-pre: has no such column; did you mean",),
    ),
    "an arm mistyped": Start(
        keys(study={"arms": {"column": "arm", "ketamine": "ketamin", "control": "midazolam"}}),
        ("study.arms.ketamine = ketamin: no participant has", "allowed: ketamine, midazolam"),
    ),
    "participants that are not there": Start(
        keys(study={"arms": None, "participants": "people.tsv"}),
        ("study.participants = people.tsv: there is no such file",),
    ),
    "a preregistration that is not there": Start(
        keys(statistics={"preregistration": "lock.json"}),
        ("statistics.preregistration = lock.json: there is no such file",),
    ),
    "all runs too short": Start(
        short,
        (
            "no test is possible: 0 of ketamine and 0 of midazolam",
            "of 8 runs, 8 by min-time are left out (results/plan/runs.tsv)",
        ),
    ),
}
FAST = ("a key mistyped", "a wrong session", "raw data", "codes for missing", "all runs too short")


@pytest.mark.parametrize(
    "name",
    [pytest.param(each, marks=[] if each in FAST else [pytest.mark.slow]) for each in STARTS],
)
def test_a_wrong_start_is_told_on_one_screen(empty: MAKE, name: str) -> None:
    study = empty()
    study.configure(**STARTS[name].spoil(study))
    done = study.run("plan")
    assert_one_screen(done, *STARTS[name].said)
    if "results/plan/problems.tsv" in done.text:
        # the log of the rule says it too
        assert STARTS[name].said[0].partition(": ")[0] in (
            study.folder / "logs/plan.log"
        ).read_text(encoding="utf-8")


def test_twenty_starts_are_tried() -> None:
    alone = [name for name in globals() if name.startswith("test_a") or name.startswith("test_no")]
    assert len(STARTS) + len(alone) > 20


@pytest.mark.slow
def test_a_study_of_damaged_images_ends_with_the_reason_and_its_report(
    few: Study, tmp_path: Path
) -> None:
    study = few.copy(tmp_path / "study")
    for path in study.derivatives.rglob("*_desc-preproc_bold.nii.gz"):
        path.write_bytes(path.read_bytes()[:3000])
    for _ in range(2):
        done = study.run()
        assert_one_screen(
            done,
            "Nothing could be tested",
            "Runs excluded: 4 of 4",
            "results/quality/exclusions.tsv",
        )
        assert done.text.rstrip().endswith("log: logs/summary.log")
        assert (study.results / "report.html").is_file()


@pytest.mark.slow
def test_a_truncated_image_is_named_at_the_end_and_the_others_are_tested(done: Study) -> None:
    image = done.file("03", "pre", "_desc-preproc_bold.nii.gz")
    image.write_bytes(image.read_bytes()[:-2000])
    said = done.run()
    assert said.code == 0, said.text
    assert_screen(
        said,
        "Left out of the tests of change: 1 of 12 participants (sub-03)",
        "Runs excluded: 1 of 24 (1 by damaged-image)",
        f"{image.name} is truncated",
        "copy it again, then start again with the same command",
    )
    assert said.text.rstrip().endswith("Report: results/report.html")


@pytest.mark.slow
def test_a_disk_without_space_is_told_on_one_screen(
    few: Study, small_disk: Callable[[Study, int], Study]
) -> None:
    # room for the plan, the atlas and one or two of the four runs
    done = small_disk(few, 4000).run()
    assert_one_screen(
        done,
        "results/",
        "cannot be written (No space left on device): make room and start again with the same",
        "log: logs/",
    )
