"""What largesse did, told to the rest of the world; and who made it do so."""

from enum import IntEnum
from typing import Any, NamedTuple

from msgspec import Struct

from largesse.kernel.command import Command


class FactKind(IntEnum):
    """The facts, by the number under which the journal keeps them. Numbers are never used again."""

    INCENTIVE_ISSUED = 1
    INCENTIVE_REDEEMED = 2
    INCENTIVE_EXPIRED = 4
    INCENTIVE_REVOKED = 5
    STOCK_EXHAUSTED = 6
    CAMPAIGN_CHANGED = 7
    DRAW_MADE = 8

    @property
    def topic(self) -> str:
        """The name under which the fact travels: `incentive.issued`."""
        subject, _, verb = self.name.lower().partition("_")
        return f"{subject}.{verb}"


class Position(NamedTuple):
    """Where a fact stands among all facts: positions ascend in the order in which facts leave.

    `transaction` is 0 where a single writer numbers all rows in the order of their commits.
    """

    transaction: int
    seq: int


START = Position(0, 0)
"""Before the first fact."""


class Fact(Struct, frozen=True, kw_only=True):
    """A fact as it is published. `id` is the same whenever it is told again.

    The names of `id`, `aggregatetype`, `aggregateid`, `type` and `payload` are those that the
    EventRouter of Debezium reads. Facts of one aggregate leave in their order.
    """

    id: str
    aggregatetype: str
    aggregateid: str
    type: str
    payload: dict[str, Any]
    tenant: int
    at_ms: int


GONE = (FactKind.INCENTIVE_REDEEMED, FactKind.INCENTIVE_EXPIRED, FactKind.INCENTIVE_REVOKED)
"""After one of these an incentive has ended; a unique key lets only one of them happen."""


class AuditEntry(Struct, frozen=True, kw_only=True):
    """Who changed what, when, and what it was before and after (None where it did not exist)."""

    tenant: int
    at_ms: int
    actor: str
    operation: str
    subject: str
    request_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @classmethod
    def of(
        cls,
        command: Command,
        subject: str,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
    ) -> "AuditEntry":
        """What a command changed about a thing, by the thing's id."""
        return cls(
            tenant=command.tenant,
            at_ms=command.now_ms,
            actor=command.actor,
            operation=command.operation,
            subject=subject,
            request_id=command.request_id,
            before=before,
            after=after,
        )
