"""What a backup is on disk: one file that tells what is in it, and shows whether it is whole.

    largesse-backup/1⏎      the format and its version
    4 bytes                 the length of the header, big-endian
    header                  JSON: `Header`
    payload                 the ledger's file as SQLite reads it, `Header.bytes` long
    32 bytes                the seal: SHA-256 of all that is before it

The seal shows damage and careless hands. Who wants to deceive can make a new one: its digest, noted
elsewhere, would tell.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct

from largesse.kernel.errors import LargesseError

FORMAT = 1
KIND = "sqlite-ledger"
"""Other archives may hold other things; this program reads no other."""

HEADER_BYTES_MAX = 65_536
"""A longer one is none of ours: reading it would only fill the memory."""

PIECE_BYTES = 262_144
"""A piece is sent by the server's own thread: larger ones would hold claims up."""

SEAL_BYTES = 32

_MAGIC = b"largesse-backup/%d\n"
_FIRST_LINE = re.compile(rb"largesse-backup/(\d{1,9})\n")
_FIRST_LINE_BYTES_MAX = 32
_LENGTH_BYTES = 4


class ArchiveError(LargesseError):
    """A backup cannot be made or used; the message is one line that says why and what to do."""


class Counts(Struct, frozen=True):
    """How much a ledger holds. `incentives` counts all that were ever issued."""

    tenants: int
    campaigns: int
    incentives: int
    facts: int


class Header(Struct, frozen=True, kw_only=True):
    """What is in an archive. `taken_at_ms` is the moment that it shows; `schema` its tables."""

    kind: str = KIND
    largesse: str
    schema: int
    taken_at_ms: int
    bytes: int
    counts: Counts


class Archive(Struct, frozen=True):
    """An archive that is whole: where its payload begins, and its seal in hexadecimal."""

    path: Path
    header: Header
    start: int
    digest: str


def head_of(header: Header) -> bytes:
    """All that stands before the payload."""
    said = msgspec.json.encode(header)
    return _MAGIC % FORMAT + len(said).to_bytes(_LENGTH_BYTES, "big") + said


def bytes_of(header: Header) -> int:
    """How long an archive is in all."""
    return len(head_of(header)) + header.bytes + SEAL_BYTES


def pieces(header: Header, payload: IO[bytes]) -> Iterator[bytes]:
    """An archive from its first byte to its seal.

    Raises `ArchiveError` where the payload ends before its time.
    """
    hashed = hashlib.sha256()
    for piece in _unsealed(header, payload):
        hashed.update(piece)
        yield piece
    yield hashed.digest()


def _unsealed(header: Header, payload: IO[bytes]) -> Iterator[bytes]:
    yield head_of(header)
    left = header.bytes
    while left:
        piece = payload.read(min(left, PIECE_BYTES))
        if not piece:
            raise ArchiveError("the copy of the ledger became shorter while it was read")
        left -= len(piece)
        yield piece


def read_archive(path: Path) -> Archive:
    """Read an archive from its first byte to its last.

    Raises `ArchiveError` where it is none, is not whole, or is more than this program understands.
    """
    try:
        with path.open("rb") as file:
            header, start = _read_head(path, file)
            size = os.fstat(file.fileno()).st_size
            _check_length(path, size, start + header.bytes + SEAL_BYTES)
            return Archive(path, header, start, _read_seal(path, file, size))
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}") from error


def _read_head(path: Path, file: IO[bytes]) -> tuple[Header, int]:
    """The header, and where the payload begins."""
    line = file.readline(_FIRST_LINE_BYTES_MAX)
    found = _FIRST_LINE.fullmatch(line)
    if found is None:
        raise ArchiveError(f"{path} is no backup of largesse: name a file that `backup` wrote")
    if int(found[1]) != FORMAT:
        message = f"{path} has format {int(found[1])}, this largesse reads {FORMAT}"
        raise ArchiveError(f"{message}: install the one that wrote it")
    length = int.from_bytes(file.read(_LENGTH_BYTES), "big")
    if not 0 < length <= HEADER_BYTES_MAX:
        raise ArchiveError(f"{path} is damaged: its header cannot be {length} bytes long")
    said = file.read(length)
    if len(said) < length:
        raise ArchiveError(f"{path} is cut off in its header: take it from where it is whole")
    return _parse(path, said), len(line) + _LENGTH_BYTES + length


class _Kind(Struct):
    kind: str


def _parse(path: Path, said: bytes) -> Header:
    try:
        kind = msgspec.json.decode(said, type=_Kind).kind
        if kind != KIND:
            raise ArchiveError(f"{path} holds a {kind}: this largesse restores a {KIND}")
        return msgspec.json.decode(said, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{path} is damaged: its header cannot be read ({error})") from error


def _check_length(path: Path, size: int, wanted: int) -> None:
    if size < wanted:
        message = f"{path} is cut off: {size:,} of its {wanted:,} bytes are there"
        raise ArchiveError(f"{message}; take it from where it is whole")
    if size > wanted:
        raise ArchiveError(f"{path} is damaged: {size - wanted:,} bytes follow its end")


def _read_seal(path: Path, file: IO[bytes], size: int) -> str:
    """The seal, once it is known to be that of the bytes before it."""
    file.seek(0)
    hashed = hashlib.sha256()
    left = size - SEAL_BYTES
    while left:
        piece = file.read(min(left, PIECE_BYTES))
        if not piece:
            raise ArchiveError(f"{path} became shorter while it was read")
        left -= len(piece)
        hashed.update(piece)
    if file.read(SEAL_BYTES) != hashed.digest():
        raise ArchiveError(f"{path} was changed or damaged since it was made: take another")
    return hashed.hexdigest()
