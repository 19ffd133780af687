"""The behaviour that every `CustomerStore` shares."""

import asyncio

import pytest

from largesse.customers.model import Customer, CustomerFilter
from largesse.kernel.errors import BusyError, PhoneTakenError
from largesse.testing.factories import (
    World,
    a_command,
    a_customer,
    a_tenant,
    customers_of,
    keep_customer,
    keep_tenant,
)

PHONE = "+821012345678"
CONTENDERS = 16


class CustomerStoreContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_a_customer_is_kept(self, world: World) -> None:
        """All of him, as JSON has it; another tenant has a customer of his own by that id."""
        acme, beta = await tenants(world)
        said = {"phone": PHONE, "verified": True, "attributes": {"tier": ["gold", 1.5, None]}}
        kept = await keep_customer(world, a_customer("ann é", acme, **said))

        assert await find(world, acme, "ann é") == kept
        assert await find(world, beta, "ann é") is None
        assert await find(world, acme, "ann") is None

    async def test_a_customer_is_replaced(self, world: World) -> None:
        """What is left out is forgotten."""
        acme, _ = await tenants(world)
        await keep_customer(world, a_customer("ann", acme, phone=PHONE, attributes={"a": 1}))
        changed = await keep_customer(world, a_customer("ann", acme, verified=True))

        assert await find(world, acme, "ann") == changed

    async def test_a_phone_belongs_to_one_customer_of_a_tenant(self, world: World) -> None:
        """Another tenant may know the same phone; his own customer may keep it."""
        acme, beta = await tenants(world)
        await keep_customer(world, a_customer("ann", acme, phone=PHONE))
        await keep_customer(world, a_customer("bob", acme))
        await keep_customer(world, a_customer("ann", beta, phone=PHONE))
        await keep_customer(world, a_customer("ann", acme, phone=PHONE, verified=True))

        for customer_id in ("bob", "cat"):
            with pytest.raises(PhoneTakenError):
                await keep_customer(world, a_customer(customer_id, acme, phone=PHONE))

        assert await find(world, acme, "bob") == a_customer("bob", acme)
        assert await find(world, acme, "cat") is None

    async def test_a_phone_that_many_want(self, world: World) -> None:
        """Exactly one gets it, however they come. Who finds the store busy asks again."""
        acme, _ = await tenants(world)

        async def gets_it(number: int) -> bool:
            while True:
                try:
                    await keep_customer(world, a_customer(f"u{number}", acme, phone=PHONE))
                except BusyError:
                    continue
                except PhoneTakenError:
                    return False
                return True

        assert sum(await asyncio.gather(*map(gets_it, range(CONTENDERS)))) == 1

    async def test_a_removed_customer_leaves_his_phone(self, world: World) -> None:
        """He is forgotten, and the phone is free."""
        acme, _ = await tenants(world)
        ann = await keep_customer(world, a_customer("ann", acme, phone=PHONE))

        await customers_of(world).write(
            a_command(acme), lambda records: records.remove_customer(ann), type(None)
        )

        assert await find(world, acme, "ann") is None
        bob = await keep_customer(world, a_customer("bob", acme, phone=PHONE))
        assert await find(world, acme, "bob") == bob

    async def test_customers_are_listed_by_id(self, world: World) -> None:
        """In the order of their bytes, in pieces, without another tenant's; filters narrow it."""
        acme, beta = await tenants(world)
        for customer_id in ("b", "é", "a", "Z", "가"):
            await keep_customer(world, a_customer(customer_id, acme))
        await keep_customer(world, a_customer("c", beta))
        await keep_customer(world, a_customer("phoned", acme, phone=PHONE))

        assert await listed(world, acme) == ["Z", "a", "b", "phoned", "é", "가"]
        assert await listed(world, acme, after="b", limit=2) == ["phoned", "é"]
        assert await listed(world, acme, CustomerFilter(id="a")) == ["a"]
        assert await listed(world, acme, CustomerFilter(phone=PHONE)) == ["phoned"]
        assert await listed(world, acme, CustomerFilter(id="a", phone=PHONE)) == []
        assert await listed(world, acme, CustomerFilter(phone=PHONE), after="phoned") == []


async def tenants(world: World) -> tuple[int, int]:
    """The numbers of two tenants."""
    acme = await keep_tenant(world)
    beta = await keep_tenant(world, a_tenant("beta"))
    return acme.number, beta.number


async def find(world: World, tenant: int, customer_id: str) -> Customer | None:
    """A customer, if he is registered."""
    return await customers_of(world).read(lambda records: records.customer(tenant, customer_id))


async def listed(
    world: World,
    tenant: int,
    which: CustomerFilter | None = None,
    after: str = "",
    limit: int = 10,
) -> list[str]:
    """The ids in a list."""
    wanted = which or CustomerFilter()
    found = await customers_of(world).read(
        lambda records: records.customers(tenant, wanted, after, limit)
    )
    return [one.id for one in found]
