"""Hands facts on to subscribers, in order, from a position that is kept.

Each subscriber goes its own way through each part of the outbox, so that a slow one holds up no
other. What it was handed may come again after a crash; nothing is left out.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import structlog
from msgspec import Struct

from largesse.issuance.model import Piece, Wanted
from largesse.issuance.ports import OutboxStore
from largesse.kernel.errors import BusyError, UnavailableError
from largesse.kernel.fact import START
from largesse.kernel.health import Health
from largesse.kernel.lease import Lease, LeaseLostError
from largesse.workers.bell import PAUSE_S, Bell
from largesse.workers.timers import Wait

LEASE_S = 10.0
"""A process that was killed is replaced after so long; a lease is renewed in half the time."""

QUIET_PAUSE_S_MAX = 8 * PAUSE_S
"""The bell rings for all parts, and a sale is in one of them: the others, where looks find nothing,
look less often, up to so long apart. That is the most by which a fact of theirs comes later."""

UNKEPT_ROWS_MAX = 10_000
"""So many rows that nobody wanted are passed over before that is noted: a restart reads them again
in milliseconds, and a busy ledger is spared the writes."""

_log = structlog.get_logger(__name__)


class Subscriber(Protocol):
    """Somebody who hears facts."""

    @property
    def name(self) -> str:
        """Under which its position is kept; it never changes."""

    async def wanted(self, part: int) -> Wanted | None:
        """What it wants to hear of a part now; None while that is nothing."""

    async def take(self, lease: Lease, piece: Piece) -> None:
        """Take a piece in, and note `piece.upto` as the position of the lease, in this order.

        In one transaction where it can. What it took before a crash comes again. `BusyError` means
        that it can take nothing now and is to be asked again later.
        """


class Pace(Struct, frozen=True):
    """How a relay goes: rows looked at in one round, and the longest wait between two rounds."""

    rows_max: int
    poll_s: float


class Relay:
    """Runs one task for each subscriber and part."""

    def __init__(
        self, store: OutboxStore, pace: Pace, holder: str, wait: Wait = asyncio.sleep
    ) -> None:
        self._store = store
        self._pace = pace
        self._holder = holder
        self._wait = wait
        self._bells: list[Bell] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, subscribers: Sequence[Subscriber], health: Health) -> None:
        """Begin to hand facts on."""
        for subscriber in subscribers:
            for part in range(self._store.parts):
                bell = Bell(self._wait)
                self._bells.append(bell)
                work = self._follow(Way(self._store, subscriber, part), bell, health)
                self._tasks.append(asyncio.create_task(work, name=f"relay {subscriber.name}"))

    def ring(self) -> None:
        """Say that there is news. Any thread may."""
        for bell in self._bells:
            bell.ring()

    async def stop(self) -> None:
        """End, amid a piece if need be: it comes again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _follow(self, way: "Way", bell: Bell, health: Health) -> None:
        try:
            while True:
                more = await self._round(way, health)
                if way.idle:
                    await self._wait(self._pace.poll_s)
                elif not more:
                    await bell.heard(self._pace.poll_s, way.pause_s)
        finally:
            with suppress(UnavailableError):
                await way.leave()

    async def _round(self, way: "Way", health: Health) -> bool:
        """One round, whatever befalls it; whether there is more at once."""
        problem, more = None, False
        try:
            more = await way.go(self._holder, self._pace.rows_max)
        except (BusyError, UnavailableError, LeaseLostError) as error:
            # The ledger says by itself when it cannot write; the next round will do.
            _log.info("relay put off", subscriber=way.name, reason=str(error))
        except Exception as error:  # noqa: BLE001 - the next round may do better
            problem = f"failed: {str(error) or type(error).__name__}"
            _log.exception("relay failed", subscriber=way.name)
        health.report("relay", problem)
        return more


class Way:
    """One subscriber's way through one part: where it stands, and under which lease.

    `idle` says that there is nothing to do here for now: nobody wants anything, or another process
    has the part. `pause_s` is how long the next look has time: longer after each in a row that
    found nothing.
    """

    def __init__(self, store: OutboxStore, subscriber: Subscriber, part: int) -> None:
        self.name = subscriber.name
        self._store = store
        self._subscriber = subscriber
        self._part = part
        self._lease: Lease | None = None
        self._wanted: Wanted | None = None
        self._kept = START
        self._renew_at_s = 0.0
        self.idle = True
        self.pause_s = PAUSE_S

    async def go(self, holder: str, rows_max: int) -> bool:
        """One round; whether there is more."""
        wanted = self._wanted or await self._subscriber.wanted(self._part)
        self.idle = wanted is None or not await self._leased(holder)
        lease = self._lease
        if wanted is None or lease is None:
            self._wanted = None
            return False
        try:
            piece = await self._store.read(self._part, lease.position, wanted, rows_max)
            if piece.upto == lease.position:
                self._wanted = wanted
                self.pause_s = min(2 * self.pause_s, QUIET_PAUSE_S_MAX)
                return False
            self.pause_s = PAUSE_S
            # What is wanted is asked once more when something is passed: it may lack something for
            # who came meanwhile.
            self._wanted = await self._subscriber.wanted(self._part)
            if self._wanted != wanted:
                return True
            if piece.rows:
                await self._subscriber.take(lease, piece)
                self._kept = piece.upto
            elif piece.upto.seq - self._kept.seq > UNKEPT_ROWS_MAX:
                await self._store.keep(lease, piece.upto)
                self._kept = piece.upto
        except LeaseLostError:
            self._lease = None
            raise
        self._lease = lease._replace(position=piece.upto)
        return piece.more

    async def leave(self) -> None:
        """Let another process have the part; the next round takes it anew."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await self._store.release(lease)

    async def _leased(self, holder: str) -> bool:
        """Whether the part is this holder's; takes or renews the lease where that is due."""
        now_s = asyncio.get_running_loop().time()
        if self._lease is not None and now_s < self._renew_at_s:
            return True
        known = self._lease
        self._lease = await self._store.lease(
            self._subscriber.name, self._part, holder, int(LEASE_S * 1000)
        )
        if self._lease is None:
            return False
        self._kept = self._lease.position
        if known is not None and known.token == self._lease.token:
            self._lease = self._lease._replace(position=max(known.position, self._lease.position))
        self._renew_at_s = now_s + LEASE_S / 2
        return True
