"""Numbers, trees and signatures as the verifier works them out, for itself alone.

Who makes draws has his own of each, on purpose: see the package.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def roll(secret: bytes, about: str) -> Callable[[int], int]:
    """The numbers of a draw. `about` is `campaign|version|n|seed`.

    The first 8 bytes of HMAC-SHA256(secret, `largesse-draw/1|about|attempt`), as a number, are
    taken unless they fall into the incomplete last span; then the next attempt is.
    """
    attempt = -1

    def number(below: int) -> int:
        nonlocal attempt
        while True:
            attempt += 1
            message = f"largesse-draw/1|{about}|{attempt}".encode()
            head = hmac.new(secret, message, hashlib.sha256).digest()[:8]
            drawn = int.from_bytes(head, "big")
            if drawn < 2**64 - 2**64 % below:
                return drawn % below

    return number


def landed(weights: Sequence[int], number: int) -> int | None:
    """The reward in whose share a number falls."""
    for at, weight in enumerate(weights):
        if number < weight:
            return at
        number -= weight
    return None


class Tree:
    """The Merkle tree of RFC 6962 over entries."""

    def __init__(self) -> None:
        self._leaves: list[bytes] = []

    def add(self, content: bytes) -> None:
        """One more leaf."""
        self._leaves.append(hashlib.sha256(b"\x00" + content).digest())

    def root(self) -> str:
        """In hexadecimal: level by level; what has no neighbour goes up as it is."""
        level = self._leaves or [hashlib.sha256(b"").digest()]
        while len(level) > 1:
            pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
            level = [
                hashlib.sha256(b"\x01" + pair[0] + pair[1]).digest() if len(pair) == 2 else pair[0]  # noqa: PLR2004 — two make a pair
                for pair in pairs
            ]
        return level[0].hex()


def picked(
    entrants: Sequence[str], rewards: Sequence[str], number: Callable[[int], int]
) -> list[tuple[int, str]]:
    """The winning entries: a shuffle from the first place on, each customer once."""
    order = list(range(len(entrants)))
    picked: list[tuple[int, str]] = []
    won: set[str] = set()
    for place in range(len(order)):
        if len(picked) == len(rewards):
            break
        other = place + number(len(order) - place)
        order[place], order[other] = order[other], order[place]
        customer = entrants[order[place]]
        if customer not in won:
            won.add(customer)
            picked.append((order[place] + 1, rewards[len(picked)]))
    return picked


def bound(secret: bytes, beacon: Mapping[str, Any] | None) -> bytes:
    """The secret with the value of the public round in it."""
    if beacon is None or beacon["value"] is None:
        return secret
    message = f"largesse-beacon/1|{beacon['source']}|{beacon['round']}|{beacon['value']}"
    return hmac.new(secret, message.encode(), hashlib.sha256).digest()


def is_signed(public_key: str, signature: str, signed: bytes) -> bool:
    """Whether an Ed25519 key signed this; key and signature in Base64."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 — the rest needs nothing
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 — as above
        Ed25519PublicKey,
    )

    try:
        key = Ed25519PublicKey.from_public_bytes(_unbase64(public_key))
        key.verify(_unbase64(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _unbase64(text: str) -> bytes:
    """What a text says in Base64; `ValueError` where another text is how that is said.

    The last character may have bits that nobody reads: changed, they would change nothing.
    """
    content = b64decode(text, validate=True)
    if b64encode(content).decode() != text:
        message = "this is not how Base64 says it"
        raise ValueError(message)
    return content


def sha256(text: str) -> str:
    """In hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
