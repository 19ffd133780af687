"""Pages for people: from the package, and from nowhere else."""

import re
from pathlib import Path

import pytest
from rest_stage import ON_ONE_LOOP, Town

from largesse.http import pages
from largesse.http.pages import PAGES, Page

STATIC = Path(pages.__file__).parent / "static"
ENTRANCES = [page.path for page in PAGES if page.file.endswith(".html")]
ADDRESS = re.compile(r"""(?:src|href|url)\s*[=:(]\s*["']?([^"'\s)>,]+)""")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
@ON_ONE_LOOP
async def test_pages_are_served(still_town: Town, page: Page) -> None:
    """To everybody, with a policy that keeps the browser here."""
    answer = await still_town.stranger.http.get(page.path)
    assert answer.status_code == 200
    assert answer.content == (STATIC / page.file).read_bytes()
    assert answer.headers["content-type"].encode() == page.content_type
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy
    assert "*" not in policy


@ON_ONE_LOOP
async def test_the_address_alone_leads_to_the_documentation(still_town: Town) -> None:
    """Whoever opens it in a browser is shown what the server can do."""
    answer = await still_town.stranger.http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/swagger-ui")


@pytest.mark.parametrize("path", ENTRANCES)
@ON_ONE_LOOP
async def test_pages_refer_to_nothing_elsewhere(still_town: Town, path: str) -> None:
    """All that a page names is a route of ours."""
    text = (await still_town.stranger.http.get(path)).text
    named = [name for name in ADDRESS.findall(text) if name != "data:"]
    assert named
    for name in [*named, "/openapi.json"]:
        assert (await still_town.stranger.http.get(name)).status_code == 200, name


@pytest.mark.parametrize("path", ["swagger-ui-start.js", "swagger-ui.css"])
def test_our_starts_and_styles_fetch_nothing_elsewhere(path: str) -> None:
    """No font, no validator, no picture of another host."""
    text = (STATIC / path).read_text()
    assert not [name for name in ADDRESS.findall(text) if re.match("(https?:)?//", name)]


def test_what_others_made_is_named_with_its_licence() -> None:
    """Every file is in the notice, and every licence that it names is there."""
    notice = (STATIC / "NOTICE.md").read_text()
    ours = {"NOTICE.md", "swagger-ui-start.js"}
    for path in STATIC.iterdir():
        assert (
            path.is_dir()
            or path.name in ours
            or path.suffix == ".html"
            or f"`{path.name}`" in notice
        ), path
    for name in re.findall(r"`([\w.-]+\.(?:LICENSE|NOTICE|txt))`", notice):
        assert (STATIC / name).stat().st_size, name
