"""The tutorial, typed as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from made_study import REPO

PAGE = REPO / "docs/tutorial.md"


def commands() -> list[str]:
    """Return what the tutorial says to type, block by block."""
    return re.findall(r"```bash\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
def test_every_command_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    # the program that an installed ketfc has
    program = tmp_path / "bin/ketfc"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ketfc "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPO / "workflow"),
    }
    study = tmp_path / "demo"
    study.mkdir()
    said = []
    assert len(commands()) > 4
    for command in commands():
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=study, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        said.append(done.stdout + done.stderr)
    assert "Nothing here would stop a run" in said[0]
    assert "both pre and post: 15 participants" in said[1]
    for name in ("report.html", "figures/paired.pdf", "figures/paired.tsv"):
        assert (study / "results" / name).is_file(), name
    assert "Nothing to be done" in said[3]
    assert "methods" in said[4]
    assert "Study demo: parallel design, 16 participants" in said[5]
    assert (study / "mine/ketfc.yaml").is_file()
