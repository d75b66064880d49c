"""The paper bundle: the same bytes twice, whole, a valid crate, and silent on where it was made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ketfc.base.errors import RefusalError, StudyError
from ketfc.base.files import write_json, write_tsv
from ketfc.reporting.bundle import redraw
from ketfc.reporting.bundle.archive import write_archive
from ketfc.reporting.bundle.captions import captions_page, figure_captions, restructured
from ketfc.reporting.bundle.cobidas import (
    AUTHORS,
    KNOWN,
    PARTLY,
    Run,
    checklist,
    checklist_text,
)
from ketfc.reporting.bundle.contents import bundle_members, without_places
from ketfc.workflow import redraw_workflow

sys.path.insert(0, str(Path(__file__).parents[2]))
import made_tables

VERSIONS = {"Python": "3.11.7", "ketfc": "0.1.0", "snakemake": "9.15.0", "matplotlib": "3.9"}
DRAWN = {
    "ketfc": "0.1.0",
    "study": "trial",
    "figures": {"edges": {"edges": "results/tests/edges.tsv", "design": "results/design.json"}},
    "maps": {"of": {}, "seeds": [], "questions": []},
    "printed": {"edges": {"width": 183.0}, "map": {}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a few results, and this process in it."""
    before = Path.cwd()
    os.chdir(tmp_path)
    write_tsv("results/tests/edges.tsv", pd.DataFrame({"n": ["12"], "z": ["0.1"]}))
    write_json("results/tests/edges.json", {"n": {"Description": "Participants"}})
    write_json("results/design.json", {"study": "trial"})
    for kind in ("png", "tsv"):
        Path(f"results/figures/edges.{kind}").parent.mkdir(exist_ok=True)
        Path(f"results/figures/edges.{kind}").write_bytes(f"a {kind}".encode())
    Path("Snakefile").write_text("rule all:\n", encoding="utf-8")
    yield tmp_path
    os.chdir(before)


def members_of(folder: Path, **settings: Any) -> dict[str, Any]:
    files = sorted(path for path in Path("results").rglob("*") if path.is_file())
    study = {"name": "trial", "derivatives": [str(folder / "fmriprep")]}
    return bundle_members(
        files,
        drawn=DRAWN,
        facts={"config": {"study": study | settings}, "versions": VERSIONS},
        workflow="Snakefile",
    )


def test_two_builds_are_the_same_bytes_whenever_and_in_whatever_order(folder: Path) -> None:
    members = members_of(folder)
    write_archive("one.zip", members)
    for path in Path("results").rglob("*"):
        os.utime(path, (10**9, 10**9))
    write_archive("two.zip", dict(reversed(list(members_of(folder).items()))))
    assert Path("one.zip").read_bytes() == Path("two.zip").read_bytes()
    with zipfile.ZipFile("one.zip") as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {about.date_time for about in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("results/tests/edges.tsv") == b"n\tz\n12\t0.1\n"


def test_a_result_that_is_missing_or_empty_is_named_and_nothing_is_packed(folder: Path) -> None:
    Path("results/figures/edges.png").write_bytes(b"")
    with pytest.raises(StudyError) as refused:
        bundle_members(
            ["results/figures/edges.png", "results/tests/hypotheses.tsv", "results/design.json"],
            drawn=DRAWN,
            facts={},
            workflow="Snakefile",
        )
    lines = str(refused.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "results/figures/edges.png",
        "results/tests/hypotheses.tsv",
    ]
    assert "missing or empty" in lines[0]


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("/data/ward 7/fmriprep", "fmriprep"),
        ("~/scores.tsv", "scores.tsv"),
        ("$HOME/scores.tsv", "scores.tsv"),
        (r"C:\Users\smith\scores.tsv", "scores.tsv"),
        (r"\\server\share\scores.tsv", "scores.tsv"),
        ("tables/scores.tsv", "tables/scores.tsv"),
        ("24P", "24P"),
    ],
)
def test_of_paths_that_lead_outside_the_names_alone_are_left(path: str, left: str) -> None:
    given = {"study": {"derivatives": [path, 3, None]}, "scores": {"table": path}}
    assert without_places(given) == {
        "study": {"derivatives": [left, 3, None]},
        "scores": {"table": left},
    }


def test_nothing_tells_where_or_by_whom_the_bundle_was_made(folder: Path) -> None:
    write_archive("bundle.zip", members_of(folder))
    with zipfile.ZipFile("bundle.zip") as archive:
        everything = b"\n".join(archive.read(name) for name in archive.namelist())
    assert str(folder).encode() not in everything
    assert b"fmriprep" in everything


def test_the_checksums_are_those_of_every_other_file(folder: Path) -> None:
    members = members_of(folder)
    lines = members["checksums.sha256"].decode().splitlines()
    told = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert set(told) == set(members) - {"checksums.sha256", "ro-crate-metadata.json"}
    content = Path("results/figures/edges.png").read_bytes()
    assert told["results/figures/edges.png"] == sha256(content).hexdigest()
    assert told["README.md"] == sha256(members["README.md"]).hexdigest()


def test_the_crate_describes_every_file_and_the_run(folder: Path) -> None:
    members = members_of(folder)
    graph = {each["@id"]: each for each in json.loads(members["ro-crate-metadata.json"])["@graph"]}
    files = {name for name, each in graph.items() if "File" in each["@type"]}
    assert files == set(members) - {"ro-crate-metadata.json"}
    table = graph["results/tests/edges.tsv"]
    assert table["sha256"] == sha256(b"n\tz\n12\t0.1\n").hexdigest()
    assert table["contentSize"] == "11"
    assert table["name"] == "Table of n"
    root, run = graph["./"], graph["#run"]
    assert root["mainEntity"] == run["instrument"] == {"@id": "ketfc/Snakefile"}
    results = {each["@id"] for each in run["result"]}
    assert results == {name for name in files if name.startswith("results/")}
    assert {"results/figures/edges.png", "results/tests/edges.tsv"} < results
    assert {"@id": "https://w3id.org/ro/wfrun/workflow/0.5"} in root["conformsTo"]
    assert "simulated" not in root["description"]
    again = members_of(folder, derivatives=["simulate"])["ro-crate-metadata.json"]
    assert b"The study is simulated" in again


def test_the_crate_uses_no_term_that_is_not_one(folder: Path) -> None:
    # the validator's test below lends a meaning to whatever is used; these are RO-Crate's own
    known = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text())["@context"]
    for each in json.loads(members_of(folder)["ro-crate-metadata.json"])["@graph"]:
        types = [each["@type"]] if isinstance(each["@type"], str) else each["@type"]
        terms = {*types, *(key for key in each if key[0] != "@")}
        assert terms <= set(known), each["@id"]


class _Contexts:
    """The one document that the validator fetches: terms of RO-Crate 1.1 that a bundle uses."""

    status_code, ok, from_cache = 200, True, False

    def __init__(self, metadata: dict[str, Any]) -> None:
        self.headers = {"Content-Type": "application/ld+json"}
        schema, bio = "http://schema.org/", "https://bioschemas.org/"
        used = {key for each in metadata["@graph"] for key in each if key[0] != "@"}
        for each in metadata["@graph"]:
            used |= {each["@type"]} if isinstance(each["@type"], str) else set(each["@type"])
        terms = {name: schema + name for name in used - {"sha256"}} | {
            "File": f"{schema}MediaObject",
            "conformsTo": "http://purl.org/dc/terms/conformsTo",
            "ComputationalWorkflow": f"{bio}ComputationalWorkflow",
            "FormalParameter": f"{bio}FormalParameter",
            "input": f"{bio}ComputationalWorkflow#input",
            "output": f"{bio}ComputationalWorkflow#output",
        }
        self.text = json.dumps({"@context": terms})

    def get(self, url: str, *arguments: Any, **settings: Any) -> _Contexts:
        assert url == "https://w3id.org/ro/crate/1.1/context"
        return self

    head = get

    def json(self) -> Any:
        return json.loads(self.text)

    def raise_for_status(self) -> None:
        """All is well."""

    def close(self) -> None:
        """Nothing is open."""


def _without(key: str, of: str) -> Callable[[dict[str, Any]], None]:
    def change(metadata: dict[str, Any]) -> None:
        (entity,) = [each for each in metadata["@graph"] if each["@id"] == of]
        del entity[key]

    return change


@pytest.mark.parametrize(
    ("change", "valid"),
    [(None, True), (_without("instrument", "#run"), False), (_without("license", "./"), False)],
)
def test_the_crate_is_valid_for_its_profile(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], None] | None,
    valid: bool,
) -> None:
    pytest.importorskip("rocrate_validator")
    from rocrate_validator import models, services
    from rocrate_validator.utils.http import HttpRequester

    members = members_of(folder)
    metadata = json.loads(members["ro-crate-metadata.json"])
    if change:
        change(metadata)
        members["ro-crate-metadata.json"] = json.dumps(metadata).encode()
    write_archive("bundle.zip", members)
    # no network in a test, and the validator knows none of its contexts by heart
    monkeypatch.setattr(
        HttpRequester,
        "__initialize_session__",
        lambda self, *_, **__: setattr(self, "session", _Contexts(metadata)),
    )
    HttpRequester.reset()
    settings = services.ValidationSettings(
        rocrate_uri="bundle.zip",
        profile_identifier="workflow-run-crate",
        requirement_severity=models.Severity.REQUIRED,
    )
    result = services.validate(settings)
    assert result.passed() is valid, [issue.message for issue in result.get_issues()]


# --- the checklist -------------------------------------------------------------------------------


def run_of(made: made_tables.Made, **facts: Any) -> Run:
    config = made.config | facts.pop("config", {})
    config = {
        "activity": {"measures": []},
        "maps": {"fwhm": 6.0, "permutations": 5000},
        **config,
    }
    config["denoising"] = {"dummy-scans": "auto", **config["denoising"]}
    native = pd.DataFrame(
        [("3", "3", "3.5")] * 2 + [(None, None, None)], columns=["native_x", "native_y", "native_z"]
    )
    return Run(
        design=made.design,
        facts={
            "config": config,
            "versions": VERSIONS | facts,
            "sidecars": made.sidecars,
        },
        hypotheses=made.hypotheses,
        robustness=made.robustness,
        runs=made.runs.assign(
            repetition_time="2",
            n_censored_dummy=[str(4 * (i % 2)) for i in range(len(made.runs))],
            share_censored="0.05",
        ),
        exclusions=made.exclusions,
        regions=made.regions,
        native=native,
        maps=False,
    )


def known_of(run: Run) -> dict[str, Any]:
    table = checklist(run)
    return dict(zip(table["item"], table["known"], strict=True))


def test_the_checklist_knows_what_the_run_knows() -> None:
    made = made_tables.two_arms()
    known = known_of(run_of(made, fMRIPrep="23.2.1"))
    arms = list(made.design.participants.values())
    sizes = f"{arms.count('ketamine')} ketamine, {arms.count('control')} "
    assert f"{len(arms)} participants planned ({sizes}" in known["Number of subjects"]
    assert known["T1 stabilisation"].endswith(
        "0 to 4 volumes a run were left out at the beginning."
    )
    assert "fMRIPrep 23.2.1, then ketfc 0.1.0" in known["Software"]
    assert "recorded voxel size 3 × 3 × 3.5 mm" in known["MRI acquisition"]
    threshold = made.config["denoising"]["fd-thresh"]
    assert f"above {threshold:g} mm" in known["Volume censoring"]
    assert known["Ethical considerations"] is None
    assert known["Whole-brain inference"] is None
    tests = len(made.hypotheses)
    assert known["Effects tested"].startswith(f"{tests} tests in ")


def test_the_checklist_follows_the_run() -> None:
    made = made_tables.two_arms()
    denoising = made.config["denoising"] | {"fd-thresh": 0.25, "dvars-thresh": 1.5}
    run = run_of(made, config={"denoising": denoising})
    known = known_of(run)
    assert "above 0.25 mm and standardised DVARS above 1.5" in known["Volume censoring"]
    assert "do not name their software" in known["Software"]
    mapped = known_of(replace(run, maps=True))
    assert "5000 permutations" in mapped["Whole-brain inference"]
    assert "6 mm FWHM" in mapped["Spatial smoothing"]


def test_of_connectivity_computed_elsewhere_the_images_are_left_to_the_authors() -> None:
    made = made_tables.two_arms()
    elsewhere = replace(run_of(made), design=replace(made.design, strategy="as_given"))
    assert elsewhere.design.as_given
    table = checklist(elsewhere).set_index("item")
    for item in ("MRI acquisition", "Volume censoring", "Temporal filtering", "Graph analysis"):
        assert table.loc[item, "known"] is None
        assert table.loc[item, "status"] == AUTHORS
        assert table.loc[item, "authors"]
    assert table.loc["Model of the group", "status"] == KNOWN


def test_every_item_is_known_or_asks_the_authors_and_has_a_box_for_it() -> None:
    made = made_tables.two_arms()
    table = checklist(run_of(made))
    assert set(table["status"]) == {KNOWN, PARTLY, AUTHORS}
    for row in table.to_dict("records"):
        assert (row["known"] is None) == (row["status"] == AUTHORS)
        assert (row["authors"] is None) == (row["status"] == KNOWN)
    text = checklist_text(table, "trial")
    assert text.count("- [ ] to add: ") == int((table["status"] != KNOWN).sum())
    assert "nan" not in text.split()
    assert all(f"**{item}**" in text for item in table["item"])


# --- captions ------------------------------------------------------------------------------------


def test_captions_stand_in_the_order_of_the_report_and_survive_markup() -> None:
    design = made_tables.two_arms().design
    captions = figure_captions(["association", "paired"], design)
    assert list(captions) == ["paired", "association"]
    page = captions_page(captions)
    assert page.index("Connectivity before and after") < page.index("`association.pdf`")
    assert restructured("a_b *c* |d| `e`") == "a\\_b \\*c\\* \\|d\\| \\`e\\`\n"


# --- drawing again -------------------------------------------------------------------------------


def test_a_bundle_that_is_not_whole_is_refused_in_words(folder: Path) -> None:
    assert redraw_workflow(DRAWN).figures == DRAWN["figures"]
    assert redraw_workflow(DRAWN).printed["edges"] == {"width": 183.0}
    Path("results/design.json").unlink()
    with pytest.raises(RefusalError, match=r"not whole: results/design.json is not in this"):
        redraw_workflow(DRAWN)


def test_maps_of_every_seed_and_question_must_be_there(folder: Path) -> None:
    maps = {"of": {"t": "results/maps/seed-{region}_{question}_t.nii.gz"}}
    maps |= {"seeds": ["sgACC"], "questions": ["change", "association"]}
    Path("results/maps").mkdir()
    Path("results/maps/seed-sgACC_change_t.nii.gz").touch()
    with pytest.raises(RefusalError, match=r"results/maps/seed-sgACC_association_t.nii.gz is not"):
        redraw_workflow(DRAWN | {"maps": maps})


def test_a_figure_of_another_version_is_named(folder: Path) -> None:
    drawn = DRAWN | {"figures": {"tractography": {}}, "ketfc": "9.9"}
    with pytest.raises(RefusalError, match=r"no figure named tractography: .*\(9\.9\)"):
        redraw_workflow(drawn)


@pytest.fixture
def unpacked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle that was unpacked, and a clone beside it; nothing is drawn."""
    for name, member in members_of(folder).items():
        place = folder / "elsewhere" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(member if isinstance(member, bytes) else member.read_bytes())
    (folder / "clone").mkdir()
    (folder / "clone/Snakefile").touch()
    monkeypatch.setattr(redraw, "__file__", str(folder / "elsewhere/redraw.py"))
    return folder / "elsewhere"


def drawing(monkeypatch: pytest.MonkeyPatch, content: bytes) -> list[list[str]]:
    calls: list[list[str]] = []

    def run(command: list[str], *, cwd: Path, **_: Any) -> Any:
        calls.append(command)
        (cwd / "results/figures/edges.png").write_bytes(content)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_figures_that_come_out_the_same_are_said_to(
    unpacked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # a figure that was lost is drawn like any other
    (unpacked / "results/figures/edges.png").unlink()
    calls = drawing(monkeypatch, b"a png")
    assert redraw.main([str(unpacked.parent / "clone")]) == 0
    assert "All 2 files of the figures are identical" in capsys.readouterr().out
    (command,) = calls
    assert command[command.index("--forceall") + 1] == "figures"


def test_a_figure_that_comes_out_otherwise_is_named(
    unpacked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawing(monkeypatch, b"another png")
    monkeypatch.setattr(redraw, "version", lambda package: "0.0")
    assert redraw.main([str(unpacked.parent / "clone")]) == 1
    out = capsys.readouterr().out
    assert "1 of 2 files differ" in out
    assert "results/figures/edges.png" in out
    assert "Another version may draw other bytes: matplotlib 0.0, made with" in out


def test_nothing_is_drawn_from_tables_that_were_changed(
    unpacked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = drawing(monkeypatch, b"a png")
    (unpacked / "results/tests/edges.tsv").write_bytes(b"n\tz\n12\t0.2\n")
    assert redraw.main([str(unpacked.parent / "clone")]) == 2
    assert redraw.main([str(unpacked)]) == 2
    out = capsys.readouterr().out
    assert "Missing or changed:\n  results/tests/edges.tsv" in out
    assert "no clone of ketfc" in out
    assert calls == []
