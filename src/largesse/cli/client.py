"""Speaks HTTP to a running server: one request at a time, the same key when it must ask twice."""

import http.client
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import msgspec

from largesse.cli.errors import CommandError, RefusedError

TIMEOUT_S = 30
"""A server that has not answered by then will not: it drains for no longer itself."""

ATTEMPTS = 2
"""A lost answer is asked for once more, under the same key, so that nothing happens twice."""


def new_key() -> str:
    """An Idempotency-Key that nobody else will choose."""
    return secrets.token_urlsafe(16)


def path_of(*steps: str) -> str:
    """A path below the API's root, whatever characters an id has."""
    return "/api/v1/" + "/".join(quote(step, safe=":") for step in steps)


class Client:
    """Calls of the API with one key.

    Each returns the answer's JSON object. Raises `RefusedError` with the problem that the server
    told, and `CommandError` where no largesse answered.
    """

    def __init__(self, url: str, key: str | None) -> None:
        if key is None:
            raise CommandError("no API key: set LARGESSE_KEY, or give --key")
        if not (key.isascii() and key.isprintable()):
            raise CommandError("the API key has characters that no key has: copy it once more")
        self._url = url
        self._parts = _parts(url)
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}

    def get(self, path: str, query: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """Read something; parts of the query that are None are left out."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return self._insist("GET", path + ("?" + urlencode(given) if given else ""), {})

    def post(self, path: str, body: object = None, key: str | None = None) -> dict[str, Any]:
        """Change something, under a key of the caller's or a new one."""
        headers = {"Idempotency-Key": key or new_key()}
        return self._insist("POST", path, headers, body)

    def delete(self, path: str) -> dict[str, Any]:
        """Take something away; `{}` where nothing remains to be told."""
        return self._ask("DELETE", path, {}, None)

    def _insist(
        self, method: str, path: str, headers: Mapping[str, str], body: object = None
    ) -> dict[str, Any]:
        for _ in range(ATTEMPTS - 1):
            try:
                return self._ask(method, path, headers, body)
            except _LostError:
                continue
        return self._ask(method, path, headers, body)

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: object
    ) -> dict[str, Any]:
        content = None if body is None else msgspec.json.encode(body)
        said = {**self._headers, **headers}
        if content is not None:
            said["Content-Type"] = "application/json"
        connection = _connection(self._parts)
        try:
            connection.request(method, self._parts.path.rstrip("/") + path, content, said)
            response = connection.getresponse()
            return self._answer(response.status, response.read())
        except ConnectionRefusedError as error:
            message = f"no server answers at {self._url}: run `largesse serve`, or give --url"
            raise CommandError(message) from error
        except (OSError, http.client.HTTPException) as error:
            message = f"no answer came from {self._url}: {str(error) or 'the connection was lost'}"
            raise _LostError(message) from error
        finally:
            connection.close()

    def _answer(self, status: int, content: bytes) -> dict[str, Any]:
        try:
            answer = msgspec.json.decode(content, type=dict[str, Any]) if content else {}
        except msgspec.DecodeError as error:
            raise self._strange() from error
        if status >= HTTPStatus.BAD_REQUEST:
            raise RefusedError({"status": status, **answer})
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._strange()
        return answer

    def _strange(self) -> CommandError:
        return CommandError(f"what answers at {self._url} is no largesse: look at --url")


class _LostError(CommandError):
    """The connection broke before the answer came."""


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        message = f"{url!r} is no address of a server; write http://127.0.0.1:8000, for example"
        raise CommandError(message)
    return parts


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    assert parts.hostname is not None
    kind: Callable[..., http.client.HTTPConnection] = (
        http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    )
    return kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
