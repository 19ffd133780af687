"""The outbox in this process: the list of facts, read in parts."""

from collections.abc import Sequence

from largesse.draws.model import Drawn
from largesse.issuance.model import Issued, Piece, Told, Wanted
from largesse.kernel.clock import Clock
from largesse.kernel.fact import START, FactKind, Position
from largesse.kernel.lease import Lease, LeaseLostError
from largesse.storage.memory.state import KeptLease, MemoryState


class MemoryOutboxStore:
    """See `OutboxStore`. A campaign's facts are all in one part, by the campaign's number."""

    def __init__(self, state: MemoryState, clock: Clock, parts: int = 1) -> None:
        self._state = state
        self._clock = clock
        self._parts = parts

    @property
    def parts(self) -> int:
        """See `OutboxStore`."""
        return self._parts

    async def lease(self, name: str, part: int, holder: str, for_ms: int) -> Lease | None:
        """See `OutboxStore`."""
        now_ms = self._clock.now_ms()
        kept = self._state.leases.get((name, part), KeptLease(holder, 1, 0, START))
        if kept.holder != holder:
            if now_ms < kept.until_ms:
                return None
            kept = kept._replace(holder=holder, token=kept.token + 1)
        self._state.leases[name, part] = kept._replace(until_ms=now_ms + for_ms)
        return Lease(name, part, holder, kept.token, kept.position)

    async def release(self, lease: Lease) -> None:
        """See `OutboxStore`."""
        kept = self._state.leases[lease.name, lease.part]
        if kept.token == lease.token:
            self._state.leases[lease.name, lease.part] = kept._replace(until_ms=0)

    async def read(self, part: int, after: Position, wanted: Wanted, limit: int) -> Piece:
        """See `OutboxStore`."""
        rows, upto = [], max(after, wanted.since)
        every = range(upto.seq + 1, len(self._state.facts) + 1)
        mine = [seq for seq in every if self._part(seq) == part]
        for seq in mine[:limit]:
            upto = Position(0, seq)
            told = self._told(seq)
            if told and told.tenant in wanted.tenants and told.kind in wanted.kinds:
                rows.append(told)
        return Piece(rows, after, upto, len(mine) > limit)

    async def at(self, positions: Sequence[Position]) -> list[Told]:
        """See `OutboxStore`."""
        found = (self._told(position.seq) for position in sorted(positions))
        return [told for told in found if told is not None]

    async def keep(self, lease: Lease, position: Position) -> None:
        """See `OutboxStore`."""
        advance(self._state, lease, position)

    def _part(self, seq: int) -> int:
        return self._state.facts[seq - 1].campaign % self._parts

    def _told(self, seq: int) -> Told | None:
        kind, at_ms, number, version, place, status, reward = self._state.facts[seq - 1]
        campaign = self._state.campaigns.get(number)
        if campaign is None:
            return None
        issued: Issued | None = None
        sequence = 0
        draw = self._draw(seq) if kind is FactKind.DRAW_MADE else None
        if place is not None and kind not in {FactKind.STOCK_EXHAUSTED, FactKind.DRAW_MADE}:
            issued = self._state.entries[place].issued
            about = (one for one in self._state.facts[:seq] if one.place == place)
            others = {FactKind.STOCK_EXHAUSTED, FactKind.DRAW_MADE}
            sequence = sum(one.kind not in others for one in about)
        return Told(
            position=Position(0, seq),
            kind=kind,
            at_ms=at_ms,
            tenant=campaign.tenant,
            campaign=number,
            campaign_id=campaign.id,
            version=version,
            reward=reward if place is None else place.reward,
            serial=None if place is None else place.serial,
            issued=issued,
            sequence=sequence,
            status=status,
            draw=None if draw is None else draw.number,
            customer=None if draw is None else draw.customer,
        )

    def _draw(self, seq: int) -> Drawn:
        """The draw that a fact is about: they are told in the order of their numbers."""
        campaign = self._state.facts[seq - 1].campaign
        number = sum(
            one.kind is FactKind.DRAW_MADE and one.campaign == campaign
            for one in self._state.facts[:seq]
        )
        return self._state.draws[campaign, number]


def advance(state: MemoryState, lease: Lease, position: Position) -> None:
    """Move the position of some work; `LeaseLostError` unless the lease is the latest."""
    kept = state.leases[lease.name, lease.part]
    if kept.token != lease.token:
        raise LeaseLostError
    state.leases[lease.name, lease.part] = kept._replace(position=position)
