"""What a person is told who opens the address in a problem's `type`: one page per code.

Statuses, titles and messages come from the tables of `errors` and `wire`, what to do from `advice`.
docs/reference/problems/ is made from the same catalogue.
"""

import re
from collections.abc import Iterator, Mapping
from html import escape
from http import HTTPStatus
from types import MappingProxyType

from msgspec import Struct

from largesse.http import errors, wire
from largesse.http.advice import ADVICE, Advice
from largesse.http.operation import Reply
from largesse.kernel.errors import InvalidInputError

INDEX_PATH = "/problems"


class Mistake(Struct, frozen=True):
    """A code of its own for input that makes no sense."""

    title: str
    detail: str


MISTAKES: Mapping[str, Mistake] = MappingProxyType(
    {
        "INVALID_CODE_FORMAT": Mistake(
            "Invalid code format", "The code's pattern or charset cannot be used as it is."
        ),
        "PATTERN_OVERLAPS": Mistake(
            "Pattern overlaps", "Another pattern of this tenant describes some of the same codes."
        ),
        "PATTERN_TOO_SMALL": Mistake(
            "Pattern too small", "The pattern has fewer codes than the reward has units."
        ),
        "QUOTA_BELOW_ISSUED": Mistake(
            "Quota below issued", "The quota would be smaller than what was issued already."
        ),
        "FIXED_AFTER_ACTIVATION": Mistake(
            "Fixed after activation", "This part of a campaign is fixed once it was activated."
        ),
        "NOT_ENOUGH_LEFT": Mistake(
            "Not enough left", "The reward has fewer units left than codes are asked for."
        ),
        "FORMAT_UNAVAILABLE": Mistake(
            "Format unavailable", "This installation cannot write the format that was asked for."
        ),
        "NOT_IN_TEST_MODE": Mistake(
            "Not in test mode", "Only the clock of a tenant in test mode can be moved."
        ),
        "NO_COUPON": Mistake("No coupon", "This incentive has no code: only coupons are redeemed."),
        "CLOCK_GOES_BACK": Mistake("Clock goes back", "A test clock only moves forward."),
    }
)
"""What an `InvalidInputError` may be called, beside `INVALID`."""


class Explained(Struct, frozen=True):
    """A problem as its page shows it; `path` is the `type` of all problems with this code."""

    path: str
    code: str
    status: HTTPStatus
    title: str
    detail: str
    transient: bool
    advice: Advice

    @property
    def again(self) -> str:
        """Whether asking again helps."""
        if self.transient:
            return "Yes, later: it may end otherwise without anybody changing anything."
        return "No: something has to change first."


def _known() -> Iterator[tuple[str, int, str, str, bool]]:
    """Code, status, title, detail, transient; where two tables share a code, the better text first.

    What an error says of a fault of ours is for the log.
    """
    for outcome, one in errors.OUTCOMES.items():
        if not outcome.success:
            yield outcome.value, one.status, one.title, one.detail, outcome.transient
    for kind, error in errors.ERRORS.items():
        if error.code != wire.INTERNAL_ERROR.code:
            yield error.code, error.status, error.title, str(kind.__doc__), error.transient
    invalid = errors.ERRORS[InvalidInputError]
    for code, mistake in MISTAKES.items():
        yield code, invalid.status, mistake.title, mistake.detail, False
    for problem in wire.PROBLEMS:
        yield problem.code, problem.status, problem.title, problem.detail, problem.transient


def _catalogue() -> Mapping[str, Explained]:
    found: dict[str, Explained] = {}
    for code, status, title, detail, transient in _known():
        said = detail.partition("\n")[0]
        path, phrase = wire.type_of(code), HTTPStatus(status)
        explained = Explained(path, code, phrase, title, said, transient, ADVICE[code])
        found.setdefault(code, explained)
    return MappingProxyType(found)


CATALOGUE = _catalogue()
"""Every code that a problem may have, those of outcomes first in their order of precedence."""

_HTML = b"text/html; charset=utf-8"
_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; img-src data:"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"max-age=3600"),
)
_LAYOUT = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title} · largesse</title>
  <link rel="icon" href="data:,">
  <style>
    :root {{ color-scheme: light dark }}
    body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: auto; padding: 2rem }}
    h1 {{ line-height: 1.2 }}
    dt {{ font-weight: 600; margin-top: 1rem }}
    dd {{ margin: 0 }}
    td {{ padding: .2rem 1rem .2rem 0; vertical-align: top }}
  </style>
</head>
<body>
<main>
<h1>{title}</h1>
{content}
</main>
</body>
</html>
"""


def explain(problem: Explained) -> Reply:
    """The page of one problem."""
    told = [
        ("If you sent the request", problem.advice.caller),
        ("If you run the campaign or the server", problem.advice.operator),
        ("Does asking again help?", problem.again),
        ("How programs know it", f"code `{problem.code}`, status {_status(problem)}"),
    ]
    terms = "\n".join(f"<dt>{head}</dt><dd>{_prose(text)}</dd>" for head, text in told if text)
    content = (
        f"<p>{_prose(problem.detail)}</p>\n<dl>\n{terms}\n</dl>\n"
        f'<p><a href="{INDEX_PATH}">All problems</a></p>'
    )
    return _page(problem.title, content)


def list_all() -> Reply:
    """The page that leads to all the others."""
    rows = "\n".join(
        f'<tr><td><a href="{one.path}">{one.code}</a></td><td>{_prose(one.detail)}</td></tr>'
        for one in CATALOGUE.values()
    )
    return _page("Problems", f"<table>\n{rows}\n</table>")


def _page(title: str, content: str) -> Reply:
    text = _LAYOUT.format(title=escape(title), content=content)
    return Reply(HTTPStatus.OK, text.encode(), _HEADERS, _HTML)


def _prose(text: str) -> str:
    """What is said, with what is between backticks as code."""
    return re.sub("`(.*?)`", r"<code>\1</code>", escape(text, quote=False))


def _status(problem: Explained) -> str:
    return f"{problem.status.value} {problem.status.phrase}"


BY_PATH: Mapping[str, Explained] = MappingProxyType({one.path: one for one in CATALOGUE.values()})
"""Each problem by the path of its page, which is its type."""
