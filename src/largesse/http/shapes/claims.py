"""Claims on the wire: the shapes of their bodies and of their answers."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct

from largesse.http.shapes.customers import WishedFor
from largesse.http.shapes.incentives import IncentiveView

BATCH_MAX = 1_000
"""Claims of one batch: a bulk giver's page, answered in one piece."""


class ClaimBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A customer's wish. `reward` may be left out where the campaign has one, or one named NONE."""

    customer_id: WishedFor = UNSET
    reward: str | None = None


class BatchItem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One wish of a batch, under a key of its own."""

    customer_id: WishedFor = UNSET
    key: Annotated[str, Meta(min_length=1, max_length=255)]
    reward: str | None = None


class BatchBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Up to a thousand wishes, settled in their order."""

    claims: Annotated[list[BatchItem], Meta(min_length=1, max_length=BATCH_MAX)]


class Claimed(Struct, frozen=True, omit_defaults=True):
    """The customer holds this incentive now. `replayed` is said in batches."""

    outcome: str
    incentive: IncentiveView
    replayed: bool = False


class Refused(Struct, frozen=True, omit_defaults=True):
    """A wish of a batch that was refused, as a problem without its envelope."""

    outcome: str
    title: str
    detail: str
    transient: bool
    opens_at: str | None = None
    retry_after: int | None = None
    incentive_id: str | None = None


class Accepted(Struct, frozen=True):
    """The answer to a dry run: whether the wish would be accepted, and as what."""

    accepted: bool
    outcome: str
    transient: bool


class BatchAnswer(Struct, frozen=True):
    """One result for each wish, in their order."""

    results: list[Claimed | Refused | Accepted]
