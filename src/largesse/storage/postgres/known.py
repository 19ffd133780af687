"""What the ledger knows of a batch: its rewards, its campaigns, and what its customers were given.

All of it is asked in one go, and every question is put behind the wall of the tenant it is about.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, LiteralString, NamedTuple

from largesse.campaigns.model import Campaign, Counters
from largesse.customers.model import Standing
from largesse.draws.model import DrawWish
from largesse.issuance import decide
from largesse.issuance.model import LedgerEntry, Wish
from largesse.storage.postgres.campaigns import load_campaign
from largesse.storage.postgres.rows import ENTRY, GONE, to_entry
from largesse.storage.postgres.transaction import QUEUE, Transaction, exactly
from largesse.storage.postgres.trips import BatchTransaction, Rows, Statement, before_wall, columns

FEW = 64
"""Incentives of one customer in one campaign that are read at first: hardly anybody has more."""

ALL = 1_000_000_000
"""What is read of those who have."""

_STATES = """
SELECT number, campaign, issued, reserved, serials, day, issued_day
FROM reward WHERE campaign = ANY(%s::bigint[]) ORDER BY number"""
# A statement of its own behind those of `queue_for`, and the first that writes: a statement sees
# what was there when it began, so whatever is to be decided on must be read by those behind it.
# Everybody queues for campaigns in the order of their numbers, and then holds their rewards in the
# order of the tenants' numbers and of theirs.
HELD_STATES: LiteralString = f"{_STATES} FOR UPDATE"
CAMPAIGNS = "SELECT number, status, version FROM campaign WHERE number = ANY(%s::bigint[])"
_PART = "SELECT part FROM campaign WHERE number = %s"

# LATERAL with the order of the index is no decoration: on a partition that nothing was ever counted
# in, the planner would take another way to a customer and read everything.
_COUNTED: LiteralString = f"""
SELECT {ENTRY}
FROM unnest(%s::bigint[], %s::text[], %s::integer[]) AS w (campaign, customer, part)
CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = w.part AND j.campaign = w.campaign AND j.customer = w.customer
    AND j.nth IS NOT NULL
  ORDER BY j.nth LIMIT %s) j {GONE}
ORDER BY j.campaign, j.customer, j.nth"""
_BY_KEY: LiteralString = f"""
SELECT {ENTRY}
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::integer[])
  AS w (campaign, customer, key, part)
CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = w.part AND j.campaign = w.campaign AND j.customer = w.customer
    AND {exactly("j.key", "w.key")} AND j.nth IS NULL AND j.kind = 1
  ORDER BY j.key LIMIT %s) j {GONE}"""
_OF_REWARD: LiteralString = f"""
SELECT {ENTRY}
FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::integer[])
  AS w (campaign, customer, reward, part)
CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = w.part AND j.campaign = w.campaign AND j.customer = w.customer
    AND j.nth IS NULL AND j.kind = 1 AND j.reward = w.reward
  ORDER BY j.key LIMIT %s) j {GONE}
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
    """What is asked for one tenant's wishes: questions of four kinds, in this order."""

    tenant: int
    states: Statement
    campaigns: Statement
    entries: Sequence[Statement]
    standings: Sequence[Statement]

    @property
    def statements(self) -> list[Statement]:
        """All of them."""
        return [self.states, self.campaigns, *self.entries, *self.standings]


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
    transaction: BatchTransaction, memory: Mapping[int, Known], wishes: Mapping[int, list[Wish]]
) -> dict[int, Loaded]:
    """What is known of the wishes of some tenants (ascending), by the tenant's number."""
    return _load(transaction, memory, wishes, _STATES)


def load_and_hold(
    transaction: BatchTransaction, memory: Mapping[int, Known], wishes: Mapping[int, list[Wish]]
) -> dict[int, Loaded]:
    """The same, with all rewards of the campaigns held until the end."""
    queue_for(transaction, wishes)
    return _load(transaction, memory, wishes, HELD_STATES)


def queue_for(
    transaction: BatchTransaction, wishes: Mapping[int, Sequence[Wish | DrawWish]]
) -> None:
    """Ask, with what comes next, for a place in the queues of all campaigns that will be held.

    Of all tenants together: who holds the first one's rows has a number, and may wait for nobody.
    """
    campaigns = sorted({wish.campaign for some in wishes.values() for wish in some})
    transaction.first(Statement(QUEUE, (campaigns,)))


def _load(
    transaction: BatchTransaction,
    memory: Mapping[int, Known],
    wishes: Mapping[int, list[Wish]],
    states: LiteralString,
) -> dict[int, Loaded]:
    asked = [_ask(memory, tenant, wishes[tenant], states) for tenant in sorted(wishes)]
    statements: list[Statement] = []
    for one in asked:
        if len(wishes) > 1:  # a batch of one tenant stands before his wall from its beginning
            statements.append(before_wall(one.tenant))
        statements += one.statements
    answers = iter(transaction.ask(statements))
    loaded = {}
    for one in asked:
        if len(wishes) > 1:
            next(answers)
        found = list(islice(answers, len(one.statements)))
        loaded[one.tenant] = _read(transaction, memory, one, found)
    return loaded


def _ask(
    memory: Mapping[int, Known], tenant: int, wishes: Sequence[Wish], states: LiteralString
) -> _Asked:
    """Every wish is about a campaign of its tenant, or about none that is there."""
    campaigns = sorted({wish.campaign for wish in wishes})
    return _Asked(
        tenant,
        Statement(states, (campaigns,)),
        Statement(CAMPAIGNS, (campaigns,)),
        list(_questions(memory, wishes)),
        list(ask_who(memory, tenant, wishes)),
    )


def ask_who(
    memory: Mapping[int, Known], tenant: int, wishes: Sequence[Wish | DrawWish]
) -> Iterable[Statement]:
    """Ask how those customers stand whose campaigns want to know, if there are any."""
    asking = {
        number
        for number in {wish.campaign for wish in wishes}
        if number in memory and decide.asks_who(memory[number].campaign.definition)
    }
    customers = {wish.customer: None for wish in wishes if wish.campaign in asking}
    if customers:
        yield Statement(_STANDINGS, (list(customers), tenant))


def _questions(memory: Mapping[int, Known], wishes: Sequence[Wish]) -> Iterable[Statement]:
    """How the customers of some wishes are found: by their count, by their key, by a reward's cap.

    Whether a campaign has a cap never changes once it gave something.
    """
    counted: dict[tuple[int, str, int], None] = {}
    keyed: dict[tuple[int, str, str, int], None] = {}
    capped: dict[tuple[int, str, int, int], None] = {}
    for wish in wishes:
        known = memory.get(wish.campaign)
        if known is None:
            continue
        campaign, part = known
        if campaign.definition.per_customer_max is not None:
            counted[wish.campaign, wish.customer, part] = None
            continue
        keyed[wish.campaign, wish.customer, wish.key, part] = None
        if _is_capped(campaign, wish.reward):
            capped[wish.campaign, wish.customer, wish.reward, part] = None
    if counted:
        yield of_campaign(counted, FEW)
    if keyed:
        yield by_key(keyed)
    if capped:
        yield of_rewards(capped)


def of_campaign(who: Iterable[tuple[int, str, int]], limit: int) -> Statement:
    """Ask for so many incentives of each customer that a campaign counts, the first ones.

    Asked by campaign, customer and partition.
    """
    return _look_up(_COUNTED, who, limit)


def by_key(who: Iterable[tuple[int, str, str, int]]) -> Statement:
    """Ask for the incentive of each key: by campaign, customer, key and partition."""
    return _look_up(_BY_KEY, who, 1)


def of_rewards(who: Iterable[tuple[int, str, int, int]]) -> Statement:
    """Ask for all incentives of each customer that a reward counts and its campaign does not.

    Asked by campaign, customer, reward and partition.
    """
    return _look_up(_OF_REWARD, who, ALL)


def _look_up(text: LiteralString, asked: Iterable[tuple[Any, ...]], limit: int) -> Statement:
    """Ask for each row of what is asked, whose last item is its partition.

    The server gets ready to read every partition that may be meant. Where there is only one, its
    number stands in the statement: measured, that spares a third.
    """
    rows = columns(asked)
    [part, *others] = {*rows[-1]}
    if others:
        return Statement(text, (*rows, limit))
    return Statement(_of_one_part(text), (*rows, part, limit, part))


@cache
def _of_one_part(text: LiteralString) -> LiteralString:
    return text.replace("j.part = w.part", "j.part = %s").replace("g.part = j.part", "g.part = %s")


def _is_capped(campaign: Campaign, reward: int) -> bool:
    return any(
        one.number == reward and one.definition.per_customer_max is not None
        for one in campaign.rewards
    )


def _read(
    transaction: BatchTransaction, memory: Mapping[int, Known], asked: _Asked, found: Sequence[Rows]
) -> Loaded:
    """What the answers to all that was asked for one tenant's wishes say."""
    states, campaigns, *rest = found
    entries: dict[Who, list[LedgerEntry]] = defaultdict(list)
    for rows in rest[: len(asked.entries)]:
        for row in rows:
            _add(entries, to_entry(*row))
    _read_on(transaction, memory, asked.tenant, entries)
    return Loaded(
        {number: Counters(*counters) for number, _, *counters in states},
        {number: (status, version) for number, status, version in campaigns},
        dict(entries),
        standings_of(rest[len(asked.entries) :]),
    )


def standings_of(answers: Iterable[Rows]) -> dict[str, Standing]:
    """How registered customers stand, by the answers to `ask_who`."""
    return {
        one: Standing(True, phone, verified)  # noqa: FBT003 — a row as it is
        for rows in answers
        for one, phone, verified in rows
    }


def _add(entries: dict[Who, list[LedgerEntry]], entry: LedgerEntry) -> None:
    """Keep an entry with its customer's, unless it was found another way, too."""
    known = entries[entry.issued.campaign, entry.issued.customer]
    if entry not in known:
        known.append(entry)


def _read_on(
    transaction: BatchTransaction,
    memory: Mapping[int, Known],
    tenant: int,
    entries: dict[Who, list[LedgerEntry]],
) -> None:
    """Read all of those who may have more than a few in a campaign that counts them."""
    many: list[tuple[int, str, int]] = []
    for who, known in entries.items():
        campaign, part = memory[who[0]]
        if len(known) >= FEW and campaign.definition.per_customer_max is not None:
            many.append((*who, part))
            entries[who] = []
    if many:
        _, found = transaction.ask([before_wall(tenant), of_campaign(many, ALL)])
        for row in found:
            entry = to_entry(*row)
            entries[entry.issued.campaign, entry.issued.customer].append(entry)
