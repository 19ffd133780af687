"""Conformance of claims with time: before the start, at it, and after the end."""

import asyncio
from math import ceil

from exactness import check_sale
from shop import Shop, a_reward, rfc3339

SECOND_MS = 1_000


async def test_C01_a_claim_before_the_start_learns_when(timeless: Shop) -> None:
    """Starts in 3 s, total 20,000; claim at once: NOT_OPEN_YET with `opens_at`."""
    now_ms = await timeless.advance(by_ms=0)
    opens_at = rfc3339(now_ms + 3 * SECOND_MS)
    sale = await timeless.campaign(starts_at=opens_at, rewards=[a_reward(quota_total=20_000)])

    refused = await timeless.claimed(sale, "ann")

    assert refused.status == 409
    problem = refused.json()
    assert (problem["code"], problem["opens_at"], problem["transient"]) == (
        "NOT_OPEN_YET",
        opens_at,
        True,
    )
    assert refused.headers["retry-after"] == "3"
    assert (await timeless.stock(sale))["left"] == 20_000


async def test_C02_opens_at_the_exact_millisecond(timeless: Shop) -> None:
    """Claims at start - 1 ms and at start: refused; issued, without any scheduled job."""
    now_ms = await timeless.advance(by_ms=0)
    starts_at_ms = now_ms + 86_400_000 + 123
    sale = await timeless.campaign(
        starts_at=rfc3339(starts_at_ms), rewards=[a_reward(quota_total=5)]
    )

    assert await timeless.advance(to=rfc3339(starts_at_ms - 1)) == starts_at_ms - 1
    early = [await timeless.claimed(sale, f"early {number}", f"e{number}") for number in range(20)]
    assert {one.json()["code"] for one in early} == {"NOT_OPEN_YET"}
    assert {one.headers["retry-after"] for one in early} == {str(ceil(0.001))}

    await timeless.advance(by_ms=1)
    answers = [await timeless.claimed(sale, f"c{number}") for number in range(8)]
    given = check_sale(answers, stock=5)
    assert {incentive["issued_at"] for incentive in given} == {rfc3339(starts_at_ms)}


async def test_C02_closes_at_the_exact_millisecond(timeless: Shop) -> None:
    """The end is as exact: issued at end - 1 ms; CLOSED at the end."""
    now_ms = await timeless.advance(by_ms=0)
    ends_at_ms = now_ms + 777
    sale = await timeless.campaign(ends_at=rfc3339(ends_at_ms))

    await timeless.advance(to=rfc3339(ends_at_ms - 1))
    assert (await timeless.claimed(sale, "ann")).status == 201
    await timeless.advance(by_ms=1)
    late = await timeless.claimed(sale, "bob")
    assert (late.status, late.json()["code"]) == (410, "CLOSED")


async def test_C12_the_end_comes_by_time_too(timeless: Shop) -> None:
    """A campaign that ended by the clock: the winner's retry is answered, a loser learns CLOSED."""
    now_ms = await timeless.advance(by_ms=0)
    sale = await timeless.campaign(ends_at=rfc3339(now_ms + 10))
    won = await timeless.claimed(sale, "ann")

    await timeless.advance(by_ms=86_400_000)

    again, late = await asyncio.gather(timeless.claimed(sale, "ann"), timeless.claimed(sale, "bob"))
    assert (again.status, again.body) == (201, won.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert (late.status, late.json()["code"]) == (410, "CLOSED")
