"""The naive way, to be compared with: one transaction for each claim, on one row that all want.

It is what a service without batches does, and it has no HTTP, no keys, no codes and no facts to
care for: all of that is on our side of the comparison alone.
"""

import asyncio
import random
import time

import psycopg
import uvloop
from psycopg import AsyncConnection

from largesse.bench.plan import BenchError

CONNECTIONS = 32

_MAKE = """
CREATE TABLE stock (id int PRIMARY KEY, quota bigint NOT NULL, issued bigint NOT NULL);
CREATE TABLE coupon (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  serial bigint NOT NULL UNIQUE, customer text NOT NULL UNIQUE, at timestamptz NOT NULL);
INSERT INTO stock VALUES (1, 1000000000, 0)"""
_HOLD = "SELECT issued FROM stock WHERE id = 1 AND issued < quota FOR UPDATE"
_GIVE = "INSERT INTO coupon (serial, customer, at) VALUES (%s, %s, now())"
_TAKE = "UPDATE stock SET issued = issued + 1 WHERE id = 1"
_COUNT = "SELECT s.issued, (SELECT count(*) FROM coupon) FROM stock s"
_ID_BITS = 72


def per_second(url: str, seconds: int) -> float:
    """Claims per second on an empty database; `BenchError` where it is not exact either."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(_MAKE)
        began_s = time.perf_counter()
        done = uvloop.run(_crowd(url, seconds))
        took_s = time.perf_counter() - began_s
        counted = db.execute(_COUNT).fetchone()
    if counted != (done, done):
        message = f"the naive way did {done} and kept {counted}"
        raise BenchError(message)
    return done / took_s


async def _crowd(url: str, seconds: int) -> int:
    until_s = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(_client(url, until_s) for _ in range(CONNECTIONS))))


async def _client(url: str, until_s: float) -> int:
    dice, done = random.Random(), 0  # noqa: S311 - customers' ids, which guard nothing
    async with await AsyncConnection.connect(url, autocommit=True, prepare_threshold=0) as db:
        while time.perf_counter() < until_s:
            async with db.transaction():
                [issued] = await (await db.execute(_HOLD)).fetchone() or (0,)
                await db.execute(_GIVE, (issued + 1, f"{dice.getrandbits(_ID_BITS):018x}"))
                await db.execute(_TAKE)
            done += 1
    return done
