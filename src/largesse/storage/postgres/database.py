"""One PostgreSQL database: its connections, the threads that use them, and what is tried again."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from largesse.kernel.errors import BusyError
from largesse.settings.tree import Database
from largesse.storage.postgres.errors import CONFLICTS, DRIVER, UNPREPARED, translate
from largesse.storage.postgres.numbering import number_on
from largesse.storage.postgres.patience import PatientConnection
from largesse.storage.postgres.transaction import (
    BEGIN_READING,
    BEGIN_WRITING,
    OPEN,
    Limits,
    Reading,
    Transaction,
)
from largesse.storage.postgres.trips import Line

ATTEMPTS_MAX = 5
"""How often the same work is done again after a conflict: each time somebody else got through."""

RECONNECT_S_MAX = 1.0
"""After so long the pool gives up, and whoever asks next makes it try anew: no long silence."""

SILENCE_S = 0.25
"""Beyond what it may wait for a row, a batch may wait so long for the disk or a standby."""

TURN_S_MAX = 10.0
"""Commands and readings wait for a thread, as many as come at once; longer, and it is too much."""

RECONNECT_CLAIMS_S_MAX = 0.25
"""Claims have one connection for themselves: where it is not there, the server is not either."""

PREPARE_AFTER = 3
"""So often a statement is sent in full before the server is told to remember it."""

# An end of the network that says nothing is noticed in seconds, not in the system's hours.
_CONNECTING: dict[str, str | int] = {
    "application_name": "largesse",
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 1,
    "tcp_user_timeout": 2_000,
}

_SAY = "SELECT pg_notify(%s, '')"

T = TypeVar("T")
C = TypeVar("C", bound=Connection)


def address_of(url: str) -> str:
    """An address with what we add to it; what it says itself stays."""
    said = conninfo_to_dict(url)
    return make_conninfo(
        url, **{name: one for name, one in _CONNECTING.items() if name not in said}
    )


def _nothing() -> None:
    """Do nothing after a commit."""


class PostgresDatabase:
    """Connections for claims and for all else, each used by one thread at a time.

    Claims have a connection and a thread of their own, so that nothing else holds them up. Neither
    outlives a failure: the pool makes a new one, and nobody needs to restart.
    """

    def __init__(self, settings: Database) -> None:
        self.settings = settings
        self.limits = Limits(int(settings.statement_s_max * 1000), int(settings.lock_s_max * 1000))
        self._pooled_between = False
        self._on_facts: list[Callable[[], None]] = []
        self.turn_s_max = TURN_S_MAX
        self._silence_s_max = settings.lock_s_max + SILENCE_S
        wait_s = min(RECONNECT_CLAIMS_S_MAX, settings.connection_s_max)
        self._claims = _make_pool(settings.url, Line, self._configure_line, _Size(1, wait_s))
        size = _Size(settings.pool_max, settings.connection_s_max)
        self._commands = _make_pool(settings.url, PatientConnection, self._configure, size)
        self._free: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )
        self._claim_thread = ThreadPoolExecutor(1, thread_name_prefix="ledger claims")
        self._threads = ThreadPoolExecutor(settings.pool_max, thread_name_prefix="ledger commands")

    def close(self) -> None:
        """Finish what is under way and let the connections go."""
        self._claim_thread.shutdown()
        self._threads.shutdown()
        self._claims.close()
        self._commands.close()

    async def write(
        self,
        wall: int,
        work: Callable[[Transaction], T],
        committed: Callable[[], object] = _nothing,
    ) -> T:
        """Do work in a transaction behind a tenant's wall; what it returned, once that is durable.

        After a conflict it is done again. `committed` is called after the commit, in a thread,
        whether or not the caller still waits. Raises what the work raised, `BusyError` where no
        connection or lock is to be had, and `UnavailableError` where nothing can be written; then
        nothing has happened, unless the connection was lost amid the commit.
        """

        def once(db: PatientConnection) -> T:
            answer = self._write(db, wall, work)
            committed()
            return answer

        return await self._in_thread(once)

    async def read(self, wall: int, work: Callable[[Transaction], T]) -> T:
        """Do work on one consistent state of the ledger; `UnavailableError` if it is unreadable."""
        return await self._in_thread(lambda db: self._read(db, wall, work))

    async def claim(self, work: Callable[[Line], T]) -> T:
        """Do work with the connection of claims, which begins and ends its own transactions."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._claim_thread, self._again, self._claims, work)

    def on_facts(self, call: Callable[[], None]) -> None:
        """Have a call made in a thread after each commit that wrote facts."""
        self._on_facts.append(call)

    def ring(self) -> None:
        """Facts were written and committed."""
        for call in self._on_facts:
            call()

    def say(self, channel: str) -> None:
        """From a thread: tell whoever listens, in whichever process, that there is news."""
        self._again(self._commands, lambda db: db.execute(_SAY, (channel,)))

    async def _in_thread(self, once: Callable[[PatientConnection], T]) -> T:
        loop = asyncio.get_running_loop()
        # A semaphore that somebody waited for belongs to his loop; the connections to nobody's.
        free = self._free.setdefault(loop, asyncio.Semaphore(self.settings.pool_max))
        try:
            async with asyncio.timeout(self.turn_s_max):
                await free.acquire()
        except TimeoutError as error:
            raise BusyError from error
        try:
            return await loop.run_in_executor(self._threads, self._again, self._commands, once)
        finally:
            free.release()

    def _again(self, pool: ConnectionPool[C], once: Callable[[C], T]) -> T:
        """Do work that leaves nothing when it fails, as often as that may help."""
        for _ in range(ATTEMPTS_MAX):
            try:
                with pool.connection() as db:
                    return once(db)
            except UNPREPARED as error:
                self._pooled_between = True
                pool.drain()
                again: Exception = error
            except CONFLICTS as error:
                again = error
            except DRIVER as error:
                raise translate(error) from error
        raise translate(again) from again

    def _write(self, db: PatientConnection, wall: int, work: Callable[[Transaction], T]) -> T:
        db.execute(BEGIN_WRITING)
        db.execute(OPEN, self.limits.bindings(wall))
        transaction = Transaction(db)
        with self._at_work(db):
            answer = work(transaction)
            db.execute("ROLLBACK" if transaction.undone else "COMMIT")
        return answer

    def _read(self, db: PatientConnection, wall: int, work: Callable[[Transaction], T]) -> T:
        db.execute(BEGIN_READING)
        db.execute(OPEN, self.limits.bindings(wall))
        with self._at_work(db):
            answer = work(Reading(db))
        db.execute("ROLLBACK")
        return answer

    @contextmanager
    def _at_work(self, db: PatientConnection) -> Iterator[None]:
        """Let statements take their time: only what begins a transaction is always quick."""
        db.silence_s_max = self.settings.statement_s_max + SILENCE_S
        try:
            yield
        finally:
            db.silence_s_max = self._silence_s_max

    def _configure(self, db: PatientConnection) -> None:
        db.silence_s_max = self._silence_s_max
        db.prepare_threshold = None if self._is_pooled(db) else PREPARE_AFTER
        number_on(db, self.limits)

    def _configure_line(self, line: Line) -> None:
        """A line prepares by itself: the driver would make the session forget all, now and then."""
        line.prepares = not self._is_pooled(line)
        line.prepare_threshold = None
        line.silence_s_max = self._silence_s_max
        number_on(line, self.limits)

    def _is_pooled(self, db: Connection) -> bool:
        """Whether somebody pools between us and the server.

        Then each transaction may meet another server process, and none of them knows the statements
        that we prepared at the last one. A pooler makes up the process id that it tells us.
        """
        [pid] = db.execute("SELECT pg_backend_pid()", prepare=False).fetchone() or (0,)
        return self._pooled_between or pid != db.info.backend_pid


class _Size(NamedTuple):
    """How many connections a pool has at most, and how long somebody waits for one."""

    connections_max: int
    wait_s_max: float


def _make_pool(
    url: str, kind: type[C], configure: Callable[[C], None], size: _Size
) -> ConnectionPool[C]:
    """A pool. The line of claims is not tried before each use: it is always in use."""
    return ConnectionPool(
        address_of(url),
        connection_class=kind,
        kwargs={"autocommit": True},
        min_size=1,
        max_size=size.connections_max,
        timeout=size.wait_s_max,
        configure=configure,
        check=None if kind is Line else ConnectionPool.check_connection,
        reconnect_timeout=RECONNECT_S_MAX,
        num_workers=1,
        open=True,
    )
