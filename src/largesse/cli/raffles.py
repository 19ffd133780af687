"""`largesse raffle …`: what raffles closed with, and their winners."""

from rich.console import RenderableType
from rich.text import Text

from largesse.cli.options import CampaignId, Remote
from largesse.cli.shown import Shown, facts, table
from largesse.client import raffles
from largesse.client.draw_model import Raffle

_LOCAL = Remote()


def show(campaign: CampaignId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Show how many entries a raffle closed with, the root over them, and who won."""
    return _shown(remote.ask(raffles.show(campaign)))


def pick(campaign: CampaignId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Pick a raffle's winners and give them their prizes; once more it gives nothing twice."""
    return _shown(remote.ask(raffles.pick(campaign)))


def _shown(found: Raffle) -> Shown:
    names = ("campaign_id", "name", "closed", "entries", "root")
    people: list[RenderableType] = [facts((name, getattr(found, name)) for name in names)]
    if found.winners is None:
        people.append(Text("Its winners are not picked yet.", style="dim"))
    else:
        people.append(
            table(("entry", "reward"), ((one.entry, one.reward) for one in found.winners))
        )
    return Shown(found, people)
