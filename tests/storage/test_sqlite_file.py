"""Opening the file: what is refused and how it is said, and what holds once it is open."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import apsw
import pytest
from sqlite_ledger import open_file, opened

from largesse.kernel.errors import StartError
from largesse.settings.tree import Database
from largesse.storage.sqlite.file import (
    Pragma,
    apply_pragmas,
    migrations,
    reader_pragmas,
    writer_pragmas,
)
from largesse.testing.factories import (
    HOUR_MS,
    NOW_MS,
    a_campaign,
    a_definition,
    a_reward,
    a_tenant,
    a_wish,
    crowd,
    keep_campaign,
    keep_tenant,
    open_campaign,
    settle,
)

NOBODY = 65_534

TAKE_THE_FILE = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from sqlite_ledger import open_file
from largesse.kernel.errors import StartError
try:
    open_file(Path({path!r})).close()
except StartError as error:
    print(error)
"""


def refusal(path: Path) -> str:
    """The one line that says why a file cannot be opened."""
    with pytest.raises(StartError) as refused:
        open_file(path).close()
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value) or str(path.parent) in str(refused.value)
    return str(refused.value)


def test_every_pragma_holds(tmp_path: Path) -> None:
    """On the connection that writes and on those that read; read here behind the file's back."""
    settings = Database(cache_kib=2_048)
    file = open_file(tmp_path / "ledger.db", settings)
    writer, reader = file.connect(), file.connect_reader()

    for db, pragmas in ((writer, writer_pragmas(settings)), (reader, reader_pragmas(settings))):
        assert {one.name: db.pragma(one.name) for one in pragmas} == dict(pragmas)
    assert writer.pragma("synchronous") == 2
    assert writer.pragma("journal_mode") == "wal"
    with pytest.raises(apsw.ReadOnlyError):
        reader.execute("DELETE FROM tenant")
    for db in (reader, writer):
        db.close()
    file.close()


def test_a_pragma_that_does_not_hold_is_refused() -> None:
    """A database in memory has no write-ahead log, whatever one asks for."""
    with pytest.raises(StartError, match="journal_mode at 'memory'"):
        apply_pragmas(apsw.Connection(":memory:"), (Pragma("journal_mode", "wal"),))


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """While one has the file; once that has let go, another may have it."""
    path = tmp_path / "ledger.db"
    program = TAKE_THE_FILE.format(folder=str(Path(__file__).parent), path=str(path))

    def try_to_take() -> str:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    with opened(path):
        assert "in use by another largesse process" in try_to_take()
        assert "in use" in refusal(path)
    assert try_to_take() == ""


def test_what_is_no_database(tmp_path: Path) -> None:
    """It is left as it was."""
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, today I gave out coupons.")

    assert "is no SQLite database" in refusal(path)
    assert path.read_text().startswith("Dear diary")


def test_another_program_s_database(tmp_path: Path) -> None:
    """Tables of somebody else are not mixed with ours."""
    path = tmp_path / "other.db"
    with apsw.Connection(str(path)) as db:
        db.execute("CREATE TABLE bookmark (url TEXT)")
    db.close()

    assert "belongs to another program" in refusal(path)


def test_a_newer_schema(tmp_path: Path) -> None:
    """An older program must not write what a newer one understands better."""
    path = tmp_path / "ledger.db"
    open_file(path).close()
    with apsw.Connection(str(path)) as db:
        db.pragma("user_version", 99)
    db.close()

    assert "schema 99" in refusal(path)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Nor one that does not exist."""
    assert "cannot write in" in refusal(tmp_path / "nowhere" / "ledger.db")


def test_a_read_only_folder() -> None:
    """SQLite needs its log beside the file. Root may write everywhere, so he steps down for it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        open_file(path).close()
        path.with_name("ledger.db-lock").unlink()
        path.parent.chmod(0o555)
        user = os.geteuid()
        os.seteuid(user or NOBODY)
        try:
            assert "cannot write in" in refusal(path)
        finally:
            os.seteuid(user)
            path.parent.chmod(0o700)


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    """Whatever the system says about it is passed on."""
    path = tmp_path / "ledger.db"
    path.mkdir()

    assert "cannot write" in refusal(path)


async def test_a_journal_without_its_end(tmp_path: Path) -> None:
    """A file that lost the rows of its last batch is refused at the start."""
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        campaign = await open_campaign(ledger.world, a_reward(quota_total=9))
        await settle(ledger.world, *crowd(campaign, 5))
    with apsw.Connection(str(path)) as db:
        db.execute("DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)")
    db.close()

    assert "is damaged" in refusal(path)


def test_the_secret_stays(tmp_path: Path) -> None:
    """It is made with the file and never again."""
    path = tmp_path / "ledger.db"
    first = open_file(path)
    first.close()
    again = open_file(path)
    again.close()

    assert first.secret == again.secret
    assert len(first.secret) == 32


def test_migrations_are_done_once(tmp_path: Path) -> None:
    """The version of the schema is the number of the last one."""
    path = tmp_path / "ledger.db"
    for _ in range(2):
        file = open_file(path)
        db = file.connect_reader()
        assert db.pragma("user_version") == len(migrations())
        db.close()
        file.close()


async def test_the_last_moment_of_a_file(tmp_path: Path) -> None:
    """The latest at which somebody in real time was given something; test clocks do not count."""
    path = tmp_path / "ledger.db"
    with opened(path) as ledger:
        assert ledger.file.last_moment_ms == 0
        campaign = await open_campaign(ledger.world, a_reward())
        tester = await keep_tenant(ledger.world, a_tenant(id="ten_test", clock_ms=NOW_MS))
        rehearsal = await keep_campaign(
            ledger.world, a_campaign(a_definition(), tester.number, id="camp_rehearsal")
        )
        await settle(ledger.world, a_wish(campaign, now_ms=NOW_MS + 7))
        await settle(ledger.world, a_wish(rehearsal, now_ms=NOW_MS + HOUR_MS))
    with opened(path) as ledger:
        assert ledger.file.last_moment_ms == NOW_MS + 7
