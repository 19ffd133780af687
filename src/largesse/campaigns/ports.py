"""What campaigns ask of the world."""

from typing import Protocol

from msgspec import Struct

from largesse.campaigns.model import Campaign, CampaignFilter, CodeBlock, CodeFormat
from largesse.kernel.command import Transactions
from largesse.kernel.fact import AuditEntry, FactKind


class CodeSpace(Struct, frozen=True):
    """A code format that makes sense: its canonical text and the number of codes it describes.

    `warnings` say what a marketer should know, for example that codes without check symbols are
    easily guessed.
    """

    pattern: str
    space: int
    warnings: tuple[str, ...] = ()


class CodeSpaces(Protocol):
    """What campaigns need to know of codes; wiring fills it from the domain `codes`."""

    def measure(self, code: CodeFormat, quota: int | None) -> CodeSpace:
        """Read a format, or raise `InvalidInputError` with a pointer below the code's."""

    def overlap(self, one: str, other: str) -> bool:
        """Whether two canonical patterns describe sets that are neither equal nor disjoint."""


class PatternState(Struct, frozen=True):
    """A pattern of a tenant, and how many places of its counter are taken by blocks."""

    id: int
    pattern: str
    source: str
    taken: int


class CampaignRecords(Protocol):
    """Campaigns inside one transaction."""

    def campaign(self, tenant: int, campaign_id: str) -> Campaign | None:
        """A tenant's campaign with the counters of this moment."""

    def campaign_numbered(self, tenant: int, number: int) -> Campaign | None:
        """The same by the campaign's number."""

    def campaigns(
        self, tenant: int, which: CampaignFilter, before: int | None, limit: int
    ) -> list[Campaign]:
        """A tenant's campaigns, newest (highest number) first, those below the number `before`."""

    def version(self, tenant: int, campaign_id: str, version: int) -> Campaign | None:
        """A campaign as one of its versions was, with the counters of this moment."""

    def add_campaign(self, campaign: Campaign) -> Campaign:
        """Keep a new campaign; what comes back carries the numbers of it and of its rewards.

        A reward given with number 0 is new.
        """

    def save_campaign(self, campaign: Campaign) -> Campaign:
        """Keep a changed campaign; rewards with number 0 are new, missing ones go.

        A version not seen before is kept for ever beside the older ones.

        The write holds only where each quota is at least issued + reserved of the same row.
        """

    def remove_campaign(self, campaign: Campaign) -> None:
        """Take away a draft that never issued anything."""

    def patterns(self, tenant: int) -> list[PatternState]:
        """All code patterns that rewards of this tenant ever used."""

    def add_pattern(self, tenant: int, pattern: str, source: str) -> PatternState:
        """Keep a pattern, or find it where the tenant has it from the same source."""

    def blocks(self, reward: int) -> list[CodeBlock]:
        """The blocks of a reward, by ascending serial."""

    def take_block(self, pattern: int, reward: int, count: int) -> CodeBlock:
        """Give a reward the next `count` places of a pattern's counter, after its own blocks."""

    def audit(self, entry: AuditEntry) -> None:
        """Keep who did what."""

    def tell(self, kind: FactKind, campaign: Campaign, at_ms: int) -> None:
        """Put a fact about a campaign into the journal."""


CampaignStore = Transactions[CampaignRecords]
"""Every implementation passes `CampaignStoreContract`."""
