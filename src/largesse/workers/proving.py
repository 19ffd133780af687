"""Proving a ledger that several processes serve: one of them does it, all of them show it."""

from contextlib import suppress

from largesse.issuance.model import Conservation
from largesse.issuance.ports import SharedProofs
from largesse.kernel.errors import LargesseError
from largesse.workers.upkeep import Prove

PERIODS_KEPT = 2
"""So many periods a turn lasts: whoever is at work asks again in time, and one that was killed is
replaced after that."""


class ProvingInTurn:
    """`Prove` for one of several processes: the proof of whoever has the turn, which may be us."""

    def __init__(self, prove: Prove, shared: SharedProofs, period_s: float) -> None:
        """`prove` is this process's own way, `period_s` how often it is asked for a proof."""
        self._prove = prove
        self._shared = shared
        self._turn_ms = int(period_s * 1000) * PERIODS_KEPT
        self._has_turn = False

    async def __call__(self, *, whole: bool) -> Conservation:
        """The last proof: our own, or what another process found, which may be a period old.

        Who comes to the turn begins with the whole ledger. Where nobody has found anything yet it
        is proven here, too: no server is without a proof for long.
        """
        had_turn, self._has_turn = self._has_turn, await self._shared.take_turn(self._turn_ms)
        if not self._has_turn:
            last = await self._shared.last()
            if last is not None:
                return last
        proof = await self._prove(whole=whole or not had_turn)
        await self._shared.keep(proof)
        return proof

    async def leave(self) -> None:
        """Let another process have the turn. Where it cannot be told, the turn runs out."""
        with suppress(LargesseError):
            await self._shared.leave()
