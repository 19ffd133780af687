"""Negative control: before a server that lies the load test finds it, whatever the lie."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from liar import Lie, Passing, lying
from running import ADMIN_KEY, served

from largesse.loadtest.plan import Plan
from largesse.loadtest.run import LoadTest
from largesse.loadtest.summary import Summary
from largesse.loadtest.tally import Tally

CREATED, CONFLICT = 201, 409
SHORT = Plan(pattern="near-limit", per_second=200, seconds=1, connections=8, starts_in_s=1)


class Nobody:
    """Watches nothing."""

    def tell(self, doing: str) -> None:
        """Hear what it is doing."""

    def beat(self, tally: Tally) -> None:
        """See how it stands."""


def found_at(url: str) -> Summary:
    """What a load test finds there."""
    return asyncio.run(LoadTest(SHORT, url, ADMIN_KEY, Nobody()).run())


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """An honest server."""
    with served(tmp_path_factory.mktemp("ledger")) as running:
        yield running.port


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
        if is_claim(passing) and passing.status == CREATED:
            winner.update(passing.said)
        return passing.status, passing.said

    second = once(is_sold_out, lambda _: (CREATED, winner))
    return lambda passing: second(passing) if is_sold_out(passing) else lie(passing)


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


LIES: dict[str, tuple[Callable[[], Lie], str]] = {
    "a code twice": (code_twice, "were told to several customers"),
    "one too many": (
        lambda: once(is_sold_out, one_too_many),
        "that the ledger does not hold so",
    ),
    "a winner is refused": (
        lambda: once(lambda one: is_claim(one) and one.status == CREATED, refused("SOLD_OUT")),
        "in the ledger that nobody was told of",
    ),
    "a refusal that nothing explains": (
        lambda: once(is_sold_out, refused("CLOSED")),
        "1 claims ended as CLOSED",
    ),
    "open before its time": (
        lambda: once(lambda one: one.status == CONFLICT, one_too_many),
        "ended as ISSUED",
    ),
    "closed again": (
        lambda: once(is_sold_out, refused("NOT_OPEN_YET")),
        "NOT_OPEN_YET after others had been served",
    ),
    "another code": (
        lambda: once(lambda one: is_claim(one) and one.status == CREATED, another_code),
        "that the ledger does not hold so",
    ),
    "another answer to a replay": (
        lambda: once(lambda one: is_claim(one) and one.replayed, another_code),
        "did not get the same answer",
    ),
    "a row that is hidden": (
        lambda: once(lambda one: "/incentives" in one.path, fewer),
        "the ledger holds 99",
    ),
    "a stock that does not add up": (
        lambda: once(
            lambda one: one.method == "GET" and one.path.split("/")[-1].startswith("camp_"),
            one_more_left,
        ),
        "does not add up",
    ),
}


@pytest.mark.slow
def test_nothing_is_found_where_nothing_is(port: int) -> None:
    """Through the same liar, when it tells the truth."""
    with lying(port, honest) as url:
        summary = found_at(url)
    assert summary.mismatches == []
    assert (summary.requests, summary.issued, summary.left) == (200, 100, 0)
    assert summary.refusals == {"SOLD_OUT": 100}


@pytest.mark.slow
@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found(port: int, name: str) -> None:
    """One among hundreds of answers."""
    make, told = LIES[name]
    with lying(port, make()) as url:
        summary = found_at(url)
    assert any(told in mismatch for mismatch in summary.mismatches), summary.mismatches


@pytest.mark.slow
def test_the_command_fails_before_a_liar(port: int) -> None:
    """With exit status 1, for programs and for people."""
    program = str(Path(sys.executable).with_name("largesse"))
    with lying(port, once(is_sold_out, one_too_many)) as url:
        done = subprocess.run(
            [program, "loadtest", "near-limit", "--per-second", "200", "--seconds", "1", "--json"],
            env={**os.environ, "LARGESSE_URL": url, "LARGESSE_KEY": ADMIN_KEY},
            capture_output=True,
            text=True,
            check=False,
        )
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert not found["exact"]
    assert found["mismatches"]
