"""Covariates, blocks and diagnoses of the config reach the tests, the exclusions and the report."""

from __future__ import annotations

import pytest
from made_study import CONFIG, Study, people, write_participants

from ketfc.base.files import read_json, read_tsv


@pytest.mark.slow
def test_a_study_of_several_sites_is_tested_within_them(done: Study) -> None:
    rows = [
        row | {"age": 20 + 3 * i % 17, "site": "AB"[i // 2 % 2], "dx": ("MDD", "BD")[i % 3 == 0]}
        for i, row in enumerate(people())
    ]
    rows[3]["age"] = None
    write_participants(done, rows)
    about = {
        "covariates": {"age": "age", "site": "site"},
        "diagnosis": {"column": "dx", "unipolar": "MDD", "bipolar": "BD"},
    }
    done.configure(
        study=CONFIG["study"] | about,
        statistics=CONFIG["statistics"] | {"covariates": ["age"], "blocks": "site"},
    )
    ran = done.run()
    assert ran.code == 0, ran.text
    # no image is read again
    assert not {"extract_run", "denoise_run"} & set(ran.jobs)

    results = done.results
    design = read_json(results / "plan/design.json")
    assert (design["terms"]["covariates"], design["terms"]["blocks"]) == (["age"], "site")
    listed = read_tsv(results / "quality/exclusions.tsv")
    assert "check" not in set(listed["stage"])
    lost = listed[listed["participant_id"] == "sub-04"]
    assert set(lost.loc[lost["stage"] == "plan", "rule"]) == {"statistics.covariates"}
    table = read_tsv(results / "tests/hypotheses.tsv", numeric=("n", "n_excluded"))
    primary = table[table["family"].str.startswith("primary")]
    assert (primary["n"] == 11).all()
    assert (primary["n_excluded"] == 1).all()
    assert primary["verdict"].str.contains("age and site").all()
    moderation = table[table["family"] == "moderation"]
    assert moderation["test"].nunique() == 4
    assert moderation["flags"].str.startswith("small-cell").all()
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "Moderation: exploratory" in page
    methods = (results / "methods.md").read_text(encoding="utf-8")
    assert "exchanged participants within site only" in methods
