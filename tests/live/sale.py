"""A sale whose database fails: what its customers heard, and whether the ledger holds just that."""

import asyncio
import time
from collections.abc import Callable

from exactness import answered, check_distinct
from raw_http import Response
from running import Running, ready
from shop import Shop

IN_FLIGHT = 128
STOCK = 1_000_000
BACK_S_MAX = 10.0
REFUSED_S_MAX = 2.0
SLACK_S = 4.0
"""What a machine that does much else may add."""


class Sale:
    """What the clients of a sale know: answers that came, by the customer.

    `slowest_s` is how long the longest answer took, of the refusals alone.
    """

    def __init__(self, tenant: Shop, campaign: str) -> None:
        self.won: dict[str, Response] = {}
        self.unknown: set[str] = set()
        self.slowest_s = 0.0
        self._tenant = tenant
        self._campaign = campaign
        self._customers = 0

    async def claim(self, customer: str) -> Response:
        """One claim: a coupon, the same as ever, or a word that there is none to be had now."""
        started_s = time.monotonic()
        answer = await self._tenant.claimed(self._campaign, customer)
        if answer.status == 201:
            first = self.won.setdefault(customer, answer)
            assert first.body == answer.body
            self.unknown.discard(customer)
        else:
            self.slowest_s = max(self.slowest_s, time.monotonic() - started_s)
            assert answer.status == 503, answer.body
            assert int(answer.headers["retry-after"]) > 0
            self.unknown.add(customer)
        return answer

    async def until(self, done: Callable[[], bool]) -> None:
        """Claim with so many at once, each for another customer, until enough was seen."""

        async def one_client() -> None:
            while not done():
                self._customers += 1
                await self.claim(f"c{self._customers}")

        await asyncio.gather(*(one_client() for _ in range(IN_FLIGHT)))

    async def more(self, count: int) -> None:
        """Claim until so many more have won."""
        enough = len(self.won) + count
        await self.until(lambda: len(self.won) >= enough)

    async def refused(self, count: int = IN_FLIGHT) -> None:
        """Claim until so many more are told that there is nothing to be had now."""
        enough = len(self.unknown) + count
        await self.until(lambda: len(self.unknown) >= enough)

    async def back(self) -> float:
        """Claim until somebody wins again; how long that took."""
        started_s = time.monotonic()
        while (await self.claim("first-one-back")).status != 201:
            assert time.monotonic() - started_s < BACK_S_MAX
        return time.monotonic() - started_s

    async def ask_again(self) -> None:
        """Whoever does not know asks with his key, and is told."""
        await asyncio.gather(*map(self.claim, sorted(self.unknown)))
        assert not self.unknown

    async def lost(self) -> int:
        """How many of those who won have nothing in the ledger, or something else."""
        rows = {one["id"]: one for one in await self._tenant.incentives(self._campaign)}
        told = [answer.json()["incentive"] for answer in answered(list(self.won.values()))]
        return sum(rows.get(one["id"]) != one for one in told)

    async def check(self, running: Running) -> None:
        """What was answered is what the ledger holds, all of it once, and it is proven sound."""
        await self.ask_again()
        await ready(running.port)
        listed = await self._tenant.incentives(self._campaign)
        check_distinct(listed)
        assert len({one["customer_id"] for one in listed}) == len(listed) == len(self.won)
        assert await self.lost() == 0
        assert (await self._tenant.proof())["violations"] == []
