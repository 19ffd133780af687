"""The dice: numbers that nobody can choose and everybody can check afterwards.

A number is made of the campaign's secret, the draw's number and the caller's seed. Who has the
secret, which is told once the campaign is over, makes the same number again.
"""

import hmac
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from itertools import count

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from largesse.campaigns.model import Beacon, Campaign
from largesse.draws.model import Roll

SCHEME = "largesse-draw/1"

SEEDS_MAX = 4_096
"""Seeds remembered: each is asked for when its wish comes, and again when its draw is written."""

SECRETS_MAX = 256
"""Secrets whose HMAC is kept as it is before a message: half of the work of a number."""

# A copy of it takes a third of the time in which OpenSSL looks the algorithm up.
_NOTHING_HASHED = sha256()

_NUMBERS = 1 << 64
_NUMBER_BYTES = 8

Dice = Callable[[Campaign, int, str], Roll]
"""The dice of a draw: of a campaign in one version, by the draw's number and its seed."""


@lru_cache(maxsize=SEEDS_MAX)
def seed_of_key(key: str) -> str:
    """The seed of a wish whose caller sent none: the SHA-256 of its key, in hexadecimal."""
    seed = _NOTHING_HASHED.copy()
    seed.update(key.encode())
    return seed.hexdigest()


def dice_of(secret_of: Callable[[Campaign], bytes]) -> Dice:
    """Dice that roll by the secret of a campaign's version."""

    def dice(campaign: Campaign, number: int, seed: str) -> Roll:
        beacon = campaign.definition.beacon
        if beacon is not None and beacon.value is None:
            return _too_early
        secret = bound(secret_of(campaign), beacon)
        return roll_of(secret, f"{campaign.id}|{campaign.version}|{number}|{seed}")

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


def _too_early(_: int) -> int:
    raise AssertionError("nothing is drawn before the round has come")


def roll_of(secret: bytes, about: str) -> Roll:
    """The numbers of one draw, one after the other: `about` is `campaign|version|n|seed`.

    Each is the head of HMAC-SHA256(secret, `largesse-draw/1|about|attempt`), 64 bits big-endian.
    64 bits are no multiple of what is wanted: the few at the end that would make the low results
    likelier are thrown away, and the next attempt is taken (rejection sampling).
    """
    keyed = _keyed(secret)
    attempts = count()

    def roll(below: int) -> int:
        fair = _NUMBERS - _NUMBERS % below
        for attempt in attempts:
            code = keyed.copy()
            code.update(f"{SCHEME}|{about}|{attempt}".encode())
            number = int.from_bytes(code.finalize()[:_NUMBER_BYTES], "big")
            if number < fair:
                return number % below
        raise AssertionError("attempts do not end")

    return roll


@lru_cache(maxsize=SECRETS_MAX)
def _keyed(secret: bytes) -> HMAC:
    return HMAC(secret, SHA256())
