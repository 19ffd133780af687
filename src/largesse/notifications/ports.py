"""What notifications ask of the world."""

from typing import Protocol

from largesse.notifications.model import Heard, Notice


class Channel(Protocol):
    """A way to customers, such as a gateway for SMS."""

    async def tell(self, notice: Notice) -> Heard:
        """Hand a notice on, once; every way in which that can fail is an answer.

        The same notice may come again, under its id.
        """

    async def close(self) -> None:
        """Let go of what it holds."""
