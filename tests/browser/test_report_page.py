"""The report as a browser shows it: nothing fetched, nothing broken, nothing too wide."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ketfc.base.files import write_text
from ketfc.reporting.figures.association import draw_association
from ketfc.reporting.figures.circuits import draw_circuits
from ketfc.reporting.figures.edges import draw_edges
from ketfc.reporting.figures.matrices import draw_matrices
from ketfc.reporting.figures.paired import draw_paired
from ketfc.reporting.figures.qcfc import draw_qcfc
from ketfc.reporting.pages.report import render_report
from ketfc.reporting.text.methods import methods_text

sys.path.insert(0, str(Path(__file__).parents[1]))
import made_tables

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next((path for name in _NAMES if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

SECONDS = 60.0


class Browser:
    """A headless Chromium that is spoken to over its debugging pipe (JSON, zero-terminated)."""

    def __init__(self, folder: Path) -> None:
        # Chromium reads commands from descriptor 3 and answers on 4: keep ours clear of those
        ours = [
            fcntl.fcntl(end, fcntl.F_DUPFD, 10) for pair in (os.pipe(), os.pipe()) for end in pair
        ]
        commands, self._write, self._read, answers = ours[0], ours[1], ours[2], ours[3]

        def connect() -> None:
            os.dup2(commands, 3)
            os.dup2(answers, 4)

        self._process = subprocess.Popen(
            [
                str(CHROMIUM),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--remote-debugging-pipe",
                f"--user-data-dir={folder}",
                "about:blank",
            ],
            preexec_fn=connect,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._buffer = b""
        self._last = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []

    def _message(self) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"Chromium said nothing for {SECONDS:g} s")
            part = os.read(self._read, 1 << 20)
            if not part:
                raise EOFError("Chromium has ended")
            self._buffer += part
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        command = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._write, json.dumps(command).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self._last:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def open(self, page: Path, *, width: int) -> None:
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def value(self, expression: str) -> Any:
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    made = made_tables.two_arms()
    figures = {
        "circuits": draw_circuits(made.connectivity, made.regions, made.hypotheses, made.design),
        "paired": draw_paired(made.connectivity, made.hypotheses, made.design),
        "association": draw_association(
            made.connectivity, made.scores, made.hypotheses, made.design
        ),
        "matrices": draw_matrices(made.mean_relmat, made.design),
        "edges": draw_edges(made_tables.edges_of(made), made.design),
        "qcfc": draw_qcfc(
            made.qcfc,
            made.qcfc_curves,
            made.motion,
            made.connectivity,
            made.runs,
            made.hypotheses,
            made.design,
        ),
    }
    for name, (figure, _) in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=100)
    shared = "config design hypotheses regions runs exclusions sidecars versions null habenula"
    names = [*shared.split(), "robustness", "reliability", "shrinkage", "attrition"]
    common: dict[str, Any] = {name: getattr(made, name) for name in names}
    common["edges"] = made_tables.edges_of(made)
    common["effects"] = made_tables.effects_of(made)
    html = render_report(
        **common,
        incomplete=made.incomplete,
        motion=made.motion,
        qcfc=made.qcfc,
        clinical=made_tables.clinical_of(made),
        figures={name: folder / f"{name}.png" for name in figures},
        methods=methods_text(**common),
    )
    write_text(folder / "report.html", html)
    return folder / "report.html"


@pytest.mark.parametrize("width", [1200, 400])
def test_the_page_loads_without_errors_and_fetches_nothing(browser, page, width):
    browser.open(page, width=width)
    browser.value("document.querySelectorAll('details').forEach(one => one.open = true)")
    requests = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert [url for url in requests if not url.startswith("data:")] == [page.as_uri()]
    complaints = [
        event["params"]
        for event in browser.events
        if event.get("method")
        in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    ]
    assert complaints == []


@pytest.mark.parametrize("width", [1200, 400])
def test_the_figures_are_shown_with_alt_texts(browser, page, width):
    browser.open(page, width=width)
    images = browser.value(
        "[...document.images].map(i => [i.complete, i.naturalWidth, i.clientWidth, i.alt])"
    )
    assert len(images) == 6
    for complete, natural, shown, alt in images:
        assert complete
        assert natural > 300
        assert shown >= 300
        assert len(alt) > 40


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("width", [1200, 768, 400, 320])
def test_the_page_is_never_wider_than_the_screen(browser, page, width, opened):
    browser.open(page, width=width)
    assert browser.value("innerWidth") == width
    browser.value(
        f"document.querySelectorAll('details').forEach(d => d.open = {str(opened).lower()})"
    )
    assert browser.value("document.documentElement.scrollWidth") <= width
    wide = browser.value(
        "[...document.querySelectorAll('main > section > :not(.scroll), article, nav, header')]"
        f".filter(e => e.getBoundingClientRect().right > {width} + 1)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []


def test_text_is_large_and_dark_enough_to_read(browser, page):
    browser.open(page, width=400)
    pale = browser.value(
        """
        (() => {
          const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => {
            v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
            return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
          const behind = e => { for (; e; e = e.parentElement) {
            const c = getComputedStyle(e).backgroundColor;
            if (!/, 0\\)$/.test(c)) return c; } return 'rgb(255, 255, 255)'; };
          const bad = [];
          for (const e of document.body.querySelectorAll('*')) {
            const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
            if (!own || e.closest('svg')) continue;
            const s = getComputedStyle(e);
            const [a, b] = [light(s.color), light(behind(e))].sort((x, y) => y - x);
            const contrast = (a + 0.05) / (b + 0.05);
            if (contrast < 4.5 || parseFloat(s.fontSize) < 12)
              bad.push([e.outerHTML.slice(0, 80), contrast, s.fontSize]);
          }
          return bad;
        })()
        """
    )
    assert pale == []


def test_headings_descend_one_level_at_a_time(browser, page):
    browser.open(page, width=1200)
    levels = browser.value(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    steps = [b - a for a, b in pairwise(levels)]
    assert max(steps) <= 1
