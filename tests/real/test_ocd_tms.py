"""A real trial in tables: connectivity that its lab computed, read in place of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
import yaml
from made_study import REPO, Finished, snakemake
from scipy import stats

from ketfc.base.files import read_json, read_tsv

EXAMPLE = REPO / "config/examples/ocd_tms.yaml"


@pytest.fixture(scope="module")
def finished(kit: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Path]:
    """Return the output of the whole workflow on the example, and the folder of its results."""
    folder = tmp_path_factory.mktemp("ocd_tms")
    raw = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    raw["statistics"] = {"permutations": 500}
    (folder / "config.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    done = snakemake("--configfile", "config.yaml", folder=folder, cores=1)
    assert done.code == 0, done.text
    return done, folder / "results"


@pytest.fixture(scope="module")
def changes(finished) -> dict[str, pd.DataFrame]:
    """By measure, the value before and after and the arm of everybody who has both.

    As the known answers have them: the correlation itself, not its Fisher z.
    """
    results = finished[1]
    table = read_tsv(results / "connectivity.tsv", numeric=("r", "z"))
    arms = read_json(results / "plan/design.json")["participants"]
    table["value"] = table["r"].fillna(table["z"])
    return {
        str(name): rows.pivot_table("value", "participant_id", "role")
        .dropna()
        .assign(arm=lambda frame: frame.index.map(arms))
        for name, rows in table.groupby("circuit")
    }


def test_the_numbers_are_those_of_the_kit(changes):
    edge = changes["Acc_to_stim"]
    change = edge["post"] - edge["pre"]
    first, second = (change[edge["arm"] == arm] for arm in ("ketamine", "control"))
    assert len(first) == 25
    assert stats.ttest_1samp(first, 0).statistic == pytest.approx(0.2481, abs=5e-5)
    assert len(second) == 22
    assert stats.ttest_1samp(second, 0).statistic == pytest.approx(-2.1004, abs=5e-5)
    assert stats.ttest_ind(first, second).statistic == pytest.approx(1.7191, abs=5e-5)
    ancova = smf.ols("post ~ pre + C(arm)", edge).fit()
    assert ancova.pvalues["C(arm)[T.ketamine]"] == pytest.approx(0.127, abs=5e-4)
    amplitude = changes["fALFF"]
    change = amplitude["post"] - amplitude["pre"]
    first, second = (change[amplitude["arm"] == arm] for arm in ("ketamine", "control"))
    assert len(first) + len(second) == 49
    assert stats.ttest_ind(first, second).statistic == pytest.approx(-0.6832, abs=5e-5)


def test_its_association_with_the_score_is_that_of_the_kit(finished, changes):
    scores = read_tsv(finished[1] / "plan/scores.tsv", numeric=("score",))
    scores = scores[scores["scale"] == "si"].pivot_table("score", "participant_id", "role")
    edge = changes["Acc_to_stim"]
    for arm, r, n in (("ketamine", 0.263, 25), ("control", 0.027, 22)):
        own = edge[edge["arm"] == arm].join(scores, rsuffix="_score").dropna()
        found = stats.pearsonr(own["post"] - own["pre"], own["post_score"] - own["pre_score"])
        assert len(own) == n
        assert found.statistic == pytest.approx(r, abs=5e-4)


def test_the_test_of_change_is_the_ancova_of_fisher_z(finished, changes):
    row = read_tsv(finished[1] / "tests/hypotheses.tsv").set_index(["hypothesis", "test"])
    edge = changes["Acc_to_stim"]
    z = np.arctanh(edge[["pre", "post"]]).assign(arm=edge["arm"])
    ancova = smf.ols("post ~ pre + C(arm)", z).fit()
    found = row.loc[("Acc_to_stim", "change")]
    assert float(found["estimate"]) == pytest.approx(ancova.params["C(arm)[T.ketamine]"], abs=1e-8)
    assert int(found["n"]) == 47
    # a change within one arm is described, however far from zero it is
    assert row.loc[("Acc_to_stim", "change-group2"), "p_permutation"] is None


def test_other_measures_are_tested_in_a_family_of_their_own_and_in_their_own_words(finished):
    table = read_tsv(finished[1] / "tests/hypotheses.tsv").set_index(["hypothesis", "test"])
    assert table.loc[("Acc_to_stim", "change"), "family"] == "primary-change"
    found = table.loc[("fALFF", "change")]
    assert found["family"] == "secondary"
    assert found["estimand"].startswith("Difference between group1 and group2 in fALFF at post")
    for test in ("change", "change-group1", "association"):
        row = table.loc[("fALFF", test)]
        assert "Fisher z" not in row["verdict"] + row["estimand"]
        assert "connectivity" not in row["verdict"] + row["estimand"]


def test_what_is_not_known_is_not_assessed(finished):
    results = finished[1]
    motion = read_tsv(results / "quality/motion.tsv")
    gates = motion[motion["test"].isin(["change", "follows"])]
    assert set(gates["gate"]) == {"not-assessed"}
    assert set(motion["reason"]) == {"head motion is not known"}
    table = read_tsv(results / "tests/hypotheses.tsv")
    changes = table[table["test"].str.startswith(("change", "association"))]
    assert changes["flags"].str.contains("motion-not-assessed").all()
    runs = read_tsv(results / "quality/runs.tsv")
    assert len(runs) == 98
    assert runs[["mean_fd", "n_volumes"]].isna().all(axis=None)
    connectivity = read_tsv(results / "connectivity.tsv")
    assert connectivity[["n_volumes", "tdof", "coverage_a"]].isna().all(axis=None)


def test_every_missing_value_has_its_reason(finished):
    exclusions = read_tsv(finished[1] / "quality/exclusions.tsv")
    assert "check" not in set(exclusions["stage"])
    lost = exclusions[exclusions["rule"] == "corr"]
    assert set(lost["participant_id"]) == {"sub-patient04", "sub-patient54"}


def test_no_image_is_asked_for_or_spoken_of(finished):
    results = finished[1]
    assert not (results / "derivatives").exists()
    report = (results / "report.html").read_text(encoding="utf-8")
    methods = (results / "methods.md").read_text(encoding="utf-8")
    assert "Connectivity was computed elsewhere" in report
    assert "Connectivity was computed elsewhere and read from 2 tables" in methods
    for word in ("fMRIPrep", "nilearn.signal.clean", "matched pairs", "QC–FC"):
        assert word not in report, word
        assert word not in methods, word
    for name in ("paired", "association", "flow"):
        assert (results / f"figures/{name}.png").is_file()


def test_sessions_of_few_and_9999_are_asked_about(kit: Path, tmp_path: Path):
    raw = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    del raw["scores"]["missing"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    done = snakemake("plan", "--configfile", "config.yaml", folder=tmp_path, cores=1)
    assert done.code != 0
    assert "if it stands for a missing score, name it in scores.missing" in done.text
    problems = read_tsv(tmp_path / "results/plan/problems.tsv")
    odd = problems[problems["field"] == "session_id"].set_index("value")["message"]
    assert sorted(odd.index) == ["6mnth", "Pre Average", "Pre2.0"]
    assert odd["6mnth"].startswith("is a session of sub-patient16 alone")
    assert all("unless scores.sessions names the session" in message for message in odd)
    asked = problems[problems["value"].isin(["9999", "99999"])]
    assert set(asked["severity"]) == {"error"}
