"""Cursors: where a list was left, sealed for the one who got it.

A cursor names its list, its tenant and the last row seen. It is authenticated, so that nobody can
make one up or carry one to another tenant's list.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from largesse.kernel.errors import InvalidInputError

PAGE_DEFAULT = 50
PAGE_MAX = 200
"""Items in one answer: small enough to be cheap, large enough to walk a campaign quickly."""

AFTER_ALL = 2**63 - 1
"""No row has this number: a list that descends begins before it."""

_SEAL_BYTES = 12

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """A piece of a list, and the cursor to go on with, or None at its end."""

    items: list[T]
    next: str | None


class Cursors:
    """Seals and opens cursors with the installation's secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, tenant: int, name: str, position: list[int | str]) -> str:
        """The cursor of a place in the list `name` of a tenant."""
        body = msgspec.json.encode(position)
        return urlsafe_b64encode(self._mac(tenant, name, body) + body).rstrip(b"=").decode()

    def open(self, tenant: int, name: str, cursor: str) -> list[int | str]:
        """The place that a cursor stands for; `InvalidInputError` for any other text."""
        try:
            raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except ValueError:
            raw = b""
        seal, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
        if not body or not hmac.compare_digest(seal, self._mac(tenant, name, body)):
            message = "this cursor was not given out for this list: start again without a cursor"
            raise InvalidInputError(message, "cursor")
        return msgspec.json.decode(body, type=list[int | str])

    def _mac(self, tenant: int, name: str, body: bytes) -> bytes:
        message = b"largesse-cursor/1|%d|%s|" % (tenant, name.encode())
        return hmac.digest(self._secret, message + body, "sha256")[:_SEAL_BYTES]
