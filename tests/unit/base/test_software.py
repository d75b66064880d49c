"""The bill of versions: what was installed, and which state of the code."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from ketfc import __version__
from ketfc.base.files import read_json
from ketfc.base.software import (
    PACKAGES,
    generated_by,
    made_by,
    package_versions,
    write_sidecars,
)


def test_the_versions_are_those_that_the_packages_give_themselves() -> None:
    import nibabel
    import numpy
    import pandas
    import scipy

    told = package_versions()
    assert told["Python"] == platform.python_version()
    assert told["ketfc"] == __version__
    for package in (nibabel, numpy, pandas, scipy):
        assert told[package.__name__] == package.__version__
    assert set(told) == {"Python", "ketfc", *PACKAGES}


def test_ketfc_comes_first_with_the_digest_of_its_code() -> None:
    with made_by("motion 0123"):
        ketfc, python, *packages = generated_by()
    assert ketfc == {
        "Name": "ketfc",
        "Version": __version__,
        "Description": "source motion 0123",
    }
    assert python["Name"] == "Python"
    assert [each["Name"] for each in packages] == list(PACKAGES)


def test_code_that_no_job_runs_is_not_named() -> None:
    with made_by("motion 0123"):
        pass
    assert generated_by()[0] == {"Name": "ketfc", "Version": __version__}


def test_no_package_is_imported_for_it() -> None:
    code = (
        "import sys, json; from ketfc.base.software import generated_by; generated_by();"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert set(json.loads(done)).isdisjoint({"numpy", "pandas", "nilearn", "scipy", "snakemake"})


def test_a_package_that_is_not_installed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ketfc.base.software.PACKAGES", ("no-such-package",))
    with pytest.raises(ModuleNotFoundError, match="no-such-package"):
        package_versions()


def test_every_table_gets_a_sidecar_and_nothing_else_does(tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("a.tsv", "b.tsv", "a.json", "b.json", "page.html")]
    for table in outputs[:2]:
        table.write_text("role\n", encoding="utf-8")
    with made_by("clinical 0123"):
        write_sidecars(outputs)
        bill = generated_by()
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["a.json", "a.tsv", "b.json", "b.tsv"]
    told = read_json(tmp_path / "a.json")
    assert told.pop("role")["Description"].startswith("Role of the session")
    assert told == {"GeneratedBy": bill}
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
