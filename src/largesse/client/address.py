"""Where a server is and what opens it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from largesse.client.call import Request
from largesse.client.errors import MisuseError

TIMEOUT_S = 30.0
"""A server that has not answered by then will not: it drains for no longer itself."""

ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""No answer of a server's comes near; whatever sends more is none."""

BODY_HEADERS = (("Content-Type", "application/json"),)
"""What a request with a body says of it."""

TOO_LARGE = f"the answer is larger than {ANSWER_BYTES_MAX} bytes"

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A server, and the headers that all requests to it have."""

    url: str
    host: str
    port: int
    secure: bool
    root: str
    """What comes before every path, where a gateway serves largesse below one."""

    headers: tuple[tuple[str, str], ...]

    def headers_of(self, request: Request) -> list[tuple[str, str]]:
        """All headers of a request but Host and Content-Length, which belong to the transport."""
        headers = [*self.headers, *request.headers]
        if request.body is not None:
            headers.extend(BODY_HEADERS)
        return headers


def address_of(url: str, key: str) -> Address:
    """Where a URL leads, with an API key. Raises `MisuseError` for what is none."""
    if not (key.isascii() and key.isprintable() and key.strip() == key != ""):
        raise MisuseError("the API key has characters that no key has: copy it once more")
    try:
        parts = urlsplit(url)
        port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
        usable = parts.scheme in _PORTS and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        usable = False
    if not usable or not parts.hostname or not port:
        message = f"{url!r} is no address of a server; write http://127.0.0.1:8000, for example"
        raise MisuseError(message)
    headers = (
        ("Authorization", f"Bearer {key}"),
        ("Accept", "application/json"),
        ("User-Agent", "largesse-client"),
    )
    secure = parts.scheme == "https"
    return Address(url, parts.hostname, port, secure, parts.path.rstrip("/"), headers)
