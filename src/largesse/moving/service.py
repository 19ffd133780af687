"""Export and import: a tenant leaves a ledger as an archive, and comes to another as he was."""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from largesse.moving.archive import FORMAT, VERSION, ArchiveReader, ArchiveWriter, Counted
from largesse.moving.errors import MovingError
from largesse.moving.model import KINDS, SECTIONS, FactRow, Manifest, Row, TenantRow
from largesse.moving.ports import Destination, Origin


def export_tenant(origin: Origin, wanted: str | None, file: IO[bytes]) -> Manifest:
    """Write a tenant to a file; without an id the only one there is. Raises `MovingError`.

    What does not fit the memory is not held in it: rows go from the ledger to the file.
    """
    tenant = _choose(origin.tenants(), wanted)
    hindrance = origin.hindrance(tenant)
    if hindrance is not None:
        raise MovingError(f"{tenant} cannot leave: {hindrance}")
    archive = ArchiveWriter(file)
    sections = tuple(archive.section(name, origin.rows(tenant, name)) for name in SECTIONS)
    manifest = Manifest(FORMAT, VERSION, tenant, origin.secret(), origin.numbers(), sections)
    archive.finish(manifest)
    return manifest


def import_tenant(path: Path, destination: Destination) -> Manifest:
    """Bring a tenant from a file into a ledger, then read him back there and compare.

    Raises `MovingError`, whereupon the caller undoes all that the destination was given: where the
    archive is not as it was written, where he is there already, and where the ledger is another
    installation's, in which his incentives' ids would mean others'.
    """
    archive = ArchiveReader(path)
    try:
        archive.check()
        manifest = archive.manifest
        _make_room(destination, manifest)
        number = 0
        for section in manifest.sections:
            rows: Iterable[Row] = archive.rows(section)
            if section.name == "tenant":
                rows = list(rows)
                number = _number_of(rows, manifest)
            destination.write(number, section.name, _bearable(destination, section.name, rows))
        destination.count_on(manifest.numbers)
        _compare(destination, manifest)
    finally:
        archive.close()
    return manifest


def _choose(tenants: list[str], wanted: str | None) -> str:
    if wanted is None and len(tenants) == 1:
        return tenants[0]
    if wanted in tenants:
        assert wanted is not None
        return wanted
    there = ", ".join(tenants[:5]) + (", …" if len(tenants) > 5 else "")  # noqa: PLR2004 — a line's worth
    message = f"there is no tenant {wanted!r} here" if wanted else "which tenant? Name one"
    raise MovingError(f"{message}: there are {there}" if tenants else "no tenant is here")


def _make_room(destination: Destination, manifest: Manifest) -> None:
    tenants = destination.tenants()
    if manifest.tenant in tenants:
        raise MovingError(f"{manifest.tenant} is there already, and stays as it is")
    if not tenants:
        destination.take_secret(manifest.secret)
    elif not hmac.compare_digest(destination.secret(), manifest.secret):
        message = (
            "the ledger is of another installation, in which the ids of these incentives would "
            "mean others: import into an empty one, before its first start"
        )
        raise MovingError(message)


def _number_of(rows: Sequence[Row], manifest: Manifest) -> int:
    if len(rows) != 1 or not isinstance(rows[0], TenantRow) or rows[0].id != manifest.tenant:
        raise MovingError("the archive does not have the one tenant that it is about")
    return rows[0].number


def _bearable(destination: Destination, section: str, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, each of which the destination can have."""
    for row in rows:
        if isinstance(row, FactRow) and row.kind not in KINDS:
            raise MovingError(f"the archive has facts of kind {row.kind}, which nobody knows here")
        refusal = destination.refusal(section, row)
        if refusal is not None:
            raise MovingError(refusal)
        yield row


def _compare(destination: Destination, manifest: Manifest) -> None:
    for section in manifest.sections:
        counted = Counted()
        for _ in counted.lines(destination.rows(manifest.tenant, section.name)):
            pass
        if counted.section(section.name) != section:
            raise MovingError(f"what arrived is not what left ({section.name}): report this")
