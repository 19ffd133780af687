"""The body of the answer that a sale gives most: an incentive that was issued.

All that one batch gives of a reward differs in four places only, so the rest is written once.
"""

import msgspec
from msgspec.structs import replace

from largesse.http.shapes.claims import Claimed
from largesse.http.shapes.incentives import show
from largesse.issuance.model import Incentive
from largesse.kernel.outcome import Outcome

TEMPLATES_MAX = 1_024
"""Templates kept: each lives for a millisecond of one reward, and is cheap to make anew."""

# Marks begin with a character that no id, key or value may contain.
_MARKED = {"id": "\0id", "customer_id": "\0customer", "code": "\0code"}
_SERIAL = 8_070_605_040_302_010


class IssuedBodies:
    """Writes what `msgspec.json.encode(Claimed(ISSUED, show(incentive)))` would, in less time."""

    def __init__(self) -> None:
        self._templates: dict[tuple[str, str, int, int], bytes] = {}

    def body(self, incentive: Incentive) -> bytes:
        """The body of one answer, as JSON."""
        about = incentive.campaign_id, incentive.reward, incentive.version, incentive.issued_at_ms
        template = self._templates.get(about)
        if template is None:
            if len(self._templates) >= TEMPLATES_MAX:
                self._templates.clear()
            template = self._templates[about] = _template(incentive)
        encode = msgspec.json.encode
        return template % (
            incentive.id.encode("ascii"),
            encode(incentive.customer_id),
            encode(incentive.code),
            incentive.serial,
        )


def _template(incentive: Incentive) -> bytes:
    marked = replace(incentive, **_MARKED, serial=_SERIAL)
    body = msgspec.json.encode(Claimed(Outcome.ISSUED, show(marked))).replace(b"%", b"%%")
    for mark, place in (
        (msgspec.json.encode(_MARKED["id"])[1:-1], b"%b"),
        (msgspec.json.encode(_MARKED["customer_id"]), b"%b"),
        (msgspec.json.encode(_MARKED["code"]), b"%b"),
        (b":%d," % _SERIAL, b":%d,"),
    ):
        assert body.count(mark) == 1
        body = body.replace(mark, place)
    return body
