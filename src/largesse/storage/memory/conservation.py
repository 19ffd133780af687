"""Whether the ledger in this process adds up."""

from collections import Counter
from collections.abc import Iterator

from largesse.issuance.model import LedgerEntry, Place, Violation
from largesse.kernel.calendar import local_day
from largesse.pools.model import PoolStatus
from largesse.storage.memory.state import MemoryState


def violations(state: MemoryState) -> Iterator[Violation]:
    """Each place where counters, rows, serials, days, holders and codes contradict each other."""
    entries: dict[int, list[LedgerEntry]] = {reward: [] for reward in state.counters}
    for place in sorted(state.entries):
        entries[place.reward].append(state.entries[place])
    for reward, rows in entries.items():
        yield from _of_reward(state, reward, rows)
    yield from _of_holders(state)
    yield from _of_blocks(state)
    yield from _of_draws(state)
    yield from _of_pools(state)


def _of_reward(state: MemoryState, reward: int, rows: list[LedgerEntry]) -> Iterator[Violation]:
    counters = state.counters[reward]
    kept = [row.issued for row in rows if row.revoked_at_ms is None]
    zones = {number: one.definition.time_zone for number, one in state.campaigns.items()}
    today = [one for one in kept if local_day(zones[one.campaign], one.at_ms) == counters.day]
    if counters.issued != len(kept):
        yield Violation("issued", reward, f"{counters.issued} counted, {len(kept)} rows")
    if counters.issued_day != len(today):
        yield Violation("issued_day", reward, f"{counters.issued_day} counted, {len(today)} rows")
    serials = [row.issued.serial for row in rows]
    if serials != list(range(1, counters.serials + 1)):
        yield Violation("serials", reward, f"{counters.serials} given, {len(serials)} rows")


def _of_holders(state: MemoryState) -> Iterator[Violation]:
    holders: dict[Place, tuple[int, str]] = {}
    for holder, places in state.held.items():
        keys = {state.entries[place].issued.key for place in places}
        if len(keys) != len(places):
            yield Violation("keys", places[0].reward, f"{holder[1]!r} has one key twice")
        for place in places:
            if holders.setdefault(place, holder) != holder:
                detail = f"serial {place.serial} is held by {holder[1]!r} and {holders[place][1]!r}"
                yield Violation("holders", place.reward, detail)


def _of_blocks(state: MemoryState) -> Iterator[Violation]:
    free: dict[int, int] = {}
    for pattern, place, count, reward in sorted(_blocks(state)):
        if place < free.get(pattern, 0):
            yield Violation("blocks", reward, f"place {place} is given twice")
        free[pattern] = place + count


def _blocks(state: MemoryState) -> Iterator[tuple[int, int, int, int]]:
    """Pattern, place, count and reward of all that rewards and pools have of a counter."""
    for kept in state.blocks:
        yield kept.pattern, kept.block.place, kept.block.count, kept.reward
    for pool in state.pools.values():
        if pool.place is not None:
            pattern = state.patterns[pool.tenant, pool.pattern, pool.source]
            yield pattern.id, pool.place, pool.count, pool.reward


def _of_pools(state: MemoryState) -> Iterator[Violation]:
    pooled = Counter[int]()
    for pool in state.pools.values():
        pooled[pool.reward] += 0 if pool.status is PoolStatus.DELETED else pool.count
    for reward, counters in state.counters.items():
        if counters.reserved != pooled[reward]:
            detail = f"{counters.reserved} counted, {pooled[reward]} in pools"
            yield Violation("reserved", reward, detail)


def _of_draws(state: MemoryState) -> Iterator[Violation]:
    numbers: dict[int, int] = {}
    seen: set[tuple[object, ...]] = set()
    for (campaign, number), drawn in sorted(state.draws.items()):
        if number != numbers.get(campaign, 0) + 1:
            yield Violation("draw_numbers", 0, f"campaign {campaign} has no draw before {number}")
        numbers[campaign] = number
        who = (campaign, drawn.customer)
        for what in ((*who, drawn.key), (*who, drawn.period, drawn.ordinal)):
            if what in seen:
                yield Violation("draws", 0, f"draw {number} of campaign {campaign} is there twice")
            seen.add(what)
        if drawn.won is not None and state.entries[drawn.won].issued.customer != drawn.customer:
            yield Violation("wins", drawn.won.reward, f"draw {number} won what another was given")
