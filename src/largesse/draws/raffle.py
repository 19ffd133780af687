"""A raffle: the tree over its entries, and whom the dice pick of them."""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from msgspec import Struct

from largesse.draws.model import Roll

_LEAF, _NODE = b"\x00", b"\x01"


class Pick(Struct, frozen=True):
    """A winner: the number of an entry, its customer, and the key of the reward that it won."""

    entry: int
    customer: str
    reward: str


class Closing(Struct, frozen=True):
    """What a raffle closed with. `picks` are None while it waits for its beacon's value."""

    entries: int
    root: str
    picks: tuple[Pick, ...] | None


class MerkleTree:
    """The root over leaves in their order, as RFC 6962 has it, without keeping the leaves.

    A leaf is SHA-256(00 | content), a node SHA-256(01 | left | right); the left side of a node is
    a full tree, the largest that leaves something to the right.
    """

    def __init__(self) -> None:
        self._full: list[tuple[int, bytes]] = []

    def add(self, content: bytes) -> None:
        """One more leaf, to the right of all others."""
        size, digest = 1, sha256(_LEAF + content).digest()
        while self._full and self._full[-1][0] == size:
            _, left = self._full.pop()
            size, digest = size * 2, sha256(_NODE + left + digest).digest()
        self._full.append((size, digest))

    def root(self) -> str:
        """In hexadecimal; without any leaf it is the SHA-256 of nothing."""
        digests = [digest for _, digest in self._full]
        if not digests:
            return sha256(b"").hexdigest()
        root = digests.pop()
        while digests:
            root = sha256(_NODE + digests.pop() + root).digest()
        return root.hex()


def leaf(number: int, at: str, customer: str, seed: str) -> bytes:
    """What stands in the tree of an entry: `n|at|customer|seed`, the customer as salted hash."""
    return f"{number}|{at}|{customer}|{seed}".encode()


def about(campaign_id: str, version: int, root: str) -> str:
    """What the dice of a raffle roll about: `campaign|version|raffle|root`."""
    return f"{campaign_id}|{version}|raffle|{root}"


def pick(customers: Sequence[str], rewards: Iterable[str], roll: Roll) -> list[tuple[int, str]]:
    """The winning entries by their numbers from 1 on, each with what it wins, prize by prize.

    Entries are shuffled (Fisher-Yates) from the first place on, as far as it takes; one whose
    customer has won already is passed over. There may be fewer winners than prizes.
    """
    picked: list[tuple[int, str]] = []
    won: set[str] = set()
    next_entry = _shuffled(len(customers), roll)
    for prize in rewards:
        entry = next_entry()
        while entry is not None and customers[entry] in won:
            entry = next_entry()
        if entry is None:
            break
        won.add(customers[entry])
        picked.append((entry + 1, prize))
    return picked


def _shuffled(count: int, roll: Roll) -> Callable[[], int | None]:
    """Places from 0 on in an order that the dice give; None once all were told."""
    moved: dict[int, int] = {}
    place = 0

    def following() -> int | None:
        nonlocal place
        if place == count:
            return None
        other = place + roll(count - place)
        chosen = moved.get(other, other)
        moved[other] = moved.get(place, place)
        place += 1
        return chosen

    return following
