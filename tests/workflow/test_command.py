"""`ketfc` itself, as somebody at a shell calls it: what arrives, what is said, what is left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from made_study import REPO, Study


def ketfc(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ketfc", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPO / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_plan_by_the_config_of_the_folder_and_an_option_of_snakemake(
    pristine: Study, tmp_path: Path
) -> None:
    study = pristine.copy(tmp_path / "a study")
    (study.folder / "config.yaml").rename(study.folder / "ketfc.yaml")
    # --nocolor is Snakemake's
    done = ketfc("plan", "--nocolor", folder=study.folder)
    assert done.returncode == 0, done.stderr
    assert "Study tiny (ketfc.yaml): 24 runs of 12 participants" in done.stderr
    assert (study.results / "plan/summary.txt").is_file()


def test_the_exit_code_and_the_words_are_snakemake_s(pristine: Study, tmp_path: Path) -> None:
    study = pristine.copy(tmp_path / "study")
    (study.folder / "config.yaml").rename(study.folder / "ketfc.yaml")
    refused = ketfc("plan", "--no-such-option", folder=study.folder)
    assert refused.returncode == 2
    assert "--no-such-option" in refused.stderr
    wrong = (study.folder / "ketfc.yaml").read_text(encoding="utf-8")
    (study.folder / "ketfc.yaml").write_text(wrong.replace("post: post", "post: pst"), "utf-8")
    stopped = ketfc("plan", folder=study.folder)
    assert stopped.returncode == 1
    assert "study.sessions.post = pst" in stopped.stderr
