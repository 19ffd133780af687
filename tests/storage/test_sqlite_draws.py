"""Draws in a file: after a restart, before a broken disk, and with mistakes planted."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest
from memory_ledger import memory_world
from sqlite_ledger import Ledger, opened

from largesse.campaigns.model import DrawPeriod, DrawsPer
from largesse.draws.model import DrawSettled, DrawWish
from largesse.kernel.errors import UnavailableError
from largesse.kernel.outcome import Outcome
from largesse.storage.memory.draws import MemoryDrawStore
from largesse.storage.memory.issuance import MemoryIncentiveStore
from largesse.storage.memory.state import MemoryState
from largesse.storage.sqlite.holders import SEAL_AT
from largesse.storage.sqlite.transaction import Transaction
from largesse.testing.factories import (
    DAY_MS,
    NOW_MS,
    ScriptedCodes,
    ScriptedDice,
    a_chance,
    a_draw,
    draw,
    draws_of,
    open_draw,
)
from largesse.testing.faults import Did, Step, disk_in_use

SURE = 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "ledger.db"


async def test_who_has_drawn_is_known_after_a_restart(path: Path) -> None:
    """The day is used up and a retry is answered as before, whatever was in memory."""
    with opened(path) as ledger:
        chances = a_chance("A", 500_000), a_chance("B", 100_000, per_customer_max=1)
        campaign = await open_draw(ledger.world, *chances, draws_per=DrawsPer(DrawPeriod.DAY, 2))
        wishes = [
            a_draw(campaign, who, key=key, seed=seed)
            for who, key, seed in (
                ("ann", "1", "0"),
                ("ann", "2", "999999"),
                ("bob", "1", "500000"),
            )
        ]
        first = await draw(ledger.world, *wishes)
        history = await draws_of(ledger.world).draws_of(campaign.number, "ann", None, 10)

    with opened(path) as ledger:
        again = await draw(ledger.world, *wishes)
        [third] = await draw(ledger.world, a_draw(campaign, "ann", key="3"))
        [capped] = await draw(ledger.world, a_draw(campaign, "bob", key="2", seed="500000"))
        store = draws_of(ledger.world)
        numbers = [one.number for one in await store.draws(campaign.number, 0, 10)]
        assert await store.draws_of(campaign.number, "ann", None, 10) == history
        assert (await ledger.store.prove(whole=True)).violations == ()

    assert again == [
        DrawSettled(one.outcome, one.drawn, one.issued, replayed=True) for one in first
    ]
    assert third == DrawSettled(Outcome.ALREADY_DRAWN, first[0].drawn)
    assert (capped.outcome, capped.issued) == (Outcome.DRAWN, None)
    assert numbers == [1, 2, 3, 4]


@pytest.mark.slow
async def test_draws_that_were_sealed(path: Path) -> None:
    """More than a piece of holders: kept as a blob in the file, and read from there."""
    with opened(path) as ledger:
        campaign = await open_draw(ledger.world, a_chance("A", 0))
        per_batch = 2_048
        for batch in range(SEAL_AT // (2 * per_batch) + 2):
            wishes = [a_draw(campaign, f"u{batch}-{at}") for at in range(per_batch)]
            await draw(ledger.world, *wishes)
    with opened(path) as ledger:
        settled = await draw(
            ledger.world, a_draw(campaign, "u0-7"), a_draw(campaign, "u0-7", key="other")
        )
        assert [(one.outcome, one.replayed) for one in settled] == [
            (Outcome.DRAWN, True),
            (Outcome.ALREADY_DRAWN, False),
        ]
        assert (await ledger.store.prove(whole=True)).violations == ()


async def test_a_repeat_is_refused_without_the_ledger(path: Path) -> None:
    """As soon as a draw is made: by another key it is certain, by the same it never is refused."""
    with opened(path) as ledger:
        campaign = await open_draw(ledger.world, a_chance("A", SURE))
        wish = a_draw(campaign)
        [first] = await draw(ledger.world, wish)
        other = a_draw(campaign, key="other")
        tomorrow = a_draw(campaign, key="other", now_ms=NOW_MS + DAY_MS)
        told = [None, DrawSettled(Outcome.ALREADY_DRAWN, first.drawn), None]
        assert draws_of(ledger.world).at_once([wish, other, tomorrow]) == told

        ledger.seconds.now_s += 2
        assert draws_of(ledger.world).at_once([wish, other, tomorrow]) == [None] * 3


async def test_of_several_draws_the_last_one_uses_up_the_period(path: Path) -> None:
    """Whoever may draw twice a day is refused after the second, and told of the first."""
    with opened(path) as ledger:
        chance, twice = a_chance("A", SURE), DrawsPer(DrawPeriod.DAY, 2)
        campaign = await open_draw(ledger.world, chance, draws_per=twice)
        asked = [a_draw(campaign, key="third"), a_draw(campaign, "bob")]
        told: list[list[DrawSettled | None]] = []
        settled: list[DrawSettled] = []
        for key in ("first", "second"):
            told.append(draws_of(ledger.world).at_once(asked))
            settled += await draw(ledger.world, a_draw(campaign, key=key))
        told.append(draws_of(ledger.world).at_once(asked))

        refused = DrawSettled(Outcome.ALREADY_DRAWN, settled[0].drawn)
        assert told == [[None, None], [None, None], [refused, None]]


@pytest.mark.parametrize("did", [Did.WRITE, Did.SYNC])
async def test_B11_a_failure_uses_up_nothing(path: Path, did: Did) -> None:
    """The disk fails during a draw: no day, no number, no stock; the retry draws."""
    with disk_in_use() as disk, opened(path) as ledger:
        campaign = await open_draw(ledger.world, a_chance("A", SURE, quota_total=2))
        await draw(ledger.world, a_draw(campaign, "bob"))

        def refuse(step: Step) -> apsw.Error | None:
            return apsw.IOError() if step.did is did else None

        disk.refuse = refuse
        with pytest.raises(UnavailableError):
            await draw(ledger.world, a_draw(campaign))
        disk.refuse = None
        [settled] = await draw(ledger.world, a_draw(campaign))

        assert settled.drawn is not None
        assert settled.issued is not None
        assert (settled.drawn.number, settled.issued.serial, settled.replayed) == (2, 2, False)
        assert (await ledger.store.prove(whole=True)).violations == ()


async def test_a_book_that_was_turned_back_writes_nothing(path: Path) -> None:
    """The number stands in the write itself: whoever decided on another one changes nothing."""
    with opened(path) as ledger:
        campaign = await open_draw(ledger.world, a_chance("A", 0))
        await draw(ledger.world, a_draw(campaign))
        await plant(
            ledger,
            "CREATE TRIGGER late BEFORE INSERT ON journal WHEN new.kind = 8 BEGIN"
            " UPDATE draw_book SET draws = draws + 1; END",
        )
        with pytest.raises(UnavailableError, match="not what was decided on"):
            await draw(ledger.world, a_draw(campaign, "bob"))
        assert len(await draws_of(ledger.world).draws(campaign.number, 0, 10)) == 1


FAULTS = {
    "a gap in the numbers": ("UPDATE journal SET draw = draw + 1 WHERE draw = 3", "draw_numbers"),
    "a draw that vanished": ("DELETE FROM journal WHERE draw = 2", "draw_numbers"),
    "a book that says more": ("UPDATE draw_book SET draws = 4", "draws"),
    "a day drawn twice": (
        "UPDATE journal SET customer = 'u0', key = 'x' WHERE draw = 2",
        "draws",
    ),
    "a key bound twice": (
        "UPDATE journal SET customer = 'u0', key = 'key of u0', detail = '9 1 ' WHERE draw = 2",
        "draws",
    ),
    "a draw that memory does not know": ("UPDATE journal SET key = 'y' WHERE draw = 2", "holders"),
    "a win of another customer": ("UPDATE journal SET customer = 'eve' WHERE draw = 2", "wins"),
    "a win that was not given": ("UPDATE journal SET serial = 9 WHERE draw = 2", "wins"),
    "an extent that points elsewhere": ("UPDATE draw_extent SET seq = seq + 1", "draw_extents"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_planted_fault_is_found(path: Path, fault: str) -> None:
    """And named; before it nothing is wrong."""
    with opened(path) as ledger:
        campaign = await open_draw(ledger.world, a_chance("A", SURE))
        await draw(ledger.world, *(a_draw(campaign, f"u{at}") for at in range(3)))
        assert (await ledger.store.prove(whole=True)).violations == ()

        statement, rule = FAULTS[fault]
        await plant(ledger, statement)

        found = (await ledger.store.prove(whole=True)).violations
        assert rule in {violation.rule for violation in found}


async def test_a_gap_is_found_by_the_next_proof(path: Path) -> None:
    """Numbers are counted in each proof, not only in whole ones."""
    with opened(path) as ledger:
        campaign = await open_draw(ledger.world, a_chance("A", 0))
        await draw(ledger.world, a_draw(campaign))
        assert (await ledger.store.prove(whole=False)).violations == ()
        await draw(ledger.world, a_draw(campaign, "bob"))
        await plant(ledger, "UPDATE journal SET draw = 3 WHERE draw = 2")
        found = (await ledger.store.prove(whole=False)).violations
        assert {violation.rule for violation in found} == {"draw_numbers"}


class RacyDrawStore(MemoryDrawStore):
    """Reads who has drawn, waits, then goes by what it read: two draws in one day."""

    async def settle(self, wishes: Sequence[DrawWish]) -> list[DrawSettled]:
        """Draw what others have drawn meanwhile."""
        read = dict(self._state.draws)
        await asyncio.sleep(0)
        self._state.draws = read
        return await super().settle(wishes)


async def test_the_race_catches_a_racy_store() -> None:
    """Were it not caught, two hundred draws at once would prove nothing."""
    state = MemoryState()
    world = memory_world(state)
    campaign = await open_draw(world, a_chance("A", SURE))
    incentives = MemoryIncentiveStore(state, ScriptedCodes(), world.clock)
    racy = RacyDrawStore(state, incentives, ScriptedDice())

    wishes = [a_draw(campaign, key=f"k{at}") for at in range(9)]
    answers = await asyncio.gather(*(racy.settle([wish]) for wish in wishes))

    assert sum(one.outcome is Outcome.DRAWN for [one] in answers) > 1


async def plant(ledger: Ledger, statement: str) -> None:
    """Change the file behind the store's back."""

    def work(transaction: Transaction) -> None:
        transaction.db.execute(statement)

    await ledger.writer.write(work)
