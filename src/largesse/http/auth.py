"""Who is calling, and whether he may: API keys and customer tokens as bearer tokens (RFC 6750)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256

from msgspec import UNSET, UnsetType

from largesse.http.errors import ForbiddenError, UnauthenticatedError
from largesse.kernel.errors import InvalidInputError
from largesse.tenants.model import Principal, Scope
from largesse.tenants.service import Tenants

CALLERS_MAX = 1_024
"""Callers remembered: far more than there are programs that claim at once."""

_SCHEME = b"bearer"

# A copy of it takes a third of the time in which OpenSSL looks the algorithm up.
_NOTHING_HASHED = sha256()


def authenticate(tenants: Tenants, headers: Mapping[bytes, bytes]) -> Principal:
    """Whoever the request's key speaks for; `UnauthenticatedError` where it opens nothing."""
    given = headers.get(b"authorization", b"")
    scheme, _, secret = given.partition(b" ")
    if scheme.lower() != _SCHEME:
        raise UnauthenticatedError
    principal = tenants.authenticate(secret.strip())
    if principal is None:
        message = "this API key or customer token is unknown, revoked or expired"
        raise UnauthenticatedError(message)
    return principal


def authorize(principal: Principal, scopes: Sequence[Scope]) -> None:
    """Raise `ForbiddenError` unless the caller's key has one of the scopes, or covers it."""
    for scope in scopes:
        if principal.may(scope):
            return
    wanted = " or ".join(f"`{scope}`" for scope in scopes)
    raise ForbiddenError(f"this needs a key with the scope {wanted}")


def customer_of(own: str | None, said: str | UnsetType, pointer: str = "/customer_id") -> str:
    """Whom something is asked for: the caller says it, unless he has a token that is a customer's.

    `own` is that customer. `InvalidInputError` at `pointer` where nobody says it, `ForbiddenError`
    where a customer asks for somebody else.
    """
    if own is None:
        if said is UNSET:
            message = "say for which customer: only a customer token speaks for one by itself"
            raise InvalidInputError(message, pointer)
        return said
    if said is not UNSET and said != own:
        raise ForbiddenError("this customer token speaks for another customer")
    return own


class Callers:
    """Lets in whom `let_in` does not turn away, and knows again who has been let in.

    Hot requests bring the same header time and again, and what it says need not be found out anew.
    It is known by its digest, and by itself for the rest of the tick in which it came: no key is
    kept here. What expires is looked at each time, all customer tokens among it, so that a crowd
    of customers cannot drive the keys out.
    """

    def __init__(self, tenants: Tenants, let_in: Callable[[Principal], None]) -> None:
        self._tenants = tenants
        self._check = let_in
        self._known: dict[bytes, Principal] = {}
        self._of_tick: dict[bytes, Principal] = {}
        self._as_of = tenants.key_changes

    def admit(self, headers: Mapping[bytes, bytes]) -> Principal:
        """Who is calling; raises as `authenticate` and `authorize` do."""
        given = headers.get(b"authorization", b"")
        principal = self._of_tick.get(given)
        return self._recognize(headers, given) if principal is None else principal

    def _recognize(self, headers: Mapping[bytes, bytes], given: bytes) -> Principal:
        hashed = _NOTHING_HASHED.copy()
        hashed.update(given)
        digest = hashed.digest()
        if self._as_of != self._tenants.key_changes:
            self._known.clear()
            self._as_of = self._tenants.key_changes
        known = self._known.get(digest)
        if known is None:
            return self._let_in(headers, digest)
        if not self._of_tick:
            asyncio.get_running_loop().call_soon(self._of_tick.clear)
        self._of_tick[given] = known
        return known

    def _let_in(self, headers: Mapping[bytes, bytes], digest: bytes) -> Principal:
        principal = authenticate(self._tenants, headers)
        self._check(principal)
        if principal.key.expires_at_ms is None and principal.customer is None:
            if len(self._known) >= CALLERS_MAX:
                self._known.clear()
            self._known[digest] = principal
        return principal
