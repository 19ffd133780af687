"""How webhooks hear facts: the relay hands them over, deliveries are made of them."""

from collections.abc import Callable

from largesse.issuance.model import Piece, Wanted
from largesse.kernel.clock import Clock
from largesse.kernel.lease import Lease
from largesse.webhooks.ports import DeliveryStore

NAME = "webhooks"
"""Under this name the relay keeps how far webhooks have heard."""


class Subscription:
    """A subscriber of the relay. `wake` is called when something is to be sent."""

    name = NAME

    def __init__(self, deliveries: DeliveryStore, clock: Clock, wake: Callable[[], object]) -> None:
        self._deliveries = deliveries
        self._clock = clock
        self._wake = wake

    async def wanted(self, part: int) -> Wanted | None:
        """What all webhooks that are not behind in a part want to hear."""
        return await self._deliveries.wanted(part)

    async def take(self, lease: Lease, piece: Piece) -> None:
        """Make deliveries of a piece; position and effect are one transaction."""
        if await self._deliveries.enqueue(lease, piece, self._clock.now_ms()):
            self._wake()
