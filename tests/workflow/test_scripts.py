"""A mended fault of Snakemake: scripts start wherever Python is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_study import REPO

RULES = REPO / "workflow/rules/scripts.smk"
SNAKEFILE = """
include: "{rules}"

rule all:
    output: "out.txt"
    script: "write.py"
"""


@pytest.mark.parametrize("name", ["a path with blanks", "a lab's", "plain"])
def test_scripts_start_in_an_environment_of_any_path(name: str, tmp_path: Path) -> None:
    place = tmp_path / name
    place.mkdir()
    # an environment beside this one's packages, as venv makes it
    made = [sys.executable, "-m", "venv", "--without-pip", str(place / "env")]
    subprocess.run(made, check=True)
    (place / "Snakefile").write_text(SNAKEFILE.format(rules=RULES), encoding="utf-8")
    (place / "write.py").write_text(
        "import sys\nopen(snakemake.output[0], 'w').write(sys.executable)\n", encoding="utf-8"
    )
    python = place / "env/bin/python"
    packages = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [python, "-m", "snakemake", "--cores", "1"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": packages},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (place / "out.txt").read_text(encoding="utf-8") == str(python)
