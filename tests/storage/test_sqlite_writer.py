"""The writer: one thread, shared commits, answers after them."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from sqlite_ledger import open_file

from largesse.campaigns.model import Campaign
from largesse.kernel.errors import BusyError, InvalidInputError, UnavailableError
from largesse.storage.sqlite import writer as writer_module
from largesse.storage.sqlite.file import LedgerFile
from largesse.storage.sqlite.readers import Readers
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.writer import Writer

ADD = "INSERT INTO code_pattern (tenant, pattern, source) VALUES (1, ?, 'random')"
TENANT = "INSERT INTO tenant VALUES (1, 'ten_1', 'acme', 'UTC', 0, x'00', NULL)"


class Door:
    """Keeps the writer busy with one job, so that what comes meanwhile shares the next commit."""

    def __init__(self) -> None:
        self._opened = threading.Event()
        self._reached = threading.Event()

    def pass_through(self, _: Transaction) -> None:
        """The job: wait until the door is opened."""
        self._reached.set()
        assert self._opened.wait(10)

    async def reached(self) -> None:
        """Wait until the job stands at the door."""
        assert await asyncio.to_thread(self._reached.wait, 10)

    def open(self) -> None:
        """Let it through."""
        self._opened.set()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LedgerFile]:
    """A new file with one tenant."""
    file = open_file(tmp_path / "ledger.db")
    with file.connect() as db:
        db.execute(TENANT)
    db.close()
    yield file
    file.close()


@pytest.fixture
def writer(file: LedgerFile) -> Iterator[Writer]:
    """The writer of that file."""
    writer = Writer(file, lambda _: None)
    yield writer
    writer.close()


async def patterns(file: LedgerFile) -> list[str]:
    """What is in the file."""
    readers = Readers(file)
    try:
        found = await readers.read(
            lambda db: db.execute("SELECT pattern FROM code_pattern ORDER BY id").fetchall()
        )
    finally:
        readers.close()
    return [str(pattern) for (pattern,) in found]


def add(name: str, transaction: Transaction) -> str:
    """A job that leaves something."""
    transaction.db.execute(ADD, (name,))
    return name


def add_and_fail(transaction: Transaction) -> None:
    """A job that leaves nothing."""
    add("failed", transaction)
    raise InvalidInputError("no")


async def together(*jobs: "asyncio.Task[object]", door: Door) -> list[object]:
    """Let jobs that were queued behind a door end, whichever way."""
    await asyncio.sleep(0)  # so that they are in the queue
    door.open()
    return list(await asyncio.gather(*jobs, return_exceptions=True))


async def test_what_a_job_returns_is_durable(file: LedgerFile, writer: Writer) -> None:
    """The answer comes after the commit."""
    assert await writer.write(lambda transaction: add("one", transaction)) == "one"

    assert await patterns(file) == ["one"]


async def test_jobs_that_wait_share_a_commit_and_fail_alone(
    file: LedgerFile, writer: Writer
) -> None:
    """The failing one is undone, its neighbours stay, before it and after it."""
    commits = []
    door = Door()
    first = asyncio.create_task(writer.write(door.pass_through))
    await door.reached()

    def note(transaction: Transaction) -> None:
        transaction.on_commit(lambda: commits.append("commit"))
        commits.append("job")

    jobs = [
        asyncio.create_task(writer.write(work))
        for work in (
            note,
            lambda transaction: add("one", transaction),
            add_and_fail,
            lambda transaction: add("two", transaction),
            note,
        )
    ]
    ends = await together(*jobs, door=door)
    await first

    assert isinstance(ends[2], InvalidInputError)
    assert await patterns(file) == ["one", "two"]
    assert commits == ["job", "job", "commit", "commit"]


async def test_a_commit_holds_one_bulky_job(writer: Writer) -> None:
    """A second batch of wishes waits for the commit of the first, and the order is kept."""
    order: list[str] = []
    door = Door()
    first = asyncio.create_task(writer.write(door.pass_through))
    await door.reached()

    def work(name: str, transaction: Transaction) -> None:
        order.append(name)
        transaction.on_commit(lambda: order.append(f"{name} committed"))

    jobs = [
        asyncio.create_task(writer.write(lambda t, n=name: work(n, t), bulky=bulky))  # type: ignore[misc]  # mypy does not infer a default
        for name, bulky in (("a", True), ("b", False), ("c", True), ("d", False))
    ]
    await together(*jobs, door=door)
    await first

    assert order == [
        *("a", "b", "a committed", "b committed"),
        *("c", "d", "c committed", "d committed"),
    ]


async def test_a_commit_that_fails_fails_for_everybody(file: LedgerFile, writer: Writer) -> None:
    """Nobody is answered as if his work was kept; the next commit works again."""
    door = Door()
    first = asyncio.create_task(writer.write(door.pass_through))
    await door.reached()

    def break_the_commit(transaction: Transaction) -> None:
        transaction.db.execute("PRAGMA defer_foreign_keys = 1")
        transaction.db.execute("UPDATE code_pattern SET tenant = 99")

    jobs = [
        asyncio.create_task(writer.write(work))
        for work in (lambda transaction: add("one", transaction), break_the_commit)
    ]
    ends = await together(*jobs, door=door)
    await first

    assert [type(end) for end in ends] == [UnavailableError, UnavailableError]
    assert await patterns(file) == []
    assert await writer.write(lambda transaction: add("two", transaction)) == "two"


async def test_a_driver_s_error_is_said_in_our_words(writer: Writer) -> None:
    """Its cause stays visible to whoever looks for it."""
    with pytest.raises(UnavailableError) as refused:
        await writer.write(lambda transaction: transaction.db.execute("INSERT INTO nothing"))

    assert isinstance(refused.value.__cause__, apsw.Error)


async def test_numbers_of_an_undone_job_are_given_again(writer: Writer) -> None:
    """The journal has no gaps."""

    def take_and_fail(transaction: Transaction) -> None:
        transaction.take_seqs(5)
        raise InvalidInputError("no")

    with pytest.raises(InvalidInputError):
        await writer.write(take_and_fail)

    assert await writer.write(lambda transaction: transaction.take_seqs(2)) == 1
    assert await writer.write(lambda transaction: transaction.take_seqs(1)) == 3


async def test_a_job_may_end_well_and_leave_nothing(file: LedgerFile, writer: Writer) -> None:
    """As a dry run does."""

    def try_it(transaction: Transaction) -> str:
        transaction.undo()
        return add("tried", transaction)

    assert await writer.write(try_it) == "tried"
    assert await patterns(file) == []


async def test_closing_finishes_what_waits(file: LedgerFile) -> None:
    """Work that was taken is done; work that comes later is refused."""
    writer = Writer(file, lambda _: None)
    door = Door()
    first = asyncio.create_task(writer.write(door.pass_through))
    await door.reached()
    waiting = asyncio.create_task(writer.write(lambda transaction: add("one", transaction)))
    await asyncio.sleep(0)

    closing = asyncio.create_task(asyncio.to_thread(writer.close))
    door.open()
    await asyncio.gather(first, waiting, closing)

    assert await patterns(file) == ["one"]
    with pytest.raises(UnavailableError):
        await writer.write(lambda transaction: add("late", transaction))
    writer.close()


async def test_too_many_jobs(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue has a bound."""
    monkeypatch.setattr(writer_module, "JOBS_WAITING_MAX", 2)
    door = Door()
    jobs = [asyncio.create_task(writer.write(door.pass_through))]
    await door.reached()
    jobs += [asyncio.create_task(writer.write(lambda _: None)) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(BusyError):
        await writer.write(lambda _: None)
    door.open()
    await asyncio.gather(*jobs)


def test_a_loop_that_was_killed(file: LedgerFile) -> None:
    """Nobody is there to be told; what was taken is done all the same, and others are served."""
    writer = Writer(file, lambda _: None)
    door = Door()

    async def ask_and_leave() -> None:
        asking = asyncio.create_task(writer.write(door.pass_through))
        await door.reached()
        left = asyncio.create_task(writer.write(lambda transaction: add("left", transaction)))
        await asyncio.sleep(0)
        asking.cancel()
        left.cancel()

    asyncio.run(ask_and_leave())
    door.open()

    assert asyncio.run(writer.write(lambda transaction: add("next", transaction))) == "next"
    writer.close()
    assert asyncio.run(patterns(file)) == ["left", "next"]


async def test_each_loop_is_called_once_for_a_commit(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many answers it brings: a call wakes the loop up, which costs as much as a wish."""
    loop = asyncio.get_running_loop()
    door = Door()
    jobs = [asyncio.create_task(writer.write(door.pass_through))]
    await door.reached()
    jobs += [asyncio.create_task(writer.write(lambda _: None)) for _ in range(10)]
    await asyncio.sleep(0)
    calls = []
    call = loop.call_soon_threadsafe

    def count(callback: object, *arguments: object, **options: object) -> object:
        if threading.current_thread().name == "ledger writer":
            calls.append(callback)
        return call(callback, *arguments, **options)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    door.open()
    await asyncio.gather(*jobs)

    assert len(calls) == 2  # the one of the door, and the ten together


async def test_a_touched_campaign_is_watched_before_anybody_is_answered(writer: Writer) -> None:
    """In the writer's thread, and only when it was committed."""
    seen: list[tuple[str, int, Campaign | None]] = []
    writer.watch(
        lambda number, campaign: seen.append((threading.current_thread().name, number, campaign))
    )

    def touch_and_fail(transaction: Transaction) -> None:
        transaction.touch_campaign(8)
        raise InvalidInputError("no")

    with pytest.raises(InvalidInputError):
        await writer.write(touch_and_fail)
    await writer.write(lambda transaction: transaction.touch_campaign(7))

    assert seen == [("ledger writer", 7, None)]


async def test_a_mistake_after_the_commit_ends_the_writer(file: LedgerFile) -> None:
    """Memory may lag behind the file then: nothing more is written until a restart reads it."""
    writer = Writer(file, lambda _: None)
    failures: list[object] = []
    hook, threading.excepthook = threading.excepthook, lambda given: failures.append(given.exc_type)
    try:
        door = Door()
        first = asyncio.create_task(writer.write(door.pass_through))
        await door.reached()

        def fail_later(transaction: Transaction) -> None:
            transaction.on_commit(lambda: 1 // 0)

        broken = asyncio.create_task(writer.write(fail_later, bulky=True))
        behind = asyncio.create_task(writer.write(lambda _: None, bulky=True))
        ends = await together(broken, behind, door=door)
        await first

        assert [type(end) for end in ends] == [UnavailableError, UnavailableError]
        with pytest.raises(UnavailableError):
            await writer.write(lambda _: None)
    finally:
        writer.close()
        threading.excepthook = hook
    assert failures == [ZeroDivisionError]
