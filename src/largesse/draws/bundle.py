"""The bundle: everything that happened in a draw, as lines of JSON that anybody can re-check.

The first line tells the campaign and its commitments with their secrets, the last one is signed;
between them stand the draws in order of their numbers, and where a revoke gave a unit back. How it
is checked says the package `verification`, which shares no code with this.
"""

from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from largesse.campaigns.model import Campaign
from largesse.draws.commitment import Commitment
from largesse.draws.model import Drawn, Returned
from largesse.draws.ports import DrawStore
from largesse.draws.raffle import Closing
from largesse.issuance.model import Place
from largesse.kernel.calendar import LocalDays, iso_date, rfc3339

FORMAT = "largesse-proof/1"

PIECE = 1_000
"""Draws read and written at a time: some 300 kB."""


class Signer(Struct, frozen=True):
    """Who signs bundles; `public_key` are the 32 bytes of an Ed25519 key."""

    public_key: bytes
    sign: Callable[[bytes], bytes]


class Pseudonyms(Struct, frozen=True):
    """Customers as salted hashes. A salt is of one customer, who may be told it, and finds himself.

    Without the salt nobody can try out whom a hash means.
    """

    salt_of: Callable[[Campaign, str], str]

    def of(self, campaign: Campaign, customer: str) -> str:
        """SHA-256 of `largesse-customer/1|salt|customer_id`, in hexadecimal."""
        salt = self.salt_of(campaign, customer)
        return sha256(f"largesse-customer/1|{salt}|{customer}".encode()).hexdigest()


class BundleWriter:
    """Writes one bundle, piece by piece, and signs what it wrote."""

    def __init__(self, store: DrawStore, signer: Signer, pseudonyms: Pseudonyms) -> None:
        self._store = store
        self._signer = signer
        self._pseudonyms = pseudonyms
        self._days = LocalDays()

    async def pieces(
        self,
        campaign: Campaign,
        commitments: Sequence[Commitment],
        closing: Closing | None = None,
    ) -> AsyncIterator[bytes]:
        """The bundle from its first byte to its last; `closing` is a raffle's."""
        digest = sha256()
        lines: list[Mapping[str, Any]] = [self._head(campaign, commitments)]
        returns = _Returns(self._store, campaign.number)
        made = 0
        while lines:
            piece = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
            digest.update(piece)
            yield piece
            drawn = await self._store.draws(campaign.number, made, PIECE)
            lines = [line for one in drawn for line in await self._told(campaign, one, returns)]
            made += len(drawn)
            if not lines and closing is not None:
                lines, closing = _closed(closing), None
        signature = self._signer.sign(f"{FORMAT}|{made}|{digest.hexdigest()}".encode())
        last = {"draws": made, "sha256": digest.hexdigest(), "signature": base64_of(signature)}
        yield msgspec.json.encode(last) + b"\n"

    def _head(self, campaign: Campaign, commitments: Sequence[Commitment]) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "campaign": campaign.id,
            "name": campaign.definition.name,
            "public_key": base64_of(self._signer.public_key),
            "versions": [
                {
                    "version": one.version,
                    "commitment": one.digest,
                    "secret": one.secret,
                    "terms": one.terms,
                }
                for one in commitments
            ],
        }

    async def _told(
        self, campaign: Campaign, drawn: Drawn, returns: "_Returns"
    ) -> list[Mapping[str, Any]]:
        """A draw's line, below those of what came back to the stock before it."""
        keys = _keys(campaign)
        lines: list[Mapping[str, Any]] = [
            {"returned": _unit(back.won, keys), "at": rfc3339(back.at_ms)}
            for back in await returns.before(drawn.number)
        ]
        customer = self._pseudonyms.of(campaign, drawn.customer)
        return [*lines, line_of(campaign, drawn, customer, self._days)]


def line_of(campaign: Campaign, drawn: Drawn, customer: str, days: LocalDays) -> dict[str, Any]:
    """A draw as a line of the bundle, and of its receipt; `customer` is the salted hash."""
    keys = _keys(campaign)
    line: dict[str, Any] = {
        "n": drawn.number,
        "at": rfc3339(drawn.at_ms),
        "date": iso_date(days.day(campaign.definition.time_zone, drawn.at_ms)),
        "version": drawn.version,
        "customer": customer,
        "seed": drawn.seed,
        "won": None if drawn.won is None else _unit(drawn.won, keys),
    }
    if drawn.without_code:
        line["without_code"] = [keys[reward] for reward in drawn.without_code]
    return line


class _Returns:
    """What came back to the stock, told beside the draws."""

    def __init__(self, store: DrawStore, campaign: int) -> None:
        self._store = store
        self._campaign = campaign
        self._waiting: deque[Returned] = deque()
        self._position = 0
        self._more = True

    async def before(self, number: int) -> list[Returned]:
        """What came back before a draw, and was not told yet."""
        found: list[Returned] = []
        while await self._fill() and self._waiting[0].draws < number:
            found.append(self._waiting.popleft())
        return found

    async def _fill(self) -> bool:
        """Have at least one waiting, if there is one more."""
        if not self._waiting and self._more:
            self._waiting += await self._store.returns(self._campaign, self._position, PIECE)
            self._more = bool(self._waiting)
            if self._more:
                self._position = self._waiting[-1].position
        return bool(self._waiting)


def _closed(closing: Closing) -> list[Mapping[str, Any]]:
    """What a raffle closed with: the root over its entries, then its winners in their order."""
    picks = closing.picks or ()
    return [
        {"root": closing.root, "entries": closing.entries},
        *({"entry": one.entry, "wins": one.reward} for one in picks),
    ]


def _keys(campaign: Campaign) -> Mapping[int, str]:
    return {reward.number: reward.definition.key for reward in campaign.rewards}


def _unit(place: Place, keys: Mapping[int, str]) -> dict[str, Any]:
    return {"reward": keys[place.reward], "serial": place.serial}


def base64_of(content: bytes) -> str:
    """As text."""
    return b64encode(content).decode()
