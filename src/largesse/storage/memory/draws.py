"""The ledger of draws in this process: the model that every other one is held against."""

from collections.abc import Sequence

from largesse.campaigns.model import Campaign, Reward
from largesse.customers.decide import standing
from largesse.draws import decide
from largesse.draws.dice import Dice
from largesse.draws.model import Drawn, DrawPrior, DrawSettled, DrawWish, Returned
from largesse.draws.ports import Before
from largesse.issuance import decide as issuing
from largesse.issuance.model import Issued, Offer, Place, Wish
from largesse.kernel.calendar import local_day
from largesse.kernel.fact import FactKind
from largesse.kernel.outcome import Outcome
from largesse.storage.memory.issuance import MemoryIncentiveStore
from largesse.storage.memory.state import Fact, MemoryState


class MemoryDrawStore:
    """See `DrawStore`. What is won is issued by the store of incentives."""

    def __init__(self, state: MemoryState, incentives: MemoryIncentiveStore, dice: Dice) -> None:
        self._state = state
        self._incentives = incentives
        self._dice = dice

    async def settle(self, wishes: Sequence[DrawWish]) -> list[DrawSettled]:
        """See `DrawStore`."""
        with self._state.transaction():
            return [self._settle(wish) for wish in wishes]

    def at_once(self, wishes: Sequence[DrawWish]) -> list[DrawSettled | None]:
        """See `DrawStore`. Nothing is nearer to the ledger than this process."""
        return [self._refusal(wish) for wish in wishes]

    async def draw(self, campaign: int, number: int) -> Drawn | None:
        """See `DrawStore`."""
        return self._state.draws.get((campaign, number))

    async def draws_of(
        self, campaign: int, customer: str, before: Before | None, limit: int
    ) -> list[Drawn]:
        """See `DrawStore`."""
        mine = [one for one in self._of(campaign) if one.customer == customer]
        mine.sort(key=lambda one: Before(one.period, one.ordinal), reverse=True)
        beyond = [one for one in mine if before is None or (one.period, one.ordinal) < before]
        return beyond[:limit]

    async def draws(self, campaign: int, after: int, limit: int) -> list[Drawn]:
        """See `DrawStore`."""
        return [one for one in self._of(campaign) if one.number > after][:limit]

    async def returns(self, campaign: int, after: int, limit: int) -> list[Returned]:
        """See `DrawStore`. A position is that of the fact."""
        made, found = 0, []
        for position, fact in enumerate(self._state.facts, start=1):
            if fact.campaign != campaign:
                continue
            made += fact.kind is FactKind.DRAW_MADE
            if fact.kind is FactKind.INCENTIVE_REVOKED and position > after:
                assert fact.place is not None
                found.append(Returned(position, made, fact.place, fact.at_ms))
        return found[:limit]

    def _of(self, campaign: int) -> list[Drawn]:
        """A campaign's draws by their numbers."""
        return [one for (of, _), one in sorted(self._state.draws.items()) if of == campaign]

    def _refusal(self, wish: DrawWish) -> DrawSettled | None:
        campaign = self._campaign(wish)
        if campaign is None or self._prior(wish, campaign).bound is not None:
            return None
        window = issuing.window(campaign, wish.now_ms)
        return None if window is None else DrawSettled(window)

    def _settle(self, wish: DrawWish) -> DrawSettled:
        campaign = self._campaign(wish)
        if campaign is None:
            return DrawSettled(Outcome.CLOSED)
        prior = self._prior(wish, campaign)
        ended = decide.without_draw(wish, campaign, prior, lambda drawn: self._issued(drawn.won))
        return self._draw(wish, campaign, prior) if ended is None else ended

    def _draw(self, wish: DrawWish, campaign: Campaign, prior: DrawPrior) -> DrawSettled:
        number = len(self._of(campaign.number)) + 1
        issued, codeless = self._win(wish, campaign, prior, number)
        drawn = Drawn(
            campaign=campaign.number,
            number=number,
            period=self._period(wish, campaign),
            ordinal=prior.drawn + 1,
            customer=wish.customer,
            key=wish.key,
            seed=wish.seed,
            at_ms=wish.now_ms,
            version=campaign.version,
            won=None if issued is None else Place(issued.reward, issued.serial),
            without_code=tuple(campaign.rewards[at].number for at in codeless),
        )
        self._state.draws[campaign.number, number] = drawn
        self._state.facts.append(
            Fact(FactKind.DRAW_MADE, wish.now_ms, campaign.number, campaign.version, drawn.won)
        )
        return DrawSettled(Outcome.DRAWN, drawn, issued)

    def _win(
        self, wish: DrawWish, campaign: Campaign, prior: DrawPrior, number: int
    ) -> tuple[Issued | None, list[int]]:
        """What a draw wins, and which rewards turned out to have no code: out of stock, too."""
        day = local_day(campaign.definition.time_zone, wish.now_ms)
        codeless: list[int] = []

        def available(at: int) -> bool:
            reward = campaign.rewards[at]
            held = prior.held_of.get(reward.number, 0)
            return at not in codeless and decide.available(
                reward.definition, reward.counters, day, held
            )

        while True:
            roll = self._dice(campaign)(number, wish.seed)
            won = decide.pick(decide.wheel(campaign.definition), available, roll)
            if won is None:
                return None, codeless
            issued = self._issue(wish, campaign, campaign.rewards[won], day)
            if issued is not None:
                return issued, codeless
            codeless.append(won)

    def _issue(self, wish: DrawWish, campaign: Campaign, reward: Reward, day: int) -> Issued | None:
        claim = Wish(
            wish.tenant,
            wish.campaign,
            reward.number,
            wish.customer,
            wish.key,
            now_ms=wish.now_ms,
        )
        return self._incentives.issue(claim, Offer(campaign, reward, day)).issued

    def _prior(self, wish: DrawWish, campaign: Campaign) -> DrawPrior:
        mine = [one for one in self._of(campaign.number) if one.customer == wish.customer]
        bound = next((one for one in mine if one.key == wish.key and wish.key), None)
        period = self._period(wish, campaign)
        of_period = [one for one in mine if one.period == period]
        places = self._state.held.get((wish.campaign, wish.customer), ())
        entries = [self._state.entries[place] for place in places]
        known = self._state.customers.get((wish.tenant, wish.customer))
        return decide.prior(bound, of_period, entries, campaign.definition, standing(known))

    def _campaign(self, wish: DrawWish) -> Campaign | None:
        campaign = self._state.campaign(wish.campaign)
        return None if campaign is None or campaign.tenant != wish.tenant else campaign

    def _issued(self, won: Place | None) -> Issued | None:
        return None if won is None else self._state.entries[won].issued

    @staticmethod
    def _period(wish: DrawWish, campaign: Campaign) -> int:
        zone = campaign.definition.time_zone
        return decide.period(campaign.definition, local_day(zone, wish.now_ms))
