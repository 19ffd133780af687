"""`largesse serve`: its start, its end, and each way it cannot start."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from largesse.cli.main import FAILED, run
from largesse.settings.tree import Database
from largesse.storage.sqlite.file import LedgerFile

LARGESSE = str(Path(sys.executable).with_name("largesse"))
ADMIN_KEY = "chosen-by-the-operator-0123456789abcdef"


@contextmanager
def serving(
    folder: Path, *options: str, variables: Mapping[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server in a folder, and the first line that it printed; stopped as an operator would."""
    environment = {**os.environ, **(variables or {})}
    with subprocess.Popen(
        [LARGESSE, "serve", "--port", "0", *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.send_signal(signal.SIGTERM)
            rest = process.communicate()
            if process.returncode:
                sys.stderr.writelines(rest)


def call(url: str, key: str, *arguments: str) -> tuple[int, Any]:
    """A command of the client: its exit status and its document."""
    done = subprocess.run(
        [LARGESSE, *arguments, "--json"],
        env={**os.environ, "LARGESSE_URL": url, "LARGESSE_KEY": key},
        stdout=subprocess.PIPE,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """One server for the client's commands: its address and its first key."""
    with serving(tmp_path_factory.mktemp("ledger"), "--json") as (line, _):
        said = json.loads(line)
        yield said["url"], said["admin_key"]


@pytest.mark.slow
def test_the_first_start_shows_the_admin_key_once(tmp_path: Path) -> None:
    """The address comes first; a signal ends it with status 0; the next start shows no key."""
    with serving(tmp_path) as (first, process):
        assert first.startswith("http://127.0.0.1:")
    assert process.returncode == 0
    assert process.stdout
    assert process.stderr

    with serving(tmp_path, "--json") as (line, again):
        assert json.loads(line)["admin_key"] is None
    assert again.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl: apt-get install curl")
def test_the_first_requests_can_be_pasted(tmp_path: Path) -> None:
    """What is printed under the key makes a campaign and brings a coupon."""
    with serving(tmp_path) as (_, process):
        assert process.stdout
        lines = [process.stdout.readline()]
        while '"customer_id"' not in lines[-1]:
            lines.append(process.stdout.readline())
        text = "".join(lines)
        script = text.partition("a first claim:")[2]
        pasted = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    claimed = json.loads(pasted.stdout)
    assert claimed["outcome"] == "ISSUED"
    assert claimed["incentive"]["customer_id"] == "u-1"


@pytest.mark.slow
def test_an_admin_key_from_outside_is_the_same_on_every_start(tmp_path: Path) -> None:
    """It opens the ledger each time, and is never written anywhere."""
    for _ in range(2):
        with serving(tmp_path, variables={"LARGESSE_ADMIN_KEY": ADMIN_KEY}) as (url, process):
            status, found = call(url, ADMIN_KEY, "key", "list")
            assert status == 0
            assert [key["scopes"] for key in found["items"]] == [["operator", "admin"]]
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate()
        assert ADMIN_KEY not in url + out + err
        assert out == ""


@pytest.mark.slow
def test_a_second_process_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two writers of one file would give the same coupon twice."""
    with serving(tmp_path):
        path = tmp_path / "largesse.db"
        assert run(["serve", "--port", "0", "--database", f"sqlite:///{path}"]) == FAILED
    _, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert f"{path} is in use by another largesse process" in err


@pytest.fixture
def no_database(tmp_path: Path) -> Path:
    """A file that is no database."""
    path = tmp_path / "shopping.txt"
    path.write_text("milk, bread and a great many other things that one needs")
    return path


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A ledger of a largesse that is yet to come."""
    path = tmp_path / "newer.db"
    LedgerFile(path, Database(), now_ms=0, entropy=bytes).close()
    db = apsw.Connection(str(path))
    db.pragma("user_version", 999)
    db.close()
    return path


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Another program's database."""
    path = tmp_path / "foreign.db"
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE song (title TEXT)")
    db.close()
    return path


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A ledger in a folder that this user may not write in: as root, one that nobody may."""
    if os.geteuid() == 0:
        return Path("/sys/largesse.db")
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o500)
    return folder / "largesse.db"


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A ledger in a folder that is not there."""
    return tmp_path / "missing" / "largesse.db"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("no_database", "is no SQLite database: name another file, or move this one away"),
        ("newer", "has schema 999, this largesse knows"),
        ("foreign", "belongs to another program: name another file"),
        ("read_only", "cannot write in"),
        ("nowhere", "cannot write in"),
    ],
)
def test_a_ledger_that_cannot_be_is_one_line(
    kind: str, told: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do; the file stays as it was."""
    path = request.getfixturevalue(kind)
    before = path.read_bytes() if path.exists() else None

    assert run(["serve", "--port", "0", "--database", f"sqlite:///{path}"]) == FAILED

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("largesse: ")
    assert err.count("\n") == 1
    assert told in err
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_taken_port_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found before a ledger is made."""
    path = tmp_path / "largesse.db"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(["serve", "--port", port, "--database", f"sqlite:///{path}"]) == FAILED
    _, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in err
    assert "--port" in err
    assert not path.exists()


def test_a_host_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An address of another machine, or of none."""
    for host in ("192.0.2.1", "not an address"):
        assert run(["serve", "--port", "0", "--host", host]) == FAILED
        _, err = capsys.readouterr()
        assert err.count("\n") == 1
        assert host in err


@pytest.mark.slow
def test_the_doctor_finds_a_running_server(server: tuple[str, str], tmp_path: Path) -> None:
    """A port that is taken is a warning, because the server may be ours."""
    port = server[0].rpartition(":")[2]
    done = subprocess.run(
        [LARGESSE, "doctor", "--json", "--port", port],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        check=False,
    )
    found = json.loads(done.stdout)
    by_check = {one["check"]: one for one in found["findings"]}
    assert done.returncode == int(not found["healthy"])
    assert by_check["port"]["standing"] == "warn"
    assert by_check["database"]["standing"] == "ok"
    assert by_check["sync"]["found"].startswith("a sync takes ")


@pytest.mark.slow
def test_at_once_is_the_tenants_present_moment(server: tuple[str, str]) -> None:
    """In test mode time stands still, and the machine's would be in the future."""
    url, key = server
    rehearsal = call(url, key, "tenant", "create", "Rehearsal", "--test-mode")[1]["admin_key"]
    brief = ("--name", "Flash", "--quota", "1", "--activate")
    assert call(url, rehearsal, "campaign", "create", *brief)[1]["phase"] == "OPEN"


@pytest.mark.slow
def test_a_campaign_from_its_draft_to_its_end(server: tuple[str, str], tmp_path: Path) -> None:
    """Every command of campaigns and claims, as programs see it."""
    brief = ("--name", "Flash", "--quota", "1", "--pattern", "가가9999가가99")
    status, made = call(*server, "campaign", "create", *brief)
    campaign = made["id"]
    assert (status, made["status"], made["per_customer_max"]) == (0, "DRAFT", 1)

    assert call(*server, "claim", campaign, "u-1")[1]["code"] == "NOT_ACTIVE"
    assert call(*server, "campaign", "activate", campaign)[1]["phase"] == "OPEN"
    status, would = call(*server, "claim", campaign, "u-1", "--dry-run")
    assert (status, would["accepted"]) == (0, True)

    wish = ("claim", campaign, "u-1", "--reward", "STANDARD", "--idempotency-key", "k")
    first, again = call(*server, *wish), call(*server, *wish)
    assert again == (first[0], {**first[1], "replayed": True})
    assert (first[0], first[1]["outcome"]) == (0, "ISSUED")
    status, sold_out = call(*server, "claim", campaign, "u-2")
    assert (status, sold_out["code"]) == (FAILED, "SOLD_OUT")
    status, would = call(*server, "claim", campaign, "u-2", "--dry-run")
    assert (status, would["outcome"]) == (FAILED, "SOLD_OUT")

    assert call(*server, "campaign", "pause", campaign)[1]["status"] == "PAUSED"
    assert call(*server, "campaign", "end", campaign)[1]["status"] == "ENDED"
    status, listed = call(*server, "campaign", "list", "--status", "ENDED", "--limit", "1")
    assert [one["id"] for one in listed["items"]] == [campaign]
    assert call(*server, "campaign", "show", campaign)[1]["rewards"][0]["stock"]["left"] == 0

    draft = tmp_path / "draft.json"
    draft.write_text(json.dumps(made_again(made)))
    _, second = call(*server, "campaign", "create", str(draft))
    assert call(*server, "campaign", "delete", second["id"]) == (
        0,
        {"id": second["id"], "deleted": True},
    )
    status, missing = call(*server, "campaign", "show", second["id"])
    assert (status, missing["code"]) == (FAILED, "NOT_FOUND")


def made_again(campaign: dict[str, Any]) -> dict[str, Any]:
    """A definition like that of a campaign."""
    names = ("name", "type", "starts_at", "ends_at", "time_zone")
    reward = {"key": "A", "kind": "POINTS", "value": {"amount": 5}, "quota_total": 3}
    return {**{name: campaign[name] for name in names}, "rewards": [reward]}


@pytest.mark.slow
def test_tenants_and_keys(server: tuple[str, str]) -> None:
    """Every command of theirs, and what people see of them."""
    url, operator = server
    status, tenant = call(*server, "tenant", "create", "Acme", "--time-zone", "Asia/Seoul")
    assert (status, tenant["time_zone"]) == (0, "Asia/Seoul")
    shown = call(*server, "tenant", "show", tenant["id"])[1]
    assert shown.items() <= tenant.items()

    scopes = ("--scope", "read", "--scope", "issue")
    key = call(url, tenant["admin_key"], "key", "create", "till", *scopes)[1]
    assert key["scopes"] == ["read", "issue"]
    assert call(url, key["key"], "campaign", "list") == (0, {"items": [], "next": None})
    assert call(url, key["key"], "key", "list")[1]["code"] == "FORBIDDEN"
    assert call(url, tenant["admin_key"], "key", "revoke", key["id"])[0] == 0
    assert call(url, key["key"], "campaign", "list")[1]["code"] == "UNAUTHENTICATED"

    seen = subprocess.run(
        [LARGESSE, "key", "list", "--url", url, "--key", operator],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert "operator, admin" in seen
    assert operator not in seen
