"""Pinned versions and the sources of images: consistent, complete, free of addresses."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPO = Path(__file__).parents[2]
PAIRS = {
    "snakemake-9.15.txt": {"snakemake": "9.15.0", "nilearn": "0.14.1"},
    "snakemake-9.27.txt": {"snakemake": "9.27.1", "nilearn": "0.12.1"},
}
CLOUD = "requirements/cloud-9.15.txt"
"""What the extra `cloud` adds to the first pair."""

HASHED = re.compile(r"[A-Za-z0-9_.-]+==[^\s;=]+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")


def lines(name: str) -> list[str]:
    """Return the requirements of a file, each on one line, without comments."""
    text = (REPO / name).read_text(encoding="utf-8").replace("\\\n", "")
    found = (re.sub(r"\s+", " ", line).strip() for line in text.splitlines())
    return [line for line in found if line and not line.startswith("#")]


def pins(name: str) -> dict[str, Version]:
    """Return the version of every package that a file pins."""
    found = {}
    for line in lines(name):
        package, _, rest = line.partition("==")
        assert rest, f"{name}: {line} is not pinned"
        found[canonicalize_name(package)] = Version(rest.split()[0])
    assert len(found) == len(lines(name)), f"{name} names a package twice"
    return found


def declared(*extras: str) -> list[Requirement]:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    return [
        Requirement(each)
        for each in (
            *project["dependencies"],
            *(each for name in extras for each in optional[name]),
        )
    ]


@pytest.mark.parametrize(
    "name", ["constraints.txt", CLOUD, *(f"requirements/{each}" for each in PAIRS)]
)
def test_no_pin_file_names_a_host_or_an_option(name: str) -> None:
    text = (REPO / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not [line for line in lines(name) if line.startswith("-") or " @ " in line]


@pytest.mark.parametrize(
    ("name", "extras"),
    [("constraints.txt", ("test", "dev")), *((f"requirements/{each}", ()) for each in PAIRS)],
)
def test_every_dependency_is_pinned_within_its_range(name: str, extras: tuple[str, ...]) -> None:
    pinned = pins(name)
    for wanted in declared(*extras):
        version = pinned.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not in {name}"
        assert version in wanted.specifier, f"{wanted.name} {version} is not {wanted.specifier}"


@pytest.mark.parametrize("name", [CLOUD, *(f"requirements/{each}" for each in PAIRS)])
def test_every_line_has_a_version_and_hashes(name: str) -> None:
    for line in lines(name):
        assert HASHED.fullmatch(line), line


@pytest.mark.parametrize(("name", "pair"), PAIRS.items())
def test_the_files_pin_the_two_pairs_that_are_tested(name: str, pair: dict[str, str]) -> None:
    pinned = pins(f"requirements/{name}")
    assert {package: str(pinned[package]) for package in pair} == pair
    # nilearn 0.14 and the newer Snakemake want different ones
    assert (pinned["packaging"] >= Version("26")) == (pair["nilearn"] == "0.14.1")
    # what builds ketfc itself, since pip fetches nothing else for it
    assert pinned["setuptools"] >= Version("70")


def test_the_first_pair_is_that_of_the_constraints() -> None:
    known = pins("constraints.txt")
    for package, version in pins("requirements/snakemake-9.15.txt").items():
        if package != "setuptools":
            assert version == known[package], package


def test_the_pins_of_the_cloud_go_beside_those_of_the_first_pair() -> None:
    pair, more, known = (
        pins(name) for name in ("requirements/snakemake-9.15.txt", CLOUD, "constraints.txt")
    )
    assert not set(pair) & set(more)
    for wanted in declared("cloud")[len(declared()) :]:
        assert more[canonicalize_name(wanted.name)] in wanted.specifier
    assert more == {name: known[name] for name in more}
    assert CLOUD.endswith(f"/{chosen_in_docs()}")


def chosen_in_docs() -> str:
    """Return the file of pins that the page on clouds builds its image with."""
    page = (REPO / "docs/cloud.md").read_text(encoding="utf-8")
    (chosen,) = re.findall(r"--build-arg MORE=(\S+)", page)
    assert "${MORE}" in (REPO / "Dockerfile").read_text(encoding="utf-8")
    return str(chosen)


def copied() -> list[str]:
    """Return what the Dockerfile copies from the clone."""
    found = []
    for line in (REPO / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY "):
            found += [source.rstrip("/") for source in line.split()[1:-1]]
    return found


def definition() -> dict[str, list[str]]:
    """Return the sections of apptainer.def; what stands before the first is ''."""
    sections: dict[str, list[str]] = {"": []}
    name = ""
    for line in (REPO / "apptainer.def").read_text(encoding="utf-8").splitlines():
        if line.startswith("%"):
            name = line[1:].strip()
            sections[name] = []
        elif line.strip() and not line.startswith("#"):
            sections[name].append(line.strip())
    return sections


def test_what_is_copied_into_an_image_exists_and_is_not_ignored() -> None:
    # in a Docker context everything is ignored but what stands behind a !
    kept = (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in kept
    assert copied()
    for source in copied():
        assert (REPO / source).exists(), source
        assert f"!{source}" in kept, f"{source} is copied but ignored"


def test_both_images_hold_the_same_files() -> None:
    files = [line.split() for line in definition()["files"]]
    assert sorted(source for source, _ in files) == sorted(copied())
    assert all(target == f"/opt/ketfc/{source}" for source, target in files)


def test_both_images_have_the_same_base_and_pins_and_never_the_latest() -> None:
    text = (REPO / "Dockerfile").read_text(encoding="utf-8")
    base = re.search(r"^ARG BASE=\S*?library/(\S+)$", text, re.MULTILINE)
    chosen = re.search(r"^ARG PINS=(\S+)$", text, re.MULTILINE)
    assert base is not None
    assert chosen is not None
    assert re.fullmatch(r"debian:\d+\.\d+-slim", base[1])
    sections = definition()
    assert f"From: {base[1]}" in sections[""]
    assert sections["arguments"] == [f"PINS={chosen[1]}"]
    assert chosen[1] in PAIRS


def test_nothing_is_installed_in_an_image_without_hashes_or_by_root_at_run_time() -> None:
    docker = (REPO / "Dockerfile").read_text(encoding="utf-8")
    for text in (docker, "\n".join(definition()["post"])):
        installs = re.findall(r"pip install (.*)", text)
        assert len(installs) == 2
        assert "--require-hashes" in installs[0]
        assert {"--no-deps", "--no-build-isolation"} <= set(installs[1].split())
    user = re.findall(r"^USER (\w+)$", docker, re.MULTILINE)
    assert user == ["ketfc"]
    assert 'ENTRYPOINT ["snakemake", "-s", "/opt/ketfc/Snakefile"]' in docker
