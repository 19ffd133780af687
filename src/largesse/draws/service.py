"""What one can do with draws: draw, look up, ask whether one may."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, DrawPeriod
from largesse.draws.identity import DrawIds
from largesse.draws.model import Draw, DrawAnswer, Drawn, DrawSettled, DrawWish, ShownDraw
from largesse.draws.ports import Before, DrawStore
from largesse.issuance.batcher import Answering, Batcher, Deliver, Limits, Report
from largesse.issuance.model import Place
from largesse.issuance.service import Issuance
from largesse.kernel.calendar import LocalDays
from largesse.kernel.clock import TenantClocks
from largesse.kernel.errors import LargesseError, NotFoundError
from largesse.kernel.outcome import Outcome


class DrawLedger(Struct, frozen=True):
    """The ledger of draws, and the ids under which they are shown."""

    store: DrawStore
    ids: DrawIds


class Draws:
    """Makes draws and shows them. What they win is issuance's to show."""

    def __init__(
        self, ledger: DrawLedger, issuance: Issuance, clocks: TenantClocks, limits: Limits
    ) -> None:
        self._store = ledger.store
        self._ids = ledger.ids
        self._issuance = issuance
        self._clocks = clocks
        self._days = LocalDays()
        self._batcher = Batcher(self._store, clocks, Answering(self._finish, self._refuse), limits)
        self.submit: Callable[[DrawWish, Deliver[DrawAnswer]], None] = self._batcher.submit
        """Takes a wish; `deliver` is told how it ended. Raises `BusyError` when too many wait."""

    @property
    def waiting(self) -> int:
        """How many wishes wait for a batch."""
        return self._batcher.waiting

    def report_to(self, report: Report) -> None:
        """Let somebody hear of each batch of wishes once it is answered."""
        self._batcher.report = report

    async def close(self) -> None:
        """Settle what was taken."""
        await self._batcher.drain()

    async def settled(self, wish: DrawWish) -> DrawAnswer:
        """Settle one wish; `BusyError` when too many wait."""
        ending: asyncio.Future[DrawAnswer] = asyncio.get_running_loop().create_future()

        def deliver(answer: DrawAnswer | LargesseError) -> None:
            if ending.done():
                return  # its client has gone; the wish is settled all the same
            if isinstance(answer, LargesseError):
                ending.set_exception(answer)
            else:
                ending.set_result(answer)

        self.submit(wish, deliver)
        return await ending

    async def may_draw(self, campaign: Campaign, customer: str) -> Outcome:
        """What a customer would be told who draws now: DRAWN, or why not. Nothing is used up."""
        now_ms = self._clocks.now_ms(campaign.tenant)
        wish = DrawWish(
            campaign.tenant, campaign.number, customer, "", "", dry_run=True, now_ms=now_ms
        )
        [settled] = await self._store.settle([wish])
        return settled.outcome

    async def draw(self, tenant: int, draw_id: str) -> ShownDraw:
        """One draw by its id; `NotFoundError` for any other text."""
        [shown] = await self._present(tenant, [await self.drawn(tenant, draw_id)])
        return shown

    async def drawn(self, tenant: int, draw_id: str) -> Drawn:
        """The ledger's row of a draw by its id; `NotFoundError` for any other text."""
        place = self._ids.draw(draw_id)
        campaign = None if place is None else self._issuance.offers.numbered(place[0])
        if place is None or campaign is None or campaign.tenant != tenant:
            raise _unknown(draw_id)
        drawn = await self._store.draw(*place)
        if drawn is None:
            raise _unknown(draw_id)
        return drawn

    async def draws_of(
        self, campaign: Campaign, customer: str, before: Before | None, limit: int
    ) -> tuple[list[ShownDraw], Before | None]:
        """A customer's draws, newest first, and where to go on, or None at the end."""
        found = await self._store.draws_of(campaign.number, customer, before, limit + 1)
        shown = await self._present(campaign.tenant, found[:limit])
        if len(found) <= limit:
            return shown, None
        last = found[limit - 1]
        return shown, Before(last.period, last.ordinal)

    async def with_given(
        self, campaign: Campaign, shown: Sequence[ShownDraw], given: Mapping[int, Place]
    ) -> list[ShownDraw]:
        """Entries of a raffle, with what they won; `given` is by the entries' numbers."""
        places = [given.get(one.draw.number) for one in shown]
        won = [place for place in places if place is not None]
        incentives = iter(await self._issuance.incentives_at(campaign.tenant, won))
        return [
            one if place is None else ShownDraw(replace(one.draw, won=True), next(incentives))
            for one, place in zip(shown, places, strict=True)
        ]

    async def _finish(
        self, wishes: Sequence[DrawWish], settled: Sequence[DrawSettled]
    ) -> list[DrawAnswer]:
        """A batch's answers: the draws and incentives of all of them are shown at once."""
        rows = [one.issued for one in settled if one.issued is not None]
        incentives = iter(await self._issuance.shown(rows))
        draws = iter(self._show([one.drawn for one in settled if one.drawn is not None]))
        return [
            DrawAnswer(
                one.outcome,
                wish.now_ms,
                None if one.drawn is None else next(draws),
                None if one.issued is None else next(incentives),
                one.replayed,
            )
            for wish, one in zip(wishes, settled, strict=True)
        ]

    def _refuse(self, wish: DrawWish, settled: DrawSettled) -> DrawAnswer:
        draws = [] if settled.drawn is None else self._show([settled.drawn])
        return DrawAnswer(settled.outcome, wish.now_ms, next(iter(draws), None))

    async def _present(self, tenant: int, draws: Sequence[Drawn]) -> list[ShownDraw]:
        places = [drawn.won for drawn in draws if drawn.won is not None]
        incentives = iter(await self._issuance.incentives_at(tenant, places))
        shown = self._show(draws)
        return [
            ShownDraw(draw, None if drawn.won is None else next(incentives))
            for draw, drawn in zip(shown, draws, strict=True)
        ]

    def _show(self, draws: Sequence[Drawn]) -> list[Draw]:
        texts = self._ids.texts([(drawn.campaign, drawn.number) for drawn in draws])
        return [self._draw(drawn, text) for drawn, text in zip(draws, texts, strict=True)]

    def _draw(self, drawn: Drawn, text: str) -> Draw:
        campaign = self._issuance.offers.numbered(drawn.campaign)
        assert campaign is not None
        definition = campaign.definition
        daily = definition.draws_per.period is DrawPeriod.DAY
        day = drawn.period if daily else self._days.day(definition.time_zone, drawn.at_ms)
        return Draw(
            id=text,
            campaign_id=campaign.id,
            customer_id=drawn.customer,
            number=drawn.number,
            day=day,
            version=drawn.version,
            seed=drawn.seed,
            won=drawn.won is not None,
            drawn_at_ms=drawn.at_ms,
        )


def _unknown(draw_id: str) -> NotFoundError:
    return NotFoundError(f"there is no draw {draw_id!r} here")
