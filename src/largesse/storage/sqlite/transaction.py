"""What one piece of work sees of the ledger while it writes."""

from collections.abc import Callable

import apsw

from largesse.campaigns.model import Campaign
from largesse.issuance.model import Issued
from largesse.kernel.fact import FactKind

_TELL = """
INSERT INTO journal (seq, kind, at_ms, campaign, reward, version, detail)
VALUES (?, ?, ?, ?, ?, ?, json_object('status', ?))"""
_TELL_OF = """
INSERT INTO journal (seq, kind, at_ms, of, campaign, reward, serial, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""


class Transaction:
    """A job's part of the writer's transaction.

    `db` is the write connection. Either all that the job did is kept, with its facts and calls, or
    nothing of it. `last_seq` is the highest number of the journal so far.
    """

    def __init__(self, db: apsw.Connection, last_seq: int) -> None:
        self.db = db
        self.last_seq = last_seq
        self.touched: dict[int, None] = {}
        self.committed: list[Callable[[], object]] = []
        self.undone = False

    def take_seqs(self, count: int) -> int:
        """Reserve the next `count` numbers of the journal; the first of them."""
        first = self.last_seq + 1
        self.last_seq += count
        return first

    def tell(
        self, kind: FactKind, at_ms: int, campaign: Campaign, reward: int | None = None
    ) -> None:
        """Write a fact about a campaign, or a reward of it, as the campaign stands now."""
        row = (campaign.number, reward, campaign.version, campaign.status.value)
        self.db.execute(_TELL, (self.take_seqs(1), int(kind), at_ms, *row))

    def tell_of(self, kind: FactKind, at_ms: int, of: int, issued: Issued) -> None:
        """Write a later fact about an incentive; `of` is the number of its ISSUED row."""
        row = (issued.campaign, issued.reward, issued.serial, issued.version)
        self.db.execute(_TELL_OF, (self.take_seqs(1), int(kind), at_ms, of, *row))

    def touch_campaign(self, number: int) -> None:
        """Have a campaign that this job adds, changes or takes away told after the commit."""
        self.touched[number] = None

    def on_commit(self, call: Callable[[], object]) -> None:
        """Have a call made in the writer's thread after the commit, before anybody is answered.

        It must not fail: what was committed cannot be taken back.
        """
        self.committed.append(call)

    def undo(self) -> None:
        """Let nothing of this job be kept, though it ends well: a dry run."""
        self.undone = True
