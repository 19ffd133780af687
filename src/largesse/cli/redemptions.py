"""`largesse redeem`: what a till would do."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from largesse.cli.options import Remote
from largesse.cli.shown import Shown, cell, facts, judged
from largesse.client import redemptions
from largesse.client.redemptions import Coupon

_INCENTIVE = "inc_"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How a use is put."""

    idempotency_key: str | None = None
    """The same key brings the same answer; by default a new one."""

    dry_run: Annotated[bool, Parameter(negative=())] = False
    """Only ask whether it could be used."""


_LOCAL = Remote()
_PLAIN = Wording()


def redeem(
    coupon: Annotated[str, Parameter(help="Its code, however it is typed, or its id, inc_….")],
    customer: Annotated[str, Parameter(help="Whose it is, by your own id.")],
    /,
    *,
    wording: Wording = _PLAIN,
    remote: Remote = _LOCAL,
) -> Shown:
    """Use a customer's coupon, once."""
    which: Coupon = {"code": coupon}
    if coupon.startswith(_INCENTIVE):  # no code has an underscore
        which = {"incentive": coupon}
    if wording.dry_run:
        verdict = remote.ask(redemptions.would_redeem(customer, **which))
        return judged(verdict, "could be used", "could not be used")
    answer = remote.have(redemptions.redeem(customer, key=wording.idempotency_key, **which))
    used = answer.incentive
    rows = [(name, getattr(used, name)) for name in ("code", "id", "reward", "customer_id")]
    grid = facts([*rows, ("redeemed_at", answer.redeemed_at)])
    return Shown(answer, [cell(answer.outcome), grid])
