"""The queue of wishes when something breaks: everybody hears, nobody waits for ever."""

import pytest
from batcher_stage import Stage, outcomes

from largesse.issuance.batcher import Limits
from largesse.issuance.model import Answer
from largesse.kernel.errors import BusyError, LargesseError, UnavailableError
from largesse.kernel.outcome import Outcome
from largesse.testing.factories import NOW_MS


@pytest.mark.parametrize("error", [UnavailableError("the disk is full"), BusyError()])
async def test_when_the_ledger_fails_every_caller_hears_it(error: LargesseError) -> None:
    """The error of the batch is the ending of each of its wishes; the next batch works."""
    stage = Stage()
    stage.store.open()
    stage.store.error = error
    heard = [stage.ask("ann"), stage.ask("bob")]
    await stage.batcher.drain()

    assert heard == [[error], [error]]
    assert stage.reports[-1].error is error

    stage.store.error = None
    again = [stage.ask("ann"), stage.ask("bob")]
    await stage.batcher.drain()
    assert outcomes(*again) == [Outcome.ISSUED] * 2


async def test_a_bug_of_ours_is_heard_and_not_waited_for() -> None:
    """Whoever waits hears that nothing can be said now; what is behind it goes to the log.

    The commit was made, so that a retry gets what was given.
    """
    stage = Stage()
    stage.store.open()
    stage.bug = ZeroDivisionError("a bug")
    heard = [stage.ask("ann"), stage.ask("bob")]
    await stage.batcher.drain()

    assert outcomes(*heard) == [UnavailableError] * 2
    for [ending] in heard:
        assert isinstance(ending, UnavailableError)
        assert ending.__cause__ is stage.bug
    error = stage.reports[-1].error
    assert error is not None
    assert error.__cause__ is stage.bug

    stage.bug = None
    retry = stage.ask("ann")
    await stage.batcher.drain()
    assert retry == [Answer(Outcome.ISSUED, NOW_MS, replayed=True)]


async def test_a_batch_that_fails_makes_room_for_the_next() -> None:
    """Two failed ones leave no place taken."""
    stage = Stage(Limits(batch_max=1))
    stage.store.error = UnavailableError()
    stage.store.open()
    heard = [stage.ask(name) for name in "abcde"]

    await stage.batcher.drain()

    assert outcomes(*heard) == [UnavailableError] * 5
    assert len(stage.store.batches) == 5


async def test_a_bug_before_the_ledger_is_heard_and_the_next_batch_works() -> None:
    """Nobody waits for ever because a snapshot could not be read, and `drain` returns."""
    stage = Stage()
    stage.store.open()
    bug = ZeroDivisionError()
    stage.store.bug = bug
    heard = [stage.ask("ann"), stage.ask("bob")]
    await stage.batcher.drain()
    heard.append(stage.ask("cid"))
    await stage.batcher.drain()

    assert outcomes(*heard) == [UnavailableError, UnavailableError, Outcome.ISSUED]
    [failure] = heard[0]
    assert isinstance(failure, UnavailableError)
    assert failure.__cause__ is bug
