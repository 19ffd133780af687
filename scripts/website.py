"""Build the pages into a site of plain files, with search; a browser opens it without a network.

    python scripts/website.py [FOLDER]

The pages are copied as they lie in the project, so that links between them stay as they are. Where
a page leads to a source file, a page with that file's text is put beside the others. The menu is
what docs/README.md lists. A link that leads nowhere ends the build.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
INDEX = Path("docs/README.md")
SITE = ROOT / "build" / "site"
BESIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
"""Pages that lie beside docs/."""

LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)")
_LISTED = re.compile(r"^- \[[^]]*\]\(([^)#]+\.md)\)", re.MULTILINE)
_FENCE = "`" * 6
"""Longer than any within a source file."""

CONFIGURATION = """
[project]
site_name = "largesse"
site_description = "Gives out exactly N of something of value to very many people at once."
docs_dir = "pages"
use_directory_urls = false
site_dir = "site"
nav = [
  {nav}
]

[project.theme]
language = "en"
font = false
features = ["content.code.copy", "navigation.indexes", "navigation.top", "search.highlight"]

[[project.theme.palette]]
media = "(prefers-color-scheme)"
toggle.icon = "lucide/sun-moon"
toggle.name = "Switch to light"

[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"
toggle.icon = "lucide/sun"
toggle.name = "Switch to dark"

[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"
toggle.icon = "lucide/moon"
toggle.name = "Follow the system"
"""


class SiteError(Exception):
    """The site cannot be built; the message says which page to mend."""


def copy_pages(root: Path, pages: Path) -> None:
    """Copy every page of a project, and as pages of their own the sources to which they lead."""
    sources: set[Path] = set()
    for path in _pages_of(root):
        text = (root / path).read_text(encoding="utf-8")
        for target in LINK.findall(text):
            found = Path(os.path.normpath(path.parent / target))
            if not (root / found).is_file():
                raise SiteError(f"{path}: there is no file {target}")
            if found.suffix != ".md":
                sources.add(found)
        _write(pages / path, LINK.sub(_to_page, text))
    for path in sources:
        text = (root / path).read_text(encoding="utf-8")
        language = path.suffix.removeprefix(".") or "text"
        _write(
            pages / f"{path}.md", f'# {path}\n\n{_FENCE}{language} linenums="1"\n{text}{_FENCE}\n'
        )


def menu(root: Path) -> list[str]:
    """The entries of the menu, in TOML: what the index lists, under its headings."""
    index = (root / INDEX).read_text(encoding="utf-8")
    first, *sections = re.split(r"^## ", index, flags=re.MULTILINE)
    entries = [_entry(path) for path in _listed(first)]
    for section in sections:
        heading, _, text = section.partition("\n")
        listed = ", ".join(map(_entry, _listed(text)))
        entries.append(f'{{"{heading}" = [{listed}]}}')
    return entries


def build(root: Path, site: Path) -> None:
    """Build the site of the project in `root` into the folder `site`. Raises `SiteError`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_pages(root, folder / "pages")
        nav = ",\n  ".join(menu(root))
        _write(folder / "zensical.toml", CONFIGURATION.replace("{nav}", nav))
        zensical = Path(sys.executable).with_name("zensical")
        done = subprocess.run(  # noqa: S603 - our own program, our own folder
            [zensical, "build", "--strict"],
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SiteError(done.stderr.partition("Traceback")[0] + done.stdout)
        site.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(folder / "site", site)


def _pages_of(root: Path) -> Iterator[Path]:
    yield from (Path(name) for name in BESIDE if (root / name).exists())
    yield from (path.relative_to(root) for path in sorted((root / "docs").rglob("*.md")))


def _to_page(link: re.Match[str]) -> str:
    """A link to a source leads to its page; one to a page stays."""
    target = link[1]
    return link[0] if target.endswith(".md") else f"]({target}.md"


def _listed(text: str) -> list[Path]:
    return [Path(os.path.normpath(INDEX.parent / target)) for target in _LISTED.findall(text)]


def _entry(path: Path) -> str:
    return f'"{path}"'


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Build the site of this project, and say where it is."""
    site = Path(sys.argv[1]) if sys.argv[1:] else SITE
    try:
        build(ROOT, site)
    except SiteError as error:
        sys.exit(f"{error}")
    print(f"{site / 'index.html'}")


if __name__ == "__main__":
    main()
