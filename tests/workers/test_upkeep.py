"""Upkeep: what each periodic job does, and when a proof reads the whole ledger."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from largesse.issuance.model import Conservation, Violation
from largesse.kernel.clock import JUMP_MS_MAX, FakeClock
from largesse.settings.tree import Settings
from largesse.workers.timers import Timer
from largesse.workers.upkeep import DAY_MS, Duties, Upkeep

DRIFT = Violation("issued = rows", 7, "counted 4, said 5")


@dataclass
class Server:
    """The rest of the server, as the test wants it to behave."""

    expiring: Iterable[int] = ()
    forgotten: Iterable[int] = ()
    tidied: Iterable[int] = ()
    violations: list[tuple[Violation, ...]] = field(default_factory=list)
    jump_ms: int = 0
    clock: FakeClock = field(default_factory=lambda: FakeClock(100 * DAY_MS))
    wholes: list[bool] = field(default_factory=list)
    forgotten_before_ms: list[int] = field(default_factory=list)
    tidied_kept_ms: list[int] = field(default_factory=list)

    def upkeep(self) -> Upkeep:
        """Upkeep of this server with the settings' defaults."""
        expiring, forgotten = iter(self.expiring), iter(self.forgotten)
        tidied = iter(self.tidied)

        async def expire() -> int:
            return next(expiring)

        async def prove(*, whole: bool) -> Conservation:
            self.wholes.append(whole)
            found = self.violations.pop(0) if self.violations else ()
            return Conservation(self.clock.now_ms(), 1, 10, found)

        async def forget_keys(before_ms: int) -> int:
            self.forgotten_before_ms.append(before_ms)
            return next(forgotten)

        async def check_file() -> str | None:
            return "page 3 is torn"

        async def tidy_results(kept_ms: int) -> int:
            self.tidied_kept_ms.append(kept_ms)
            return next(tidied)

        checks = [Timer("file", None, check_file)]
        duties = Duties(expire, prove, forget_keys, tidy_results, lambda: self.jump_ms, checks)
        return Upkeep(duties, self.clock, Settings())


def timer(upkeep: Upkeep, name: str) -> Timer:
    """One job by its name."""
    [found] = [timer for timer in upkeep.timers() if timer.name == name]
    return found


def test_periods_are_those_of_the_settings() -> None:
    """Where there is a setting; else they are named where they are used."""
    assert {timer.name: timer.period_s for timer in Server().upkeep().timers()} == {
        "clock": 1,
        "expiry": 60,
        "conservation": 60,
        "file": None,
        "idempotency": 3600,
        "results": 600,
    }


async def test_old_results_are_removed() -> None:
    """Those older than the settings say, until none is left."""
    server = Server(tidied=[100, 7, 0])

    await timer(server.upkeep(), "results").work()

    assert server.tidied_kept_ms == [24 * 3_600_000] * 3


async def test_a_sweep_goes_on_until_nothing_is_left() -> None:
    """One batch after the other, each in its own commit."""
    sizes = iter([500, 500, 20, 0])
    assert await timer(Server(expiring=sizes).upkeep(), "expiry").work() is None
    assert next(sizes, None) is None


async def test_keys_are_forgotten_after_their_days() -> None:
    """Only those bound before the days that callers may count on."""
    sizes = iter([500, 0])
    server = Server(forgotten=sizes)
    assert await timer(server.upkeep(), "idempotency").work() is None
    assert server.forgotten_before_ms == [70 * DAY_MS] * 2
    assert next(sizes, None) is None


async def test_the_file_is_checked() -> None:
    """What is wrong with it is the finding."""
    assert await timer(Server().upkeep(), "file").work() == "page 3 is torn"


async def test_the_file_is_read_while_no_proof_is_made() -> None:
    """Two long readings at once would leave no reader free for callers."""
    reading, most = 0, 0
    go_on = asyncio.Event()

    async def read() -> str | None:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await go_on.wait()
        reading -= 1
        return None

    async def prove(*, whole: bool) -> Conservation:
        assert whole
        await read()
        return Conservation(0, 1, 10, ())

    async def none_left(_: int = 0) -> int:
        return 0

    checks = [Timer("file", None, read)]
    duties = Duties(none_left, prove, none_left, none_left, lambda: 0, checks)
    upkeep = Upkeep(duties, FakeClock(), Settings())
    both = [asyncio.ensure_future(timer(upkeep, name).work()) for name in ("conservation", "file")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.gather(*both) == [None, None]
    assert most == 1


async def test_the_whole_ledger_is_proven_at_the_start_and_daily() -> None:
    """In between only what is new."""
    server = Server()
    prove = timer(server.upkeep(), "conservation").work
    await prove()
    await prove()
    server.clock.advance(DAY_MS - 1)
    await prove()
    server.clock.advance(1)
    await prove()
    await prove()
    assert server.wholes == [True, False, False, True, False]


async def test_a_violation_is_told_until_a_whole_proof_finds_none() -> None:
    """A proof of what is new would be clean although the old fault is there."""
    server = Server(violations=[(), (DRIFT, DRIFT), (DRIFT,), ()])
    prove = timer(server.upkeep(), "conservation").work
    found = [await prove() for _ in range(5)]
    assert found == [
        None,
        "violations: 2, the first of issued = rows in reward 7: counted 4, said 5",
        "violations: 1, the first of issued = rows in reward 7: counted 4, said 5",
        None,
        None,
    ]
    assert server.wholes == [True, False, True, True, False]


async def test_the_last_proof_is_kept() -> None:
    """For the endpoint; before the first there is none."""
    upkeep = Server(violations=[(DRIFT,)]).upkeep()
    assert upkeep.last_proof() is None
    await timer(upkeep, "conservation").work()
    assert upkeep.last_proof() == Conservation(100 * DAY_MS, 1, 10, (DRIFT,))


async def test_a_clock_that_jumps_is_told() -> None:
    """Beyond the limit, in either direction; back within it all is well."""
    server = Server()
    watch = timer(server.upkeep(), "clock").work
    found = []
    for jump_ms in (0, JUMP_MS_MAX, JUMP_MS_MAX + 1, -3_600_000, -JUMP_MS_MAX):
        server.jump_ms = jump_ms
        found.append(await watch())
    advice = "set it right, or restart largesse"
    assert found == [
        None,
        None,
        f"the machine's clock was set forward by 5.0 s: {advice} to take it as it is",
        f"the machine's clock is behind by 3600.0 s: {advice} when it has caught up",
        None,
    ]
