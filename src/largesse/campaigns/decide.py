"""The rules of campaigns: what makes sense, which step may follow which, what may be edited."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from largesse.campaigns.model import (
    BEACON_CHARACTERS_MAX,
    DRAWS_PER_MAX,
    METADATA_BYTES_MAX,
    NAME_CHARACTERS_MAX,
    PPM,
    QUOTA_MAX,
    RAFFLE_WINNERS_MAX,
    REWARDS_MAX,
    Beacon,
    Campaign,
    CampaignDefinition,
    CampaignType,
    Counters,
    DrawsPer,
    OnExhausted,
    OnRepeat,
    Phase,
    Reward,
    RewardDefinition,
    RewardKind,
    Status,
    Stock,
    Value,
)
from largesse.kernel.calendar import zone_exists
from largesse.kernel.errors import InvalidInputError, WrongStatusError
from largesse.kernel.money import Money, check_money

REWARD_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
BASIS_POINTS_MAX = 10_000
ITEM_CHARACTERS_MAX = 200
SECONDS_MAX = 100 * 366 * 86_400
"""A hundred years."""


class Verb(StrEnum):
    """The steps of a campaign's life."""

    ACTIVATE = "activate"
    PAUSE = "pause"
    END = "end"


_STEPS = {
    Verb.ACTIVATE: ({Status.DRAFT, Status.PAUSED}, Status.ACTIVE),
    Verb.PAUSE: ({Status.ACTIVE}, Status.PAUSED),
    Verb.END: ({Status.DRAFT, Status.ACTIVE, Status.PAUSED}, Status.ENDED),
}


def step(campaign: Campaign, verb: Verb, now_ms: int) -> Status:
    """The status after a step; the same one where the step changes nothing.

    Raises `WrongStatusError` where the life cycle forbids it, and `InvalidInputError` when a
    campaign would be activated after its end.
    """
    before, after = _STEPS[verb]
    if campaign.status is after:
        return after
    status = shown_status(campaign, now_ms)
    if campaign.status not in before or (verb is Verb.PAUSE and status is Status.ENDED):
        message = f"cannot {verb} a campaign that is {status}"
        raise WrongStatusError(message)
    if verb is Verb.ACTIVATE:
        check_not_over(campaign.definition, now_ms)
    return after


def check_not_over(definition: CampaignDefinition, now_ms: int) -> None:
    """Raise `InvalidInputError` when a campaign would be activated at or after its end."""
    if definition.ends_at_ms is not None and now_ms >= definition.ends_at_ms:
        message = "ends_at is in the past: move it before the campaign is activated"
        raise InvalidInputError(message, "/ends_at")


def shown_status(campaign: Campaign, now_ms: int) -> Status:
    """The status that people see: an active campaign past its end has ended."""
    ends_at_ms = campaign.definition.ends_at_ms
    if campaign.status is Status.ACTIVE and ends_at_ms is not None and now_ms >= ends_at_ms:
        return Status.ENDED
    return campaign.status


def phase(campaign: Campaign, now_ms: int) -> Phase:
    """What a customer would meet at this moment."""
    status = shown_status(campaign, now_ms)
    if status is not Status.ACTIVE:
        return Phase(status.value)
    return Phase.SCHEDULED if now_ms < campaign.definition.starts_at_ms else Phase.OPEN


def stock(definition: RewardDefinition, counters: Counters, day: int) -> Stock:
    """How many units are left, in total and on a local day."""
    taken = counters.issued + counters.reserved
    left = None if definition.quota_total is None else definition.quota_total - taken
    left_today = None
    if definition.quota_daily is not None:
        today = counters.issued_day if counters.day == day else 0
        left_today = max(definition.quota_daily - today, 0)
        left_today = left_today if left is None else min(left_today, left)
    return Stock(definition.quota_total, counters.issued, counters.reserved, left, left_today)


def codes_missing(reward: Reward, covered: int) -> int:
    """How many places of a pattern a reward still has to take so that its quota has codes.

    `covered` is the number of serials that its blocks hold. Revoked units gave their stock back but
    not their serial, so a reward may need more places than its quota.
    """
    quota = reward.definition.quota_total
    if quota is None:
        return 0
    counters = reward.counters
    still_to_issue = quota - counters.issued - counters.reserved
    return max(still_to_issue - (covered - counters.serials), 0)


# --- what makes sense -------------------------------------------------------------------------


def check(definition: CampaignDefinition) -> None:
    """Raise `InvalidInputError`, with a pointer, for the first thing that makes no sense."""
    name = definition.name
    if not (0 < len(name) <= NAME_CHARACTERS_MAX and name.isprintable() and name.strip()):
        _refuse("/name", f"name has 1 to {NAME_CHARACTERS_MAX} printable characters")
    if not zone_exists(definition.time_zone):
        example = "write Asia/Seoul or UTC, for example"
        _refuse("/time_zone", f"{definition.time_zone!r} is no IANA time zone; {example}")
    if definition.ends_at_ms is not None and definition.ends_at_ms <= definition.starts_at_ms:
        _refuse("/ends_at", "ends_at must be after starts_at")
    _check_count("/per_customer_max", definition.per_customer_max)
    if len(set(definition.requires)) < len(definition.requires):
        _refuse("/requires", "name each requirement once")
    _check_metadata("/metadata", definition.metadata)
    if not 0 < len(definition.rewards) <= REWARDS_MAX:
        _refuse("/rewards", f"a campaign has 1 to {REWARDS_MAX} rewards")
    keys: set[str] = set()
    for index, reward in enumerate(definition.rewards):
        pointer = f"/rewards/{index}"
        _check_reward(pointer, reward, definition)
        if reward.key in keys:
            _refuse(f"{pointer}/key", f"two rewards have the key {reward.key!r}")
        keys.add(reward.key)
    _check_beacon(definition.beacon)
    if definition.type is CampaignType.CLAIM:
        _check_only(definition, ())
        return
    if not 0 < definition.draws_per.n <= DRAWS_PER_MAX:
        _refuse("/draws_per/n", f"a customer draws 1 to {DRAWS_PER_MAX} times per period")
    if definition.on_repeat is not OnRepeat.REFUSE:
        _refuse("/on_repeat", "a draw that is used up is refused: leave on_repeat out")
    if definition.type is CampaignType.DRAW:
        _check_draw(definition, keys)
    else:
        _check_raffle(definition)


def _check_draw(definition: CampaignDefinition, keys: set[str]) -> None:
    for index, reward in enumerate(definition.rewards):
        weight = reward.weight_ppm
        if weight is None or not 0 <= weight <= PPM:
            message = f"each reward of a draw has a weight from 0 to {PPM} parts per million"
            _refuse(f"/rewards/{index}/weight_ppm", message)
    whole = sum(reward.weight_ppm or 0 for reward in definition.rewards)
    if whole > PPM:
        in_all = f"{whole} ppm, which is {Decimal(whole) / PPM}"
        _refuse("/rewards", f"the weights sum to {in_all}: at most {PPM} ppm, which is 1")
    falls_back = definition.on_exhausted is OnExhausted.FALLBACK
    if falls_back and definition.fallback_reward not in keys:
        _refuse("/fallback_reward", f"name one of the rewards: {', '.join(sorted(keys))}")
    if not falls_back and definition.fallback_reward is not None:
        _refuse("/fallback_reward", "a fallback is given with on_exhausted FALLBACK only")


_OF_DRAWS = (
    ("draws_per", DrawsPer()),
    ("beacon", None),
    ("on_exhausted", OnExhausted.LOSE),
    ("fallback_reward", None),
)


def _check_raffle(definition: CampaignDefinition) -> None:
    _check_only(definition, ("draws_per", "beacon"))
    if definition.ends_at_ms is None:
        _refuse("/ends_at", "a raffle picks its winners after its end: say when that is")
    for index, reward in enumerate(definition.rewards):
        pointer = f"/rewards/{index}"
        if reward.quota_total is None:
            _refuse(f"{pointer}/quota_total", "a raffle's quota says how many win it")
        if reward.quota_daily is not None or reward.per_customer_max is not None:
            _refuse(pointer, "a raffle gives once, one to each winner: leave other limits out")
    whole = sum(reward.quota_total or 0 for reward in definition.rewards)
    if whole > RAFFLE_WINNERS_MAX:
        _refuse("/rewards", f"a raffle has at most {RAFFLE_WINNERS_MAX:,} winners, not {whole:,}")


def _check_beacon(beacon: Beacon | None) -> None:
    if beacon is None:
        return
    for name, text in (("source", beacon.source), ("value", beacon.value)):
        if text is None:
            continue
        if not (0 < len(text) <= BEACON_CHARACTERS_MAX and text.isprintable() and "|" not in text):
            most = f"1 to {BEACON_CHARACTERS_MAX} printable characters, none of them |"
            _refuse(f"/beacon/{name}", f"{name} has {most}")
    _check_count("/beacon/round", beacon.round)


def _check_only(definition: CampaignDefinition, wanted: Sequence[str]) -> None:
    """Refuse what belongs to draws, but for some of it; weights always."""
    for name, default in _OF_DRAWS:
        if name not in wanted and getattr(definition, name) != default:
            _refuse(f"/{name}", f"{name} belongs to draws: leave it out, or use the type DRAW")
    for index, reward in enumerate(definition.rewards):
        if reward.weight_ppm is not None:
            message = "weights belong to draws: leave them out, or use the type DRAW"
            _refuse(f"/rewards/{index}/weight_ppm", message)


def _check_reward(pointer: str, reward: RewardDefinition, campaign: CampaignDefinition) -> None:
    if not REWARD_KEY.fullmatch(reward.key):
        _refuse(f"{pointer}/key", "a key has 1 to 64 characters of A-Z a-z 0-9 _ . -")
    _check_value(f"{pointer}/value", reward.kind, reward.value)
    _check_count(f"{pointer}/quota_total", reward.quota_total)
    _check_count(f"{pointer}/quota_daily", reward.quota_daily)
    _check_count(f"{pointer}/per_customer_max", reward.per_customer_max)
    if reward.uses_max != 1:
        message = "a coupon is used once: leave uses_max out, or give several coupons"
        _refuse(f"{pointer}/uses_max", message)
    _check_metadata(f"{pointer}/metadata", reward.metadata)
    if reward.expires_at_ms is not None:
        if reward.expires_after_s is not None:
            _refuse(f"{pointer}/expires_after_s", "give expires_at or expires_after_s, not both")
        if reward.expires_at_ms <= campaign.starts_at_ms:
            _refuse(f"{pointer}/expires_at", "expires_at must be after the campaign's starts_at")
    after_s = reward.expires_after_s
    if after_s is not None and not 0 < after_s <= SECONDS_MAX:
        _refuse(f"{pointer}/expires_after_s", f"expires_after_s is from 1 to {SECONDS_MAX} seconds")


def _check_value(pointer: str, kind: RewardKind, value: Value) -> None:
    given = {name for name in value.__struct_fields__ if getattr(value, name) is not None}
    if given not in _VALUE_FIELDS[kind]:
        forms = " or ".join("{" + ", ".join(sorted(form)) + "}" for form in _VALUE_FIELDS[kind])
        _refuse(pointer, f"the value of {kind} is {forms}")
    if value.amount is not None and value.currency is not None:
        check_money(Money(value.amount, value.currency), pointer)
    else:
        _check_count(f"{pointer}/amount", value.amount)
    if value.basis_points is not None and not 0 < value.basis_points <= BASIS_POINTS_MAX:
        message = f"basis_points is from 1 to {BASIS_POINTS_MAX}, which is 100 %"
        _refuse(f"{pointer}/basis_points", message)
    item = value.item
    if item is not None and not (0 < len(item) <= ITEM_CHARACTERS_MAX and item.isprintable()):
        _refuse(f"{pointer}/item", f"item has 1 to {ITEM_CHARACTERS_MAX} printable characters")


_VALUE_FIELDS: dict[RewardKind, list[set[str]]] = {
    RewardKind.COUPON: [{"amount", "currency"}, {"basis_points"}, {"item"}],
    RewardKind.POINTS: [{"amount"}],
    RewardKind.CASHBACK: [{"amount", "currency"}],
}


def _check_count(pointer: str, count: int | None) -> None:
    if count is not None and not 0 < count <= QUOTA_MAX:
        _refuse(pointer, f"must be from 1 to {QUOTA_MAX}, not {count}; null means no limit")


def _check_metadata(pointer: str, metadata: dict[str, Any]) -> None:
    if len(msgspec.json.encode(metadata)) > METADATA_BYTES_MAX:
        _refuse(pointer, f"metadata has at most {METADATA_BYTES_MAX} bytes as JSON")


def _refuse(pointer: str, message: str) -> None:
    raise InvalidInputError(message, pointer)


# --- what may be edited -----------------------------------------------------------------------


def check_edit(campaign: Campaign, edited: CampaignDefinition, now_ms: int) -> None:
    """Raise `InvalidInputError` when an edit touches what is fixed after activation.

    Fixed are the type, the zone, the set of rewards with their kinds, codes and uses, whether there
    is a cap per customer at all (its number may change), and `starts_at` once it has passed.
    """
    check(edited)
    if campaign.status is Status.DRAFT:
        return
    present = campaign.definition
    _check_bound(campaign, edited, now_ms)
    _check_fixed("", present, edited, _FIXED_OF_CAMPAIGN)
    if now_ms >= present.starts_at_ms and edited.starts_at_ms != present.starts_at_ms:
        _refuse_fixed("/starts_at", "starts_at is fixed once it has passed")
    if [reward.key for reward in edited.rewards] != [reward.key for reward in present.rewards]:
        _refuse_fixed("/rewards", "the rewards, their keys and their order are fixed")
    pairs = zip(present.rewards, edited.rewards, strict=True)
    for index, (before, after) in enumerate(pairs):
        _check_fixed(f"/rewards/{index}", before, after, _FIXED_OF_REWARD)
    for index, (reward, after) in enumerate(zip(campaign.rewards, edited.rewards, strict=True)):
        check_quota(f"/rewards/{index}/quota_total", reward.counters, after.quota_total)


_Field = tuple[str, Callable[[Any], object]]

_FIXED_OF_CAMPAIGN: Sequence[_Field] = (
    ("type", lambda campaign: campaign.type),
    ("time_zone", lambda campaign: campaign.time_zone),
    ("per_customer_max", lambda campaign: campaign.per_customer_max is None),
    ("draws_per/period", lambda campaign: campaign.draws_per.period),
)
_FIXED_OF_REWARD: Sequence[_Field] = (
    ("kind", lambda reward: reward.kind),
    ("code", lambda reward: reward.code),
    ("per_customer_max", lambda reward: reward.per_customer_max is None),
)


def _check_bound(campaign: Campaign, edited: CampaignDefinition, now_ms: int) -> None:
    """What is bound to public randomness, and a raffle whose entries are in, have fixed terms.

    Whoever knows the secret and the value could otherwise choose terms that suit him.
    """
    present = campaign.definition
    before, after = present.beacon, edited.beacon
    if (before is None) is not (after is None):
        _refuse_fixed("/beacon", "a campaign is bound to a beacon before it is activated")
    if before is not None and after is not None:
        if (before.source, before.round) != (after.source, after.round):
            _refuse_fixed("/beacon", "the round is fixed after activation: only its value is open")
        if before.value not in (None, after.value):
            _refuse_fixed("/beacon/value", "the value is there, and stays")
    closed = present.type is CampaignType.RAFFLE and shown_status(campaign, now_ms) is Status.ENDED
    if before is None and not closed:
        return
    same = replace(present, beacon=after, name=edited.name, metadata=edited.metadata)
    # An edit that changes nothing makes a version, too, and a raffle's winners depend on that.
    if edited != same or (closed and after == before):
        message = "these terms are fixed: a bound campaign changes its name, its metadata and the"
        _refuse_fixed("", f"{message} beacon's value, and a raffle that is over its value only")


def _check_fixed(pointer: str, before: object, after: object, fields: Sequence[_Field]) -> None:
    for name, read in fields:
        if read(before) != read(after):
            whether = "whether there is a " if name == "per_customer_max" else ""
            _refuse_fixed(f"{pointer}/{name}", f"{whether}{name} is fixed after activation")


def check_quota(pointer: str, counters: Counters, quota: int | None) -> None:
    """Raise `InvalidInputError` when a quota is below what was already issued or reserved."""
    taken = counters.issued + counters.reserved
    if quota is not None and quota < taken:
        message = f"a quota of {quota} is below the {taken} units already issued or reserved"
        raise InvalidInputError(message, pointer, "QUOTA_BELOW_ISSUED")


def _refuse_fixed(pointer: str, message: str) -> None:
    raise InvalidInputError(message, pointer, "FIXED_AFTER_ACTIVATION")
