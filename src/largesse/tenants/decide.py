"""The rules of tenants and keys."""

import hashlib
from collections.abc import Sequence

from largesse.kernel.calendar import zone_exists
from largesse.kernel.errors import InvalidInputError
from largesse.tenants.model import NAME_CHARACTERS_MAX, ApiKey, ForwardTo, Scope, Step, Tenant

PREFIX_CHARACTERS = 12
SECRET_CHARACTERS_MIN = 32
SECRET_CHARACTERS_MAX = 255
CLOCK_YEAR_MAX = 9892
"""Far enough, with a century left to expire in before years have five digits."""

CLOCK_MS_MAX = 250_000_000_000_000
"""A moment in that year."""


def digest(secret: bytes) -> bytes:
    """What is kept of a key's secret: a plain SHA-256, because a secret has 256 bits of its own."""
    return hashlib.sha256(secret).digest()


def usable(key: ApiKey, now_ms: int) -> bool:
    """Whether a key still opens anything at this moment of the machine's time."""
    return key.revoked_at_ms is None and (key.expires_at_ms is None or now_ms < key.expires_at_ms)


def covered(scopes: Sequence[Scope]) -> tuple[Scope, ...]:
    """All scopes that some scopes give: `admin` gives all but `operator`."""
    if Scope.ADMIN not in scopes:
        return tuple(scopes)
    return tuple(scope for scope in Scope if scope is not Scope.OPERATOR or scope in scopes)


def check_name(name: str) -> None:
    """Raise `InvalidInputError` unless a name has 1 to 200 printable characters."""
    if not (0 < len(name) <= NAME_CHARACTERS_MAX and name.isprintable() and name.strip()):
        message = f"name has 1 to {NAME_CHARACTERS_MAX} printable characters"
        raise InvalidInputError(message, "/name")


def check_zone(zone: str) -> None:
    """Raise `InvalidInputError` unless the IANA database knows the zone."""
    if not zone_exists(zone):
        message = f"{zone!r} is no IANA time zone; write Asia/Seoul or UTC, for example"
        raise InvalidInputError(message, "/time_zone")


def check_scopes(scopes: Sequence[Scope]) -> None:
    """Raise `InvalidInputError` unless a tenant may give these scopes to a key of its own."""
    if not scopes:
        raise InvalidInputError("name at least one scope", "/scopes")
    if Scope.OPERATOR in scopes:
        message = "operator comes only with the first key of an installation"
        raise InvalidInputError(message, "/scopes")


def check_expiry(expires_at_ms: int | None, now_ms: int) -> None:
    """Raise `InvalidInputError` when a key would be expired before it is made."""
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        raise InvalidInputError("expires_at is in the past", "/expires_at")


def check_secret(secret: str) -> None:
    """Raise `InvalidInputError` unless a key chosen by the operator is long and plain enough."""
    visible = all("!" <= character <= "~" for character in secret)
    if not (visible and SECRET_CHARACTERS_MIN <= len(secret) <= SECRET_CHARACTERS_MAX):
        message = (
            f"an admin key has {SECRET_CHARACTERS_MIN} to {SECRET_CHARACTERS_MAX} visible "
            "ASCII characters without spaces"
        )
        raise InvalidInputError(message, "LARGESSE_ADMIN_KEY")


def advance(tenant: Tenant, step: Step) -> int:
    """The moment a test clock stands at after it was asked to move.

    Raises `InvalidInputError` where there is no such clock, or where it would go back or too far.
    """
    if tenant.clock_ms is None:
        message = "this tenant lives in real time: only a tenant made with test_mode has a clock"
        raise InvalidInputError(message, code="NOT_IN_TEST_MODE")
    to_ms = step.ms if isinstance(step, ForwardTo) else tenant.clock_ms + step.ms
    if to_ms < tenant.clock_ms:
        raise InvalidInputError("a test clock only moves forward", step.pointer, "CLOCK_GOES_BACK")
    if to_ms > CLOCK_MS_MAX:
        message = f"a test clock goes no further than the year {CLOCK_YEAR_MAX}"
        raise InvalidInputError(message, step.pointer)
    return to_ms
