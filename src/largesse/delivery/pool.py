"""Connections to receivers, each made to an address that was checked for it."""

from collections.abc import Iterable

import httpcore2

from largesse.delivery.reaching import Ways, checked

IDLE_CONNECTIONS_MAX = 64
IDLE_S_MAX = 15.0
"""A connection that carried a message is kept so long for the next one."""


class Pools:
    """Connections over TLS, and those in plain text, for which other addresses are allowed."""

    def __init__(self, ways: Ways) -> None:
        self._secure = _pool(ways, secure=True)
        self._plain = _pool(ways, secure=False)

    def of(self, url: str) -> httpcore2.AsyncConnectionPool:
        """The connections for an address."""
        return self._secure if url.startswith("https:") else self._plain

    async def close(self) -> None:
        """Hang up."""
        await self._secure.aclose()
        await self._plain.aclose()


class _Checked(httpcore2.AsyncNetworkBackend):
    """Looks a host up, checks what was found, and connects to just that."""

    def __init__(self, ways: Ways, *, secure: bool) -> None:
        self._ways = ways
        self._secure = secure
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 — as the library calls it
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that answers; the name itself goes no further."""
        addresses = await checked(self._ways, host, secure=self._secure)
        for address in addresses[:-1]:
            try:
                return await self._network.connect_tcp(str(address), port, timeout)
            except httpcore2.ConnectError:
                continue
        return await self._network.connect_tcp(str(addresses[-1]), port, timeout)


def _pool(ways: Ways, *, secure: bool) -> httpcore2.AsyncConnectionPool:
    return httpcore2.AsyncConnectionPool(
        ssl_context=ways.trust() if secure else None,
        max_connections=ways.connections_max,
        max_keepalive_connections=IDLE_CONNECTIONS_MAX,
        keepalive_expiry=IDLE_S_MAX,
        network_backend=_Checked(ways, secure=secure),
    )
