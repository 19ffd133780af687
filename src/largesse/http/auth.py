"""Who is calling, and whether he may: API keys as bearer tokens (RFC 6750)."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from largesse.http.errors import ForbiddenError, UnauthenticatedError
from largesse.tenants.model import Principal, Scope
from largesse.tenants.service import Tenants

CALLERS_MAX = 1_024
"""Callers remembered: far more than there are programs that claim at once."""

_SCHEME = b"bearer"


def authenticate(tenants: Tenants, headers: Mapping[bytes, bytes]) -> Principal:
    """Whoever the request's key speaks for; `UnauthenticatedError` where it opens nothing."""
    given = headers.get(b"authorization", b"")
    scheme, _, secret = given.partition(b" ")
    if scheme.lower() != _SCHEME:
        raise UnauthenticatedError
    principal = tenants.authenticate(secret.strip())
    if principal is None:
        message = "this API key is unknown, revoked or expired"
        raise UnauthenticatedError(message)
    return principal


def authorize(principal: Principal, scopes: Sequence[Scope]) -> None:
    """Raise `ForbiddenError` unless the caller's key has one of the scopes, or covers it."""
    for scope in scopes:
        if principal.may(scope):
            return
    wanted = " or ".join(f"`{scope}`" for scope in scopes)
    raise ForbiddenError(f"this needs a key with the scope {wanted}")


class Callers:
    """Lets in who has one of some scopes, and knows again who has been let in.

    Hot requests bring the same header time and again, and what it says need not be found out anew.
    It is known by its digest: no key is kept here. Keys that expire are looked at each time.
    """

    def __init__(self, tenants: Tenants, scopes: Sequence[Scope]) -> None:
        self._tenants = tenants
        self._scopes = scopes
        self._known: dict[bytes, Principal] = {}
        self._as_of = tenants.key_changes

    def admit(self, headers: Mapping[bytes, bytes]) -> Principal:
        """Who is calling; raises as `authenticate` and `authorize` do."""
        digest = sha256(headers.get(b"authorization", b"")).digest()
        if self._as_of != self._tenants.key_changes:
            self._known.clear()
            self._as_of = self._tenants.key_changes
        known = self._known.get(digest)
        return self._let_in(headers, digest) if known is None else known

    def _let_in(self, headers: Mapping[bytes, bytes], digest: bytes) -> Principal:
        principal = authenticate(self._tenants, headers)
        authorize(principal, self._scopes)
        if principal.key.expires_at_ms is None:
            if len(self._known) >= CALLERS_MAX:
                self._known.clear()
            self._known[digest] = principal
        return principal
