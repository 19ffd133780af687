"""Draw ids: a campaign's number and a draw's, enciphered as those of incentives are."""

from collections.abc import Sequence

from largesse.issuance.identity import PREFIX as INCENTIVE
from largesse.issuance.identity import IncentiveIds
from largesse.issuance.model import Place

PREFIX = "draw"

_OF_INCENTIVE = len(INCENTIVE)
_OF_DRAW = len(PREFIX)


class DrawIds:
    """See `IncentiveIds`; `key` is another one than theirs, so that no id means two things."""

    def __init__(self, key: bytes) -> None:
        self._ids = IncentiveIds(key)

    def texts(self, draws: Sequence[tuple[int, int]]) -> list[str]:
        """The ids of many draws at once, each by its campaign's number and its own."""
        return [PREFIX + text[_OF_INCENTIVE:] for text in self._ids.texts(draws)]

    def draw(self, text: str) -> Place | None:
        """Which draw an id means, by campaign and number; None for any other text."""
        if not text.startswith(PREFIX):
            return None
        return self._ids.place(INCENTIVE + text[_OF_DRAW:])
