"""What other processes changed of that which this one keeps in memory."""

from collections.abc import Awaitable, Callable, Collection
from typing import NamedTuple

from largesse.storage.postgres.campaigns import load_changed, load_revised
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.listening import Channel, Listening
from largesse.storage.postgres.publishing import Publisher
from largesse.storage.postgres.transaction import EVERYBODY, Changed, Transaction

CHANNEL = "largesse_changes"
"""Where the database's triggers say that there is something new."""

KEPT = "1 hour"
"""Whoever looks for the first time after that reads everything anew instead."""

_NOW = "SELECT snapshot_now()::text"
_SINCE = """
SELECT subject, number FROM change
WHERE tx >= pg_snapshot_xmin(%(since)s::pg_snapshot)
  AND NOT pg_visible_in_snapshot(tx, %(since)s::pg_snapshot)"""
_FORGET = "DELETE FROM change WHERE at < now() - %s::interval"

Learn = Callable[[Collection[int] | None], Awaitable[None]]
"""Learns some tenants anew, by their numbers, or all of them where None."""


class _News(NamedTuple):
    """What there is to learn; `tenants` None means all."""

    snapshot: str
    tenants: frozenset[int] | None
    campaigns: list[Changed]


class PostgresChanges:
    """Follows what other processes change; `learn` is how tenants and their keys are learnt.

    The first look reads what changed since `snapshot`. One that failed, and one after words were
    missed, reads everything: the database that answers then may be another one.
    """

    def __init__(
        self,
        database: PostgresDatabase,
        publisher: Publisher,
        listening: Listening,
        snapshot: str,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._listening = listening
        self._snapshot = snapshot
        self._all = False

    def start(self, ring: Callable[[], None]) -> None:
        """See `Others`. What else hangs on the same connection has said so before."""

        def missed() -> None:
            self._all = True
            ring()

        self._listening.on(Channel(CHANNEL, ring, missed))
        self._listening.start()

    async def stop(self) -> None:
        """See `Others`."""
        await self._listening.stop()

    @property
    def hears(self) -> bool:
        """See `Others`."""
        return self._listening.hears

    async def look(self, learn: Learn) -> None:
        """See `Others`."""
        everything, self._all = self._all, False
        try:
            read = _read_all if everything else self._read
            news = await self._database.read(EVERYBODY, read)
            if news.tenants is None or news.tenants:
                await learn(news.tenants)
        except BaseException:
            self._all = True
            raise
        self._publisher.tell(news.campaigns)
        self._snapshot = news.snapshot

    async def forget(self) -> None:
        """Remove what everybody has read."""
        await self._database.write(
            EVERYBODY, lambda transaction: transaction.execute(_FORGET, (KEPT,))
        )

    def _read(self, transaction: Transaction) -> _News:
        [snapshot] = transaction.row(_NOW)
        changed = transaction.rows(_SINCE, {"since": self._snapshot})
        for subject, number in changed:
            if subject == "campaign":
                transaction.touch_campaign(number)
        tenants = frozenset(number for subject, number in changed if subject == "tenant")
        return _News(snapshot, tenants, load_changed(transaction))


def _read_all(transaction: Transaction) -> _News:
    [snapshot] = transaction.row(_NOW)
    return _News(snapshot, None, load_revised(transaction))
