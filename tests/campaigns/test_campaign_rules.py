"""The rules of campaigns, as tables."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from largesse.campaigns import decide
from largesse.campaigns.decide import Verb
from largesse.campaigns.model import (
    METADATA_BYTES_MAX,
    NAME_CHARACTERS_MAX,
    QUOTA_MAX,
    REWARDS_MAX,
    Campaign,
    CampaignDefinition,
    CodeFormat,
    Counters,
    Phase,
    Reward,
    RewardKind,
    Status,
    Stock,
    Value,
)
from largesse.kernel.errors import InvalidInputError, WrongStatusError
from largesse.testing.factories import NOW_MS, PERMUTED, a_campaign, a_definition, a_reward

END_MS = NOW_MS + 1_000
FORBIDDEN = None


@pytest.mark.parametrize(
    ("status", "verb", "after"),
    [
        (Status.DRAFT, Verb.ACTIVATE, Status.ACTIVE),
        (Status.DRAFT, Verb.PAUSE, FORBIDDEN),
        (Status.DRAFT, Verb.END, Status.ENDED),
        (Status.ACTIVE, Verb.ACTIVATE, Status.ACTIVE),
        (Status.ACTIVE, Verb.PAUSE, Status.PAUSED),
        (Status.ACTIVE, Verb.END, Status.ENDED),
        (Status.PAUSED, Verb.ACTIVATE, Status.ACTIVE),
        (Status.PAUSED, Verb.PAUSE, Status.PAUSED),
        (Status.PAUSED, Verb.END, Status.ENDED),
        (Status.ENDED, Verb.ACTIVATE, FORBIDDEN),
        (Status.ENDED, Verb.PAUSE, FORBIDDEN),
        (Status.ENDED, Verb.END, Status.ENDED),
    ],
)
def test_the_life_cycle(status: Status, verb: Verb, after: Status | None) -> None:
    """Every step from every status; a step that changes nothing is allowed."""
    campaign = a_campaign(a_definition(ends_at_ms=END_MS), status=status)

    if after is FORBIDDEN:
        with pytest.raises(WrongStatusError):
            decide.step(campaign, verb, NOW_MS)
    else:
        assert decide.step(campaign, verb, NOW_MS) is after


@pytest.mark.parametrize("status", [Status.DRAFT, Status.PAUSED])
def test_nothing_is_activated_after_its_end(status: Status) -> None:
    """From the last moment's end on the window must be moved first."""
    campaign = a_campaign(a_definition(ends_at_ms=END_MS), status=status)

    assert decide.step(campaign, Verb.ACTIVATE, END_MS - 1) is Status.ACTIVE
    with pytest.raises(InvalidInputError) as refusal:
        decide.step(campaign, Verb.ACTIVATE, END_MS)
    assert refusal.value.pointer == "/ends_at"


def test_what_time_has_ended_cannot_be_paused() -> None:
    """But it can be ended by hand."""
    campaign = a_campaign(a_definition(ends_at_ms=END_MS))

    with pytest.raises(WrongStatusError):
        decide.step(campaign, Verb.PAUSE, END_MS)
    assert decide.step(campaign, Verb.END, END_MS) is Status.ENDED


@pytest.mark.parametrize(
    ("status", "now_ms", "phase"),
    [
        (Status.DRAFT, NOW_MS, Phase.DRAFT),
        (Status.ACTIVE, NOW_MS - 1, Phase.SCHEDULED),
        (Status.ACTIVE, NOW_MS, Phase.OPEN),
        (Status.ACTIVE, END_MS - 1, Phase.OPEN),
        (Status.ACTIVE, END_MS, Phase.ENDED),
        (Status.PAUSED, NOW_MS, Phase.PAUSED),
        (Status.ENDED, NOW_MS, Phase.ENDED),
    ],
)
def test_phases(status: Status, now_ms: int, phase: Phase) -> None:
    """What a customer would meet, to the millisecond."""
    definition = a_definition(starts_at_ms=NOW_MS, ends_at_ms=END_MS)

    assert decide.phase(a_campaign(definition, status=status), now_ms) is phase


@pytest.mark.parametrize(
    ("total", "daily", "counters", "left", "today"),
    [
        (None, None, Counters(issued=5), None, None),
        (10, None, Counters(issued=3, reserved=2), 5, None),
        (None, 4, Counters(issued=9, day=1, issued_day=3), None, 1),
        (None, 4, Counters(issued=9, day=0, issued_day=3), None, 4),
        (10, 4, Counters(issued=9, day=1, issued_day=1), 1, 1),
        (10, 4, Counters(issued=7, day=1, issued_day=4), 3, 0),
        (None, 2, Counters(issued=5, day=1, issued_day=5), None, 0),
    ],
)
def test_what_is_left(
    total: int | None, daily: int | None, counters: Counters, left: int | None, today: int | None
) -> None:
    """On day 1: never less than nothing today, and never more than in total."""
    reward = a_reward(quota_total=total, quota_daily=daily)

    stock = decide.stock(reward, counters, day=1)

    assert stock == Stock(total, counters.issued, counters.reserved, left, today)


@pytest.mark.parametrize(
    ("quota", "counters", "covered", "missing"),
    [
        (None, Counters(), 0, 0),
        (10, Counters(), 0, 10),
        (10, Counters(), 10, 0),
        (10, Counters(issued=4, serials=4), 10, 0),
        (10, Counters(issued=3, serials=4), 10, 1),
        (10, Counters(issued=0, serials=10), 10, 10),
        (15, Counters(issued=4, serials=4), 10, 5),
        (5, Counters(issued=4, serials=4), 10, 0),
        (10, Counters(issued=4, reserved=2, serials=4), 8, 0),
    ],
)
def test_places_that_a_quota_still_needs(
    quota: int | None, counters: Counters, covered: int, missing: int
) -> None:
    """A revoke gives stock back but no serial, so a quota may need more places than it has."""
    reward = Reward(1, a_reward(quota_total=quota), counters)

    assert decide.codes_missing(reward, covered) == missing


@pytest.mark.parametrize(
    "definition",
    [
        a_definition(),
        a_definition(name="봄" * NAME_CHARACTERS_MAX, ends_at_ms=END_MS, per_customer_max=1),
        a_definition(*(a_reward(f"R{n}") for n in range(REWARDS_MAX))),
        a_definition(a_reward(quota_total=QUOTA_MAX, quota_daily=1, expires_at_ms=END_MS)),
        a_definition(a_reward(value=Value(basis_points=10_000), expires_after_s=1)),
        a_definition(a_reward(value=Value(item="A cup"))),
        a_definition(a_reward(kind=RewardKind.POINTS, value=Value(amount=1))),
        a_definition(a_reward(kind=RewardKind.CASHBACK)),
    ],
)
def test_campaigns_that_make_sense(definition: CampaignDefinition) -> None:
    """Up to the very limits."""
    decide.check(definition)


BAD: list[tuple[CampaignDefinition, str]] = [
    (a_definition(name=""), "/name"),
    (a_definition(name=" "), "/name"),
    (a_definition(name="a\x07"), "/name"),
    (a_definition(name="a" * (NAME_CHARACTERS_MAX + 1)), "/name"),
    (a_definition(time_zone="Mars/Olympus"), "/time_zone"),
    (a_definition(starts_at_ms=5, ends_at_ms=5), "/ends_at"),
    (a_definition(per_customer_max=0), "/per_customer_max"),
    (a_definition(metadata={"a": "b" * METADATA_BYTES_MAX}), "/metadata"),
    (replace(a_definition(), rewards=()), "/rewards"),
    (a_definition(*(a_reward(f"R{n}") for n in range(REWARDS_MAX + 1))), "/rewards"),
    (a_definition(a_reward("A"), a_reward("A")), "/rewards/1/key"),
    (a_definition(a_reward("a b")), "/rewards/0/key"),
    (a_definition(a_reward("a\n")), "/rewards/0/key"),
    (a_definition(a_reward("a" * 65)), "/rewards/0/key"),
    (a_definition(a_reward(), a_reward("B", quota_total=0)), "/rewards/1/quota_total"),
    (a_definition(a_reward(quota_total=-1)), "/rewards/0/quota_total"),
    (a_definition(a_reward(quota_total=QUOTA_MAX + 1)), "/rewards/0/quota_total"),
    (a_definition(a_reward(quota_daily=0)), "/rewards/0/quota_daily"),
    (a_definition(a_reward(per_customer_max=0)), "/rewards/0/per_customer_max"),
    (a_definition(a_reward(uses_max=0)), "/rewards/0/uses_max"),
    (a_definition(a_reward(uses_max=2)), "/rewards/0/uses_max"),
    (a_definition(a_reward(expires_after_s=0)), "/rewards/0/expires_after_s"),
    (
        a_definition(a_reward(expires_after_s=decide.SECONDS_MAX + 1)),
        "/rewards/0/expires_after_s",
    ),
    (
        a_definition(a_reward(expires_after_s=1, expires_at_ms=END_MS)),
        "/rewards/0/expires_after_s",
    ),
    (
        a_definition(a_reward(expires_at_ms=NOW_MS), starts_at_ms=NOW_MS),
        "/rewards/0/expires_at",
    ),
    (a_definition(a_reward(value=Value())), "/rewards/0/value"),
    (a_definition(a_reward(value=Value(amount=1))), "/rewards/0/value"),
    (a_definition(a_reward(value=Value(amount=1, currency="KRW", item="x"))), "/rewards/0/value"),
    (a_definition(a_reward(value=Value(amount=0, currency="KRW"))), "/rewards/0/value/amount"),
    (a_definition(a_reward(value=Value(amount=1, currency="KRX"))), "/rewards/0/value/currency"),
    (a_definition(a_reward(value=Value(basis_points=0))), "/rewards/0/value/basis_points"),
    (a_definition(a_reward(value=Value(basis_points=10_001))), "/rewards/0/value/basis_points"),
    (a_definition(a_reward(value=Value(item=""))), "/rewards/0/value/item"),
    (a_definition(a_reward(value=Value(item="a\x00"))), "/rewards/0/value/item"),
    (a_definition(a_reward(kind=RewardKind.POINTS)), "/rewards/0/value"),
    (
        a_definition(a_reward(kind=RewardKind.POINTS, value=Value(amount=-1))),
        "/rewards/0/value/amount",
    ),
]


@pytest.mark.parametrize(("definition", "pointer"), BAD)
def test_campaigns_that_make_none(definition: CampaignDefinition, pointer: str) -> None:
    """The refusal points at what is wrong."""
    with pytest.raises(InvalidInputError) as refusal:
        decide.check(definition)

    assert refusal.value.pointer == pointer


Edit = Callable[[CampaignDefinition], CampaignDefinition]


def of_reward(**changes: object) -> Edit:
    """An edit of the only reward."""
    return lambda before: replace(before, rewards=(replace(before.rewards[0], **changes),))


def of_campaign(**changes: object) -> Edit:
    """An edit of the campaign."""
    return lambda before: replace(before, **changes)


FIXED: list[tuple[Edit, str]] = [
    (of_campaign(time_zone="Asia/Seoul"), "/time_zone"),
    (of_campaign(per_customer_max=1), "/per_customer_max"),
    (of_campaign(starts_at_ms=NOW_MS + 1), "/starts_at"),
    (of_campaign(rewards=(a_reward("OTHER"),)), "/rewards"),
    (of_campaign(rewards=(a_reward(), a_reward("MORE"))), "/rewards"),
    (of_reward(kind=RewardKind.CASHBACK), "/rewards/0/kind"),
    (of_reward(code=PERMUTED), "/rewards/0/code"),
    (of_reward(code=CodeFormat(pattern="A999")), "/rewards/0/code"),
    (of_reward(per_customer_max=None), "/rewards/0/per_customer_max"),
]

FREE: list[Edit] = [
    of_campaign(name="Another"),
    of_campaign(ends_at_ms=END_MS),
    of_campaign(metadata={"a": 1}),
    of_reward(quota_total=7),
    of_reward(quota_daily=1),
    of_reward(per_customer_max=9),
    of_reward(value=Value(amount=1, currency="EUR")),
    of_reward(expires_after_s=1),
]


def running() -> Campaign:
    """An active campaign of which seven units are issued or reserved."""
    campaign = a_campaign(a_definition(a_reward(per_customer_max=2, quota_total=10)))
    counters = Counters(issued=5, reserved=2, serials=9)
    return replace(campaign, rewards=(replace(campaign.rewards[0], counters=counters),))


@pytest.mark.parametrize(("edit", "pointer"), FIXED)
def test_what_is_fixed_after_activation(edit: Edit, pointer: str) -> None:
    """A draft may change it, an active campaign may not."""
    campaign = running()
    edited = edit(campaign.definition)

    decide.check_edit(replace(campaign, status=Status.DRAFT), edited, NOW_MS)
    with pytest.raises(InvalidInputError) as refusal:
        decide.check_edit(campaign, edited, NOW_MS)
    assert (refusal.value.pointer, refusal.value.code) == (pointer, "FIXED_AFTER_ACTIVATION")


@pytest.mark.parametrize("edit", FREE)
def test_what_stays_free(edit: Edit) -> None:
    """Whoever runs a campaign may still change it."""
    campaign = running()

    decide.check_edit(campaign, edit(campaign.definition), NOW_MS)


def test_a_start_may_move_until_it_has_passed() -> None:
    """To the very millisecond."""
    definition = a_definition(starts_at_ms=NOW_MS)
    later = replace(definition, starts_at_ms=NOW_MS + 5)

    decide.check_edit(a_campaign(definition), later, NOW_MS - 1)
    with pytest.raises(InvalidInputError):
        decide.check_edit(a_campaign(definition), later, NOW_MS)


@pytest.mark.parametrize(("quota", "allowed"), [(None, True), (7, True), (6, False)])
def test_a_quota_covers_what_is_out(quota: int | None, *, allowed: bool) -> None:
    """Issued and reserved units together; serials that were revoked do not count."""
    campaign = running()
    edited = of_reward(quota_total=quota)(campaign.definition)

    if allowed:
        decide.check_edit(campaign, edited, NOW_MS)
        return
    with pytest.raises(InvalidInputError, match=r"6\b.*\b7\b") as refusal:
        decide.check_edit(campaign, edited, NOW_MS)
    assert refusal.value.pointer == "/rewards/0/quota_total"
