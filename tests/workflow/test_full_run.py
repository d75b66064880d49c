"""A full run of a small study: its files, their form, and that nobody vanishes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from made_study import REPO, SPACE, STRATEGIES, Study, contents, labels, people

from ketfc.base.files import read_json, read_tsv
from ketfc.base.source import code_digests
from ketfc.imaging.regions.registry import load_registry

RUNS = [(label, session) for label in labels(people()) for session in ("post", "pre")]


def expected_files() -> set[str]:
    """Return every file that belongs into results/."""
    files = {
        f"plan/{name}.tsv" for name in ("runs", "scores", "participants", "native", "problems")
    }
    files |= {f"plan/{name}" for name in ("design.json", "headers.json", "summary.txt")}
    files |= {"connectivity.tsv", "networks.tsv", "regions.tsv"}
    quality = ("runs", "regions", "strategies", "change", "exclusions")
    quality += ("motion", "qcfc", "qcfc_curves")
    files |= {f"quality/{name}.tsv" for name in quality} | {"habenula.tsv"}
    files |= {"quality/similarity.tsv", "quality/group.html", "quality/strip.html"}
    files |= {f"quality/sub-{label}.html" for label in labels(people())}
    clinical = ("scores", "summary", "effects", "time_course")
    files |= {f"clinical/{name}.tsv" for name in clinical}
    tests = ("hypotheses", "left_out", "matched_null", "mean_relmat", "robustness", "edges")
    tests += ("reliability", "shrinkage", "attrition", "networks")
    tests += ("specifications", "specification_curve", "tipping_point")
    tests += ("influence", "stability")
    files |= {f"tests/{name}.tsv" for name in tests}
    files |= {
        f"figures/{name}.{kind}"
        for name in (
            *("circuits", "paired", "association", "matrices"),
            *("flow", "qcfc", "networks", "edges", "clinical", "specifications"),
            *("tipping_point", "influence", "forest"),
        )
        for kind in ("pdf", "svg", "png", "tsv", "json", "rst")
    } | {"figures/captions.md"}
    tables = {name for name in files if name.endswith(".tsv")}
    files |= {name.replace(".tsv", ".json") for name in tables}
    files |= {"report.html", "methods.md", "references.bib", "provenance.json", "summary.txt"}
    atlas = "derivatives/atlases/atlas-Blocks/atlas-Blocks"
    files |= {"derivatives/dataset_description.json"}
    files |= {f"{atlas}_dseg.tsv", f"{atlas}_dseg.tsv".replace("Blocks", "KetfcSpheres")}
    files |= {f"{atlas}_space-{SPACE}_dseg.{ending}" for ending in ("nii.gz", "json")}
    for label, session in RUNS:
        folder = f"derivatives/sub-{label}/ses-{session}/func"
        stem = f"{folder}/sub-{label}_ses-{session}_task-rest_space-{SPACE}"
        files |= {f"{stem}_desc-circuits_connectivity.tsv", f"{stem}_desc-ketfc_qc.json"}
        files |= {f"{stem}_desc-carpet_qc.npz"}
        files |= {f"{stem}_extraction.npz".replace("derivatives", "extracted", 1)}
        files |= {f"{stem}_atlas-KetfcSpheres_stat-coverage_bold.tsv"}
        primary = f"{stem}_atlas-KetfcSpheres_desc-acompcor_stat-pearsoncorrelation_relmat"
        files |= {f"{primary}.tsv", f"{primary}.json"}
        for name in ("Circuits", "Blocks"):
            files |= {f"{stem}_atlas-{name}_stat-coverage_bold.tsv"}
            for ending in ("tsv", "json"):
                files |= {f"{stem}_atlas-{name}_stat-mean_timeseries.{ending}"}
                files |= {
                    f"{stem}_atlas-{name}_desc-{strategy}_stat-pearsoncorrelation_relmat.{ending}"
                    for strategy in STRATEGIES
                }
    return files


def test_results_hold_what_was_promised_and_nothing_else(finished: Study) -> None:
    found = set(contents(finished.results))
    assert sorted(expected_files() - found) == [], "expected but not found"
    assert sorted(found - expected_files()) == [], "found but not expected"


def test_no_file_is_empty_or_half_written(finished: Study) -> None:
    for name, content in contents(finished.results).items():
        assert content, name
        assert ".tmp-" not in name


def test_only_the_working_directory_is_written_to(finished: Study, pristine: Study) -> None:
    assert finished.listing() == pristine.listing()
    there = {path.name for path in pristine.folder.iterdir()}
    made = {path.name for path in finished.folder.iterdir()} - there
    assert made == {".snakemake", "logs", "results"}


def test_a_second_call_has_nothing_to_do(done: Study) -> None:
    again = done.run("-n")
    assert again.code == 0
    assert "Nothing to be done" in again.text
    assert again.jobs == {}


def test_logs_are_kept_and_say_no_more_than_the_plan_and_the_end(finished: Study) -> None:
    logs = contents(finished.folder / "logs", "*.log")
    assert len(logs) == 45 + 2 * len(RUNS) + len(people())
    said = {name: text.decode("utf-8") for name, text in logs.items() if text}
    # but for the two whose rules have something to say
    assert said == {
        "plan.log": (finished.results / "plan/summary.txt").read_text(encoding="utf-8") + "\n",
        "summary.log": (finished.results / "summary.txt").read_text(encoding="utf-8") + "\n",
    }


def tables(study: Study) -> dict[str, list[list[str]]]:
    """Return the cells of every table, read without any interpretation."""
    found = {}
    for name, content in contents(study.results, "*.tsv").items():
        lines = content.decode("utf-8").split("\n")
        assert lines.pop() == "", f"{name} ends without a line end"
        assert "\r" not in content.decode("utf-8")
        found[name] = list(csv.reader(lines, delimiter="\t"))
    return found


def test_missing_values_are_written_as_bids_wants_them(finished: Study) -> None:
    # `none` is a strategy
    bad = {"", "nan", "NaN", "None", "NULL", "null", "inf", "-inf", "<NA>", "NA", "NaT"}
    for name, rows in tables(finished).items():
        widths = {len(row) for row in rows}
        assert len(widths) == 1, name
        wrong = {cell for row in rows for cell in row if cell.strip() in bad}
        assert wrong == set(), name


def test_sidecars_are_valid_json_without_nan(finished: Study) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    found = contents(finished.results, "*.json")
    assert len(found) > 24 * 12
    for name, content in found.items():
        assert isinstance(json.loads(content, parse_constant=refuse), dict), name


def test_every_sidecar_tells_what_made_its_file(finished: Study) -> None:
    told = {
        name: json.loads(content)
        for name, content in contents(finished.results, "*.json").items()
        if name not in ("plan/design.json", "plan/headers.json", "provenance.json")
    }
    bills = {name: about["GeneratedBy"] for name, about in told.items()}
    assert {bill[0]["Name"] for bill in bills.values()} == {"ketfc"}
    versions = {
        name: {each["Name"]: each["Version"] for each in bill} for name, bill in bills.items()
    }
    # one environment made them all, and the report says the same of it
    said = read_json(finished.results / "provenance.json")["versions"]
    assert len({tuple(sorted(each.items())) for each in versions.values()}) == 1
    assert next(iter(versions.values())).items() <= said.items()
    # and each names the script that made it, with the digest of its code
    made_by = {name: bill[0]["Description"].split()[1] for name, bill in bills.items()}
    assert {"sessions", "qcfc", "motion", "edges", "similarity"} <= set(made_by.values())
    assert made_by["tests/hypotheses.json"] == made_by["tests/left_out.json"] == "hypotheses"
    code = code_digests()
    for name, bill in bills.items():
        assert bill[0]["Description"] == f"source {code[made_by[name]]}", name


def test_every_session_strategy_and_circuit_has_its_value(finished: Study) -> None:
    table = read_tsv(finished.results / "connectivity.tsv", numeric=("r", "z", "tdof"))
    means = table[table["measure"] == "mean"]
    keys = ["participant_id", "session", "strategy", "circuit"]
    registry = load_registry(REPO / "atlases/circuits.yaml")
    circuits = set(means["circuit"])
    assert set(registry.circuits) < circuits <= set(registry.circuits) | set(registry.variants)
    assert len(means) == len(RUNS) * len(STRATEGIES) * len(circuits)
    assert not means.duplicated(keys).any()
    assert table["z"].notna().all()
    assert (table["tdof"] > 0).all()
    quality = read_tsv(finished.results / "quality/runs.tsv", numeric=("n_censored", "n_volumes"))
    assert (quality["status"] == "ok").all()
    assert (quality["n_volumes"] == 100).all()
    # the three volumes with a framewise displacement of 0.8 mm, and nothing else
    assert (quality["n_censored"] == 3).all()


def test_labels_stay_text_with_their_zeros(finished: Study) -> None:
    everybody = {f"sub-{label}" for label in labels(people())}
    for name in ("connectivity", "quality/runs", "plan/scores", "plan/runs"):
        assert set(read_tsv(finished.results / f"{name}.tsv")["participant_id"]) == everybody


def accounted(results: Path) -> None:
    """Check that n and n_excluded of every test add up, person by person."""
    design = read_json(results / "plan/design.json")
    hypotheses = read_tsv(results / "tests/hypotheses.tsv", numeric=("n", "n_excluded"))
    left_out = read_tsv(results / "tests/left_out.tsv")
    listed = read_tsv(results / "quality/exclusions.tsv")
    assert not hypotheses.empty
    for row in hypotheses.to_dict("records"):
        arm = {v: k for k, v in (design["arms"] or {}).items()}.get(row["test"].partition("-")[2])
        planned = {person for person, own in design["participants"].items() if arm in (None, own)}
        out = left_out[
            (left_out["hypothesis"] == row["hypothesis"]) & (left_out["test"] == row["test"])
        ]["participant_id"]
        assert not out.duplicated().any()
        assert set(out) <= planned
        assert row["n_excluded"] == len(out), row
        assert row["n"] == len(planned) - len(out), row
        same = listed[listed["rule"] == f"{row['hypothesis']} / {row['test']}"]
        assert sorted(same["participant_id"]) == sorted(out)
    assert listed["reason"].notna().all()
    assert listed["stage"].notna().all()


def test_everybody_is_in_a_test_or_left_out_with_a_reason(finished: Study) -> None:
    accounted(finished.results)
    hypotheses = read_tsv(finished.results / "tests/hypotheses.tsv", numeric=("n",))
    assert set(hypotheses.loc[hypotheses["test"] == "change", "n"]) == {12.0}
    assert read_tsv(finished.results / "quality/exclusions.tsv").empty


@pytest.mark.parametrize("name", ["report.html", "methods.md"])
def test_what_is_read_by_people_names_the_study_and_its_arms(finished: Study, name: str) -> None:
    text = (finished.results / name).read_text(encoding="utf-8")
    assert "midazolam" in text
    assert "Traceback" not in text
    assert "nan" not in text.lower().split()


def test_the_primary_family_is_adjusted_over_the_five_circuits(finished: Study) -> None:
    table = read_tsv(finished.results / "tests/hypotheses.tsv", numeric=("p_permutation", "p_holm"))
    for family in ("primary-change", "primary-association"):
        rows = table[table["family"] == family]
        assert len(rows) == 5
        assert rows["hypothesis"].nunique() == 5
        assert holm(rows["p_permutation"].tolist()) == pytest.approx(rows["p_holm"].tolist())


def holm(p_values: list[float]) -> list[Any]:
    """Return Holm's adjusted p values, from statsmodels."""
    from statsmodels.stats.multitest import multipletests

    return list(multipletests(p_values, method="holm")[1])
