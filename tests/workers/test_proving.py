"""Several processes, one ledger: one of them proves, all of them show it."""

from dataclasses import dataclass, field

from largesse.issuance.model import Conservation
from largesse.workers.proving import PERIODS_KEPT, ProvingInTurn

PERIOD_S = 60.0


@dataclass
class Board:
    """What processes share: who has the turn, and what was found last."""

    turn: str | None = None
    shown: Conservation | None = None
    asked_ms: list[int] = field(default_factory=list)


@dataclass
class Place:
    """One process's place at the board."""

    board: Board
    name: str

    async def take_turn(self, for_ms: int) -> bool:
        """Whether it was free, or ours already."""
        self.board.asked_ms.append(for_ms)
        self.board.turn = self.board.turn or self.name
        return self.board.turn == self.name

    async def keep(self, proof: Conservation) -> None:
        """Show it."""
        if self.board.turn == self.name:
            self.board.shown = proof

    async def last(self) -> Conservation | None:
        """What is shown."""
        return self.board.shown

    async def leave(self) -> None:
        """Let the next one have it."""
        self.board.turn = None if self.board.turn == self.name else self.board.turn


class Process:
    """One that proves in its turn; `wholes` says how it did."""

    def __init__(self, board: Board, name: str) -> None:
        self.wholes: list[bool] = []
        self.proving = ProvingInTurn(self._prove, Place(board, name), PERIOD_S)

    async def _prove(self, *, whole: bool) -> Conservation:
        self.wholes.append(whole)
        return Conservation(len(self.wholes), 1, 10, ())


async def test_one_proves_and_all_show_it() -> None:
    """Also who asked for a look at everything; the turn is kept for longer than a period."""
    board = Board()
    first, second = Process(board, "first"), Process(board, "second")

    proofs = [
        await first.proving(whole=True),
        await second.proving(whole=True),
        await first.proving(whole=False),
        await second.proving(whole=False),
    ]

    assert first.wholes == [True, False]
    assert second.wholes == []
    assert [proof.checked_at_ms for proof in proofs] == [1, 1, 2, 2]
    assert set(board.asked_ms) == {PERIOD_S * 1000 * PERIODS_KEPT}


async def test_who_comes_to_the_turn_looks_at_everything() -> None:
    """What another one counted is not known here."""
    board = Board()
    first, second = Process(board, "first"), Process(board, "second")
    await first.proving(whole=True)
    await second.proving(whole=True)
    await first.proving.leave()

    await second.proving(whole=False)
    await first.proving(whole=False)

    assert (first.wholes, second.wholes) == ([True], [True])


async def test_where_nothing_was_found_yet_it_is_looked_for() -> None:
    """By a process that has not the turn, too; what it finds is its own."""
    board = Board(turn="somebody who has just begun")
    late = Process(board, "late")

    proof = await late.proving(whole=True)

    assert (proof.checked_at_ms, late.wholes, board.shown) == (1, [True], None)
