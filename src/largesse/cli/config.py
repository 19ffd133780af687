"""`largesse config …`: the settings in force, and where each came from."""

from msgspec import to_builtins

from largesse.cli.chosen import Chosen
from largesse.cli.options import Settling
from largesse.cli.shown import Shown, table
from largesse.settings.describe import describe

_UNCHOSEN = Chosen()


def show(*, chosen: Settling = _UNCHOSEN) -> Shown:
    """Show every setting with its value, secrets masked, and where it came from."""
    rows = describe(chosen.load())
    head = ("setting", "value", "unit", "from", "range")
    cells = [(row.name, row.value or None, row.unit, row.origin, row.range) for row in rows]
    return Shown({"settings": to_builtins(rows)}, [table(head, cells)])
