"""`largesse raffle …`: what raffles closed with, and their winners."""

from typing import Annotated

from cyclopts import Parameter
from rich.console import RenderableType
from rich.text import Text

from largesse.cli.options import CampaignId, CustomerId, Remote
from largesse.cli.shown import Shown, facts, table
from largesse.client import raffles
from largesse.client.draw_model import Raffle

IdempotencyKey = Annotated[
    str | None, Parameter(help="The same key brings the same entry; by default a new one.")
]

_LOCAL = Remote()


def enter(
    campaign: CampaignId,
    customer: CustomerId,
    /,
    *,
    idempotency_key: IdempotencyKey = None,
    remote: Remote = _LOCAL,
) -> Shown:
    """Have a customer take part in a raffle."""
    entry = remote.have(raffles.enter(campaign, customer, key=idempotency_key))
    names = ("id", "customer_id", "number", "date", "entered_at")
    return Shown(entry, [facts((name, getattr(entry, name)) for name in names)])


def show(campaign: CampaignId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Show how many entries a raffle closed with, the root over them, and who won."""
    return _shown(remote.ask(raffles.show(campaign)))


def pick(campaign: CampaignId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Pick a raffle's winners and give them their prizes; once more it gives nothing twice."""
    return _shown(remote.ask(raffles.pick(campaign)))


def _shown(found: Raffle) -> Shown:
    names = ("campaign_id", "name", "closed", "entries", "root")
    people: list[RenderableType] = [facts((name, getattr(found, name)) for name in names)]
    if found.winners is not None:
        people.append(
            table(("entry", "reward"), ((one.entry, one.reward) for one in found.winners))
        )
    elif found.cancelled:
        people.append(Text("It was called off: nobody wins.", style="dim"))
    else:
        people.append(Text("Its winners are not picked yet.", style="dim"))
    return Shown(found, people)
