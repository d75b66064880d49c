"""The report in use: a participant seen everywhere, tables, colours, print, keyboard, access."""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from ketfc.base.files import write_text
from ketfc.reporting.figures.association import draw_association
from ketfc.reporting.figures.sessions.paired import draw_paired

sys.path.insert(0, str(Path(__file__).parents[1]))
import made_tables
from made_report import report_of

EVIL = "<script>alert(1)</script>"
WHO = "sub-03"

_PALE = """
(() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => {
    v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  return [getComputedStyle(document.body).backgroundColor,
          getComputedStyle(document.body).color].map(light);
})()
"""


def written(folder: Path, called: str = WHO) -> Path:
    """Write the report of a study in which one participant has this name."""
    made = made_tables.two_arms()
    numbers = {
        "paired": draw_paired(made.connectivity, made.hypotheses, made.design)[1],
        "association": draw_association(
            made.connectivity, made.scores, made.hypotheses, made.design
        )[1],
    }

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(participant_id=table["participant_id"].replace(WHO, called))

    people = {called if who == WHO else who: arm for who, arm in made.design.participants.items()}
    made = made_tables.replace(
        made,
        content={**made.content, "participants": people},
        **{
            name: renamed(getattr(made, name))
            for name in ("connectivity", "scores", "runs", "exclusions", "incomplete")
        },
    )
    # of any look: what is shown of a figure is asked elsewhere
    Image.new("RGB", (900, 400), "white").save(folder / "matrices.png")
    figures = {"matrices": folder / "matrices.png"}
    html = report_of(
        made, figures, numbers={name: renamed(table) for name, table in numbers.items()}
    )
    write_text(folder / "report.html", html)
    return folder / "report.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("use"))


@pytest.fixture
def opened(browser, page):
    browser.open(page, width=1200)
    browser.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    # they are told of it in a task of its own
    browser.call("Runtime.evaluate", expression="new Promise(done => setTimeout(done))",
                 awaitPromise=True)  # fmt: skip
    yield browser
    assert browser.complaints() == []
    assert browser.requests() == [page.as_uri()]


def chosen(browser: Any) -> list[str]:
    """Return by kind what is chosen: marks in plots, and rows."""
    return browser.value(
        "[...new Set([...document.querySelectorAll('.chosen')].map(one => "
        "one.dataset.who + ' ' + one.tagName.toLowerCase()))].sort()"
    )


def test_a_participant_chosen_in_a_plot_is_seen_everywhere(opened):
    opened.value(
        f"document.querySelector('.plot [data-who=\"{WHO}\"]')"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    assert chosen(opened) == [f"{WHO} g", f"{WHO} tr"]
    told = opened.value("document.querySelector('#chosen').innerText")
    assert told.startswith(f"{WHO}, ketamine")
    assert "180 s kept after censoring" in told
    assert opened.value("document.querySelector('#who').value") == WHO
    # the course in every circuit, motion, runs, exclusions, who was left out of a test
    captions = opened.value(
        "[...new Set([...document.querySelectorAll('tr.chosen')]"
        ".map(row => row.closest('table').caption.textContent))]"
    )
    assert len(captions) == 3
    assert opened.value("document.querySelectorAll('.card g.chosen').length") >= 5


def test_a_participant_chosen_in_a_table_or_the_list_is_seen_and_let_go_again(opened):
    row = f"[...document.querySelectorAll('tr[data-who=\"{WHO}\"]')].pop().cells[1].click()"
    opened.value(row)
    assert chosen(opened) == [f"{WHO} g", f"{WHO} tr"]
    opened.value(row)
    assert chosen(opened) == []
    opened.value(
        "(() => { const list = document.querySelector('#who'); list.value = 'sub-07';"
        "list.dispatchEvent(new Event('change')); })()"
    )
    assert "sub-07 g" in chosen(opened)


def test_pointing_tells_who_and_what(opened):
    opened.value(
        "document.querySelector('.card g[data-who=\"sub-02\"]').dispatchEvent("
        "new PointerEvent('pointerover', {bubbles: true, clientX: 300, clientY: 300}))"
    )
    told = opened.value("document.querySelector('#told').innerText")
    assert told.startswith("sub-02, midazolam\npre ")
    assert "Fisher z" in told
    assert "mean FD pre" in told
    opened.value("document.body.dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))")
    assert opened.value("document.querySelector('#told').hidden")


def test_a_plot_can_be_gone_through_with_the_keyboard(opened):
    opened.value("document.querySelector('.plot[tabindex]').focus()")

    def press(key: str) -> None:
        opened.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        opened.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    press("ArrowRight")
    press("ArrowRight")
    assert opened.value("document.querySelector('#told b').textContent").startswith("sub-02")
    press("Enter")
    assert "sub-02 g" in chosen(opened)
    press("Escape")
    assert chosen(opened) == []


_RUNS = (
    "[...document.querySelectorAll('table.sheet')]"
    ".find(table => /Motion and time/.test(table.caption.textContent))"
)


def column(browser: Any, name: str) -> list[str]:
    return browser.value(
        f"(() => {{ const t = {_RUNS}; const i = [...t.tHead.rows[0].cells]"
        f".findIndex(c => c.textContent.includes('{name}'));"
        "return [...t.tBodies[0].rows].map(r => r.cells[i].textContent); })()"
    )


def test_a_table_sorts_numbers_as_numbers_both_ways(opened):
    header = f"[...{_RUNS}.tHead.rows[0].cells].find(c => c.textContent.includes('kept, s'))"
    values = [float(one) for one in column(opened, "kept, s")]
    assert values != sorted(values)
    opened.value(f"{header}.click()")
    assert [float(one) for one in column(opened, "kept, s")] == sorted(values)
    assert opened.value(f"{header}.getAttribute('aria-sort')") == "ascending"
    opened.value(f"{header}.click()")
    assert [float(one) for one in column(opened, "kept, s")] == sorted(values, reverse=True)


def test_a_filtered_table_is_downloaded_as_it_is_seen(opened):
    opened.value(
        "window.blobs = []; URL.createObjectURL = blob => { blobs.push(blob); return '#'; };"
        f"(() => {{ const box = {_RUNS}.closest('.scroll').previousElementSibling;"
        "const field = box.querySelector('input'); field.value = 'excluded';"
        "field.dispatchEvent(new Event('input', {bubbles: true}));"
        "[...box.querySelectorAll('button')].find(b => b.textContent === 'TSV').click(); })()"
    )
    assert column(opened, "status") == ["excluded"]
    answer = opened.call(
        "Runtime.evaluate",
        expression="new Promise(done => setTimeout(done, 300)).then(() => blobs[0].text())",
        awaitPromise=True,
        returnByValue=True,
    )
    rows = [line.split("\t") for line in answer["result"]["value"].lstrip("\ufeff").splitlines()]
    assert rows[0] == [
        "run", "session", "status", "mean FD, mm", "max FD, mm", "volumes", "censored", "kept, s",
        "reason",
    ]  # fmt: skip
    assert [row[:3] for row in rows[1:]] == [[f"{WHO}_ses-post_task-rest", "post", "excluded"]]


def test_tables_are_downloaded_and_sorted_by_the_values_before_rounding(opened):
    shown, whole = (
        opened.value(
            f"(() => {{ const t = {_RUNS}; const i = [...t.tHead.rows[0].cells]"
            f".findIndex(c => c.textContent.includes('mean FD'));"
            f"return [...t.tBodies[0].rows].map(r => r.cells[i]).map(c => {what}); }})()"
        )
        for what in ("c.textContent", "c.dataset.whole || c.textContent")
    )
    assert max(map(len, shown)) < max(map(len, whole)) > 5
    opened.value(
        "window.blobs = []; URL.createObjectURL = blob => { blobs.push(blob); return '#'; };"
        f"(() => {{ const box = {_RUNS}.closest('.scroll').previousElementSibling;"
        "[...box.querySelectorAll('button')].find(b => b.textContent === 'TSV').click(); })()"
    )
    answer = opened.call(
        "Runtime.evaluate",
        expression="new Promise(done => setTimeout(done, 300)).then(() => blobs[0].text())",
        awaitPromise=True,
        returnByValue=True,
    )
    rows = [line.split("\t") for line in answer["result"]["value"].splitlines()]
    assert [row[3] for row in rows[1:]] == whole
    # two that look the same are told apart
    header = f"[...{_RUNS}.tHead.rows[0].cells].find(c => c.textContent.includes('mean FD'))"
    opened.value(f"{header}.click()")
    order = opened.value(f"[...{_RUNS}.tBodies[0].rows].map(r => Number(r.cells[3].dataset.order))")
    known = [value for value in order if value]
    assert known == sorted(known)
    assert len(set(known)) > len(set(shown))


def test_a_row_that_is_drawn_later_is_marked_too(opened):
    opened.value(
        f"(() => {{ const box = {_RUNS}.closest('.scroll').previousElementSibling;"
        "window.filter = text => { const field = box.querySelector('input'); field.value = text;"
        "field.dispatchEvent(new Event('input', {bubbles: true})); };"
        "filter('sub-07'); const list = document.querySelector('#who'); list.value = 'sub-03';"
        "list.dispatchEvent(new Event('change')); filter(''); })()"
    )
    assert opened.value(f"{_RUNS}.querySelectorAll('tr.chosen').length") == 2


def test_colours_follow_the_system_and_the_switch(opened):
    assert opened.value(_PALE)[0] > 0.9
    opened.call(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-color-scheme", "value": "dark"}],
    )
    ground, ink = opened.value(_PALE)
    assert (ink + 0.05) / (ground + 0.05) > 7
    opened.value(
        "(() => { const s = document.querySelector('#theme'); s.value = 'light';"
        "s.dispatchEvent(new Event('change')); })()"
    )
    assert opened.value(_PALE)[0] > 0.9
    opened.call("Emulation.setEmulatedMedia", features=[])
    opened.value("localStorage.clear()")


def test_contents_follow_the_reading(opened):
    opened.value("document.querySelector('#motion').scrollIntoView()")
    opened.call("Runtime.evaluate", expression="new Promise(done => setTimeout(done, 200))",
                awaitPromise=True)  # fmt: skip
    now = "[...document.querySelectorAll('.side [aria-current]')].map(a => a.hash)"
    assert opened.value(now) == ["#motion"]


def test_a_link_opens_what_holds_its_target(browser, page):
    browser.open(page, width=1200)
    assert not browser.value("document.querySelector('#other-tests').open")
    browser.value("location.hash = 'other-tests'")
    browser.call("Runtime.evaluate", expression="new Promise(done => setTimeout(done, 100))",
                 awaitPromise=True)  # fmt: skip
    assert browser.value("document.querySelector('#other-tests').open")


def test_on_paper_there_is_neither_the_side_nor_a_control(browser, page):
    browser.open(page, width=1200)
    browser.call("Emulation.setEmulatedMedia", media="print")
    shown = browser.value(
        "[...document.querySelectorAll('.side, .dt-buttons, .dt-search, .brain, #told')]"
        ".filter(one => one.offsetParent).length"
    )
    assert shown == 0
    paper = browser.call("Page.printToPDF", preferCSSPageSize=True)
    pages = base64.b64decode(paper["data"]).count(b"/Type /Page\n")
    browser.call("Emulation.setEmulatedMedia", media="")
    assert 3 < pages <= 25


@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_keeps_people_from_reading(browser, page, width, scheme):
    axe = importlib.util.find_spec("axe_playwright_python")
    if axe is None:
        pytest.skip("axe-playwright-python, which ships axe-core, is not installed")
    (folder,) = axe.submodule_search_locations
    browser.open(page, width=width)
    browser.call(
        "Emulation.setEmulatedMedia",
        features=[{"name": "prefers-color-scheme", "value": scheme}],
    )
    browser.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    browser.value(
        f"document.querySelector('.plot [data-who=\"{WHO}\"]')"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    browser.value(Path(folder, "axe.min.js").read_text(encoding="utf-8") + ";0")
    found = browser.call(
        "Runtime.evaluate",
        expression="axe.run().then(r => JSON.stringify(r.violations"
        ".map(v => [v.impact, v.id, v.nodes.map(n => n.html.slice(0, 120)).slice(0, 3)])))",
        awaitPromise=True,
        returnByValue=True,
    )
    browser.call("Emulation.setEmulatedMedia", features=[])
    violations = json.loads(found["result"]["value"])
    assert [one for one in violations if one[0] in ("serious", "critical")] == []


def test_a_participant_with_a_script_for_a_name_does_no_harm(browser, tmp_path):
    page = written(tmp_path, EVIL)
    browser.open(page, width=1200)
    assert browser.value("document.scripts.length") == 6
    browser.value(
        "[...document.querySelectorAll('.plot [data-who]')]"
        ".find(one => one.dataset.who.includes('script'))"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    assert browser.value("document.querySelector('#chosen').innerText").startswith(EVIL)
    assert browser.value("document.querySelectorAll('.chosen').length") > 5
    assert not [e for e in browser.events if e.get("method") == "Page.javascriptDialogOpening"]
    assert browser.complaints() == []
