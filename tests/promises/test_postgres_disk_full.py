"""Promise: PostgreSQL's full disk costs answers, never what was answered; and it heals."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from postgres_server import DURABLE, PostgresServer, binaries
from running import WATCHFUL, served
from sale import STOCK, Sale
from shop import shop

from largesse.bench import postgres_server

DISK_BYTES = 128 * 1024 * 1024
"""Room for an empty cluster and some thousand claims."""

CONNECTIONS = 8
BEFORE = 500
REFUSED = 500


class SmallDisk:
    """A file system of some megabytes in memory, with all of a server but its log of changes.

    That log is on another disk, as it is advised: where it cannot be written, PostgreSQL stops,
    which is another test.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave nothing."""
        self._ballast.write_bytes(bytes(shutil.disk_usage(self.folder).free))

    def free(self) -> None:
        """Throw the ballast away."""
        self._ballast.unlink()


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    """A disk that can be filled."""
    binaries()
    folder = Path(tempfile.mkdtemp(prefix="largesse-disk-"))
    options = f"size={DISK_BYTES},mode=0755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "largesse", folder],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("a small disk: mounting one needs the rights of root")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


@pytest.fixture
def server(disk: SmallDisk) -> Iterator[PostgresServer]:
    """A PostgreSQL on that disk, its log of changes elsewhere."""
    with ExitStack() as stack:
        elsewhere = Path(tempfile.mkdtemp(prefix="largesse-wal-"))
        stack.callback(shutil.rmtree, elsewhere, ignore_errors=True)
        postgres_server.give_away(elsewhere)
        started = stack.enter_context(postgres_server.postgres(DURABLE, below=disk.folder))
        assert started.folder.parent == disk.folder
        started.stop()
        log = started.folder / "data" / "pg_wal"
        postgres_server.run_to_the_end(["/bin/mv", str(log), str(elsewhere)], elsewhere)
        log.symlink_to(elsewhere / "pg_wal")
        started.start_again()
        yield started


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_full_disk_of_postgres(
    server: PostgresServer, disk: SmallDisk, tmp_path: Path, told: Callable[[str], None]
) -> None:
    """503 with Retry-After while it is full, reads go on; when space returns, so do claims."""
    with psycopg.connect(server.url(), autocommit=True) as db:
        db.execute("CREATE DATABASE sale")
    settings = {**WATCHFUL, "LARGESSE_DATABASE": server.url("sale")}
    with served(tmp_path, settings) as running:
        async with shop(running.port, CONNECTIONS) as tenant:
            campaign = await tenant.sale(STOCK)
            sale = Sale(tenant, campaign)
            await sale.more(BEFORE)
            disk.fill()
            await sale.refused(REFUSED)
            while full := len(sale.won):  # pages that were there already take some more
                await sale.refused(REFUSED)
                if len(sale.won) == full:
                    break
            assert (await tenant.stock(campaign))["issued"] == full
            assert len(await tenant.incentives(campaign)) == full
            refused = len(sale.unknown)
            disk.free()
            back_s = await sale.back()
            await sale.more(BEFORE)
            await sale.check(running)
    told(
        f"disk of PostgreSQL full: {full} answers before, {refused} refused while full, "
        f"{len(sale.won)} in the end: 0 lost, reads went on, back {back_s:.1f} s after there was "
        "room again, without a restart"
    )
