"""The rules of issuance, as tables."""

from itertools import combinations

import pytest
from msgspec.structs import replace

from largesse.campaigns.model import Campaign, Counters, OnRepeat, RewardDefinition, Status
from largesse.issuance import decide
from largesse.issuance.model import (
    STRANGER,
    IncentiveStatus,
    Issued,
    LedgerEntry,
    Offer,
    Prior,
    Wish,
)
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import DAY_MS, HOUR_MS, NOW_MS, a_campaign, a_definition, a_reward

END_MS = NOW_MS + 1_000
DAY = 20_788
"""2026-12-01, the day of `NOW_MS`."""

WISH = Wish(1, 1, 1, "ann", "k", now_ms=NOW_MS)
ROW = Issued(1, 1, 1, "ann", "k", NOW_MS, 1)

OBSTACLES = {
    Outcome.IDEMPOTENCY_KEY_REUSED,
    Outcome.NOT_ACTIVE,
    Outcome.NOT_OPEN_YET,
    Outcome.CLOSED,
    Outcome.CUSTOMER_LIMIT_REACHED,
    Outcome.SOLD_OUT_TODAY,
    Outcome.SOLD_OUT,
}
NEVER_TOGETHER = {Outcome.NOT_OPEN_YET, Outcome.CLOSED}
SITUATIONS = [
    frozenset(some)
    for count in range(len(OBSTACLES))
    for some in combinations(sorted(OBSTACLES), count)
    if not NEVER_TOGETHER.issubset(some)
]


@pytest.mark.parametrize("obstacles", SITUATIONS, ids=lambda some: "+".join(sorted(some)) or "none")
def test_the_first_obstacle_is_the_answer(obstacles: frozenset[Outcome]) -> None:
    """Whatever else stands in the way: the order of `Outcome` is the order of the checks."""
    reward = a_reward(quota_total=5, quota_daily=3)
    definition = a_definition(reward, per_customer_max=1, starts_at_ms=NOW_MS, ends_at_ms=END_MS)
    paused = Outcome.NOT_ACTIVE in obstacles
    campaign = a_campaign(definition, status=Status.PAUSED if paused else Status.ACTIVE)
    counters = Counters(
        issued=5 if Outcome.SOLD_OUT in obstacles else 4,
        day=DAY,
        issued_day=3 if Outcome.SOLD_OUT_TODAY in obstacles else 2,
    )
    prior = Prior(
        bound=replace(ROW, reward=2) if Outcome.IDEMPOTENCY_KEY_REUSED in obstacles else None,
        held=int(Outcome.CUSTOMER_LIMIT_REACHED in obstacles),
    )
    now_ms = NOW_MS - 1 if Outcome.NOT_OPEN_YET in obstacles else NOW_MS
    now_ms = END_MS if Outcome.CLOSED in obstacles else now_ms

    outcome = decide.claim(
        replace(WISH, now_ms=now_ms), Offer(campaign, campaign.rewards[0], DAY), prior, counters
    )

    assert outcome is min([*obstacles, Outcome.ISSUED], key=list(Outcome).index)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, Outcome.ISSUED),
        ({"at_ms": 1, "serial": 9, "version": 9}, Outcome.ISSUED),
        ({"reward": 2}, Outcome.IDEMPOTENCY_KEY_REUSED),
        ({"customer": "bob"}, Outcome.IDEMPOTENCY_KEY_REUSED),
    ],
)
def test_a_bound_key(change: dict[str, int | str], outcome: Outcome) -> None:
    """The same wish is answered as before, whatever the campaign is now; another one is refused."""
    over = a_campaign(a_definition(), status=Status.ENDED)
    offer = Offer(over, over.rewards[0], DAY)

    prior = Prior(bound=replace(ROW, **change))

    assert decide.claim(WISH, offer, prior, Counters()) is outcome


@pytest.mark.parametrize(
    ("status", "now_ms", "outcome"),
    [
        (Status.DRAFT, NOW_MS, Outcome.NOT_ACTIVE),
        (Status.DRAFT, END_MS, Outcome.NOT_ACTIVE),
        (Status.PAUSED, NOW_MS - 1, Outcome.NOT_ACTIVE),
        (Status.ENDED, NOW_MS - 1, Outcome.CLOSED),
        (Status.ACTIVE, NOW_MS - 1, Outcome.NOT_OPEN_YET),
        (Status.ACTIVE, NOW_MS, None),
        (Status.ACTIVE, END_MS - 1, None),
        (Status.ACTIVE, END_MS, Outcome.CLOSED),
    ],
)
def test_the_window(status: Status, now_ms: int, outcome: Outcome | None) -> None:
    """Open from the first millisecond to before the last."""
    definition = a_definition(starts_at_ms=NOW_MS, ends_at_ms=END_MS)

    assert decide.window(a_campaign(definition, status=status), now_ms) is outcome


@pytest.mark.parametrize(
    ("of_campaign", "of_reward", "prior", "full"),
    [
        (None, None, Prior(held=99, held_of_reward=99), False),
        (2, None, Prior(held=1), False),
        (2, None, Prior(held=2), True),
        (2, None, Prior(held=3), True),
        (None, 1, Prior(held=5, held_of_reward=0), False),
        (None, 1, Prior(held=5, held_of_reward=1), True),
        (9, 1, Prior(held=1, held_of_reward=1), True),
        (1, 9, Prior(held=1, held_of_reward=0), True),
    ],
)
@pytest.mark.parametrize("on_repeat", list(OnRepeat))
def test_caps(
    of_campaign: int | None,
    of_reward: int | None,
    prior: Prior,
    on_repeat: OnRepeat,
    *,
    full: bool,
) -> None:
    """Either cap may be the one; RETURN turns the refusal into what is held."""
    campaign = a_definition(per_customer_max=of_campaign, on_repeat=on_repeat)
    refusal = {
        OnRepeat.REFUSE: Outcome.CUSTOMER_LIMIT_REACHED,
        OnRepeat.RETURN: Outcome.ALREADY_HELD,
    }[on_repeat]

    outcome = decide.cap(campaign, a_reward(per_customer_max=of_reward), prior)

    assert outcome is (refusal if full else None)


@pytest.mark.parametrize(
    ("total", "daily", "counters", "outcome"),
    [
        (None, None, Counters(issued=10**12), None),
        (5, None, Counters(issued=4), None),
        (5, None, Counters(issued=5), Outcome.SOLD_OUT),
        (5, None, Counters(issued=3, reserved=1), None),
        (5, None, Counters(issued=3, reserved=2), Outcome.SOLD_OUT),
        (5, None, Counters(issued=4, serials=9), None),
        (None, 2, Counters(issued=9, day=DAY, issued_day=1), None),
        (None, 2, Counters(issued=9, day=DAY, issued_day=2), Outcome.SOLD_OUT_TODAY),
        (None, 2, Counters(issued=9, day=DAY - 1, issued_day=2), None),
        (5, 2, Counters(issued=5, day=DAY, issued_day=2), Outcome.SOLD_OUT_TODAY),
        (5, 2, Counters(issued=5, day=DAY - 1, issued_day=2), Outcome.SOLD_OUT),
    ],
)
def test_stock(
    total: int | None, daily: int | None, counters: Counters, outcome: Outcome | None
) -> None:
    """Today's quota first, then the total one; another day's counter counts for nothing."""
    reward = a_reward(quota_total=total, quota_daily=daily)

    assert decide.stock(reward, counters, DAY) is outcome


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Counters(), Counters(issued=1, serials=1, day=DAY, issued_day=1)),
        (
            Counters(issued=4, reserved=2, serials=6, day=DAY, issued_day=3),
            Counters(issued=5, reserved=2, serials=7, day=DAY, issued_day=4),
        ),
        (
            Counters(issued=4, serials=6, day=DAY - 1, issued_day=3),
            Counters(issued=5, serials=7, day=DAY, issued_day=1),
        ),
    ],
)
def test_one_more_unit(before: Counters, after: Counters) -> None:
    """One more issued, one more serial, and a new day begins its count."""
    assert decide.issue(before, DAY) == after


@pytest.mark.parametrize(
    ("zone", "day", "issued_at_ms", "of_today"),
    [
        ("UTC", DAY, NOW_MS, 1),
        ("UTC", DAY, NOW_MS - DAY_MS, 0),
        ("UTC", DAY + 1, NOW_MS, 0),
        ("Asia/Seoul", DAY + 1, NOW_MS + 3 * HOUR_MS, 1),
        ("Asia/Seoul", DAY + 1, NOW_MS + 3 * HOUR_MS - 1, 0),
    ],
)
def test_a_unit_given_back(zone: str, day: int, issued_at_ms: int, of_today: int) -> None:
    """Always to the total, to the day only where it is the local day of issue, never a serial."""
    before = Counters(issued=4, reserved=1, serials=6, day=day, issued_day=3)

    after = decide.give_back(before, zone, issued_at_ms)

    assert after == replace(before, issued=3, issued_day=3 - of_today)


def held(serial: int, reward: int = 1, *, revoked: bool = False) -> LedgerEntry:
    """An incentive of the customer, under a key named after its serial."""
    issued = replace(ROW, serial=serial, reward=reward, key=f"k{serial}")
    return LedgerEntry(issued, revoked_at_ms=NOW_MS if revoked else None)


@pytest.mark.parametrize(
    ("entries", "cap", "keeps", "expected"),
    [
        ([], None, False, STRANGER),
        ([held(1), held(2, reward=2)], 9, False, Prior(None, 2, 1, held(1).issued)),
        ([held(1, reward=2), held(2)], 2, False, Prior(None, 2, 1, held(1, reward=2).issued)),
        ([held(1, reward=2), held(2)], 3, False, Prior(None, 2, 1, held(2).issued)),
        ([held(1, revoked=True), held(2)], 1, False, Prior(None, 1, 1, held(2).issued)),
        ([held(1, revoked=True), held(2)], 1, True, Prior(None, 2, 2, held(1).issued)),
        ([held(1, revoked=True)], 1, False, STRANGER),
    ],
)
def test_what_a_customer_s_incentives_mean(
    entries: list[LedgerEntry], cap: int | None, expected: Prior, *, keeps: bool
) -> None:
    """How many count, and which is the earliest of those that fill the cap."""
    campaign = a_definition(per_customer_max=cap, revoke_keeps_cap=keeps)

    assert decide.prior(replace(WISH, key="new"), entries, campaign) == expected


def test_a_key_stays_bound_after_a_revoke() -> None:
    """Though what it brought counts no more."""
    entry = held(1, revoked=True)

    prior = decide.prior(replace(WISH, key="k1"), [held(2), entry], a_definition())

    assert prior.bound == entry.issued


@pytest.mark.parametrize(
    ("reward", "expires_at_ms"),
    [
        (a_reward(), None),
        (a_reward(expires_at_ms=END_MS), END_MS),
        (a_reward(expires_after_s=2), NOW_MS + 2_000),
    ],
)
def test_when_an_incentive_expires(reward: RewardDefinition, expires_at_ms: int | None) -> None:
    """At a moment, after some seconds, or never."""
    assert decide.expires_at_ms(reward, NOW_MS) == expires_at_ms


@pytest.mark.parametrize(
    ("entry", "expires_at_ms", "now_ms", "status"),
    [
        (LedgerEntry(ROW), None, END_MS, IncentiveStatus.ISSUED),
        (LedgerEntry(ROW), END_MS, END_MS - 1, IncentiveStatus.ISSUED),
        (LedgerEntry(ROW), END_MS, END_MS, IncentiveStatus.EXPIRED),
        (LedgerEntry(ROW, expired_at_ms=1), None, NOW_MS, IncentiveStatus.EXPIRED),
        (LedgerEntry(ROW, revoked_at_ms=1), END_MS, END_MS, IncentiveStatus.REVOKED),
    ],
)
def test_where_an_incentive_stands(
    entry: LedgerEntry, expires_at_ms: int | None, now_ms: int, status: IncentiveStatus
) -> None:
    """Expired as soon as its time has come, told or not; revoked for good."""
    assert decide.status(entry, expires_at_ms, now_ms) is status


@pytest.mark.parametrize(
    ("keys", "asked", "meant"),
    [
        (["A"], None, "A"),
        (["A"], "A", "A"),
        (["A"], "B", None),
        (["A", "B"], None, None),
        (["A", "B"], "B", "B"),
        (["A", "NONE"], None, "NONE"),
        (["A", "B"], "", None),
    ],
)
def test_which_reward_is_meant(keys: list[str], asked: str | None, meant: str | None) -> None:
    """The one that is named, the only one, or the one for those who name none."""
    campaign: Campaign = a_campaign(a_definition(*(a_reward(key) for key in keys)))

    found = decide.reward_meant(campaign, asked)

    assert (found and found.definition.key) == meant
