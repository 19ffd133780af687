"""Uses of coupons in PostgreSQL: one batch, settled in one transaction."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import LiteralString

from psycopg.errors import SerializationFailure

from largesse.campaigns.model import RewardDefinition
from largesse.issuance import decide as issuing
from largesse.issuance.model import Issued, LedgerEntry, Place, Typed
from largesse.kernel.clock import Clock
from largesse.redemption import decide
from largesse.redemption.model import RedemptionPrior, RedemptionSettled, RedemptionWish
from largesse.storage.postgres.campaigns import load_version
from largesse.storage.postgres.database import PostgresDatabase
from largesse.storage.postgres.ledger import use
from largesse.storage.postgres.rows import read_at
from largesse.storage.postgres.transaction import EVERYBODY, PLAN_ONCE, QUEUE, Transaction

_OF_COUNTERS = """
SELECT w.pattern, w.counter, b.reward, b.serial + w.counter - b.place
FROM unnest(%s::text[], %s::bigint[]) AS w (pattern, counter)
JOIN code_pattern p ON p.tenant = %s AND p.pattern = w.pattern AND p.source = 'permuted'
CROSS JOIN LATERAL (SELECT * FROM code_block b
  WHERE b.pattern = p.id AND b.place <= w.counter ORDER BY b.place DESC LIMIT 1) b
WHERE w.counter < b.place + b.count"""
_OF_CODES = """
SELECT canonical, reward, serial FROM code
WHERE tenant = %s AND canonical = ANY(%s::text[]) AND pool IS NULL"""
_CAMPAIGNS = "SELECT DISTINCT campaign FROM reward WHERE number = ANY(%s::bigint[])"
# A statement of its own, before those that read what is decided on: see `known`.
_HOLD = """
SELECT number FROM reward WHERE number = ANY(%s::bigint[]) ORDER BY number FOR UPDATE"""
_BOUND = """
SELECT key, content FROM idempotency
WHERE tenant = %s AND operation = %s AND key = ANY(%s::text[])"""
# What a key has brought about stands in the coupon's own rows: beside it there is nothing to keep.
# In the order of the keys, so that of two batches that bind the same ones neither waits for good.
_BIND: LiteralString = """
INSERT INTO idempotency (tenant, operation, key, content, answer, at_ms)
SELECT %s, %s, w.key, w.content, '{}', %s
FROM unnest(%s::text[], %s::bytea[]) AS w (key, content) ON CONFLICT DO NOTHING"""

Definitions = dict[tuple[int, int], RewardDefinition]
"""Rewards as versions of their campaigns have them: by the reward's number and the version."""


class PostgresRedemptionStore:
    """See `RedemptionStore`. Which versions there are is remembered: they never change."""

    def __init__(self, database: PostgresDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._definitions: Definitions = {}

    async def settle(self, wishes: Sequence[RedemptionWish]) -> list[RedemptionSettled]:
        """See `RedemptionStore`."""
        if not wishes:
            return []
        settle = partial(self._settle, wishes, self._clock.now_ms())
        return await self._database.write(EVERYBODY, settle, self._database.ring)

    def _settle(
        self, wishes: Sequence[RedemptionWish], machine_ms: int, transaction: Transaction
    ) -> list[RedemptionSettled]:
        """Begin anew, as often as it is called, with what is there by then."""
        transaction.execute(PLAN_ONCE)
        places = _find_places(transaction, wishes)
        _hold(transaction, wishes, places)
        settled: list[RedemptionSettled] = [decide.UNKNOWN] * len(wishes)
        for tenant in sorted({wish.tenant for wish in wishes}):
            transaction.stand_before(tenant)
            own = [at for at, wish in enumerate(wishes) if wish.tenant == tenant]
            batch = _Batch(
                self._definitions, transaction, tenant, [(wishes[at], places[at]) for at in own]
            )
            for at, one in zip(own, batch.settle(machine_ms), strict=True):
                settled[at] = one
        return settled


class _Batch:
    """The wishes of one tenant, behind his wall, on their way to their outcomes.

    `coupons` are those at the places that the wishes lead to, and `bound` the contents of keys that
    have brought something about; both go along with what the batch does.
    """

    def __init__(
        self,
        definitions: Definitions,
        transaction: Transaction,
        tenant: int,
        wishes: Sequence[tuple[RedemptionWish, Place | None]],
    ) -> None:
        self._definitions = definitions
        self._transaction = transaction
        self._tenant = tenant
        self._wishes = wishes
        places = {place: None for _, place in wishes if place is not None}
        self._coupons = {
            Place(entry.issued.reward, entry.issued.serial): entry
            for entry in read_at(transaction, list(places))
        }
        keys = sorted({wish.key for wish, _ in wishes if not wish.dry_run})
        asked = (tenant, decide.OPERATION, keys)
        self._bound: dict[str, bytes] = dict(transaction.rows(_BOUND, asked))
        self._used: list[RedemptionSettled] = []
        self._bind: dict[str, bytes] = {}

    def settle(self, machine_ms: int) -> list[RedemptionSettled]:
        """Bring all wishes to their outcomes and write what was used."""
        settled = [
            decide.UNKNOWN if place is None else self._settle(wish, place)
            for wish, place in self._wishes
        ]
        if self._used:
            uses = [(one.used, one.at_ms) for one in self._used if one.used is not None]
            use(self._transaction, uses)
            self._bind_keys(machine_ms)
        return settled

    def _settle(self, wish: RedemptionWish, place: Place) -> RedemptionSettled:
        entry = self._coupons.get(place)
        content = decide.content_of(place, wish.customer)
        bound = None if wish.dry_run else self._bound.get(wish.key)
        expires_at_ms = None if entry is None else self._expires_at_ms(entry.issued)
        settled = decide.redeem(wish, RedemptionPrior(content, bound, entry, expires_at_ms))
        if settled.used is not None and not settled.replayed and not wish.dry_run:
            self._coupons[place] = LedgerEntry(settled.used, redeemed_at_ms=settled.at_ms)
            self._bound[wish.key] = self._bind[wish.key] = content
            self._used.append(settled)
        return settled

    def _expires_at_ms(self, issued: Issued) -> int | None:
        """When a coupon expires, by the version that it was issued under."""
        definition = self._definitions.get((issued.reward, issued.version))
        if definition is None:
            campaign = load_version(self._transaction, issued.campaign, issued.version)
            assert campaign is not None
            definition = issuing.definition_of(campaign, issued.reward)
            self._definitions[issued.reward, issued.version] = definition
        return issuing.expires_at_ms(definition, issued.at_ms)

    def _bind_keys(self, machine_ms: int) -> None:
        """Keep the keys, or begin anew where another process has bound one of them meanwhile."""
        keys = sorted(self._bind)
        contents = [self._bind[key] for key in keys]
        about = (self._tenant, decide.OPERATION, machine_ms, keys, contents)
        if self._transaction.execute(_BIND, about).rowcount != len(keys):
            message = "a key was bound by another process meanwhile"
            raise SerializationFailure(message)


def _find_places(transaction: Transaction, wishes: Sequence[RedemptionWish]) -> list[Place | None]:
    """Where each wish leads. What a code means never changes, so that nothing need be held."""
    typed: dict[int, list[Typed]] = {}
    for wish in wishes:
        if isinstance(wish.sought, Typed):
            typed.setdefault(wish.tenant, []).append(wish.sought)
    found = {tenant: _find_typed(transaction, tenant, some) for tenant, some in typed.items()}
    return [
        found[wish.tenant].get(wish.sought) if isinstance(wish.sought, Typed) else wish.sought
        for wish in wishes
    ]


def _find_typed(
    transaction: Transaction, tenant: int, typed: Iterable[Typed]
) -> dict[Typed, Place]:
    """The places of codes that a tenant's customers typed, of those that lead anywhere."""
    wanted = list(typed)
    transaction.stand_before(tenant)
    counters = sorted({counter for one in wanted for counter in one.counters})
    patterns, numbers = [one for one, _ in counters], [one for _, one in counters]
    found = transaction.rows(_OF_COUNTERS, (patterns, numbers, tenant)) if counters else []
    of_counters = {(pattern, number): Place(*place) for pattern, number, *place in found}
    canonical = sorted({one.canonical for one in wanted if one.canonical is not None})
    found = transaction.rows(_OF_CODES, (tenant, canonical)) if canonical else []
    of_codes = {code: Place(*place) for code, *place in found}
    places = {}
    for one in wanted:
        ways = [of_counters[counter] for counter in one.counters if counter in of_counters]
        if one.canonical in of_codes:
            ways.append(of_codes[one.canonical])
        if ways:
            places[one] = ways[0]
    return places


def _hold(
    transaction: Transaction, wishes: Sequence[RedemptionWish], places: Sequence[Place | None]
) -> None:
    """Keep the rewards of all places as they are until the end, in the order of claims.

    First the queues of all campaigns of all tenants: who holds a row has a number, and may wait for
    nobody.
    """
    rewards: dict[int, set[int]] = {}
    for wish, place in zip(wishes, places, strict=True):
        if place is not None:
            rewards.setdefault(wish.tenant, set()).add(place.reward)
    everything = sorted({reward for some in rewards.values() for reward in some})
    if not everything:
        return
    transaction.stand_before(EVERYBODY)
    campaigns = sorted(number for (number,) in transaction.rows(_CAMPAIGNS, (everything,)))
    transaction.execute(QUEUE, (campaigns,))
    for tenant in sorted(rewards):
        transaction.stand_before(tenant)
        transaction.execute(_HOLD, (sorted(rewards[tenant]),))
