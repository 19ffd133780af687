"""The right to do something alone for a while, and how a latecomer is kept out."""

from typing import NamedTuple

from largesse.kernel.errors import LargesseError
from largesse.kernel.fact import Position


class LeaseLostError(LargesseError):
    """The work was called off, or somebody else does it by now: stop, and leave it to him."""


class Lease(NamedTuple):
    """One holder's right to a part of some work, until somebody else is given it.

    `token` grows with each new holder: whatever is written under a lease is written only while
    its token is the latest, so that a holder who was asleep can undo nothing. `position` is how
    far the work had come when the lease was given.
    """

    name: str
    part: int
    holder: str
    token: int
    position: Position
