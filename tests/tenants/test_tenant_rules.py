"""The rules of tenants and keys, as tables, and the ring of keys in memory."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from largesse.kernel.clock import FakeClock
from largesse.kernel.errors import InvalidInputError
from largesse.tenants import decide
from largesse.tenants.keyring import KeyRing
from largesse.tenants.model import ApiKey, ForwardBy, ForwardTo, Principal, Scope, Tenant
from largesse.testing.factories import NOW_MS, a_key, a_tenant


@pytest.mark.parametrize(
    ("changes", "usable"),
    [
        ({}, True),
        ({"expires_at_ms": NOW_MS + 1}, True),
        ({"expires_at_ms": NOW_MS}, False),
        ({"revoked_at_ms": NOW_MS + 1}, False),
        ({"revoked_at_ms": NOW_MS - 1, "expires_at_ms": NOW_MS + 1}, False),
    ],
)
def test_a_key_opens_until_it_ends(changes: dict[str, Any], *, usable: bool) -> None:
    """Revoked for ever, expired from its very millisecond on."""
    assert decide.usable(a_key(1, "key_1", **changes), NOW_MS) is usable


@pytest.mark.parametrize("name", ["A", "가" * 200, " padded ", "O'Hara & Söhne"])
def test_names_that_will_do(name: str) -> None:
    """One to two hundred characters that can be seen."""
    decide.check_name(name)


@pytest.mark.parametrize("name", ["", " ", "a" * 201, "a\nb", "a\x00", "\u200b", "\ud800"])
def test_names_that_will_not(name: str) -> None:
    """Nothing, too much, or what cannot be seen."""
    assert pointer_of(lambda: decide.check_name(name)) == "/name"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "utc", "+09:00"])
def test_zones_that_will_not_do(zone: str) -> None:
    """Only what the IANA database knows."""
    decide.check_zone("Asia/Seoul")
    assert pointer_of(lambda: decide.check_zone(zone)) == "/time_zone"


@pytest.mark.parametrize("scopes", [(), (Scope.OPERATOR,), (Scope.ADMIN, Scope.OPERATOR)])
def test_scopes_that_nobody_can_give_away(scopes: tuple[Scope, ...]) -> None:
    """A key has a scope at least, and only the installation's first one creates tenants."""
    decide.check_scopes((Scope.ADMIN, Scope.READ))
    assert pointer_of(lambda: decide.check_scopes(scopes)) == "/scopes"


def test_a_key_is_not_born_expired() -> None:
    """Its end is in the future, or there is none."""
    decide.check_expiry(None, NOW_MS)
    decide.check_expiry(NOW_MS + 1, NOW_MS)
    assert pointer_of(lambda: decide.check_expiry(NOW_MS, NOW_MS)) == "/expires_at"


@pytest.mark.parametrize("secret", ["a" * 31, "a" * 256, "a" * 31 + " ", "é" * 32, "a" * 32 + "\n"])
def test_secrets_that_are_too_weak(secret: str) -> None:
    """Thirty-two visible characters at least, for nobody shall guess them."""
    decide.check_secret("a" * 32)
    decide.check_secret("~" * 255)
    assert pointer_of(lambda: decide.check_secret(secret)) == "LARGESSE_ADMIN_KEY"


def test_a_test_clock_moves_forward_only() -> None:
    """To the moment it is told, which may be the present one; other tenants have no such clock."""
    testing = a_tenant(clock_ms=NOW_MS)

    assert decide.advance(testing, ForwardTo(NOW_MS)) == NOW_MS
    assert decide.advance(testing, ForwardTo(NOW_MS + 1)) == NOW_MS + 1
    assert decide.advance(testing, ForwardBy(0)) == NOW_MS
    assert decide.advance(testing, ForwardBy(7)) == NOW_MS + 7
    for tenant, code in ((testing, "CLOCK_GOES_BACK"), (a_tenant(), "NOT_IN_TEST_MODE")):
        with pytest.raises(InvalidInputError) as refusal:
            decide.advance(tenant, ForwardTo(NOW_MS - 1))
        assert refusal.value.code == code


def test_a_test_clock_stops_before_years_have_five_digits() -> None:
    """To the millisecond, whichever way it is said; the complaint points at what was said."""
    last_ms = decide.CLOCK_MS_MAX
    assert datetime.fromtimestamp(last_ms // 1000, UTC).year == decide.CLOCK_YEAR_MAX
    testing = a_tenant(clock_ms=last_ms - 5)

    assert decide.advance(testing, ForwardBy(5)) == last_ms
    assert decide.advance(testing, ForwardTo(last_ms)) == last_ms
    for step in (ForwardBy(6, "/by_s"), ForwardBy(6), ForwardTo(last_ms + 1)):
        assert pointer_of(partial(decide.advance, testing, step)) == step.pointer


def the_principal(tenant: Tenant, key: ApiKey) -> Principal:
    """Who a key speaks for, as the ring tells it."""
    ring = KeyRing(FakeClock(NOW_MS))
    ring.add_tenant(tenant)
    ring.add_key(key)
    principal = ring.principal(key.digest)
    assert principal is not None
    return principal


@pytest.mark.parametrize("scope", list(Scope))
def test_what_an_admin_may(scope: Scope) -> None:
    """Everything within the tenant, and nothing beyond it."""
    principal = the_principal(a_tenant(number=1), a_key(1, "key_1", scopes=(Scope.ADMIN,)))

    assert principal.may(scope) is (scope is not Scope.OPERATOR)


@pytest.mark.parametrize("scope", [one for one in Scope if one is not Scope.ADMIN])
def test_what_any_other_key_may(scope: Scope) -> None:
    """What its scopes say, and nothing else."""
    principal = the_principal(a_tenant(number=1), a_key(1, "key_1", scopes=(scope,)))

    assert [one for one in Scope if principal.may(one)] == [scope]


def test_the_ring_knows_who_calls() -> None:
    """By digest; what is revoked, expired or unknown opens nothing."""
    clock = FakeClock(NOW_MS)
    ring = KeyRing(clock)
    tenant = a_tenant(number=1)
    good = a_key(1, "key_1", expires_at_ms=NOW_MS + 1)
    bad = a_key(1, "key_2", revoked_at_ms=NOW_MS)
    ring.add_tenant(tenant)
    ring.add_key(good)
    ring.add_key(bad)

    assert ring.principal(good.digest) == Principal(tenant, good, decide.covered(good.scopes))
    assert ring.principal(bad.digest) is None
    assert ring.principal(b"unknown") is None
    clock.advance(1)
    assert ring.principal(good.digest) is None


def test_the_ring_forgets_a_revoked_key_at_once() -> None:
    """And forgetting it again does no harm."""
    ring = KeyRing(FakeClock(NOW_MS))
    key = a_key(1, "key_1")
    ring.add_tenant(a_tenant(number=1))
    ring.add_key(key)

    ring.remove_key(replace(key, revoked_at_ms=NOW_MS))
    ring.remove_key(key)

    assert ring.principal(key.digest) is None


def pointer_of(check: Callable[[], object]) -> str:
    """What the refusal of a check points at."""
    with pytest.raises(InvalidInputError) as refusal:
        check()
    return refusal.value.pointer
