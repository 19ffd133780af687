"""What one can do with raffles: see what was put in, and have winners picked after the close."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from largesse.campaigns.model import Campaign, CampaignType, Status
from largesse.campaigns.service import Campaigns
from largesse.draws import raffle
from largesse.draws.bundle import Pseudonyms
from largesse.draws.commitment import REVEAL_AFTER_MS, SecretOf, may_tell
from largesse.draws.dice import bound, roll_of
from largesse.draws.ports import DrawStore
from largesse.draws.raffle import Closing, Pick
from largesse.issuance.model import Place, Wish
from largesse.issuance.offers import Offers
from largesse.issuance.ports import IncentiveStore
from largesse.kernel.calendar import rfc3339
from largesse.kernel.clock import TenantClocks
from largesse.kernel.errors import NotFoundError, WrongStatusError

PIECE = 1_000
"""Entries read, and prizes given, at a time."""

KEY = "raffle-"
"""Begins the key of each prize; the number of the entry follows."""

KEPT_MAX = 64
"""Raffles whose entries were counted and whose winners are at hand: anybody may ask for them."""


class Seen(Struct, frozen=True):
    """A raffle as everybody may see it; `closing` is None until the entries are in.

    `picked` when the prizes were given.
    """

    campaign: Campaign
    closing: Closing | None
    picked: bool

    @property
    def cancelled(self) -> bool:
        """Whether it was ended by hand before its winners were picked: none ever are."""
        return self.campaign.status is Status.ENDED and not self.picked


class Stores(Struct, frozen=True):
    """Where entries are, and from where prizes are given."""

    draws: DrawStore
    incentives: IncentiveStore
    campaigns: Campaigns
    offers: Offers


class Raffles:
    """Counts entries and picks winners: the same ones whenever it is asked."""

    def __init__(
        self, stores: Stores, clocks: TenantClocks, secret_of: SecretOf, pseudonyms: Pseudonyms
    ) -> None:
        self._stores = stores
        self._clocks = clocks
        self._secret_of = secret_of
        self._pseudonyms = pseudonyms
        self._kept: dict[tuple[int, int], Closing] = {}
        self._given: dict[tuple[int, int], dict[int, Place]] = {}

    async def seen(self, campaign_id: str) -> Seen:
        """A raffle of whichever tenant; `NotFoundError` for a draft and for whatever is none."""
        campaign = self._stores.offers.campaign(campaign_id)
        if campaign is None or campaign.definition.type is not CampaignType.RAFFLE:
            raise NotFoundError(f"there is no raffle {campaign_id!r} here")
        if not may_tell(campaign, self._clocks.now_ms(campaign.tenant)):
            return Seen(campaign, None, picked=False)
        closing = await self.close(campaign)
        counted = await self._stores.campaigns.campaign(campaign.tenant, campaign_id)
        picked = any(reward.counters.serials for reward in counted.campaign.rewards)
        return Seen(campaign, closing, picked)

    async def pick(self, tenant: int, campaign_id: str) -> Seen:
        """Give the winners their prizes, as of the last millisecond of the window.

        Doing it again gives nothing twice, and goes on where it was cut off: each prize is a wish
        under a key of its own. Raises `WrongStatusError` while it is not over.
        """
        campaign = (await self._stores.campaigns.campaign(tenant, campaign_id)).campaign
        if campaign.definition.type is not CampaignType.RAFFLE:
            raise WrongStatusError(f"campaign {campaign_id} is no raffle: nothing is picked")
        ends_at_ms = campaign.definition.ends_at_ms
        assert ends_at_ms is not None
        if campaign.status is not Status.ACTIVE:
            message = (
                f"the raffle is {campaign.status}: only one that was open to its end is picked"
            )
            raise WrongStatusError(message)
        if not may_tell(campaign, self._clocks.now_ms(tenant)):
            told = rfc3339(ends_at_ms + REVEAL_AFTER_MS)
            message = f"winners are picked ten seconds after the raffle's end: from {told} on"
            raise WrongStatusError(message)
        closing = await self.close(campaign)
        if closing.picks is None:
            message = (
                "the raffle waits for its beacon: bring the round's value, by an edit of "
                "beacon.value or with `largesse campaign beacon`"
            )
            raise WrongStatusError(message)
        numbers = {reward.definition.key: reward.number for reward in campaign.rewards}
        wishes = [
            Wish(
                tenant,
                campaign.number,
                numbers[one.reward],
                one.customer,
                f"{KEY}{one.entry}",
                now_ms=ends_at_ms - 1,
            )
            for one in closing.picks
        ]
        for start in range(0, len(wishes), PIECE):
            await self._stores.incentives.settle(wishes[start : start + PIECE])
        return Seen(campaign, closing, picked=bool(wishes))

    async def given(self, campaign: Campaign) -> Mapping[int, Place]:
        """What was given to which entries so far, by their numbers; nothing where it is no raffle.

        After a restart this reads all of it once.
        """
        if campaign.definition.type is not CampaignType.RAFFLE:
            return {}
        counted = await self._stores.campaigns.campaign(campaign.tenant, campaign.id)
        rewards = {one.number: one.counters.serials for one in counted.campaign.rewards}
        known = campaign.number, sum(rewards.values())
        if known not in self._given:
            if len(self._given) >= KEPT_MAX:
                self._given.clear()
            self._given[known] = await self._read_given(sorted(rewards))
        return self._given[known]

    async def _read_given(self, rewards: Sequence[int]) -> dict[int, Place]:
        given: dict[int, Place] = {}
        last: Place | None = None
        while entries := await self._stores.incentives.entries(rewards, last, PIECE):
            for issued in (one.issued for one in entries):
                last = Place(issued.reward, issued.serial)
                given[int(issued.key.removeprefix(KEY))] = last
        return given

    async def close(self, campaign: Campaign) -> Closing:
        """What a raffle that is over closed with. No edit changes it any more, but the beacon's."""
        known = self._kept.get((campaign.number, campaign.version))
        if known is not None:
            return known
        customers: list[str] = []
        tree = raffle.MerkleTree()
        while entries := await self._stores.draws.draws(campaign.number, len(customers), PIECE):
            for one in entries:
                name = self._pseudonyms.of(campaign, one.customer)
                tree.add(raffle.leaf(one.number, rfc3339(one.at_ms), name, one.seed))
                customers.append(one.customer)
        root = tree.root()
        closing = Closing(len(customers), root, self._picks(campaign, customers, root))
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[campaign.number, campaign.version] = closing
        return closing

    def _picks(
        self, campaign: Campaign, customers: list[str], root: str
    ) -> tuple[Pick, ...] | None:
        definition = campaign.definition
        if definition.beacon is not None and definition.beacon.value is None:
            return None
        secret = bound(self._secret_of(campaign), definition.beacon)
        roll = roll_of(secret, raffle.about(campaign.id, campaign.version, root))
        prizes = (
            reward.key for reward in definition.rewards for _ in range(reward.quota_total or 0)
        )
        picked = raffle.pick(customers, prizes, roll)
        return tuple(Pick(entry, customers[entry - 1], reward) for entry, reward in picked)
