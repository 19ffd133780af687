"""`largesse backup` and `largesse restore`: the ledger in one file, and back again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from msgspec import to_builtins
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.text import Text

from largesse.cli.chosen import Chosen
from largesse.cli.errors import CommandError
from largesse.cli.options import Remote, Settling
from largesse.cli.shown import Shown, facts
from largesse.client.backups import take
from largesse.http.times import rfc3339
from largesse.kernel.clock import SystemClock
from largesse.storage.sqlite.backup.appearing import appearing
from largesse.storage.sqlite.backup.archive import Archive, bytes_of, pieces, read_archive
from largesse.storage.sqlite.backup.resting import (
    check_archive,
    put_back,
    refuse_ledger,
    resting,
)

SECONDS_MAX = 3_600
"""A server copies its ledger before it sends the first byte: a large one takes minutes."""

_SCHEME = "sqlite:///"
_LOCAL = Remote()
_UNCHOSEN = Chosen()

_FILE = "The backup to write; nothing may have this name yet."
_AT_REST = "A ledger that no server has open, as sqlite:///FILE; without it the server is asked."
_ARCHIVE = "A backup."
_DIGEST = "Refuse any other backup than the one whose digest `largesse backup` told."


def backup(
    file: Annotated[Path, Parameter(help=_FILE)],
    /,
    *,
    database: Annotated[str | None, Parameter(help=_AT_REST)] = None,
    remote: Remote = _LOCAL,
) -> Shown:
    """Take a backup of a running server's ledger, or of one at rest, and check it in full."""
    refuse_ledger(file)
    source = _from_server(remote) if database is None else _from_file(database)
    with appearing(file) as unfinished:
        with source as (length, content):
            for piece in _followed(content, length):
                unfinished.write(piece)
        unfinished.flush()
        with Console(stderr=True).status("checking it"):
            archive = read_archive(Path(unfinished.name))
            check_archive(archive, SystemClock())
    return _shown(archive, file, "A backup is as secret as the ledger: guard it like one.")


def restore(
    file: Annotated[Path, Parameter(help=_ARCHIVE)],
    /,
    *,
    digest: Annotated[str | None, Parameter(help=_DIGEST)] = None,
    chosen: Settling = _UNCHOSEN,
) -> Shown:
    """Make a ledger of a backup, where there is none; it is checked in full before."""
    path = _path_of(chosen.load().settings.database.url)
    with Console(stderr=True).status("checking it"):
        archive = read_archive(file)
        if digest is not None and digest.lower() != archive.digest:
            raise CommandError(f"{file} has the digest {archive.digest}: it is another backup")
        put_back(archive, path, SystemClock())
    return _shown(archive, path, "What was given after that moment is not in it: see the pages.")


@contextmanager
def _from_server(remote: Remote) -> Iterator[tuple[int | None, Iterable[bytes]]]:
    with remote.client(SECONDS_MAX) as client, client.download(take()) as received:
        yield received


@contextmanager
def _from_file(database: str) -> Iterator[tuple[int | None, Iterable[bytes]]]:
    path = _path_of(Chosen(database=database).load().settings.database.url)
    with resting(path, SystemClock()) as (header, payload):
        yield bytes_of(header), pieces(header, payload)


def _path_of(url: str) -> Path:
    if not url.startswith(_SCHEME):
        raise CommandError(f"{url} is no file: back it up with the tools of its database")
    return Path(url.removeprefix(_SCHEME))


def _followed(content: Iterable[bytes], length: int | None) -> Iterator[bytes]:
    """The pieces, while a bar on the terminal tells how far they have come."""
    voice = Console(stderr=True)
    columns = (TextColumn("copying it"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=voice, transient=True, disable=not voice.is_terminal) as bar:
        task = bar.add_task("", total=length)
        for piece in content:
            yield piece
            bar.advance(task, len(piece))


def _shown(archive: Archive, file: Path, note: str) -> Shown:
    header = archive.header
    document = {
        "file": str(file),
        "taken_at": rfc3339(header.taken_at_ms),
        **to_builtins(header.counts),
        "bytes": bytes_of(header),
        "schema": header.schema,
        "digest": archive.digest,
    }
    return Shown(document, [facts(document.items()), Text(note, style="yellow")])
