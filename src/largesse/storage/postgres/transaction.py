"""What one piece of work sees of the ledger, in a transaction of its own."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, NamedTuple

import msgspec
from psycopg import Connection, Cursor
from psycopg.rows import TupleRow

from largesse.campaigns.model import Campaign
from largesse.kernel.fact import FactKind

EVERYBODY = 0
"""The wall that shows all tenants: for what the server does by itself."""

Bindings = Sequence[Any] | Mapping[str, Any]

BEGIN_WRITING = "BEGIN"
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

# Settings of this transaction and of no other: whoever pools between us and the server hands the
# next one to somebody else's session.
OPEN = """
SELECT set_config('search_path', 'largesse', true),
  set_config('largesse.tenant', %s, true),
  set_config('statement_timeout', %s, true),
  set_config('lock_timeout', %s, true),
  set_config('idle_in_transaction_session_timeout', %s, true)"""
# The statements of a batch are few and always the same: a plan is made once for a session, or each
# of them would be planned anew over all partitions, which takes longer than doing it. Such a plan
# may have been made when a partition had a handful of rows, and to read a handful whole is cheap:
# as the sale goes on each customer would cost a reading of all of it, until statistics are taken
# again. Whatever a batch asks for has an index. Several would do while there is a handful: it says
# an order that only the right one has, and sorts nothing.
# And what the planner thinks dear is done in a millisecond: compiling it first takes fifty.
_SAME_EACH_TIME: LiteralString = """
set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),
  set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
  set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
  set_config('enable_sort', 'off', true)"""
OPEN_BATCH: LiteralString = f"{OPEN}, {_SAME_EACH_TIME}"
PLAN_ONCE: LiteralString = f"SELECT {_SAME_EACH_TIME}"
WALL = "SELECT set_config('largesse.tenant', %s, true)"


def exactly(column: LiteralString, value: LiteralString) -> LiteralString:
    """That the last column of an index is a value, for a statement ordered by this column.

    Said with `=` it would have no order, and the planner would be free to take another index.
    """
    return f"{column} >= {value} AND {column} <= {value}"


_ONE_BY_ONE = "SELECT pg_advisory_xact_lock(1279742789, %s)"
# Whoever waits for a row that others change is given his transaction's number while he waits, and
# somebody with a later one may get to it first: numbers would not be in the order of holding. So
# all queue for a campaign by a lock that gives no numbers, and then find its rewards' rows free.
QUEUE: LiteralString = """
SELECT pg_advisory_xact_lock(number) FROM unnest(%s::bigint[]) number"""
_QUEUE_FOR_CAMPAIGN = """
SELECT pg_advisory_xact_lock(number) FROM campaign WHERE tenant = %s AND id = %s"""
_QUEUE_FOR_REWARD = "SELECT pg_advisory_xact_lock(campaign) FROM reward WHERE number = %s"
_HOLD_CAMPAIGN = """
SELECT r.number FROM reward r JOIN campaign c ON c.number = r.campaign
WHERE c.tenant = %s AND c.id = %s ORDER BY r.number FOR UPDATE OF r"""
_HOLD_REWARD = "SELECT number FROM reward WHERE number = %s FOR UPDATE"
_TELL = """
INSERT INTO journal (part, kind, tenant, campaign, reward, version, at_ms, detail)
SELECT part, %s, tenant, number, %s, %s, %s, %s FROM campaign WHERE number = %s"""


class Limits(NamedTuple):
    """How long a statement may take, and how long it may wait for a lock, in milliseconds."""

    statement_ms_max: int
    lock_ms_max: int

    def bindings(self, wall: int) -> tuple[str, str, str, str]:
        """What `OPEN` needs. A transaction left alone is ended, for it holds the relay back."""
        statement = str(self.statement_ms_max)
        return (str(wall), statement, str(self.lock_ms_max), statement)


class Changed(NamedTuple):
    """A campaign as this transaction leaves it, and which of its changes that is."""

    revision: int
    campaign: Campaign


class Transaction:
    """A piece of work's own transaction: all that it did is kept, or nothing of it.

    A row that is decided on must be held first: what was read before that may be over.
    """

    def __init__(self, db: Connection) -> None:
        self.db = db
        self.touched: dict[int, None] = {}
        self.undone = False

    def execute(self, statement: LiteralString, bindings: Bindings = ()) -> Cursor[TupleRow]:
        """Run a statement."""
        return self.db.execute(statement, bindings)

    def rows(self, statement: LiteralString, bindings: Bindings = ()) -> list[Any]:
        """All rows of a query."""
        return self.db.execute(statement, bindings).fetchall()

    def row(self, statement: LiteralString, bindings: Bindings = ()) -> Any:  # noqa: ANN401 — SQL knows no types
        """The first row of a query, or None."""
        return self.db.execute(statement, bindings).fetchone()

    def number(self, statement: LiteralString, bindings: Bindings = ()) -> int:
        """The one whole number that a query gives."""
        [found] = self.row(statement, bindings)
        assert isinstance(found, int)
        return found

    def stand_before(self, wall: int) -> None:
        """From here on see one tenant's rows only, by his number."""
        self.db.execute(WALL, (str(wall),))

    def one_by_one(self, tenant: int) -> None:
        """Wait until no other command of this tenant is on its way, in whichever process."""
        self.db.execute(_ONE_BY_ONE, (tenant,))

    def hold_campaign(self, tenant: int, campaign_id: str) -> None:
        """Keep a campaign's stock as it is until the end; claims wait meanwhile."""
        self.db.execute(_QUEUE_FOR_CAMPAIGN, (tenant, campaign_id))
        self.db.execute(_HOLD_CAMPAIGN, (tenant, campaign_id))

    def hold_reward(self, number: int) -> None:
        """Keep one reward's stock as it is until the end; claims wait meanwhile."""
        self.db.execute(_QUEUE_FOR_REWARD, (number,))
        self.db.execute(_HOLD_REWARD, (number,))

    def tell(
        self, kind: FactKind, at_ms: int, campaign: Campaign, reward: int | None = None
    ) -> None:
        """Write a fact about a campaign, or a reward of it, as the campaign stands now."""
        standing = msgspec.json.encode({"status": campaign.status.value}).decode()
        row = (reward, campaign.version, at_ms, standing, campaign.number)
        self.db.execute(_TELL, (int(kind), *row))

    def touch_campaign(self, number: int) -> None:
        """Have a campaign that this work adds or changes told after the commit."""
        self.touched[number] = None

    def undo(self) -> None:
        """Let nothing of this be kept, though it ends well: a dry run."""
        self.undone = True


class Reading(Transaction):
    """A transaction that only reads: one consistent state, and nobody is kept waiting for it."""

    def hold_campaign(self, tenant: int, campaign_id: str) -> None:
        """Nothing to do: what is read stays as it is in this transaction's eyes."""

    def hold_reward(self, number: int) -> None:
        """Nothing to do: what is read stays as it is in this transaction's eyes."""
