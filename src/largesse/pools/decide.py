"""The rules of code pools: what may be set aside, and what may be written to a file."""

from msgspec.structs import replace

from largesse.campaigns.codes import RANDOM_DENSITY_INVERSE
from largesse.campaigns.decide import shown_status
from largesse.campaigns.model import Campaign, CampaignType, CodeSource, Reward, Status
from largesse.kernel.errors import InvalidInputError, WrongStatusError
from largesse.pools.model import COUNT_MAX, NAME_CHARACTERS_MAX, Pool, PoolStatus, PoolWish

_REWARD_REQUIRED = "REWARD_REQUIRED"


def check(wish: PoolWish) -> None:
    """Raise `InvalidInputError`, with a pointer, for a wish that makes no sense by itself."""
    if not 1 <= wish.count <= COUNT_MAX:
        message = f"a pool has 1 to {COUNT_MAX:,} codes: make more pools for more codes"
        raise InvalidInputError(message, "/count")
    name = wish.name
    if not (0 < len(name) <= NAME_CHARACTERS_MAX and name.isprintable() and name.strip()):
        message = f"name has 1 to {NAME_CHARACTERS_MAX} printable characters"
        raise InvalidInputError(message, "/name")


def reward_of(campaign: Campaign, wish: PoolWish, now_ms: int) -> Reward:
    """The reward that a wish means, if codes of it can be made ahead now.

    A draft's codes may still change their look, so it is activated first; its opening may lie in
    the future. Raises `WrongStatusError` or `InvalidInputError`.
    """
    status = shown_status(campaign, now_ms)
    if status is Status.DRAFT:
        message = "the campaign is a draft, whose codes may still change: activate it first"
        raise WrongStatusError(message)
    if status is Status.ENDED:
        message = "the campaign has ended: it has no more codes to give"
        raise WrongStatusError(message)
    if campaign.definition.type is not CampaignType.CLAIM:
        message = "a draw makes its codes when they are won: what it has is there to be drawn"
        raise InvalidInputError(message, "/campaign_id")
    keys = [reward.definition.key for reward in campaign.rewards]
    if wish.reward is None and len(keys) > 1:
        message = f"name one of the campaign's rewards: {', '.join(keys)}"
        raise InvalidInputError(message, "/reward", _REWARD_REQUIRED)
    wanted = keys[0] if wish.reward is None else wish.reward
    found = next((one for one in campaign.rewards if one.definition.key == wanted), None)
    if found is None:
        message = f"the campaign has no reward {wanted!r}; it has {', '.join(keys)}"
        raise InvalidInputError(message, "/reward", _REWARD_REQUIRED)
    if found.definition.code is None:
        message = f"the reward {wanted!r} has no codes: only coupons have"
        raise InvalidInputError(message, "/reward")
    return found


def check_stock(reward: Reward, count: int) -> None:
    """Raise `InvalidInputError` where the reward has not so many units left."""
    quota, counters = reward.definition.quota_total, reward.counters
    if quota is None:
        return
    left = quota - counters.issued - counters.reserved
    if count > left:
        message = (
            f"{reward.definition.key} has {left:,} of {quota:,} units left, and {count:,} are "
            "asked for: make fewer codes, or raise the quota first"
        )
        raise InvalidInputError(message, "/count", "NOT_ENOUGH_LEFT")


def check_room(source: CodeSource, space: int, taken: int, count: int) -> None:
    """Raise `InvalidInputError` where the pattern has not so many codes that nobody has."""
    room = space - taken
    if source is CodeSource.RANDOM:
        room = space // RANDOM_DENSITY_INVERSE - taken
    if count > room:
        message = (
            f"the pattern has {space:,} codes, of which {max(room, 0):,} are nobody's yet, and "
            f"{count:,} are asked for: codes that claims may give are never in a pool, too"
        )
        raise InvalidInputError(message, "/count", "PATTERN_TOO_SMALL")


def check_ready(pool: Pool) -> None:
    """Raise `WrongStatusError` for a pool that is still made, or was taken back."""
    if pool.status is not PoolStatus.READY:
        message = f"the code pool {pool.id} is {pool.status}, and this needs a READY one"
        raise WrongStatusError(message)


def exported(pool: Pool, now_ms: int, *, again: bool) -> Pool:
    """The pool once its codes leave the house; `WrongStatusError` where they may not.

    A second file of the same codes may bring two people the same code, so it is asked for in words.
    """
    check_ready(pool)
    if pool.exports and not again:
        message = (
            f"the codes of {pool.id} were exported before: for somebody else make another pool; "
            "for the same one say `again`"
        )
        raise WrongStatusError(message)
    return replace(pool, exports=pool.exports + 1, exported_at_ms=now_ms)
