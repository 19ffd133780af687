"""Facts in few words, for tests of those who carry them."""

from collections.abc import Sequence

from largesse.issuance.facts import fact_id
from largesse.issuance.model import Told
from largesse.issuance.publishing import Publishing
from largesse.kernel.fact import Fact


class Words(Publishing):
    """Puts facts into few words: the whole of it is tested elsewhere."""

    def __init__(self) -> None:
        """Need nothing for that."""

    async def facts(self, rows: Sequence[Told]) -> list[Fact]:
        """The serial."""
        return [
            Fact(
                id=fact_id(row),
                aggregatetype="incentive",
                aggregateid="inc",
                type=row.kind.topic,
                payload={"serial": row.serial},
                tenant=row.tenant,
                at_ms=row.at_ms,
            )
            for row in rows
        ]
