"""What the bench makes of wrk's words and of the clock."""

from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from largesse.bench import wrk
from largesse.bench.asked import (
    ID_BYTES,
    Requests,
    batch,
    claim,
    connect_binary,
    connect_json,
    coupon,
    redemption,
    winner,
)
from largesse.bench.client import BROKEN, Connection
from largesse.bench.load import Measured
from largesse.bench.paced import OpenLoop
from largesse.bench.plan import BenchError
from largesse.http.rpc.generated.largesse.v1 import coupons_pb as pb

WRK = """Running 2s test @ http://127.0.0.1:46241
  1 threads and 256 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     8.28ms    5.27ms  50.41ms   79.09%
    Req/Sec    29.32k     9.09k   46.63k    75.00%
  58984 requests in 2.05s, 24.92MB read
  Non-2xx or 3xx responses: 53269
Requests/sec:  28783.96
Transfer/sec:     12.16MB
measured {"answers":58984,"refused":53269,"broken":0,"seconds":2.049197,"winners_asked":5715,\
"p50_ms":7.314,"p99_ms":30.558,"p999_ms":50.215}
"""


class Line(Connection):
    """A connection whose answers the test gives."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []
        self.answer: Callable[[int], None] = lambda _: None

    def ask(self, request: bytes, answered: Callable[[int], None]) -> None:
        """Keep the request, and how to answer it."""
        self.asked.append(request)
        self.answer = answered


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now_s


def test_wrk_is_understood() -> None:
    """The line of our script counts, not wrk's rounded words."""
    assert wrk.read(WRK) == Measured(58984, 53269, 0, 2.049197, 5715, 7.314, 30.558, 50.215)
    assert wrk.read(WRK).issued == 5715
    assert round(wrk.read(WRK).per_second) == 28784


def test_wrk_that_measured_nothing_is_an_error() -> None:
    """With what it said instead."""
    with pytest.raises(BenchError, match="unable to connect"):
        wrk.read("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_a_latency_counts_from_the_moment_meant() -> None:
    """A server that stalls for a second makes slow all that should have been asked meanwhile."""
    clock, line = Clock(), Line()
    looped = OpenLoop([100.0 + number / 10 for number in range(11)], [line], lambda: b"claim")

    looped.come_to(clock)
    assert len(line.asked) == 1
    clock.now_s = 101.0
    looped.come_to(clock)
    assert len(line.asked) == 1, "the only connection still waits"
    while not looped.finished.is_set():
        line.answer(201)

    assert looped.statuses == {201: 11}
    assert looped.latencies_s == pytest.approx([1.0 - number / 10 for number in range(11)])


def test_a_broken_connection_is_not_asked_again() -> None:
    """What was due on it counts as broken; the rest goes over the others."""
    clock, broken, whole = Clock(), Line(), Line()
    looped = OpenLoop([100.0, 100.1, 100.2], [broken, whole], lambda: b"claim")
    clock.now_s = 101.0

    looped.come_to(clock)
    broken.answer(BROKEN)
    whole.answer(201)
    whole.answer(201)

    assert looped.finished.is_set()
    assert (len(broken.asked), len(whole.asked)) == (1, 2)
    assert looped.statuses == {BROKEN: 1, 201: 2}


@pytest.mark.parametrize("size", [1, 7, 40, 1000])
def test_answers_are_whole(size: int) -> None:
    """However the network cuts them, one at a time."""
    answer = b"HTTP/1.1 409 Conflict\r\nContent-Length: 12\r\nx: y\r\n\r\n0123\r\n\r\n6789"
    heard: list[int] = []
    connection = Connection()
    connection.ask(b"", heard.append)
    assert heard == [BROKEN], "there was no connection yet"

    for _ in range(2):
        connection._answered = heard.append
        for begin in range(0, len(answer), size):
            assert heard[-1] == BROKEN
            connection.data_received(answer[begin : begin + size])
        assert heard.pop() == 409


def test_requests_are_whole() -> None:
    """The length said is the length sent, for strangers and for winners."""
    requests = Requests([claim("/claims", "Bearer x")], winners=3)
    sent = [requests.next() for _ in range(300)]
    for one in sent:
        head, _, body = one.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        key = head.rpartition(b"Idempotency-Key: ")[2]
        assert body == b'{"customer_id":"%b"}' % key
        assert len(key) == 2 * ID_BYTES == len(winner(2))
    winners = {winner(number).encode() for number in range(3)}
    asked = sum(any(one in request for one in winners) for request in sent)
    assert asked == requests.winners_asked > 0


def test_a_batch_has_another_customer_in_each_claim() -> None:
    """Who uses his id as his key; the length said is the length sent."""
    head, _, body = Requests([batch("/claims:batch", "Bearer x", 5)]).next().partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    claims = msgspec.json.decode(body)["claims"]
    assert all(one["customer_id"] == one["key"] for one in claims)
    assert len({one["key"] for one in claims}) == 5


def test_pieces_are_sent_in_turn() -> None:
    """Each coupon once, and after the last one the first; the length said is the length sent."""
    coupons = [coupon(winner(number), "inc_0") for number in range(3)]
    requests = Requests([redemption("Bearer x", coupons)], items=coupons)
    sent = [requests.next().partition(b"\r\n\r\n") for _ in range(4)]
    assert all(f"Content-Length: {len(body)}".encode() in head for head, _, body in sent)
    customers = [msgspec.json.decode(body)["customer_id"] for _, _, body in sent]
    assert customers == [winner(0), winner(1), winner(2), winner(0)]


def test_every_text_is_sent() -> None:
    """Many campaigns are asked for alike."""
    requests = Requests([claim(f"/{number}", "Bearer x") for number in range(4)])
    asked = Counter(requests.next().split(b" ")[1] for _ in range(400))
    assert set(asked) == {b"/0", b"/1", b"/2", b"/3"}
    assert min(asked.values()) > 50


def test_connect_says_the_same_in_both_spellings() -> None:
    """As the generated messages read them."""
    for text, read in (
        (connect_json(7, "Bearer x"), lambda body: pb.IssueCouponRequest.from_json(body.decode())),
        (connect_binary(7, "Bearer x"), pb.IssueCouponRequest.from_binary),
    ):
        head, _, body = Requests([text]).next().partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        said = read(body)
        assert said.campaign_id == 7
        assert said.customer_id == said.idempotency_key
        assert len(said.customer_id) == 2 * ID_BYTES
