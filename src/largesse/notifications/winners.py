"""Tells winners: a subscriber of the relay, long after the draw's transaction has ended.

A draw is never held up by a gateway, and is never told before it is on stable storage. What a
raffle's winners are given is a fact like any other gift, so those facts are read while there is a
raffle whose winners may have to be told.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from msgspec import Struct

from largesse.campaigns.model import Campaign, CampaignType
from largesse.customers.service import Customers
from largesse.issuance.model import IncentiveStatus, Piece, Place, Told, Wanted
from largesse.issuance.ports import OutboxStore
from largesse.issuance.service import Issuance
from largesse.kernel.clock import TenantClocks
from largesse.kernel.errors import BusyError, UnknownCustomerError
from largesse.kernel.fact import START, FactKind, Position
from largesse.kernel.lease import Lease
from largesse.notifications import decide
from largesse.notifications.model import Heard, Lateness, Notice
from largesse.notifications.ports import Channel
from largesse.tenants.service import Tenants

NAME = "winners"
"""Under this name the relay keeps how far winners have been told."""

_OF_DRAWS = frozenset({FactKind.DRAW_MADE})
_OF_RAFFLES = _OF_DRAWS | {FactKind.INCENTIVE_ISSUED}

_log = structlog.get_logger(__name__)


class Registers(Struct, frozen=True):
    """Where it is looked up who has won what."""

    outbox: OutboxStore
    tenants: Tenants
    customers: Customers
    issuance: Issuance
    clocks: TenantClocks


class Patience(Struct, frozen=True):
    """How many notices are under way at once, and how late a winner is still told."""

    in_flight_max: int
    lateness: Lateness


class Winners:
    """A subscriber of the relay. `monotonic_s` is a clock of seconds that is never set."""

    name = NAME

    def __init__(
        self,
        registers: Registers,
        channel: Channel,
        patience: Patience,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._registers = registers
        self._channel = channel
        self._patience = patience
        self._monotonic_s = monotonic_s
        self._told: dict[int, Position] = {}
        self._raffles: dict[int, Campaign] = {}
        registers.issuance.offers.listen(self._know)
        self._failures = 0
        self._rest_until_s = float("-inf")

    async def wanted(self, part: int) -> Wanted | None:
        """All draws, and gifts where there are raffles; nothing while a channel is left alone."""
        if self._monotonic_s() < self._rest_until_s:
            return None
        kinds = _OF_RAFFLES if self._awaits_raffle() else _OF_DRAWS
        return Wanted(self._registers.tenants.numbers, kinds, START)

    async def take(self, lease: Lease, piece: Piece) -> None:
        """Tell the winners of a piece, some at a time; those already told are not told again.

        After a crash the last few are, under the same ids.
        """
        told = self._told.get(lease.part, START)
        rows = [row for row in piece.rows if row.position > told and self._is_due(row)]
        step = self._patience.in_flight_max
        for first in range(0, len(rows), step):
            some = rows[first : first + step]
            await self._tell(some)
            self._told[lease.part] = some[-1].position
            await self._registers.outbox.keep(lease, some[-1].position)
        await self._registers.outbox.keep(lease, piece.upto)

    async def close(self) -> None:
        """Let go of the channel."""
        await self._channel.close()

    def _know(self, campaign: Campaign) -> None:
        if campaign.definition.type is CampaignType.RAFFLE:
            self._raffles[campaign.number] = campaign

    def _awaits_raffle(self) -> bool:
        clocks, lateness = self._registers.clocks, self._patience.lateness
        return any(
            decide.tells_of_raffle(one, clocks.now_ms(one.tenant), lateness)
            for one in self._raffles.values()
        )

    def _is_due(self, row: Told) -> bool:
        now_ms = self._registers.clocks.now_ms(row.tenant)
        return decide.worth_telling(row, self._campaign(row), now_ms, self._patience.lateness)

    def _campaign(self, row: Told) -> Campaign:
        campaign = self._registers.issuance.offers.numbered(row.campaign)
        if campaign is None:
            raise BusyError("the campaign is not known here yet")
        return campaign

    async def _tell(self, rows: Sequence[Told]) -> None:
        """Tell some winners; `BusyError` where one of them must be told later."""
        notices = [notice for row in rows if (notice := await self._notice(row)) is not None]
        heard = await asyncio.gather(*(self._channel.tell(notice) for notice in notices))
        for notice, one in zip(notices, heard, strict=True):
            if one is Heard.REFUSED:
                _log.warning("notice refused", notice=notice.id, tenant=notice.tenant_id)
        if Heard.LATER not in heard:
            self._failures = 0
            return
        self._failures += 1
        rest_s = decide.rest_s(self._failures)
        self._rest_until_s = self._monotonic_s() + rest_s
        _log.warning("channel failed", again_in_s=rest_s, failures=self._failures)
        raise BusyError("the channel takes no notices at the moment")

    async def _notice(self, row: Told) -> Notice | None:
        """What is told of a win; None where the prize has been taken back or used since."""
        registers, campaign = self._registers, self._campaign(row)
        assert row.reward is not None
        assert row.serial is not None
        place = Place(row.reward, row.serial)
        [incentive] = await registers.issuance.incentives_at(row.tenant, [place])
        if incentive.status is not IncentiveStatus.ISSUED:
            return None
        phone = await self._phone(row.tenant, incentive.customer_id)
        tenant = registers.tenants.tenant_of(row.tenant)
        return decide.notice_of(row, tenant, campaign, incentive, phone)

    async def _phone(self, tenant: int, customer_id: str) -> str | None:
        try:
            customer = await self._registers.customers.customer(tenant, customer_id)
        except UnknownCustomerError:
            return None
        return customer.described.phone
