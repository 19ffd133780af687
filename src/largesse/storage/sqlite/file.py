"""The file of the ledger: opened by one process, checked, migrated, with pragmas that hold."""

import fcntl
import re
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import IO, NamedTuple

import apsw

from largesse.kernel.errors import StartError
from largesse.settings.tree import Database
from largesse.storage.sqlite.query import number

APPLICATION_ID = 0x4C475345
"""Marks the file as ours: `LGSE`."""

SECRET_BYTES = 32
BUSY_MS_MAX = 5_000
"""How long a connection waits while another one recovers the file: nothing else ever blocks it."""

STATEMENTS = 256
"""Prepared statements that the connection which writes keeps: all that there are."""

ROWS_LOOKED_AT = 10_000
"""The end of the journal in which its last moment is looked for: some milliseconds at the start."""

HEADER = b"SQLite format 3\0"
_MIGRATION = re.compile(r"(\d{4})_\w+\.sql")


class Pragma(NamedTuple):
    """A setting of SQLite and the value it must read back as."""

    name: str
    value: int | str


def writer_pragmas(settings: Database) -> tuple[Pragma, ...]:
    """What the connection that writes runs with.

    An acknowledged write must survive a power cut: in WAL mode `synchronous` FULL (2) syncs every
    commit, NORMAL does not. Checkpoints are the writer's own, in small steps.
    """
    return (
        Pragma("journal_mode", "wal"),
        Pragma("synchronous", 2),
        Pragma("foreign_keys", 1),
        Pragma("wal_autocheckpoint", 0),
        *_shared_pragmas(settings),
    )


def reader_pragmas(settings: Database) -> tuple[Pragma, ...]:
    """What the connections that only read run with."""
    return (Pragma("query_only", 1), *_shared_pragmas(settings))


def _shared_pragmas(settings: Database) -> tuple[Pragma, ...]:
    return (Pragma("cache_size", -settings.cache_kib), Pragma("mmap_size", 0))


def apply_pragmas(db: apsw.Connection, pragmas: tuple[Pragma, ...]) -> None:
    """Set each pragma by itself and read it back; `StartError` where one does not hold."""
    for name, value in pragmas:
        db.pragma(name, value)
        found = db.pragma(name)
        if found != value:
            message = f"SQLite keeps {name} at {found!r}; largesse needs {value!r}"
            raise StartError(message)


class LedgerInUseError(StartError):
    """Another largesse process has the ledger."""


class LedgerFile:
    """An SQLite file that this process alone may write.

    Raises `StartError`, with what to do about it, where the file cannot serve: another process has
    it, it is no database or another program's, its schema is newer than this program, its folder
    cannot be written, or what is in it does not hold together.

    `last_moment_ms` is the latest moment among the last rows that it had when it was opened, test
    clocks left out, or 0: no time to come may lie before it.
    """

    def __init__(
        self, path: Path, settings: Database, *, now_ms: int, entropy: Callable[[int], bytes]
    ) -> None:
        self.path = path
        self.settings = settings
        self._lock = lock(path)
        try:
            check_header(path)
            check_marks(path)
            with closing(self.connect()) as db:
                migrate(db)
                self.secret = _secret(db, now_ms, entropy)
                _check_journal(db, path)
                self.last_moment_ms = number(db, _LAST_MOMENT, (ROWS_LOOKED_AT,))
        except apsw.Error as error:
            self.close()
            message = f"{path} cannot be opened: {error}"
            raise StartError(message) from error
        except StartError:
            self.close()
            raise

    def connect(self) -> apsw.Connection:
        """A connection that may write."""
        db = apsw.Connection(str(self.path), statementcachesize=STATEMENTS)
        db.set_busy_timeout(BUSY_MS_MAX)
        apply_pragmas(db, writer_pragmas(self.settings))
        return db

    def connect_reader(self) -> apsw.Connection:
        """A connection that may only read."""
        db = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
        db.set_busy_timeout(BUSY_MS_MAX)
        apply_pragmas(db, reader_pragmas(self.settings))
        return db

    def close(self) -> None:
        """Let another process have the file; the connections are closed by who opened them."""
        self._lock.close()


def lock(path: Path) -> IO[bytes]:
    """Lock a file beside the ledger: the system lets it go when this process ends, however it does.

    SQLite's own locks are given up whenever any handle on its file is closed, so the lock must not
    be on that file. Raises `LedgerInUseError` while another process has it.
    """
    beside = path.with_name(path.name + "-lock")
    try:
        lock = beside.open("ab")
    except OSError as error:
        message = f"cannot write in {path.parent.absolute()}: {error.strerror}"
        raise StartError(message) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        message = f"{path} is in use by another largesse process: stop that one, or name another"
        raise LedgerInUseError(message) from error
    return lock


def check_header(path: Path) -> None:
    """Refuse what is there and is no SQLite file, or may not be written."""
    if not path.exists():
        return
    try:
        with path.open("r+b") as file:
            header = file.read(len(HEADER))
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise StartError(message) from error
    if header not in (b"", HEADER):
        message = f"{path} is no SQLite database: name another file, or move this one away"
        raise StartError(message)


def check_marks(path: Path) -> None:
    """Refuse another program's database and a schema to come, before anything is set in them."""
    with closing(apsw.Connection(str(path))) as db:
        version = db.pragma("user_version")
        ours = db.pragma("application_id") == APPLICATION_ID
        if not ours and db.execute("SELECT count(*) FROM sqlite_schema").get:
            message = f"{path} belongs to another program: name another file"
            raise StartError(message)
    assert isinstance(version, int)
    known = len(migrations())
    if ours and version > known:
        message = f"{path} has schema {version}, this largesse knows {known}: install a newer one"
        raise StartError(message)


def migrate(db: apsw.Connection) -> None:
    """Bring the schema up to date, each step in a transaction of its own."""
    steps = migrations()
    version = db.pragma("user_version") if db.pragma("application_id") == APPLICATION_ID else 0
    assert isinstance(version, int)
    for step, statements in enumerate(steps[version:], start=version + 1):
        with db:
            db.execute(statements)
            db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", step)


def migrations() -> list[str]:
    """The statements of all migrations, in the order of their numbers, which have no gaps."""
    folder = files(__package__).joinpath("migrations")
    found = {
        int(name[1]): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if (name := _MIGRATION.fullmatch(file.name))
    }
    assert sorted(found) == list(range(1, len(found) + 1)), "migrations are numbered from one"
    return [found[number] for number in sorted(found)]


def _secret(db: apsw.Connection, now_ms: int, entropy: Callable[[int], bytes]) -> bytes:
    """The secret of the installation, made with its file."""
    new = (entropy(SECRET_BYTES), now_ms)
    db.execute("INSERT OR IGNORE INTO installation VALUES (1, ?, ?)", new)
    secret = db.execute("SELECT secret FROM installation").get
    assert isinstance(secret, bytes)
    return secret


def _check_journal(db: apsw.Connection, path: Path) -> None:
    """Hold the end of the journal against the counters: the last batch is there, whole."""
    torn = db.execute(_TORN).fetchall()
    if torn:
        message = f"{path} is damaged: the last incentives of reward {torn[0][0]} are not there"
        raise StartError(message)


# Each reward's last serial stands in the journal where its last extent says, and none beyond it.
_TORN = """
SELECT r.number FROM reward r
LEFT JOIN journal j ON j.seq = coalesce(
  (SELECT e.seq + r.serials - e.serial FROM extent_added e
    WHERE e.reward = r.number ORDER BY e.serial DESC LIMIT 1),
  (SELECT e.seq + r.serials - e.serial FROM extent_moved e
    WHERE e.reward = r.number ORDER BY e.serial DESC LIMIT 1))
WHERE r.serials > 0 AND (j.reward IS NOT r.number OR j.serial IS NOT r.serials)
LIMIT 1"""

# Test clocks stand in the future by design, so what was done by them says nothing of the time.
_LAST_MOMENT = """
SELECT coalesce(max(j.at_ms), 0)
FROM (SELECT at_ms, campaign FROM journal ORDER BY seq DESC LIMIT ?) j
JOIN campaign c ON c.number = j.campaign
JOIN tenant t ON t.number = c.tenant
WHERE t.clock_ms IS NULL"""
