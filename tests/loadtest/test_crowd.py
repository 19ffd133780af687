"""The crowd before a server that the test plays: what it hears, and from when latency counts."""

import asyncio
import json
import threading
from collections.abc import Iterator

import msgspec
import pytest
from shown import campaign, incentive
from stage import LOSE, Said, Stage, staged

from largesse.loadtest.crowd import Crowd, Target
from largesse.loadtest.plan import PatternName, Plan
from largesse.loadtest.tally import Heard, Tally

STALL_S = 0.3


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A server that the test plays."""
    with staged() as server:
        yield server


def given(number: int, *, hold: bool = False) -> Said:
    """Somebody gets something."""
    body = msgspec.json.encode({"outcome": "ISSUED", "incentive": incentive(number)})
    return Said(201, body, hold=hold)


def refused(status: int, code: str) -> Said:
    """Somebody gets nothing."""
    return Said(status, json.dumps({"code": code, "status": status}).encode())


def heard_by_a_crowd(stage: Stage, plan: Plan, campaigns: int = 1) -> Tally:
    """What a crowd hears there."""
    tally = Tally()
    target = Target(stage.url, "lgs_x", [campaign(n) for n in range(campaigns)], "run")
    asyncio.run(Crowd(plan, target, tally).run())
    return tally


def one_by_one(count: int, pattern: PatternName = "steady") -> Plan:
    """So many claims over one connection within a tenth of a second."""
    return Plan(pattern=pattern, per_second=count, seconds=1, connections=1)


def test_each_end_is_told_apart(stage: Stage) -> None:
    """What may have been issued all the same is not known."""
    stage.answers = [
        given(0),
        refused(409, "SOLD_OUT"),
        LOSE,
        Said(200, b"<html>"),
        refused(500, "INTERNAL_ERROR"),
        refused(503, "BUSY"),
        refused(503, "UNAVAILABLE"),
        refused(401, "UNAUTHENTICATED"),
    ]
    tally = heard_by_a_crowd(stage, one_by_one(8))
    assert [(one.outcome, one.known) for one in tally.heard] == [
        ("ISSUED", True),
        ("SOLD_OUT", True),
        ("NO_ANSWER", False),
        ("STRANGE_ANSWER", False),
        ("INTERNAL_ERROR", False),
        ("BUSY", True),
        ("UNAVAILABLE", False),
        ("UNAUTHENTICATED", True),
    ]
    assert tally.unsent == 0
    first = tally.heard[0].given
    assert first is not None
    assert (first.id, first.code, first.replayed) == ("inc_0", "CODE-0", False)


def test_nothing_is_asked_twice(stage: Stage) -> None:
    """A retry of the client's own would hide what a customer sees."""
    stage.answers = [refused(503, "BUSY"), LOSE]
    heard_by_a_crowd(stage, one_by_one(2))
    assert [asked.body["customer_id"] for asked in stage.asked] == ["run-0", "run-1"]
    assert [asked.headers["Idempotency-Key"] for asked in stage.asked] == ["run-0", "run-1"]


def test_campaigns_take_turns(stage: Stage) -> None:
    """Customer after customer."""
    stage.answers = [given(number) for number in range(5)]
    heard_by_a_crowd(stage, one_by_one(5), campaigns=3)
    assert [asked.path.split("/")[4] for asked in stage.asked] == [
        "camp_0",
        "camp_1",
        "camp_2",
        "camp_0",
        "camp_1",
    ]


def test_a_stall_makes_slow_all_that_was_due_meanwhile(stage: Stage) -> None:
    """A server that holds one answer back cannot hide how long the others would have waited."""
    count = 20
    stage.answers = [given(0, hold=True), *(given(number) for number in range(1, count))]
    letting_go = threading.Timer(STALL_S, stage.held.set)
    letting_go.start()
    tally = heard_by_a_crowd(stage, one_by_one(count))
    letting_go.join()
    stalled_s, *_ = tally.latencies_s
    assert stalled_s > STALL_S / 2  # the crowd may begin a little after the timer
    for number in range(int(stalled_s * count)):
        assert tally.latencies_s[number] >= stalled_s - number / count - 0.01
    assert min(tally.latencies_s) < STALL_S / 2


def test_every_third_hangs_up_right_after_asking(stage: Stage) -> None:
    """His request arrived whole, and his latency is nobody's."""
    stage.answers = [given(number) for number in range(6)]
    tally = heard_by_a_crowd(stage, one_by_one(6, "disconnects"))
    assert [one.outcome for one in tally.heard] == ["HUNG_UP", "ISSUED", "ISSUED"] * 2
    assert len(tally.latencies_s) == 4
    assert sorted(asked.body["customer_id"] for asked in stage.asked) == [
        f"run-{number}" for number in range(6)
    ]


def test_full_speed_lasts_as_long_as_it_was_told(stage: Stage) -> None:
    """Each connection asks again as soon as it has its answer."""
    stage.answers = [given(0)] * 100_000
    tally = heard_by_a_crowd(stage, Plan(per_second=None, seconds=1, connections=2))
    assert tally.outcomes.keys() == {"ISSUED"}
    assert 1.0 <= tally.ended_s < 3.0  # seconds of a slow machine, too
    assert tally.unsent == 0
    assert stage.connections == 2


def test_a_tally_adds_up() -> None:
    """Latencies from the moment that was meant, answers by the second; who left has neither."""
    tally = Tally()
    for number in range(100):
        tally.add(Heard(number, "ISSUED", None, number / 50, (number + 1) / 50), number / 50 - 1)
    tally.add(Heard(100, "HUNG_UP", None, 2.0, 2.0, known=False), 2.0)
    assert tally.latencies().p50_ms == pytest.approx(1_020)
    assert tally.per_second() == [49, 50, 1]
    assert tally.outcomes == {"ISSUED": 100, "HUNG_UP": 1}
    assert Tally().latencies().max_ms == 0
    assert Tally().per_second() == []
