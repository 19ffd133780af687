"""Everything that the in-memory stores keep, and how a transaction on it is undone."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from msgspec.structs import replace

from largesse.campaigns.model import (
    Campaign,
    CampaignDefinition,
    CodeBlock,
    Counters,
    Reward,
    RewardDefinition,
)
from largesse.campaigns.ports import PatternState
from largesse.customers.model import Customer
from largesse.draws.model import Drawn
from largesse.issuance.model import LedgerEntry, Place
from largesse.jobs.model import Job
from largesse.kernel.fact import AuditEntry, FactKind, Position
from largesse.pools.model import Pool
from largesse.tenants.model import ApiKey, Tenant
from largesse.webhooks.model import Delivery, Webhook


class KeptAnswer(NamedTuple):
    """What a caller's key brought about: the digest of its wish, and the answer as JSON."""

    content: bytes
    answer: bytes


class KeptBlock(NamedTuple):
    """A block of a pattern's counter, and whose it is."""

    pattern: int
    reward: int
    block: CodeBlock


class Fact(NamedTuple):
    """A row of the journal: what happened, when, to which campaign or incentive."""

    kind: FactKind
    at_ms: int
    campaign: int
    version: int
    place: Place | None = None
    status: str | None = None
    reward: int | None = None


class KeptLease(NamedTuple):
    """Who has a part of some work, with which token, until when, and how far it has come."""

    holder: str
    token: int
    until_ms: int
    position: Position


@dataclass
class MemoryState:
    """Dictionaries of values that never change, so that copies of the dictionaries are a snapshot.

    Made for tests, simulation and demonstrations: each transaction copies them all, which is quick
    for thousands of rows and not for millions.
    """

    numbers: Counter[str] = field(default_factory=Counter)
    answers: dict[tuple[int, str, str], KeptAnswer] = field(default_factory=dict)
    tenants: dict[int, Tenant] = field(default_factory=dict)
    keys: dict[str, ApiKey] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)
    customers: dict[tuple[int, str], Customer] = field(default_factory=dict)
    campaigns: dict[int, Campaign] = field(default_factory=dict)
    definitions: dict[tuple[int, int], CampaignDefinition] = field(default_factory=dict)
    counters: dict[int, Counters] = field(default_factory=dict)
    patterns: dict[tuple[int, str, str], PatternState] = field(default_factory=dict)
    blocks: list[KeptBlock] = field(default_factory=list)
    entries: dict[Place, LedgerEntry] = field(default_factory=dict)
    held: dict[tuple[int, str], tuple[Place, ...]] = field(default_factory=dict)
    draws: dict[tuple[int, int], Drawn] = field(default_factory=dict)
    codes: dict[tuple[int, str], Place] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    jobs: dict[int, Job] = field(default_factory=dict)
    pools: dict[int, Pool] = field(default_factory=dict)
    pool_codes: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)
    leases: dict[tuple[str, int], KeptLease] = field(default_factory=dict)
    webhooks: dict[int, Webhook] = field(default_factory=dict)
    webhooks_behind: dict[tuple[int, int], Position] = field(default_factory=dict)
    deliveries: dict[int, Delivery] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)

    @contextmanager
    def transaction(self) -> Iterator[Callable[[], None]]:
        """All of the block or, when it raises or calls what it is given, nothing of it."""
        before = {part.name: copy(getattr(self, part.name)) for part in fields(self)}

        def undo() -> None:
            for name, value in before.items():
                setattr(self, name, copy(value))

        try:
            yield undo
        except BaseException:
            undo()
            raise

    def new_number(self, kind: str) -> int:
        """The next number of a kind of thing, from 1 on; never given twice."""
        self.numbers[kind] += 1
        return self.numbers[kind]

    def campaign(self, number: int, version: int | None = None) -> Campaign | None:
        """A campaign as it is, or as a version of it was, with the counters of this moment."""
        kept = self.campaigns.get(number)
        if kept is None:
            return None
        definition = self.definitions.get((number, version or kept.version))
        if definition is None:
            return None
        return replace(
            kept,
            version=version or kept.version,
            definition=definition,
            rewards=tuple(self._reward(kept, reward) for reward in definition.rewards),
        )

    def _reward(self, campaign: Campaign, definition: RewardDefinition) -> Reward:
        """A reward of any version; one that an edit of the draft took away has number 0."""
        for reward in campaign.rewards:
            if reward.definition.key == definition.key:
                return Reward(reward.number, definition, self.counters[reward.number])
        return Reward(0, definition)
