"""One batch of wishes, settled in one transaction: load, decide, apply."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from largesse.campaigns.model import Reward
from largesse.customers.model import Standing
from largesse.draws.model import DrawWish
from largesse.issuance import decide
from largesse.issuance.model import LedgerEntry, Offer, Settled, Wish
from largesse.issuance.ports import RandomCodes
from largesse.kernel.calendar import LocalDays
from largesse.kernel.outcome import Outcome
from largesse.storage.postgres.known import Known, Loaded, Who, learn, load, load_and_hold
from largesse.storage.postgres.lot_rows import write_lots
from largesse.storage.postgres.lots import Lot, Stand, Tail
from largesse.storage.postgres.transaction import Limits
from largesse.storage.postgres.trips import BatchTransaction, Line, Statement, before_wall

_GONE = Settled(Outcome.CLOSED)
_NO_CODE = Settled(Outcome.POOL_EXHAUSTED)
KEEP, LEAVE = Statement("COMMIT"), Statement("ROLLBACK")


T = TypeVar("T")

_Ask = Callable[
    [BatchTransaction, Mapping[int, Known], Mapping[int, list[Wish]]], dict[int, Loaded]
]


@dataclass(slots=True)
class Memory:
    """What the store remembers between batches. None of it is believed: the ledger is asked.

    `campaigns` say how to ask, `tails` spare reading what never changes, and `spent` are rewards
    that had nothing to give a moment ago. Only the thread of claims changes any of it. `ring` is
    called when facts were committed.
    """

    random_codes: RandomCodes
    ring: Callable[[], object]
    days: LocalDays = field(default_factory=LocalDays)
    campaigns: dict[int, Known] = field(default_factory=dict)
    tails: dict[int, Tail] = field(default_factory=dict)
    spent: set[int] = field(default_factory=set)

    def stale(self, said: Mapping[int, tuple[str, int]]) -> list[int]:
        """The campaigns that the ledger knows otherwise, by their status and version."""
        known = self.campaigns
        return [
            number
            for number, now in said.items()
            if number not in known
            or (known[number].campaign.status, known[number].campaign.version) != now
        ]


def settle(memory: Memory, limits: Limits, wishes: Sequence[Wish], line: Line) -> list[Settled]:
    """One answer per wish, in order; durable when it returns.

    Where nothing is left a look is enough, which holds no row and waits for no disk.
    """
    by_tenant: dict[int, list[Wish]] = {}
    for wish in wishes:
        by_tenant.setdefault(wish.tenant, []).append(wish)
    wall = min(by_tenant)
    if memory.spent.issuperset(wish.reward for wish in wishes):
        refused = _Batch(memory, BatchTransaction(line, limits, wall), by_tenant).refuse()
        if refused is not None:
            return in_order(wishes, refused)
    return in_order(
        wishes, _Batch(memory, BatchTransaction(line, limits, wall), by_tenant).settle()
    )


def in_order(wishes: Sequence[Wish | DrawWish], settled: Mapping[int, list[T]]) -> list[T]:
    """The answers of each tenant's wishes, in the order of all of them."""
    if len(settled) == 1:
        return next(iter(settled.values()))
    answers = {tenant: iter(found) for tenant, found in settled.items()}
    return [next(answers[wish.tenant]) for wish in wishes]


def behind_walls(written: Mapping[int, Sequence[Statement]]) -> list[Statement]:
    """What is written for all tenants of a batch, for each behind his wall.

    A batch of one tenant stands there from its beginning.
    """
    if len(written) == 1:
        [statements] = written.values()
        return list(statements)
    return [
        statement
        for tenant, statements in written.items()
        if statements
        for statement in (before_wall(tenant), *statements)
    ]


class _Batch:
    """Wishes on their way to their outcomes, those of each tenant behind his own wall."""

    def __init__(
        self, memory: Memory, transaction: BatchTransaction, wishes: Mapping[int, list[Wish]]
    ) -> None:
        self._memory = memory
        self._transaction = transaction
        self._wishes = wishes
        self._lots: dict[int, Lot] = {}
        self._entries: dict[Who, list[LedgerEntry]] = {}
        self._standings: dict[int, Mapping[str, Standing]] = {}

    def settle(self) -> dict[int, list[Settled]]:
        """Bring all wishes to their outcomes and write what was issued: two trips to the server."""
        self._load(load_and_hold)
        settled = {tenant: self._decide(tenant) for tenant in sorted(self._wishes)}
        written = self._written()
        self._transaction.ask([*written, KEEP if written else LEAVE])
        self._remember()
        if written:
            self._memory.ring()
        return settled

    def refuse(self) -> dict[int, list[Settled]] | None:
        """The outcomes, where none of the wishes is given anything; None where one might be.

        Counters are read before entries: whoever is counted among the issued is found.
        """
        self._load(load)
        hopeful = any(self._might_issue(wish) for some in self._wishes.values() for wish in some)
        settled = None
        if not hopeful:
            settled = {tenant: self._decide(tenant) for tenant in sorted(self._wishes)}
            assert not any(lot.issued_some for lot in self._lots.values())
        self._transaction.ask([LEAVE])
        self._remember()
        return settled

    def _load(self, ask: _Ask) -> None:
        """Ask until what this process knows of the campaigns is what the ledger says of them."""
        while True:
            loaded = ask(self._transaction, self._memory.campaigns, self._wishes)
            stale = {
                tenant: self._memory.stale(found.campaigns) for tenant, found in loaded.items()
            }
            if not any(stale.values()):
                break
            for tenant, campaigns in stale.items():
                learn(self._transaction, self._memory.campaigns, tenant, campaigns)
        self._lots, self._entries = {}, {}
        for tenant, found in loaded.items():
            self._entries |= found.entries
            self._standings[tenant] = found.standings
            self._open_lots(found)

    def _open_lots(self, loaded: Loaded) -> None:
        """A lot for each reward of the campaigns that are there."""
        for number in loaded.campaigns:
            campaign, part = self._memory.campaigns[number]
            for reward in campaign.rewards:
                counters = loaded.counters[reward.number]
                offer = Offer(campaign, Reward(reward.number, reward.definition, counters), 0)
                tail = self._memory.tails.get(reward.number, Tail())
                stand = Stand(offer, part, tail)
                self._lots[reward.number] = Lot(self._transaction, stand, self._memory.random_codes)

    def _lot(self, wish: Wish) -> Lot | None:
        """The lot that a wish is about, come to its moment; None where there is no such reward."""
        lot = self._lots.get(wish.reward)
        if lot is None:
            return None
        campaign = lot.offer.campaign
        if (campaign.number, campaign.tenant) != (wish.campaign, wish.tenant):
            return None
        if wish.now_ms != lot.moment_ms:
            lot.come_to(wish.now_ms, self._memory.days)
        return lot

    def _might_issue(self, wish: Wish) -> bool:
        lot = self._lot(wish)
        return lot is not None and lot.gives

    def _decide(self, tenant: int) -> list[Settled]:
        return [self._settle(wish) for wish in self._wishes[tenant]]

    def _settle(self, wish: Wish) -> Settled:
        lot = self._lot(wish)
        if lot is None:
            return _GONE
        who = (wish.campaign, wish.customer)
        entries = self._entries.get(who)
        if entries is not None or not lot.room or wish.dry_run:
            return self._settle_with_care(wish, lot, entries or [])
        # A stranger, and there is room: nearly every wish of a sale that is on comes this way.
        issued = lot.issue(wish, 1)
        if issued is None:
            return _NO_CODE
        self._entries[who] = [LedgerEntry(issued)]
        return Settled(Outcome.ISSUED, issued)

    def _settle_with_care(self, wish: Wish, lot: Lot, entries: list[LedgerEntry]) -> Settled:
        """The rule with all that it may ask for."""
        standing = self._standings[wish.tenant].get(wish.customer, Standing())
        prior = decide.prior(wish, entries, lot.offer.campaign.definition, standing)
        ended = decide.without_issue(wish, lot.offer, prior, lot.counters)
        if ended is not None:
            return ended
        if wish.dry_run:
            return Settled(Outcome.ISSUED) if lot.would_issue(wish) else _NO_CODE
        issued = lot.issue(wish, len(entries) + 1)
        if issued is None:
            return _NO_CODE
        self._entries.setdefault((wish.campaign, wish.customer), entries).append(
            LedgerEntry(issued)
        )
        return Settled(Outcome.ISSUED, issued)

    def _written(self) -> list[Statement]:
        """What writes all that was issued."""
        lots: dict[int, list[Lot]] = {tenant: [] for tenant in sorted(self._wishes)}
        for lot in self._lots.values():
            lots[lot.offer.campaign.tenant].append(lot)
        return behind_walls({tenant: write_lots(tenant, some) for tenant, some in lots.items()})

    def _remember(self) -> None:
        memory = self._memory
        for number, lot in self._lots.items():
            memory.tails[number] = lot.tail
            if lot.gives:
                memory.spent.discard(number)
            elif lot.moment_ms >= 0:
                memory.spent.add(number)
