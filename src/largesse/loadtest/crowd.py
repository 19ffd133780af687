"""The crowd: asks what is due over whichever connection is free, in an open loop.

The moments to ask are fixed beforehand, and a latency counts from its moment, not from when the
claim could at last be sent. So a server that stalls makes slow all that should have been asked
meanwhile, as it would for people. At full speed there is no such moment: each connection asks
again as soon as it has its answer, and a latency counts from there.
"""

import asyncio
import itertools
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from largesse.client.address import Address, address_of
from largesse.client.asynchronous import AsyncClient
from largesse.client.call import Call, Request
from largesse.client.connection import Encoder
from largesse.client.errors import NoAnswerError, RefusedError, StrangeAnswerError
from largesse.client.model import Campaign
from largesse.client.retries import ONCE
from largesse.loadtest.patterns import Schedule, schedule_of
from largesse.loadtest.plan import Plan
from largesse.loadtest.tally import HUNG_UP, ISSUED, NO_ANSWER, STRANGE_ANSWER, Heard, Tally
from largesse.loadtest.wishes import WISHES, Given, Result, Wish

TIMEOUT_S = 10.0
"""Who has heard nothing by then goes away, and asks once more when all is over."""

LATE_S_MAX = 30.0
"""Claims that could not be sent so long after the last was due are not sent any more."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server, the key that opens it, the campaigns, and the name of the run among all runs."""

    url: str
    key: str
    campaigns: Sequence[Campaign]
    run: str

    def campaign_of(self, number: int) -> Campaign:
        """Whose claim this is: they take turns."""
        return self.campaigns[number % len(self.campaigns)]

    def customer(self, number: int) -> str:
        """Who claims, and under which key."""
        return f"{self.run}-{number}"


class Crowd:
    """Runs a plan's load against a target, and tallies what is heard."""

    def __init__(self, plan: Plan, target: Target, tally: Tally) -> None:
        self._plan = plan
        self._target = target
        self._tally = tally
        self._wish: Wish = WISHES[plan.protocol]
        self._schedule: Schedule = schedule_of(plan)
        self._hang_up_every = self._schedule.pattern.hang_up_every
        self._leaver = Leaver(address_of(target.url, target.key))
        self._numbers = itertools.count()
        self._began_s = 0.0

    async def run(self) -> None:
        """Begin now; returns when the last has heard, or gone."""
        target, connections = self._target, self._plan.connections
        self._began_s = time.perf_counter()
        async with AsyncClient(
            target.url,
            target.key,
            retries=ONCE,
            timeout_s=TIMEOUT_S,
            connections_max=connections,
        ) as client:
            await asyncio.gather(*(self._one_after_the_other(client) for _ in range(connections)))
        if self._schedule.count is not None:
            self._tally.unsent = self._schedule.count - len(self._tally.heard)

    async def _one_after_the_other(self, client: AsyncClient) -> None:
        """One connection's claims."""
        while (next_up := self._next()) is not None:
            number, due_s = next_up
            if due_s > (now_s := self._now_s()):
                await asyncio.sleep(due_s - now_s)
            if self._hang_up_every and number % self._hang_up_every == 0:
                sent_s = self._now_s()
                await self._leaver.ask_and_leave(self._call(number).request)
                heard = Heard(number, HUNG_UP, None, sent_s, self._now_s(), known=False)
            else:
                heard = await self._ask(client, number)
            self._tally.add(heard, due_s)

    def _next(self) -> tuple[int, float] | None:
        """The next claim and when it is due, or None where the load is over."""
        schedule, now_s = self._schedule, self._now_s()
        number = next(self._numbers)
        due_s = schedule.moment_s(number)
        if due_s is None or schedule.count is None:
            return (number, now_s) if now_s < schedule.seconds else None
        if number >= schedule.count or now_s > schedule.seconds + LATE_S_MAX:
            return None
        return number, due_s

    async def _ask(self, client: AsyncClient, number: int) -> Heard:
        sent_s = self._now_s()
        given: Given | None = None
        known = False
        try:
            result = await client.ask(self._call(number))
            known, outcome = True, ISSUED
            if isinstance(result, Given):
                given = result
            else:
                outcome = result.outcome
        except NoAnswerError:
            outcome = NO_ANSWER
        except StrangeAnswerError:
            outcome = STRANGE_ANSWER
        except RefusedError as error:
            outcome = error.refusal.outcome
            known = (error.refusal.status or 0) < HTTPStatus.INTERNAL_SERVER_ERROR
        return Heard(number, outcome, given, sent_s, self._now_s(), known)

    def _call(self, number: int) -> Call[Result]:
        return self._wish(self._target.campaign_of(number), self._target.customer(number))

    def _now_s(self) -> float:
        return time.perf_counter() - self._began_s


class Leaver:
    """A customer who asks over a connection of his own, and goes without waiting."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._encode = Encoder(address).encode
        self._tls = ssl.create_default_context() if address.secure else None

    async def ask_and_leave(self, request: Request) -> None:
        """Send the whole request, then hang up; where nobody listens nothing was asked."""
        address = self._address
        with suppress(OSError):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=self._tls)
            writer.write(self._encode(request))
            writer.close()
            await writer.wait_closed()
