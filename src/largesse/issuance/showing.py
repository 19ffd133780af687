"""The ledger's rows as people see them: with ids, codes, values and where they stand."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from largesse.campaigns.model import RewardDefinition
from largesse.issuance import decide
from largesse.issuance.codebook import Codebook
from largesse.issuance.identity import IncentiveIds
from largesse.issuance.model import Incentive, IncentiveStatus, Issued, LedgerEntry, Place
from largesse.issuance.offers import Offers


class _Face:
    """What all incentives of one reward and version have in common."""

    def __init__(self, campaign_id: str, definition: RewardDefinition) -> None:
        self.campaign_id = campaign_id
        self.definition = definition
        self.value: dict[str, Any] = msgspec.to_builtins(definition.value)


class Showing:
    """Turns rows into incentives. Every version that a row names must be known to the offers."""

    def __init__(self, offers: Offers, codebook: Codebook, ids: IncentiveIds) -> None:
        self._offers = offers
        self._codebook = codebook
        self._ids = ids
        self._faces: dict[tuple[int, int], _Face] = {}

    def issued(self, rows: Sequence[Issued]) -> list[Incentive]:
        """Incentives as they were when they were given."""
        if not rows:
            return []
        codes = self._codebook.codes(rows)
        texts = self._ids.texts([(row.reward, row.serial) for row in rows])
        return [
            self._incentive(row, code, text)
            for row, code, text in zip(rows, codes, texts, strict=True)
        ]

    def present(self, entries: Sequence[LedgerEntry], now_ms: int) -> list[Incentive]:
        """Incentives as they stand at a moment."""
        incentives = self.issued([entry.issued for entry in entries])
        return [
            replace(incentive, status=decide.status(entry, incentive.expires_at_ms, now_ms))
            for incentive, entry in zip(incentives, entries, strict=True)
        ]

    def place(self, incentive_id: str) -> Place | None:
        """Which incentive an id means."""
        return self._ids.place(incentive_id)

    def places(self, incentive_ids: Sequence[str]) -> list[Place | None]:
        """Which incentive each of some ids means."""
        return self._ids.places(incentive_ids)

    def _incentive(self, row: Issued, code: str | None, text: str) -> Incentive:
        face = self._faces.get((row.reward, row.version)) or self._face(row)
        return Incentive(
            id=text,
            campaign_id=face.campaign_id,
            version=row.version,
            reward=face.definition.key,
            customer_id=row.customer,
            code=code,
            serial=row.serial,
            status=IncentiveStatus.ISSUED,
            value=face.value,
            issued_at_ms=row.at_ms,
            expires_at_ms=decide.expires_at_ms(face.definition, row.at_ms),
        )

    def _face(self, row: Issued) -> _Face:
        campaign = self._offers.version(row.campaign, row.version)
        assert campaign is not None
        definition = decide.definition_of(campaign, row.reward)
        face = self._faces[row.reward, row.version] = _Face(campaign.id, definition)
        return face
