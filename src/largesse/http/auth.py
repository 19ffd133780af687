"""Who is calling, and whether he may: API keys as bearer tokens (RFC 6750)."""

from collections.abc import Mapping, Sequence

from largesse.http.errors import ForbiddenError, UnauthenticatedError
from largesse.tenants.model import Principal, Scope
from largesse.tenants.service import Tenants

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
