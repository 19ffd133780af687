"""The single writer of the ledger's file."""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

import apsw

from largesse.campaigns.model import Campaign
from largesse.issuance.ports import Publish
from largesse.kernel.errors import BusyError, UnavailableError
from largesse.storage.sqlite.campaigns import load_campaign
from largesse.storage.sqlite.file import LedgerFile, Pragma, apply_pragmas
from largesse.storage.sqlite.query import number
from largesse.storage.sqlite.transaction import Transaction

JOBS_PER_COMMIT_MAX = 64
"""Jobs that share a commit; more would make the first of them wait for no cheaper a sync."""

JOBS_WAITING_MAX = 10_000
"""Jobs in the queue: beyond it the next is refused, for its caller would have given up anyway."""

_BESIDE = (Pragma("temp_store", 2),)
"""Pages that a job changes are kept beside until it ends, so that it can be undone alone: they are
in memory, for jobs are bounded. A temporary file took a third of a batch of redemptions."""

_CLOSED = "the ledger is closed"
_LAST_SEQ = "SELECT coalesce(max(seq), 0) FROM journal"

T = TypeVar("T")
Watch = Callable[[int, Campaign | None], None]
"""Told of a touched campaign in the writer's thread: its number, and what it is now, if it is."""


class _Job(NamedTuple):
    """Work, and whoever waits for it. Of bulky jobs a commit holds at most one."""

    work: Callable[[Transaction], Any]
    bulky: bool
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]


class _End(NamedTuple):
    """How a job ended."""

    job: _Job
    answer: Any = None
    error: Exception | None = None


class _Commit:
    """What the jobs of one commit leave to be done after it."""

    def __init__(self, last_seq: int) -> None:
        self.last_seq = last_seq
        self.ends: list[_End] = []
        self.touched: dict[int, tuple[asyncio.AbstractEventLoop, Campaign | None]] = {}
        self.calls: list[Callable[[], object]] = []


class Writer:
    """A thread that owns the only connection that writes.

    Jobs that wait are committed together: one sync to disk, whether for one job or for many. A job
    that raises is undone alone, its neighbours stay; when the commit fails, all of them fail. An
    answer is given only after the commit, to each event loop in a single call.
    """

    def __init__(self, file: LedgerFile, publish: Publish) -> None:
        self._publish = publish
        self._watches: list[Watch] = []
        self._bells: list[Callable[[], None]] = []
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._held_back: _Job | None = None
        self._taken: list[_Job] = []
        self._end_met = False
        self._closed = False
        self._gate = threading.Lock()
        self._checkpoint_pages = file.settings.checkpoint_pages
        self._checkpoint_at = self._checkpoint_pages
        self._db = file.connect()
        apply_pragmas(self._db, _BESIDE)
        self._last_seq = _read_last_seq(self._db)
        self._thread = threading.Thread(target=self._run, name="ledger writer", daemon=True)
        self._thread.start()

    def watch(self, watch: Watch) -> None:
        """Have a call made for each campaign that a commit touched, before anybody is answered.

        It is made in the writer's thread and must not fail.
        """
        self._watches.append(watch)

    def ring(self, bell: Callable[[], None]) -> None:
        """Have a call made after each commit that told a fact.

        It is made in the writer's thread, must not fail and must cost nothing.
        """
        self._bells.append(bell)

    async def write(self, work: Callable[[Transaction], T], *, bulky: bool = False) -> T:
        """Do work in the next transaction; return what it returned once that is durable.

        Raises what the work raised, `BusyError` where too many wait, and `UnavailableError` where
        nothing can be written: then nothing of it has happened, unless the machine breaks down
        before the next commit.
        """
        if self._jobs.qsize() >= JOBS_WAITING_MAX:
            raise BusyError
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        with self._gate:
            if self._closed:
                raise UnavailableError(_CLOSED)
            self._jobs.put(_Job(work, bulky, loop, done))
        return await done

    def close(self) -> None:
        """Finish the jobs that wait and close the connection."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._end_met:
                self._taken = self._take_jobs()
                _deliver(self._commit(self._taken), self._publish)
                self._taken = []
                self._checkpoint_when_due()
        finally:
            # Reached early only by a mistake of ours after a commit: then memory may lag behind the
            # file, and writing on would give places away twice. A restart reads the file anew.
            with self._gate:
                self._closed = True
            self._db.close()
            self._refuse_rest()

    def _take_jobs(self) -> list[_Job]:
        """The next jobs in their order, at most one of them bulky; notes when the end is met."""
        jobs: list[_Job] = []
        bulky = False
        job = self._held_back or self._jobs.get()
        self._held_back = None
        while job is not None:
            if job.bulky and bulky:
                self._held_back = job
                return jobs
            bulky = bulky or job.bulky
            jobs.append(job)
            if len(jobs) == JOBS_PER_COMMIT_MAX or self._jobs.empty():
                return jobs
            job = self._jobs.get()
        self._end_met = True
        return jobs

    def _commit(self, jobs: list[_Job]) -> _Commit:
        commit = _Commit(self._last_seq)
        if not jobs:
            return commit
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for job in jobs:
                commit.ends.append(self._attempt(job, commit, alone=len(jobs) == 1))
            for number, (loop, _) in commit.touched.items():
                commit.touched[number] = loop, load_campaign(self._db, number)
            self._db.execute("COMMIT")
        except apsw.Error as error:
            return self._give_up(jobs, error)
        told = commit.last_seq > self._last_seq
        self._last_seq = commit.last_seq
        for call in commit.calls:
            call()
        for number, (_, campaign) in commit.touched.items():
            for watch in self._watches:
                watch(number, campaign)
        if told:
            for bell in self._bells:
                bell()
        return commit

    def _attempt(self, job: _Job, commit: _Commit, *, alone: bool) -> _End:
        """Do one job so that it can be undone alone: to the transaction's begin where it has one.

        Each statement that is spared is one time less that two threads fight for the interpreter.
        """
        if not alone:
            self._db.execute("SAVEPOINT job")
        transaction = Transaction(self._db, commit.last_seq)
        try:
            end = _End(job, answer=job.work(transaction))
        except Exception as error:
            if not self._db.in_transaction:
                message = "SQLite has undone the neighbours' work too"
                raise apsw.AbortError(message) from error
            transaction.undo()
            end = _End(job, error=_translate(error))
        if transaction.undone:
            self._db.execute("ROLLBACK; BEGIN IMMEDIATE" if alone else "ROLLBACK TO job")
        else:
            commit.last_seq = transaction.last_seq
            commit.calls += transaction.committed
            commit.touched |= dict.fromkeys(transaction.touched, (job.loop, None))
        if not alone:
            self._db.execute("RELEASE job")
        return end

    def _give_up(self, jobs: list[_Job], error: apsw.Error) -> _Commit:
        """Undo the whole transaction; everybody in it learns why."""
        if self._db.in_transaction:
            with suppress(apsw.Error):  # it says again what `error` says, and has rolled back
                self._db.execute("ROLLBACK")
        failed = _Commit(self._last_seq)
        failed.ends = [_End(job, error=_translate(error)) for job in jobs]
        return failed

    def _checkpoint_when_due(self) -> None:
        """Copy the log into the file in small steps, so that no answer waits for a large one."""
        written, _ = self._db.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)
        if written < self._checkpoint_at:
            return
        self._checkpoint_at = written + self._checkpoint_pages
        # What was committed is safe in the log; the next commit will try again.
        with suppress(apsw.Error):
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _refuse_rest(self) -> None:
        """Answer whoever was not: with the thread nobody else would."""
        rest = [*self._taken, self._held_back]
        while not self._jobs.empty():
            rest.append(self._jobs.get())
        refused = _Commit(self._last_seq)
        error = UnavailableError(_CLOSED)
        refused.ends = [_End(job, error=error) for job in rest if job is not None]
        _deliver(refused, self._publish)


def _read_last_seq(db: apsw.Connection) -> int:
    return number(db, _LAST_SEQ)


def _translate(error: Exception) -> Exception:
    """The driver's errors in our words; any other is the work's own."""
    if not isinstance(error, apsw.Error):
        return error
    unavailable = UnavailableError()
    unavailable.__cause__ = error
    return unavailable


def _deliver(commit: _Commit, publish: Publish) -> None:
    """Hand every loop its campaigns and its answers in one call."""
    for loop in {end.job.loop for end in commit.ends}:
        changed = [one for home, one in commit.touched.values() if home is loop and one is not None]
        ends = [end for end in commit.ends if end.job.loop is loop]
        with suppress(RuntimeError):  # the loop of those who asked has closed
            loop.call_soon_threadsafe(_resolve, publish, changed, ends)


def _resolve(publish: Publish, changed: list[Campaign], ends: list[_End]) -> None:
    for campaign in changed:
        publish(campaign)
    for job, answer, error in ends:
        if job.done.done():  # its caller has gone away
            continue
        if error is None:
            job.done.set_result(answer)
        else:
            job.done.set_exception(error)
