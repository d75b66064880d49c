"""The pages of the documentation: linked, without dead links, and of commands that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ketfc.command.main import main

REPO = Path(__file__).parents[2]
PAGES = sorted(
    [
        *REPO.glob("docs/*.md"),
        *(REPO / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")),
        *(REPO / folder / "README.md" for folder in ("config", "atlases", "benchmarks")),
    ]
)
NAMES = [str(page.relative_to(REPO)) for page in PAGES]


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_every_page_is_in_the_contents_of_the_site() -> None:
    index = text_of(REPO / "docs/index.md")
    listed = set(re.findall(r"^([./\w-]+)$", index, re.MULTILINE))
    pages = {page.stem for page in REPO.glob("docs/*.md")} - {"index"}
    assert pages <= listed, pages - listed
    for name in listed:
        place = (REPO / "docs" / name).resolve()
        assert any(place.with_name(place.name + end).is_file() for end in (".md", ".rst")), name


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(page)):
        if "://" not in link and not link.startswith("mailto:"):
            assert (page.parent / link).exists(), link


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE):
        kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").casefold())
        found.add(kept.strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    for link, anchor in re.findall(r"\]\(([^)#\s]*\.md)?#([^)\s]+)\)", text_of(page)):
        target = page.parent / link if link else page
        assert anchor in anchors(target), f"{link}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_of_ketfc_that_is_named_exists(page: Path) -> None:
    # at the beginning of a line of code, or of code within a sentence
    named = re.findall(r"(?:^|`)ketfc ([a-z_]+)", text_of(page), re.MULTILINE)
    assert set(named) <= set(main.commands), set(named) - set(main.commands)


@pytest.mark.slow
def test_the_site_is_made_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the extra `docs` is not installed")
    pytest.importorskip("pydata_sphinx_theme", reason="the extra `docs` is not installed")
    call = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E", "-c", "docs", "."]
    done = subprocess.run([*call, tmp_path], cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    columns = tmp_path / "docs/reference/columns.html"
    assert "participant_id" in columns.read_text(encoding="utf-8")
    assert (tmp_path / "docs/reference/generated/ketfc.study.plan.html").is_file()
