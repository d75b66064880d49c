"""Jobs that the workflow plans for each kind of study, without running anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_study import REPO, STRATEGIES, Study, people, snakemake, touch_run

from ketfc.demo.study import demo_runs
from ketfc.study.config.config import parse_config

MAKE = Callable[..., Study]
ONCE = {
    "all": 1,
    "attrition": 1,
    "clinical_course": 1,
    "clinical_effects": 1,
    "dataset_description": 1,
    "edges": 1,
    "exclusions": 1,
    "figure": 13,
    "group_quality": 1,
    "quality_strip": 1,
    "habenula": 1,
    "headers": 1,
    "hypotheses": 1,
    "influence": 1,
    "inventory": 1,
    "matched_null": 1,
    "mean_relmat": 1,
    "methods": 1,
    "motion": 1,
    "network_tests": 1,
    "networks": 1,
    "null_spheres": 1,
    "parcellation": 1,
    "plan": 1,
    "qcfc": 1,
    "reliability": 1,
    "report": 1,
    "robustness": 1,
    "captions": 1,
    "tipping_point": 1,
    "specifications": 1,
    "sessions": 1,
    "similarity": 1,
    "summary": 1,
}

OF_RUNS = ("extract_run", "denoise_run")

CROSSOVER = {
    "order": ["first", "second"],
    "ketamine": "d",
    "control": "p",
    "control-session": "pre",
}
GROUPS = {"column": "group", "patients": "MDD", "controls": "HC"}


def test_without_a_config_the_demo_is_planned(tmp_path: Path) -> None:
    done = snakemake("-n", folder=tmp_path)
    assert done.code == 0, done.text
    config = parse_config_of_the_demo()
    runs = list(demo_runs(config.statistics.seed))
    # change and association of every seed
    maps = 2 * len(config.maps.seeds)
    assert maps
    demo = {
        "demo_tables": 1,
        "demo_run": len(runs),
        # reads in the place of extract_run
        "map_run": len(runs),
        "denoise_run": len(runs),
        "group_map": maps,
        "activity": 1,
        "activity_tests": 1,
        "predict": 1,
        "prediction": 1,
        "figure": ONCE["figure"] + 2,
        "clusters": 1,
        "map_figure": maps,
        "map_viewer": maps,
    }
    demo["participant_quality"] = len({participant for participant, _ in runs})
    assert done.jobs == ONCE | demo


def parse_config_of_the_demo() -> Any:
    import yaml

    return parse_config(yaml.safe_load((REPO / "config/config.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"study": {"arms": None}},
        {"scores": {"si": {"instrument": "SSI", "change-column": "delta"}}},
        {"denoising": {"strategies": ["acompcor"]}},
        {"denoising": {"primary": "none", "strategies": ["none", "36P"], "fd-thresh": None}},
        {
            "denoising": {
                "own-strategies": {"lab": {"columns": ["csf"]}},
                "primary": "lab_noscrub",
                "strategies": ["lab_noscrub", "acompcor_gsr_noscrub"],
                "match-volumes": True,
            }
        },
        {"circuits": {"parcellation": "KetfcVoronoi239"}},
        {"study": {"sessions": {"pre": "pre", "post": "post", "late": "day7"}}},
        {"study": {"sessions": {"pre": "pre", "post": "post", "late": "day7"}, "arms": None}},
        {"study": {"arms": None, "crossover": CROSSOVER, "groups": GROUPS}},
    ],
    ids=[
        "arms",
        "no-arms",
        "change",
        "one-strategy",
        "no-compcor",
        "own-matched",
        "built-in",
        "three-roles",
        "longitudinal",
        "crossover",
    ],
)
def test_every_kind_of_study_is_planned(empty: MAKE, sections: dict[str, Any]) -> None:
    study = empty(**sections)
    done = study.run("-n")
    assert done.code == 0, done.text
    # of three sessions there is a figure more
    more = {"figure": ONCE["figure"] + ("late" in sections.get("study", {}).get("sessions", {}))}
    assert done.jobs == ONCE | dict.fromkeys(OF_RUNS, 8) | {"participant_quality": 4} | more


def test_seed_maps_are_made_by_the_read_that_is_made_anyway(empty: MAKE) -> None:
    study = empty(maps={"seed-maps": True, "seeds": ["dACC", "sgACC"], "strategies": ["acompcor"]})
    done = study.run("-n")
    assert done.code == 0, done.text
    assert done.jobs["map_run"] == done.jobs["denoise_run"] == 8
    assert "extract_run" not in done.jobs


def test_further_thresholds_start_from_what_was_read(empty: MAKE) -> None:
    asked = {"specifications": {"fd-thresholds": [0.2, 0.3]}}
    done = empty(statistics=asked).run("-n")
    assert done.code == 0, done.text
    assert done.jobs["specify_run"] == done.jobs["extract_run"] == done.jobs["denoise_run"] == 8
    assert done.jobs["specifications"] == 1


def test_every_kind_of_features_and_model_is_a_job_of_its_own(empty: MAKE) -> None:
    asked = {"arm": "both", "features": ["circuits", "matrix"], "models": ["ridge", "cpm"]}
    study = empty(statistics={"seed": 1, "prediction": asked | {"folds": 2}})
    done = study.run("-n")
    assert done.code == 0, done.text
    # connectome-based prediction is of matrices alone
    assert done.jobs["predict"] == 3
    assert done.jobs["prediction"] == 1
    assert done.jobs["figure"] == ONCE["figure"] + 1


def test_activity_is_measured_by_that_read_and_tested_drawn_and_told(empty: MAKE) -> None:
    study = empty(activity={"measures": ["alff", "reho"], "maps": True})
    done = study.run("-n")
    assert done.code == 0, done.text
    assert done.jobs["map_run"] == 8
    assert "extract_run" not in done.jobs
    assert done.jobs["activity"] == done.jobs["activity_tests"] == 1
    assert done.jobs["figure"] == ONCE["figure"] + 1


def test_a_seed_that_nothing_measures_stops_the_plan(empty: MAKE) -> None:
    wrong = empty(maps={"seed-maps": True, "seeds": ["dACCC"]}).run("plan")
    assert wrong.code != 0
    assert "maps.seeds" in wrong.text
    assert "did you mean 'dACC'?" in wrong.text


def test_several_parcellations_are_each_prepared_once(empty: MAKE) -> None:
    own = {"image": "blocks.nii.gz", "space": "MNI152NLin2009cAsym"}
    listed = ["KetfcVoronoi239", {"name": "Mine", **own}, {"name": "Other", **own}]
    done = empty(circuits={"parcellation": listed}).run("-n")
    assert done.code == 0, done.text
    assert done.jobs == ONCE | {
        "extract_run": 8,
        "denoise_run": 8,
        "participant_quality": 4,
        "parcellation": 3,
    }


def test_missing_sessions_and_several_runs_are_planned_as_they_are(empty: MAKE) -> None:
    study = empty()
    for file in study.func("01", "post").iterdir():
        file.unlink()
    study.file("02", "pre", "_desc-brain_mask.nii.gz").unlink()
    touch_run(study, "03", "pre", run="_run-2")
    done = study.run("-n")
    assert done.code == 0, done.text
    assert done.runs == [
        "sub-01_ses-pre_task-rest",
        "sub-02_ses-post_task-rest",
        "sub-03_ses-post_task-rest",
        "sub-03_ses-pre_task-rest",
        "sub-03_ses-pre_task-rest_run-2",
        "sub-04_ses-post_task-rest",
        "sub-04_ses-pre_task-rest",
    ]


def test_every_strategy_is_an_output_of_each_run(empty: MAKE) -> None:
    text = empty().run("-n").text
    for strategy in STRATEGIES:
        wanted = f"task-rest_space-MNI152NLin2009cAsym_atlas-Blocks_desc-{strategy}_stat-"
        assert len(re.findall(rf"output: .*{wanted}", text)) == 8


def test_reading_and_denoising_of_a_run_are_one_submission_to_a_cluster(empty: MAKE) -> None:
    text = empty().run("-n").text
    _, *groups = text.split("Group job run ")
    found = [re.findall(r"^ +rule (\w+):$", group, re.MULTILINE) for group in groups]
    assert found == [["denoise_run", "extract_run"]] * 8


def test_every_error_of_the_config_is_shown_without_a_traceback(empty: MAKE) -> None:
    study = empty(
        study={"sessions": {"pre": "pre"}, "taks": "rest"},
        denoising={"fd-thresh": -1, "primary": "36p"},
        statistics={"permutations": "many"},
    )
    done = study.run("-n")
    assert done.code != 0
    assert "Traceback" not in done.text
    for said in (
        "study.sessions.post",
        "study.taks = rest: unknown key; did you mean 'task'?",
        "denoising.fd-thresh = -1",
        "denoising.primary = 36p",
        "did you mean '36P'?",
        "statistics.permutations = many",
    ):
        assert said in done.text, done.text
    assert not study.results.exists()


def test_lint_finds_nothing(empty: MAKE) -> None:
    linted = empty().run("--lint")
    assert "Congratulations" in linted.text, linted.text
    assert re.findall(r"^    \* (.*?):?$", linted.text, re.MULTILINE) == []


def rules() -> dict[str, str]:
    """Return the text of every rule that runs something."""
    found = {}
    for path in sorted((REPO / "workflow/rules").glob("*.smk")):
        parts = re.split(r"^rule (\w+):\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        found |= dict(zip(parts[1::2], parts[2::2], strict=True))
    return {name: text for name, text in found.items() if "script:" in text}


@pytest.mark.parametrize("rule", sorted(rules()))
def test_every_rule_says_where_it_logs_and_what_it_needs(rule: str) -> None:
    text = rules()[rule]
    directives = re.findall(r"^    (\w+):", text, re.MULTILINE)
    wanted = {"output", "log", "benchmark", "resources", "params", "script"}
    assert wanted <= set(directives)
    # a number, or a function of the study's size
    needs = r"^        mem_mb=(\d+|\w+_memory),\n        runtime=(\d+|\w+[._]minutes),$"
    assert re.search(needs, text, re.MULTILINE)
    # what a script imports is not seen by snakemake: its own digest tells
    script = re.search(r'"\.\./scripts/([\w.{}]+)\.py"', text)
    assert script is not None
    name = script.group(1)
    index = r"(lambda wildcards: )?\w+(\.code)?\[f" if "{" in name else r"\w+(\.code)?\["
    assert re.search(rf'^        code={index}"{re.escape(name)}"\],$', text, re.MULTILINE)
    assert scripts_named(name)


def scripts_named(name: str) -> set[str]:
    """Return the scripts that a rule runs, by its name for them, which may hold a wildcard."""
    pattern = re.sub(r"\{[\w.]+\}", "*", name)
    return {path.stem for path in (REPO / "workflow/scripts").glob(f"{pattern}.py")}


def test_every_script_belongs_to_a_rule() -> None:
    named = re.findall(r"scripts/([\w.{}]+)\.py", "".join(rules().values()))
    used = set().union(*map(scripts_named, named))
    assert used == {path.stem for path in (REPO / "workflow/scripts").glob("*.py")}


def test_every_figure_has_its_script() -> None:
    text = (REPO / "workflow/rules/reporting.smk").read_text(encoding="utf-8")
    figures = text.partition("_figures = {")[2].partition("\n}\n")[0]
    named = {f"figure_{name}" for name in re.findall(r'^    "(\w+)": ', figures, re.MULTILINE)}
    # and those of what a study may ask for
    named |= {f"figure_{name}" for name in re.findall(r'_figures\["(\w+)"\] = ', text)}
    assert named == scripts_named("figure_{wildcards.figure}")


def test_people_are_made_with_both_arms() -> None:
    # the studies above rest on it
    assert [row["arm"] for row in people(2)] == ["ketamine"] * 2 + ["midazolam"] * 2
