"""From rows of the journal to facts as they are published."""

from collections.abc import Sequence

from largesse.campaigns.model import Campaign
from largesse.issuance import facts
from largesse.issuance.model import Told
from largesse.issuance.offers import Offers
from largesse.issuance.ports import IncentiveStore
from largesse.issuance.showing import Showing
from largesse.kernel.fact import Fact


class Publishing:
    """Puts facts into words. The same row gives the same words, whenever it is asked."""

    def __init__(self, store: IncentiveStore, offers: Offers, showing: Showing) -> None:
        self._store = store
        self._offers = offers
        self._showing = showing

    async def facts(self, rows: Sequence[Told]) -> list[Fact]:
        """The facts of some rows, in their order."""
        campaigns = [await self._campaign(row) for row in rows]
        issued = [row.issued for row in rows if row.issued is not None]
        incentives = iter(self._showing.issued(issued))
        return [
            facts.fact(row, campaign, None if row.issued is None else next(incentives))
            for row, campaign in zip(rows, campaigns, strict=True)
        ]

    async def _campaign(self, row: Told) -> Campaign:
        """A row's campaign in the row's version; an incentive was issued in that version, too."""
        found = self._offers.version(row.campaign, row.version)
        if found is None:
            found = await self._store.version(row.campaign, row.version)
            self._offers.keep_version(found)
        return found
