"""What the ledger knows of a batch: its rewards, its campaigns, and what its customers were given.

All of it is asked in one go, and every question is put behind the wall of the tenant it is about.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

from psycopg import Cursor

from largesse.campaigns.model import Campaign, Counters
from largesse.customers.model import Standing
from largesse.issuance import decide
from largesse.issuance.model import LedgerEntry, Wish
from largesse.storage.postgres.campaigns import load_campaign
from largesse.storage.postgres.rows import ENTRY, GONE, to_entry
from largesse.storage.postgres.transaction import Transaction

FEW = 64
"""Incentives of one customer in one campaign that are read at first: hardly anybody has more."""

ALL = 1_000_000_000
"""What is read of those who have."""

_STATES = """
SELECT number, campaign, issued, reserved, serials, day, issued_day
FROM reward WHERE campaign = ANY(%s::bigint[]) ORDER BY number"""
# A statement of its own, and the first that writes: a statement sees what was there when it began,
# so whatever is to be decided on must be read by those behind it. Everybody holds the rewards of a
# tenant in the order of their numbers, and those of several tenants in the order of theirs.
_HELD_STATES: LiteralString = f"{_STATES} FOR UPDATE"
_CAMPAIGNS = "SELECT number, status, version FROM campaign WHERE number = ANY(%s::bigint[])"
_PART = "SELECT part FROM campaign WHERE number = %s"

# LATERAL with the order of the index and a limit is no decoration: on a partition that nothing was
# ever counted in, the planner would take another way to a customer and read everything.
_COUNTED: LiteralString = f"""
SELECT {ENTRY}
FROM unnest(%s::integer[], %s::bigint[], %s::text[]) AS w (part, campaign, customer)
CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = w.part AND j.campaign = w.campaign AND j.customer = w.customer
    AND j.nth IS NOT NULL
  ORDER BY j.nth LIMIT %s) j {GONE}
ORDER BY j.campaign, j.customer, j.nth"""
_BY_KEY: LiteralString = f"""
SELECT {ENTRY}
FROM unnest(%s::integer[], %s::bigint[], %s::text[], %s::text[])
  AS w (part, campaign, customer, key)
CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = w.part AND j.campaign = w.campaign AND j.customer = w.customer AND j.key = w.key
    AND j.nth IS NULL AND j.kind = 1
  ORDER BY j.key LIMIT 1) j {GONE}"""
_OF_REWARD: LiteralString = f"""
SELECT {ENTRY}
FROM unnest(%s::integer[], %s::bigint[], %s::text[], %s::bigint[])
  AS w (part, campaign, customer, reward)
CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = w.part AND j.campaign = w.campaign AND j.customer = w.customer
    AND j.nth IS NULL AND j.kind = 1 AND j.reward = w.reward) j {GONE}
ORDER BY j.reward, j.serial"""

_STANDINGS = """
SELECT c.id, c.phone IS NOT NULL, c.verified
FROM unnest(%s::text[]) AS w (id) JOIN customer c ON c.tenant = %s AND c.id = w.id"""

Who = tuple[int, str]
"""A customer of a campaign, by its number."""


class Known(NamedTuple):
    """A campaign as this process knows it, and the partition of the journal that has its rows."""

    campaign: Campaign
    part: int


class Loaded(NamedTuple):
    """What the ledger said for one tenant's wishes: counters by reward, entries by customer.

    `standings` are those of registered customers whose campaign asks who they are.
    """

    counters: Mapping[int, Counters]
    campaigns: Mapping[int, tuple[str, int]]
    entries: dict[Who, list[LedgerEntry]]
    standings: Mapping[str, Standing]


class _Asked(NamedTuple):
    """Questions on their way."""

    tenant: int
    states: Cursor[Any]
    campaigns: Cursor[Any]
    entries: Sequence[Cursor[Any]]
    standings: Cursor[Any] | None


def learn(
    transaction: Transaction, memory: dict[int, Known], tenant: int, campaigns: Iterable[int]
) -> None:
    """Know some campaigns of a tenant as they are now; one that is gone is forgotten."""
    transaction.stand_before(tenant)
    for number in campaigns:
        campaign = load_campaign(transaction, number)
        if campaign is None:
            memory.pop(number, None)
        else:
            memory[number] = Known(campaign, transaction.number(_PART, (number,)))


def load(
    transaction: Transaction, memory: Mapping[int, Known], wishes: Mapping[int, list[Wish]]
) -> dict[int, Loaded]:
    """What is known of the wishes of some tenants (ascending), by the tenant's number."""
    return _load(transaction, memory, wishes, _STATES)


def load_and_hold(
    transaction: Transaction, memory: Mapping[int, Known], wishes: Mapping[int, list[Wish]]
) -> dict[int, Loaded]:
    """The same, with all rewards of the campaigns held until the end."""
    return _load(transaction, memory, wishes, _HELD_STATES)


def _load(
    transaction: Transaction,
    memory: Mapping[int, Known],
    wishes: Mapping[int, list[Wish]],
    states: LiteralString,
) -> dict[int, Loaded]:
    asked = []
    for tenant in sorted(wishes):
        if len(wishes) > 1:  # a batch of one tenant stands before his wall from its beginning
            transaction.stand_before(tenant)
        asked.append(_ask(transaction, memory, tenant, wishes[tenant], states))
    return {one.tenant: _read(transaction, memory, one) for one in asked}


def _ask(
    transaction: Transaction,
    memory: Mapping[int, Known],
    tenant: int,
    wishes: Sequence[Wish],
    states: LiteralString,
) -> _Asked:
    numbers = list({wish.campaign for wish in wishes})
    return _Asked(
        tenant,
        transaction.execute(states, (numbers,)),
        transaction.execute(_CAMPAIGNS, (numbers,)),
        [
            transaction.execute(statement, bindings)
            for statement, bindings in _questions(memory, wishes)
        ],
        _ask_who(transaction, memory, tenant, wishes),
    )


def _ask_who(
    transaction: Transaction, memory: Mapping[int, Known], tenant: int, wishes: Sequence[Wish]
) -> Cursor[Any] | None:
    """Ask how those customers stand whose campaigns want to know, if there are any."""
    asking = {
        number
        for number in {wish.campaign for wish in wishes}
        if number in memory and decide.asks_who(memory[number].campaign.definition)
    }
    customers = {wish.customer: None for wish in wishes if wish.campaign in asking}
    return transaction.execute(_STANDINGS, (list(customers), tenant)) if customers else None


def _questions(
    memory: Mapping[int, Known], wishes: Sequence[Wish]
) -> Iterable[tuple[LiteralString, tuple[Any, ...]]]:
    """How the customers of some wishes are found: by their count, by their key, by a reward's cap.

    Whether a campaign has a cap never changes once it gave something.
    """
    counted: dict[tuple[int, int, str], None] = {}
    keyed: dict[tuple[int, int, str, str], None] = {}
    capped: dict[tuple[int, int, str, int], None] = {}
    for wish in wishes:
        known = memory.get(wish.campaign)
        if known is None:
            continue
        if known.campaign.definition.per_customer_max is not None:
            counted[known.part, wish.campaign, wish.customer] = None
            continue
        keyed[known.part, wish.campaign, wish.customer, wish.key] = None
        if _is_capped(known.campaign, wish.reward):
            capped[known.part, wish.campaign, wish.customer, wish.reward] = None
    if counted:
        yield _COUNTED, (*_columns(counted), FEW)
    if keyed:
        yield _BY_KEY, _columns(keyed)
    if capped:
        yield _OF_REWARD, _columns(capped)


def _is_capped(campaign: Campaign, reward: int) -> bool:
    return any(
        one.number == reward and one.definition.per_customer_max is not None
        for one in campaign.rewards
    )


def _columns(rows: Iterable[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))


def _read(transaction: Transaction, memory: Mapping[int, Known], asked: _Asked) -> Loaded:
    counters = {number: Counters(*rest) for number, _, *rest in asked.states.fetchall()}
    campaigns = {
        number: (status, version) for number, status, version in asked.campaigns.fetchall()
    }
    entries: dict[Who, list[LedgerEntry]] = defaultdict(list)
    for cursor in asked.entries:
        for row in cursor.fetchall():
            _add(entries, to_entry(*row))
    _read_on(transaction, memory, asked.tenant, entries)
    known = asked.standings.fetchall() if asked.standings else []
    standings = {one: Standing(True, phone, verified) for one, phone, verified in known}  # noqa: FBT003 — a row as it is
    return Loaded(counters, campaigns, dict(entries), standings)


def _add(entries: dict[Who, list[LedgerEntry]], entry: LedgerEntry) -> None:
    """Keep an entry with its customer's, unless it was found another way, too."""
    known = entries[entry.issued.campaign, entry.issued.customer]
    if entry not in known:
        known.append(entry)


def _read_on(
    transaction: Transaction,
    memory: Mapping[int, Known],
    tenant: int,
    entries: dict[Who, list[LedgerEntry]],
) -> None:
    """Read all of those who may have more than a few in a campaign that counts them."""
    many = [
        (memory[campaign].part, campaign, customer)
        for (campaign, customer), found in entries.items()
        if len(found) >= FEW and memory[campaign].campaign.definition.per_customer_max is not None
    ]
    if many:
        transaction.stand_before(tenant)
        found = transaction.rows(_COUNTED, (*_columns(many), ALL))
        for _, campaign, customer in many:
            entries[campaign, customer] = []
        for row in found:
            entry = to_entry(*row)
            entries[entry.issued.campaign, entry.issued.customer].append(entry)
