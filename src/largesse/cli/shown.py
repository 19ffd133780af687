"""How a command's answer looks: one JSON document for programs, tables and colours for people."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from largesse.cli.documents import to_json
from largesse.client.model import Page, Verdict

PIPE_COLUMNS = 200
"""Where no terminal says how wide it is: ids and codes stay in one piece."""

STYLES = {
    "OPEN": "green",
    "ACTIVE": "green",
    "ISSUED": "green",
    "REDEEMED": "cyan",
    "DELIVERED": "green",
    "WAITING": "cyan",
    "FAILED": "red",
    "ok": "green",
    "SCHEDULED": "cyan",
    "DRAFT": "cyan",
    "PAUSED": "yellow",
    "warn": "yellow",
    "ENDED": "dim",
    "EXPIRED": "dim",
    "REVOKED": "red",
    "fail": "bold red",
}
"""Words that tell how something stands, by colour."""


KEEP = Text("Keep the key now: it is not shown again.", style="yellow")


class Shown(Struct, frozen=True):
    """An answer: `document` for programs, `people` from top to bottom, and the exit status."""

    document: Any
    people: Sequence[RenderableType]
    status: int = 0

    def write(self, *, json: bool) -> int:
        """Print one of the two; returns the exit status."""
        if json:
            sys.stdout.write(to_json(self.document))
        else:
            console = Console(highlight=False)
            if not console.is_terminal:
                console = Console(highlight=False, width=PIPE_COLUMNS)
            console.print(*self.people, sep="\n")
        return self.status


def judged(verdict: Verdict, accepted: str, refused: str) -> Shown:
    """What would become of a wish, in the words of its kind; status 1 where it would be refused."""
    told = accepted if verdict.accepted else refused
    return Shown(verdict, [Text(f"{told}: {verdict.outcome}")], int(not verdict.accepted))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table; cells that say how something stands are coloured."""
    made = Table(*map(_spoken, head), box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """What is known of one thing, a line each."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(_spoken(name), cell(value))
    return made


def fields(thing: Struct) -> Iterable[tuple[str, object]]:
    """What a client was told of one thing, for `facts`."""
    return asdict(thing).items()


def onward(found: Page[Any]) -> list[Text]:
    """How to see more of a list, if there is more."""
    if found.next is None:
        return []
    return [Text(f"There is more: --cursor {found.next}", style="dim")]


def cell(value: object) -> Text:
    """A value as people write it; nothing in it is taken for markup."""
    if value is None:
        return Text("—", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, list | tuple):
        return Text(", ".join(str(part) for part in value))
    return Text(str(value), style=STYLES.get(str(value), ""), overflow="fold")


def _spoken(name: str) -> str:
    """A field's name as people say it."""
    return name.replace("_", " ")
