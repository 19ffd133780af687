"""`largesse campaign …`: campaigns and the stock of their rewards."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter
from msgspec.structs import replace
from rich.text import Text

from largesse.cli.errors import CommandError
from largesse.cli.options import CampaignId, Piece, Remote
from largesse.cli.shown import Shown, facts, onward, table
from largesse.client import campaigns, test_clock
from largesse.client.model import Campaign, Reward

Status = Literal["DRAFT", "ACTIVE", "PAUSED", "ENDED"]

STANDARD_INPUT = Path("-")
REWARD_KEY = "STANDARD"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """A campaign with one coupon, told on the command line instead of in a file."""

    name: str | None = None
    """What the campaign is called."""

    quota: int | None = None
    """How many coupons there are."""

    per_customer_max: int = 1
    """How many a customer may hold."""

    starts_at: str | None = None
    """When it opens, like 2026-12-01T00:00:00Z; by default at once."""

    ends_at: str | None = None
    """When it closes; by default never."""

    pattern: str | None = None
    """How its codes look, like 가가9999가가99."""

    def body(self, now: Callable[[], str]) -> dict[str, Any]:
        """The body that creates it. Raises `CommandError` where too little was told.

        `now` asks for the tenant's present moment, which need not be this machine's.
        """
        if self.name is None or self.quota is None:
            raise CommandError("give a JSON file, or --name and --quota")
        reward: dict[str, Any] = {
            "key": REWARD_KEY,
            "kind": "COUPON",
            "value": {"item": self.name},
            "quota_total": self.quota,
        }
        if self.pattern is not None:
            reward["code"] = {"pattern": self.pattern}
        return {
            "name": self.name,
            "type": "CLAIM",
            "starts_at": self.starts_at or now(),
            "ends_at": self.ends_at,
            "per_customer_max": self.per_customer_max,
            "rewards": [reward],
        }


_LOCAL = Remote()
_FIRST = Piece()
_UNTOLD = Brief()
_FILE = "Its definition in JSON as the API takes it; - reads standard input."


def create(
    file: Annotated[Path | None, Parameter(help=_FILE)] = None,
    /,
    *,
    brief: Brief = _UNTOLD,
    activate: Annotated[bool, Parameter(negative=(), help="Activate it at once.")] = False,
    remote: Remote = _LOCAL,
) -> Shown:
    """Make a campaign, from a JSON file or from a few options."""
    if file is not None and brief != _UNTOLD:
        raise CommandError("give a JSON file or the options of a campaign, not both")
    body = brief.body(lambda: _now(remote)) if file is None else _read(file)
    return _shown(remote.ask(campaigns.create(body, activate=activate)))


def list_all(
    *,
    status: Annotated[Status | None, Parameter(help="Only those that stand so.")] = None,
    piece: Piece = _FIRST,
    remote: Remote = _LOCAL,
) -> Shown:
    """List campaigns, newest first."""
    found = remote.ask(campaigns.list_all(status=status, limit=piece.limit, cursor=piece.cursor))
    head = ("id", "name", "phase", "opens", "closes", "left")
    return Shown(found, [table(head, map(_row, found.items)), *onward(found)])


def show(campaign: CampaignId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Show a campaign with its stock."""
    return _shown(remote.ask(campaigns.show(campaign)))


def activate(campaign: CampaignId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Activate a campaign; it opens and closes by itself."""
    return _shown(remote.ask(campaigns.activate(campaign)))


def pause(campaign: CampaignId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Pause a campaign, until it is activated again."""
    return _shown(remote.ask(campaigns.pause(campaign)))


def end(campaign: CampaignId, /, *, remote: Remote = _LOCAL) -> Shown:
    """End a campaign for ever; what was issued stays valid."""
    return _shown(remote.ask(campaigns.end(campaign)))


def beacon(
    campaign: CampaignId,
    value: Annotated[str, Parameter(help="The round's value, as its source tells it.")],
    /,
    *,
    remote: Remote = _LOCAL,
) -> Shown:
    """Bring the value of the public round that a draw or a raffle is bound to."""
    shown = remote.ask(campaigns.show(campaign))
    if shown.beacon is None:
        raise CommandError(f"{campaign} is bound to no round of public randomness")
    bound = replace(campaigns.definition_of(shown), beacon={**shown.beacon, "value": value})
    return _shown(remote.ask(campaigns.edit(campaign, bound, version=shown.version)))


def delete(campaign: CampaignId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Delete a draft that issued nothing; end any other campaign."""
    ended = remote.ask(campaigns.delete(campaign))
    if ended is not None:
        return _shown(ended)
    return Shown({"id": campaign, "deleted": True}, [Text(f"{campaign} is deleted.")])


def _now(remote: Remote) -> str:
    """The present moment of the tenant: in test mode it is another than the machine's."""
    return remote.ask(test_clock.show()).now


def _read(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
        return msgspec.json.decode(text, type=dict[str, Any])
    except OSError as error:
        raise CommandError(f"cannot read {file}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise CommandError(f"{file} is no campaign in JSON: {error}") from error


def _shown(campaign: Campaign) -> Shown:
    """A campaign, its rewards below it, and what its author should know."""
    told = (
        "id",
        "name",
        "status",
        "phase",
        "starts_at",
        "ends_at",
        "time_zone",
        "per_customer_max",
    )
    rewards = table(
        ("reward", "kind", "value", "total", "issued", "left", "left today", "code"),
        (_reward_row(reward) for reward in campaign.rewards),
    )
    warnings = [Text(warning, style="yellow") for warning in campaign.warnings]
    grid = facts((name, getattr(campaign, name)) for name in told)
    return Shown(campaign, [grid, rewards, *warnings])


def _reward_row(reward: Reward) -> list[object]:
    stock, code = reward.stock, reward.code
    value = " ".join(str(part) for part in reward.value.values() if part is not None)
    look = None if code is None else code.pattern or code.charset
    counts = (stock.total, stock.issued, stock.left, stock.left_today)
    return [reward.key, reward.kind, value, *counts, look]


def _row(campaign: Campaign) -> list[object]:
    told = [campaign.id, campaign.name, campaign.phase, campaign.starts_at, campaign.ends_at]
    return [*told, [reward.stock.left for reward in campaign.rewards]]
