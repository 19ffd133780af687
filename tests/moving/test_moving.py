"""A tenant moves from one ledger to another, and back: as he was, or not at all."""

import asyncio
import json
import os
import signal
import subprocess
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import msgspec
import psycopg
import pytest
from postgres_databases import Databases
from running import ADMIN_KEY, NO_SETTINGS, PROGRAM, WATCHFUL, Running, served
from shop import Shop, a_reward, new_tenant, shop

from largesse.cli.main import FAILED, run
from largesse.moving.archive import MANIFEST
from largesse.moving.model import (
    MADE_ANEW,
    SECTIONS,
    STAYS,
    AuditRow,
    BlockRow,
    BookRow,
    BoundRow,
    CampaignRow,
    CodeRow,
    CustomerRow,
    ExpiryRow,
    FactRow,
    KeyRow,
    PatternRow,
    PoolRow,
    RewardRow,
    Row,
    TenantRow,
    VersionRow,
    WebhookRow,
)
from largesse.settings.tree import Database
from largesse.wiring.moving import coming

_COLUMNS_OF_FILE = """
SELECT t.name, c.name FROM sqlite_schema t, pragma_table_xinfo(t.name) c
WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"""
_COLUMNS_OF_DATABASE = """
SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'largesse'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"""

CUSTOMERS = 60


@dataclass
class Told:
    """What a ledger says of itself over HTTP."""

    campaigns: list[Any]
    incentives: list[Any]
    again: list[Any]


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """A PostgreSQL database without our schema."""
    with databases.empty() as url:
        yield url


def export(url: str, file: Path, *more: str) -> int:
    """`largesse export`."""
    return run(["export", str(file), "--database", url, "--json", *more])


def bring(url: str, file: Path) -> int:
    """`largesse import`."""
    return run(["import", str(file), "--database", url, "--json"])


def content(file: Path) -> dict[str, bytes]:
    """The files in an archive."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def trade(tenant: Shop) -> None:
    """A history with something of each kind."""
    permuted = await tenant.campaign(
        per_customer_max=2,
        rewards=[a_reward(quota_total=70, quota_daily=65), a_reward(key="OTHER", quota_total=9)],
    )
    random = await tenant.campaign(
        rewards=[a_reward(code={"pattern": "########", "source": "random"}, expires_after_s=86_400)]
    )
    wishes = [
        tenant.claim(sale, f"c{n % 40}", key=f"k{n}", reward="STANDARD")
        for n in range(CUSTOMERS)
        for sale in (permuted, random)
    ]
    await asyncio.gather(*wishes)
    for incentive in (await tenant.incentives(permuted))[:5]:
        await tenant.revoke(incentive["id"])
    await asyncio.gather(*(tenant.claim(permuted, f"d{n}", reward="OTHER") for n in range(12)))
    await tenant.verb(random, "pause")
    customer = {
        "customer_id": "ann",
        "phone": "+821012345678",
        "verified": True,
        "attributes": {"name": '가 "n"'},
    }
    kept = await tenant.ask("POST", "/customers", customer)
    assert kept.status in (200, 201), kept.body


async def look(running: Running) -> Told:
    """All that the tenant sees, and what a winner's retry brings."""
    async with shop(running.port) as tenant:
        campaigns = (await tenant.get("/campaigns"))["items"]
        incentives = [
            one for campaign in campaigns for one in await tenant.incentives(campaign["id"])
        ]
        again = []
        for one in incentives[:10]:
            found = await tenant.get(f"/codes/{one['code']}")
            assert found["id"] == one["id"]
            again.append((await tenant.get(f"/incentives/{one['id']}"))["code"])
        proof = await tenant.proof()
        assert proof["violations"] == []
    return Told(campaigns, incentives, again)


def relay(file: Path) -> None:
    """Make a file look as if its relay had told all."""
    with apsw.Connection(str(file)) as db:
        db.execute("INSERT INTO relay VALUES ('webhooks', 0, '', 1, 0, 1000)")


def there_and_back(folder: Path, source: str, url: str, *, relayed: bool = False) -> None:
    """From a file to PostgreSQL and to another file: the archives are equal to the byte."""
    one, two, three = folder / "1.zip", folder / "2.zip", folder / "3.zip"
    assert export(source, one) == 0
    assert bring(url, one) == 0
    if relayed:
        with psycopg.connect(url) as db:
            db.execute("INSERT INTO largesse.relay VALUES ('webhooks', 0, '', 1, 0, 2 ^ 60, 0)")
    assert export(url, two) == 0
    assert bring(f"sqlite:///{folder / 'back.db'}", two) == 0
    if relayed:
        relay(folder / "back.db")
    assert export(f"sqlite:///{folder / 'back.db'}", three) == 0
    assert one.read_bytes() == two.read_bytes() == three.read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_a_tenant_moves_and_comes_back(tmp_path: Path, empty_url: str) -> None:
    """Ids, codes, stock, keys and retries are what they were; serials go on where they stopped."""
    source = f"sqlite:///{tmp_path / 'ledger.db'}"
    with served(tmp_path, WATCHFUL) as running:
        async with shop(running.port) as tenant:
            await trade(tenant)
        before = await look(running)
        assert running.stop() == 0
    await asyncio.to_thread(there_and_back, tmp_path, source, empty_url)
    for name, url in (("there", empty_url), ("back", f"sqlite:///{tmp_path / 'back.db'}")):
        folder = tmp_path / name
        folder.mkdir()
        with served(folder, {**WATCHFUL, "LARGESSE_DATABASE": url}) as running:
            assert await look(running) == before
            await go_on(running, before)
            assert running.stop() == 0


async def go_on(running: Running, before: Told) -> None:
    """A winner's retry brings what he has, his cap holds, and new serials follow the old ones."""
    [held] = [one for one in before.incentives if one["reward"] == "OTHER"][:1]
    sale = held["campaign_id"]
    highest = max(one["serial"] for one in before.incentives if one["campaign_id"] == sale)
    async with shop(running.port) as tenant:
        again = await tenant.claimed(sale, held["customer_id"], reward="OTHER")
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json()["incentive"]["id"] == held["id"]
        capped = await tenant.claimed(sale, "c10", key="third", reward="STANDARD")
        assert capped.json()["code"] == "CUSTOMER_LIMIT_REACHED"
        new = await tenant.claimed(sale, "new", reward="STANDARD")
        assert new.json()["incentive"]["serial"] == highest + 1
        made = await tenant.campaign()
        assert (await tenant.get(f"/campaigns/{made}"))["number"] > max(
            campaign["number"] for campaign in before.campaigns
        )


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A small archive of the only tenant of a file, which the first start makes."""
    asyncio.run(_make(tmp_path))
    file = tmp_path / "tenant.zip"
    assert export(f"sqlite:///{tmp_path / 'ledger.db'}", file) == 0
    return file


async def _make(folder: Path) -> None:
    with served(folder, NO_SETTINGS) as running:
        async with shop(running.port) as tenant:
            await tenant.claimed(await tenant.sale(5), "ann")
        assert running.stop() == 0


def rewritten(archive: Path, change: Mapping[str, bytes | None]) -> Path:
    """The same archive with other files in it."""
    other = archive.with_name("other.zip")
    with zipfile.ZipFile(other, "w") as written:
        for name, data in {**content(archive), **change}.items():
            if data is not None:
                written.writestr(name, data)
    return other


@pytest.mark.slow
def test_what_cannot_come(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], empty_url: str
) -> None:
    """Each with a line that says why; nothing is there afterwards, and a whole one still comes."""
    manifest = content(archive)[MANIFEST]
    cut = tmp_path / "cut.zip"
    cut.write_bytes(archive.read_bytes()[:-100])
    facts = content(archive)["journal.jsonl"]
    more = {"journal.jsonl": facts + facts.splitlines(keepends=True)[-1]}
    said = msgspec.json.decode(manifest)
    cases: list[tuple[Path | Mapping[str, bytes | None], str]] = [
        (cut, "no whole archive"),
        (tmp_path / "none.zip", "cannot read"),
        (more, "not as it was written"),
        (
            {"reward.jsonl": content(archive)["reward.jsonl"].replace(b"5", b"6")},
            "as it was written",
        ),
        ({"campaign.jsonl": b"[1]\n"}, "as it was written"),
        ({"api_key.jsonl": None}, "as it was written"),
        ({MANIFEST: None}, "no whole archive"),
        ({MANIFEST: msgspec.json.encode({**said, "version": 2})}, "has version 2"),
        ({MANIFEST: b"{"}, "as it was written"),
    ]
    for url in (f"sqlite:///{tmp_path / 'new.db'}", empty_url):
        for case, told in cases:
            file = case if isinstance(case, Path) else rewritten(archive, case)
            assert bring(url, file) == FAILED
            assert told in capsys.readouterr().err
            assert export(url, tmp_path / "nothing.zip") == FAILED
            assert "no tenant is here" in capsys.readouterr().err
        assert bring(url, archive) == 0
        assert bring(url, archive) == FAILED
        assert "is there already" in capsys.readouterr().err


@pytest.mark.slow
def test_another_installation(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ids of his incentives would be others': he stays outside."""
    other = tmp_path / "other"
    other.mkdir()
    asyncio.run(_make(other))
    assert bring(f"sqlite:///{other / 'ledger.db'}", archive) == FAILED
    assert "another installation" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_one_of_several(
    tmp_path: Path, empty_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tenants of one installation follow each other; nobody takes anything of another's along."""
    source = f"sqlite:///{tmp_path / 'ledger.db'}"
    with served(tmp_path, NO_SETTINGS) as running:
        key = await new_tenant(running.port)
        async with shop(running.port) as first, shop(running.port, api_key=key) as second:
            for tenant in (first, second):
                await tenant.claimed(await tenant.sale(5), "ann")
        assert running.stop() == 0
    await asyncio.to_thread(_follow, tmp_path, source, empty_url, capsys)
    with served(tmp_path, {"LARGESSE_DATABASE": empty_url}) as running:
        for api_key in (ADMIN_KEY, key):
            async with shop(running.port, api_key=api_key) as tenant:
                [campaign] = (await tenant.get("/campaigns"))["items"]
                [incentive] = await tenant.incentives(campaign["id"])
                assert incentive["customer_id"] == "ann"


def _follow(folder: Path, source: str, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert export(source, folder / "which.zip") == FAILED
    assert "which tenant?" in capsys.readouterr().err
    with apsw.Connection(str(folder / "ledger.db")) as db:
        ids = [one for (one,) in db.execute("SELECT id FROM tenant ORDER BY number DESC")]
    for number, tenant in enumerate(ids):
        file = folder / f"{number}.zip"
        assert export(source, file, "--tenant", tenant) == 0
        assert bring(url, file) == 0


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_kill_leaves_nothing(archive: Path, empty_url: str) -> None:
    """At whichever row it came: the tenant is there whole, or not at all, and comes again."""
    command = [PROGRAM, "import", str(archive), "--database", empty_url]
    with psycopg.connect(empty_url, autocommit=True) as db:
        assert bring(empty_url, archive.with_name("none.zip")) == FAILED
        db.execute("SELECT pg_advisory_lock(1279742789, 0)")  # holds it up amid its transaction
        process = subprocess.Popen(command, env={**os.environ}, stderr=subprocess.DEVNULL)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while db.execute(waiting).fetchone() == (0,):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert export(empty_url, archive.with_name("nothing.zip")) == FAILED
    assert bring(empty_url, archive) == 0


def every_kind() -> dict[str, list[Row]]:
    """A row or two of each section, as large and as awkward as they come."""
    text = 'a "b" \\ \t\n 가 \U0001f600'
    definition = json.dumps({"per_customer_max": 1, "name": text})
    return {
        "tenant": [TenantRow(7, "ten_7", text, "UTC", 1, bytes(range(32)), 5)],
        "api_key": [KeyRow("key_1", text, "lgs_", b"\0\xff", '["admin"]', 1, None, 2)],
        "audit": [AuditRow(n, "key_1", "o", "s", "", None, text) for n in (3, 2)],
        "idempotency": [BoundRow("o", text, b"\0", "{}", 1)],
        "customer": [
            CustomerRow("ann", "+82", 1, "{}", 1),
            CustomerRow(text, None, 0, "{}", 1),
        ],
        "campaign": [CampaignRow(21, "camp_21", "ACTIVE", 2, 1, "CLAIM", text, None)],
        "campaign_version": [VersionRow(21, n, definition) for n in (1, 2)],
        "reward": [RewardRow(31, 21, "A", None, 9, 3, 0, 4, 19_000, 3)],
        "code_pattern": [PatternRow(41, "####", "permuted", 2**40)],
        "code_block": [BlockRow(41, 0, 9, 31, 1)],
        "code_pool": [PoolRow(51, "pool_51", 21, 31, text, "READY", 5, "{}", 41, 9, 1, 2, None)],
        "code": [CodeRow("CODE", 31, 1, None), CodeRow("POOL", 31, 1, 51)],
        "journal": [
            FactRow(7, 1, 21, None, None, None, None, 1, "{}", None),
            *(FactRow(1, 2, 21, 31, n, f"c{n % 2}", f"k{n}", 1, None, None) for n in (1, 2)),
            FactRow(5, 3, 21, 31, 1, None, None, 1, None, None),
            *(FactRow(1, 4, 21, 31, n, f"c{n % 2}", text, 2, None, None) for n in (3, 4)),
            FactRow(8, 5, 21, None, None, "ann", "d1", 1, f"0 1/31/32 {text}", 1),
            FactRow(8, 5, 21, None, None, "ann", "d2", 1, "0 2 ", 2),
            FactRow(8, 5, 21, 31, 4, "bob", "d3", 1, "0 1/31 ", 3),
            FactRow(5, 6, 21, 31, 4, None, None, 1, None, None),
        ],
        "expiry": [ExpiryRow(31, 1, 4, 2**50, None)],
        "draw_book": [BookRow(21, 3)],
        "webhook": [
            WebhookRow(61, "wh_61", "https://x", text, "[1]", b"s", None, None, None, None, None, 1)
        ],
    }


def filled(folder: Path, rows: Mapping[str, list[Row]]) -> str:
    """A file with these rows of a tenant."""
    url = f"sqlite:///{folder / 'filled.db'}"
    with coming(Database(url=url)) as ledger:
        for section, some in rows.items():
            ledger.write(7, section, some)
        ledger.count_on({"campaign": 99, "reward": 98})
    relay(folder / "filled.db")
    return url


def test_every_kind_of_row_travels(tmp_path: Path, empty_url: str) -> None:
    """Each of them is in the archive, which is equal to the byte wherever it was written."""
    source = filled(tmp_path, every_kind())
    there_and_back(tmp_path, source, empty_url, relayed=True)
    lines = content(tmp_path / "1.zip")
    for section, rows in every_kind().items():
        assert lines[f"{section}.jsonl"].count(b"\n") == len(rows)
    numbers = json.loads(lines[MANIFEST])["numbers"]
    assert (numbers["campaign"], numbers["reward"], numbers["webhook"]) == (99, 98, 61)
    with psycopg.connect(empty_url) as db:
        db.execute("SET largesse.tenant = '0'")
        counted = db.execute("SELECT serial, nth FROM largesse.journal WHERE kind = 1 ORDER BY 1")
        assert counted.fetchall() == [(1, 1), (2, 1), (3, 2), (4, 2)]
        drawn = (
            "SELECT draw, period, ordinal FROM largesse.journal WHERE kind IN (5, 8) ORDER BY seq"
        )
        found = db.execute(drawn).fetchall()
    assert found == [(None, None, None), (1, 0, 1), (2, 0, 2), (3, 0, 1), (3, None, None)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE webhook SET waiting = 1", "wait for a webhook"),
        ("UPDATE relay SET seq = 0", "wait for a webhook"),
        (
            """INSERT INTO job VALUES (1, 'job_1', 7, '', 'k', 's', '{}', 'RUNNING', 0, 1, '{}',
            '[]', NULL, 0, 0, 0, 1, NULL)""",
            "a job of his",
        ),
        ("UPDATE journal SET kind = 3 WHERE kind = 7", "cannot bring elsewhere"),
    ],
)
def test_who_cannot_leave(
    tmp_path: Path, change: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What would be lost on the way must be over before."""
    source = filled(tmp_path, every_kind())
    with apsw.Connection(str(tmp_path / "filled.db")) as db:
        db.execute(change)
    assert export(source, tmp_path / "1.zip") == FAILED
    assert told in capsys.readouterr().err
    assert not (tmp_path / "1.zip").exists()


def test_nothing_is_forgotten(postgres_url: str, tmp_path: Path) -> None:
    """Each table of either schema travels, or it is said why it stays; each column, too."""
    asyncio.run(_make(tmp_path))
    with apsw.Connection(str(tmp_path / "ledger.db")) as file:
        in_file = set(file.execute(_COLUMNS_OF_FILE))
    with psycopg.connect(postgres_url) as db:
        in_database = set(db.execute(_COLUMNS_OF_DATABASE))
    there = in_file | in_database

    assert {table for table, _ in there} == {*SECTIONS, *STAYS}
    assert untold(there) == set()
    assert untold({*there, ("reward", "colour")}) == {("reward", "colour")}  # a new one is seen


def untold(there: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Columns of tables that travel of which nobody says what becomes of them; and the reverse."""
    travels = {
        (table, column) for table, kind in SECTIONS.items() for column in kind.__struct_fields__
    }
    said = {(table, column) for table, _, column in (one.partition(".") for one in MADE_ANEW)}
    found = {(table, column) for table, column in there if table in SECTIONS}
    return {one for one in found ^ (travels | said) if one[1] != "tenant"}


def test_an_archive_is_private(archive: Path) -> None:
    """It holds the secrets of the codes and of the ids."""
    assert archive.stat().st_mode & 0o777 == 0o600
    assert json.loads(content(archive)[MANIFEST])["format"] == "largesse tenant"
