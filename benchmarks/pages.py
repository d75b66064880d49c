"""Size and opening time of the pages of a large study, in headless Chromium.

The report, the quality page of the study and the strip of all runs are made of copies of a small
study's participants (``tests/made_large.py``) and opened from a file. Needs Chromium.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS / "browser"), str(TESTS)]

from conftest import CHROMIUM, Browser  # noqa: E402
from made_large import PEOPLE, large, write_group, write_report, write_strip  # noqa: E402

COLUMNS = ("page", "people", "megabytes", "elements", "seconds", "main_thread_seconds")
PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def opened(browser: Browser, page: Path, blank: Path) -> tuple[int, float, float]:
    """Return elements, wall seconds until a page is painted, and CPU seconds of its main thread."""
    browser.open(blank, width=1280)
    browser.call("Performance.enable", timeDomain="threadTicks")
    browser.events.clear()
    began = time.perf_counter()
    browser.call("Page.navigate", url=page.as_uri())
    while not any(event.get("method") == "Page.loadEventFired" for event in browser.events):
        browser.events.append(browser._message())
    browser.call("Runtime.evaluate", expression=PAINTED, awaitPromise=True)
    seconds = time.perf_counter() - began
    metrics = browser.call("Performance.getMetrics")["metrics"]
    (busy,) = [one["value"] for one in metrics if one["name"] == "TaskDuration"]
    return browser.value("document.querySelectorAll('*').length"), seconds, busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("people", nargs="*", type=int, default=[50, PEOPLE])
    arguments = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("no Chromium on this machine")
    folder = Path(tempfile.mkdtemp(prefix="ketfc_pages_"))
    blank = folder / "blank.html"
    blank.write_text("<!doctype html><title>blank</title>")
    browser = Browser(folder / "profile")
    print(*COLUMNS, sep="\t")
    for people in arguments.people:
        made = large(people)
        pages = (
            write_report(made, folder),
            write_group(made, folder),
            write_strip(folder, people),
        )
        for page in pages:
            elements, seconds, busy = opened(browser, page, blank)
            size = f"{page.stat().st_size / 1e6:.2f}"
            cells = (page.stem, people, size, elements, f"{seconds:.2f}", f"{busy:.2f}")
            print(*cells, sep="\t", flush=True)
    browser.close()


if __name__ == "__main__":
    main()
