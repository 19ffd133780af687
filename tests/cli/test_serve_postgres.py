"""`largesse serve`, `db` and `doctor` on PostgreSQL: each reason not to start is one line."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import psycopg
import pytest
from pgbouncer import pgbouncer
from postgres_databases import Databases, settings_of
from postgres_server import postgres

from largesse.cli.doctor_postgres import examine_database, judge
from largesse.cli.main import FAILED, run
from largesse.kernel.errors import StartError
from largesse.storage.postgres.inspection import Inspection, Look
from largesse.storage.postgres.opening import VERSION_MIN, _check_server
from largesse.storage.postgres.schema import Standing, migrations

SOUND = Look(
    version="15.18",
    major=15,
    standby=False,
    synchronous_commit="on",
    fsync=True,
    full_page_writes=True,
    wall_is_open=False,
    copies=0,
    waits_for_a_copy=False,
    ahead_ms=3,
    trip_s=0.0004,
    pooled=False,
    hears=True,
)


def unreachable(_: str) -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return f"postgresql://largesse@127.0.0.1:{held.getsockname()[1]}/largesse"


def with_options(options: str) -> Callable[[str], str]:
    """The same database, for sessions that are set otherwise."""
    return lambda url: f"{url}?options=-c%20{options}"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (unreachable, "Connection refused"),
        (lambda url: url.replace("largesse@", "nobody_we_know@"), "does not exist"),
        (lambda url: url + "_gone", "does not exist"),
        (with_options("default_transaction_read_only%3Don"), "is read-only"),
        (with_options("synchronous_commit%3Doff"), "set synchronous_commit = on"),
        (lambda _: "postgresql://[", "cannot open the database"),
    ],
)
def test_a_database_that_cannot_serve(
    postgres_url: str,
    change: Callable[[str], str],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One clear line, exit status 1."""
    assert run(["serve", "--port", "0", "--database", change(postgres_url)]) == FAILED
    err = capsys.readouterr().err
    assert err.startswith("largesse: ")
    assert err.count("\n") == 1
    assert told in err


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ((VERSION_MIN - 1, False, False, "on"), f"needs {VERSION_MIN} or newer"),
        ((VERSION_MIN, True, True, "on"), "a standby"),
        ((VERSION_MIN, False, True, "on"), "read-only"),
        ((VERSION_MIN, False, False, "off"), "synchronous_commit"),
    ],
)
def test_a_server_that_will_not_do(said: tuple[object, ...], told: str) -> None:
    """By what it says of itself; those that a test cannot have are told here."""

    class Server:
        def execute(self, _: str) -> "Server":
            return self

        def fetchone(self) -> tuple[object, ...]:
            return said

    with pytest.raises(StartError, match=told):
        _check_server(cast("Any", Server()), "the database")


@pytest.mark.slow
def test_a_wrong_password(capsys: pytest.CaptureFixture[str]) -> None:
    """Said without the password itself; with the right one it goes."""
    with postgres() as server:
        with psycopg.connect(server.url(role="postgres"), autocommit=True) as db:
            db.execute("ALTER ROLE largesse PASSWORD 'right one'")
            db.execute("CREATE DATABASE sale OWNER largesse")
        rules = server.folder / "data" / "pg_hba.conf"
        rules.write_text("host all largesse 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        server.process.send_signal(signal.SIGHUP)
        wrong, right = (
            f"postgresql://largesse:{word}%20one@127.0.0.1:{server.port}/sale"
            for word in ("wrong", "right")
        )
        while run(["db", "status", "--database", wrong]) != FAILED:
            pass  # the server has not read its rules again yet
        capsys.readouterr()
        assert run(["serve", "--port", "0", "--database", wrong]) == FAILED
        err = capsys.readouterr().err
        assert "password authentication failed" in err
        assert "wrong one" not in err
        assert "wrong%20one" not in err
        assert run(["db", "upgrade", "--database", right]) == 0


def test_a_missing_migration(databases: Databases, capsys: pytest.CaptureFixture[str]) -> None:
    """A server does not change a schema that is there; `db upgrade` does, once."""
    with databases.empty() as url:
        assert run(["db", "status", "--database", url, "--json"]) == FAILED
        assert states(capsys) == ["to come"] * len(migrations())
        assert run(["db", "upgrade", "--database", url, "--json"]) == 0
        assert states(capsys) == ["taken now"] * len(migrations())
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("DELETE FROM largesse.migration WHERE number > 1")

        assert run(["serve", "--port", "0", "--database", url]) == FAILED

        assert "lacks migration 0002" in capsys.readouterr().err
        assert run(["db", "status", "--database", url, "--json"]) == FAILED
        assert states(capsys)[:2] == ["applied", "to come"]


def test_without_the_driver() -> None:
    """One line that says what to install."""
    program = (
        "import sys; sys.modules['psycopg'] = None; from largesse.cli.main import run;"
        "sys.exit(run(['db', 'status', '--database', 'postgresql://x']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == FAILED
    assert done.stderr == "largesse: this needs more: pip install 'largesse[postgres]'\n"


def test_a_release_before_the_schema(postgres_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a newer release added does no harm; what it took away does."""
    beyond = len(migrations()) + 1
    with psycopg.connect(postgres_url, autocommit=True) as db:
        try:
            for number, phase in ((beyond, "pre"), (beyond + 1, "post")):
                db.execute(
                    "INSERT INTO largesse.migration VALUES (%s, 'newer', %s)", (number, phase)
                )
            assert run(["serve", "--port", "0", "--database", postgres_url]) == FAILED
        finally:
            db.execute("DELETE FROM largesse.migration WHERE number >= %s", (beyond,))
    assert "install a newer largesse" in capsys.readouterr().err


def test_doctor_looks_at_it(postgres_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check has its finding; the server of the tests writes no disk for sure, and is told."""
    assert run(["doctor", "--database", postgres_url, "--port", "0", "--json"]) == 0
    found = {
        one["check"]: one["standing"] for one in json.loads(capsys.readouterr().out)["findings"]
    }
    assert found["database"] == found["schema"] == found["wall"] == found["time"] == "ok"
    assert "durability" in found


@pytest.mark.parametrize(
    ("change", "check", "standing"),
    [
        ({}, "durability", "ok"),
        ({"synchronous_commit": "off"}, "durability", "fail"),
        ({"fsync": False}, "durability", "warn"),
        ({"full_page_writes": False}, "durability", "warn"),
        ({"major": 14}, "database", "fail"),
        ({"standby": True}, "database", "fail"),
        ({"copies": 1}, "standbys", "warn"),
        ({"copies": 1, "waits_for_a_copy": True}, "standbys", "ok"),
        ({"synchronous_commit": "local", "waits_for_a_copy": True}, "standbys", "warn"),
        ({"synchronous_commit": "remote_write", "waits_for_a_copy": True}, "standbys", "warn"),
        ({"synchronous_commit": "remote_apply", "waits_for_a_copy": True}, "standbys", "ok"),
        ({"wall_is_open": True}, "wall", "warn"),
        ({"trip_s": 0.02}, "way", "warn"),
        ({"pooled": True, "hears": False}, "changes", "warn"),
        ({"pooled": True}, "changes", "ok"),
        ({"ahead_ms": -5_000}, "time", "warn"),
    ],
)
def test_what_doctor_makes_of_it(change: dict[str, Any], check: str, standing: str) -> None:
    """What the promises need and does not hold is told."""
    look = SOUND._replace(**change)
    findings = judge(Inspection("the database", look, Standing(tuple(migrations()), ())))
    assert {one.check: one.standing for one in findings}[check] == standing


def test_doctor_knows_a_pooler(postgres_url: str) -> None:
    """Words of changes do not come through it; a direct address beside it brings them."""
    with pgbouncer(postgres_url) as pooled:
        for listen_url, standing in (("", "warn"), (pooled, "warn"), (postgres_url, "ok")):
            findings = examine_database(settings_of(pooled, listen_url=listen_url))
            assert {one.check: one.standing for one in findings}["changes"] == standing


def test_doctor_says_why_it_cannot_look(capsys: pytest.CaptureFixture[str]) -> None:
    """The same line that a start would give."""
    assert run(["doctor", "--database", unreachable(""), "--port", "0", "--json"]) == FAILED
    [first, *_] = [
        one for one in json.loads(capsys.readouterr().out)["findings"] if one["check"] == "database"
    ]
    assert "Connection refused" in first["found"]


def states(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The state of each migration that was shown."""
    return [one["state"] for one in json.loads(capsys.readouterr().out)["migrations"]]
