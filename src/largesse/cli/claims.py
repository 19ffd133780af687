"""`largesse claim`: what a customer's click would do."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from largesse.cli.options import CampaignId, Remote
from largesse.cli.shown import Shown, cell, facts, judged
from largesse.client import claims


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a claim is put."""

    reward: str | None = None
    """Which reward, by its key; not needed where there is one."""

    idempotency_key: str | None = None
    """The same key brings the same answer; by default a new one."""

    dry_run: Annotated[bool, Parameter(negative=())] = False
    """Only ask whether it would be accepted."""


_LOCAL = Remote()
_PLAIN = Wording()


def claim(
    campaign: CampaignId,
    customer: Annotated[str, Parameter(help="The customer, by your own id.")],
    /,
    *,
    wording: Wording = _PLAIN,
    remote: Remote = _LOCAL,
) -> Shown:
    """Claim one unit of a campaign's reward for a customer."""
    if wording.dry_run:
        verdict = remote.ask(claims.would_claim(campaign, customer, reward=wording.reward))
        return judged(verdict, "would be accepted", "would be refused")
    wish = claims.claim(campaign, customer, reward=wording.reward, key=wording.idempotency_key)
    answer = remote.have(wish)
    names = ("code", "id", "reward", "serial", "issued_at", "expires_at")
    grid = facts((name, getattr(answer.incentive, name)) for name in names)
    again = [Text("as answered before", style="dim")] if answer.replayed else []
    return Shown(answer, [cell(answer.outcome), *again, grid])
