"""Customer tokens: by one of them a customer's browser speaks for him, and for nobody else.

A token is a JSON Web Token (RFC 7519) in its compact form, signed with HMAC-SHA256 (RFC 7518 §3.2)
and kept nowhere: to check one costs no look-up, in whichever process. Only tokens made here are
ever read, so that the one header that they have is compared as it stands, and no algorithm is
taken from what a stranger sent.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hmac import compare_digest, digest
from typing import Final, Literal

import msgspec
from msgspec import Struct

AUDIENCE: Final = "largesse/customer"
"""Whom a token is for: the routes of an installation that customers may ask."""

_HASH = "sha256"
_PAD = b"=="


class Claims(Struct, frozen=True, kw_only=True):
    """What a token says: whom it speaks for, who let him, and until when (seconds, RFC 7519 §2).

    `key` is the id of the API key that asked for the token: it is worth nothing without the key.
    """

    sub: str
    key: str
    iat: int
    exp: int
    aud: Literal["largesse/customer"] = AUDIENCE


class CustomerToken(Struct, frozen=True):
    """A token as it is handed out once."""

    text: str
    expires_at_ms: int


class CustomerTokens:
    """Makes tokens and knows its own again; `key` is the installation's secret for this alone."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._read = msgspec.json.Decoder(Claims).decode

    def make(self, claims: Claims) -> str:
        """The token that says this."""
        said = _HEADER + b"." + _written(msgspec.json.encode(claims))
        return (said + b"." + self._signature(said)).decode("ascii")

    def read(self, text: bytes) -> Claims | None:
        """What a token of ours says, expired or not; None for any other text."""
        said, _, signature = text.rpartition(b".")
        header, _, payload = said.partition(b".")
        if header != _HEADER or not compare_digest(signature, self._signature(said)):
            return None
        return self._read(urlsafe_b64decode(payload + _PAD))

    def _signature(self, said: bytes) -> bytes:
        return _written(digest(self._key, said, _HASH))


def _written(content: bytes) -> bytes:
    """Base64 as tokens have it: for URLs, without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(content).rstrip(b"=")


_HEADER = _written(b'{"alg":"HS256","typ":"JWT"}')
