"""The messages of `IssueCoupon`, read and written without the libraries, for the fast lane.

Only what is regular is read: fields of their own type, each once, in one spelling, and nothing
beside them. All else is an `IrregularError`, and for the libraries to judge.
"""

import msgspec
from msgspec import Struct

from largesse.http.rpc.coupons import Wanted
from largesse.http.rpc.refusals import varint
from largesse.issuance.model import Incentive

_WHOLE_DIGITS_MAX = 18
_VARINT_BYTES_MAX = 9
"""Of numbers that are not negative."""

_CAMPAIGN, _CUSTOMER, _KEY, _REWARD = 0x08, 0x12, 0x1A, 0x22
"""Tags of the fields in binary: number and wire type, as protobuf's encoding has them."""


class IrregularError(Exception):
    """This message is for the libraries to read."""


class _Said(Struct, rename="camel", forbid_unknown_fields=True):
    """`IssueCouponRequest` as JSON, in the spelling that libraries write."""

    campaign_id: int | str = 0
    customer_id: str = ""
    idempotency_key: str = ""
    reward: str = ""


_decoder = msgspec.json.Decoder(_Said)
_encode = msgspec.json.encode


def read_json(body: bytes) -> Wanted:
    """What a message in JSON says; raises `IrregularError`."""
    try:
        said = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise IrregularError from error
    number = said.campaign_id
    if isinstance(number, str):
        if not (number.isascii() and number.isdigit() and len(number) <= _WHOLE_DIGITS_MAX):
            raise IrregularError
        number = int(number)
    return Wanted(number, said.customer_id, said.idempotency_key, said.reward)


def read_binary(body: bytes) -> Wanted:
    """What a message in binary says; raises `IrregularError`."""
    number = 0
    texts = {_CUSTOMER: "", _KEY: "", _REWARD: ""}
    at, last = 0, 0
    try:
        while at < len(body):
            tag, at = body[at], at + 1
            if tag <= last:  # libraries write fields in order, each once
                raise IrregularError
            last = tag
            value, at = _varint(body, at)
            if tag == _CAMPAIGN:
                number = value
            elif tag in texts and at + value <= len(body):
                texts[tag] = body[at : at + value].decode()
                at += value
            else:
                raise IrregularError
    except (IndexError, UnicodeDecodeError) as error:
        raise IrregularError from error
    return Wanted(number, texts[_CUSTOMER], texts[_KEY], texts[_REWARD])


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits in each byte, the lowest first, and where it ends."""
    value = body[at]
    if value < 0x80:  # noqa: PLR2004 — the eighth bit says that more come
        return value, at + 1
    value &= 0x7F
    for place in range(1, _VARINT_BYTES_MAX):
        part = body[at + place]
        value |= (part & 0x7F) << 7 * place
        if part < 0x80:  # noqa: PLR2004 — as above
            return value, at + place + 1
    raise IrregularError


def number_alone(wanted: Wanted) -> Wanted:
    """A wish that says nothing but its campaign, as the older service's; else irregular."""
    if wanted != Wanted(wanted.number):
        raise IrregularError
    return wanted


def issued_json(incentive: Incentive, replayed: bool) -> bytes:  # noqa: FBT001 — what it writes
    """`IssueCouponResponse` as JSON; what is empty is left out."""
    code = incentive.code
    start = b"{" if code is None else b'{"couponCode":%b,' % _encode(code)
    end = b',"replayed":true}' if replayed else b"}"
    return b'%b"incentiveId":"%b"%b' % (start, incentive.id.encode("ascii"), end)


def issued_binary(incentive: Incentive, replayed: bool) -> bytes:  # noqa: FBT001 — what it writes
    """`IssueCouponResponse` in binary; what is empty is left out."""
    code = b"" if incentive.code is None else _text(b"\x0a", incentive.code.encode())
    end = b"\x18\x01" if replayed else b""
    return code + _text(b"\x12", incentive.id.encode("ascii")) + end


def code_json(incentive: Incentive, _: bool) -> bytes:  # noqa: FBT001 — as above
    """The older `IssueCouponResponse` as JSON, which has a code alone."""
    return b"{}" if incentive.code is None else b'{"couponCode":%b}' % _encode(incentive.code)


def code_binary(incentive: Incentive, _: bool) -> bytes:  # noqa: FBT001 — as above
    """The older `IssueCouponResponse` in binary."""
    return b"" if incentive.code is None else _text(b"\x0a", incentive.code.encode())


def _text(tag: bytes, text: bytes) -> bytes:
    return b"%b%b%b" % (tag, varint(len(text)), text)
