"""The archive: a zip file with a file of JSON lines for each kind of row, and a manifest.

The same rows give the same bytes: nothing in it tells when or where it was made.
"""

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO

import msgspec

from largesse.moving.errors import MovingError
from largesse.moving.model import SECTIONS, Manifest, Row, Section

FORMAT = "largesse tenant"
VERSION = 1
MANIFEST = "manifest.json"
LINE_BYTES_MAX = 64 * 1_048_576
"""No row is nearly as long: what pretends to be one is no archive of ours."""

_UNREADABLE = (msgspec.MsgspecError, zipfile.BadZipFile, KeyError, EOFError, OSError, zlib.error)
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_PRIVATE = 0o600 << 16


class ArchiveWriter:
    """Writes an archive, one section after another, and the manifest at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)

    def section(self, name: str, rows: Iterable[Row]) -> Section:
        """Write the rows of a section; what the manifest says of them."""
        with self._zip.open(_entry(f"{name}.jsonl"), "w", force_zip64=True) as file:
            counted = Counted()
            for line in counted.lines(rows):
                file.write(line)
        return counted.section(name)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest: without one an archive is none."""
        self._zip.writestr(_entry(MANIFEST), msgspec.json.encode(manifest, order="sorted"))
        self._zip.close()


class Counted:
    """Counts rows and takes their digest while they pass by as lines."""

    def __init__(self) -> None:
        self._rows = 0
        self._digest = sha256()

    def lines(self, rows: Iterable[Row]) -> Iterator[bytes]:
        """Each row as a line."""
        encoder = msgspec.json.Encoder()
        for row in rows:
            line = encoder.encode(row) + b"\n"
            self._rows += 1
            self._digest.update(line)
            yield line

    def section(self, name: str) -> Section:
        """What has passed by."""
        return Section(name, self._rows, self._digest.hexdigest())


class ArchiveReader:
    """Reads an archive. Raises `MovingError` where it is none, or of another version."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            said = self._zip.read(MANIFEST)
        except OSError as error:
            raise MovingError(f"cannot read {path}: {error.strerror}") from error
        except (zipfile.BadZipFile, KeyError) as error:
            message = f"{path} is no whole archive of a tenant: copy it again, or export it again"
            raise MovingError(message) from error
        self.manifest = self._read(said)

    def _read(self, said: bytes) -> Manifest:
        try:
            version = msgspec.json.decode(said, type=dict[str, msgspec.Raw]).get("version")
            if version is not None and msgspec.json.decode(version, type=int) != VERSION:
                message = f"{self._path} has version {bytes(version).decode()}: this release reads "
                raise MovingError(f"{message}{VERSION}; import it with the release that wrote it")
            manifest = msgspec.json.decode(said, type=Manifest)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._changed(f"its manifest: {error}") from error
        names = [section.name for section in manifest.sections]
        if manifest.format != FORMAT or names != list(SECTIONS):
            raise self._changed("its manifest")
        return manifest

    def rows(self, section: Section) -> Iterator[Row]:
        """A section's rows; `MovingError` where they are not those that were written."""
        decoder = msgspec.json.Decoder(SECTIONS[section.name])
        count, digest = 0, sha256()
        try:
            with self._zip.open(f"{section.name}.jsonl") as file:
                while line := file.readline(LINE_BYTES_MAX):
                    count += 1
                    digest.update(line)
                    yield decoder.decode(line)
        except _UNREADABLE as error:
            raise self._changed(section.name) from error
        if (count, digest.hexdigest()) != (section.rows, section.sha256):
            raise self._changed(section.name)

    def check(self) -> None:
        """Read all of it. Raises `MovingError` where it is not as it was written."""
        for section in self.manifest.sections:
            for _ in self.rows(section):
                pass

    def close(self) -> None:
        """Let the file go."""
        self._zip.close()

    def _changed(self, what: str) -> MovingError:
        return MovingError(f"{self._path} is not as it was written ({what}): export it again")


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = _PRIVATE
    return entry
