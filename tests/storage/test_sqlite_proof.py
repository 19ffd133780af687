"""The proof of the file: each planted fault is found and named."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlite_ledger import Ledger, opened

from largesse.campaigns.model import Campaign
from largesse.storage.sqlite import prove as prove_module
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.upkeep import SQLiteUpkeep
from largesse.tenants.model import Tenant
from largesse.tenants.ports import TenantRecords
from largesse.testing.factories import (
    DAY_MS,
    NOW_MS,
    PERMUTED,
    RANDOM,
    a_command,
    a_reward,
    a_tenant,
    a_wish,
    crowd,
    open_campaign,
    revoke,
    settle,
)

COPY = """
INSERT INTO journal (seq, kind, at_ms, campaign, reward, serial, customer, key, version)
SELECT (SELECT max(seq) + 1 FROM journal), kind, at_ms, campaign, reward,
  (SELECT serials + 1 FROM reward r WHERE r.number = j.reward), customer, {key}, version
FROM journal j WHERE kind = 1 ORDER BY seq LIMIT 1"""
COUNT_IT = (
    "UPDATE reward SET issued = issued + 1, serials = serials + 1, issued_day = issued_day + 1"
)

FAULTS = {
    "a second holder of one place": (
        [COPY.format(key="'other'"), f"{COUNT_IT} WHERE number = 1"],
        {"holders"},
    ),
    "a key bound twice": ([COPY.format(key="key"), f"{COUNT_IT} WHERE number = 1"], {"holders"}),
    "a row that nobody counted": ([COPY.format(key="'other'")], {"issued", "serials"}),
    "a row that vanished": (["DELETE FROM journal WHERE seq = 2"], {"journal", "serials"}),
    "a serial given twice": (["UPDATE journal SET serial = 1 WHERE seq = 2"], {"serials"}),
    "a revoke of nothing": (["UPDATE journal SET of = 999 WHERE kind = 5"], {"facts"}),
    "an extent that points elsewhere": (["UPDATE extent_added SET seq = seq + 1"], {"extents"}),
    "two rewards with the same places": (
        [
            "UPDATE code_block SET reward = 1, serial = 500 WHERE place = 0",
            "INSERT INTO code_block SELECT pattern, 1, 3, 2, 900 FROM code_block LIMIT 1",
        ],
        {"blocks"},
    ),
    "a unit without its code": (["DELETE FROM code WHERE serial = 1"], {"codes"}),
    "a day too many": (["UPDATE reward SET issued_day = issued_day + 1"], {"issued_day"}),
}


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    """A ledger with a past: three rewards, two days, a revoke."""
    with opened(tmp_path / "ledger.db") as ledger:
        campaign = await history(ledger)
        await settle(ledger.world, *crowd(campaign, 3, NOW_MS + DAY_MS))
        yield ledger


async def history(ledger: Ledger) -> Campaign:
    """The first day."""
    campaign = await open_campaign(
        ledger.world,
        a_reward("A", quota_total=99, per_customer_max=1),
        a_reward("B", quota_total=99, code=PERMUTED),
        a_reward("C", quota_total=99, code=RANDOM),
    )
    first, *_ = await settle(
        ledger.world, *(a_wish(campaign, f"d{n}", reward=n % 3) for n in range(12))
    )
    await revoke(ledger.world, first)
    return campaign


async def plant(ledger: Ledger, statements: list[str]) -> None:
    """Change the file behind everybody's back."""

    def work(transaction: Transaction) -> None:
        for statement in statements:
            transaction.db.execute(statement)

    await ledger.writer.write(work)


@pytest.mark.parametrize("step", [3, 20_000])
async def test_a_sound_ledger_has_no_violations(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Whether it is read in one step or in many; whole, or what is new."""
    monkeypatch.setattr(prove_module, "ROWS_AT_ONCE", step)

    assert (await ledger.store.prove(whole=True)).violations == ()
    [campaign] = await ledger.store.campaigns()
    await settle(
        ledger.world, *(a_wish(campaign, f"n{n}", now_ms=NOW_MS + DAY_MS) for n in range(5))
    )
    await settle(ledger.world, a_wish(campaign, "last", now_ms=NOW_MS + 2 * DAY_MS))
    assert (await ledger.store.prove(whole=False)).violations == ()
    assert (await ledger.store.prove(whole=True)).violations == ()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_planted_fault_is_found(ledger: Ledger, fault: str) -> None:
    """Each by the rule that it breaks."""
    statements, rules = FAULTS[fault]
    await plant(ledger, statements)

    found = {one.rule for one in (await ledger.store.prove(whole=True)).violations}

    assert rules <= found


async def test_a_holder_that_memory_does_not_know_is_found(ledger: Ledger) -> None:
    """Memory is what keeps customers to their caps: it is held against the rows."""
    assert (await ledger.store.prove(whole=True)).violations == ()
    ledger.store.memory.holders._state.newest.seqs.popitem()

    [violation] = (await ledger.store.prove(whole=True)).violations

    assert violation.rule == "holders"


async def test_what_is_new_is_enough_to_find_a_drift(ledger: Ledger) -> None:
    """Within one period, without reading the rest again."""
    assert (await ledger.store.prove(whole=True)).violations == ()
    await plant(ledger, ["UPDATE reward SET issued = issued - 1 WHERE number = 2"])

    [violation] = (await ledger.store.prove(whole=False)).violations

    assert (violation.rule, violation.reward) == ("issued", 2)


async def test_the_file_is_checked(ledger: Ledger) -> None:
    """A sound one is."""
    assert await SQLiteUpkeep(ledger.writer, ledger.readers).check_file() is None


async def test_old_keys_are_forgotten(ledger: Ledger) -> None:
    """Those bound before a moment of the machine's time, whatever their tenant's clock says."""
    world = ledger.world
    for name, machine_ms in (("old", NOW_MS), ("new", NOW_MS + 1)):
        now_ms = 2 * NOW_MS - machine_ms
        command = a_command(key=name, content=name.encode(), now_ms=now_ms, machine_ms=machine_ms)
        tenant = a_tenant(name)
        await world.tenants.write(command, partial(keep, tenant), Tenant)
    upkeep = SQLiteUpkeep(ledger.writer, ledger.readers)

    assert await upkeep.forget_keys(NOW_MS + 1) == 1
    assert await upkeep.forget_keys(NOW_MS + 1) == 0
    kept = await ledger.readers.read(
        lambda db: db.execute("SELECT key FROM idempotency").fetchall()
    )
    assert kept == [("new",)]


def keep(tenant: Tenant, records: TenantRecords) -> Tenant:
    """Keep a tenant."""
    return records.add_tenant(tenant)
