"""The pipeline of every command: its key, its dry run, its transaction."""

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

import apsw
import msgspec

from largesse.kernel.command import Command, Done
from largesse.kernel.errors import KeyReusedError
from largesse.storage.sqlite.readers import Readers
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.writer import Writer

_SEEN = """
SELECT content, answer FROM idempotency WHERE tenant = ? AND operation = ? AND key = ?"""
_KEEP = """
INSERT INTO idempotency (tenant, operation, key, content, answer, at_ms) VALUES (?, ?, ?, ?, ?, ?)
"""

Records = TypeVar("Records")
Answer = TypeVar("Answer")


class SQLiteTransactions(Generic[Records]):
    """See `Transactions`. `make_records` gives a transaction the shape that the work speaks to."""

    def __init__(
        self, writer: Writer, readers: Readers, make_records: Callable[[Transaction], Records]
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._make_records = make_records

    async def write(
        self, command: Command, work: Callable[[Records], Answer], answers: type[Answer]
    ) -> Done[Answer]:
        """See `Transactions`."""
        return await self._writer.write(partial(self._write, command, work, answers))

    async def read(self, work: Callable[[Records], Answer]) -> Answer:
        """See `Transactions`."""
        return await self._readers.read(partial(self._read, work))

    def _write(
        self,
        command: Command,
        work: Callable[[Records], Answer],
        answers: type[Answer],
        transaction: Transaction,
    ) -> Done[Answer]:
        first = _first_answer(transaction.db, command)
        if first is not None:
            return Done(msgspec.json.decode(first, type=answers), replayed=True)
        answer = work(self._make_records(transaction))
        if command.dry_run:
            transaction.undo()
        elif command.key is not None:
            _keep_answer(transaction.db, command, msgspec.json.encode(answer).decode())
        return Done(answer)

    def _read(self, work: Callable[[Records], Answer], db: apsw.Connection) -> Answer:
        return work(self._make_records(Transaction(db, last_seq=0)))


def _first_answer(db: apsw.Connection, command: Command) -> str | None:
    """What the command's key brought before; `KeyReusedError` where it was another command's."""
    if command.key is None:
        return None
    scope = (command.tenant, command.operation, command.key)
    row = db.execute(_SEEN, scope).fetchone()
    if row is None:
        return None
    content, answer = row
    if content != command.content:
        raise KeyReusedError
    assert isinstance(answer, str)
    return answer


def _keep_answer(db: apsw.Connection, command: Command, answer: str) -> None:
    scope = (command.tenant, command.operation, command.key)
    db.execute(_KEEP, (*scope, command.content, answer, command.machine_ms))
