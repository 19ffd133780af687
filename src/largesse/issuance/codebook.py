"""The codes of incentives: from a place in a pattern's counter to text and back.

One batch's serials follow each other, so a shelf of codes is written ahead for each reward; single
places, as replays bring them, are computed together.
"""

from collections.abc import Callable, Sequence

from largesse.campaigns.model import Campaign, CodeSource
from largesse.codes.canonical import canonical
from largesse.codes.coder import Dice, PermutedCodes, RandomCodes
from largesse.issuance import decide
from largesse.issuance.model import Issued
from largesse.issuance.offers import Offers
from largesse.issuance.spaces import pattern_of

AHEAD = 8_192
"""Codes written at once: some milliseconds of a sale, and cheap to throw away."""

AHEAD_FIRST = 256
"""Codes written at first; each time four times as many. Many rewards that open at the same moment
would else make their first callers wait for codes that others will get."""

SPAN_MAX = AHEAD // 2
"""Places further apart than this do not belong to one batch of new serials."""


class _Shelf:
    """The codes of one reward around the place that is issued now."""

    def __init__(self, coder: PermutedCodes) -> None:
        self._coder = coder
        self._first = 0
        self._codes: list[str] = []
        self._ahead = AHEAD_FIRST

    def take(self, places: Sequence[int]) -> list[str]:
        """The codes at some places."""
        low, high = min(places), max(places)
        if low < self._first or high >= self._first + len(self._codes):
            if low < self._first or high - low > SPAN_MAX:
                return self._coder.codes_at(places)
            count = min(max(self._ahead, high - low + 1), self._coder.space - low)
            self._ahead = min(4 * self._ahead, AHEAD)
            self._first, self._codes = low, self._coder.codes(low, count)
        first, codes = self._first, self._codes
        return [codes[place - first] for place in places]


class Codebook:
    """Writes and reads the codes of tenants.

    `secret_of` tells a tenant's secret by its number; `dice` gives random bytes.
    """

    def __init__(self, offers: Offers, secret_of: Callable[[int], bytes], dice: Dice) -> None:
        self.offers = offers
        self._secret_of = secret_of
        self._dice = dice
        self._shelves: dict[int, _Shelf] = {}
        self._coders: dict[int, dict[str, PermutedCodes]] = {}
        offers.listen(self._learn)

    def codes(self, rows: Sequence[Issued]) -> list[str | None]:
        """The codes of some incentives, in their order; None where the reward has none."""
        places = [row.place for row in rows if row.place is not None]
        if len(places) == len(rows) and len({row.reward for row in rows}) == 1:
            return list(self._shelves[rows[0].reward].take(places))  # most batches of a sale
        texts = [row.code for row in rows]
        by_reward: dict[int, list[int]] = {}
        for index, row in enumerate(rows):
            if row.place is not None:
                by_reward.setdefault(row.reward, []).append(index)
        for reward, indices in by_reward.items():
            places = [place for index in indices if (place := rows[index].place) is not None]
            codes = self._shelves[reward].take(places)
            for index, code in zip(indices, codes, strict=True):
                texts[index] = code
        return texts

    def counters(self, tenant: int, text: str) -> list[tuple[str, int]]:
        """The permuted patterns that what somebody typed fits, each with its place in the counter.

        At most one where the tenant's patterns are disjoint, as they must be.
        """
        [found] = self.counters_of(tenant, [text])
        return found

    def counters_of(self, tenant: int, texts: Sequence[str]) -> list[list[tuple[str, int]]]:
        """The same for many texts at once."""
        found: list[list[tuple[str, int]]] = [[] for _ in texts]
        for pattern, coder in self._coders.get(tenant, {}).items():
            for fitting, place in zip(found, coder.places(texts), strict=True):
                if place is not None:
                    fitting.append((pattern, place))
        return found

    def random(self, campaign: Campaign, reward: int, count: int) -> list[tuple[str, str]]:
        """So many codes at random for a reward, each as shown and in canonical form."""
        code = decide.definition_of(campaign, reward).code
        assert code is not None
        source = RandomCodes(pattern_of(code), self._secret_of(campaign.tenant))
        drawn = source.draw(count, self._dice)
        return [(text, found) for text in drawn if (found := canonical(text)) is not None]

    def _learn(self, campaign: Campaign) -> None:
        """Make coders for a campaign's rewards; their formats never change after activation."""
        for reward in campaign.rewards:
            code = reward.definition.code
            if code is None or code.source is not CodeSource.PERMUTED:
                continue
            if reward.number not in self._shelves:
                pattern = pattern_of(code)
                coder = PermutedCodes(pattern, self._secret_of(campaign.tenant))
                self._shelves[reward.number] = _Shelf(coder)
                coders = self._coders.setdefault(campaign.tenant, {})
                coders.setdefault(pattern.canonical_text, coder)
