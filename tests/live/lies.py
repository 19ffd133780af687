"""Lies for a server to tell: what the answers of a sale may have wrong with them.

Each fits a load test of the pattern near-limit, which has winners and people who came too late.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from liar import Lie, Passing

CREATED, CONFLICT = 201, 409


def is_claim(passing: Passing) -> bool:
    """Whether this is the answer to a claim."""
    return passing.path.endswith("/claims")


def once(chosen: Callable[[Passing], bool], lie: Lie) -> Lie:
    """Lie the first time that it fits; else the truth."""
    told = False

    def maybe(passing: Passing) -> tuple[int, Any]:
        nonlocal told
        if told or not chosen(passing):
            return passing.status, passing.said
        told = True
        return lie(passing)

    return maybe


def honest(passing: Passing) -> tuple[int, Any]:
    """No lie."""
    return passing.status, passing.said


def code_twice() -> Lie:
    """Somebody who came too late is told the code of somebody who did not."""
    winner: dict[str, Any] = {}

    def lie(passing: Passing) -> tuple[int, Any]:
        if is_given(passing):
            winner.update(passing.said)
        return passing.status, passing.said

    second = once(is_sold_out, lambda _: (CREATED, winner))
    return lambda passing: second(passing) if is_sold_out(passing) else lie(passing)


def is_given(passing: Passing) -> bool:
    """Whether somebody is told what he has."""
    return is_claim(passing) and passing.status == CREATED


def is_sold_out(passing: Passing) -> bool:
    """Whether somebody is told that nothing is left."""
    return is_claim(passing) and passing.said.get("code") == "SOLD_OUT"


def one_too_many(passing: Passing) -> tuple[int, Any]:
    """Somebody is told a coupon that nobody made."""
    incentive = {
        "id": "inc_0",
        "campaign_id": passing.path.split("/")[4],
        "reward": "LOAD",
        "customer_id": "somebody",
        "code": "MADE-UP",
        "serial": 101,
        "status": "ISSUED",
        "value": {},
        "issued_at": "2026-01-01T00:00:00.000Z",
        "expires_at": None,
    }
    return CREATED, {"outcome": "ISSUED", "incentive": incentive}


def refused(code: str) -> Lie:
    """Whoever is given something is told that he is not."""
    return lambda _: (CONFLICT, {"code": code, "status": CONFLICT, "transient": False})


def another_code(passing: Passing) -> tuple[int, Any]:
    """What was given is told with another code."""
    incentive = {**passing.said["incentive"], "code": "OTHER"}
    return passing.status, {**passing.said, "incentive": incentive}


def fewer(passing: Passing) -> tuple[int, Any]:
    """The list lacks its first row."""
    return passing.status, {**passing.said, "items": passing.said["items"][1:]}


def one_more_left(passing: Passing) -> tuple[int, Any]:
    """The stock shows one that is not there."""
    [reward] = passing.said["rewards"]
    stock = {**reward["stock"], "left": reward["stock"]["left"] + 1}
    return passing.status, {**passing.said, "rewards": [{**reward, "stock": stock}]}


LIES: Mapping[str, Callable[[], Lie]] = MappingProxyType(
    {
        "a code twice": code_twice,
        "one too many": lambda: once(is_sold_out, one_too_many),
        "a winner is refused": lambda: once(is_given, refused("SOLD_OUT")),
        "a refusal that nothing explains": lambda: once(is_sold_out, refused("CLOSED")),
        "open before its time": lambda: once(lambda one: one.status == CONFLICT, one_too_many),
        "closed again": lambda: once(is_sold_out, refused("NOT_OPEN_YET")),
        "another code": lambda: once(is_given, another_code),
        "another answer to a replay": lambda: once(
            lambda one: is_claim(one) and one.replayed, another_code
        ),
        "a row that is hidden": lambda: once(lambda one: "/incentives" in one.path, fewer),
        "a stock that does not add up": lambda: once(
            lambda one: one.method == "GET" and one.path.split("/")[-1].startswith("camp_"),
            one_more_left,
        ),
    }
)
"""By what is wrong; each is told once."""
