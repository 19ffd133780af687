"""Brings wishes that arrive together to the ledger together.

One sync to disk serves a whole batch. Alone a wish waits for nobody; under load the batches grow by
themselves, because whatever arrives while one is written makes the next.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from largesse.kernel.clock import TenantClocks, stopwatch_s
from largesse.kernel.errors import BusyError, LargesseError, UnavailableError
from largesse.kernel.outcome import Outcome


class Asking(Protocol):
    """What a batcher must know of a wish: whose it is, and its moment, which it sets."""

    tenant: int
    now_ms: int

    @property
    def identity(self) -> Hashable:
        """What a call has in common with those that repeat it, and with no others."""


class Answered(Protocol):
    """What a batcher must know of an answer."""

    @property
    def outcome(self) -> Outcome:
        """How the wish ended."""


W = TypeVar("W", bound=Asking)
S = TypeVar("S")
R = TypeVar("R")
A = TypeVar("A", bound=Answered)
W_contra = TypeVar("W_contra", contravariant=True)
S_co = TypeVar("S_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)

Deliver = Callable[[A | LargesseError], None]
"""Told how a wish ended, in the loop's thread, exactly once; it must not raise.

With an error there can be no answer now, and the same key may try again.
"""


class Settling(Protocol[W_contra, S_co, R_co]):
    """A ledger that settles wishes of one kind: see `IncentiveStore` and `DrawStore`."""

    async def settle(self, wishes: Sequence[W_contra]) -> Sequence[S_co]:
        """One answer per wish, in order, durable once this returns."""

    def refusals(self, wishes: Sequence[W_contra]) -> Sequence[R_co | None]:
        """What can be refused at once; None for the rest."""


class Answering(Struct, Generic[W, S, R, A], frozen=True):
    """How answers are made of what the ledger said: of a batch at once, of a refusal at once."""

    finish: Callable[[Sequence[W], Sequence[S]], Awaitable[list[A]]]
    refuse: Callable[[W, R], A]


Report = Callable[["Batch"], None]
"""Hears of each batch once all of it is answered: for the log and the metrics."""


REFUSALS_TOLD_S = 0.1
"""Refusals that need no ledger come in small handfuls, thousands a second after a sell-out: what
became of them is reported together, ten times a second."""


class Batch(Struct, frozen=True):
    """What became of a batch: wishes by the name of their outcome, and how long it all took.

    `at_ledger` is False for those refused without it, of `REFUSALS_TOLD_S` together: `took_s` is
    then the longest that one handful of them took. `error` is what befell the batch.
    """

    endings: Counter[str]
    at_ledger: bool
    took_s: float
    error: LargesseError | None = None


_Waiting = tuple[W, Deliver[A]]


class Limits(Struct, frozen=True):
    """How much may wait: wishes of one commit, and wishes before the next is turned away."""

    batch_max: int = 512
    waiting_max: int = 20_000


class Batcher(Generic[W, S, R, A]):
    """A queue of wishes with a bound, brought to the ledger in batches, one at a time.

    A wish that was taken is settled, whatever becomes of the one who sent it. What can be refused
    without the ledger is answered at once, also while a batch is there; only the rest waits for it.
    A second batch at the ledger would be smaller, and the two threads would take the interpreter's
    lock from each other more often: measured, it costs a quarter more per claim.
    """

    def __init__(
        self,
        store: Settling[W, S, R],
        clocks: TenantClocks,
        answering: Answering[W, S, R, A],
        limits: Limits,
    ) -> None:
        self.report: Report = _say_nothing
        self._store = store
        self._clocks = clocks
        self._answering = answering
        self._limits = limits
        self._new: list[_Waiting[W, A]] = []
        self._ready: deque[_Waiting[W, A]] = deque()
        self._at_ledger: list[_Waiting[W, A]] = []
        self._known: frozenset[Hashable] | None = None
        self._settling: asyncio.Task[None] | None = None
        self._refused: Counter[str] = Counter()
        self._refused_s_max = 0.0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """How many wishes wait for a batch."""
        return len(self._new) + len(self._ready)

    def submit(self, wish: W, deliver: Deliver[A]) -> None:
        """Take a wish; `deliver` is called later. Raises `BusyError` when too many wait."""
        if len(self._new) + len(self._ready) >= self._limits.waiting_max:
            raise BusyError
        if not self._new:
            # After this tick, so that all that it reads from the sockets is looked at together.
            asyncio.get_running_loop().call_soon(self._look)
            self._idle.clear()
        self._new.append((wish, deliver))

    async def drain(self) -> None:
        """Wait until every wish taken so far has its answer, and all is reported."""
        await self._idle.wait()
        self._tell_refused()

    def _look(self) -> None:
        """Answer what can be refused at once; the rest is ready for the ledger."""
        started_s = stopwatch_s()
        batch, self._new = self._new, []
        try:
            self._stamp(batch)
            refusals = self._store.refusals([wish for wish, _ in batch])
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of a bug of ours, too
            self._fail(batch, _unavailable(error), started_s, at_ledger=False)
            self._go_on()
            return
        refused: list[_Waiting[W, A]] = []
        answers: list[A] = []
        for entry, why in zip(batch, refusals, strict=True):
            if why is None or self._is_retry(entry[0]):
                self._ready.append(entry)
                self._known = None
            else:
                refused.append(entry)
                answers.append(self._answering.refuse(entry[0], why))
        self._go_on()
        if refused:
            names = self._answer(refused, answers)
            self._report_later(names, stopwatch_s() - started_s)

    def _is_retry(self, wish: W) -> bool:
        """Whether the same call is on its way already and may be given something.

        Then this one follows it, whatever the snapshot says: both get the one answer.
        """
        if not self._at_ledger and not self._ready:
            return False
        if self._known is None:
            on_their_way = (*self._at_ledger, *self._ready)
            self._known = frozenset(one.identity for one, _ in on_their_way)
        return wish.identity in self._known

    def _go_on(self) -> None:
        """Send the next batch, if the ledger is free; rest when there is nothing left to do."""
        if self._at_ledger:
            return
        if self._ready:
            count = min(len(self._ready), self._limits.batch_max)
            self._at_ledger = [self._ready.popleft() for _ in range(count)]
            self._stamp(self._at_ledger)
            settling = self._settle(self._at_ledger, stopwatch_s())
            self._settling = asyncio.get_running_loop().create_task(settling)
        elif not self._new:
            self._idle.set()

    def _stamp(self, batch: Sequence[_Waiting[W, A]]) -> None:
        """Give each wish its tenant's moment, read once for the batch."""
        moments: dict[int, int] = {}
        for wish, _ in batch:
            moment = moments.get(wish.tenant)
            if moment is None:
                moment = moments[wish.tenant] = self._clocks.now_ms(wish.tenant)
            wish.now_ms = moment

    async def _settle(self, batch: list[_Waiting[W, A]], started_s: float) -> None:
        wishes = [wish for wish, _ in batch]
        try:
            answers = await self._answering.finish(wishes, await self._store.settle(wishes))
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of a bug of ours, too
            self._at_ledger, self._known = [], None
            self._fail(batch, _unavailable(error), started_s, at_ledger=True)
        else:
            self._at_ledger, self._known = [], None
            names = self._answer(batch, answers)
            self.report(Batch(names, at_ledger=True, took_s=stopwatch_s() - started_s))
        finally:
            self._go_on()

    def _fail(
        self,
        batch: Sequence[_Waiting[W, A]],
        error: LargesseError,
        started_s: float,
        *,
        at_ledger: bool,
    ) -> None:
        """Tell each caller of what befell the batch."""
        for _, deliver in batch:
            deliver(error)
        names = Counter({type(error).__name__: len(batch)})
        self.report(Batch(names, at_ledger, stopwatch_s() - started_s, error))

    def _answer(self, batch: Sequence[_Waiting[W, A]], answers: Sequence[A]) -> Counter[str]:
        """Tell each caller how his wish ended; returns how many ended how."""
        for (_, deliver), answer in zip(batch, answers, strict=True):
            deliver(answer)
        return Counter([answer.outcome for answer in answers])

    def _report_later(self, refused: Counter[str], took_s: float) -> None:
        """Report refusals together with those that follow soon."""
        if not self._refused:
            asyncio.get_running_loop().call_later(REFUSALS_TOLD_S, self._tell_refused)
        self._refused.update(refused)
        self._refused_s_max = max(self._refused_s_max, took_s)

    def _tell_refused(self) -> None:
        if self._refused:
            refused, took_s = self._refused, self._refused_s_max
            self._refused, self._refused_s_max = Counter(), 0.0
            self.report(Batch(refused, at_ledger=False, took_s=took_s))


def _unavailable(bug: Exception) -> LargesseError:
    """What callers are told: an error of ours as it is, a bug as something that may pass."""
    if isinstance(bug, LargesseError):
        return bug
    unavailable = UnavailableError()
    unavailable.__cause__ = bug
    return unavailable


def _say_nothing(batch: Batch) -> None:
    """Report to nobody."""
