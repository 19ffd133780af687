"""A batcher before a ledger whose commits wait at a gate, and ways to ask what became of it."""

import asyncio
from collections.abc import Sequence

from largesse.campaigns.model import Campaign, Status
from largesse.issuance.batcher import Answering, Batch, Batcher, Limits
from largesse.issuance.model import Answer, Settled, Wish
from largesse.issuance.service import Ending
from largesse.kernel.clock import FakeClock, TenantClocks
from largesse.kernel.errors import LargesseError
from largesse.kernel.outcome import Outcome
from largesse.storage.memory.campaigns import MemoryCampaignRecords
from largesse.storage.memory.issuance import MemoryIncentiveStore
from largesse.storage.memory.state import MemoryState
from largesse.testing.factories import NOW_MS, ScriptedCodes, a_campaign, a_definition, a_wish

END_MS = NOW_MS + 10
TEST_MODE_MS = NOW_MS - 1_000
ACME, TEST_MODE = 1, 2
"""Two tenants: one lives in the time of the machine, the other in a time of his own."""

PLENTY = 1_000

ClaimBatcher = Batcher[Wish, Settled, Settled, Answer]


class GatedStore(MemoryIncentiveStore):
    """A ledger in this process whose commits wait at a gate, and go through it in their order.

    `batches` has what came to the gate, `arrival` is set by each. While there is an `error`,
    passing ends with it. A `bug` befalls the next look at the snapshot.
    """

    def __init__(self, state: MemoryState) -> None:
        super().__init__(state, ScriptedCodes(), FakeClock(NOW_MS))
        self.gate = asyncio.Semaphore(0)
        self.batches: list[list[Wish]] = []
        self.arrival = asyncio.Event()
        self.error: Exception | None = None
        self.bug: Exception | None = None

    def open(self) -> None:
        """Let everything through from now on."""
        for _ in range(PLENTY):
            self.gate.release()

    def at_once(self, wishes: Sequence[Wish]) -> list[Settled | None]:
        """See `IncentiveStore`."""
        if self.bug is not None:
            bug, self.bug = self.bug, None
            raise bug
        return super().at_once(wishes)

    async def settle(self, wishes: Sequence[Wish]) -> list[Settled]:
        """See `IncentiveStore`."""
        self.batches.append(list(wishes))
        self.arrival.set()
        await self.gate.acquire()
        if self.error is not None:
            raise self.error
        return await super().settle(wishes)


class TickingClock(FakeClock):
    """A time that is another one each time it is read; `readings` counts that."""

    readings = 0

    def now_ms(self) -> int:
        """The next millisecond."""
        self.readings += 1
        self.advance(1)
        return super().now_ms()


class Stage:
    """A batcher before a gated ledger with one open campaign, and all that it reported."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        batcher: type[ClaimBatcher] = Batcher,
        clock: FakeClock | None = None,
    ) -> None:
        self.state = MemoryState()
        self.store = GatedStore(self.state)
        self.clock = FakeClock(NOW_MS) if clock is None else clock
        self.clocks = TenantClocks(self.clock)
        self.campaign = self.keep(ACME)
        self.bug: Exception | None = None
        self.batcher = batcher(
            self.store, self.clocks, Answering(self._finish, _answer_at_once), limits or Limits()
        )
        self.reports: list[Batch] = []
        self.batcher.report = self.reports.append

    def keep(self, tenant: int, status: Status = Status.ACTIVE) -> Campaign:
        """A campaign of a tenant, open up to `END_MS`."""
        definition = a_definition(ends_at_ms=END_MS)
        records = MemoryCampaignRecords(self.state)
        return records.add_campaign(a_campaign(definition, tenant, status=status))

    def ask(self, customer: str, key: str = "k", campaign: Campaign | None = None) -> list[Ending]:
        """Submit a wish. What comes back is empty until it is delivered how the wish ended."""
        wish = a_wish(campaign or self.campaign, customer, key=key, now_ms=0)
        heard: list[Ending] = []
        self.batcher.submit(wish, heard.append)
        return heard

    async def _finish(self, wishes: Sequence[Wish], settled: Sequence[Settled]) -> list[Answer]:
        if self.bug is not None:
            raise self.bug
        return [
            Answer(one.outcome, wish.now_ms, replayed=one.replayed)
            for wish, one in zip(wishes, settled, strict=True)
        ]


class Forgetful(ClaimBatcher):
    """Does not know what is on its way to the ledger: it must be caught."""

    def _is_retry(self, wish: Wish) -> bool:
        return False


def _answer_at_once(wish: Wish, settled: Settled) -> Answer:
    return Answer(settled.outcome, wish.now_ms)


async def to_the_ledger() -> None:
    """Let the loop go round until what was submitted is at the gate: form the batch, send it."""
    for _ in range(2):
        await asyncio.sleep(0)


def customers(batches: Sequence[Sequence[Wish]]) -> list[list[str]]:
    """Who stands in which batch."""
    return [[wish.customer for wish in batch] for batch in batches]


def outcomes(*heard: list[Ending]) -> list[Outcome | type[LargesseError]]:
    """What some callers heard, each of them exactly once."""
    assert [len(one) for one in heard] == [1] * len(heard)
    endings = [one for [one] in heard]
    return [one.outcome if isinstance(one, Answer) else type(one) for one in endings]
