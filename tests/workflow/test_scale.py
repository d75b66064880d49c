"""Files that a call of the workflow looks at as a study grows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_study import REPO, Study, command, labels, people, touch_run

from ketfc.imaging.preflight.study_plan import FEW

MAKE = Callable[..., Study]
HEAVY = ("nilearn", "statsmodels", "matplotlib", "sklearn", "scipy.stats")

PROBE = """
import json, sys
looked = []
def look(event, arguments):
    if event in ("open", "os.scandir", "os.listdir") and arguments:
        looked.append(str(arguments[0]))
sys.addaudithook(look)
from snakemake.cli import main
try:
    main(sys.argv[2:])
finally:
    with open(sys.argv[1], "w") as handle:
        json.dump({"looked": list(looked), "modules": sorted(sys.modules)}, handle)
"""


def probe(study: Study, *arguments: str) -> dict[str, list[str]]:
    """Run snakemake; return what it opened or listed, and what it imported."""
    call = command(*arguments, "--configfile", "config.yaml", cores=1)
    told = study.folder / "probe.json"
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(told), *call[3:]],
        cwd=study.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    content: dict[str, list[str]] = json.loads(told.read_text(encoding="utf-8"))
    return content


def of_the_data(found: dict[str, list[str]], study: Study) -> list[str]:
    """Return what was looked at in the derivatives' participants."""
    return [path for path in found["looked"] if f"{study.derivatives.name}/sub-" in path]


def larger(empty: MAKE, n_per_arm: int) -> Study:
    """Return the study of empty images with more participants."""
    study = empty(people(n_per_arm))
    for participant in labels(people(n_per_arm)):
        for session in ("pre", "post"):
            touch_run(study, participant, session)
    return study


def test_a_worker_neither_walks_the_derivatives_nor_imports_what_it_does_not_need(
    empty: MAKE,
) -> None:
    study = empty()
    # lists the runs, as the first process does before it submits anything
    first = probe(study, "-n")
    assert of_the_data(first, study)
    job = "extract_run:folder=sub-01/ses-pre/func,run=sub-01_ses-pre_task-rest"
    worker = probe(study, "-n", "--mode", "remote", "--force", "--nolock", "--target-jobs", job)
    # snakemake itself asks for the state of the job's own files
    assert [path for path in of_the_data(worker, study) if "sub-01" not in path] == []
    for found in (first, worker):
        assert [name for name in HEAVY if name in found["modules"]] == []


def test_a_dry_run_opens_a_few_tables_of_confounds_and_lists_as_many_folders_as_there_are(
    empty: MAKE,
) -> None:
    looked = {}
    for n_per_arm in (2, 8):
        study = larger(empty, n_per_arm)
        found = of_the_data(probe(study, "-n"), study)
        opened = [path for path in found if not Path(study.folder, path).is_dir()]
        assert all(path.endswith("_desc-confounds_timeseries.tsv") for path in opened)
        looked[n_per_arm] = (len(opened), len(found) - len(opened))
    # a participant's own folder and that of each session
    assert looked == {2: (8, 4 * 3), 8: (FEW, 16 * 3)}


def test_rules_do_not_go_through_the_whole_study_for_every_job() -> None:
    # snakemake's lookup(dpath=...) walks the mapping: 185 CPU seconds for 300 participants
    for path in (REPO / "workflow/rules").glob("*.smk"):
        assert "=lookup(" not in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_work_of_a_dry_run_grows_with_the_study_and_not_with_its_square(
    empty: MAKE, tmp_path: Path
) -> None:
    calls = []
    for n_per_arm in (10, 20, 40):
        study = larger(empty, n_per_arm)
        profile = tmp_path / "profile"
        call = command("-n", "--configfile", "config.yaml", cores=1)
        subprocess.run(
            [sys.executable, "-m", "cProfile", "-o", str(profile), *call[1:]],
            cwd=study.folder, capture_output=True, check=True,
        )  # fmt: skip
        calls.append(total_calls(profile))
    small, large = calls[1] - calls[0], calls[2] - calls[1]
    # twice as many participants came, and twice as much was done for them
    assert large < 2.2 * small


def total_calls(profile: Path) -> int:
    import pstats

    statistics: Any = pstats.Stats(str(profile))
    return int(statistics.total_calls)
