"""What one can do with incentives: claim, look up, revoke, prove."""

import asyncio
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from largesse.campaigns.model import Campaign
from largesse.codes.canonical import canonical
from largesse.issuance import decide
from largesse.issuance.batcher import Answering, Batcher, Deliver, Limits, Report
from largesse.issuance.codebook import Codebook
from largesse.issuance.model import (
    Answer,
    Conservation,
    Incentive,
    IncentiveStatus,
    Issued,
    LedgerEntry,
    Place,
    Revoked,
    Settled,
    Typed,
    Wish,
)
from largesse.issuance.offers import Offers
from largesse.issuance.ports import IncentiveStore, LedgerRecords, LedgerStore
from largesse.issuance.publishing import Publishing
from largesse.issuance.showing import Showing
from largesse.kernel.clock import TenantClocks
from largesse.kernel.command import Command, Done
from largesse.kernel.errors import LargesseError, NotFoundError
from largesse.kernel.fact import AuditEntry

Ending = Answer | LargesseError
"""How a claim ended: an answer, or why there can be none now (then the same key may try again)."""


class Ledger(Struct, frozen=True):
    """The two sides of one ledger: batches of wishes, and single incentives in transactions."""

    incentives: IncentiveStore
    records: LedgerStore


class Display(Struct, frozen=True):
    """What is needed to show the ledger to people: codes and the rest."""

    codebook: Codebook
    showing: Showing


class Issuance:
    """Gives out incentives and keeps account of them."""

    def __init__(
        self, ledger: Ledger, offers: Offers, display: Display, clocks: TenantClocks, limits: Limits
    ) -> None:
        self.offers = offers
        self._store = ledger.incentives
        self._records = ledger.records
        self._codebook = display.codebook
        self._showing = display.showing
        self._clocks = clocks
        self.publishing = Publishing(self._store, offers, display.showing)
        """Puts the ledger's facts into the words in which others hear them."""
        answering = Answering(self._finish, self._answer_at_once)
        self._batcher = Batcher(self._store, clocks, answering, limits)
        self.submit: Callable[[Wish, Deliver[Answer]], None] = self._batcher.submit
        """Takes a wish; `deliver` is told how it ended. Raises `BusyError` when too many wait."""

    async def open(self) -> None:
        """Learn what can be claimed."""
        for campaign in await self._store.campaigns():
            self.offers.publish(campaign)

    async def close(self) -> None:
        """Settle what was taken."""
        await self._batcher.drain()

    def report_to(self, report: Report) -> None:
        """Let somebody hear of each batch of wishes once it is answered."""
        self._batcher.report = report

    @property
    def waiting(self) -> int:
        """How many wishes wait for a batch."""
        return self._batcher.waiting

    async def claim(self, wishes: Sequence[Wish]) -> list[Ending]:
        """Settle some wishes: one ending each, in order; `BusyError` for those that found no room.

        Wishes of one call may be settled in different batches.
        """
        endings = [self._submitted(wish) for wish in wishes]
        return list(await asyncio.gather(*endings))

    async def revoke(self, command: Command, incentive_id: str) -> Done[Incentive]:
        """Take an incentive back: its stock returns, once. Revoking it again changes nothing.

        One that expired or was used stays as it is: the answer's status says so.
        """
        place = self._place(command.tenant, incentive_id)

        def work(records: LedgerRecords) -> Revoked:
            entry = records.entry(place)
            if entry is None:
                raise _unknown(incentive_id)
            status = self._status(records, entry, command.now_ms)
            if status is not IncentiveStatus.ISSUED:
                return Revoked(status, entry.issued, entry.revoked_at_ms)
            records.revoke(entry.issued, command.now_ms)
            revoked = Revoked(IncentiveStatus.REVOKED, entry.issued, command.now_ms)
            before, after = {"status": status}, {"status": revoked.status}
            records.audit(AuditEntry.of(command, incentive_id, before, after))
            return revoked

        done = await self._records.write(command, work, Revoked)
        await self._learn_versions([done.answer.issued])
        [incentive] = self._showing.issued([done.answer.issued])
        return Done(replace(incentive, status=done.answer.status), done.replayed)

    async def incentive(self, tenant: int, incentive_id: str) -> Incentive:
        """One incentive by its id; `NotFoundError` for any other text."""
        entry = await self._store.entry(self._place(tenant, incentive_id))
        if entry is None:
            raise _unknown(incentive_id)
        [incentive] = await self._present(tenant, [entry])
        return incentive

    async def incentive_of_code(self, tenant: int, text: str) -> Incentive | None:
        """The incentive whose code somebody typed, or None: the same for all that is no code.

        A wrong guess at a pattern with check symbols is turned away before the ledger is asked.
        """
        place = await self.place_of_code(tenant, text)
        entry = None if place is None else await self._store.entry(place)
        if entry is None:
            return None
        [incentive] = await self._present(tenant, [entry])
        return incentive

    async def shown(self, rows: Sequence[Issued]) -> list[Incentive]:
        """Incentives as they were when they were given."""
        await self._learn_versions(rows)
        return self._showing.issued(rows)

    async def incentives_at(self, tenant: int, places: Sequence[Place]) -> list[Incentive]:
        """Incentives that were given, as they stand now, in the order of the places."""
        entries = [await self._store.entry(place) for place in places]
        return await self._present(tenant, [entry for entry in entries if entry is not None])

    async def incentives(
        self, campaign: Campaign, after: Place | None, limit: int
    ) -> tuple[list[Incentive], Place | None]:
        """A campaign's incentives by (reward, serial), and where to go on, or None at the end."""
        rewards = sorted(reward.number for reward in campaign.rewards)
        entries = await self._store.entries(rewards, after, limit + 1)
        shown = await self._present(campaign.tenant, entries[:limit])
        if len(entries) <= limit:
            return shown, None
        last = entries[limit - 1].issued
        return shown, Place(last.reward, last.serial)

    async def prove(self, *, whole: bool) -> Conservation:
        """Hold the ledger against itself; see `IncentiveStore.prove`."""
        return await self._store.prove(whole=whole)

    async def expire(self) -> int:
        """Write the facts of one batch of expired incentives; how many there were."""
        return await self._store.expire(self._clocks.now_ms)

    def _submitted(self, wish: Wish) -> asyncio.Future[Ending]:
        ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

        def deliver(answer: Ending) -> None:
            if not ending.cancelled():
                ending.set_result(answer)

        try:
            self.submit(wish, deliver)
        except LargesseError as error:
            deliver(error)
        return ending

    async def _finish(self, wishes: Sequence[Wish], settled: Sequence[Settled]) -> list[Answer]:
        """A batch's answers: the incentives of all of them are shown at once."""
        rows = [one.issued for one in settled if one.issued is not None]
        incentives = iter(await self.shown(rows))
        return [
            Answer(
                one.outcome,
                wish.now_ms,
                None if one.issued is None else next(incentives),
                one.replayed,
            )
            for wish, one in zip(wishes, settled, strict=True)
        ]

    def _answer_at_once(self, wish: Wish, settled: Settled) -> Answer:
        """The answer to a refusal, or to a call that this process was given something by lately."""
        if settled.issued is None:
            return Answer(settled.outcome, wish.now_ms)
        [incentive] = self._showing.issued([settled.issued])
        return Answer(settled.outcome, wish.now_ms, incentive, settled.replayed)

    async def _present(self, tenant: int, entries: Sequence[LedgerEntry]) -> list[Incentive]:
        await self._learn_versions([entry.issued for entry in entries])
        return self._showing.present(entries, self._clocks.now_ms(tenant))

    async def _learn_versions(self, rows: Sequence[Issued]) -> None:
        """Know the campaigns of some rows, each as it was in their versions.

        A campaign may have been made in another process a moment ago: it is known from here on, and
        whatever is published later is newer.
        """
        for number, version in {(row.campaign, row.version) for row in rows}:
            found = self.offers.version(number, version)
            if found is None:
                found = await self._store.version(number, version)
                self.offers.keep_version(found)
            if self.offers.numbered(number) is None:
                self.offers.publish(found)

    def place_of_id(self, tenant: int, incentive_id: str) -> Place | None:
        """Where an incentive stands whose id this is; None for any other text."""
        return self._own(tenant, self._showing.place(incentive_id))

    def places_of_ids(self, asked: Sequence[tuple[int, str]]) -> list[Place | None]:
        """The same for many at once, each by its tenant and the text."""
        places = self._showing.places([text for _, text in asked])
        return [self._own(tenant, place) for (tenant, _), place in zip(asked, places, strict=True)]

    def _own(self, tenant: int, place: Place | None) -> Place | None:
        """A place, if it is in a reward of this tenant's."""
        campaign = None if place is None else self.offers.campaign_of_reward(place.reward)
        return None if campaign is None or campaign.tenant != tenant else place

    async def place_of_code(self, tenant: int, text: str) -> Place | None:
        """Where an incentive stands whose code somebody typed; see `incentive_of_code`."""
        [typed] = self.typed(tenant, [text])
        if typed is None:
            return None
        for pattern, counter in typed.counters:
            place = await self._store.place_of_counter(tenant, pattern, counter)
            if place is not None:
                return place
        found = typed.canonical
        return None if found is None else await self._store.place_of_code(tenant, found)

    def typed(self, tenant: int, texts: Sequence[str]) -> list[Typed | None]:
        """What to look for where people typed codes; None for what can be none."""
        fitting = zip(self._codebook.counters_of(tenant, texts), texts, strict=True)
        found = [Typed(tuple(counters), canonical(text) or None) for counters, text in fitting]
        return [one if any(one) else None for one in found]

    def _place(self, tenant: int, incentive_id: str) -> Place:
        place = self.place_of_id(tenant, incentive_id)
        if place is None:
            raise _unknown(incentive_id)
        return place

    @staticmethod
    def _status(records: LedgerRecords, entry: LedgerEntry, now_ms: int) -> IncentiveStatus:
        issued = entry.issued
        campaign = records.campaign_at(issued.campaign, issued.version)
        definition = decide.definition_of(campaign, issued.reward)
        return decide.status(entry, decide.expires_at_ms(definition, issued.at_ms), now_ms)


def _unknown(incentive_id: str) -> NotFoundError:
    return NotFoundError(f"there is no incentive {incentive_id!r} here")
