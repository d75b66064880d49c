"""The report and the methods text: complete, harmless, self-contained, and true to the tables."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ketfc.reporting import words
from ketfc.reporting.captions import TITLES, figure_alt, figure_caption
from ketfc.reporting.denoising_words import column_names, summarise
from ketfc.reporting.markdown import to_html
from ketfc.reporting.methods import methods_text
from ketfc.reporting.references import REFERENCES, cited, references_bib
from ketfc.reporting.report import render_report
from ketfc.reporting.results import cards, results, table_of

sys.path.insert(0, str(Path(__file__).parents[1]))
import made_tables

EVIL = '<script>alert(1)</script><img src="http://evil.example/x" onerror="alert(2)">'


def methods_of(made: made_tables.Made, atlases: Mapping[str, Any] | None = None) -> str:
    return methods_text(
        config=made.config,
        design=made.design,
        hypotheses=made.hypotheses,
        regions=made.regions,
        runs=made.runs,
        exclusions=made.exclusions,
        sidecars=made.sidecars,
        versions=made.versions,
        atlases=atlases or {},
    )


def report_of(made: made_tables.Made, figures: dict[str, Path] | None = None) -> str:
    return render_report(
        design=made.design,
        config=made.config,
        hypotheses=made.hypotheses,
        incomplete=made.incomplete,
        regions=made.regions,
        runs=made.runs,
        exclusions=made.exclusions,
        clinical=made_tables.clinical_of(made),
        sidecars=made.sidecars,
        figures=figures or {},
        methods=methods_of(made),
        versions=made.versions,
    )


class Page(HTMLParser):
    """Tags with their attributes, and the text, of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
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
def html(made, pictures):
    return report_of(made, pictures)


def test_the_page_asks_for_nothing_from_outside(html):
    page = Page(html)
    assert not page.all("script")
    assert not page.all("iframe")
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name == "src":
                assert value.startswith("data:")
            elif name == "href" and tag == "a":
                assert value.startswith(("#", "https://doi.org/"))
            elif name == "href":
                assert value.startswith("data:")
    assert "url(" not in html
    assert "@import" not in html
    policy = next(meta for meta in page.all("meta") if meta.get("http-equiv"))
    assert policy["content"].startswith("default-src 'none'")


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
        **made.design,
        "study": EVIL,
        "estimand": {"change": EVIL, "association": EVIL},
        "arms": {"ketamine": EVIL, "control": "b"},
    }
    evil = made_tables.replace(
        made,
        design=design,
        exclusions=made.exclusions.assign(reason=EVIL, rule="`x` " + EVIL),
        regions=made.regions.assign(source=EVIL),
        runs=made.runs.assign(reason=EVIL),
        hypotheses=made.hypotheses.assign(verdict=EVIL, name=EVIL),
        incomplete=made.incomplete.assign(reason=EVIL),
        versions={EVIL: EVIL},
        sidecars={EVIL: [{"ConfoundColumns": [EVIL], "HighPass": EVIL}]},
    )
    page = Page(report_of(evil, pictures))
    assert not page.all("script")
    assert all(image["src"].startswith("data:image/png") for image in page.all("img"))
    assert EVIL in "".join(page.text)


def test_every_figure_has_its_alt_text_caption_and_file_names(html, made):
    page = Page(html)
    images = page.all("img")
    assert len(images) == len(TITLES) == 4
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
    assert "sub-05 no SSI score at post association, association-ketamine all circuits" in page
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
    rows = re.findall(r'<tr class="excluded">.*?</tr>', html)
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


def test_the_same_tables_give_the_same_page(html, made, pictures):
    assert report_of(made, pictures) == html


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
    low, middle, high, zero = change.bar
    assert 0 < zero < low < middle < high <= 98
    assert shown["dmn"].tests["change"].state == "open"
    lost = {card.circuit: card for card in cards(made_tables.with_holes().hypotheses, made.design)}
    assert lost["dmn"].tests["change"].state == "none"
    assert lost["dmn"].tests["change"].bar is None


def test_result_tables_hold_every_test_once(made):
    primary, others = (results(made.hypotheses, primary=one) for one in (True, False))
    assert primary.total == 10
    assert primary.total + others.total == len(made.hypotheses)
    row = primary.rows[0]
    first = made.hypotheses.iloc[0]
    assert row[:3] == [
        "sgACC – right lateral PFC",
        "change",
        words.number(first["estimate"], signed=True),
    ]


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
    unused = summarise("36P", [{"ConfoundColumns": [], "Excluded": "no columns"}])
    assert (unused.runs, unused.regressors) == (0, "n/a")


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
        made.design["estimand"]["change"].rstrip("."),
    ):
        assert fact in text, fact
    assert not re.search(r"\b(nan|None)\b", text)


def test_the_methods_of_real_images_cite_fmriprep_and_those_of_simulated_ones_do_not(made):
    assert "simulated" in methods_of(made)
    assert "@esteban2019" not in methods_of(made)
    study = {**made.config["study"], "derivatives": ["/data/fmriprep"]}
    real = methods_of(made_tables.replace(made, config={**made.config, "study": study}))
    assert "fMRIPrep 24.1.1 [@esteban2019]" in real
    assert "simulated" not in real


def test_the_methods_of_a_change_score_say_so():
    text = methods_of(made_tables.changes_only())
    assert "the change in SSI, as supplied, on the change in connectivity, adjusted for arm" in text
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
    holm = REFERENCES["holm1979"]
    assert holm.short == "Holm 1979"
    assert REFERENCES["freedman1983"].short == "Freedman & Lane 1983"
    assert REFERENCES["ciric2017"].short == "Ciric et al. 2017"
    assert holm.long == (
        "Holm S (1979). A simple sequentially rejective multiple test procedure. "
        "Scandinavian Journal of Statistics 6(2):65–70."
    )
    assert "Köster" not in REFERENCES["molder2021"].long  # the fifteenth author
    assert r"Business \& Economic" in REFERENCES["freedman1983"].bibtex()


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
