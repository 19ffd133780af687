"""Trips of a batch: some statements go to the server together, and their rows come back together.

The driver's own pipeline lets go of the interpreter's lock several times for each statement, and a
loop that is busy with requests takes it each time. A trip waits once, and writes lists by itself:
measured, the thread of claims needs a quarter of the processor time.
"""

import re
import select
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import count
from typing import Any, LiteralString, NamedTuple

from psycopg import DataError, OperationalError, errors, pq
from psycopg.adapt import Transformer
from psycopg.pq.abc import PGconn, PGresult
from psycopg.rows import TupleRow, tuple_row

from largesse.storage.postgres.patience import PatientConnection
from largesse.storage.postgres.transaction import (
    BEGIN_WRITING,
    OPEN_BATCH,
    WALL,
    Limits,
    Transaction,
)

Rows = list[TupleRow]

_PLACE = re.compile("%s")
_TEXTS, _NUMBERS = frozenset({str}), frozenset({int, type(None)})
_NAMES = count(1)
"""Of prepared statements: one whose making failed is made anew under another name."""


class Statement(NamedTuple):
    """What is asked. Its bindings are numbers, texts, None, and lists of these.

    All go as texts, so that the statement itself says of what type each list is.
    """

    text: LiteralString
    bindings: Sequence[Any] = ()


def columns(rows: Iterable[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    """The columns of some rows."""
    return tuple(list(column) for column in zip(*rows, strict=True))


class Line(PatientConnection):
    """The connection of claims.

    `prepared` are the statements that its session at the server remembers, and `prepares` says
    whether it may: not where somebody pools between us. A trip waits as patiently as all else.
    """

    def __init__(self, pgconn: PGconn, row_factory: Any = tuple_row) -> None:  # noqa: ANN401 — as the parent has it
        super().__init__(pgconn, row_factory)
        self.prepared: dict[LiteralString, bytes] = {}
        self.prepares = False


class BatchTransaction(Transaction):
    """The transaction of a batch. What begins it goes to the server with the first questions."""

    def __init__(self, line: Line, limits: Limits, wall: int) -> None:
        """Behind the wall of one tenant, by his number, until another is stood before."""
        super().__init__(line)
        self._line = line
        self._opening = [Statement(BEGIN_WRITING), Statement(OPEN_BATCH, limits.bindings(wall))]
        self._wall = wall

    def ask(self, statements: Sequence[Statement]) -> list[Rows]:
        """The rows of each statement, in order, in one trip."""
        opening, self._opening = self._opening, []
        answers = ask(self._line, [*opening, *statements])
        for statement in statements:
            if statement.text == WALL:
                [self._wall] = statement.bindings
        return answers[len(opening) :]

    def first(self, statement: Statement) -> None:
        """Have a statement sent in front of the next questions, whose answer nobody reads."""
        self._opening.append(statement)

    def stand_before(self, wall: int) -> None:
        """Go there, if it is not where this stands."""
        if wall != self._wall:
            self.ask([before_wall(wall)])


def before_wall(tenant: int) -> Statement:
    """What is asked behind this sees one tenant's rows only, by his number."""
    return Statement(WALL, (tenant,))


def ask(line: Line, statements: Sequence[Statement]) -> list[Rows]:
    """The rows of each statement, in order; what a BEGIN among them began stays open behind them.

    After a statement that fails none is done, and its error is raised: a COMMIT behind it is safe.
    Raises the driver's errors, `OperationalError` where the server is gone or silent.
    """
    dumped = [(one.text, [_dump(value) for value in one.bindings]) for one in statements]
    pgconn = line.pgconn
    pgconn.enter_pipeline_mode()
    sent = [kind for text, bindings in dumped for kind in _send(line, text, bindings)]
    pgconn.pipeline_sync()
    _flush(line)
    results = [_receive(line) for _ in sent]
    _next(line)  # the end of the trip: what failed in it does not stop the next one
    pgconn.exit_pipeline_mode()
    _forget(line, sent, results)
    for result in results:
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result, line.info.encoding)
    return [_rows(line, result) for new, result in zip(sent, results, strict=True) if new is None]


def _send(
    line: Line, text: LiteralString, bindings: Sequence[bytes | None]
) -> Iterable[LiteralString | None]:
    """Send a statement; one item for each result to come: a text that is prepared, or None."""
    if not line.prepares:
        line.pgconn.send_query_params(_numbered(text), bindings)
        return (None,)
    known = line.prepared.get(text)
    if known is not None:
        line.pgconn.send_query_prepared(known, bindings)
        return (None,)
    name = line.prepared[text] = b"trip_%d" % next(_NAMES)
    line.pgconn.send_prepare(name, _numbered(text))
    line.pgconn.send_query_prepared(name, bindings)
    return (text, None)


def _forget(line: Line, sent: Sequence[LiteralString | None], results: Sequence[PGresult]) -> None:
    """Know no statement as prepared that was not."""
    for new, result in zip(sent, results, strict=True):
        if new is not None and result.status != pq.ExecStatus.COMMAND_OK:
            del line.prepared[new]


@cache
def _numbered(text: LiteralString) -> bytes:
    """A statement with its places as the server knows them: $1, $2 and so on."""
    places = count(1)
    return _PLACE.sub(lambda _: f"${next(places)}", text).encode()


def _dump(value: Any) -> bytes | None:  # noqa: ANN401 — whatever a statement is about
    """A value as the server reads it in a text."""
    if value is None:
        return None
    text = _list(value) if isinstance(value, list) else str(value)
    encoded = text.encode()
    if b"\0" in encoded:
        message = "PostgreSQL keeps no text with NUL in it"
        raise DataError(message)
    return encoded


def _list(values: list[Any]) -> str:
    """A list as the server reads it (manual, 8.15.6): in quotes, or NULL."""
    kinds = {*map(type, values)}
    if kinds == _TEXTS:
        joined = '","'.join(values)
        if "\\" not in joined and joined.count('"') == 2 * (len(values) - 1):
            return f'{{"{joined}"}}'  # none of them has a mark of its own: nearly always so
    elif kinds <= _NUMBERS:
        return f"{{{str(values)[1:-1].replace('None', 'NULL')}}}"
    return f"{{{','.join(map(_item, values))}}}"


def _item(value: str | int | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _rows(line: Line, result: PGresult) -> Rows:
    if not result.ntuples:
        return []
    loading = Transformer(line)
    loading.set_pgresult(result)
    return loading.load_rows(0, result.ntuples, tuple)


def _receive(line: Line) -> PGresult:
    """The result of one statement, which has an end of its own."""
    result = _next(line)
    if result is None:  # the server hung up after the error that the last one is
        raise OperationalError(line.pgconn.get_error_message())
    _next(line)
    return result


def _next(line: Line) -> PGresult | None:
    while line.pgconn.is_busy():
        _wait(line, select.POLLIN)
        line.pgconn.consume_input()
    return line.pgconn.get_result()


def _flush(line: Line) -> None:
    """Send all; a server whose answers nobody took meanwhile would read no further."""
    while line.pgconn.flush():
        if _wait(line, select.POLLIN | select.POLLOUT) & select.POLLIN:
            line.pgconn.consume_input()


def _wait(line: Line, event: int) -> int:
    """Wait for the connection; give it up where nothing comes: what was asked stays open."""
    poll = select.poll()
    poll.register(line.pgconn.socket, event)
    patience_ms = None if line.silence_s_max is None else line.silence_s_max * 1_000
    for _, seen in poll.poll(patience_ms):
        return seen
    raise line.give_up()
