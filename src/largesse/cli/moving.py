"""`largesse export` and `largesse import`: a tenant leaves a ledger, and comes to another."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from largesse.cli.chosen import Chosen
from largesse.cli.options import Settling
from largesse.cli.shown import Shown, facts
from largesse.moving.model import Manifest
from largesse.moving.service import export_tenant, import_tenant
from largesse.storage.sqlite.backup.appearing import appearing
from largesse.wiring.moving import coming, leaving

_UNCHOSEN = Chosen()

_TO = "The archive to write; nothing may have this name yet."
_TENANT = "Who leaves, by his id, ten_…; it may be left out where there is only one."
_FROM = "An archive that `largesse export` wrote."


def export(
    file: Annotated[Path, Parameter(help=_TO)],
    /,
    *,
    tenant: Annotated[str | None, Parameter(help=_TENANT)] = None,
    chosen: Settling = _UNCHOSEN,
) -> Shown:
    """Write a tenant with all that is his to an archive; the ledger stays as it is."""
    settings = chosen.load().settings.database
    status = Console(stderr=True).status("writing it")
    with status, appearing(file) as unfinished, leaving(settings) as origin:
        manifest = export_tenant(origin, tenant, unfinished)
    return _shown(manifest, file, "It holds the secrets of the installation: guard it like one.")


def bring(
    file: Annotated[Path, Parameter(help=_FROM)], /, *, chosen: Settling = _UNCHOSEN
) -> Shown:
    """Bring a tenant from an archive into a ledger, as he was: whole, or not at all."""
    settings = chosen.load().settings.database
    with Console(stderr=True).status("bringing him in"), coming(settings) as destination:
        manifest = import_tenant(file, destination)
    return _shown(manifest, file, "Every row was read back and is as it was.")


def _shown(manifest: Manifest, file: Path, note: str) -> Shown:
    rows = {section.name: section.rows for section in manifest.sections}
    said = {"tenant": manifest.tenant, "file": str(file), **rows}
    document = {"tenant": manifest.tenant, "file": str(file), "rows": rows}
    return Shown(document, [facts(said.items()), Text(note, style="yellow")])
