"""Three studies, from images to what they say together; and nothing of anybody between them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_study import Study, people, snakemake, write_blocks, write_participants, write_run
from made_synthesis import export_of, made

from ketfc.base.files import read_json, read_tsv


def lab(folder: Path, number: int) -> Study:
    """Write a study of five participants in each arm, whom no other study has."""
    study = Study(folder)
    folder.mkdir()
    rows = people(5)
    for i, row in enumerate(rows):
        label = f"{100 * number + i + 1}"
        row["participant_id"] = f"sub-{label}"
        row["SSI_ses-post"] += number % 2
        for session in ("pre", "post"):
            write_run(study, label, session)
    write_participants(study, rows)
    write_blocks(study)
    study.configure(
        study={"name": f"lab{number}"},
        denoising={"primary": "24P", "strategies": ["24P"], "min-time": 60},
        statistics={"permutations": 100},
    )
    return study


@pytest.mark.slow
def test_three_studies_from_images_to_one_page(tmp_path: Path) -> None:
    studies = [lab(tmp_path / f"lab{number}", number) for number in (1, 2, 3)]
    for study in studies:
        shown = study.run("export_preview")
        assert shown.code == 0, shown.text
        name = study.folder.name
        assert f"What leaves the lab: study {name}" in shown.text
        assert not (study.results / f"export/{name}.json").exists()
        done = study.run("export")
        assert done.code == 0, done.text
        content = (study.results / f"export/{name}.json").read_text(encoding="utf-8")
        connectivity = read_tsv(study.results / "connectivity.tsv", numeric=("z", "r"))
        for who in set(connectivity["participant_id"]):
            assert who not in content
        means = connectivity[connectivity["measure"] == "mean"]
        told = [f"{value:.6g}" for value in means[["z", "r"]].to_numpy().ravel()]
        # of a few hundred numbers of six digits one may be alike by chance: test_export.py
        # searches a study without such a chance for every value
        assert len([one for one in told if len(one) > 6 and one in content]) <= 1
    names = "".join(f"  - {study.folder}\n" for study in studies)
    work = tmp_path / "together"
    work.mkdir()
    (work / "list.yaml").write_text(f"studies:\n{names}", encoding="utf-8")
    done = snakemake("synthesis", "--config", "studies=list.yaml", folder=work)
    assert done.code == 0, done.text
    table = read_tsv(work / "results/synthesis/synthesis.tsv", numeric=("k", "n", "estimate"))
    primary = table[(table["primary"] == "True") & (table["test"] == "change")]
    assert len(primary) == 5
    assert set(primary["k"]) == {3}
    assert primary["estimate"].notna().all()
    effects = read_tsv(work / "results/synthesis/effects.tsv", numeric=("estimate",))
    for study in studies:
        own = read_tsv(study.results / "tests/hypotheses.tsv", numeric=("estimate",))
        own = own[own["test"] == "change"].set_index("hypothesis")["estimate"]
        given = effects[(effects["study"] == study.folder.name) & (effects["test"] == "change")]
        given = given.set_index("hypothesis")["estimate"].dropna()
        assert len(given) >= 5
        assert np.allclose(given, own[given.index], rtol=1e-5)
    page = (work / "results/synthesis/report.html").read_text(encoding="utf-8")
    assert "lab1" in page
    assert "Research use only" in page


@pytest.fixture
def exports(tmp_path: Path) -> Callable[[], list[str]]:
    """Return a function that writes the exports of three studies and returns their names."""

    def exports() -> list[str]:
        names = []
        for i in range(3):
            export = export_of(made("parallel", 40 + i, i, name=f"lab{i}"))
            (tmp_path / f"lab{i}.json").write_text(json.dumps(export), encoding="utf-8")
            names.append(f"lab{i}.json")
        return names

    return exports


def test_exports_are_all_that_a_synthesis_needs(tmp_path: Path, exports) -> None:
    listed = "\n".join(f"- {name}" for name in exports())
    (tmp_path / "list.yaml").write_text(f"studies:\n{listed}\n", encoding="utf-8")
    done = snakemake("synthesis", "--config", "studies=list.yaml", folder=tmp_path)
    assert done.code == 0, done.text
    results = tmp_path / "results/synthesis"
    assert {path.name for path in results.iterdir()} == {
        *(f"forest.{kind}" for kind in ("pdf", "svg", "png", "tsv", "json")),
        *(
            f"{name}.{kind}"
            for name in ("effects", "synthesis", "leave_one_out")
            for kind in ("tsv", "json")
        ),
        *("methods.md", "references.bib", "report.html", "summary.txt"),
    }
    assert (results / "summary.txt").read_text(encoding="utf-8").strip() in done.text
    columns = read_json(results / "synthesis.json")
    table = read_tsv(results / "synthesis.tsv")
    assert set(table.columns) <= set(columns)
    drawn = read_tsv(results / "forest.tsv", numeric=("value", "weight"))
    assert set(drawn["row"]) == {"study", "random effects", "prediction"}
    weight = drawn[drawn["row"] == "study"].groupby(["hypothesis", "test"])["weight"].sum()
    assert np.allclose(weight, 100)
    before = (results / "synthesis.tsv").read_bytes()
    again = snakemake(
        "synthesis", "--config", "studies=list.yaml", "--forceall", folder=tmp_path, cores=1
    )
    assert again.code == 0, again.text
    assert (results / "synthesis.tsv").read_bytes() == before


def test_a_wrong_list_and_none_at_all_end_in_words(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("studies:\n- gone.json\n", encoding="utf-8")
    done = snakemake("synthesis", "--config", "studies=list.yaml", folder=tmp_path)
    assert done.code != 0
    assert "The list of studies cannot be used:" in done.text
    assert "studies = gone.json: is neither a file nor a folder" in done.text
    done = snakemake("synthesis", folder=tmp_path)
    assert done.code != 0
    assert "synthesis needs a list of studies: --config studies=list.yaml" in done.text


def test_an_export_that_is_none_is_refused_in_the_job(tmp_path: Path, exports) -> None:
    listed = "\n".join(f"- {name}" for name in exports())
    (tmp_path / "list.yaml").write_text(f"studies:\n{listed}\n", encoding="utf-8")
    (tmp_path / "lab1.json").write_text('{"some": "JSON"}', encoding="utf-8")
    done = snakemake("synthesis", "--config", "studies=list.yaml", folder=tmp_path)
    assert done.code != 0
    assert "lab1.json: is no export of `snakemake export`" in done.text
    assert not (tmp_path / "results/synthesis/report.html").exists()
