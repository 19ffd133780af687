"""Incentive ids: a reward's number and a serial, enciphered.

So an id needs no index to be found, and tells nobody how many were given before it.
"""

from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from largesse.issuance.model import Place
from largesse.kernel import ids

PREFIX = "inc"

_ALPHABET = np.frombuffer(ids.ALPHABET.encode(), np.uint8)
_BLOCK_BYTES = 16
_NUMBER_MAX = 1 << 63
_WEIGHTS = np.array([16, 8, 4, 2, 1], np.uint8)


class IncentiveIds:
    """One AES block holds both numbers, 64 bits each; `key` is the installation's, 32 bytes."""

    def __init__(self, key: bytes) -> None:
        # One block under one key is a permutation of 128 bits: there is no second block whose
        # equality could tell anything, so ECB is what is wanted here.
        cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - see above
        self._encryptor = cipher.encryptor()
        self._decryptor = cipher.decryptor()

    def texts(self, places: Sequence[Place]) -> list[str]:
        """The ids of many incentives at once."""
        plain = np.array(places, dtype=">u8").tobytes()
        return _texts(self._encryptor.update(plain))

    def text(self, place: Place) -> str:
        """The id of one incentive."""
        return self.texts([place])[0]

    def place(self, text: str) -> Place | None:
        """Which incentive an id means; None for any text that was not given out as an id."""
        value = ids.decode(PREFIX, text)
        if value is None:
            return None
        plain = self._decryptor.update(value.to_bytes(_BLOCK_BYTES, "big"))
        reward, serial = int.from_bytes(plain[:8], "big"), int.from_bytes(plain[8:], "big")
        return Place(reward, serial) if max(reward, serial) < _NUMBER_MAX else None


def _texts(blocks: bytes) -> list[str]:
    """As `ids.encode`, for many blocks of 16 bytes: 128 bits, two zeros before them, in fives."""
    bits = np.unpackbits(np.frombuffer(blocks, np.uint8).reshape(-1, _BLOCK_BYTES), axis=1)
    padded = np.pad(bits, ((0, 0), (2, 0)))
    digits = padded.reshape(-1, ids.LENGTH, 5) @ _WEIGHTS
    text = _ALPHABET[digits].tobytes().decode("ascii")
    starts = range(0, len(text), ids.LENGTH)
    return [f"{PREFIX}_{text[start : start + ids.LENGTH]}" for start in starts]
