"""Brings wishes that arrive together to the ledger together.

One sync to disk serves a whole batch. Alone a wish waits for nobody; under load the batches grow by
themselves, because whatever arrives while one is written makes the next.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from largesse.issuance.model import Answer, Settled, Wish
from largesse.issuance.ports import IncentiveStore
from largesse.kernel.clock import TenantClocks, stopwatch_s
from largesse.kernel.errors import BusyError, LargesseError, UnavailableError

Ending = Answer | LargesseError
"""How a wish ended: an answer, or why there can be none now (then the same key may try again)."""

Deliver = Callable[[Ending], None]
"""Told how a wish ended, in the loop's thread, exactly once; it must not raise."""

Finish = Callable[[Sequence[Wish], Sequence[Settled]], Awaitable[list[Answer]]]
"""Makes answers of settled wishes: ids, codes and values, for a batch at once."""

Report = Callable[["Batch"], None]
"""Hears of each batch once all of it is answered: for the log and the metrics."""


class Batch(Struct, frozen=True):
    """What became of a batch: wishes by the name of their outcome, and how long it all took.

    `at_ledger` is False where all could be refused without it; `error` is what befell the batch.
    """

    endings: Counter[str]
    at_ledger: bool
    took_s: float
    error: LargesseError | None = None


_Waiting = tuple[Wish, Deliver]


class Limits(Struct, frozen=True):
    """How much may wait: wishes of one commit, and wishes before the next is turned away."""

    batch_max: int = 512
    waiting_max: int = 20_000


class Batcher:
    """A queue of wishes with a bound, emptied in batches, one at a time.

    A wish that was taken is settled, whatever becomes of the one who sent it. A second batch at the
    ledger would be smaller, and the two threads would take the interpreter's lock from each other
    more often: measured, it costs a quarter more per claim. And so a retry always comes after its
    first call, whose outcome is in the snapshot by then: both get the one answer.
    """

    def __init__(
        self, store: IncentiveStore, clocks: TenantClocks, finish: Finish, limits: Limits
    ) -> None:
        self.report: Report = _say_nothing
        self._store = store
        self._clocks = clocks
        self._finish = finish
        self._limits = limits
        self._waiting: deque[_Waiting] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._at_ledger: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many wishes wait for a batch."""
        return len(self._waiting)

    def submit(self, wish: Wish, deliver: Deliver) -> None:
        """Take a wish; `deliver` is called later. Raises `BusyError` when too many wait."""
        if len(self._waiting) >= self._limits.waiting_max:
            raise BusyError
        self._waiting.append((wish, deliver))
        if self._idle.is_set():
            self._idle.clear()
            self._schedule()

    async def drain(self) -> None:
        """Wait until every wish taken so far has its answer."""
        await self._idle.wait()

    def _schedule(self) -> None:
        """Form the next batch after this tick, so that all that it reads from sockets is in it."""
        asyncio.get_running_loop().call_soon(self._form)

    def _form(self) -> None:
        started_s = stopwatch_s()
        count = min(len(self._waiting), self._limits.batch_max)
        batch = [self._waiting.popleft() for _ in range(count)]
        try:
            self._stamp(batch)
            refusals = self._store.refusals([wish for wish, _ in batch])
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of a bug of ours, too
            self._answer(batch, [_unavailable(error)] * count, started_s, at_ledger=False)
            self._go_on()
            return
        rest = [entry for entry, why in zip(batch, refusals, strict=True) if why is None]
        if rest:
            settling = self._settle(rest, started_s)
            self._at_ledger = asyncio.get_running_loop().create_task(settling)
        else:
            self._go_on()
        if len(rest) < count:
            refused = [(one, why) for one, why in zip(batch, refusals, strict=True) if why]
            endings = [Answer(why, wish.now_ms) for (wish, _), why in refused]
            self._answer([one for one, _ in refused], endings, started_s, at_ledger=False)

    def _go_on(self) -> None:
        if self._waiting:
            self._schedule()
        else:
            self._idle.set()

    def _stamp(self, batch: list[_Waiting]) -> None:
        """Give each wish its tenant's moment, read once for the batch."""
        moments: dict[int, int] = {}
        for wish, _ in batch:
            moment = moments.get(wish.tenant)
            if moment is None:
                moment = moments[wish.tenant] = self._clocks.now_ms(wish.tenant)
            wish.now_ms = moment

    async def _settle(self, batch: list[_Waiting], started_s: float) -> None:
        wishes = [wish for wish, _ in batch]
        endings: Sequence[Ending]
        try:
            endings = await self._finish(wishes, await self._store.settle(wishes))
        except LargesseError as error:
            endings = [error] * len(batch)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of a bug of ours, too
            endings = [_unavailable(error)] * len(batch)
        try:
            self._answer(batch, endings, started_s, at_ledger=True)
        finally:
            self._go_on()

    def _answer(
        self,
        batch: Sequence[_Waiting],
        endings: Sequence[Ending],
        started_s: float,
        *,
        at_ledger: bool,
    ) -> None:
        """Tell each caller how his wish ended, then report the batch."""
        for (_, deliver), ending in zip(batch, endings, strict=True):
            deliver(ending)
        names: Counter[str] = Counter(
            [one.outcome if isinstance(one, Answer) else type(one).__name__ for one in endings]
        )
        last = endings[-1]
        error = last if isinstance(last, LargesseError) else None
        self.report(Batch(names, at_ledger, stopwatch_s() - started_s, error))


def _unavailable(bug: Exception) -> UnavailableError:
    unavailable = UnavailableError()
    unavailable.__cause__ = bug
    return unavailable


def _say_nothing(batch: Batch) -> None:
    """Report to nobody."""
