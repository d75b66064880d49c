"""Shared results: no participant in any byte, nothing on too few, every removal listed."""

from __future__ import annotations

import base64
import gzip
import re
import sys
import zipfile
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image, PngImagePlugin

from ketfc.base.columns import described_columns
from ketfc.base.errors import StudyError
from ketfc.base.files import write_tsv
from ketfc.inference.clinical.effects import EFFECT_COLUMNS
from ketfc.inference.clinical.time_course import TIME_COURSE_COLUMNS
from ketfc.reporting.figures.clinical.scores import draw_clinical
from ketfc.reporting.figures.sessions.trajectory import draw_courses
from ketfc.reporting.share import figures as share_figures
from ketfc.reporting.share.allowed import WITHHELD, allowed, shared
from ketfc.reporting.share.cells import Cells, cells_of, planned_cells
from ketfc.reporting.share.results import (
    TABLES,
    leaving,
    names_of,
    require_nobody,
    write_leaving,
)
from ketfc.reporting.share.scan import found_in

sys.path.insert(0, str(Path(__file__).parents[2]))
import made_tables
from made_design import design_of

ARMS = {"ketamine": 9, "control": 7}


def cells(
    planned: dict[str, int] | None = None,
    tested: dict[tuple[str, str], dict[str, int]] | None = None,
) -> Cells:
    return Cells(5, planned or ARMS, tested or {}, frozenset({"change-ketamine"}))


def rows_of_tests(**rows: Any) -> pd.DataFrame:
    """Return a table of tests; columns that are not given are missing."""
    table = pd.DataFrame(rows)
    wanted = [*allowed()["tests/hypotheses.tsv"]["keys"]]
    wanted += allowed()["tests/hypotheses.tsv"]["columns"]
    return table.reindex(columns=[*dict.fromkeys([*wanted, *table.columns])]).astype(object)


# --- the allow-list ------------------------------------------------------------------------------


def test_every_column_of_the_list_is_one_that_its_table_has() -> None:
    for name, rule in allowed().items():
        columns = [*rule["keys"], *rule["columns"]]
        assert len(columns) == len(set(columns)), name
        known = described_columns(Path("results") / name, columns)
        assert set(columns) - set(known) == set(), name
        assert "participant_id" not in columns
        assert not {"run", "date", "median", "min", "max"} & set(columns), name
    assert set(TABLES.values()) == set(allowed())


def test_a_column_that_nobody_has_put_on_the_list_stays() -> None:
    table = rows_of_tests(hypothesis=["a"], test=["change"], n=["16"], worst=["sub-03"])
    done = shared("tests/hypotheses.tsv", table, cells())
    assert "worst" not in done.table
    assert done.page["worst"].isna().all()
    assert [row[1:3] for row in done.removed] == [("columns", 1)]
    assert "worst" in done.removed[0][3]


def test_numbers_have_few_digits_and_texts_stay() -> None:
    table = rows_of_tests(
        hypothesis=["007"], test=["change"], n=["16"], estimate=["0.12345678"], flags=["1.23456 mm"]
    )
    row = shared("tests/hypotheses.tsv", table, cells()).table.iloc[0]
    assert (row["hypothesis"], row["n"]) == ("007", "16")
    assert (row["estimate"], row["flags"]) == ("0.1235", "1.23456 mm")
    mixed = pd.DataFrame({"region": ["sgACC"], "coverage_median": [0.987654321]})
    mixed = mixed.reindex(columns=[*allowed()["regions.tsv"]["keys"], "coverage_median"])
    assert shared("regions.tsv", mixed, cells()).table["coverage_median"][0] == 0.9877


@pytest.mark.parametrize(
    ("n", "test", "shown"),
    [
        # whoever is missing may be of the smaller arm, 7: two are let go, three are too many
        ("14", "change", True),
        ("13", "change", False),
        # within one arm only its own number counts
        ("5", "change-ketamine", True),
        ("4", "change-ketamine", False),
    ],
)
def test_a_test_of_too_few_keeps_its_name_alone(n: str, test: str, shown: bool) -> None:
    table = rows_of_tests(
        hypothesis=["a"], test=[test], n=[n], estimate=["0.5"], verdict=["n = 13: evidence"]
    )
    done = shared("tests/hypotheses.tsv", table, cells())
    row = done.table.iloc[0]
    assert (row["estimate"] == "0.5") == shown
    assert done.suppressed == (not shown)
    assert (row["hypothesis"], row["test"]) == ("a", test)
    assert row["verdict"] == ("n = 13: evidence" if shown else WITHHELD)
    assert shown or pd.isna(row["n"])


def test_where_it_is_known_who_entered_a_test_they_are_counted() -> None:
    table = rows_of_tests(
        hypothesis=["a", "b"], test=["change"] * 2, n=["11", "12"], estimate=["1", "2"]
    )
    known = {("a", "change"): {"ketamine": 6, "control": 5}}
    known |= {("b", "change"): {"ketamine": 8, "control": 4}}
    done = shared("tests/hypotheses.tsv", table, cells(tested=known)).table
    assert done["estimate"][0] == "1"
    assert pd.isna(done["estimate"][1])


def test_healthy_controls_are_in_no_order_of_the_drugs() -> None:
    who = [f"sub-{i}" for i in range(7)]
    orders = ["ketamine-first", "control-first", "control-first", None, "ketamine-first"]
    design = design_of(
        {
            "kind": "crossover",
            "baseline": "pla",
            "followup": "ket",
            "contrasts": [["pla", "ket"]],
            "sessions": {"ket": "k", "pla": "p"},
            "drugs": {"ketamine": "ketamine", "control": "placebo"},
            "participants": dict.fromkeys(who),
            "sequences": dict(zip(who, [*orders, "control-first", "ketamine-first"], strict=True)),
            "groups": {
                "patients": ["MDD"],
                "controls": ["HC"],
                "participants": {one: "controls" if one == who[6] else "patients" for one in who},
            },
        }
    )
    assert planned_cells(design) == {"ketamine-first": 2, "control-first": 3}


def test_who_entered_a_test_is_counted_by_arm_and_tests_within_one_are_known() -> None:
    made = made_tables.two_arms()
    circuits = [
        made_tables.Circuit(key, name, primary, "?")
        for key, (name, _, primary) in made_tables.CIRCUITS.items()
    ]
    found = cells_of(made.connectivity, made.scores, made.design, circuits, smallest=5)
    assert found.planned == {"ketamine": 8, "control": 8}
    assert {"change-ketamine", "change-midazolam"} <= found.of_one_arm
    assert not {"change", "association"} & found.of_one_arm
    rows = made.hypotheses[made.hypotheses["hypothesis"] == "dmn"].set_index("test")
    for test in ("change", "association", "change-midazolam"):
        assert sum(found.tested["dmn", test].values()) == int(rows.loc[test, "n"]), test
    assert set(found.tested["dmn", "change"]) == {"ketamine", "control"}
    assert set(found.tested["dmn", "change-midazolam"]) == {"control"}


def test_a_table_without_numbers_of_participants_follows_its_tests() -> None:
    columns = [*allowed()["tests/shrinkage.tsv"]["keys"], "shrunken"]
    table = pd.DataFrame(
        [("a", "A", "change", "0.1"), ("b", "B", "change", "0.2")], columns=columns
    )
    known = {("a", "change"): {"ketamine": 4, "control": 7}}
    known |= {("b", "change"): {"ketamine": 5, "control": 7}}
    done = shared("tests/shrinkage.tsv", table, cells(tested=known)).table
    assert pd.isna(done["shrunken"][0])
    assert done["shrunken"][1] == "0.2"


def clinical(*rows: tuple[Any, ...]) -> pd.DataFrame:
    columns = ["by", "level", "reference", "role", "n", "mean", "n_response", "of_response"]
    table = pd.DataFrame(rows, columns=columns).astype(object)
    rule = allowed()["clinical/summary.tsv"]
    table[["scale", "item"]] = "si", "total"
    return table.reindex(columns=[*rule["keys"], *rule["columns"], "min"])


def test_one_level_that_is_too_small_takes_those_it_adds_up_with() -> None:
    table = clinical(
        ("all", "all", "pre", "post", "16", "-5.0", None, None),
        ("arm", "ketamine", "pre", "post", "12", "-7.0", None, None),
        ("arm", "control", "pre", "post", "4", "-1.0", None, None),
        ("arm", "ketamine", "pre", "day7", "6", "-3.0", None, None),
    )
    done = shared("clinical/summary.tsv", table, cells()).table
    assert done["mean"].notna().tolist() == [True, False, False, True]
    assert "min" not in done


def test_means_over_nearly_the_same_people_are_not_both_given() -> None:
    table = clinical(
        ("all", "all", None, "pre", "16", "27.0", None, None),
        ("all", "all", None, "post", "15", "14.0", None, None),
        ("all", "all", None, "day7", "10", "15.0", None, None),
    )
    done = shared("clinical/summary.tsv", table, cells()).table
    assert done["mean"].notna().tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("events", "among", "shown"), [("6", "16", True), ("4", "16", False), ("12", "16", False)]
)
def test_few_events_and_few_without_one_are_not_counted(
    events: str, among: str, shown: bool
) -> None:
    table = clinical(("all", "all", "pre", "post", "16", "-5.0", events, among))
    done = shared("clinical/summary.tsv", table, cells()).table
    assert done["mean"].notna().all()
    assert done["n_response"].notna().all() == shown
    assert done["of_response"].notna().all() == shown


def test_a_risk_is_as_telling_as_its_counts() -> None:
    rule = allowed()["clinical/effects.tsv"]
    row = {"outcome": "response", "estimate": 0.5, "n": 16, "n_ketamine": 9, "n_control": 7}
    row |= {"events_ketamine": 8, "events_control": 2}
    table = pd.DataFrame([row]).reindex(columns=[*rule["keys"], *rule["columns"]])
    assert shared("clinical/effects.tsv", table, cells()).table["estimate"].isna().all()


# --- the search ----------------------------------------------------------------------------------


def _png(text: str) -> bytes:
    about = PngImagePlugin.PngInfo()
    about.add_text("Description", text, zip=True)
    stream = BytesIO()
    Image.new("1", (1, 1)).save(stream, "PNG", pnginfo=about)
    return stream.getvalue()


def _zip(text: str) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", text)
    return stream.getvalue()


def _pdf(text: str) -> bytes:
    return b"%PDF-1.4\nstream\n" + zlib.compress(text.encode()) + b"\nendstream"


def _page(text: str) -> bytes:
    svg = base64.b64encode(f"<svg>{text}</svg>".encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{svg}">'.encode()


def _picture_of_a_page(text: str) -> bytes:
    return b'<img src="data:image/png;base64,' + base64.b64encode(_png(text)) + b'">'


@pytest.mark.parametrize(
    "packed",
    [str.encode, _page, _picture_of_a_page, _pdf, _png, _zip, lambda t: gzip.compress(t.encode())],
)
def test_names_are_found_however_they_are_packed(packed: Any) -> None:
    text = "of participants such as sub-03, " * 3
    assert found_in({"x": packed(text)}, ["sub-03", "sub-04"]) == {"x": ["sub-03"]}
    assert found_in({"x": packed(text)}, ["sub-0", "b-03"]) == {}


def test_names_of_files_are_searched_too() -> None:
    assert found_in({"quality/sub-03.html": b""}, ["sub-03"]) == {"quality/sub-03.html": ["sub-03"]}


def test_labels_are_looked_for_without_prefix_unless_they_are_mere_numbers() -> None:
    people = {"sub-03": "ketamine", "sub-K7": "control", "sub-199207": "control"}
    design = replace(made_tables.two_arms().design, participants=people)
    assert sorted(names_of(design)) == ["199207", "K7", "sub-03", "sub-199207", "sub-K7"]


# --- the whole -----------------------------------------------------------------------------------


def leaving_of(made: made_tables.Made, folder: Path, **changed: Any) -> Any:
    figures = {}
    for name in ("circuits", "paired", "flow", "edges"):
        figures[name] = folder / f"{name}.png"
        Image.new("RGB", (4, 4)).save(figures[name])
    everybody = list(made.design.participants)
    paired = pd.DataFrame(
        [
            ("sgacc-rlpfc", "ketamine", "participant", everybody[0], "1", "0.271828", "0.314159"),
            ("sgacc-rlpfc", "ketamine", "mean", None, "8", "0.2", "0.3"),
            ("sgacc-rlpfc", "midazolam", "mean", None, "3", "0.777", "0.888"),
        ],
        columns=["circuit", "arm", "kind", "participant_id", "n", "baseline", "followup"],
    )
    ends = ["baseline_low", "baseline_high", "followup_low", "followup_high"]
    results = {
        "hypotheses": made.hypotheses,
        "robustness": made.robustness.assign(note=f"hangs on {everybody[2]}"),
        "shrinkage": made.shrinkage,
        "reliability": made.reliability,
        "curves": made.curves,
        "networks": made_tables.networks_of(made),
        "activity": None,
        "edges": made_tables.edges_of(made),
        "null": made.null,
        "clusters": None,
        "qcfc": made.qcfc,
        "motion": made.motion,
        "clinical": made_tables.clinical_of(made),
        "effects": made_tables.effects_of(made),
        "regions": made.regions,
        "habenula": made.habenula,
        "specifications": None,
        "time_course": None,
        "runs": made.runs,
        "exclusions": made.exclusions,
        "incomplete": made.incomplete,
        "attrition": made.attrition,
        "participants": pd.DataFrame({"participant_id": everybody}),
        "paired": paired.reindex(columns=[*paired.columns, *ends]),
    } | changed
    config = {"maps": {}, "activity": {"measures": []}, **made.config}
    within = frozenset(
        f"{test}-{arm}" for test in ("change", "association") for arm in made.design.arms.values()
    )
    facts = {"config": config, "versions": made.versions, "sidecars": made.sidecars, "atlases": {}}
    return leaving(
        design=made.design,
        cells=Cells(5, planned_cells(made.design), {}, within),
        facts=facts,
        results=results,
        every_table=[*TABLES.values(), "tests/influence.tsv", "connectivity.tsv"],
        figures=figures,
        map_pictures={},
    )


def test_nobody_is_in_what_leaves_and_all_that_stays_is_listed(tmp_path: Path) -> None:
    made = made_tables.two_arms(size=24)
    found = leaving_of(made, tmp_path)
    write_leaving(found, tmp_path / "share", made.design)
    contents = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in (tmp_path / "share").rglob("*")
        if path.is_file()
    }
    assert found_in(contents, names_of(made.design)) == {}
    page = contents["share/report.html"].decode()
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", page)
    # neither the participant's own values nor the mean of three
    assert not re.search(r"0\.27182|0\.31415|0\.777|0\.888", page)
    assert "What this page lacks" in page
    removed = found.removed.set_index("file")
    for stays in ("tests/influence.tsv", "connectivity.tsv", "figures/paired", "figures/flow"):
        assert stays in removed.index
    assert "figures/circuits" not in removed.index
    assert "excluded" not in found.methods.split("## What was left out")[1].split("##")[0]


def test_figures_are_drawn_again_of_enough_participants_and_nobody_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: dict[str, pd.DataFrame] = {}

    def courses(numbers: pd.DataFrame, *rest: Any) -> Any:
        drawn["means"] = numbers
        return draw_courses(numbers, *rest)

    def clinical(*tables: Any) -> Any:
        figure, drawn["clinical"] = draw_clinical(*tables)
        return figure, drawn["clinical"]

    monkeypatch.setattr(share_figures, "draw_courses", courses)
    monkeypatch.setattr(share_figures, "draw_clinical", clinical)
    made = made_tables.two_arms(size=24)
    course = pd.DataFrame(
        [
            ("si", "SSI", "total", "ketamine", "pre", "pre", 0, 12, 0, 20.5, 18, 23, 4),
            ("si", "SSI", "total", "midazolam", "pre", "pre", 0, 12, 0, 21.5, 19, 24, 4),
            ("si", "SSI", "total", "ketamine", "post", "post", 24, 3, 9, 7.25, 1, 13, 2),
            ("si", "SSI", "total", "midazolam", "post", "post", 24, 12, 0, 15.5, 13, 18, 4),
        ],
        columns=list(TIME_COURSE_COLUMNS),
    )
    found = leaving_of(made, tmp_path, time_course=course)
    # nobody alone, and not the mean of three
    means = drawn["means"]
    assert set(means["kind"]) == {"mean"}
    assert sorted(means["value"]) == [0.2, 0.3]
    # what would tell of three goes with what it adds up with
    scores = drawn["clinical"].query("panel == 'course'")
    assert sorted(scores["value"]) == [20.5, 21.5]
    for name in ("means", "clinical"):
        assert f'id="figure-{name}"' in found.report
    assert 'id="figure-paired"' not in found.report
    # no figure is a file of its own there
    assert "figures/means." not in found.report
    reasons = found.removed.set_index("file")["reason"]
    assert reasons["figures/paired"].endswith("drawn again without them")
    assert "again" not in reasons["figures/flow"]


def test_nothing_is_drawn_again_where_nothing_may_be_seen(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {
        "hypotheses": None,
        "time_course": pd.DataFrame(columns=list(TIME_COURSE_COLUMNS)),
        "effects": pd.DataFrame(columns=list(EFFECT_COLUMNS)),
    }
    means = pd.DataFrame(columns=["circuit", "arm", "kind", "participant_id", "n"])
    design = design_of({})
    assert share_figures.redrawn(means, nothing, design, tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_leaves_describes_no_arm_of_which_too_few_were_scanned(tmp_path: Path) -> None:
    made = made_tables.two_arms(size=24)
    arm = made.runs["participant_id"].map(made.design.participants)
    few = (arm == "ketamine") & (made.runs["role"] == "post")
    kept = made.runs[few].head(3)["run"]
    gone = few & ~made.runs["run"].isin(kept)
    runs = made.runs.assign(status=made.runs["status"].mask(gone, "excluded"))
    page = leaving_of(made, tmp_path, runs=runs).report
    assert "Without any number, and not shown: ketamine" in page
    own = pd.to_numeric(runs.loc[runs["run"].isin(kept), "mean_fd"])
    assert f"{own.mean():.2f} ({own.std():.2f})" not in page
    drawn = page.split('aria-label="Head motion over the sessions')[1].split('"')[0]
    assert "ketamine: mean pre " in drawn
    assert "post" not in drawn.split("ketamine: ")[1].split(", n =")[0]


def test_a_name_in_a_text_that_may_leave_stops_everything(tmp_path: Path) -> None:
    made = made_tables.two_arms()
    who = next(iter(made.design.participants))
    hypotheses = made.hypotheses.assign(flags=f"hangs on {who}")
    found = leaving_of(made, tmp_path, hypotheses=hypotheses)
    with pytest.raises(StudyError, match=r"tests/hypotheses\.tsv: names a participant") as refused:
        write_leaving(found, tmp_path / "share", made.design)
    assert who not in str(refused.value)
    assert not (tmp_path / "share").exists()
    with pytest.raises(StudyError):
        require_nobody({"x": _page(who)}, made.design)


def test_of_a_study_with_a_tiny_arm_nothing_leaves(tmp_path: Path) -> None:
    made = made_tables.two_arms(size=8)
    assert min(planned_cells(made.design).values()) < 5
    with pytest.raises(StudyError, match=r"fewer than 5 participants \(arm "):
        leaving_of(made, tmp_path)


def test_a_figure_of_suppressed_numbers_stays(tmp_path: Path) -> None:
    made = made_tables.two_arms(size=24)
    edges = made_tables.edges_of(made)
    assert "figures/edges" not in set(leaving_of(made, tmp_path).removed["file"])
    few = leaving_of(made, tmp_path, edges=edges.assign(n=6.0)).removed
    assert "figures/edges" in set(few["file"])


def test_labels_of_sessions_that_may_be_dates_are_replaced_by_their_roles(tmp_path: Path) -> None:
    made = made_tables.two_arms()
    dated = made.content | {"sessions": {"pre": "20240131", "post": "post"}}
    found = leaving_of(replace(made, content=dated), tmp_path)
    assert "20240131" not in found.report + found.methods
    assert "ses-post" in found.report


def test_removed_is_described(tmp_path: Path) -> None:
    found = leaving_of(made_tables.two_arms(), tmp_path)
    write_tsv(tmp_path / "share/removed.tsv", found.removed)
    columns = list(found.removed.columns)
    assert set(described_columns(tmp_path / "share/removed.tsv", columns)) == set(columns)
