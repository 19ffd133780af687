"""What a server does by itself: expire, prove, watch its clock and its file, forget old keys."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from largesse.issuance.model import Conservation
from largesse.kernel.clock import JUMP_MS_MAX, Clock
from largesse.settings.tree import Settings
from largesse.workers.timers import Timer

CLOCK_PERIOD_S = 1.0
"""A clock that jumped serves wrong windows until it is noticed; looking costs a microsecond."""

FORGET_PERIOD_S = 3_600.0
"""Keys are kept for days; an hour more or less is nothing."""

TIDY_PERIOD_S = 600.0
"""Results are kept for hours; some minutes more do no harm."""

WHOLE_PROOF_PERIOD_MS = 86_400_000
"""Proofs in between read what is new; the whole ledger is read once a day."""

DAY_MS = 86_400_000
HOUR_MS = 3_600_000


class Prove(Protocol):
    """Holds the ledger against itself, the whole of it or what is new: `Issuance.prove`."""

    def __call__(self, *, whole: bool) -> Awaitable[Conservation]:
        """The proof."""


class Duties(Struct, frozen=True):
    """The jobs that upkeep does, as `wiring` fills them.

    `expire` and `forget_keys` (of keys bound before a moment) do one bounded batch and return its
    size, 0 when nothing is left. `tidy_results` removes results older than so many milliseconds,
    and returns how many. `checks` look after the ledger in its own technology's ways.
    `jump_ms` is how far the machine's clock was set since the start, or stands behind the ledger.
    """

    expire: Callable[[], Awaitable[int]]
    prove: Prove
    forget_keys: Callable[[int], Awaitable[int]]
    tidy_results: Callable[[int], Awaitable[int]]
    jump_ms: Callable[[], int]
    checks: Sequence[Timer] = ()


class Upkeep:
    """The rounds of work of `timers`, and the last proof that the ledger adds up."""

    def __init__(self, duties: Duties, clock: Clock, settings: Settings) -> None:
        self._duties = duties
        self._clock = clock
        self._settings = settings
        self._long_reading = asyncio.Lock()
        self._whole_at_ms: int | None = None
        self._last_proof: Conservation | None = None

    def last_proof(self) -> Conservation | None:
        """The latest proof; None until the first one is done."""
        return self._last_proof

    def timers(self) -> list[Timer]:
        """Every job with its period."""
        return [
            Timer("clock", CLOCK_PERIOD_S, self._watch_clock),
            Timer("expiry", self._settings.expiry.sweep_s, self._expire),
            Timer("conservation", self._settings.audit.period_s, self._prove),
            Timer("idempotency", FORGET_PERIOD_S, self._forget_keys),
            Timer("results", TIDY_PERIOD_S, self._tidy_results),
            *(self._after_proofs(check) for check in self._duties.checks),
        ]

    async def _watch_clock(self) -> str | None:
        jump_ms = self._duties.jump_ms()
        if abs(jump_ms) <= JUMP_MS_MAX:
            return None
        seconds = abs(jump_ms) / 1000
        if jump_ms > 0:
            found, cure = f"was set forward by {seconds:.1f} s", "to take it as it is"
        else:
            found, cure = f"is behind by {seconds:.1f} s", "when it has caught up"
        return f"the machine's clock {found}: set it right, or restart largesse {cure}"

    async def _expire(self) -> None:
        while await self._duties.expire():
            pass

    async def _prove(self) -> str | None:
        """Prove what is new; all of it at the start, daily, and while something is wrong.

        A proof of what is new cannot see that an older fault is mended.
        """
        now_ms = self._clock.now_ms()
        proven = (
            self._whole_at_ms is not None and now_ms - self._whole_at_ms < WHOLE_PROOF_PERIOD_MS
        )
        clean = self._last_proof is None or not self._last_proof.violations
        whole = not (proven and clean)
        async with self._long_reading:
            self._last_proof = await self._duties.prove(whole=whole)
        if whole:
            self._whole_at_ms = now_ms
        if not self._last_proof.violations:
            return None
        first = self._last_proof.violations[0]
        return (
            f"violations: {len(self._last_proof.violations)}, the first of {first.rule} in reward "
            f"{first.reward}: {first.detail}"
        )

    def _after_proofs(self, check: Timer) -> Timer:
        """A check done once may read much: not beside a proof, or no reader is free for callers."""
        if check.period_s is not None:
            return check

        async def work() -> str | None:
            async with self._long_reading:
                return await check.work()

        return Timer(check.name, None, work)

    async def _forget_keys(self) -> None:
        kept_ms = self._settings.idempotency.kept_days * DAY_MS
        before_ms = self._clock.now_ms() - kept_ms
        while await self._duties.forget_keys(before_ms):
            pass

    async def _tidy_results(self) -> None:
        kept_ms = self._settings.jobs.results_kept_hours * HOUR_MS
        while await self._duties.tidy_results(kept_ms):
            pass
