"""Who holds what, in memory: from a 64-bit hash to the rows of the journal that may be meant.

A random insert into a B-tree sends a whole page through the log for every claim. So the file keeps
only the append-only journal, and its holders are found here: the newest in a dictionary, older ones
in sorted arrays of hashes with the places of their rows, 16 bytes each. A hash only says where to
look: whoever finds a row compares it. Sealed pieces are kept in the file as they are, so that a
start sorts arrays instead of reading every row.
"""

import queue
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SEAL_AT = 65_536
"""Entries of the dictionary that make a piece: 1 MiB in the file, sorted in milliseconds."""

MERGE_FACTOR = 8
"""A run is merged with the next older one unless that is so many times larger.

So each entry is copied about log₈ of all pieces times, and a look-up searches about as many runs.
"""

Hashes = npt.NDArray[np.uint64]
Seqs = npt.NDArray[np.int64]


class Run(NamedTuple):
    """Entries in the order of their hashes; some may be equal."""

    hashes: Hashes
    seqs: Seqs

    def find(self, probes: Hashes) -> list[tuple[int, int]]:
        """The entries of some hashes: pairs of the index of the probe and the entry's seq."""
        starts, hits = self._search(probes)
        found = []
        for index in np.flatnonzero(hits).tolist():
            place = int(starts[index])
            while place < len(self.hashes) and self.hashes[place] == probes[index]:
                found.append((index, int(self.seqs[place])))
                place += 1
        return found

    def knows(self, probes: Hashes) -> npt.NDArray[np.bool_]:
        """Which of some hashes there are entries of."""
        return self._search(probes)[1]

    def _search(self, probes: Hashes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
        starts = np.searchsorted(self.hashes, probes)
        inside = np.minimum(starts, len(self.hashes) - 1)
        return starts, self.hashes[inside] == probes


class Piece(NamedTuple):
    """A sealed run as the file keeps it: all entries of the journal's rows up to `last_seq`."""

    last_seq: int
    run: Run


class _Newest:
    """The entries since the last seal. `crowded` has the further seqs of hashes met before."""

    def __init__(self) -> None:
        self.seqs: dict[int, int] = {}
        self.crowded: dict[int, list[int]] = {}

    def add(self, hashes: list[int], seqs: list[int]) -> None:
        there = list(map(self.seqs.setdefault, hashes, seqs))
        if there == seqs:  # as nearly always
            return
        for one, seq, first in zip(hashes, seqs, there, strict=True):
            if first != seq:
                self.crowded.setdefault(one, []).append(seq)

    def find(self, hashes: Sequence[int]) -> list[tuple[int, int]]:
        seqs = self.seqs
        if seqs.keys().isdisjoint(hashes):
            return []
        found = [(index, seqs[one]) for index, one in enumerate(hashes) if one in seqs]
        if found and self.crowded:
            found += [
                (index, seq) for index, _ in found for seq in self.crowded.get(hashes[index], ())
            ]
        return found

    def sort(self) -> Run:
        crowd = [(one, seq) for one, seqs in self.crowded.items() for seq in seqs]
        hashes = np.array([*self.seqs, *(one for one, _ in crowd)], dtype=np.uint64)
        seqs = np.array([*self.seqs.values(), *(seq for _, seq in crowd)], dtype=np.int64)
        return _sorted(hashes, seqs)


class _State(NamedTuple):
    """What a look-up searches. It is replaced as a whole; only the newest part grows in place."""

    newest: _Newest
    sealed: tuple[_Newest, ...]
    runs: tuple[Run, ...]


class Holders:
    """The memory of holders. One thread adds; any thread may look up meanwhile.

    A thread of its own sorts what was sealed, and merges runs. `unsaved` are the pieces which the
    file does not have yet, in their order.
    """

    def __init__(self) -> None:
        self.unsaved: deque[Piece] = deque()
        self._state = _State(_Newest(), (), ())
        self._swap = threading.Lock()
        self._to_sort: queue.SimpleQueue[tuple[_Newest, int] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._maintain, name="ledger holders", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """How many entries there are."""
        newest, sealed, runs = self._state
        held = sum(_count(one) for one in (newest, *sealed))
        return held + sum(len(run.hashes) for run in runs)

    def load(self, pieces: Sequence[Run]) -> None:
        """Begin with the pieces that the file has."""
        if pieces:
            hashes = np.concatenate([piece.hashes for piece in pieces])
            seqs = np.concatenate([piece.seqs for piece in pieces])
            self._state = self._state._replace(runs=(_sorted(hashes, seqs),))

    def add(self, hashes: list[int], seqs: list[int], last_seq: int) -> None:
        """Remember entries; with them all of the journal up to `last_seq` is remembered."""
        newest = self._state.newest
        newest.add(hashes, seqs)
        if len(newest.seqs) >= SEAL_AT:
            with self._swap:
                state = self._state
                self._state = _State(_Newest(), (newest, *state.sealed), state.runs)
            self._to_sort.put((newest, last_seq))

    def find(self, hashes: Sequence[int]) -> list[tuple[int, int]]:
        """The rows that may be meant: pairs of the index of a hash and a row's seq."""
        state = self._state
        found = state.newest.find(hashes)
        for part in state.sealed:
            found += part.find(hashes)
        if state.runs and hashes:
            probes = np.array(hashes, dtype=np.uint64)
            order = np.argsort(probes)  # neighbours in a run share the memory that is fetched
            probes = probes[order]
            for run in state.runs:
                found += [(int(order[at]), seq) for at, seq in run.find(probes)]
        return found

    def knows(self, probes: Hashes) -> npt.NDArray[np.bool_]:
        """Which of many hashes there are entries of."""
        state = self._state
        known = np.zeros(len(probes), dtype=bool)
        for part in (state.newest, *state.sealed):
            known |= np.fromiter((one in part.seqs for one in probes.tolist()), dtype=bool)
        order = np.argsort(probes)
        for run in state.runs:
            known[order] |= run.knows(probes[order])
        return known

    def close(self) -> None:
        """End the thread, once it has sorted what was sealed."""
        self._to_sort.put(None)
        self._thread.join()

    def _maintain(self) -> None:
        while (sealed := self._to_sort.get()) is not None:
            part, last_seq = sealed
            run = part.sort()
            with self._swap:
                state = self._state
                rest = tuple(one for one in state.sealed if one is not part)
                self._state = _State(state.newest, rest, (run, *state.runs))
            self.unsaved.append(Piece(last_seq, run))
            self._merge()

    def _merge(self) -> None:
        """Merge from the newest run on, as long as the next older one is not much larger."""
        runs = self._state.runs
        merged, *older = runs
        while older and len(older[0].hashes) < MERGE_FACTOR * len(merged.hashes):
            merged = merge(merged, older.pop(0))
        if len(older) + 1 < len(runs):
            with self._swap:
                self._state = self._state._replace(runs=(merged, *older))


def merge(one: Run, other: Run) -> Run:
    """The entries of two runs in one."""
    return _sorted(
        np.concatenate([one.hashes, other.hashes]), np.concatenate([one.seqs, other.seqs])
    )


def to_blobs(run: Run) -> tuple[bytes, bytes]:
    """A run as the file keeps it: little-endian 64-bit integers."""
    return run.hashes.astype("<u8").tobytes(), run.seqs.astype("<i8").tobytes()


def from_blobs(hashes: bytes, seqs: bytes) -> Run:
    """The run that was kept."""
    return Run(np.frombuffer(hashes, dtype="<u8"), np.frombuffer(seqs, dtype="<i8"))


def _sorted(hashes: npt.NDArray[Any], seqs: npt.NDArray[Any]) -> Run:
    """Sorts without the interpreter's lock; runs that are sorted already are merely merged."""
    order = np.argsort(hashes, kind="stable")
    return Run(np.take(hashes, order), np.take(seqs, order))


def _count(part: _Newest) -> int:
    return len(part.seqs) + sum(len(seqs) for seqs in part.crowded.values())
