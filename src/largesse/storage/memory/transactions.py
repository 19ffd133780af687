"""Transactions in this process: nothing awaits inside one, so that none sees half of another."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from largesse.issuance.ports import Publish
from largesse.kernel.command import Answer, Command, Done
from largesse.kernel.errors import KeyReusedError
from largesse.storage.memory.state import KeptAnswer, MemoryState

Records = TypeVar("Records")


class MemoryTransactions(Generic[Records]):
    """See `Transactions`. Whatever changed campaigns is published before the answer is given."""

    def __init__(
        self, state: MemoryState, make_records: Callable[[MemoryState], Records], publish: Publish
    ) -> None:
        self._state = state
        self._make_records = make_records
        self._publish = publish

    async def write(
        self, command: Command, work: Callable[[Records], Answer], answers: type[Answer]
    ) -> Done[Answer]:
        """See `Transactions`."""
        state = self._state
        kept = self._kept(command)
        if kept is not None:
            if kept.content != command.content:
                raise KeyReusedError
            return Done(msgspec.json.decode(kept.answer, type=answers), replayed=True)
        with state.transaction() as undo:
            answer = work(self._make_records(state))
            if command.key is not None:
                place = (command.tenant, command.operation, command.key)
                state.answers[place] = KeptAnswer(command.content, msgspec.json.encode(answer))
            if command.dry_run:
                undo()
        self._publish_touched()
        return Done(answer)

    async def read(self, work: Callable[[Records], Answer]) -> Answer:
        """See `Transactions`."""
        return work(self._make_records(self._state))

    def _kept(self, command: Command) -> KeptAnswer | None:
        if command.key is None:
            return None
        return self._state.answers.get((command.tenant, command.operation, command.key))

    def _publish_touched(self) -> None:
        for number in sorted(self._state.touched):
            campaign = self._state.campaign(number)
            if campaign is not None:
                self._publish(campaign)
        self._state.touched.clear()
