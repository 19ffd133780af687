"""Uses of coupons in an SQLite file: one batch, settled inside the writer's transaction."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain

import apsw

from largesse.campaigns.model import RewardDefinition
from largesse.issuance import decide as issuing
from largesse.issuance.model import Issued, LedgerEntry, Place, Typed
from largesse.kernel.clock import Clock
from largesse.kernel.errors import UnavailableError
from largesse.kernel.fact import FactKind
from largesse.redemption import decide
from largesse.redemption.model import RedemptionPrior, RedemptionSettled, RedemptionWish
from largesse.storage.sqlite.campaigns import load_version
from largesse.storage.sqlite.query import rows
from largesse.storage.sqlite.rows import Row, read_rows, seqs_at
from largesse.storage.sqlite.transaction import Transaction
from largesse.storage.sqlite.writer import Writer

_OF_COUNTERS = """
SELECT w.value, b.reward, b.serial + w.value - b.place
FROM code_pattern p CROSS JOIN carray(?3) w CROSS JOIN code_block b ON b.pattern = p.id
  AND b.place = (SELECT max(o.place) FROM code_block o
    WHERE o.pattern = p.id AND o.place <= w.value)
WHERE p.tenant = ?1 AND p.pattern = ?2 AND p.source = 'permuted' AND w.value < b.place + b.count"""
_OF_CODES = """
SELECT c.canonical, c.reward, c.serial
FROM carray(?2) w CROSS JOIN code c ON c.tenant = ?1 AND c.canonical = w.value
WHERE c.pool IS NULL"""
_BOUND = """
SELECT i.key, i.content
FROM carray(?3) w CROSS JOIN idempotency i
  ON i.tenant = ?1 AND i.operation = ?2 AND i.key = w.value"""

# The key that lets an incentive end once stands beneath, whatever was decided.
_USE = """
INSERT INTO journal (seq, kind, at_ms, of, campaign, reward, serial, version)
SELECT ?1 + w.rowid, ?2, ?3, j.seq, j.campaign, j.reward, j.serial, j.version
FROM carray(?4) w CROSS JOIN journal j ON j.seq = w.value"""
# What a key has brought about stands in the coupon's own rows: beside it there is nothing to keep.
# The digests of all wishes are one blob.
_BIND = """
INSERT INTO idempotency (tenant, operation, key, content, answer, at_ms)
SELECT ?1, ?2, w.value, substr(?4, (w.rowid - 1) * ?5 + 1, ?5), '{}', ?3 FROM carray(?6) w"""

Definitions = dict[tuple[int, int], RewardDefinition]
"""Rewards as versions of their campaigns have them: by the reward's number and the version."""


class SQLiteRedemptionStore:
    """See `RedemptionStore`. Which versions there are is remembered: they never change."""

    def __init__(self, writer: Writer, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock
        self._definitions: Definitions = {}

    async def settle(self, wishes: Sequence[RedemptionWish]) -> list[RedemptionSettled]:
        """See `RedemptionStore`."""
        if not wishes:
            return []
        return await self._writer.write(partial(self._settle, wishes), bulky=True)

    def _settle(
        self, wishes: Sequence[RedemptionWish], transaction: Transaction
    ) -> list[RedemptionSettled]:
        batch = _Batch(self._definitions, wishes, transaction)
        return batch.settle(self._clock.now_ms())


class _Batch:
    """Wishes on their way to their outcomes.

    `coupons` are those at the places that the wishes lead to, and `bound` the contents of keys that
    have brought something about, by tenant and key; both go along with what the batch does.
    """

    def __init__(
        self,
        definitions: Definitions,
        wishes: Sequence[RedemptionWish],
        transaction: Transaction,
    ) -> None:
        self._definitions = definitions
        self._transaction = transaction
        self._db = transaction.db
        self._wishes = wishes
        self._places = self._find_places()
        self._coupons = self._read_coupons()
        self._bound = self._read_bound()
        self._used: list[tuple[int, RedemptionSettled]] = []
        self._bind: dict[int, dict[str, bytes]] = {}

    def settle(self, machine_ms: int) -> list[RedemptionSettled]:
        """Bring all wishes to their outcomes and write what was used."""
        settled = [
            decide.UNKNOWN if place is None else self._settle(wish, place)
            for wish, place in zip(self._wishes, self._places, strict=True)
        ]
        self._write(machine_ms)
        return settled

    # --- load ---------------------------------------------------------------------------------

    def _find_places(self) -> list[Place | None]:
        """Where each wish leads."""
        typed: dict[int, list[Typed]] = {}
        for wish in self._wishes:
            if isinstance(wish.sought, Typed):
                typed.setdefault(wish.tenant, []).append(wish.sought)
        found = {tenant: find_typed(self._db, tenant, some) for tenant, some in typed.items()}
        return [
            found[wish.tenant].get(wish.sought) if isinstance(wish.sought, Typed) else wish.sought
            for wish in self._wishes
        ]

    def _read_coupons(self) -> dict[Place, Row]:
        """What stands at the places, all of it read at once."""
        serials: dict[int, dict[int, None]] = {}
        for place in self._places:
            if place is not None:
                serials.setdefault(place.reward, {})[place.serial] = None
        seqs = [
            seq for reward, some in serials.items() for seq in seqs_at(self._db, reward, list(some))
        ]
        read = read_rows(self._db, seqs)
        return {Place(row.entry.issued.reward, row.entry.issued.serial): row for row in read}

    def _read_bound(self) -> dict[tuple[int, str], bytes]:
        keys: dict[int, dict[str, None]] = {}
        for wish in self._wishes:
            if not wish.dry_run:
                keys.setdefault(wish.tenant, {})[wish.key] = None
        return {
            (tenant, key): content
            for tenant, some in keys.items()
            for key, content in rows(
                self._db, _BOUND, (tenant, decide.OPERATION, apsw.carray(tuple(some)))
            )
        }

    # --- decide -------------------------------------------------------------------------------

    def _settle(self, wish: RedemptionWish, place: Place) -> RedemptionSettled:
        row = self._coupons.get(place)
        entry = None if row is None else row.entry
        content = decide.content_of(place, wish.customer)
        bound = None if wish.dry_run else self._bound.get(wish.identity)
        expires_at_ms = None if entry is None else self._expires_at_ms(entry.issued)
        settled = decide.redeem(wish, RedemptionPrior(content, bound, entry, expires_at_ms))
        if settled.used is not None and not settled.replayed and not wish.dry_run:
            assert row is not None
            used = LedgerEntry(settled.used, redeemed_at_ms=settled.at_ms)
            self._coupons[place] = Row(row.seq, used)
            self._bound[wish.identity] = content
            self._used.append((row.seq, settled))
            self._bind.setdefault(wish.tenant, {})[wish.key] = content
        return settled

    def _expires_at_ms(self, issued: Issued) -> int | None:
        """When a coupon expires, by the version that it was issued under."""
        definition = self._definitions.get((issued.reward, issued.version))
        if definition is None:
            campaign = load_version(self._db, issued.campaign, issued.version)
            assert campaign is not None
            definition = issuing.definition_of(campaign, issued.reward)
            self._definitions[issued.reward, issued.version] = definition
        return issuing.expires_at_ms(definition, issued.at_ms)

    # --- apply --------------------------------------------------------------------------------

    def _write(self, machine_ms: int) -> None:
        """Write the uses with the keys that brought them about, those of a moment at once."""
        if not self._used:
            return
        moments: dict[int, list[int]] = {}
        for seq, settled in self._used:
            moments.setdefault(settled.at_ms, []).append(seq)
        kind = int(FactKind.INCENTIVE_REDEEMED)
        for at_ms, seqs in moments.items():
            before = self._transaction.take_seqs(len(seqs)) - 1
            self._db.execute(_USE, (before, kind, at_ms, apsw.carray(array("q", seqs))))
            if self._db.changes() != len(seqs):
                message = "the journal does not bear the uses that were decided on"
                raise UnavailableError(message)
        for tenant, bound in self._bind.items():
            contents, keys = b"".join(bound.values()), apsw.carray(tuple(bound))
            about = (tenant, decide.OPERATION, machine_ms, contents, decide.CONTENT_BYTES, keys)
            self._db.execute(_BIND, about)


def find_typed(db: apsw.Connection, tenant: int, typed: Iterable[Typed]) -> dict[Typed, Place]:
    """The places of codes that a tenant's customers typed, of those that lead anywhere."""
    wanted = list(typed)
    of_counters = _find_counters(db, tenant, chain.from_iterable(one.counters for one in wanted))
    canonical = tuple({one.canonical for one in wanted if one.canonical is not None})
    of_codes = {}
    if canonical:
        found = rows(db, _OF_CODES, (tenant, apsw.carray(canonical)))
        of_codes = {code: Place(reward, serial) for code, reward, serial in found}
    places = {}
    for one in wanted:
        ways = [of_counters[counter] for counter in one.counters if counter in of_counters]
        if one.canonical in of_codes:
            ways.append(of_codes[one.canonical])
        if ways:
            places[one] = ways[0]
    return places


def _find_counters(
    db: apsw.Connection, tenant: int, counters: Iterable[tuple[str, int]]
) -> Mapping[tuple[str, int], Place]:
    """The places of permuted codes, by pattern and place in its counter."""
    wanted: dict[str, dict[int, None]] = {}
    for pattern, counter in counters:
        wanted.setdefault(pattern, {})[counter] = None
    places = {}
    for pattern, some in wanted.items():
        numbers = apsw.carray(array("q", some))
        for counter, *place in rows(db, _OF_COUNTERS, (tenant, pattern, numbers)):
            places[pattern, counter] = Place(*place)
    return places
