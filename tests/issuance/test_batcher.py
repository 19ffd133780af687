"""The queue of wishes: who shares a batch with whom, and that everybody hears exactly once."""

import asyncio
from collections import Counter

import pytest
from batcher_stage import (
    ACME,
    END_MS,
    TEST_MODE,
    TEST_MODE_MS,
    Forgetful,
    Stage,
    TickingClock,
    customers,
    outcomes,
    to_the_ledger,
)
from msgspec.structs import replace

from largesse.campaigns.model import Reward, Status
from largesse.issuance.batcher import Batch, Limits
from largesse.issuance.model import Answer
from largesse.issuance.service import Ending
from largesse.kernel.errors import BusyError, UnavailableError
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import NOW_MS

# --- who shares a batch -----------------------------------------------------------------------


async def test_alone_a_wish_waits_for_nobody() -> None:
    """It is at the ledger after two turns of the loop, and no clock has to pass for that."""
    stage = Stage()

    heard = stage.ask("ann")
    await to_the_ledger()

    assert customers(stage.store.batches) == [["ann"]]
    assert stage.batcher.waiting == 0
    stage.store.open()
    await stage.batcher.drain()
    assert outcomes(heard) == [Outcome.ISSUED]


async def test_wishes_of_one_tick_form_one_batch() -> None:
    """Whatever the sockets bring in one turn of the loop goes to the ledger together, in order."""
    stage = Stage()
    loop = asyncio.get_running_loop()

    for name in ("ann", "bob", "eve"):  # as three sockets that can be read in the same turn
        loop.call_soon(stage.ask, name)
    await asyncio.sleep(0)
    await to_the_ledger()

    assert customers(stage.store.batches) == [["ann", "bob", "eve"]]


async def test_one_batch_is_at_the_ledger_and_the_rest_makes_the_next() -> None:
    """While one is there nothing is sent; what came meanwhile goes together."""
    stage = Stage()
    heard = []
    for name in ("ann", "bob", "cid"):
        heard.append(stage.ask(name))
        await to_the_ledger()

    assert customers(stage.store.batches) == [["ann"]]
    assert stage.batcher.waiting == 2

    stage.store.arrival.clear()
    stage.store.gate.release()
    await stage.store.arrival.wait()

    assert customers(stage.store.batches) == [["ann"], ["bob", "cid"]]
    assert [len(one) for one in heard] == [1, 0, 0]
    stage.store.open()
    await stage.batcher.drain()
    assert outcomes(*heard) == [Outcome.ISSUED] * 3


async def test_a_batch_has_a_bound() -> None:
    """What goes beyond it makes the next one at once, and nobody is passed by."""
    stage = Stage(Limits(batch_max=2))
    heard = [stage.ask(name) for name in "abcde"]

    stage.store.open()
    await stage.batcher.drain()

    assert customers(stage.store.batches) == [["a", "b"], ["c", "d"], ["e"]]
    assert outcomes(*heard) == [Outcome.ISSUED] * 5


async def test_nobody_hears_before_the_commit() -> None:
    """An answer is worth its sync: while the ledger has not returned, nothing is said."""
    stage = Stage()
    heard = [stage.ask("ann"), stage.ask("bob")]
    await to_the_ledger()
    await to_the_ledger()

    assert heard == [[], []]
    assert stage.reports == []
    stage.store.open()
    await stage.batcher.drain()
    assert outcomes(*heard) == [Outcome.ISSUED] * 2


# --- too many, and none lost ------------------------------------------------------------------


async def test_too_many_are_turned_away_and_none_is_lost() -> None:
    """The bound holds exactly; whoever was taken is settled, whoever was not may come again."""
    stage = Stage(Limits(waiting_max=3))
    heard = [stage.ask(name) for name in "abc"]

    with pytest.raises(BusyError):
        stage.ask("d")
    assert stage.batcher.waiting == 3
    stage.store.open()
    await stage.batcher.drain()
    heard.append(stage.ask("d"))
    await stage.batcher.drain()

    assert outcomes(*heard) == [Outcome.ISSUED] * 4
    assert customers(stage.store.batches) == [["a", "b", "c"], ["d"]]


async def test_drain_settles_all_that_was_taken() -> None:
    """Also what waits behind two full batches; each caller is told once."""
    stage = Stage(Limits(batch_max=3))
    heard = [stage.ask(f"{number}") for number in range(20)]

    drained = asyncio.create_task(stage.batcher.drain())
    await to_the_ledger()
    assert not drained.done()
    stage.store.open()
    await drained

    assert outcomes(*heard) == [Outcome.ISSUED] * 20
    assert sorted(place.serial for place in stage.state.entries) == list(range(1, 21))


async def test_drain_of_nothing_returns() -> None:
    """There is nothing to wait for."""
    await Stage().batcher.drain()


# --- refusals without the ledger --------------------------------------------------------------


async def test_refusals_do_not_wait_for_the_ledger() -> None:
    """They are answered at once and take no place in the batch; the others keep their order."""
    stage = Stage()
    over = stage.keep(ACME, Status.ENDED)

    heard = [stage.ask("ann"), stage.ask("bob", campaign=over), stage.ask("eve")]
    await to_the_ledger()

    assert [len(one) for one in heard] == [0, 1, 0]
    assert heard[1] == [Answer(Outcome.CLOSED, NOW_MS)]
    assert customers(stage.store.batches) == [["ann", "eve"]]
    stage.store.open()
    await stage.batcher.drain()
    assert outcomes(*heard) == [Outcome.ISSUED, Outcome.CLOSED, Outcome.ISSUED]


async def test_refusals_do_not_wait_behind_a_batch() -> None:
    """Though the ledger takes its time, who can be refused is told so at once."""
    stage = Stage()
    over = stage.keep(ACME, Status.ENDED)
    first = stage.ask("ann")
    await to_the_ledger()

    refused, second = stage.ask("bob", campaign=over), stage.ask("cid")
    await to_the_ledger()

    assert (first, second) == ([], [])
    assert outcomes(refused) == [Outcome.CLOSED]
    assert stage.batcher.waiting == 1
    stage.store.open()
    await stage.batcher.drain()
    assert outcomes(first, second) == [Outcome.ISSUED] * 2


async def test_a_batch_of_refusals_takes_no_place_at_the_ledger() -> None:
    """After any number of them the next wish goes there at once."""
    stage = Stage()
    over = stage.keep(ACME, Status.ENDED)
    for name in ("ann", "bob"):
        first = stage.ask(name, campaign=over)
        await to_the_ledger()
        assert outcomes(first) == [Outcome.CLOSED]
    heard = stage.ask("cid")
    await to_the_ledger()

    assert customers(stage.store.batches) == [["cid"]]
    stage.store.open()
    await stage.batcher.drain()
    assert outcomes(heard) == [Outcome.ISSUED]


async def assert_a_retry_gets_the_first_answer(stage: Stage) -> None:
    """The first call is at the ledger when the window closes; then the same call comes again."""
    stage.clock.advance(END_MS - NOW_MS - 1)
    first = stage.ask("ann", key="the first")
    await to_the_ledger()
    stage.clock.advance(1)
    retry = stage.ask("ann", key="the first")
    others = [
        stage.ask("ann", key="another"),
        stage.ask("bob", key="the first"),
        stage.ask("ann", key="the first", campaign=stage.keep(ACME)),
    ]
    await to_the_ledger()
    stage.store.open()
    await stage.batcher.drain()

    assert outcomes(retry) == [Outcome.ISSUED], "the retry contradicts the first answer"
    assert retry == [Answer(Outcome.ISSUED, END_MS, replayed=True)]
    assert outcomes(first, *others) == [Outcome.ISSUED, *[Outcome.CLOSED] * 3]


async def test_a_retry_follows_its_first_call() -> None:
    """In the closing millisecond: the snapshot would refuse it, the ledger knows it."""
    stage = Stage()

    await assert_a_retry_gets_the_first_answer(stage)

    assert customers(stage.store.batches)[0] == ["ann"]


async def test_a_batcher_that_forgets_what_is_on_its_way_is_caught() -> None:
    """The negative control of the test above."""
    with pytest.raises(AssertionError, match="contradicts"):
        await assert_a_retry_gets_the_first_answer(Stage(batcher=Forgetful))


async def test_of_a_first_call_that_failed_nothing_is_kept() -> None:
    """Its retry is for the store to judge."""
    stage = Stage()
    stage.store.error = UnavailableError()
    stage.store.open()
    first = stage.ask("ann")
    await stage.batcher.drain()
    stage.clock.advance(END_MS - NOW_MS)

    retry = stage.ask("ann")
    await stage.batcher.drain()

    assert outcomes(first, retry) == [UnavailableError, Outcome.CLOSED]
    assert len(stage.store.batches) == 1


# --- moments ----------------------------------------------------------------------------------


async def test_the_time_is_read_once_per_batch_and_tenant() -> None:
    """All wishes of a tenant in a batch have one moment; a tenant in test mode has its own."""
    clock = TickingClock(NOW_MS - 5)
    stage = Stage(clock=clock)
    stage.clocks.set(TEST_MODE, TEST_MODE_MS)
    theirs = stage.keep(TEST_MODE)
    stage.store.open()

    heard = [stage.ask("ann"), stage.ask("bob", campaign=theirs), stage.ask("cid")]
    heard.append(stage.ask("dee", campaign=theirs))
    await stage.batcher.drain()

    first, second = NOW_MS - 3, TEST_MODE_MS  # the first reading was to see what can be refused
    [batch] = stage.store.batches
    assert [wish.now_ms for wish in batch] == [first, second, first, second]
    assert clock.readings == 2
    assert [one.now_ms for [one] in heard if isinstance(one, Answer)] == [
        wish.now_ms for wish in batch
    ]

    stage.ask("eve")
    await stage.batcher.drain()
    assert [wish.now_ms for wish in stage.store.batches[1]] == [first + 2]
    assert clock.readings == 4


async def test_the_moment_is_that_of_the_batch_and_not_of_the_call() -> None:
    """Who waited behind a batch is settled by the time at which his own was formed."""
    stage = Stage()
    for name in ("ann", "bob"):
        stage.ask(name)
        await to_the_ledger()
    stage.clock.advance(3)

    stage.store.open()
    await stage.batcher.drain()

    assert [batch[0].now_ms for batch in stage.store.batches] == [NOW_MS, NOW_MS + 3]


# --- what is reported -------------------------------------------------------------------------


async def test_reports_count_outcomes() -> None:
    """One for what was at the ledger, one for what was refused at once, each after its answers."""
    stage = Stage()
    over = stage.keep(ACME, Status.ENDED)
    stage.store.open()
    answered: list[int] = []
    heard: list[list[Ending]] = []

    def note(batch: Batch) -> None:
        answered.append(sum(map(len, heard)))
        stage.reports.append(batch)

    stage.batcher.report = note
    heard += [stage.ask("ann"), stage.ask("bob"), stage.ask("eve", campaign=over)]
    await stage.batcher.drain()
    stage.store.error = UnavailableError()
    heard.append(stage.ask("dee"))
    await stage.batcher.drain()

    assert [(one.endings, one.at_ledger, one.error) for one in stage.reports] == [
        (Counter(ISSUED=2), True, None),
        (Counter(CLOSED=1), False, None),
        (Counter(UnavailableError=1), True, stage.store.error),
    ]
    assert all(0 <= one.took_s < 60 for one in stage.reports)
    assert answered == [3, 3, 4]


async def test_refusals_that_need_no_ledger_are_reported_together() -> None:
    """After a sell-out they come in thousands of handfuls a second; the first one sets the hour."""
    stage = Stage()
    over = stage.keep(ACME, Status.ENDED)
    told = asyncio.Event()

    def note(batch: Batch) -> None:
        stage.reports.append(batch)
        told.set()

    stage.batcher.report = note
    for customer in ("ann", "bob", "eve"):
        heard = stage.ask(customer, campaign=over)
        await to_the_ledger()
        assert outcomes(heard) == [Outcome.CLOSED]
    assert stage.reports == []
    await told.wait()

    assert [(one.endings, one.at_ledger) for one in stage.reports] == [(Counter(CLOSED=3), False)]
    await stage.batcher.drain()
    assert len(stage.reports) == 1


async def test_what_nobody_can_be_given_is_for_the_ledger_to_say() -> None:
    """A wish for a reward that is not known is no refusal of the snapshot."""
    stage = Stage()
    stage.store.open()
    nowhere = replace(stage.campaign, rewards=(Reward(99, stage.campaign.rewards[0].definition),))

    heard = stage.ask("ann", campaign=nowhere)
    await stage.batcher.drain()

    assert outcomes(heard) == [Outcome.CLOSED]
    assert [one.at_ledger for one in stage.reports] == [True]
