"""Pages for people, from files inside the package."""

from http import HTTPStatus
from importlib.resources import files

from msgspec import Struct

from largesse.http.operation import Reply

_HTML = b"text/html; charset=utf-8"
_CSS = b"text/css; charset=utf-8"
_SCRIPT = b"text/javascript; charset=utf-8"

_POLICY = (
    b"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    b"font-src 'self' data:; worker-src blob:; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"max-age=3600"),
)
"""The browser itself sees to it that nothing is fetched from anywhere else."""


class Page(Struct, frozen=True):
    """A file of the package, and the path it is served at."""

    path: str
    file: str
    content_type: bytes

    def reply(self) -> Reply:
        """The file's content."""
        content = files("largesse.http").joinpath("static", self.file).read_bytes()
        return Reply(HTTPStatus.OK, content, _HEADERS, self.content_type)


START = Reply(HTTPStatus.TEMPORARY_REDIRECT, b"", [(b"location", b"/swagger-ui")], _HTML)
"""Whoever opens the server's address in a browser finds what it can do."""

PAGES = (
    Page("/swagger-ui", "swagger-ui.html", _HTML),
    Page("/swagger-ui/start.js", "swagger-ui-start.js", _SCRIPT),
    Page("/swagger-ui/bundle.js", "swagger-ui-bundle.js", _SCRIPT),
    Page("/swagger-ui/style.css", "swagger-ui.css", _CSS),
    Page("/redoc", "redoc.html", _HTML),
    Page("/redoc/bundle.js", "redoc.standalone.js", _SCRIPT),
    Page("/rapidoc", "rapidoc.html", _HTML),
    Page("/rapidoc/bundle.js", "rapidoc-min.js", _SCRIPT),
    Page("/verify", "draws/verify.html", _HTML),
    Page("/verify/verify.js", "draws/verify.js", _SCRIPT),
    Page("/verify/page.js", "draws/verify-page.js", _SCRIPT),
    Page("/play/{campaign_id:str}", "draws/play.html", _HTML),
    Page("/play-page/play.js", "draws/play.js", _SCRIPT),
)
