"""What every `Transactions` promises, whatever records it opens."""

import asyncio

import pytest
from msgspec.structs import replace

from largesse.kernel.errors import InvalidInputError, KeyReusedError
from largesse.tenants.model import Tenant
from largesse.tenants.ports import TenantRecords
from largesse.testing.factories import World, a_command, a_tenant, keep_tenant


class TransactionsContract:
    """Mix into a test class that has a `world` fixture."""

    async def test_a_change_is_kept(self, world: World) -> None:
        """What was written is read, and its answer is given as it was made."""
        kept = await keep_tenant(world)

        assert await world.tenants.read(lambda records: records.tenant(kept.number)) == kept

    async def test_an_error_leaves_nothing(self, world: World) -> None:
        """Work that raises has not happened, nor is its key bound."""
        command = a_command(key="k", content=b"acme")

        def add_and_fail(records: TenantRecords) -> Tenant:
            records.add_tenant(a_tenant())
            raise InvalidInputError("no")

        with pytest.raises(InvalidInputError):
            await world.tenants.write(command, add_and_fail, Tenant)

        assert await tenants(world) == []
        done = await world.tenants.write(command, add_acme, Tenant)
        assert not done.replayed

    async def test_an_error_leaves_its_neighbours_alone(self, world: World) -> None:
        """Of changes that arrive together the failing one is undone alone."""

        def fail(records: TenantRecords) -> Tenant:
            records.add_tenant(a_tenant("failed"))
            raise InvalidInputError("no")

        def add(name: str) -> asyncio.Task[Tenant]:
            return asyncio.create_task(keep_tenant(world, a_tenant(name)))

        failing = world.tenants.write(a_command(), fail, Tenant)
        results = await asyncio.gather(add("one"), failing, add("two"), return_exceptions=True)

        assert isinstance(results[1], InvalidInputError)
        assert {tenant.name for tenant in await tenants(world)} == {"one", "two"}

    async def test_a_key_brings_the_first_answer_again(self, world: World) -> None:
        """The same command with the same key is answered as before, and not run again."""
        command = a_command(key="k", content=b"acme")

        first = await world.tenants.write(command, add_acme, Tenant)
        again = await world.tenants.write(command, must_not_run, Tenant)

        assert not first.replayed
        assert again.replayed
        assert again.answer == first.answer

    async def test_a_key_with_other_content_is_refused(self, world: World) -> None:
        """A key stands for one content; the other one is not run."""
        command = a_command(key="k", content=b"acme")
        await world.tenants.write(command, add_acme, Tenant)

        with pytest.raises(KeyReusedError):
            await world.tenants.write(replace(command, content=b"beta"), must_not_run, Tenant)

    @pytest.mark.parametrize("other", [{"tenant": 2}, {"operation": "another"}, {"key": "l"}])
    async def test_a_key_is_scoped(self, world: World, other: dict[str, int | str]) -> None:
        """The same key of another tenant or operation is another key."""
        command = a_command(key="k", content=b"acme")
        await world.tenants.write(command, add_acme, Tenant)

        done = await world.tenants.write(
            replace(command, **other), lambda records: records.add_tenant(a_tenant("beta")), Tenant
        )

        assert not done.replayed

    async def test_two_at_once_with_one_key(self, world: World) -> None:
        """Both get the one answer, and the change happens once."""
        command = a_command(key="k", content=b"acme")

        one, other = await asyncio.gather(
            *(world.tenants.write(command, add_acme, Tenant) for _ in range(2))
        )

        assert one.answer == other.answer
        assert {one.replayed, other.replayed} == {False, True}
        assert len(await tenants(world)) == 1

    async def test_a_dry_run_leaves_nothing(self, world: World) -> None:
        """A dry run is answered like any other; then neither change nor key is kept."""
        command = a_command(key="k", content=b"acme", dry_run=True)

        dry = await world.tenants.write(command, add_acme, Tenant)
        assert dry.answer.name == "acme"
        assert await tenants(world) == []

        done = await world.tenants.write(replace(command, dry_run=False), add_acme, Tenant)
        assert not done.replayed

    async def test_a_dry_run_is_decided_like_any_other(self, world: World) -> None:
        """What would be refused is refused in a dry run too."""

        def refuse(_: TenantRecords) -> Tenant:
            raise InvalidInputError("no")

        with pytest.raises(InvalidInputError):
            await world.tenants.write(a_command(dry_run=True), refuse, Tenant)


def add_acme(records: TenantRecords) -> Tenant:
    """Keep a tenant; a second time it would clash with itself."""
    return records.add_tenant(a_tenant())


def must_not_run(_: TenantRecords) -> Tenant:
    """Fail the test when called."""
    pytest.fail("the work was run although its key had an answer")


async def tenants(world: World) -> list[Tenant]:
    """All tenants."""
    return await world.tenants.read(lambda records: records.tenants(0, 100))
