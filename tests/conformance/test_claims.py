"""Conformance of claims: exact counts, codes, retries and deletions."""

import asyncio
import random
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from crowd import Connection, Crowd
from exactness import (
    answered,
    check_distinct,
    check_sale,
    check_stock,
    codes_of_refusals,
    issued,
)
from running import Running, served
from shop import Json, Shop, a_reward, shop

CLASSIC = "가가9999가가99"
"""The classic Korean format."""

MILLION = 1_000_000
BATCH = 1_000
"""Claims of one batch."""


async def batch(tenant: Shop, sale: str, first: int) -> list[str]:
    """The codes of a batch of customers, the first of them by his number; each must get one."""
    claims = [{"customer_id": f"c{n}", "key": f"k{n}"} for n in range(first, first + BATCH)]
    answer = await tenant.ask("POST", f"/campaigns/{sale}/claims:batch", {"claims": claims})
    assert answer.status == 200, answer.body
    return [result["incentive"]["code"] for result in answer.json()["results"]]


@pytest.mark.slow
async def test_C03_ten_thousand_claims(acme: Shop) -> None:
    """10,000 claims on 20,000: all issued; codes returned = codes listed; left 10,000."""
    sale = await acme.sale(20_000)

    ended = await asyncio.gather(*(acme.claim(sale, f"c{n}") for n in range(10_000)))

    given = issued(answered(ended))
    assert len(given) == 10_000
    listed = await acme.incentives(sale)
    check_distinct(listed)
    assert {one["code"] for one in listed} == {one["code"] for one in given}
    assert (await acme.stock(sale))["left"] == 10_000


@pytest.mark.parametrize(("stock", "customers"), [(1, 50), (100, 1_000), (1_000, 1_001), (7, 7)])
async def test_C04_exactly_as_many_as_there_are(acme: Shop, stock: int, customers: int) -> None:
    """Stock N, M > N claims at once: exactly N issued, M - N SOLD_OUT."""
    sale = await acme.sale(stock)

    ended = await asyncio.gather(*(acme.claim(sale, f"c{n}") for n in range(customers)))

    check_sale(answered(ended), stock)
    check_stock(await acme.stock(sale), rows=len(await acme.incentives(sale)))


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_C05_codes_of_the_classic_pattern(acme: Shop, ledger: Mapping[str, str]) -> None:
    """A million codes over two campaigns: all of the classic form, none of them twice.

    A tenth of that where the ledger is in PostgreSQL: codes do not come from there.
    """
    wanted = MILLION // 10 if ledger else MILLION
    form = re.compile(r"[가-힣]{2}\d{4}[가-힣]{2}\d{2}")
    reward = a_reward(code={"pattern": CLASSIC, "source": "permuted"})
    sales = [await acme.campaign(rewards=[reward]) for _ in range(2)]

    codes: set[str] = set()
    for first in range(0, wanted // 2, 2 * BATCH):
        asked = [batch(acme, sale, start) for sale in sales for start in (first, first + BATCH)]
        for some in await asyncio.gather(*asked):
            codes.update(some)

    assert len(codes) == wanted
    assert all(len(code) == 10 and form.fullmatch(code) for code in codes)


async def test_C05_a_code_finds_its_incentive(acme: Shop) -> None:
    """However it is typed: with spaces and dashes, and with its syllables taken apart."""
    sale = await acme.campaign(rewards=[a_reward(code={"pattern": CLASSIC})])
    won = (await acme.claimed(sale, "ann")).json()["incentive"]
    code = won["code"]

    typed = unicodedata.normalize("NFD", f" {code[:2]}-{code[2:6]} {code[6:]}")
    found = await acme.ask("GET", f"/codes/{quote(typed)}")

    assert (found.status, found.json()["id"]) == (200, won["id"])


async def test_C06_two_campaigns_at_once(acme: Shop) -> None:
    """Two campaigns loaded at the same time: neither disturbs the other."""
    stocks = {await acme.sale(300): 300, await acme.sale(2_000): 2_000}
    wishes = [(sale, f"c{n}") for n in range(1_500) for sale in stocks]
    random.Random(6).shuffle(wishes)

    ended = await asyncio.gather(*(acme.claim(sale, customer) for sale, customer in wishes))

    pairs = list(zip(wishes, answered(ended), strict=True))
    for sale, stock in stocks.items():
        check_sale([answer for (asked, _), answer in pairs if asked == sale], stock)
        check_stock(await acme.stock(sale), rows=min(stock, 1_500))


@pytest.mark.slow
async def test_C07_clients_that_disconnect_after_sending(server: Running, acme: Shop) -> None:
    """Left + issued = total, nothing is lost, and each one's key tells what became of his wish."""
    count, total = 1_000, 1_500
    sale = await acme.sale(total)
    loop = asyncio.get_running_loop()

    async def hit_and_run(number: int) -> None:
        _, connection = await loop.create_connection(Connection, "127.0.0.1", server.port)
        Shop(Crowd([connection]), acme.api_key).claim(sale, f"c{number}")
        if number % 2:
            connection.abort()
        else:
            connection.leave()

    for start in range(0, count, 50):
        await asyncio.gather(*(hit_and_run(n) for n in range(start, start + 50)))
    settled = await acme.stock(sale)
    retries = await asyncio.gather(*(acme.claim(sale, f"c{n}") for n in range(count)))

    given = issued(answered(retries))
    assert len(given) == count
    check_distinct(given)
    check_stock(settled, rows=settled["issued"])
    check_stock(await acme.stock(sale), rows=len(await acme.incentives(sale)))
    replayed = [one for one in answered(retries) if "idempotency-replayed" in one.headers]
    assert len(replayed) >= settled["issued"] > 0


@pytest.mark.slow
async def test_C08_a_restart_amid_a_sale(tmp_path: Path, own_ledger: Mapping[str, str]) -> None:
    """Restart of every component mid-sale: same counters, and the sale goes on to its exact end."""
    answers = []
    with served(tmp_path, own_ledger) as running:
        async with shop(running.port, 8) as acme:
            sale = await acme.sale(600)
            answers += await asyncio.gather(*(acme.claim(sale, f"c{n}") for n in range(400)))
            before = await acme.get(f"/campaigns/{sale}")
        assert running.stop() == 0
    with served(tmp_path, own_ledger) as running:
        async with shop(running.port, 8) as acme:
            assert await acme.get(f"/campaigns/{sale}") == before
            answers += await asyncio.gather(*(acme.claim(sale, f"c{n}") for n in range(400, 800)))
            check_sale(answered(answers), 600)
            check_stock(await acme.stock(sale), rows=len(await acme.incentives(sale)))


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"rewards": [a_reward(quota_total=0)]}, "/rewards/0/quota_total"),
        ({"rewards": [a_reward(quota_total=-5)]}, "/rewards/0/quota_total"),
        ({"name": ""}, "/name"),
        ({"name": None}, "/name"),
        ({"starts_at": None}, "/starts_at"),
        ({"starts_at": "yesterday"}, "/starts_at"),
        ({"ends_at": "2019-01-01T00:00:00Z"}, "/ends_at"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "/ends_at"),
    ],
)
async def test_C09_a_campaign_that_makes_no_sense(acme: Shop, changes: Json, pointer: str) -> None:
    """Total <= 0, no name, no start, end before start: 422 each, with pointers."""
    refused = await acme.create(**changes)

    assert refused.status == 422, refused.body
    assert refused.json()["pointer"] == pointer
    assert (await acme.get("/campaigns"))["items"] == []


@pytest.mark.parametrize("missing", ["name", "starts_at", "rewards"])
async def test_C09_what_is_missing_is_named(acme: Shop, missing: str) -> None:
    """A field that is not there at all is told with its name."""
    wanted = {"name": "Launch", "starts_at": "2020-01-01T00:00:00Z", "rewards": [a_reward()]}
    del wanted[missing]

    refused = await acme.ask("POST", "/campaigns", wanted, Idempotency_Key="k")

    assert refused.status == 422, refused.body
    assert missing in refused.json()["detail"]


async def test_C10_deleted_while_claims_arrive(acme: Shop) -> None:
    """No claim after the delete; the ledger is consistent; winners' retries are still answered."""
    sale = await acme.sale(100_000)
    given: list[Json] = []
    amid = asyncio.Event()

    async def claim_until_refused(client: int) -> str:
        while (answer := await acme.claimed(sale, f"c{client}-{len(given)}")).status == 201:
            given.append(answer.json()["incentive"])
            if len(given) > 500:
                amid.set()
        return str(answer.json()["code"])

    claiming = [asyncio.create_task(claim_until_refused(client)) for client in range(100)]
    await amid.wait()
    deleted = await acme.ask("DELETE", f"/campaigns/{sale}")
    after = [acme.claim(sale, f"d{n}") for n in range(500)]

    assert (deleted.status, deleted.json()["status"]) == (200, "ENDED")
    assert codes_of_refusals(answered(await asyncio.gather(*after))) == {"CLOSED": 500}
    assert set(await asyncio.gather(*claiming)) == {"CLOSED"}
    check_distinct(given)
    listed = await acme.incentives(sale)
    assert {one["code"] for one in listed} == {one["code"] for one in given}
    check_stock(await acme.stock(sale), rows=len(listed))
    again = await acme.claimed(sale, given[0]["customer_id"])
    assert again.json()["incentive"] == given[0]


async def test_C10_a_draft_without_incentives_disappears(acme: Shop) -> None:
    """Nothing was given: nothing is left."""
    draft = await acme.campaign(activate=False)

    assert (await acme.ask("DELETE", f"/campaigns/{draft}")).status == 204

    assert (await acme.ask("GET", f"/campaigns/{draft}")).status == 404
    assert (await acme.claimed(draft, "ann")).status == 404


async def test_C12_a_winner_gets_his_answer_again_whatever_has_happened(acme: Shop) -> None:
    """A retry after sell-out, pause and end; a loser: SOLD_OUT, NOT_ACTIVE, CLOSED."""
    sale = await acme.sale(1)
    won = await acme.claimed(sale, "ann")
    assert won.status == 201

    for verb, outcome in ((None, "SOLD_OUT"), ("pause", "NOT_ACTIVE"), ("end", "CLOSED")):
        if verb is not None:
            await acme.verb(sale, verb)
        again, lost = await asyncio.gather(acme.claimed(sale, "ann"), acme.claimed(sale, "bob"))
        assert (again.status, again.body) == (won.status, won.body)
        assert again.headers["idempotency-replayed"] == "true"
        assert lost.json()["code"] == outcome


async def test_C13_a_refusal_is_bound_to_no_key(acme: Shop) -> None:
    """A refused claim is retried with its key after stock came back by a revoke: issued."""
    sale = await acme.sale(1)
    won = (await acme.claimed(sale, "ann")).json()["incentive"]
    assert (await acme.claimed(sale, "bob", "key-of-bob")).json()["code"] == "SOLD_OUT"

    await acme.revoke(won["id"])

    again = await acme.claimed(sale, "bob", "key-of-bob")
    assert again.status == 201, again.body
    assert again.json()["incentive"]["serial"] == 2
    stock = await acme.stock(sale)
    assert (stock["issued"], stock["left"]) == (1, 0)
