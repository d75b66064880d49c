"""The report and the methods text: complete, harmless, self-contained, and true to the tables."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ketfc.reporting import words
from ketfc.reporting.pages.markdown import to_html
from ketfc.reporting.pages.report.cards import cards
from ketfc.reporting.rows import motion_row
from ketfc.reporting.tables import results, table_of
from ketfc.reporting.text.beside.robustness import alternatives_table
from ketfc.reporting.text.captions import TITLES, figure_alt, figure_caption
from ketfc.reporting.text.denoising import censored_neighbours, column_names, summarise
from ketfc.reporting.text.moderation import moderation_table
from ketfc.reporting.text.motion import motion_section
from ketfc.reporting.text.references import cited, literature, references_bib
from ketfc.reporting.text.sample.description import people_in_words, scans_in_words
from ketfc.reporting.words import sentence

sys.path.insert(0, str(Path(__file__).parents[2]))
import made_activity
import made_prediction
import made_tables
from made_report import methods_of, report_of

EVIL = '<script>alert(1)</script><img src="http://evil.example/x" onerror="alert(2)">'


class Page(HTMLParser):
    """Tags with their attributes, and the text, of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.script = False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.script = tag == "script"

    def handle_endtag(self, tag):
        self.script = False

    def handle_data(self, data):
        if not self.script:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def made():
    return made_tables.two_arms()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Small pictures in place of the figures."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("figures")
    for name in TITLES:
        Image.new("RGB", (40, 20), "white").save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in TITLES}


@pytest.fixture(scope="module")
def activity():
    return made_activity.table_of(made_activity.activity_study(2, 3))


@pytest.fixture(scope="module")
def html(made, pictures, activity):
    return report_of(made, pictures, activity, prediction=made_prediction.table_of())


def scripts_of(page: Page) -> list[dict[str, str | None]]:
    return [one for one in page.all("script") if one.get("type") != "application/json"]


def test_the_page_asks_for_nothing_from_outside(html):
    page = Page(html)
    assert not page.all("iframe")
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name == "src":
                assert value.startswith("data:")
            elif name == "href" and tag == "a":
                # within the page, to literature, and to files of the results folder
                assert re.match(r"#|https://doi\.org/|[\w.-]+(/[\w.-]+)*\.[a-z]+$", value), value
            elif name == "href":
                assert value.startswith("data:")
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles
    policy = next(meta for meta in page.all("meta") if meta.get("http-equiv"))
    assert policy["content"].startswith("default-src 'none'")


def test_only_the_scripts_of_the_page_may_run(html):
    about = next(meta for meta in Page(html).all("meta") if meta.get("http-equiv"))
    policy = re.search(r"script-src ([^;]*);", about["content"])[1]
    assert "unsafe" not in policy
    texts = re.findall(r'<script type="module">(.*?)</script>', html, flags=re.DOTALL)
    assert len(texts) == len(scripts_of(Page(html))) >= 2
    for text in texts:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_every_link_within_the_page_arrives(html):
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        if link["href"].startswith("#"):
            assert link["href"][1:] in ids


def test_the_page_says_what_it_is_for(html):
    assert "Research use only – not for clinical prediction." in Page(html).words
    assert "simulated" in Page(html).words


def test_what_the_tables_hold_is_never_markup(made, pictures):
    design = {
        **made.content,
        "study": EVIL,
        "estimand": {"change": EVIL, "association": EVIL},
        "arms": {"ketamine": EVIL, "control": "b"},
    }
    evil = made_tables.replace(
        made,
        content=design,
        exclusions=made.exclusions.assign(reason=EVIL, rule="`x` " + EVIL),
        regions=made.regions.assign(source=EVIL),
        runs=made.runs.assign(reason=EVIL),
        hypotheses=made.hypotheses.assign(verdict=EVIL, name=EVIL),
        incomplete=made.incomplete.assign(reason=EVIL),
        versions={EVIL: EVIL},
        sidecars={EVIL: [{"ConfoundColumns": [EVIL], "HighPass": EVIL}]},
    )
    page = Page(report_of(evil, pictures))
    assert len(scripts_of(page)) == len(scripts_of(Page(report_of(made))))
    assert all(image["src"].startswith("data:image/png") for image in page.all("img"))
    assert EVIL in "".join(page.text)


def test_activity_has_a_section_where_it_was_measured_alone(made, html):
    assert [tag["id"] for tag in Page(html).all("section") if tag["id"] == "activity"]
    assert '<a href="#activity">Activity</a>' in html
    assert "mALFF of 2 regions, each divided by its mean over the brain" in Page(html).words
    assert "#activity" not in report_of(made)


def test_predictions_have_a_section_where_they_were_made_alone(made, html):
    page = Page(html)
    assert [tag["id"] for tag in page.all("section") if tag["id"] == "prediction"]
    assert '<a href="#prediction">Prediction</a>' in html
    assert "Can the change in SSI at post be told from connectivity before treatment?" in page.words
    assert "no better than chance" in page.words
    assert "and is exploratory" in page.words
    assert "#prediction" not in report_of(made)


def test_every_figure_has_its_alt_text_caption_and_file_names(html, made):
    page = Page(html)
    images = page.all("img")
    assert len(images) == len(TITLES) == 17
    alts = [image["alt"] for image in images]
    assert alts == [figure_alt(name, made.hypotheses, made.design) for name in TITLES]
    assert all(image["width"] == "40" and image["height"] == "20" for image in images)
    for name, title in TITLES.items():
        assert title in page.words
        assert f"figures/{name}.svg" in page.words
        assert figure_caption(name, made.design) in page.words


def test_an_alt_text_holds_the_main_numbers(made):
    row = made.hypotheses[
        (made.hypotheses["hypothesis"] == "amygdala-dacc") & (made.hypotheses["test"] == "change")
    ].iloc[0]
    alt = figure_alt("paired", made.hypotheses, made.design)
    assert f"amygdala – dorsal ACC: {words.number(row['estimate'], signed=True)}" in alt
    assert f"n = {row['n']}" in alt


def test_tables_have_captions_and_headed_rows_and_columns(html):
    page = Page(html)
    tables = len(page.all("table"))
    assert tables >= 8
    assert len(page.all("caption")) == tables
    scopes = [header.get("scope") for header in page.all("th")]
    assert set(scopes) == {"col", "row"}


def test_everybody_left_out_is_listed_with_the_reason(html, made):
    page = Page(html).words
    tests = "association, association-ketamine, drug-by-change, "
    tests += "baseline-prognostic, baseline-prescriptive"
    assert f"sub-05 no SSI score at post {tests} all circuits" in page
    assert "sub-16 connectivity excluded at post" in page
    for reason in made.exclusions["reason"]:
        assert reason in page


def test_a_participant_left_out_of_some_circuits_only_is_listed_with_these(made):
    incomplete = pd.DataFrame(
        [("sub-02", "dmn", "change", "connectivity excluded at pre")],
        columns=["participant_id", "hypothesis", "test", "reason"],
    )
    page = Page(report_of(made_tables.replace(made, incomplete=incomplete))).words
    assert "sub-02 connectivity excluded at pre change default mode network, within" in page


def test_a_run_that_was_excluded_stands_out(html):
    rows = re.findall(r'<tr class="excluded".*?</tr>', html)
    assert len(rows) == 1
    assert "sub-03_ses-post_task-rest" in rows[0]


@pytest.mark.parametrize(
    "study", ["one_arm", "changes_only", "without_scores", "nothing_measured", "with_holes"]
)
def test_other_studies_have_a_report_too(study):
    made = getattr(made_tables, study)()
    page = Page(report_of(made)).words
    assert not re.search(r"\b(nan|NaN|NaT|None|inf)\b", page)
    assert "Methods in words" in page


def test_what_was_not_measured_is_written_n_a():
    made = made_tables.nothing_measured()
    page = Page(report_of(made)).words
    assert "n/a" in page
    assert "No test of change could be made" in page


def test_without_a_control_arm_nothing_is_called_specific():
    made = made_tables.one_arm()
    page = Page(report_of(made)).words.lower()
    assert "ketamine-specific" not in page
    assert "there is no control arm: nothing here is specific to the treatment" in page
    assert "no control arm, so nothing here is specific" in methods_of(made)


def test_the_summary_counts_what_was_found(html, made):
    found = made.hypotheses[
        (made.hypotheses["family"] == "primary-change") & (made.hypotheses["p_holm"] < 0.05)
    ]
    assert len(found) == 2
    assert "Evidence for change in 2 of 5 primary circuits" in Page(html).words


def test_the_same_tables_give_the_same_page(html, made, pictures, activity):
    again = report_of(made, pictures, activity, prediction=made_prediction.table_of())
    assert again == html


def test_large_images_are_embedded_smaller(made, tmp_path):
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (900, 1800, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "matrices.png")
    assert (tmp_path / "matrices.png").stat().st_size > 4e6
    html = report_of(made, {"matrices": tmp_path / "matrices.png"})
    assert len(html.encode()) < 5_000_000
    assert Page(html).all("img")[0]["width"] == "1300"


def test_the_page_is_complete_without_figures(made):
    assert "No figure was drawn." in Page(report_of(made)).words


def test_long_tables_are_cut_and_say_so(made):
    many = pd.concat([made.exclusions] * 300, ignore_index=True)
    page = Page(report_of(made_tables.replace(made, exclusions=many))).words
    assert "The first 1000 of 1200 rows; all are in quality/exclusions.tsv." in page


def test_cards_tell_evidence_from_none(made):
    shown = {card.circuit: card for card in cards(made.hypotheses, made.design)}
    assert list(shown) == [
        circuit for circuit, (*_, primary) in made_tables.CIRCUITS.items() if primary
    ]
    change = shown["sgacc-rlpfc"].tests["change"]
    assert change.state == "found"
    assert change.verdict.startswith("Connectivity at post")
    row = made.hypotheses.iloc[0]
    assert float(change.estimate) == pytest.approx(row["estimate"], rel=5e-3)
    assert change.estimate.startswith("+")
    # of a correlation the effect size is the estimate, which stands beside it
    assert "Hedges g" in change.size
    assert shown["sgacc-rlpfc"].tests["association"].size == ""
    ends = [float(end.replace("−", "-")) for end in change.interval.strip("[]").split(", ")]
    assert ends == pytest.approx([row["ci_holm_low"], row["ci_holm_high"]], rel=5e-3)
    low, middle, high, zero = change.bar
    assert 0 < zero < low < middle < high <= 98
    assert shown["dmn"].tests["change"].state == "open"
    lost = {card.circuit: card for card in cards(made_tables.with_holes().hypotheses, made.design)}
    assert lost["dmn"].tests["change"].state == "none"
    assert lost["dmn"].tests["change"].bar is None


def test_result_tables_hold_every_test_once(made):
    primary, others = (results(made.hypotheses, primary=one) for one in (True, False))
    moderation = moderation_table(made.hypotheses, made.robustness)
    baseline = moderation_table(made.hypotheses, made.robustness, family="baseline-connectivity")
    assert len(primary.rows) == len(moderation.rows) == len(baseline.rows) == 10
    shown = sum(len(table.rows) for table in (primary, others, moderation, baseline))
    assert shown == len(made.hypotheses)
    row = primary.rows[0]
    first = made.hypotheses.iloc[0]
    assert row[:3] == [
        "sgACC – right lateral PFC",
        "change",
        words.compact(first["estimate"], signed=True),
    ]


def test_connectivity_before_treatment_has_a_section_of_its_own(html):
    assert ">Connectivity before treatment: exploratory</h3>" in html
    assert "baseline-prescriptive: whether that differs between the arms" in html


def test_ids_that_look_like_numbers_stay_text():
    table = table_of(pd.DataFrame({"id": ["01", "x"], "value": ["0.12345", None]}))
    assert table.rows == [["01", "0.123"], ["x", "n/a"]]
    assert table.kinds == ["short", "num"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0004, "< .001"), (0.0434, ".043"), (1.0, "1.00"), (0.9996, "1.00"), ("n/a", "n/a")],
)
def test_p_values_are_printed_as_in_papers(value, shown):
    assert words.p_value(value) == shown


def test_numbers_have_true_minus_signs_and_no_negative_zero():
    assert words.number(-1.234) == "−1.23"
    assert words.number(-0.001) == "0.00"
    assert words.number(0.5, signed=True) == "+0.50"
    assert words.number(float("nan")) == "n/a"
    assert words.interval(-1, 2) == "[−1.00, 2.00]"
    assert words.interval(-1, None) == "n/a"
    assert words.compact(-0.00012345) == "−0.000123"
    assert words.compact(1200.0) == "1200"
    assert words.p_equals(0.2, "p(Holm)") == "p(Holm) = .200"


@pytest.mark.parametrize(
    ("region", "label"),
    [
        ("rLPFC", "R LPFC"),
        ("rFrontalPole", "R frontal pole"),
        ("lAmygdala", "L amygdala"),
        ("sgACC", "sgACC"),
        ("PCC", "PCC"),
        ("7Networks_LH_Vis_1", "7Networks_LH_Vis_1"),
    ],
)
def test_regions_are_named_for_readers(region, label):
    assert words.region_label(region) == label


def test_the_two_sides_of_a_region_share_a_label():
    assert words.pair_label(["lAmygdala", "rAmygdala"]) == "L/R amygdala"
    assert words.pair_label(["lLP", "PCC"]) == "L LP, PCC"


def test_sentences_start_with_a_capital_but_names_stay():
    assert words.sentence("right habenula – cortex") == "Right habenula – cortex"
    assert words.sentence("sgACC – right lateral PFC") == "sgACC – right lateral PFC"
    assert words.sentence("") == ""


def test_markdown_is_turned_into_headings_lists_and_citations():
    html = str(to_html("# A <b>\n\nOne `code`\nand **two**.\n\n- x\n- y [@holm1979]\n\n## B"))
    assert html == (
        "<h3>A &lt;b&gt;</h3>\n<p>One <code>code</code> and <strong>two</strong>.</p>\n"
        '<ul><li>x</li><li>y (<a href="#ref-holm1979">Holm 1979</a>)</li></ul>\n<h4>B</h4>'
    )


def test_confound_columns_are_named_in_families_and_none_is_left_out():
    motion = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    named = column_names([name + end for name in motion for end in ("", "_derivative1")])
    assert (
        named
        == "the six motion parameters (`trans_x` to `rot_z`), each with its temporal derivative"
    )
    assert column_names(["cosine00", "cosine01"]) == "`cosine00` to `cosine01` (2)"
    assert (
        column_names(["global_signal", "csf_power2"]) == "`global_signal`; of `csf` the square only"
    )
    assert column_names([]) == "none"
    partly = column_names(["trans_x", "global_signal"])
    assert partly == "`trans_x` and `global_signal`"


def test_a_strategy_is_summed_up_over_its_runs():
    strategy = summarise("acompcor", made_tables.two_arms().sidecars["acompcor"])
    assert strategy.runs == 2
    assert strategy.regressors == "25–26"
    assert strategy.sometimes == ("cosine03",)
    assert strategy.high_pass == "3–4 cosine regressors of fMRIPrep"
    assert strategy.columns().endswith("in some runs also `cosine03`")
    assert strategy.components == "the first components, 5 of white matter and 5 of CSF"
    unused = summarise("36P", [{"ConfoundColumns": [], "Excluded": "no columns"}])
    assert (unused.runs, unused.regressors) == (0, "n/a")


def test_the_methods_say_which_components_were_regressed_out(made):
    def compcor(**counts: int) -> dict[str, object]:
        masks = "combined" if "combined" in counts else "separate"
        about = made.sidecars["acompcor"][0]
        return {**about, "CompCorMask": masks, "CompCorComponents": counts}

    alone = summarise("acompcor", [compcor(combined=6)] * 3).components
    assert alone == (
        "the first components, 6 of white matter and CSF combined, for want of separate masks"
    )
    several = [compcor(CSF=5, WM=5), compcor(combined=6), compcor(CSF=5, WM=5)]
    told = (
        "the first components, 6 of white matter and CSF combined, for want of separate masks in "
        "1 run; the first components, 5 of white matter and 5 of CSF in 2 runs"
    )
    assert summarise("acompcor", several).components == told
    text = methods_of(made_tables.replace(made, sidecars={**made.sidecars, "acompcor": several}))
    assert f"aCompCor: {told}" in text


def with_denoising(made, **keys):
    denoising = made.config["denoising"] | {k.replace("_", "-"): v for k, v in keys.items()}
    return made_tables.replace(made, config={**made.config, "denoising": denoising})


def test_the_methods_say_which_volumes_went_with_others(made):
    text = methods_of(with_denoising(made, censor_before=1, censor_after=2, censor_between=5))
    assert (
        "framewise displacement above 0.5 mm [@power2012] were censored, and with them the volumes "
        "beside each (1 before and 2 after it) and what was then left in stretches of 5 volumes or "
        "fewer" in text
    )
    assert "and with them" not in methods_of(made)
    assert censored_neighbours(0, 0, 1) == "what was then left in stretches of a single volume"


def test_the_methods_say_how_breathing_was_taken_out_of_motion(made):
    notch = with_denoising(made, motion_filter_type="notch", band_stop_min=12, band_stop_max=18)
    assert (
        "computed from motion parameters that had been band-stop filtered between 12 and 18 "
        "breaths per minute by a notch filter [@fair2020]." in methods_of(notch)
    )
    low = methods_of(with_denoising(made, motion_filter_type="lp", band_stop_min=6))
    assert "low-pass filtered at 6 breaths per minute [@gratton2020]" in low
    assert "116866" in references_bib(low)


def test_the_methods_say_that_sessions_were_matched(made):
    assert "rest on equally many volumes" in methods_of(with_denoising(made, match_volumes=True))
    assert "equally many" not in methods_of(made)


def test_the_methods_name_the_later_outcomes_and_their_family(made):
    assert "scores of other sessions" not in methods_of(made)
    asked = {"name": "seven", "connectivity": ["pre", "post"], "score": ["pre", "day7"]}
    said = {**made.content["estimand"], "later-seven": "SSI at day 7 with the change."}
    text = methods_of(
        replace(made, content=made.content | {"later_outcomes": [asked], "estimand": said})
    )
    assert "names (day7 with the change until post), in the secondary family." in text
    assert "Estimand of the tests of later seven: “SSI at day 7 with the change”." in text


def test_the_methods_name_strategies_without_scrubbing_and_of_the_study(made):
    used = {"ConfoundColumns": ["csf"], "HighPass": "linear trend only"}
    ranks = {"NumberOfRegressors": 36, "IndependentRegressors": 33}
    sidecars = made.sidecars | {
        "36P_noscrub": [used | ranks],
        "lab12": [used],
        "aroma": [used],
        "gsr_only": [used],
    }
    text = methods_of(made_tables.replace(made, sidecars=sidecars))
    lines = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("- `")}
    assert "`36P_noscrub` [@satterthwaite2013; @ciric2017], regressed" in lines["36P_noscrub"]
    assert "(33 of them independent)" in lines["36P_noscrub"]
    assert lines["36P_noscrub"].endswith("no volume was censored.")
    assert lines["lab12"].startswith("- `lab12` (this study's own), regressed out 1 regressor")
    assert "[@pruim2015]" in lines["aroma"]
    assert "took for motion were regressed out whole" in lines["aroma"]
    assert "censored" not in lines["gsr_only"] + lines["lab12"] + lines["aroma"]


def test_the_methods_name_what_was_done(made):
    text = methods_of(made)
    for fact in (
        "16 participants (8 ketamine and 8 midazolam)",
        "MNI152NLin2009cAsym",
        "framewise displacement above 0.5 mm",
        "less than 240 s",
        "less than 50 %",
        "499 permutations",
        "seed 20251122",
        "5 primary hypotheses",
        "25–26 regressors",
        "`24P`",
        "analysis of covariance",
        "adjusted for SSI at pre and arm",
        "n = 14 for change and n = 13 for association",
        "1 was excluded",
        "`min-coverage`: 1 row, 1 participant",
        "nilearn 0.14.1",
        "Research use only",
        made.content["estimand"]["change"].rstrip("."),
    ):
        assert fact in text, fact
    assert not re.search(r"\b(nan|None)\b", text)


def test_the_methods_tell_who_was_scanned_and_how(made):
    people = pd.DataFrame(
        {
            "participant_id": list(made.design.participants),
            "age": ["20", "30", *["25"] * 13, None],
            "sex": ["female"] * 10 + ["male"] * 6,
        }
    )
    assert people_in_words(people, made.design) == (
        "Their mean age was 25.0 years (SD 1.9) (known of 15 of 16); 10 female and 6 male."
    )
    assert people_in_words(people[["participant_id"]], made.design) == ""
    runs = made.runs.assign(repetition_time="2", n_volumes="150")
    runs.loc[0, "n_volumes"] = "120"
    excluded = runs["status"] == "excluded"
    runs.loc[excluded, "repetition_time"] = "9"
    native = pd.DataFrame({"run": runs["run"], "native_x": "3.5", "native_y": "3.5"})
    native["native_z"] = ["4"] * (len(runs) - 2) + ["5"] * 2
    kept = runs.loc[~excluded, "seconds_kept"] / 60
    assert scans_in_words(runs, native) == (
        "The 30 runs that were used had a repetition time of 2 s, 120 to 150 volumes (4 to 5 min) "
        "and voxels that were recorded at 3.5 × 3.5 × 4 or 3.5 × 3.5 × 5 mm; "
        f"{kept.mean():.1f} min (SD {kept.std():.1f}) of a run were left after censoring."
    )
    assert scans_in_words(runs[["run", "status"]], None) == ""


def test_the_methods_of_real_images_cite_fmriprep_and_those_of_simulated_ones_do_not(made):
    assert "simulated" in methods_of(made)
    assert "@esteban2019" not in methods_of(made)
    study = {**made.config["study"], "derivatives": ["/data/fmriprep"]}
    real = methods_of(made_tables.replace(made, config={**made.config, "study": study}))
    assert "fMRIPrep 24.1.1 [@esteban2019]" in real
    assert "simulated" not in real


def test_the_methods_of_a_change_score_say_so():
    text = methods_of(made_tables.changes_only())
    said = "of the change in SSI, as supplied, with the change in connectivity, adjusted for arm"
    assert f"partial Spearman correlation {said}" in text
    assert "medication arm against the placebo arm" in text


def test_the_methods_without_scores_test_no_association():
    assert "for want of a score" in methods_of(made_tables.without_scores())


def test_every_citation_has_its_entry_and_every_entry_its_citation(made):
    text = methods_of(made)
    keys = set(re.findall(r"@(\w+)", text))
    bib = references_bib(text)
    assert set(re.findall(r"^@\w+\{(\w+),$", bib, flags=re.MULTILINE)) == keys
    assert bib.count("{") == bib.count("}")
    assert [reference.key for reference in cited(text)] == sorted(keys)
    assert {"holm1979", "nilearn", "molder2021", "freedman1983", "winkler2014"} <= keys


def test_an_unknown_citation_is_an_error():
    with pytest.raises(KeyError, match="nobody1900"):
        cited("as shown [@nobody1900]")


def test_references_read_as_references():
    works = literature()
    assert list(works) == sorted(works)
    # an entry that cannot be read would be missing without a word
    entries = files("ketfc.reporting.text").joinpath("references.bib").read_text(encoding="utf-8")
    assert re.findall(r"^@\w+\{(\w+),$", entries, flags=re.MULTILINE) == list(works)
    holm = works["holm1979"]
    assert holm.short == "Holm 1979"
    assert works["freedman1983"].short == "Freedman & Lane 1983"
    assert works["ciric2017"].short == "Ciric et al. 2017"
    assert holm.long == (
        "Holm S (1979). A simple sequentially rejective multiple test procedure. "
        "Scandinavian Journal of Statistics 6(2):65–70."
    )
    assert "Köster" not in works["molder2021"].long  # the fifteenth author
    # what LaTeX needs is in the file alone, and a name of two words stays whole
    assert works["nilearn"].short.startswith("Nilearn contributors 2")
    assert "Business & Economic" in works["freedman1983"].long
    assert r"Business \& Economic" in works["freedman1983"].bibtex


def test_the_methods_name_every_atlas_with_licence_and_checksum_and_every_mismatch(made):
    about = {
        "Description": "seven networks",
        "ReferencesAndLinks": ["Somebody 2011", "https://doi.org/10.1/2"],
        "License": "MIT",
        "Origin": "circuits.atlases-dir",
        "Sources": ["yeo7.nii.gz"],
        "SHA256": "abc",
        "TemplateMismatch": None,
    }
    plain = methods_of(made)
    text = methods_of(made, {"Yeo7": about})
    assert (
        "- Yeo7: seven networks (Somebody 2011; https://doi.org/10.1/2); licence: MIT; "
        "`yeo7.nii.gz` from circuits.atlases-dir; sha256 `abc`"
    ) in text
    assert "another template than that of the images" not in plain + text
    text = methods_of(made, {"Yeo7": about | {"TemplateMismatch": "A regions on B images"}})
    assert "and used as if it were the same: Yeo7: A regions on B images." in text
    about = {"Description": "of the study", "License": "", "TemplateMismatch": None}
    text = methods_of(made, {"One": about, "Two": about})
    assert "\n\n- One: of the study\n- Two: of the study\n\n" in text


# -- beside the tests ------------------------------------------------------------------------------


def with_variants(made: made_tables.Made) -> made_tables.Made:
    """Add another definition of the sgACC, one with the same sign and one test with the other."""
    own = made.hypotheses[
        (made.hypotheses["hypothesis"] == "sgacc-rlpfc")
        & made.hypotheses["test"].isin(["change", "association"])
    ]
    other = own.assign(
        hypothesis="sgacc-rlpfc.sgACC-Fox2012",
        name="another definition",
        family="sensitivity",
        primary=False,
        p_holm=np.nan,
        estimate=own["estimate"] * np.where(own["test"] == "change", 0.5, -0.5),
    )
    return replace(made, hypotheses=pd.concat([made.hypotheses, other], ignore_index=True))


def test_other_definitions_have_a_table_of_their_own_and_are_in_no_other():
    made = made_tables.two_arms()
    more = with_variants(made)
    table = alternatives_table(more.hypotheses)
    assert [row[1:4] for row in table.rows] == [
        ["sgACC", "Fox2012", "change"],
        ["sgACC", "Fox2012", "association"],
    ]
    assert [row[table.columns.index("same sign")] for row in table.rows] == ["yes", "no"]
    assert table.rows[0][0] == sentence(more.hypotheses["name"].iloc[0])
    for primary in (True, False):
        assert results(more.hypotheses, primary=primary) == results(
            made.hypotheses, primary=primary
        )
    assert cards(more.hypotheses, more.design) == cards(made.hypotheses, made.design)
    page = report_of(more)
    assert "Alternative definitions" in page
    assert "Alternative definitions" not in report_of(made)
    text = methods_of(more)
    assert "one region defined otherwise (1 variant)" in text
    assert "another definition" not in text


def test_the_report_tells_the_habenula_verdict_and_the_matched_pairs():
    made = made_tables.two_arms()
    page, text = report_of(made), methods_of(made)
    for said in ("31 runs recorded at 3.75 × 3.75 × 3.5 mm: peri-habenular only", "43 %"):
        assert said in page
        assert said in text
    assert "No data were smoothed." in text
    assert "no pairs alike in size" in page
    assert "too few spheres like its regions" in page
    assert "99.1" in page
    assert "is not a p value" in text
    assert "No pairs were alike for sgacc-rlpfc (size)" in text
    last = list(made_tables.CIRCUITS)[-1]
    assert f"There is no percentile for {last}" in text
    none = replace(made, null=made.null.iloc[:0], habenula=made.habenula.iloc[:0])
    assert "What the scan could see of the habenula" not in report_of(none)
    assert "peri-habenular" not in methods_of(none)


def test_the_page_keeps_every_edge_apart_as_exploratory(html):
    page = Page(html)
    assert "Exploratory: every edge" in page.words
    assert "Families of edges" in page.words
    assert "tests/edges.tsv" in page.words


def test_a_one_sided_test_is_named_in_the_methods_with_its_registration():
    made = made_tables.two_arms()
    assert "All tests are two-sided at α = 0.05" in methods_of(made)
    table = made.hypotheses.copy()
    first = table.index[0]
    table.loc[first, "flags"] = "one-sided;exploratory"
    table.loc[first, "estimand"] = (
        "A difference. Tested one-sided for a rise, as preregistered (https://osf.io/abcde): it "
        "could not find the opposite. The interval is two-sided."
    )
    text = methods_of(replace(made, hypotheses=table))
    name = table.loc[first, "name"]
    assert (
        f"The test of change of “{name}” is one-sided for a rise, as preregistered "
        "(https://osf.io/abcde); all other tests are two-sided at α = 0.05"
    ) in text


def test_the_page_asks_whether_motion_explains_it(made):
    page = Page(report_of(made))
    assert {"href": "#motion"} in page.all("a")
    row = motion_row(made.motion, "salience", "acompcor", "follows")
    assert "Did motion explain it?" in page.words
    assert words.interval(row["ci_low"], row["ci_high"]) in page.words
    assert "23 % of studies with 5 circuits would have a flag" in page.words
    edges = made.qcfc[(made.qcfc["strategy"] == "acompcor") & (made.qcfc["role"] == "change")]
    assert f"median |r| of {words.number(edges['median_abs_r'].iloc[0])}" in page.words


def test_a_flagged_circuit_is_named_in_the_section_on_motion(made):
    where = (made.motion["test"] == "follows") & (made.motion["circuit"] == "salience")
    fired = made.motion.assign(gate=made.motion["gate"].mask(where, "follows-motion"))
    section = motion_section(fired, made.qcfc, made.hypotheses, made.design)
    assert "the change of salience network, within (r = " in " ".join(section.sentences)
    row = next(row for row in section.circuits.rows if row[0] == "Salience network, within")
    assert row[5] == "follows-motion"
    assert row[-1] == "24P"
    silent = made.motion.assign(gate=made.motion["gate"].mask(where, "silent"))
    section = motion_section(silent, made.qcfc, made.hypotheses, made.design)
    assert "salience network, within (r" not in " ".join(section.sentences)


def test_a_change_of_motion_itself_is_said(made):
    itself = made.motion["circuit"].isna() & (made.motion["test"] == "change")
    itself &= made.motion["measure"] == "mean_fd"
    for gate, said in (("motion-changed", "There is evidence for"), ("silent", "no evidence for")):
        motion = made.motion.assign(gate=made.motion["gate"].mask(itself, gate))
        section = motion_section(motion, made.qcfc, made.hypotheses, made.design)
        assert said in section.sentences[0]
    gone = made.motion[made.motion["circuit"].notna()]
    section = motion_section(gone, made.qcfc, made.hypotheses, made.design)
    assert "not measured" in section.sentences[0]


def test_without_pairs_the_section_on_motion_gives_reasons():
    made = made_tables.without_pairs()
    section = motion_section(made.motion, made.qcfc, made.hypotheses, made.design)
    assert "could not be tested: 0 participants" in " ".join(section.sentences)
    assert "5 are needed" in section.circuits.rows[0][5]
