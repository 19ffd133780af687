"""The pipeline of every command: its key, its dry run, its transaction."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

import msgspec

from largesse.kernel.command import Command, Done
from largesse.kernel.errors import KeyReusedError
from largesse.storage.postgres.campaigns import load_changed
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.publishing import Publisher
from largesse.storage.postgres.transaction import EVERYBODY, Changed, Transaction

_SEEN = """
SELECT content, answer FROM idempotency WHERE tenant = %s AND operation = %s AND key = %s"""
_KEEP = """
INSERT INTO idempotency (tenant, operation, key, content, answer, at_ms)
VALUES (%s, %s, %s, %s, %s, %s)"""

Records = TypeVar("Records")
Records_co = TypeVar("Records_co", covariant=True)
Answer = TypeVar("Answer")


class MakeRecords(Protocol[Records_co]):
    """Gives a transaction the shape that the work speaks to."""

    def __call__(self, transaction: Transaction, /) -> Records_co:
        """Records on a transaction."""


def of_one_tenant(command: Command) -> int:
    """The wall of commands that concern their own tenant only."""
    return command.tenant


def of_all_tenants(_: Command) -> int:
    """The wall of commands about tenants themselves, and of keys, whose tenant nobody knows yet."""
    return EVERYBODY


class PostgresTransactions(Generic[Records]):
    """See `Transactions`.

    The commands of one wall are done one after another, in whichever process: what one of them
    read is still so when it writes. Claims run beside them, and meet them at the rewards' rows.
    """

    def __init__(
        self,
        database: PostgresDatabase,
        publisher: Publisher,
        make_records: MakeRecords[Records],
        wall: Callable[[Command], int] = of_one_tenant,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._make_records = make_records
        self._wall = wall

    async def write(
        self, command: Command, work: Callable[[Records], Answer], answers: type[Answer]
    ) -> Done[Answer]:
        """See `Transactions`."""
        changed: list[Changed] = []
        loop = asyncio.get_running_loop()
        tell = partial(self._publisher.tell_soon, loop, changed)
        wall = self._wall(command)

        def once(transaction: Transaction) -> Done[Answer]:
            changed.clear()
            transaction.one_by_one(wall)
            first = _first_answer(transaction, command)
            if first is not None:
                return Done(msgspec.json.decode(first, type=answers), replayed=True)
            answer = work(self._make_records(transaction))
            if command.dry_run:
                transaction.undo()
                return Done(answer)
            if command.key is not None:
                _keep_answer(transaction, command, msgspec.json.encode(answer).decode())
            changed.extend(load_changed(transaction))
            return Done(answer)

        def committed() -> None:
            tell()
            self._database.ring()

        return await self._database.write(wall, once, committed)

    async def read(self, work: Callable[[Records], Answer]) -> Answer:
        """See `Transactions`."""
        return await self._database.read(EVERYBODY, lambda state: work(self._make_records(state)))


def _first_answer(transaction: Transaction, command: Command) -> str | None:
    """What the command's key brought before; `KeyReusedError` where it was another command's."""
    if command.key is None:
        return None
    row = transaction.row(_SEEN, (command.tenant, command.operation, command.key))
    if row is None:
        return None
    content, answer = row
    if content != command.content:
        raise KeyReusedError
    assert isinstance(answer, str)
    return answer


def _keep_answer(transaction: Transaction, command: Command, answer: str) -> None:
    scope = (command.tenant, command.operation, command.key)
    transaction.execute(_KEEP, (*scope, command.content, answer, command.machine_ms))
