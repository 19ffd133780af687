"""To which addresses a message may go, and how they are found."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from msgspec import Struct

from largesse.kernel.errors import LargesseError
from largesse.webhooks.addresses import Address, Allowed, parse

LookUp = Callable[[str], Awaitable[list[Address]]]
"""Gives the addresses of a host."""


class RefusedAddressError(LargesseError):
    """The address leads into a private network."""


async def look_up(host: str) -> list[Address]:
    """All addresses of a host, as the system knows them."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    parsed = (parse(str(address[0])) for *_, address in found)
    return list(dict.fromkeys(one for one in parsed if one is not None))


class Ways(Struct, frozen=True):
    """How receivers are reached: limits, allowed addresses, and who is trusted over TLS.

    `trust` makes what certificates are checked with, on the first use.
    """

    attempt_s_max: float
    connections_max: int
    allowed: Allowed
    look_up: LookUp = look_up
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context


async def checked(ways: Ways, host: str, *, secure: bool) -> list[Address]:
    """The addresses of a host to which a message may go; all that it has must be allowed.

    Raises `RefusedAddressError` where one is not. In plain text a message goes to networks only
    that the operator named.
    """
    literal = parse(host)
    addresses = [literal] if literal is not None else await ways.look_up(host)
    for address in addresses:
        if not ways.allowed.permits(address):
            raise RefusedAddressError(f"{host} leads to {address}, in a private network")
        if not secure and not ways.allowed.inside(address):
            raise RefusedAddressError(f"{host} is outside private networks: use https://")
    if not addresses:
        raise RefusedAddressError(f"{host} has no address")
    return addresses
