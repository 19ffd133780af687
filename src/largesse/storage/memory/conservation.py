"""Whether the ledger in this process adds up."""

from collections.abc import Iterator

from largesse.issuance.model import LedgerEntry, Place, Violation
from largesse.kernel.calendar import local_day
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
    for kept in sorted(state.blocks, key=lambda kept: (kept.pattern, kept.block.place)):
        if kept.block.place < free.get(kept.pattern, 0):
            yield Violation("blocks", kept.reward, f"place {kept.block.place} is given twice")
        free[kept.pattern] = kept.block.place + kept.block.count
