"""What others rely on around the code: one version, jobs of CI that can run, templates."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import ketfc

REPO = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RELEASE = re.compile(r"^## (\d+\.\d+\.\d+) – (\d{4}-\d\d-\d\d)$", re.MULTILINE)


def text_of(name: str) -> str:
    return (REPO / name).read_text(encoding="utf-8")


def jobs() -> dict[str, dict[str, Any]]:
    """Return the jobs of CI by name."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(text_of(".github/workflows/tests.yml"))[
        "jobs"
    ]
    return found


def commands() -> list[str]:
    """Return all that the jobs of CI run."""
    steps = [step for job in jobs().values() for step in job["steps"]]
    return [step["run"] for step in steps if "run" in step]


def test_the_version_is_the_same_everywhere() -> None:
    version = PROJECT["version"]
    cited = yaml.safe_load(text_of("CITATION.cff"))
    newest, date = RELEASE.findall(text_of("CHANGELOG.md"))[0]
    assert ketfc.__version__ == cited["version"] == newest == version
    assert cited["date-released"] == date
    label = "org.opencontainers.image.version"
    assert f'{label}="{version}"' in text_of("Dockerfile")
    assert f"{label} {version}\n" in text_of("apptainer.def")
    assert f"--tag v{version}" in text_of("docs/module.md")


def test_releases_are_newest_first_and_begin_with_words_for_users() -> None:
    releases = RELEASE.findall(text_of("CHANGELOG.md"))
    assert releases == sorted(releases, reverse=True)
    # the list is long: what is new, what changed in results and what to do come before it
    newest = text_of("CHANGELOG.md").split("\n## ")[1]
    words = newest.partition("\n### ")[0]
    for begins in ("**What is new.**", "**What changed in results.**", "**From "):
        assert begins in words


def test_ci_has_every_python_system_and_pair_that_are_promised() -> None:
    matrix = jobs()["tests"]["strategy"]["matrix"]
    said = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if ":: 3." in each]
    assert matrix["python"] == said
    assert f">={said[0]}" == PROJECT["requires-python"]
    assert {each.partition("-")[0] for each in matrix["os"]} == {"ubuntu", "macos"}
    pairs = {*matrix["pair"], *(each["pair"] for each in matrix["include"])}
    assert pairs == {path.stem for path in (REPO / "requirements").glob("snakemake-*.txt")}
    # an entry of `include` that repeats the matrix would add nothing
    assert all(each["pair"] not in matrix["pair"] for each in matrix["include"])


def test_the_other_pair_of_ci_is_the_pinned_one() -> None:
    (installs,) = [each for each in commands() if "nilearn==" in each]
    pinned = text_of("requirements/snakemake-9.27.txt")
    for package, version in re.findall(r'"(\w+)==([\d.]+)"', installs):
        assert re.search(rf"^{package}=={re.escape(version)} ", pinned, re.MULTILINE), package


@pytest.mark.parametrize("command", commands())
def test_what_a_job_of_ci_names_is_there(command: str) -> None:
    for extra in re.findall(r"-e \"?\.\[([\w,]+)\]", command):
        assert set(extra.split(",")) <= set(PROJECT["optional-dependencies"])
    for path in re.findall(r"(?<![\w/])(?:tests|workflow/rules|requirements)/[\w./-]+", command):
        assert (REPO / path).exists(), path
    for marker in re.findall(r"<!-- ([\w ]+ command) -->", command):
        block = (
            text_of("README.md").partition(f"<!-- {marker} -->\n")[2].partition("<!-- end -->")[0]
        )
        assert block.startswith("```bash\n"), marker


def test_every_job_ends_by_itself() -> None:
    assert all(job["timeout-minutes"] <= 60 for job in jobs().values())


def test_templates_and_the_catalog_are_what_github_and_snakemake_read() -> None:
    for form in ("bug", "idea"):
        template = yaml.safe_load(text_of(f".github/ISSUE_TEMPLATE/{form}.yml"))
        assert {"name", "description", "body"} <= set(template)
        asked = [part["id"] for part in template["body"] if part["type"] != "markdown"]
        assert len(asked) == len(set(asked)) > 0
    about = yaml.safe_load(text_of(".snakemake-workflow-catalog.yml"))["usage"]
    assert "mandatory-flags" in about
    assert set(about["software-stack-deployment"]) == {"conda", "apptainer", "apptainer+conda"}
    # the catalog shows what snakedeploy can set up
    for name in ("Snakefile", "config/config.yaml", "config/README.md", "LICENSE"):
        assert (REPO / name).is_file(), name


def test_every_ecosystem_is_kept_up_to_date_and_the_pairs_stay() -> None:
    updates = yaml.safe_load(text_of(".github/dependabot.yml"))["updates"]
    by_name = {each["package-ecosystem"]: each for each in updates}
    assert set(by_name) == {"github-actions", "pip", "docker"}
    kept = {each["dependency-name"] for each in by_name["pip"]["ignore"]}
    assert {"snakemake", "nilearn", "packaging"} <= kept
