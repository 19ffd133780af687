"""The ledger in this process: the model that every other one is held against."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from largesse.campaigns.decide import codes_missing
from largesse.campaigns.model import Campaign, CodeFormat, CodeSource, Counters, Reward, Status
from largesse.customers.decide import standing
from largesse.issuance import decide
from largesse.issuance.codebook import AHEAD
from largesse.issuance.model import (
    Conservation,
    Issued,
    LedgerEntry,
    Offer,
    Place,
    Prior,
    Settled,
    Wish,
)
from largesse.issuance.ports import RandomCodes
from largesse.issuance.spaces import pattern_of
from largesse.kernel.calendar import local_day
from largesse.kernel.clock import Clock
from largesse.kernel.fact import FactKind
from largesse.kernel.outcome import Outcome
from largesse.storage.memory.campaigns import MemoryCampaignRecords
from largesse.storage.memory.conservation import violations
from largesse.storage.memory.state import Fact, MemoryState

EXPIRED_MAX = 1_000
"""Facts of one call to `expire`."""

RANDOM_TRIES_MAX = 16
"""Codes made at random for one unit: in a space filled by half, one in 65,536 units needs more."""


class MemoryIncentiveStore:
    """Nothing here awaits, so that the event loop alone keeps wishes apart."""

    def __init__(self, state: MemoryState, random_codes: RandomCodes, clock: Clock) -> None:
        self._state = state
        self._patterns = MemoryCampaignRecords(state)
        self._random_codes = random_codes
        self._clock = clock

    async def settle(self, wishes: Sequence[Wish]) -> list[Settled]:
        """See `IncentiveStore`."""
        with self._state.transaction():
            return [self._settle(wish) for wish in wishes]

    def at_once(self, wishes: Sequence[Wish]) -> list[Settled | None]:
        """See `IncentiveStore`. Nothing is nearer to the ledger than this process."""
        return [self._refusal(wish) for wish in wishes]

    async def campaigns(self) -> list[Campaign]:
        """See `IncentiveStore`."""
        present = [self._state.campaign(number) for number in sorted(self._state.campaigns)]
        return [one for one in present if one is not None and one.status is not Status.DRAFT]

    async def version(self, campaign: int, version: int) -> Campaign:
        """See `IncentiveStore`."""
        return self._version(campaign, version)

    async def entry(self, place: Place) -> LedgerEntry | None:
        """See `IncentiveStore`."""
        return self._state.entries.get(place)

    async def entries(
        self, rewards: Sequence[int], after: Place | None, limit: int
    ) -> list[LedgerEntry]:
        """See `IncentiveStore`."""
        entries = self._state.entries
        beyond = [
            place
            for place in sorted(entries)
            if place.reward in rewards and (after is None or place > after)
        ]
        return [entries[place] for place in beyond[:limit]]

    async def counters(self, rewards: Sequence[int]) -> list[Counters]:
        """See `IncentiveStore`."""
        return [self._state.counters[reward] for reward in rewards]

    async def place_of_counter(self, tenant: int, pattern: str, counter: int) -> Place | None:
        """See `IncentiveStore`."""
        return place_of_counter(self._state, tenant, pattern, counter)

    async def place_of_code(self, tenant: int, canonical: str) -> Place | None:
        """See `IncentiveStore`."""
        return self._state.codes.get((tenant, canonical))

    async def expire(self, now_ms: Callable[[int], int]) -> int:
        """See `IncentiveStore`."""
        with self._state.transaction():
            over = [place for place in sorted(self._state.entries) if self._over(place, now_ms)]
            for place in over[:EXPIRED_MAX]:
                self._expire(place, now_ms)
        return len(over[:EXPIRED_MAX])

    async def prove(self, *, whole: bool) -> Conservation:
        """See `IncentiveStore`. All of it, each time."""
        return Conservation(
            checked_at_ms=self._clock.now_ms(),
            campaigns=len(self._state.campaigns),
            rows=len(self._state.facts),
            violations=tuple(violations(self._state)),
        )

    def _refusal(self, wish: Wish) -> Settled | None:
        offer = self._offer(wish)
        if offer is None or (wish.campaign, wish.customer) in self._state.held:
            return None
        outcome = decide.stranger_refused(wish, offer)
        return None if outcome is None else Settled(outcome)

    def _settle(self, wish: Wish) -> Settled:
        offer = self._offer(wish)
        if offer is None:
            return Settled(Outcome.CLOSED)
        prior = self._prior(wish, offer)
        ended = decide.without_issue(wish, offer, prior, offer.reward.counters)
        return self.issue(wish, offer) if ended is None else ended

    def _offer(self, wish: Wish) -> Offer | None:
        campaign = self._state.campaign(wish.campaign)
        if campaign is None or campaign.tenant != wish.tenant:
            return None
        day = local_day(campaign.definition.time_zone, wish.now_ms)
        rewards = (one for one in campaign.rewards if one.number == wish.reward)
        reward = next(rewards, None)
        return None if reward is None else Offer(campaign, reward, day)

    def _prior(self, wish: Wish, offer: Offer) -> Prior:
        places = self._state.held.get((wish.campaign, wish.customer), ())
        entries = [self._state.entries[place] for place in places]
        known = self._state.customers.get((wish.tenant, wish.customer))
        return decide.prior(wish, entries, offer.campaign.definition, standing(known))

    def issue(self, wish: Wish, offer: Offer) -> Settled:
        """Give one more unit; a dry run takes it all back."""
        with self._state.transaction() as undo:
            issued = self._issued(wish, offer)
            if issued is not None:
                self._record(issued, offer)
            if issued is None or wish.dry_run:
                undo()
        if issued is None:
            return Settled(Outcome.POOL_EXHAUSTED)
        return Settled(Outcome.ISSUED, None if wish.dry_run else issued)

    def _issued(self, wish: Wish, offer: Offer) -> Issued | None:
        """The row of one more unit, or None where no code can be had for it."""
        campaign, reward, _ = offer
        issued = Issued(
            campaign=campaign.number,
            reward=reward.number,
            serial=reward.counters.serials + 1,
            customer=wish.customer,
            key=wish.key,
            at_ms=wish.now_ms,
            version=campaign.version,
        )
        code = reward.definition.code
        if code is None:
            return issued
        if code.source is CodeSource.PERMUTED:
            place = self._place(campaign, reward, code)
            return None if place is None else replace(issued, place=place)
        text = self._random_code(campaign, issued)
        return None if text is None else replace(issued, code=text)

    def _place(self, campaign: Campaign, reward: Reward, code: CodeFormat) -> int | None:
        """Where the next serial stands in its pattern's counter; takes a block where needed."""
        serial = reward.counters.serials + 1
        blocks = self._patterns.blocks(reward.number)
        for block in blocks:
            if block.serial <= serial < block.serial + block.count:
                return block.place + serial - block.serial
        pattern = pattern_of(code)
        source = CodeSource.PERMUTED.value
        state = self._patterns.add_pattern(campaign.tenant, pattern.canonical_text, source)
        wanted = codes_missing(reward, sum(block.count for block in blocks)) or AHEAD
        count = min(wanted, pattern.space - state.taken)
        if count <= 0:
            return None
        return self._patterns.take_block(state.id, reward.number, count).place

    def _random_code(self, campaign: Campaign, issued: Issued) -> str | None:
        for _ in range(RANDOM_TRIES_MAX):
            [(shown, canonical)] = self._random_codes(campaign, issued.reward, 1)
            key = (campaign.tenant, canonical)
            if key not in self._state.codes and key not in self._state.pool_codes:
                place = Place(issued.reward, issued.serial)
                self._state.codes[key] = place
                return shown
        return None

    def _record(self, issued: Issued, offer: Offer) -> None:
        state, place = self._state, Place(issued.reward, issued.serial)
        holder = (issued.campaign, issued.customer)
        state.entries[place] = LedgerEntry(issued)
        state.held[holder] = (*state.held.get(holder, ()), place)
        counters = decide.issue(offer.reward.counters, offer.day)
        state.counters[issued.reward] = counters
        self._tell(FactKind.INCENTIVE_ISSUED, issued.at_ms, issued)
        if offer.reward.definition.quota_total == counters.issued + counters.reserved:
            self._tell(FactKind.STOCK_EXHAUSTED, issued.at_ms, issued)

    def _over(self, place: Place, now_ms: Callable[[int], int]) -> bool:
        entry = self._state.entries[place]
        if entry != LedgerEntry(entry.issued):  # it has ended
            return False
        campaign = self._version(entry.issued.campaign, entry.issued.version)
        definition = decide.definition_of(campaign, place.reward)
        expires_at_ms = decide.expires_at_ms(definition, entry.issued.at_ms)
        return expires_at_ms is not None and now_ms(campaign.tenant) >= expires_at_ms

    def _expire(self, place: Place, now_ms: Callable[[int], int]) -> None:
        entry = self._state.entries[place]
        at_ms = now_ms(self._state.campaigns[entry.issued.campaign].tenant)
        self._state.entries[place] = entry._replace(expired_at_ms=at_ms)
        self._tell(FactKind.INCENTIVE_EXPIRED, at_ms, entry.issued)

    def _tell(self, kind: FactKind, at_ms: int, issued: Issued) -> None:
        place = Place(issued.reward, issued.serial)
        self._state.facts.append(Fact(kind, at_ms, issued.campaign, issued.version, place))

    def _version(self, campaign: int, version: int) -> Campaign:
        found = self._state.campaign(campaign, version)
        assert found is not None
        return found


def place_of_counter(state: MemoryState, tenant: int, pattern: str, counter: int) -> Place | None:
    """Which reward and serial a place of a permuted pattern's counter belongs to."""
    known = state.patterns.get((tenant, pattern, CodeSource.PERMUTED))
    for kept in state.blocks:
        offset = counter - kept.block.place
        if known is not None and kept.pattern == known.id and 0 <= offset < kept.block.count:
            return Place(kept.reward, kept.block.serial + offset)
    return None
