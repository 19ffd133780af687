"""A look at a ledger's file from outside: nothing in it is changed, and whoever has it keeps it."""

from contextlib import closing
from pathlib import Path

import apsw
from msgspec import Struct

from largesse.storage.sqlite.file import APPLICATION_ID, migrations


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
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
            ours = db.pragma("application_id") == APPLICATION_ID
            schema = db.pragma("user_version")
    except apsw.Error as error:
        return str(error)
    assert isinstance(schema, int)
    return Inspection(ours, schema, len(migrations()))
