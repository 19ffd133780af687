"""What RPC can do, whichever service and protocol asks: the use cases, by a campaign's number."""

import hashlib
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from largesse.campaigns.model import (
    QUOTA_MAX,
    Campaign,
    CampaignDefinition,
    CodeFormat,
    RewardDefinition,
    RewardKind,
    Saved,
    Value,
)
from largesse.http.services import Services
from largesse.http.times import checked_ms
from largesse.http.wishes import wish_of
from largesse.issuance.model import Answer, Incentive, IncentiveStatus, Place, Wish
from largesse.kernel.command import KEY_CHARACTERS_MAX, Command, is_key
from largesse.kernel.errors import InvalidInputError, LargesseError, NotFoundError
from largesse.kernel.ids import encode

PATTERN = "가가9999가가99"
"""The classic Korean format, in which all codes of these campaigns are."""

REWARD_KEY = "COUPON"
PAGE_DEFAULT = 200
PAGE_MAX = 1_000
"""Coupons in one page: some tens of kilobytes."""

_ANONYMOUS = "anon"


class NewSale(Struct, frozen=True):
    """A campaign as RPC makes one. An empty key is none."""

    name: str
    starts_at_ms: int | None
    total: int
    key: str = ""


class Wanted(Struct, frozen=True):
    """A wish for a coupon; what is left out is empty."""

    number: int
    customer: str = ""
    key: str = ""
    reward: str = ""


class CodePage(Struct, frozen=True):
    """Codes of a campaign that were given and not taken back, and the token to go on with."""

    codes: list[str]
    onward: str


class Coupons:
    """The use cases behind both services."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._new_customer: Callable[[], str] = lambda: services.ids.new(_ANONYMOUS)

    async def create(self, command: Command, wanted: NewSale) -> Campaign:
        """Make a campaign of one reward without a cap, and activate it.

        `command` has no key yet: it is made of what is wanted.
        """
        if wanted.key:
            check_key(wanted.key)
        tenant = self._services.tenants.tenant_of(command.tenant)
        said = [wanted.name, wanted.starts_at_ms, wanted.total]
        keyed = replace(
            command,
            key=wanted.key or None,
            content=hashlib.sha256(msgspec.json.encode(said)).digest(),
        )
        definition = _definition(wanted, tenant.time_zone)
        try:
            done = await self._services.campaigns.create(keyed, definition, activate=True)
        except InvalidInputError as error:
            raise _repointed(error) from error
        return done.answer.campaign

    async def campaign(self, tenant: int, number: int) -> Saved:
        """A campaign with its stock of this moment, by its number."""
        return await self._services.campaigns.numbered(tenant, number)

    async def codes(self, campaign: Campaign, token: str, count: int) -> CodePage:
        """A page of a campaign's codes: those of the next `count` coupons, but the revoked ones.

        `InvalidInputError` for a token that was not given out for this campaign.
        """
        cursors, name = self._services.cursors, f"rpc codes|{campaign.number}"
        after = None
        if token:
            try:
                reward, serial = cursors.open(campaign.tenant, name, token)
            except InvalidInputError as error:
                message = "this token was not given out for this campaign: start without one"
                raise InvalidInputError(message, "/page_token") from error
            after = Place(int(reward), int(serial))
        found, last = await self._services.issuance.incentives(campaign, after, count)
        onward = "" if last is None else cursors.seal(campaign.tenant, name, list(last))
        return CodePage(_codes(found), onward)

    async def all_codes(self, campaign: Campaign) -> list[str]:
        """The codes of all its coupons, but the revoked ones."""
        codes: list[str] = []
        after: Place | None = None
        while True:
            some, after = await self._services.issuance.incentives(campaign, after, PAGE_MAX)
            codes += _codes(some)
            if after is None:
                return codes

    async def issue(self, tenant: int, wanted: Wanted) -> tuple[Campaign, Answer]:
        """Settle a wish: the campaign that it was about, and how it ended.

        Whoever gives no customer is a new one, under a key the one whom that key had made. Raises
        a `LargesseError` where the wish makes no sense or could not be settled.
        """
        try:
            campaign, wish = self.wish(tenant, wanted)
        except NotFoundError:  # a draft, or none of this tenant's
            saved = await self._services.campaigns.numbered(tenant, wanted.number)
            campaign = saved.campaign
            wish = self._wish_of(campaign, wanted)
        [ending] = await self._services.issuance.claim([wish])
        if isinstance(ending, LargesseError):
            raise ending
        return campaign, ending

    def wish(self, tenant: int, wanted: Wanted) -> tuple[Campaign, Wish]:
        """A wish, and the campaign that it is about; `NotFoundError` also where that is a draft."""
        campaign = self._services.issuance.offers.numbered(wanted.number)
        if campaign is None or campaign.tenant != tenant:
            raise NotFoundError(f"there is no campaign {wanted.number} here")
        return campaign, self._wish_of(campaign, wanted)

    async def delete(self, command: Command, number: int) -> None:
        """End a campaign for good; a draft that never gave anything is removed."""
        saved = await self._services.campaigns.numbered(command.tenant, number)
        await self._services.campaigns.remove(command, saved.campaign.id)

    def _wish_of(self, campaign: Campaign, wanted: Wanted) -> Wish:
        if wanted.key:
            check_key(wanted.key)
        customer = wanted.customer or self._anonymous(wanted.key)
        key = wanted.key or self._services.ids.new("key")
        return wish_of(campaign, customer, wanted.reward or None, key)

    def _anonymous(self, key: str) -> str:
        """A customer for somebody who is not told: a retry with a key means the same one."""
        if not key:
            return self._new_customer()
        digest = hashlib.sha256(key.encode("ascii")).digest()
        return encode(_ANONYMOUS, int.from_bytes(digest[:16], "big"))


def total_of(campaign: Campaign) -> int:
    """How many coupons there are in all; 0 where there is no end of them."""
    quotas = [reward.definition.quota_total for reward in campaign.rewards]
    return 0 if None in quotas else sum(quota or 0 for quota in quotas)


def check_key(key: str) -> None:
    """Raise `InvalidInputError` for what is no idempotency key."""
    if not is_key(key):
        message = f"an idempotency key has 1 to {KEY_CHARACTERS_MAX} visible ASCII characters"
        raise InvalidInputError(message, "/idempotency_key")


def _definition(wanted: NewSale, time_zone: str) -> CampaignDefinition:
    if wanted.starts_at_ms is None:
        raise InvalidInputError("say when the campaign opens", "/start_time")
    if not 0 < wanted.total <= QUOTA_MAX:
        message = f"total_coupons is from 1 to {QUOTA_MAX}, not {wanted.total}"
        raise InvalidInputError(message, "/total_coupons")
    return CampaignDefinition(
        name=wanted.name,
        starts_at_ms=checked_ms(wanted.starts_at_ms, "/start_time"),
        time_zone=time_zone,
        rewards=(
            RewardDefinition(
                key=REWARD_KEY,
                kind=RewardKind.COUPON,
                value=Value(item=wanted.name),
                quota_total=wanted.total,
                code=CodeFormat(pattern=PATTERN),
            ),
        ),
    )


def _repointed(error: InvalidInputError) -> InvalidInputError:
    """The same complaint about a field that the caller of RPC knows."""
    if not error.pointer.startswith("/rewards/"):
        return error
    pointer = "/total_coupons" if error.code == "PATTERN_TOO_SMALL" else ""
    return InvalidInputError(str(error), pointer, error.code)


def _codes(incentives: Sequence[Incentive]) -> list[str]:
    return [
        one.code
        for one in incentives
        if one.code is not None and one.status is not IncentiveStatus.REVOKED
    ]
