"""Jobs that an edit of the code runs again, and its effect on jobs that wait on a cluster."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from made_study import REPO, Study, snakemake

RUN = "folder=sub-03/ses-pre/func,run=sub-03_ses-pre_task-rest"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of the library, to be edited; rules and scripts are those of the clone."""
    folder = tmp_path / "library"
    without = shutil.ignore_patterns("__pycache__", "bundled")
    shutil.copytree(REPO / "workflow/ketfc", folder / "ketfc", ignore=without)
    (folder / "ketfc/bundled").mkdir()
    (folder / "ketfc/bundled/Snakefile").symlink_to(REPO / "Snakefile")
    return folder


def edit(library: Path, *modules: str) -> None:
    for module in modules:
        path = library / "ketfc" / module
        path.write_text(path.read_text(encoding="utf-8") + "\nEDITED = 1\n", encoding="utf-8")


def test_code_elsewhere_is_no_other_code(done: Study, library: Path) -> None:
    assert done.run("-n", library=library).jobs == {}


def test_a_sentence_of_the_report_reads_no_image_again(done: Study, library: Path) -> None:
    edit(library, "reporting/text/methods.py")
    planned = done.run("-n", library=library).jobs
    assert planned == {"all": 1, "methods": 1, "report": 1, "summary": 1}


def test_wording_beside_the_images_reads_none_again(done: Study, library: Path) -> None:
    edit(library, "imaging/regions/habenula.py", "study/scores/response.py")
    planned = done.run("-n", library=library).jobs
    assert {"habenula", "clinical_course"} <= set(planned)
    # the plan looks at the habenula too, and the tables of sessions follow the plan
    assert not {"extract_run", "denoise_run", "parcellation", "null_spheres"} & set(planned)


def test_the_reader_reads_every_image_again(done: Study, library: Path) -> None:
    edit(library, "imaging/io/reader.py")
    planned = done.run("-n", library=library).jobs
    assert planned["extract_run"] == 24
    assert planned["sessions"] == 1


def test_the_code_of_denoising_reads_no_image_again(done: Study, library: Path) -> None:
    edit(library, "imaging/denoise/censoring.py", "imaging/run/connectivity.py")
    planned = done.run("-n", library=library).jobs
    assert planned["denoise_run"] == 24
    assert "extract_run" not in planned


def test_the_reader_of_the_registry_simulates_the_demo_again(tmp_path: Path, library: Path) -> None:
    image = (
        "resources/demo/fmriprep/sub-01/ses-pre/func/sub-01_ses-pre_task-rest"
        "_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"
    )
    folder = tmp_path / "demo"
    folder.mkdir()
    made = snakemake(image, folder=folder, library=library)
    assert made.code == 0, made.text
    assert snakemake(image, "-n", folder=folder, library=library).jobs == {}
    edit(library, "imaging/regions/registry_parser.py")
    assert snakemake(image, "-n", folder=folder, library=library).jobs == {"demo_run": 1}


def on_a_node(study: Study, **code: Path) -> tuple[int, str]:
    """Run a job as a cluster's executor calls it on a node, where the Snakefile is parsed again."""
    jobs = (f"extract_run:{RUN}", f"denoise_run:{RUN}")
    call = ("--mode", "remote", "--force", "--nolock", "--target-jobs", *jobs)
    finished = study.run(*call, cores=1, **code)
    return finished.code, finished.text


def state(study: Study) -> dict[str, tuple[int, bytes]]:
    """Return time and content of all that is not the run's own."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(study.results.rglob("*"))
        if path.is_file() and not path.name.startswith("sub-03_ses-pre")
    }


def test_an_edit_while_jobs_wait_makes_none_of_them_run_what_comes_before(
    done: Study, tmp_path: Path
) -> None:
    # a clone that was changed in place: each of these alone runs parcellation or null_spheres again
    clone = tmp_path / "clone"
    without = shutil.ignore_patterns("__pycache__", ".git", "tests", "docs", "benchmarks")
    shutil.copytree(REPO, clone, ignore=without, symlinks=True)
    library = clone / "workflow"
    edit(library, "imaging/atlas/making.py")
    for script in ("parcellation", "null_spheres"):
        with (library / f"scripts/{script}.py").open("a", encoding="utf-8") as file:
            file.write("\n# edited\n")
    assert {"parcellation", "null_spheres"} <= set(done.run("-n", repo=clone, library=library).jobs)
    before = state(done)
    relmats = list((done.results / "derivatives/sub-03/ses-pre/func").glob("*_relmat.tsv"))
    content = {path: path.read_bytes() for path in relmats}
    for path in relmats:
        path.unlink()
    code, text = on_a_node(done, repo=clone, library=library)
    assert code == 0, text
    assert {path: path.read_bytes() for path in relmats} == content
    assert state(done) == before


def test_a_job_whose_own_code_was_edited_while_it_waited_refuses(
    done: Study, library: Path
) -> None:
    before = state(done)
    edit(library, "imaging/io/reader.py")
    code, _ = on_a_node(done, library=library)
    assert code != 0
    (log,) = (done.folder / "logs/extract_run").rglob("*sub-03_ses-pre*.log")
    said = log.read_text(encoding="utf-8")
    assert "the code behind extract_run was changed after this job was planned" in said
    assert state(done) == before
    # the same command, given again, plans it with the code that is there now
    assert done.run("-n", library=library).jobs["extract_run"] == 24
