"""The dice: numbers that nobody can choose and everybody can check afterwards.

A number is made of the campaign's secret, the draw's number and the caller's seed. Who has the
secret, which is told once the campaign is over, makes the same number again.
"""

import hmac
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from itertools import count
from struct import Struct

from largesse.campaigns.model import Beacon, Campaign
from largesse.draws.model import Roll

SCHEME = "largesse-draw/1"

SEEDS_MAX = 4_096
"""Seeds remembered: each is asked for when its wish comes, and again when its draw is written."""

SECRETS_MAX = 256
"""Secrets whose HMAC is kept as it is before a message: half of the work of a number."""

# A copy of it takes a third of the time in which OpenSSL looks the algorithm up.
_NOTHING_HASHED = sha256()

_BLOCK_BYTES = 64
_INNER_PAD = bytes(0x36 ^ byte for byte in range(256))
_OUTER_PAD = bytes(0x5C ^ byte for byte in range(256))
_HEAD = Struct(">Q")
_NUMBERS = 1 << 64

Rolls = Callable[[int, str], Roll]
"""The rolls of one campaign in one version: that of a draw by its number and its seed."""

Dice = Callable[[Campaign], Rolls]
"""The dice of draws: of a campaign in one version, its rolls. Asked for once for many draws."""


@lru_cache(maxsize=SEEDS_MAX)
def seed_of_key(key: str) -> str:
    """The seed of a wish whose caller sent none: the SHA-256 of its key, in hexadecimal."""
    seed = _NOTHING_HASHED.copy()
    seed.update(key.encode())
    return seed.hexdigest()


def dice_of(secret_of: Callable[[Campaign], bytes]) -> Dice:
    """Dice that roll by the secret of a campaign's version."""

    def dice(campaign: Campaign) -> Rolls:
        beacon = campaign.definition.beacon
        if beacon is not None and beacon.value is None:
            return _nothing_yet
        head = _head_of(bound(secret_of(campaign), beacon))
        about = f"{SCHEME}|{campaign.id}|{campaign.version}"
        return lambda number, seed: _roll(head, f"{about}|{number}|{seed}")

    return dice


def bound(secret: bytes, beacon: Beacon | None) -> bytes:
    """A secret with the value of a public beacon in it: nobody knew that when it was promised.

    HMAC-SHA256(secret, `largesse-beacon/1|source|round|value`).
    """
    if beacon is None:
        return secret
    assert beacon.value is not None, "nothing is drawn before the round has come"
    message = f"largesse-beacon/1|{beacon.source}|{beacon.round}|{beacon.value}"
    return hmac.digest(secret, message.encode(), "sha256")


def _nothing_yet(number: int, seed: str) -> Roll:
    """Raise when the roll of a draw is used: the round that it is bound to has not come."""

    def too_early(_: int) -> int:
        message = f"draw {number} with seed {seed} rolls before its round has come"
        raise AssertionError(message)

    return too_early


def roll_of(secret: bytes, about: str) -> Roll:
    """The numbers of one draw, one after the other: `about` is `campaign|version|n|seed`.

    Each is the head of HMAC-SHA256(secret, `largesse-draw/1|about|attempt`), 64 bits big-endian.
    64 bits are no multiple of what is wanted: the few at the end that would make the low results
    likelier are thrown away, and the next attempt is taken (rejection sampling).
    """
    return _roll(_head_of(secret), f"{SCHEME}|{about}")


def _roll(head: Callable[[bytes], int], message: str) -> Roll:
    attempts = count()

    def roll(below: int) -> int:
        fair = _NUMBERS - _NUMBERS % below
        while True:
            number = head(f"{message}|{next(attempts)}".encode())
            if number < fair:
                return number % below

    return roll


@lru_cache(maxsize=SECRETS_MAX)
def _head_of(secret: bytes) -> Callable[[bytes], int]:
    """The first 64 bits of HMAC-SHA256 (RFC 2104) with a secret, as a function of the message.

    Both hashes of an HMAC begin with a block that the secret alone makes. Going on from copies of
    these costs a third less than a copy of any library's HMAC, of which it is a quarter of a draw.
    """
    key = (sha256(secret).digest() if len(secret) > _BLOCK_BYTES else secret).ljust(
        _BLOCK_BYTES, b"\0"
    )
    inner_begun = sha256(key.translate(_INNER_PAD)).copy
    outer_begun = sha256(key.translate(_OUTER_PAD)).copy
    head = _HEAD.unpack_from

    def head_of(message: bytes) -> int:
        inner, outer = inner_begun(), outer_begun()
        inner.update(message)
        outer.update(inner.digest())
        number: int = head(outer.digest())[0]
        return number

    return head_of
