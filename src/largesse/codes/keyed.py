"""A keyed function of two numbers, for whole arrays at a time and for one pair alike.

It is AES-128 on a single block that holds both numbers: nobody without the key can tell its words
from random ones, equal input gives equal words for ever, and one call enciphers a whole batch.
"""

import hashlib
import hmac
import threading
from typing import Any, TypeAlias, TypeVar

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

Words: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]
"""A row of 64-bit numbers without sign."""

Number = TypeVar("Number", int, Words)
"""One number, or a row of them."""

WORD_BITS = 63
"""Bits of a word: one of 64 is left free, so that a number below 2**60 can be added to it."""

SECRET_LENGTH_MIN = 16
"""Bytes of a tenant's secret: a shorter one would be weaker than the cipher."""

_KEY_LENGTH = 16  # bytes: AES-128
_LABEL = "largesse-codes/1"


def derive_key(tenant_secret: bytes, purpose: str, canonical_text: str) -> bytes:
    """A key of its own for each tenant, purpose and pattern: HMAC-SHA256, cut to AES-128's size."""
    assert len(tenant_secret) >= SECRET_LENGTH_MIN
    message = f"{_LABEL}|{purpose}|{canonical_text}".encode()
    return hmac.digest(tenant_secret, message, hashlib.sha256)[:_KEY_LENGTH]


class _Encryptor(threading.local):
    """Each thread its own: an encryptor that a second thread enters refuses to work."""

    def __init__(self, key: bytes) -> None:
        # ECB is wrong for messages. Here each block is a message of its own, never repeated with
        # another meaning, and nobody deciphers.
        cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - for the reason above
        self.update = cipher.encryptor().update


class KeyedFunction:
    """Words of 63 bits from pairs of 64-bit numbers; any thread may ask."""

    def __init__(self, key: bytes) -> None:
        self._encryptor = _Encryptor(key)

    def word(self, first: Number, second: Number | int) -> Number:
        """The word of each pair; a single `second` goes with every `first`."""
        if isinstance(first, int):
            pair = first.to_bytes(8, "little") + int(second).to_bytes(8, "little")
            return int.from_bytes(self._encryptor.update(pair)[:8], "little") >> 1
        pairs = np.empty((len(first), 2), "<u8")
        pairs[:, 0] = first
        pairs[:, 1] = second
        enciphered = np.frombuffer(self._encryptor.update(pairs.tobytes()), "<u8")
        words: Words = np.right_shift(enciphered[::2], 1, dtype=np.uint64)
        return words
