"""Brings wishes that arrive together to the ledger together.

One sync to disk serves a whole batch. Alone a wish waits for nobody; under load the batches grow by
themselves, because whatever arrives while one is written makes the next.
"""

import asyncio
from collections import Counter
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

    def at_once(self, wishes: Sequence[W_contra]) -> Sequence[R_co | None]:
        """What can be answered at once; None for the rest."""


class Answering(Struct, Generic[W, S, R, A], frozen=True):
    """How answers are made: of what the ledger said to a batch, and of what is said at once."""

    finish: Callable[[Sequence[W], Sequence[S]], Awaitable[list[A]]]
    at_once: Callable[[W, R], A]


Report = Callable[["Batch"], None]
"""Hears of each batch once all of it is answered: for the log and the metrics."""


HANDFULS_TOLD_S = 0.1
"""What is answered without the ledger comes in small handfuls, thousands of wishes a second after a
sell-out: what became of them is reported together, ten times a second."""


class Batch(Struct, frozen=True):
    """What became of a batch: wishes by the name of their outcome, and how long it all took.

    `at_ledger` is False for those answered without it, of `HANDFULS_TOLD_S` together: `took_s` is
    then the longest that one handful of them took. `error` is what befell the batch.
    """

    endings: Counter[str]
    at_ledger: bool
    took_s: float
    error: LargesseError | None = None


class Limits(Struct, frozen=True):
    """How much may wait: wishes of one commit, and wishes before the next is turned away."""

    batch_max: int = 512
    waiting_max: int = 20_000


class _Queue(Generic[W, A]):
    """Wishes in their order, and beside each whom to tell how it ended.

    Two lists, not one of pairs: whoever goes through the wishes of a batch touches nothing else.
    """

    __slots__ = ("delivers", "wishes")

    def __init__(self) -> None:
        self.wishes: list[W] = []
        self.delivers: list[Deliver[A]] = []

    def __len__(self) -> int:
        return len(self.wishes)

    def add(self, wish: W, deliver: Deliver[A]) -> None:
        """One more."""
        self.wishes.append(wish)
        self.delivers.append(deliver)

    def add_all(self, others: "_Queue[W, A]") -> None:
        """All of another queue."""
        self.wishes += others.wishes
        self.delivers += others.delivers

    def take(self, count: int) -> "_Queue[W, A]":
        """The first of them, `count` at most, which are then no longer here."""
        taken: _Queue[W, A] = _Queue()
        taken.wishes, self.wishes = self.wishes[:count], self.wishes[count:]
        taken.delivers, self.delivers = self.delivers[:count], self.delivers[count:]
        return taken


class Batcher(Generic[W, S, R, A]):
    """A queue of wishes with a bound, brought to the ledger in batches, one at a time.

    A wish that was taken is settled, whatever becomes of the one who sent it. What can be told
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
        self._new: _Queue[W, A] = _Queue()
        self._ready: _Queue[W, A] = _Queue()
        self._at_ledger: _Queue[W, A] = _Queue()
        self._known: frozenset[Hashable] | None = None
        self._settling: asyncio.Task[None] | None = None
        self._untold: Counter[str] = Counter()
        self._untold_s_max = 0.0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """How many wishes wait for a batch."""
        return len(self._new) + len(self._ready)

    def submit(self, wish: W, deliver: Deliver[A]) -> None:
        """Take a wish; `deliver` is called later. Raises `BusyError` when too many wait."""
        new = self._new
        if len(new.wishes) + len(self._ready.wishes) >= self._limits.waiting_max:
            raise BusyError
        if not new.wishes:
            # After this tick, so that all that it reads from the sockets is looked at together.
            asyncio.get_running_loop().call_soon(self._look)
            self._idle.clear()
        new.add(wish, deliver)

    async def drain(self) -> None:
        """Wait until every wish taken so far has its answer, and all is reported."""
        await self._idle.wait()
        self._tell()

    def _look(self) -> None:
        """Answer what can be answered at once; the rest is ready for the ledger."""
        started_s = stopwatch_s()
        batch, self._new = self._new, _Queue()
        try:
            self._stamp(batch.wishes)
            said = self._store.at_once(batch.wishes)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of a bug of ours, too
            self._fail(batch, _unavailable(error), started_s, at_ledger=False)
            self._go_on()
            return
        delivers, answers = self._sort(batch, said)
        self._go_on()
        if delivers:
            names = self._answer(delivers, answers)
            self._report_later(names, stopwatch_s() - started_s)

    def _sort(
        self, batch: _Queue[W, A], said: Sequence[R | None]
    ) -> tuple[list[Deliver[A]], list[A]]:
        """Have ready what only the ledger can answer; whom to answer now, and what."""
        delivers: list[Deliver[A]] = []
        answers: list[A] = []
        if said.count(None) == len(batch):  # as always before a sell-out
            self._ready.add_all(batch)
            self._known = None
            return delivers, answers
        for wish, deliver, ended in zip(batch.wishes, batch.delivers, said, strict=True):
            if ended is None or self._is_retry(wish):
                self._ready.add(wish, deliver)
                self._known = None
            else:
                delivers.append(deliver)
                answers.append(self._answering.at_once(wish, ended))
        return delivers, answers

    def _is_retry(self, wish: W) -> bool:
        """Whether the same call is on its way already and may be given something.

        Then this one follows it, whatever the snapshot says: both get the one answer.
        """
        if not self._at_ledger and not self._ready:
            return False
        if self._known is None:
            on_their_way = (*self._at_ledger.wishes, *self._ready.wishes)
            self._known = frozenset(one.identity for one in on_their_way)
        return wish.identity in self._known

    def _go_on(self) -> None:
        """Send the next batch, if the ledger is free; rest when there is nothing left to do."""
        if self._at_ledger:
            return
        if self._ready:
            self._at_ledger = self._ready.take(self._limits.batch_max)
            self._stamp(self._at_ledger.wishes)
            settling = self._settle(self._at_ledger, stopwatch_s())
            self._settling = asyncio.get_running_loop().create_task(settling)
        elif not self._new:
            self._idle.set()

    def _stamp(self, wishes: Sequence[W]) -> None:
        """Give each wish its tenant's moment, read once for the batch."""
        moments: dict[int, int] = {}
        for wish in wishes:
            if wish.tenant not in moments:
                moments[wish.tenant] = self._clocks.now_ms(wish.tenant)
            wish.now_ms = moments[wish.tenant]

    async def _settle(self, batch: _Queue[W, A], started_s: float) -> None:
        wishes = batch.wishes
        try:
            answers = await self._answering.finish(wishes, await self._store.settle(wishes))
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of a bug of ours, too
            self._at_ledger, self._known = _Queue(), None
            self._fail(batch, _unavailable(error), started_s, at_ledger=True)
        else:
            self._at_ledger, self._known = _Queue(), None
            names = self._answer(batch.delivers, answers)
            self.report(Batch(names, at_ledger=True, took_s=stopwatch_s() - started_s))
        finally:
            self._go_on()

    def _fail(
        self,
        batch: _Queue[W, A],
        error: LargesseError,
        started_s: float,
        *,
        at_ledger: bool,
    ) -> None:
        """Tell each caller of what befell the batch."""
        for deliver in batch.delivers:
            deliver(error)
        names = Counter({type(error).__name__: len(batch)})
        self.report(Batch(names, at_ledger, stopwatch_s() - started_s, error))

    def _answer(self, delivers: Sequence[Deliver[A]], answers: Sequence[A]) -> Counter[str]:
        """Tell each caller how his wish ended; returns how many ended how."""
        for deliver, answer in zip(delivers, answers, strict=True):
            deliver(answer)
        return Counter([answer.outcome for answer in answers])

    def _report_later(self, names: Counter[str], took_s: float) -> None:
        """Report what was answered at once together with what follows soon."""
        if not self._untold:
            asyncio.get_running_loop().call_later(HANDFULS_TOLD_S, self._tell)
        self._untold.update(names)
        self._untold_s_max = max(self._untold_s_max, took_s)

    def _tell(self) -> None:
        if self._untold:
            names, took_s = self._untold, self._untold_s_max
            self._untold, self._untold_s_max = Counter(), 0.0
            self.report(Batch(names, at_ledger=False, took_s=took_s))


def _unavailable(bug: Exception) -> LargesseError:
    """What callers are told: an error of ours as it is, a bug as something that may pass."""
    if isinstance(bug, LargesseError):
        return bug
    unavailable = UnavailableError()
    unavailable.__cause__ = bug
    return unavailable


def _say_nothing(batch: Batch) -> None:
    """Report to nobody."""
