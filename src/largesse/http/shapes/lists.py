"""What all lists have in common."""

from typing import Annotated

from msgspec import Meta, Struct

from largesse.kernel.paging import PAGE_DEFAULT, PAGE_MAX

Limit = Annotated[int, Meta(ge=1, le=PAGE_MAX, description="How many to show in one answer.")]
Cursor = Annotated[
    str, Meta(max_length=1_024, description="`next` of the answer before; leave it out to begin.")
]
Next = Annotated[
    str | None, Meta(description="The cursor to go on with, or null at the end of the list.")
]


class ListQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Where in a list to read."""

    limit: Limit = PAGE_DEFAULT
    cursor: Cursor = ""


class DryRunQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether it is meant."""

    dry_run: Annotated[
        bool,
        Meta(description="Tell only whether it would be accepted: nothing changes, no key needed."),
    ] = False
