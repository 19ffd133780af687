"""The behaviour that every `TenantStore` shares."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from largesse.kernel.fact import AuditEntry
from largesse.tenants.model import ApiKey
from largesse.tenants.ports import TenantRecords
from largesse.testing.factories import (
    NOW_MS,
    World,
    a_command,
    a_key,
    a_tenant,
    an_audit_entry,
    keep_tenant,
)

Found = TypeVar("Found")


class TenantStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_tenants_are_numbered(self, world: World) -> None:
        """Numbers ascend, and a tenant is found by number and by id."""
        acme = await keep_tenant(world)
        beta = await keep_tenant(world, a_tenant("beta", time_zone="Asia/Seoul", clock_ms=5))

        assert beta.number > acme.number > 0
        assert await read(world, lambda records: records.tenant(beta.number)) == beta
        assert await read(world, lambda records: records.tenant_by_id("ten_beta")) == beta
        assert await read(world, lambda records: records.tenant(999)) is None
        assert await read(world, lambda records: records.tenant_by_id("ten_nobody")) is None

    async def test_the_list_of_tenants_goes_on_where_it_was_left(self, world: World) -> None:
        """By number, beyond the last one seen, at most as many as asked for."""
        names = ["acme", "beta", "gamma"]
        kept = [await keep_tenant(world, a_tenant(name)) for name in names]

        first = await read(world, lambda records: records.tenants(0, 2))
        rest = await read(world, lambda records: records.tenants(kept[1].number, 2))

        assert first == kept[:2]
        assert rest == kept[2:]

    async def test_a_test_clock_is_kept(self, world: World) -> None:
        """The moment of one tenant's clock changes, and nobody else's."""
        acme = await keep_tenant(world, a_tenant(clock_ms=NOW_MS))
        beta = await keep_tenant(world, a_tenant("beta", clock_ms=NOW_MS))

        await change(world, lambda records: records.set_clock(acme.number, NOW_MS + 1))

        moved = await read(world, lambda records: records.tenant(acme.number))
        assert moved is not None
        assert moved.clock_ms == NOW_MS + 1
        assert await read(world, lambda records: records.tenant(beta.number)) == beta

    async def test_keys_are_found_by_digest(self, world: World) -> None:
        """Whoever calls is known by the digest of his key, whole and unchanged."""
        acme = await keep_tenant(world)
        key = a_key(acme.number, "key_1", expires_at_ms=NOW_MS + 5)
        await change(world, lambda records: records.add_key(key))

        assert await read(world, lambda records: records.key_by_digest(key.digest)) == key
        assert await read(world, lambda records: records.key_by_digest(b"other")) is None

    async def test_keys_of_two_tenants_stay_apart(self, world: World) -> None:
        """A tenant's list and look-up know its own keys; None asks for everybody's."""
        acme = await keep_tenant(world)
        beta = await keep_tenant(world, a_tenant("beta"))
        mine = [a_key(acme.number, "key_1"), a_key(acme.number, "key_3")]
        theirs = a_key(beta.number, "key_2")
        for key in (mine[0], theirs, mine[1]):
            await change(world, partial(add_key, key))

        assert await read(world, lambda records: records.keys(acme.number)) == mine
        assert await read(world, lambda records: records.keys(None)) == [mine[0], theirs, mine[1]]
        assert await read(world, lambda records: records.key(acme.number, "key_1")) == mine[0]
        assert await read(world, lambda records: records.key(acme.number, "key_2")) is None

    async def test_a_revoked_key_stays_in_the_list(self, world: World) -> None:
        """Revoking notes the moment; other keys are as they were."""
        acme = await keep_tenant(world)
        for key_id in ("key_1", "key_2"):
            key = a_key(acme.number, key_id)
            await change(world, partial(add_key, key))

        await change(world, lambda records: records.set_key_revoked("key_1", NOW_MS))

        keys = await read(world, lambda records: records.keys(acme.number))
        assert [key.revoked_at_ms for key in keys] == [NOW_MS, None]

    async def test_audit_entries_come_newest_first(self, world: World) -> None:
        """A tenant pages through its own entries by their positions, without gap or repeat."""
        acme = await keep_tenant(world)
        beta = await keep_tenant(world, a_tenant("beta"))
        owners = [acme, acme, beta, acme]
        entries = [an_audit_entry(f"key_{n}", one.number) for n, one in enumerate(owners)]
        for entry in entries:
            await change(world, partial(add_audit_entry, entry))

        newest = await read(world, lambda records: records.audit_entries(acme.number, None, 2))
        position = newest[-1][0]
        rest = await read(world, lambda records: records.audit_entries(acme.number, position, 2))

        assert [entry for _, entry in newest] == [entries[3], entries[1]]
        assert [entry for _, entry in rest] == [entries[0]]


def add_key(key: ApiKey, records: TenantRecords) -> None:
    """Keep a key."""
    records.add_key(key)


def add_audit_entry(entry: AuditEntry, records: TenantRecords) -> None:
    """Keep who did what."""
    records.audit(entry)


async def read(world: World, work: Callable[[TenantRecords], Found]) -> Found:
    """Ask the records."""
    return await world.tenants.read(work)


async def change(world: World, work: Callable[[TenantRecords], None]) -> None:
    """Change the records."""
    await world.tenants.write(a_command(), work, type(None))
