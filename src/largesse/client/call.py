"""A call: what to send, how to read what comes back, and whether it may be sent twice. No I/O."""

import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from largesse.client.errors import MisuseError, RefusedError, StrangeAnswerError
from largesse.client.model import Page, Refusal

T = TypeVar("T")

ROOT = "/api/v1"
KEY_CHARACTERS_MAX = 255

_REFUSING_STATUSES = (HTTPStatus.CONFLICT, HTTPStatus.GONE)
_REFUSING_OUTCOMES = frozenset(
    {
        "UNKNOWN_CUSTOMER",
        "PHONE_REQUIRED",
        "NOT_ELIGIBLE",
        "UNKNOWN_CODE",
        "LINE_FULL",
        "BUSY",
        "TOO_MANY_GUESSES",
    }
)
"""What a wish can end as: any conflict, what is gone, and these of other statuses."""


class Request(Struct, frozen=True, gc=False):
    """What to send beside what all requests of a client have; `target` is a path with its query."""

    method: str
    target: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Answer(Struct, frozen=True, gc=False):
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def replayed(self) -> bool:
        """Whether this is the answer to an earlier request with the same key."""
        return self.headers.get("idempotency-replayed") == "true"


class Call(Struct, Generic[T], frozen=True):
    """One thing to ask of a server: the same value asked again is the same wish.

    `read` makes the result of an answer; it raises `RefusedError` or `StrangeAnswerError`. A call
    that is not `repeatable` is sent again only where it surely has not arrived.
    """

    request: Request
    read: Callable[[Answer], T]
    repeatable: bool = True


def new_key() -> str:
    """An Idempotency-Key that nobody else will choose."""
    return secrets.token_urlsafe(16)


@lru_cache(maxsize=1024)  # claims by the thousand go to the same few campaigns
def path_of(*steps: str) -> str:
    """A path below the API's root, whatever characters an id has."""
    return "/".join((ROOT, *(quote(step, safe=":") for step in steps)))


def get(path: str, read: Callable[[Answer], T], **query: str | int | None) -> Call[T]:
    """Read something; parts of the query that are None are left out."""
    given = {name: value for name, value in query.items() if value is not None}
    return Call(Request("GET", f"{path}?{urlencode(given)}" if given else path), read)


def post(path: str, body: object, read: Callable[[Answer], T], key: str | None = None) -> Call[T]:
    """Change something, under the caller's Idempotency-Key or a new one; a body may be None.

    Raises `MisuseError` for a key that no server takes.
    """
    chosen = new_key() if key is None else key
    visible = chosen.isascii() and chosen.isprintable() and " " not in chosen
    if not visible or not 0 < len(chosen) <= KEY_CHARACTERS_MAX:
        message = f"an Idempotency-Key has 1 to {KEY_CHARACTERS_MAX} visible ASCII characters"
        raise MisuseError(message)
    content = None if body is None else msgspec.json.encode(body)
    return Call(Request("POST", path, content, (("Idempotency-Key", chosen),)), read)


def reading(shape: type[T]) -> Callable[[Answer], T]:
    """Read a shape; whatever the server says instead is raised."""
    decoder = msgspec.json.Decoder(shape)

    def read(answer: Answer) -> T:
        if answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return _decoded(decoder, answer)
        raise RefusedError(refusal_of(answer))

    return read


def deciding(shape: type[T]) -> Callable[[Answer], T | Refusal]:
    """Read a shape, or the refusal of a wish; a request that is wrong in itself is raised."""
    decoder = msgspec.json.Decoder(shape)

    def read(answer: Answer) -> T | Refusal:
        if answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return _decoded(decoder, answer)
        return outcome_of(answer.status, refusal_of(answer))

    return read


def outcome_of(status: int, refusal: Refusal) -> Refusal:
    """A refusal that is how a wish can end. Raises any other, as `RefusedError`."""
    if status in _REFUSING_STATUSES or refusal.outcome in _REFUSING_OUTCOMES:
        return refusal
    raise RefusedError(refusal)


def refusal_of(answer: Answer) -> Refusal:
    """The problem in an answer. Raises `StrangeAnswerError` where there is none."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        raise _strange(answer)
    return _decoded(_REFUSAL, answer)


def onward(call: Call[Page[T]], page: Page[T]) -> Call[Page[T]] | None:
    """The call for the next piece of a list, or None after the last."""
    if page.next is None:
        return None
    path, _, query = call.request.target.partition("?")
    target = f"{path}?{urlencode({**dict(parse_qsl(query)), 'cursor': page.next})}"
    return replace(call, request=replace(call.request, target=target))


def _decoded(decoder: msgspec.json.Decoder[T], answer: Answer) -> T:
    try:
        return decoder.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _strange(answer) from error


def _strange(answer: Answer) -> StrangeAnswerError:
    began = answer.body[:60].decode(errors="replace")
    message = (
        f"what answered is no largesse, or a newer one: look at the address "
        f"(status {answer.status}, {began!r})"
    )
    return StrangeAnswerError(message)


_REFUSAL = msgspec.json.Decoder(Refusal)
