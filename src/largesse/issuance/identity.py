"""Incentive ids: a reward's number and a serial, enciphered.

So an id needs no index to be found, and tells nobody how many were given before it.
"""

from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from largesse.issuance.model import Place
from largesse.kernel import ids

PREFIX = "inc"

FEW = 8
"""So many ids are read one by one: what reads many at once takes its time to begin."""

_BLOCK_BYTES = 16
_NUMBER_MAX = 1 << 63

# Ids are written two characters at a time, each pair as the one word of 64 bits that numpy keeps
# it in. A block is 128 bits: six pairs of ten bits from its upper half, one of both halves, six
# from its lower.
_PAIRS = np.array([one + two for one in ids.ALPHABET for two in ids.ALPHABET]).view(np.uint64)
_START = np.array([f"{PREFIX}_"]).view(np.uint64)
_UPPER = np.arange(56, 5, -10).astype(np.uint64)
_LOWER = np.arange(50, -1, -10).astype(np.uint64)
_PAIR_MAX = len(_PAIRS) - 1

# The way back goes digit by digit, of five bits each: the first has three, the fourteenth is in
# both halves, and what leaves a half at its upper end is not missed there.
_HEAD = f"{PREFIX}_"
_NO_ID = _HEAD + "?" * ids.LENGTH
_DIGIT_MAX, _FIRST_MAX = 31, 7
_DIGITS = np.full(256, _DIGIT_MAX + 1, np.uint64)
_DIGITS[[ord(one) for one in ids.ALPHABET]] = range(_DIGIT_MAX + 1)
_UPPER_DIGITS = np.arange(61, 0, -5).astype(np.uint64)
_LOWER_DIGITS = np.arange(60, -1, -5).astype(np.uint64)


class IncentiveIds:
    """One AES block holds both numbers, 64 bits each; `key` is the installation's, 32 bytes."""

    def __init__(self, key: bytes) -> None:
        # One block under one key is a permutation of 128 bits: there is no second block whose
        # equality could tell anything, so ECB is what is wanted here.
        cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - see above
        self._encryptor = cipher.encryptor()
        self._decryptor = cipher.decryptor()

    def texts(self, places: Sequence[tuple[int, int]]) -> list[str]:
        """The ids of many incentives at once, each by its reward's number and its serial."""
        plain = np.empty((len(places), 2), ">u8")
        plain[:, 0] = [place[0] for place in places]
        plain[:, 1] = [place[1] for place in places]
        return _texts(self._encryptor.update(plain.tobytes()))

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

    def places(self, texts: Sequence[str]) -> list[Place | None]:
        """The same for many texts at once."""
        if len(texts) < FEW:
            return [self.place(text) for text in texts]
        blocks, are_ids = _blocks(texts)
        plain = np.frombuffer(self._decryptor.update(blocks), ">u8").reshape(-1, 2)
        are_ids &= (plain < _NUMBER_MAX).all(axis=1)
        return [
            Place(*numbers) if is_id else None
            for numbers, is_id in zip(plain.tolist(), are_ids.tolist(), strict=True)
        ]


def _blocks(texts: Sequence[str]) -> tuple[bytes, NDArray[np.bool_]]:
    """As `ids.decode`, for many texts at once: 16 bytes of each, and whether it is an id at all."""
    formed = [
        text if len(text) == len(_NO_ID) and text.startswith(_HEAD) and text.isascii() else _NO_ID
        for text in texts
    ]
    characters = np.frombuffer("".join(formed).encode("ascii"), np.uint8)
    digits = _DIGITS[characters.reshape(-1, len(_NO_ID))[:, len(_HEAD) :]]
    are_ids = (digits <= _DIGIT_MAX).all(axis=1) & (digits[:, 0] <= _FIRST_MAX)
    halves = np.empty((len(texts), 2), ">u8")
    halves[:, 0] = (digits[:, :13] << _UPPER_DIGITS).sum(axis=1) | digits[:, 13] >> np.uint64(4)
    halves[:, 1] = (digits[:, 13:] << _LOWER_DIGITS).sum(axis=1)
    return halves.tobytes(), are_ids


def _texts(blocks: bytes) -> list[str]:
    """As `ids.encode`, for many blocks of 16 bytes at once."""
    halves = np.frombuffer(blocks, ">u8").astype(np.uint64).reshape(-1, 2)
    upper, lower = halves[:, :1], halves[:, 1:]
    pairs = np.empty((len(halves), ids.LENGTH // 2), np.int64)
    pairs[:, :6] = upper >> _UPPER
    pairs[:, 6:7] = upper << np.uint64(4) | lower >> np.uint64(60)
    pairs[:, 7:] = lower >> _LOWER
    pairs &= _PAIR_MAX
    words = np.empty((len(halves), len(_START) + pairs.shape[1]), np.uint64)
    words[:, : len(_START)] = _START
    words[:, len(_START) :] = _PAIRS.take(pairs)
    texts: list[str] = words.view(f"U{2 * words.shape[1]}").ravel().tolist()
    return texts
