"""A claim over Connect: what is sent, and how each answer is read."""

import json
from base64 import b64encode

import pytest
from shown import campaign

from largesse.client.call import Answer
from largesse.client.errors import RefusedError, StrangeAnswerError
from largesse.client.model import Refusal
from largesse.loadtest.wishes import ISSUE_COUPON, Given, over_connect

SOLD_OUT = b"\x0a\x12/problems/sold-out\x18\x99\x03\x22\x04Gone\x2a\x08SOLD_OUT"
BUSY = b"\x18\xf7\x03\x2a\x04BUSY\x30\x01"
UNAUTHENTICATED = b"\x18\x91\x03\x2a\x0fUNAUTHENTICATED"
CALL = over_connect(campaign(7), "mina")


def error(problem: bytes) -> bytes:
    """An error of Connect with a problem as its detail, in base 64 without padding."""
    value = b64encode(problem).rstrip(b"=").decode()
    details = [{"type": "largesse.v1.Problem", "value": value}]
    return json.dumps({"code": "unavailable", "message": "x", "details": details}).encode()


def test_a_claim_over_connect() -> None:
    """By the campaign's number, as the JSON of protobuf writes it; the name is the key, too."""
    assert CALL.request.target == ISSUE_COUPON
    assert json.loads(CALL.request.body or b"") == {
        "campaignId": "7",
        "customerId": "mina",
        "idempotencyKey": "mina",
    }


def test_a_coupon_is_read() -> None:
    """What is empty is left out on the wire."""
    body = b'{"couponCode":"ABC","incentiveId":"inc_1","replayed":true}'
    assert CALL.read(Answer(200, {}, body)) == Given("inc_1", "ABC", replayed=True)
    assert CALL.read(Answer(200, {}, b'{"incentiveId":"inc_1"}')) == Given(
        "inc_1", None, replayed=False
    )


def test_refusals_are_read_from_their_detail() -> None:
    """With the same words as over HTTP."""
    gone = CALL.read(Answer(429, {}, error(SOLD_OUT)))
    assert gone == Refusal(outcome="SOLD_OUT", status=409, detail="Gone")
    busy = CALL.read(Answer(503, {}, error(BUSY)))
    assert busy == Refusal(outcome="BUSY", status=503, detail="", transient=True)
    with pytest.raises(RefusedError, match="UNAUTHENTICATED"):
        CALL.read(Answer(401, {}, error(UNAUTHENTICATED)))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b'{"code":"NOT_FOUND"}',
        b'{"details":[]}',
        b'{"details":[{"value":"*"}]}',
        error(b"\x0a"),
        error(b"\x0a\xff"),
        error(b"\x0d\x00"),
    ],
)
def test_what_makes_no_sense_is_told(body: bytes) -> None:
    """A server without RPC, above all; a truncated message, too."""
    with pytest.raises(StrangeAnswerError, match="no largesse answers"):
        CALL.read(Answer(404, {}, body))
