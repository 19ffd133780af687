"""Full load, and what came of it."""

from collections.abc import Callable

from msgspec import Struct


class Load(Struct, frozen=True):
    """Claims at full speed: to where, what (the texts of `asked`), over what, for how long.

    With `winners` every tenth request is a retry of a customer who won before. `items` are what the
    texts ask for one by one. With `reached` the load goes on until that is true instead of for
    `seconds`.
    """

    url: str
    texts: tuple[str, ...]
    connections: int
    seconds: int
    winners: int = 0
    items: tuple[str, ...] = ()
    reached: Callable[[], bool] | None = None


class Measured(Struct, frozen=True, forbid_unknown_fields=True):
    """What the clients saw.

    `refused` are answers of status 400 and above, `broken` the connections that failed or timed
    out, `winners_asked` how many retries of winners were sent, answered or not.
    """

    answers: int
    refused: int
    broken: int
    seconds: float
    winners_asked: int
    p50_ms: float
    p99_ms: float
    p999_ms: float

    @property
    def issued(self) -> int:
        """How many answers gave an incentive."""
        return self.answers - self.refused

    @property
    def per_second(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds
