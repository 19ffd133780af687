"""One customer's claim, over HTTP or over Connect in JSON, and what came of it."""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType

import msgspec
from msgspec import Struct

from largesse.client import claims
from largesse.client.call import Answer, Call, Request, outcome_of
from largesse.client.errors import StrangeAnswerError
from largesse.client.model import Campaign, Claimed, Refusal
from largesse.loadtest.plan import Protocol


class Given(Struct, frozen=True, gc=False):
    """What a customer was told that he has: the incentive's id, and its code where it has one."""

    id: str
    code: str | None
    replayed: bool


Result = Given | Refusal

Wish = Callable[[Campaign, str], Call[Result]]
"""(campaign, customer) → his claim; his name is its key, too."""

ISSUE_COUPON = "/largesse.v1.CouponService/IssueCoupon"


class _Issued(Struct, frozen=True, rename="camel"):
    coupon_code: str = ""
    incentive_id: str = ""
    replayed: bool = False


class _Detail(Struct, frozen=True):
    value: str


class _ConnectError(Struct, frozen=True):
    details: list[_Detail] = []


_ISSUED = msgspec.json.Decoder(_Issued)
_ERROR = msgspec.json.Decoder(_ConnectError)


def over_http(campaign: Campaign, customer: str) -> Call[Result]:
    """By the REST interface."""
    call = claims.claim(campaign.id, customer, key=customer)
    read = call.read

    def given(answer: Answer) -> Result:
        result = read(answer)
        if isinstance(result, Claimed):
            return Given(result.incentive.id, result.incentive.code, result.replayed)
        return result

    return Call(call.request, given)


def over_connect(campaign: Campaign, customer: str) -> Call[Result]:
    """By the coupon service: a unary call of the Connect protocol with a body of JSON."""
    body = msgspec.json.encode(
        {
            "campaignId": str(campaign.number),
            "customerId": customer,
            "idempotencyKey": customer,
        }
    )
    version = (("Connect-Protocol-Version", "1"),)
    return Call(Request("POST", ISSUE_COUPON, body, version), _coupon)


WISHES: Mapping[Protocol, Wish] = MappingProxyType({"http": over_http, "connect": over_connect})
"""By the protocol's name."""


def _coupon(answer: Answer) -> Result:
    try:
        if answer.status == HTTPStatus.OK:
            issued = _ISSUED.decode(answer.body)
            return Given(issued.incentive_id, issued.coupon_code or None, issued.replayed)
        [problem] = _ERROR.decode(answer.body).details
        fields = dict(_fields(b64decode(problem.value + "==")))
        outcome = _text(fields[_CODE])
    except (ValueError, LookupError) as mistake:
        message = f"no largesse answers {ISSUE_COUPON} there (status {answer.status})"
        raise StrangeAnswerError(message) from mistake
    status = int(fields.get(_STATUS, 0))
    refusal = Refusal(
        outcome=outcome,
        status=status,
        detail=_text(fields.get(_DETAIL, b"")),
        transient=bool(fields.get(_TRANSIENT, 0)),
    )
    return outcome_of(status, refusal)


_STATUS, _DETAIL, _CODE, _TRANSIENT = 3, 4, 5, 6
"""Fields of the message `largesse.v1.Problem`, by their numbers in proto/."""

_VARINT, _LEN = 0, 2


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message, by number (protobuf.dev/programming-guides/encoding)."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        value, place = _varint(message, place)
        if tag & 7 == _LEN:
            yield tag >> 3, message[place : place + value]
            place += value
        elif tag & 7 == _VARINT:
            yield tag >> 3, value
        else:
            raise ValueError(tag)


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A number, and where it ends: seven bits of each byte, the eighth says that more come."""
    value = shift = 0
    while message[place] & 0x80:
        value |= (message[place] & 0x7F) << shift
        shift, place = shift + 7, place + 1
    return value | message[place] << shift, place + 1


def _text(value: int | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
