"""`largesse db …`: the schema of a PostgreSQL database."""

from typing import Annotated

from cyclopts import Parameter

from largesse.cli.chosen import Chosen
from largesse.cli.errors import CommandError
from largesse.cli.options import Settling
from largesse.cli.shown import Shown, table
from largesse.storage.postgres.opening import connect
from largesse.storage.postgres.schema import Migration, Phase, Standing, standing
from largesse.storage.postgres.schema import upgrade as take_steps

_UNCHOSEN = Chosen()
_FINISH = "Take the steps that older releases could not live with, too: none may run any more."


def upgrade(
    *,
    finish: Annotated[bool, Parameter(negative=(), help=_FINISH)] = False,
    chosen: Settling = _UNCHOSEN,
) -> Shown:
    """Bring the database up to date for this release; the one before it goes on."""
    phases = frozenset(Phase) if finish else frozenset({Phase.PRE})
    with connect(_url_of(chosen)) as db:
        taken = {one.number for one in take_steps(db, phases)}
        return _shown(standing(db), taken)


def status(*, chosen: Settling = _UNCHOSEN) -> Shown:
    """Show which migrations the database has; exit status 1 where one is lacking."""
    with connect(_url_of(chosen)) as db:
        return _shown(standing(db), set())


def _url_of(chosen: Chosen) -> str:
    url = chosen.load().settings.database.url
    if not url.startswith("postgres"):
        message = f"{url} brings itself up to date when it is opened: this is for postgresql://…"
        raise CommandError(message)
    return url


def _shown(found: Standing, taken: set[int]) -> Shown:
    rows = [(one, "taken now" if one.number in taken else "applied") for one in found.applied]
    rows += [(one, "to come") for one in found.pending]
    document = {
        "migrations": [
            {"number": one.number, "name": one.name, "phase": one.phase, "state": state}
            for one, state in rows
        ]
    }
    cells = ((f"{one.number:04}", one.name, _meaning(one), state) for one, state in rows)
    lacking = any(one.phase is Phase.PRE for one in found.pending)
    return Shown(document, [table(("", "migration", "phase", "state"), cells)], int(lacking))


def _meaning(one: Migration) -> str:
    return "before the release" if one.phase is Phase.PRE else "after it"
