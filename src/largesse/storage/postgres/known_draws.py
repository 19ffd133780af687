"""What the ledger knows of a batch of draws: asked in one trip, each tenant behind his own wall."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import LiteralString, NamedTuple

from largesse.campaigns.model import Counters
from largesse.customers.model import Standing
from largesse.draws import decide
from largesse.draws.model import Drawn, DrawWish
from largesse.issuance.model import Issued, LedgerEntry, Place
from largesse.kernel.calendar import LocalDays
from largesse.storage.postgres.draw_rows import DRAWN, drawn_of
from largesse.storage.postgres.known import (
    ALL,
    CAMPAIGNS,
    HELD_STATES,
    Known,
    Who,
    ask_who,
    of_campaign,
    of_rewards,
    queue_for,
    standings_of,
)
from largesse.storage.postgres.rows import ENTRY, GONE, to_entry
from largesse.storage.postgres.transaction import exactly
from largesse.storage.postgres.trips import BatchTransaction, Rows, Statement, before_wall, columns

_BOOKS = "SELECT campaign, draws FROM draw_book WHERE campaign = ANY(%s::bigint[])"
# As customers of claims are found: LATERAL in the order of an index, and one partition. Nearly
# everybody never drew in the campaign, which a single look tells; only of the others it is asked
# what the key and the period of their wishes have brought.
_RETURNING: LiteralString = """
SELECT w.campaign, w.customer
FROM unnest(%s::bigint[], %s::text[]) AS w (campaign, customer)
CROSS JOIN LATERAL (SELECT 1 FROM journal j
  WHERE j.part = %s AND j.campaign = w.campaign AND j.customer = w.customer AND j.kind = 8
  ORDER BY j.period, j.ordinal LIMIT 1) j"""
_BY_KEY: LiteralString = f"""
SELECT {DRAWN}
FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS w (campaign, customer, key)
CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = %s AND j.campaign = w.campaign AND j.customer = w.customer
    AND {exactly("j.key", "w.key")} AND j.kind = 8
  ORDER BY j.key LIMIT 1) j"""
_OF_PERIOD: LiteralString = f"""
SELECT {DRAWN}
FROM unnest(%s::bigint[], %s::text[], %s::integer[]) AS w (campaign, customer, period)
CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = %s AND j.campaign = w.campaign AND j.customer = w.customer
    AND j.period = w.period AND j.kind = 8
  ORDER BY j.ordinal LIMIT %s) j"""
_WON: LiteralString = f"""
SELECT {ENTRY}
FROM unnest(%s::bigint[], %s::bigint[]) AS w (reward, serial)
CROSS JOIN LATERAL (SELECT * FROM journal j
  WHERE j.part = %s AND j.reward = w.reward AND {exactly("j.serial", "w.serial")}
    AND j.kind = 1
  ORDER BY j.serial LIMIT 1) j {GONE.replace("j.part", "%s")}"""


class LoadedDraws(NamedTuple):
    """What the ledger said for one tenant's wishes.

    `books` count the draws of campaigns, `drawn` are those of customers by key or period, `entries`
    what they were given where a cap asks for it, and `won` what the draws by key had brought.
    """

    counters: Mapping[int, Counters]
    campaigns: Mapping[int, tuple[str, int]]
    books: Mapping[int, int]
    drawn: dict[Who, list[Drawn]]
    entries: dict[Who, list[LedgerEntry]]
    standings: Mapping[str, Standing]
    won: dict[Place, Issued]


class _Asked(NamedTuple):
    """What is asked for one tenant's wishes: questions of four kinds, in this order."""

    tenant: int
    about: Sequence[Statement]
    returning: Sequence[Statement]
    entries: Sequence[Statement]
    standings: Sequence[Statement]

    @property
    def statements(self) -> list[Statement]:
        """All of them."""
        return [*self.about, *self.returning, *self.entries, *self.standings]


def load_draws(
    transaction: BatchTransaction,
    memory: Mapping[int, Known],
    days: LocalDays,
    wishes: Mapping[int, list[DrawWish]],
) -> dict[int, LoadedDraws]:
    """What is known of the wishes of some tenants, with all rewards of their campaigns held."""
    asked = [_ask(memory, tenant, wishes[tenant]) for tenant in sorted(wishes)]
    statements: list[Statement] = []
    queue_for(transaction, wishes)
    for one in asked:
        statements += [before_wall(one.tenant), *one.statements]
    answers = iter(transaction.ask(statements))
    loaded = {}
    for one in asked:
        next(answers)
        loaded[one.tenant] = _read(one, list(islice(answers, len(one.statements))))
    for tenant, found in loaded.items():
        again = [wish for wish in wishes[tenant] if (wish.campaign, wish.customer) in found.drawn]
        if again:
            found.drawn.update(_read_drawn(transaction, memory, days, again))
            found.won.update(_read_won(transaction, memory, found, again))
    return loaded


def _ask(memory: Mapping[int, Known], tenant: int, wishes: Sequence[DrawWish]) -> _Asked:
    campaigns = (sorted({wish.campaign for wish in wishes}),)
    about = [Statement(text, campaigns) for text in (HELD_STATES, CAMPAIGNS, _BOOKS)]
    of_parts: dict[int, list[DrawWish]] = {}
    for wish in wishes:
        if wish.campaign in memory:
            of_parts.setdefault(memory[wish.campaign].part, []).append(wish)
    returning, entries = [], []
    for part, some in of_parts.items():
        who = {(wish.campaign, wish.customer): None for wish in some}
        returning.append(Statement(_RETURNING, (*columns(who), part)))
        entries += list(_ask_entries(memory, part, some))
    return _Asked(tenant, about, returning, entries, list(ask_who(memory, tenant, wishes)))


def _ask_entries(
    memory: Mapping[int, Known], part: int, wishes: Sequence[DrawWish]
) -> Iterable[Statement]:
    """How that is found which caps count: all of a campaign, or that of single rewards."""
    counted: dict[tuple[int, str, int], None] = {}
    capped: dict[tuple[int, str, int, int], None] = {}
    for wish in wishes:
        campaign = memory[wish.campaign].campaign
        if campaign.definition.per_customer_max is not None:
            counted[wish.campaign, wish.customer, part] = None
            continue
        for reward in campaign.rewards:
            if reward.definition.per_customer_max is not None:
                capped[wish.campaign, wish.customer, reward.number, part] = None
    if counted:
        yield of_campaign(counted, ALL)
    if capped:
        yield of_rewards(capped)


def _read(asked: _Asked, found: Sequence[Rows]) -> LoadedDraws:
    """What the answers to all that was asked for one tenant's wishes say."""
    answers = iter(found)
    states, campaigns, books = islice(answers, len(asked.about))
    returning = [row for rows in islice(answers, len(asked.returning)) for row in rows]
    entries: dict[Who, list[LedgerEntry]] = {}
    for rows in islice(answers, len(asked.entries)):
        for row in rows:
            entry = to_entry(*row)
            who = (entry.issued.campaign, entry.issued.customer)
            entries.setdefault(who, []).append(entry)
    return LoadedDraws(
        {number: Counters(*counters) for number, _, *counters in states},
        {number: (status, version) for number, status, version in campaigns},
        dict(books),
        {(campaign, customer): [] for campaign, customer in returning},
        entries,
        standings_of(answers),
        {},
    )


def _read_drawn(
    transaction: BatchTransaction,
    memory: Mapping[int, Known],
    days: LocalDays,
    wishes: Sequence[DrawWish],
) -> dict[Who, list[Drawn]]:
    """What the keys and the periods of one tenant's wishes have brought: one trip more."""
    of_parts: dict[int, list[DrawWish]] = {}
    for wish in wishes:
        of_parts.setdefault(memory[wish.campaign].part, []).append(wish)
    questions = [before_wall(wishes[0].tenant)]
    for part, some in of_parts.items():
        questions += _ask_drawn(memory, days, part, some)
    drawn: dict[Who, list[Drawn]] = {(wish.campaign, wish.customer): [] for wish in wishes}
    _, *found = transaction.ask(questions)
    for rows in found:
        for row in rows:
            one = drawn_of(row)
            known = drawn[one.campaign, one.customer]
            if one not in known:
                known.append(one)
    return drawn


def _ask_drawn(
    memory: Mapping[int, Known], days: LocalDays, part: int, wishes: Sequence[DrawWish]
) -> list[Statement]:
    """How draws are found: by a customer's key, and by his period."""
    by_key: dict[tuple[int, str, str], None] = {}
    of_period: dict[tuple[int, str, int], None] = {}
    most = 1
    for wish in wishes:
        definition = memory[wish.campaign].campaign.definition
        period = decide.period(definition, days.day(definition.time_zone, wish.now_ms))
        by_key[wish.campaign, wish.customer, wish.key] = None
        of_period[wish.campaign, wish.customer, period] = None
        most = max(most, definition.draws_per.n)
    return [
        Statement(_BY_KEY, (*columns(by_key), part)),
        Statement(_OF_PERIOD, (*columns(of_period), part, most)),
    ]


def _read_won(
    transaction: BatchTransaction,
    memory: Mapping[int, Known],
    loaded: LoadedDraws,
    wishes: Sequence[DrawWish],
) -> dict[Place, Issued]:
    """What those draws of a tenant won whose keys come again: another trip, if there are any."""
    keys = {(wish.campaign, wish.customer, wish.key) for wish in wishes}
    of_parts: dict[int, dict[Place, None]] = {}
    for (campaign, customer), drawn in loaded.drawn.items():
        for one in drawn:
            if one.won is not None and (campaign, customer, one.key) in keys:
                of_parts.setdefault(memory[campaign].part, {})[one.won] = None
    if not of_parts:
        return {}
    questions = [
        Statement(_WON, (*columns(places), part, part)) for part, places in of_parts.items()
    ]
    _, *found = transaction.ask([before_wall(wishes[0].tenant), *questions])
    issued = [to_entry(*row).issued for rows in found for row in rows]
    return {Place(one.reward, one.serial): one for one in issued}
