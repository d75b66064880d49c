"""`snakemake clinical`: effects on the scores of a study that has no images."""

from __future__ import annotations

import csv
from pathlib import Path

import yaml
from made_study import snakemake

from ketfc.base.files import read_tsv

CONFIG = {
    "study": {
        "name": "trial",
        "derivatives": "none",
        "sessions": {"pre": "pre", "post": "post", "week": "week"},
        "arms": {"column": "group", "ketamine": "ket", "control": "saline"},
        "participants": "trial.tsv",
        "hours-since-dose": {"pre": -1, "post": 24, "week": 168},
    },
    "scores": {
        "table": "trial.tsv",
        "si": {"instrument": "SSI", "column": "SSI"},
        "depression": {"instrument": "MADRS", "column": "MADRS"},
        "si-strata": [20],
    },
    "statistics": {"permutations": 199},
}


def write_trial(folder: Path, config: dict) -> None:
    """Write a trial of 9 and 14 participants, interleaved, one lost after a day."""
    rows = []
    for i in range(23):
        treated = i % 5 in (1, 3)
        before = 12 + (7 * i) % 19
        row = {"participant_id": f"sub-{i:02}", "group": "ket" if treated else "saline"}
        for column, factor in (("SSI", 1), ("MADRS", 1.5)):
            start = before * factor + i % 3
            fall = (0.6 if treated else 0.2) * start + i % 4
            row[f"{column}_ses-pre"] = round(start)
            row[f"{column}_ses-post"] = round(start - fall)
            row[f"{column}_ses-week"] = "n/a" if i == 6 else round(start - fall / 2)
        rows.append(row)
    with (folder / "trial.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    (folder / "trial.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def test_scores_suffice(tmp_path: Path) -> None:
    write_trial(tmp_path, CONFIG)
    call = ("clinical", "--configfile", "trial.yaml")
    done = snakemake(*call, folder=tmp_path)
    assert done.code == 0, done.text
    results = tmp_path / "results"
    said = (results / "clinical/effects.txt").read_text(encoding="utf-8")
    assert said in done.text
    assert "ket − saline, difference at equal baseline" in said
    assert "number needed to treat" in said
    effects = read_tsv(results / "clinical/effects.tsv", numeric=("n", "estimate", "hours"))
    assert set(effects["by"]) == {"all", "si_stratum"}
    week = effects[(effects["role"] == "week") & (effects["contrast"] == "between arms")]
    assert set(week.loc[week["by"] == "all", "n"]) == {22}
    assert set(week["hours"]) == {168}
    assert (results / "figures/clinical.svg").is_file()
    course = read_tsv(results / "clinical/time_course.tsv")
    assert set(course["arm"]) == {"ket", "saline"}
    # the same bytes again, whatever the cores
    before = (results / "clinical/effects.tsv").read_bytes()
    again = snakemake(*call, "--forceall", folder=tmp_path, cores=1)
    assert again.code == 0, again.text
    assert (results / "clinical/effects.tsv").read_bytes() == before


def test_everything_else_says_that_there_are_no_images(tmp_path: Path) -> None:
    write_trial(tmp_path, CONFIG)
    done = snakemake("--configfile", "trial.yaml", folder=tmp_path)
    assert done.code != 0
    assert "study.derivatives = none: the study has no images" in done.text
    assert "only `snakemake clinical` can be run" in done.text
    assert not (tmp_path / "results/report.html").exists()


def test_wrong_scores_stop_it_in_words_and_images_that_lack_do_not(tmp_path: Path) -> None:
    scores = CONFIG["scores"] | {"si": {"instrument": "SSI", "column": "SSJ"}}
    write_trial(tmp_path, CONFIG | {"scores": scores})
    done = snakemake("clinical", "--configfile", "trial.yaml", folder=tmp_path)
    assert done.code != 0
    assert "did you mean 'SSI_ses-pre'?" in done.text
    assert "study.derivatives" not in done.text.partition("The input cannot be used")[2]
    assert not (tmp_path / "results/clinical").exists()
    study = CONFIG["study"] | {"derivatives": "nowhere"}
    write_trial(tmp_path, CONFIG | {"study": study})
    done = snakemake("clinical", "--configfile", "trial.yaml", folder=tmp_path)
    assert done.code == 0, done.text
