"""The envelope of every change: who asks, by which key, and whether it is meant."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

KEY_CHARACTERS_MAX = 255


def is_key(text: str) -> bool:
    """Whether this can be an idempotency key: 1 to 255 visible ASCII characters."""
    return (
        0 < len(text) <= KEY_CHARACTERS_MAX
        and text.isascii()
        and text.isprintable()
        and " " not in text
    )


Answer = TypeVar("Answer")
Records_co = TypeVar("Records_co", covariant=True)


class Command(Struct, frozen=True, kw_only=True):
    """A wish to change something.

    `tenant` is the tenant's number, `actor` the id of the API key (or `system`), `operation` the
    name of the use case. `now_ms` is the tenant's present moment, `machine_ms` the machine's, which
    rules how long the key is kept. `key` is the caller's Idempotency-Key and `content` a digest of
    the parsed wish: the same key with other content is refused. A dry run is decided like any
    other, and then undone.
    """

    tenant: int
    actor: str
    operation: str
    now_ms: int
    machine_ms: int
    request_id: str = ""
    key: str | None = None
    content: bytes = b""
    dry_run: bool = False


class Done(Struct, Generic[Answer], frozen=True):
    """What a command answered; `replayed` when its key had brought that answer before."""

    answer: Answer
    replayed: bool = False


class Transactions(Protocol[Records_co]):
    """Runs work on records: all of it or nothing, durable once `write` returns.

    Load, decide and apply are one function `work`, called in one thread with the records inside a
    transaction. It may raise: then nothing has happened. It may be called again after a conflict,
    so it must do nothing but read and write the records.
    """

    async def write(
        self, command: Command, work: Callable[[Records_co], Answer], answers: type[Answer]
    ) -> Done[Answer]:
        """Run work that changes records.

        A key seen before, per (tenant, operation), brings its first answer again without running
        the work, or `KeyReusedError` where the content differs. `answers` is the type of the
        answer, a `msgspec.Struct`, kept as JSON beside the key. After a dry run everything is
        rolled back and no key is kept.
        """

    async def read(self, work: Callable[[Records_co], Answer]) -> Answer:
        """Run work that only reads, on one consistent state."""
