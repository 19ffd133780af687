"""The site that `make docs` builds: whole, and needing nothing from anywhere else."""

import json
import re
from pathlib import Path

import pytest
from website import ROOT, SiteError, build, menu

ADDRESS = re.compile(r"""<(?:script|link|img|iframe)[^>]*?(?:src|href)=["']?([^"'\s>]+)""")
FETCHED = re.compile(r"""@import\s+["']([^"']+)|url\(["']?([^"')]+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this project."""
    folder = tmp_path_factory.mktemp("website") / "site"
    build(ROOT, folder)
    return folder


def small_project(root: Path, page: str) -> Path:
    """A project with an index and one page."""
    (root / "docs").mkdir()
    (root / "README.md").write_text("# Small\n\n[Pages](docs/README.md)\n")
    (root / "docs" / "README.md").write_text("# Pages\n\n## How to\n\n- [Page](page.md): one.\n")
    (root / "docs" / "page.md").write_text(page)
    return root


@pytest.mark.slow
def test_every_page_is_there(site: Path) -> None:
    """Those of docs/, those beside it, and the sources that they name."""
    pages = [*ROOT.glob("docs/**/*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    for page in pages:
        path = page.relative_to(ROOT).with_suffix(".html")
        if path.name == "README.html":
            path = path.with_name("index.html")
        assert (site / path).is_file(), path
    assert "test_kill_nine" in (site / "tests" / "promises" / "test_kill_nine.py.html").read_text()


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """No script, style, picture or font of another host."""
    for page in site.rglob("*.html"):
        for address in ADDRESS.findall(page.read_text()):
            assert not re.match("(https?:)?//", address), (page, address)
    styles = list(site.rglob("*.css"))
    assert styles
    for style in styles:
        for found in FETCHED.findall(style.read_text()):
            assert not re.match("(https?:)?//", "".join(found)), (style, found)


@pytest.mark.slow
def test_what_is_said_can_be_searched(site: Path) -> None:
    """The index of the search knows a word from the depth of a page."""
    found = json.loads((site / "search.json").read_text())
    places = [item["location"] for item in found["items"] if "conservation" in item["text"]]
    assert any("what-if" in place for place in places)


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("# Page\n\n[x](nowhere.md)\n", "docs/page.md: there is no file nowhere.md"),
        ("# Page\n\n[x](../src/nothing.py)\n", "there is no file ../src/nothing.py"),
        ("# Page\n\n[x](README.md#nowhere)\n", "anchor does not exist"),
    ],
)
def test_a_link_that_leads_nowhere_ends_the_build(
    tmp_path: Path, page: str, complaint: str
) -> None:
    """Negative control: to a page, to a source, to a heading."""
    with pytest.raises(SiteError, match=complaint):
        build(small_project(tmp_path, page), tmp_path / "site")


def test_the_menu_is_the_index(tmp_path: Path) -> None:
    """Every heading with its pages, in their order."""
    root = small_project(tmp_path, "# Page\n")
    index = root / "docs" / "README.md"
    index.write_text("# Pages\n\n- [Small](../README.md): x\n" + index.read_text())
    assert menu(root) == ['"README.md"', '{"How to" = ["docs/page.md"]}']
