"""A look at a ledger's file from outside: nothing in it is changed, and whoever has it keeps it."""

from contextlib import closing
from pathlib import Path

import apsw
from msgspec import Struct

from largesse.storage.sqlite.file import APPLICATION_ID, HEADER, migrations


class Inspection(Struct, frozen=True):
    """What a file says of itself; `known` is the newest schema that this program knows."""

    ours: bool
    schema: int
    known: int


def sqlite_version() -> str:
    """The version of the SQLite library in use."""
    return apsw.sqlite_lib_version()


def inspect(path: Path) -> Inspection | str:
    """Read a file's marks, or tell in the driver's words why it cannot be read."""
    try:
        with closing(_connect(path)) as db:
            ours = db.pragma("application_id") == APPLICATION_ID
            schema = db.pragma("user_version")
    except apsw.Error as error:
        return str(error)
    assert isinstance(schema, int)
    return Inspection(ours, schema, len(migrations()))


def is_database(path: Path) -> bool:
    """Whether there is a file of SQLite, of whatever program."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HEADER)) == HEADER


def _connect(path: Path) -> apsw.Connection:
    """A connection that leaves no file behind.

    SQLite would make a log beside a file that has none, owned by whoever looks, and the server
    could not write it. Without a log nobody writes the file, so it may be taken as unchanging.
    """
    resting = not path.with_name(path.name + "-wal").exists()
    address = path.absolute().as_uri() + ("?immutable=1" if resting else "")
    return apsw.Connection(address, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
