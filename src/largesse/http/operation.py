"""A route as it is served and as it is documented: one record for both."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from largesse.http import wire
from largesse.http.desk import How
from largesse.http.errors import Problem, headers_of
from largesse.http.exchange import Answer
from largesse.http.limits import GuessLimiter
from largesse.http.metrics import Metrics
from largesse.http.parsing import Nothing
from largesse.http.pieces import Pieces
from largesse.http.services import Services
from largesse.kernel.command import Command
from largesse.tenants.model import Principal, Scope

Query = TypeVar("Query")
Body = TypeVar("Body")

Headers = Sequence[tuple[bytes, bytes]]

JSON = b"application/json"
REPLAYED = (b"idempotency-replayed", b"true")


class ClaimAnswers(Protocol):
    """Who answers claims outside the lane, with the same bytes as within it."""

    async def answer(
        self, campaign_id: str, how: How, headers: Mapping[bytes, bytes], content: bytes
    ) -> Answer:
        """The answer to one claim, or to one batch of them."""


class DrawAnswers(Protocol):
    """Who answers draws outside the lane, with the same bytes as within it."""

    async def answer(
        self, campaign_id: str, headers: Mapping[bytes, bytes], content: bytes, *, dry_run: bool
    ) -> Answer:
        """The answer to one draw."""


class RedemptionAnswers(Protocol):
    """Who answers redemptions outside the lane, with the same bytes as within it."""

    async def answer(
        self, headers: Mapping[bytes, bytes], content: bytes, *, dry_run: bool
    ) -> Answer:
        """The answer to one redemption."""


class Desks(Struct, frozen=True):
    """Who answers hot routes outside the lane."""

    claims: ClaimAnswers
    draws: DrawAnswers
    redemptions: RedemptionAnswers


class Backing(Struct, frozen=True):
    """What all routes stand on. `document` makes the OpenAPI document as JSON."""

    services: Services
    desks: Desks
    guesses: GuessLimiter
    metrics: Metrics
    document: Callable[[], bytes]


class Call(Struct, Generic[Query, Body], frozen=True, kw_only=True):
    """One request to a route: who calls, and all that he says, read and checked.

    `caller` is None on the routes that are open to everybody.
    """

    operation: str
    backing: Backing
    caller: Principal | None
    request_id: str
    address: str
    headers: Mapping[bytes, bytes]
    path: Mapping[str, str]
    query: Query
    body: Body
    key: str | None

    @property
    def services(self) -> Services:
        """The use cases."""
        return self.backing.services

    @property
    def principal(self) -> Principal:
        """Who calls, on a route that is not open to everybody."""
        assert self.caller is not None
        return self.caller

    @property
    def tenant(self) -> int:
        """The number of the caller's tenant."""
        return self.principal.tenant.number

    def command(self, *, dry_run: bool = False) -> Command:
        """The envelope of what is asked; its content is the path's ids and the parsed body."""
        said = msgspec.json.encode([self.path, self.body], order="deterministic")
        return replace(
            self.services.tenants.command_of(self.principal, self.operation),
            request_id=self.request_id,
            key=None if dry_run else self.key,
            content=hashlib.sha256(said).digest(),
            dry_run=dry_run,
        )


class Reply(Struct, frozen=True):
    """An answer: a struct to be shown as JSON, a problem, bytes as they are, pieces, or nothing."""

    status: int
    body: Struct | bytes | Pieces | None = None
    headers: Headers = ()
    content_type: bytes = JSON


def ok(body: Struct, *headers: tuple[bytes, bytes]) -> Reply:
    """A 200 answer."""
    return Reply(HTTPStatus.OK, body, headers)


def refuse(problem: Problem) -> Reply:
    """A refusal."""
    [(_, content_type), *more] = headers_of(problem)
    return Reply(problem.status, problem, more, content_type)


def replayed_if(replayed: bool) -> Headers:  # noqa: FBT001 — what it answers about
    """The header that marks the answer of an earlier call with the same key."""
    return (REPLAYED,) if replayed else ()


def of_desk(answer: Answer) -> Reply:
    """A desk's answer, byte for byte."""
    status, pairs = wire.parts_of(answer.head)
    content_type = next(value for name, value in pairs if name == b"content-type")
    others: Headers = [
        pair for pair in pairs if pair[0] not in (b"content-type", b"content-length")
    ]
    return Reply(status, answer.body, others, content_type)


class KeyUse(Enum):
    """What a route does with an Idempotency-Key."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Shown(Struct, frozen=True):
    """One kind of answer as it is documented; `body` is a type, some types, or None for none."""

    status: int
    description: str
    body: Any = None
    headers: tuple[str, ...] = ()
    content_type: str = "application/json"


class Operation(Struct, Generic[Query, Body], frozen=True, kw_only=True):
    """A route. `path` is written as in OpenAPI; a key with any of `scopes` may call it.

    So may `customers` by a token, each for himself alone: the handler sees to that.

    `refusals` are the statuses of the problems that are its own, beside those that every route may
    give. `body` is what the handler gets; where that is bytes they are taken as they came, with the
    key, and `body_shown` documents them: a claim, which is decided and logged at the desk.
    """

    name: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    tag: str
    summary: str
    description: str
    handler: Callable[[Call[Query, Body]], Awaitable[Reply]]
    answers: tuple[Shown, ...]
    refusals: tuple[int, ...] = ()
    scopes: tuple[Scope, ...] = ()
    customers: bool = False
    query: type[Query] = Nothing  # type: ignore[assignment]  # the default of most
    body: type[Body] = Nothing  # type: ignore[assignment]  # the default of most
    body_shown: Any = None
    body_example: Any = None
    key: KeyUse = KeyUse.NONE
    if_match: bool = False


AnyOperation = Operation[Any, Any]
