"""A study that is planned, alone in a folder without images and beside the study of a config."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from made_study import Study, people, snakemake, touch_run, write_blocks, write_participants

from ketfc.base.files import read_json, read_tsv

POWER = {
    "design": "crossover",
    "participants": 24,
    "curve": [12, 24, 48],
    "drop-out": 0.1,
    "effects": {"change": [0.7], "association": [0.6]},
    "studies": 200,
    "permutations": 199,
}


def test_a_plan_needs_nothing_but_its_config(tmp_path: Path) -> None:
    (tmp_path / "power.yaml").write_text(yaml.safe_dump({"power": POWER}), encoding="utf-8")
    done = snakemake("power", "--configfile", "power.yaml", folder=tmp_path)
    assert done.code == 0, done.text
    results = tmp_path / "results"
    written = {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}
    assert written == {
        *(f"figures/power.{kind}" for kind in ("pdf", "svg", "png", "tsv", "json")),
        *(
            f"power/{name}.{kind}"
            for name in ("power", "needed", "simulated/change", "simulated/association")
            for kind in ("tsv", "json")
        ),
        *("power/paragraph.md", "power/references.bib", "power.html"),
    }
    table = read_tsv(results / "power/power.tsv", numeric=("n", "power", "analytic", "effect"))
    assert set(table["question"]) == {"change", "association"}
    assert {12, 24, 48} <= set(table["n"])
    changes = table[(table["question"] == "change") & (table["effect"] == 0.7)]
    assert (changes["power"] - changes["analytic"]).abs().max() < 0.12
    for name in ("power/power", "power/needed", "power/simulated/change", "figures/power"):
        told = read_json(results / f"{name}.json")
        assert set(read_tsv(results / f"{name}.tsv").columns) <= set(told), name
    paragraph = (results / "power/paragraph.md").read_text(encoding="utf-8")
    assert paragraph.strip() in done.text
    assert "24 participants (crossover, 12 with ketamine first and 12 with" in paragraph
    page = (results / "power.html").read_text(encoding="utf-8")
    assert "Difference between the drugs" in page
    assert 'src="data:image/png' in page
    before = {name: (results / name).read_bytes() for name in written if name.endswith(".tsv")}
    again = snakemake("power", "--forceall", "--configfile", "power.yaml", folder=tmp_path, cores=1)
    assert again.code == 0, again.text
    assert {name: (results / name).read_bytes() for name in before} == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"desing": "parallel"}, "power.desing = parallel: unknown key; did you mean 'design'?"),
        ({"design": None}, "power.design: is needed where the config has no study"),
        ({"drop-out": 1.2}, "power.drop-out = 1.2: is out of range"),
        ({"design": "single-arm", "allocation": [2, 1]}, "power.allocation = [2, 1]: divides"),
        ({"minutes": 10}, "power.minutes = 10: has no effect without power.reliability"),
        ({"circuits": 10}, "power.permutations = 199: is too few for tests at 0.05 / 10"),
        ({"effects": {"association": [0]}}, "power.effects.association = [0]: holds 0"),
    ],
)
def test_a_wrong_key_is_one_message(tmp_path: Path, change, said) -> None:
    given = {name: value for name, value in (POWER | change).items() if value is not None}
    if "desing" in change:
        del given["design"]
    (tmp_path / "power.yaml").write_text(yaml.safe_dump({"power": given}), encoding="utf-8")
    done = snakemake("power", "--dry-run", "--configfile", "power.yaml", folder=tmp_path)
    assert done.code != 0
    assert "The configuration cannot be used:" in done.text
    assert said in done.text
    assert done.text.count("config: power") == 1


def test_a_study_is_planned_again_by_its_own_design(tmp_path: Path) -> None:
    study = Study(tmp_path)
    rows = people(6)
    for row in rows:
        label = str(row["participant_id"]).removeprefix("sub-")
        for session in ("pre", "post"):
            touch_run(study, label, session)
    write_participants(study, rows)
    write_blocks(study)
    small = {"studies": 100, "permutations": 199, "effects": {"change": [1], "association": [0.7]}}
    study.configure(power=small, statistics={"reliability": 0.6})
    done = study.run("power")
    assert done.code == 0, done.text
    design = read_json(study.results / "plan/design.json")
    table = read_tsv(study.results / "power/power.tsv", numeric=("n",))
    assert set(table["design"]) == {design["kind"]}
    people_in_it = len(design["participants"])
    assert people_in_it in set(table["n"])
    paragraph = (study.results / "power/paragraph.md").read_text(encoding="utf-8")
    assert f"{people_in_it} participants" in paragraph
    assert "taken to be 0.60" in paragraph
    assert "SSI has a mean" in paragraph
