"""Telling this process of campaigns that were added or changed, the newest word last."""

import asyncio

from largesse.issuance.ports import Publish
from largesse.storage.postgres.transaction import Changed


class Publisher:
    """Hands on changes of campaigns that were committed, but none that is older than one told.

    Two commands end in two threads, and their words may cross on the way here.
    """

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._revisions: dict[int, int] = {}

    def tell_soon(self, loop: asyncio.AbstractEventLoop, changed: list[Changed]) -> None:
        """From a thread: have changes told in the loop before whoever waits for them goes on."""
        if changed:
            loop.call_soon_threadsafe(self.tell, changed)

    def tell(self, changed: list[Changed]) -> None:
        """In the loop's thread: tell what is news."""
        for revision, campaign in changed:
            if revision > self._revisions.get(campaign.number, 0):
                self._revisions[campaign.number] = revision
                self._publish(campaign)
