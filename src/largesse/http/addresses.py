"""Where a caller is: limits on guessing count by address, also behind a proxy."""

from collections.abc import Collection

ADDRESS_CHARACTERS_MAX = 64
"""An IPv6 address with its zone is shorter; who sends more has only a name to be counted by."""


def address_of(peer: str, forwarded: bytes | None, proxies: Collection[str]) -> str:
    """The address of the caller whose request `peer` brought.

    Only what our own proxies say is believed. Each appends the address it was asked from to
    `forwarded`, the header X-Forwarded-For; so the last that is no proxy of ours is the caller's,
    and what stands before it he may have made up.
    """
    asked_from = [peer]
    if forwarded is not None:
        asked_from = [part.strip() for part in forwarded.decode("latin-1").split(",")] + asked_from
    while asked_from[-1] in proxies and len(asked_from) > 1:
        asked_from.pop()
    return asked_from[-1][:ADDRESS_CHARACTERS_MAX]
