"""The pages of the documentation: linked, without dead links, and of commands that there are."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ketfc.command.main import main
from ketfc.study.config.config import Config
from ketfc.study.config.types import known_keys

REPO = Path(__file__).parents[2]
PAGES = sorted(
    [
        *REPO.glob("docs/*.md"),
        *(REPO / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")),
        *(REPO / folder / "README.md" for folder in ("config", "atlases", "benchmarks")),
    ]
)
NAMES = [str(page.relative_to(REPO)) for page in PAGES]


RULES = {
    name
    for path in (REPO / "Snakefile", *(REPO / "workflow/rules").glob("*.smk"))
    for name in re.findall(r"^ *rule (\w+):", path.read_text(encoding="utf-8"), re.MULTILINE)
}
WRITTEN = "".join(
    path.read_text(encoding="utf-8")
    for folder, pattern in (
        ("workflow/rules", "*.smk"),
        ("atlases", "*.yaml"),
        ("config", "c*.yaml"),
    )
    for path in sorted((REPO / folder).glob(pattern))
)
KEYS = set(known_keys(Config)) | {("power",)}
ENDINGS = {"md", "py", "tsv", "yaml", "json", "html", "smk", "txt", "toml", "sif", "def"}


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


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_page_says_anything_twice(page: Path) -> None:
    # what a merge has doubled is on the page from one heading to the next
    long = [line for line in text_of(page).splitlines() if len(line) > 80]
    assert len(long) == len(set(long)), [line for line in set(long) if long.count(line) > 1]


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


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_target_that_snakemake_is_called_with_is_a_rule(page: Path) -> None:
    named = re.findall(r"(?:^ *|`)snakemake ([a-z_]+)(?=[`\s])", text_of(page), re.MULTILINE)
    assert set(named) <= RULES, set(named) - RULES


# the reference itself is made from the models, and shows a misspelt key
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent.name != "config"], ids=lambda page: page.stem
)
def test_every_key_of_the_config_that_is_named_exists(page: Path) -> None:
    named = {
        tuple(each.split(".")) for each in re.findall(r"`([a-z-]+(?:\.[a-z-]+)+)`", text_of(page))
    }
    named = {each for each in named if (each[0],) in KEYS and each[-1] not in ENDINGS}
    for block in re.findall(r"^ *```yaml\n(.+?)^ *```", text_of(page), re.DOTALL | re.MULTILINE):
        # what is left out of an example is no YAML
        if "…\n" in block:
            continue
        for content in yaml.safe_load_all(textwrap.dedent(block)):
            # circuits.yaml has a section of that name too
            if isinstance(content, dict) and "hypothesis:" not in block:
                named |= {path for path in paths_of(content) if (path[0],) in KEYS}
    unknown = {path for path in named if not known(path)}
    assert not unknown, unknown


def paths_of(content: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key of a mapping, and of the mappings within it."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield (*above, str(key))
            yield from paths_of(value, (*above, str(key)))


def known(path: tuple[str, ...]) -> bool:
    """Say whether a key exists, or stands within one whose keys a lab chooses."""
    if path in KEYS or "own-strategies" in path:
        return True
    *above, _ = (path[:i] for i in range(1, len(path) + 1))
    inner = [each for each in above if each in KEYS][-1:]
    return bool(inner) and not any(key[:-1] == inner[0] for key in KEYS)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_result_that_is_named_is_written_by_a_rule(page: Path) -> None:
    named = re.findall(
        r"`(?:results|tests|quality|plan|clinical|maps|figures)/[\w./-]*?([\w-]+)\.(?:tsv|html|md|txt|json|bib|zip|pdf)`",
        text_of(page),
    )
    missing = [name for name in named if not re.search(rf"\b{re.escape(name)}\b", WRITTEN)]
    assert not missing, missing


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
