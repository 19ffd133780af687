"""`largesse claim`: what a customer's click would do."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from largesse.cli.client import path_of
from largesse.cli.options import CampaignId, Remote
from largesse.cli.shown import Shown, cell, facts


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
    path = path_of("campaigns", campaign, "claims") + ("?dry_run=true" if wording.dry_run else "")
    body = {"customer_id": customer} | ({"reward": wording.reward} if wording.reward else {})
    answer = remote.client().post(path, body, wording.idempotency_key)
    if wording.dry_run:
        told = "would be accepted" if answer["accepted"] else "would be refused"
        return Shown(answer, [Text(f"{told}: {answer['outcome']}")], int(not answer["accepted"]))
    incentive = answer["incentive"]
    names = ("code", "id", "reward", "serial", "issued_at", "expires_at")
    grid = facts((name, incentive[name]) for name in names)
    return Shown(answer, [cell(answer["outcome"]), grid])
