"""What webhooks ask of the world."""

from collections.abc import Collection, Sequence
from typing import Protocol

from largesse.issuance.model import Piece, Wanted
from largesse.kernel.command import Transactions
from largesse.kernel.fact import AuditEntry
from largesse.kernel.lease import Lease
from largesse.webhooks.message import Message
from largesse.webhooks.model import (
    Behind,
    Delivery,
    DeliveryState,
    Due,
    NewDelivery,
    Result,
    Tried,
    Webhook,
)


class WebhookRecords(Protocol):
    """Webhooks and their deliveries inside one transaction."""

    def webhook(self, tenant: int, webhook_id: str) -> Webhook | None:
        """One webhook of a tenant."""

    def webhooks(self, tenant: int) -> list[Webhook]:
        """A tenant's webhooks in the order of their creation."""

    def add_webhook(self, webhook: Webhook) -> Webhook:
        """Keep a new webhook; what comes back has its number, and gets the facts from now on."""

    def save_webhook(self, webhook: Webhook) -> None:
        """Keep what was changed about a webhook; `waiting` stays what it is."""

    def remove_webhook(self, webhook: Webhook) -> None:
        """Forget a webhook with all its deliveries."""

    def deliveries(
        self, webhook: int, state: DeliveryState | None, before: int | None, limit: int
    ) -> list[Delivery]:
        """A webhook's deliveries, newest first, those with a number below `before`."""

    def delivery(self, webhook: int, number: int) -> Delivery | None:
        """One delivery of a webhook."""

    def add_delivery(self, webhook: int, new: NewDelivery, now_ms: int) -> Delivery:
        """Have a message delivered, due now."""

    def send_again(self, delivery: Delivery, now_ms: int) -> Delivery:
        """Have a delivery begin its schedule anew, due now, whatever became of it before."""

    def audit(self, entry: AuditEntry) -> None:
        """Keep who did what."""


WebhookStore = Transactions[WebhookRecords]
"""Every implementation passes `WebhookStoreContract`."""


class DeliveryStore(Protocol):
    """What is on its way to webhooks, in batches. Each passes `DeliveryStoreContract`.

    A webhook that is disabled, or for which as many deliveries wait as it may have, takes no facts
    from the relay. From there on it is behind: what it missed stays in the outbox until it has
    room, so that nothing is lost and nobody else waits.
    """

    async def wanted(self, part: int) -> Wanted | None:
        """What the webhooks that are not behind in a part want to hear; None where there are none.

        Those that are behind read for themselves, and cost the relay nothing.
        """

    async def enqueue(self, lease: Lease, piece: Piece, now_ms: int) -> int:
        """Make deliveries of a piece and note its end as the lease's position, in one transaction.

        How many it made. Raises `LeaseLostError` to who has the lease no more.
        """

    async def behind(self) -> list[Behind]:
        """The enabled webhooks that missed something and have room for half of what they may."""

    async def catch_up(self, behind: Behind, lease_name: str, piece: Piece, now_ms: int) -> int:
        """Make deliveries of what a webhook missed, in one transaction with where it stands.

        Nothing beyond the position of the relay called `lease_name`: where that is reached the
        webhook goes with the others again, and the relay's lease gets a new token: what it has
        passed over since, without noting it, it must read once more. How many it made; none where
        somebody else was faster.
        """

    async def due(self, now_ms: int, in_flight: Collection[int], per_webhook: int) -> list[Due]:
        """What is to be sent by enabled webhooks, so many each; not what is in flight already."""

    async def next_due_ms(self) -> int | None:
        """When the next delivery of an enabled webhook is due."""

    async def record(self, tried: Sequence[Tried]) -> int:
        """Keep what became of attempts, and what follows for their webhooks; how many counted.

        An attempt counts only where its delivery stands as it did when it was begun.
        """

    async def forget(self, before_ms: int) -> int:
        """Forget some deliveries that were done before a moment; how many it were."""


class Sender(Protocol):
    """Brings a message to its receiver, once."""

    async def send(self, message: Message) -> Result:
        """Send it; every way in which that can fail is a result."""
