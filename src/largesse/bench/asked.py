"""What the clients send: whole requests as texts, in which customers are put.

`{new}` stands for another customer, `{id}` for the last one again: his id is his key, too. `{item}`
is the next of some pieces that a scenario has made ready. All ids are equally long, and all pieces,
so that a text tells its length once for all. The clients, wrk's script and our own, know nothing
else of what they send.
"""

import random
import re
import secrets
from collections.abc import Sequence
from itertools import cycle

NEW = "{new}"
SAME = "{id}"
ITEM = "{item}"

ID_BYTES = 9
"""A customer's id has two characters for each."""

REDEMPTIONS = "/api/v1/redemptions"
ISSUE_COUPON = "/largesse.v1.CouponService/IssueCoupon"

ONE_BYTE = 0x80
"""Varints from here on are longer, and not the same bytes in UTF-8."""

_MARKS = re.compile("({new}|{id}|{item})")
_WINNERS_EVERY = 10


def claim(target: str, authorization: str) -> str:
    """One customer's claim at a path."""
    return post(
        target,
        (("Authorization", authorization), ("Idempotency-Key", NEW)),
        f'{{"customer_id":"{SAME}"}}',
    )


def redemption(authorization: str, coupons: Sequence[str]) -> str:
    """The use of a coupon; which one, each piece says (see `coupon`), and all are equally long."""
    headers = (("Authorization", authorization), ("Idempotency-Key", NEW))
    body = f"{{{ITEM}}}"
    [length] = {len(body) - len(ITEM) + len(one.encode()) for one in coupons}
    return post(REDEMPTIONS, headers, body, length=length)


def coupon(customer: str, incentive_id: str) -> str:
    """The piece of a body that names a coupon and its customer."""
    return f'"customer_id":"{customer}","incentive_id":"{incentive_id}"'


def batch(target: str, authorization: str, count: int) -> str:
    """Claims of so many customers in one request to a path."""
    item = f'{{"customer_id":"{NEW}","key":"{SAME}"}}'
    body = f'{{"claims":[{",".join([item] * count)}]}}'
    return post(target, (("Authorization", authorization),), body)


def connect_json(number: int, authorization: str) -> str:
    """One customer's claim from a campaign, by its number, as Connect says it in JSON."""
    body = f'{{"campaignId":"{number}","customerId":"{NEW}","idempotencyKey":"{SAME}"}}'
    return post(ISSUE_COUPON, (("Authorization", authorization),), body)


def connect_binary(number: int, authorization: str) -> str:
    """The same in the bytes of Protocol Buffers, for a number whose varint is a single byte.

    Fields 1 to 3: the campaign's number (tag 8), the customer (18) and his key (26), each of these
    with its length before it (https://protobuf.dev/programming-guides/encoding/).
    """
    assert 0 < number < ONE_BYTE
    length = chr(2 * ID_BYTES)
    body = f"\x08{chr(number)}\x12{length}{NEW}\x1a{length}{SAME}"
    return post(ISSUE_COUPON, (("Authorization", authorization),), body, "application/proto")


def post(
    target: str,
    headers: Sequence[tuple[str, str]],
    body: str,
    content_type: str = "application/json",
    length: int | None = None,
) -> str:
    """A request with a body, whose length is known from its ids unless it is said."""
    if length is None:
        length = len(_MARKS.sub("x" * 2 * ID_BYTES, body).encode())
    said = (
        ("Host", "127.0.0.1"),
        ("Content-Type", content_type),
        ("Content-Length", str(length)),
        *headers,
    )
    lines = "".join(f"{name}: {value}\r\n" for name, value in said)
    return f"POST {target} HTTP/1.1\r\n{lines}\r\n{body}"


class Requests:
    """Requests to be sent, each from any of some texts; every tenth customer a winner, if asked.

    `items` are taken in turn, and from the first one on again.
    """

    def __init__(self, texts: Sequence[str], winners: int = 0, items: Sequence[str] = ()) -> None:
        self._texts = [_MARKS.split(text) for text in texts]
        self._items = cycle(items)
        self._winners = winners
        self.winners_asked = 0

    def next(self) -> bytes:
        """One more."""
        parts = random.choice(self._texts)  # noqa: S311 - guards nothing
        made = []
        for part in parts:
            if part == NEW:
                customer = self._customer()
            if part == ITEM:
                made.append(next(self._items))
            else:
                made.append(customer if part in (NEW, SAME) else part)
        return "".join(made).encode()

    def _customer(self) -> str:
        if self._winners and random.randrange(_WINNERS_EVERY) == 0:  # noqa: S311 - guards nothing
            self.winners_asked += 1
            return winner(random.randrange(self._winners))  # noqa: S311 - guards nothing
        return secrets.token_hex(ID_BYTES)


def winner(number: int) -> str:
    """The id of a winner, counted from 0, as the Lua script writes it."""
    return f"w{number + 1:017d}"
