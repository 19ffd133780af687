"""Promise: one key, one effect, one answer, however often and whenever it is sent."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from exactness import answered, check_distinct, check_stock, codes_of_refusals, issued
from raw_http import Response
from running import served
from shop import Shop, a_reward, shop

KEYS = 10_000
COPIES_MAX = 5
AT_ONCE = 0.3
"""The share of keys whose copies are all sent at the same moment."""

KILLED = 0.1
"""The share of keys between whose copies the server is killed."""

REWARDS = [a_reward(key="NONE", quota_total=KEYS), a_reward(key="OTHER")]
"""A claim that names no reward means the first; one that names the other has another content."""

CONNECTIONS = 16
REPLAYED = "idempotency-replayed"

First = dict[str, bytes]
"""By key: the first answer's body."""


def remember(first: First, key: str, answers: Iterable[Response]) -> None:
    """Hold answers against the first one of their key."""
    for answer in answers:
        assert answer.status == 201, answer.body
        assert first.setdefault(key, answer.body) == answer.body


async def send_copies(tenant: Shop, sale: str, key: str, dice: random.Random) -> list[Response]:
    """One to five copies of a claim, at once or one after the other."""
    count = dice.randint(1, COPIES_MAX)
    if dice.random() < AT_ONCE:
        return answered(await asyncio.gather(*(tenant.claim(sale, key) for _ in range(count))))
    return [await tenant.claimed(sale, key) for _ in range(count)]


async def sell(tenant: Shop, sale: str, keys: list[str], first: First, dice: random.Random) -> None:
    """Send all copies of all keys; of each key's answers exactly one is no replay."""
    waiting = iter(keys)

    async def one_client() -> None:
        for key in waiting:
            answers = await send_copies(tenant, sale, key, dice)
            remember(first, key, answers)
            assert sum(REPLAYED not in answer.headers for answer in answers) == 1

    await asyncio.gather(*(one_client() for _ in range(100)))


async def replay(tenant: Shop, sale: str, first: First) -> None:
    """Every key once more: the same bytes, and said to be a replay."""
    answers = answered(await asyncio.gather(*(tenant.claim(sale, key) for key in first)))
    for key, answer in zip(first, answers, strict=True):
        assert (answer.status, answer.body) == (201, first[key])
        assert answer.headers[REPLAYED] == "true"


async def refuse_changed(tenant: Shop, sale: str, first: First) -> None:
    """Every key with another content is refused."""
    changed = await asyncio.gather(*(tenant.claim(sale, key, reward="OTHER") for key in first))
    assert codes_of_refusals(answered(changed)) == {"IDEMPOTENCY_KEY_REUSED": len(first)}


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_ten_thousand_keys(
    tmp_path: Path,
    own_ledger: Mapping[str, str],
    dice: random.Random,
    told: Callable[[str], None],
) -> None:
    """10,000 keys replayed 1-5 times, at once, around a kill, and after each end of the sale."""
    first: First = {}
    keys = [f"c{number}" for number in range(KEYS)]
    split = round(KEYS * (1 - KILLED))
    with served(tmp_path, own_ledger) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            sale = await tenant.campaign(rewards=REWARDS)
            await sell(tenant, sale, keys[:split], first, dice)
            claims = [tenant.claim(sale, key) for key in keys[split:]]
            dice.choice(claims).add_done_callback(lambda _: running.process.kill())
            ended = await asyncio.gather(*claims)
        running.kill()
    for key, answer in zip(keys[split:], ended, strict=True):
        if answer is not None:
            remember(first, key, [answer])
    survived = len(first) - split
    with served(tmp_path, own_ledger) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            for key in keys[split:]:
                remember(first, key, await send_copies(tenant, sale, key, dice))
            await check_effects(tenant, sale, first)
            for verb in (None, "pause", "end"):
                if verb is not None:
                    await tenant.verb(sale, verb)
                await replay(tenant, sale, first)
                await refuse_changed(tenant, sale, first)
    told(
        f"idempotency: {KEYS} keys, {KEYS - split} around a kill ({survived} answered before it): "
        f"{KEYS} effects, all answers byte-equal, also after sell-out, pause and end; "
        f"{3 * KEYS} changed contents refused"
    )


async def check_effects(tenant: Shop, sale: str, first: First) -> None:
    """As many effects as keys, each the one that was answered."""
    assert len(first) == KEYS
    listed = await tenant.incentives(sale)
    check_distinct(listed)
    told = issued(Response(201, {}, body) for body in first.values())
    assert {one["id"] for one in listed} == {one["id"] for one in told}
    check_stock(await tenant.stock(sale), rows=KEYS)
    late = await tenant.claimed(sale, "a stranger", "k")
    assert late.json()["code"] == "SOLD_OUT"


def test_another_answer_is_caught() -> None:
    """The comparison sees a second effect: another serial under the same key."""
    first: First = {}
    remember(first, "k", [Response(201, {}, b'{"serial":1}')] * 2)
    with pytest.raises(AssertionError):
        remember(first, "k", [Response(201, {}, b'{"serial":2}')])
