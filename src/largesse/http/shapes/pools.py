"""Code pools over HTTP, and what is known of codes."""

from typing import Annotated

from msgspec import Meta, Struct

from largesse.http.shapes.lists import Next
from largesse.http.times import ShownMoment, rfc3339, rfc3339_or_none
from largesse.pools.model import (
    CHECKED_MAX,
    COUNT_MAX,
    NAME_CHARACTERS_MAX,
    ExportFormat,
    Finding,
    Pool,
)

CODE_CHARACTERS_MAX = 1_024
"""Of a code to be checked: longer than any that is one, short enough to be said again."""


class NewPoolInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A new code pool."""

    count: Annotated[int, Meta(ge=1, le=COUNT_MAX, description="How many codes to set aside.")]
    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=NAME_CHARACTERS_MAX,
            description="Whom it is for, like the printer's name.",
        ),
    ]
    reward: Annotated[
        str | None, Meta(description="Its key; where there is one reward it may be left out.")
    ] = None


class ExportInput(Struct, frozen=True, forbid_unknown_fields=True):
    """How a pool's codes are to be written."""

    format: ExportFormat = ExportFormat.CSV
    again: Annotated[
        bool,
        Meta(
            description="Export codes that were exported before. Two files of the same codes in "
            "two hands give one code to two people."
        ),
    ] = False


class PoolView(Struct, frozen=True):
    """Units of a reward set aside for somebody else to hand out, with a code each."""

    id: str
    campaign_id: str
    reward: str
    name: str
    status: Annotated[str, Meta(description="MAKING, READY, or DELETED when it was taken back.")]
    count: int
    source: Annotated[str, Meta(description="`permuted` or `random`, as the reward's codes are.")]
    created_at: ShownMoment
    exports: Annotated[int, Meta(description="How many files of its codes were made.")]
    exported_at: ShownMoment | None


class PoolList(Struct, frozen=True):
    """A piece of the list of code pools, the newest first."""

    items: list[PoolView]
    next: Next


class CheckInput(Struct, frozen=True, forbid_unknown_fields=True):
    """Codes that somebody wants to know about, however they were typed."""

    codes: Annotated[
        list[Annotated[str, Meta(max_length=CODE_CHARACTERS_MAX)]],
        Meta(min_length=1, max_length=CHECKED_MAX),
    ]


class FindingView(Struct, frozen=True):
    """What is known of a code."""

    code: str
    well_formed: Annotated[bool, Meta(description="It fits a pattern of the tenant's.")]
    check_right: Annotated[
        bool | None,
        Meta(description="So do its check symbols; null where there is nothing to check."),
    ]
    known: Annotated[bool, Meta(description="It was issued, or is in a code pool.")]
    status: Annotated[
        str | None,
        Meta(
            description="ISSUED, REDEEMED, EXPIRED or REVOKED; AVAILABLE in a code pool, DELETED "
            "in one that is not ready or was taken back; null where it is not known."
        ),
    ]
    campaign_id: str | None
    reward: str | None
    pool_id: str | None
    incentive_id: str | None


class Findings(Struct, frozen=True):
    """One finding for each code, in their order."""

    results: list[FindingView]


def show_pool(pool: Pool) -> PoolView:
    """The view of a code pool."""
    return PoolView(
        pool.id,
        pool.campaign_id,
        pool.reward_key,
        pool.name,
        pool.status,
        pool.count,
        pool.source,
        rfc3339(pool.created_at_ms),
        pool.exports,
        rfc3339_or_none(pool.exported_at_ms),
    )


def show_finding(finding: Finding) -> FindingView:
    """The view of a finding."""
    return FindingView(
        finding.code,
        finding.well_formed,
        finding.check_right,
        finding.known,
        finding.status,
        finding.campaign_id,
        finding.reward,
        finding.pool_id,
        finding.incentive_id,
    )
