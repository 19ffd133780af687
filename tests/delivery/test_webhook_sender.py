"""The sender: to checked addresses only, within limits, and never further than it was told."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest
from receiver import LOOPBACK, OK, RESET, SILENCE, Received, Receiver, Reply, receiving

from largesse.delivery.reaching import LookUp, Ways, look_up
from largesse.delivery.webhook import ANSWER_BYTES_MAX, WebhookSender
from largesse.webhooks.addresses import Address, Allowed
from largesse.webhooks.message import message
from largesse.webhooks.model import Result

SECRET = b"a secret of thirty-two bytes ..."
PRIVATE = ["10.0.0.7", "127.0.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:10.0.0.7"]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody who takes everything."""
    async with receiving() as receiver:
        yield receiver


def leads_to(*answers: list[str]) -> tuple[LookUp, list[str]]:
    """A name server that gives these answers one after the other, and who was asked for."""
    rest = list(answers)
    asked: list[str] = []

    async def look_up(host: str) -> list[Address]:
        asked.append(host)
        found = rest.pop(0) if len(rest) > 1 else rest[0]
        return [ip_address(one) for one in found]

    return look_up, asked


async def send(
    url: str,
    *,
    networks: tuple[str, ...] = (LOOPBACK,),
    names: LookUp = look_up,
    limit_s: float = 5,
) -> Result:
    """Send one message with a sender of its own."""
    sender = WebhookSender(Ways(limit_s, 10, Allowed(networks), names))
    try:
        return await sender.send(message(url, "msg_1", 1, b'{"type":"x"}', [SECRET]))
    finally:
        await sender.close()


async def test_a_message_arrives(receiver: Receiver) -> None:
    """As a POST with its three headers, to the path that the address names."""
    result = await send(receiver.url)
    assert (result.status, result.error) == (204, None)
    [received] = receiver.received
    assert (received.path, received.body) == ("/hook", b'{"type":"x"}')
    assert received.headers["webhook-id"] == "msg_1"
    assert received.headers["webhook-timestamp"] == "1"
    assert received.headers["webhook-signature"].startswith("v1,")
    assert received.headers["content-type"] == "application/json"


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_home(receiver: Receiver, address: str) -> None:
    """Is refused before anything is sent, whatever its other addresses are."""
    for found in ([address], ["93.184.215.14", address]):
        names, _ = leads_to(found)
        url = f"https://inside.example:{receiver.port}/"
        result = await send(url, networks=(), names=names)
        assert result.status is None
        assert result.error is not None
        assert "private network" in result.error
    assert receiver.received == []


async def test_the_checked_address_is_the_one_connected_to(receiver: Receiver) -> None:
    """DNS rebinding: a second look-up would lead elsewhere, so there is none.

    The name means this machine at the first look and nothing ever after. Whoever looked it up again
    to connect would not get here.
    """
    names, asked = leads_to(["127.0.0.1"], [])
    result = await send(f"http://rebound.invalid:{receiver.port}/hook", names=names)
    assert result.status == 204, result.error
    assert asked == ["rebound.invalid"]
    [received] = receiver.received
    assert received.headers["host"] == f"rebound.invalid:{receiver.port}"


async def test_a_name_that_turns_home_is_refused_at_the_next_connection(
    receiver: Receiver,
) -> None:
    """It was checked once and is checked again."""
    names, asked = leads_to(["127.0.0.1"], ["10.0.0.7"])
    url = f"http://turning.invalid:{receiver.port}/hook"
    assert (await send(url, names=names)).status == 204
    refused = await send(url, names=names)
    assert refused.error is not None
    assert "10.0.0.7" in refused.error
    assert asked == ["turning.invalid"] * 2
    assert len(receiver.received) == 1


async def test_plain_text_stays_inside() -> None:
    """Outside the networks that the operator named only https is used."""
    names, _ = leads_to(["93.184.215.14"])
    result = await send("http://outside.example/", names=names)
    assert result.error is not None
    assert "https" in result.error


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """Its status is a failure, and the other address hears nothing."""
    reply = Reply(307, headers=(f"location: {receiver.url}",))
    async with receiving(lambda _: reply) as redirecting:
        result = await send(redirecting.url)
    assert result.status == 307
    assert result.error is not None
    assert receiver.received == []


async def test_silence_and_hanging_up() -> None:
    """Results like any other, within the time that an attempt may take."""
    async with receiving(lambda _: SILENCE) as silent:
        result = await send(silent.url, limit_s=0.2)
    assert (result.status, result.error) == (None, "no answer within 0.2 s")
    async with receiving(lambda _: RESET) as resetting:
        result = await send(resetting.url)
    assert result.status is None
    assert result.error
    assert (await send(resetting.url)).status is None  # nobody listens any more


async def test_a_slow_name_server_is_not_waited_for() -> None:
    """Looking up is part of the attempt."""

    async def never(host: str) -> list[Address]:
        await asyncio.Event().wait()
        raise AssertionError(host)

    result = await send("https://slow.example/", names=never, limit_s=0.1)
    assert result.error == "no answer within 0.1 s"


async def test_a_huge_answer_is_cut() -> None:
    """Its beginning is kept; the rest is not read."""
    async with receiving(lambda _: Reply(200, b"x" * 5_000_000)) as talkative:
        result = await send(talkative.url)
    assert result.status == 200
    assert result.answer == "x" * ANSWER_BYTES_MAX


async def test_an_endless_answer_ends() -> None:
    """A body that promises more than comes is cut by the time limit, or by its size."""
    reply = Reply(200, b"", ("content-length: 100",))
    async with receiving(lambda _: reply) as endless:
        result = await send(endless.url, limit_s=0.3)
    assert result.status is None or result.status == 200


@pytest.mark.parametrize(("said", "heard"), [("120", 120), ("soon", None), ("-3", None)])
async def test_retry_after(said: str, heard: int | None) -> None:
    """Seconds are taken; anything else is passed over."""
    reply = Reply(429, headers=(f"retry-after: {said}",))
    async with receiving(lambda _: reply) as busy:
        result = await send(busy.url)
    assert (result.status, result.retry_after_s) == (429, heard)


async def test_connections_are_kept(receiver: Receiver) -> None:
    """Messages one after the other go over one connection: one look-up for all of them."""
    names, asked = leads_to(["127.0.0.1"])
    sender = WebhookSender(Ways(5, 10, Allowed((LOOPBACK,)), names))
    url = f"http://kept.invalid:{receiver.port}/"
    for _ in range(3):
        sent = message(url, "msg_1", 1, b"{}", [SECRET])
        assert (await sender.send(sent)).status == 204
    await sender.close()
    assert len(asked) == 1


async def test_many_first_messages_at_once(receiver: Receiver) -> None:
    """All of them wait for the one loading of the library."""
    sender = WebhookSender(Ways(5, 10, Allowed((LOOPBACK,))))
    sent = message(receiver.url, "msg_1", 1, b"{}", [SECRET])
    results = await asyncio.gather(*(sender.send(sent) for _ in range(5)))
    await sender.close()
    assert [result.status for result in results] == [204] * 5


def test_a_receiver_tells_its_replies_apart() -> None:
    """The stage itself: silence and hanging up are no statuses."""
    assert len({OK, RESET, SILENCE}) == 3
    assert Received("/", {}, b"").path == "/"
