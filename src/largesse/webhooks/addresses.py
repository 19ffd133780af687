"""Which addresses a webhook may lead to: never our own network, unless the operator says so.

Else whoever may make a webhook could have this server ask the services beside it.
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are the IPv4 address that is reached."""


def parse(text: str) -> Address | None:
    """An address, or None for any other text."""
    try:
        return ip_address(text)
    except ValueError:
        return None


class Allowed:
    """Public addresses, and those of some networks: `10.1.0.0/16`."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: list[Network] = [ip_network(one) for one in networks]

    def permits(self, address: Address) -> bool:
        """Whether a webhook may lead there."""
        inner = reached(address)
        return self.inside(address) or (inner.is_global and not inner.is_multicast)

    def inside(self, address: Address) -> bool:
        """Whether it is in a network that the operator named."""
        inner = reached(address)
        return any(
            inner in network for network in self._networks if network.version == inner.version
        )


def reached(address: Address) -> Address:
    """The IPv4 address that an IPv6 address of the transition leads to, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
