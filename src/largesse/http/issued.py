"""The body of the answer that a sale gives most: an incentive that was issued.

All that a version of a reward gives differs in few places only: the rest is written once.
"""

from functools import lru_cache

import msgspec
from msgspec.structs import replace

from largesse.http.shapes.claims import Claimed
from largesse.http.shapes.incentives import show
from largesse.http.times import rfc3339_or_none
from largesse.issuance.model import Incentive
from largesse.kernel.outcome import Outcome

TEMPLATES_MAX = 1_024
"""Templates kept: rewards that are on sale at the same time."""

MOMENTS_MAX = 1_024
"""Moments kept as they are written: a batch has one, or two where its rewards expire."""

# Marks begin with a character that no id, key or value may contain. In the order of the view.
_OF_EACH = {
    "id": "%b",
    "customer_id": "%b",
    "code": "%b",
    "serial": "%d",
    "issued_at": "%b",
    "expires_at": "%b",
}


class IssuedBodies:
    """Writes what `msgspec.json.encode(Claimed(ISSUED, show(incentive)))` would, in less time."""

    def __init__(self) -> None:
        self._templates: dict[tuple[str, str, int], bytes] = {}

    def body(self, incentive: Incentive) -> bytes:
        """The body of one answer, as JSON."""
        about = incentive.campaign_id, incentive.reward, incentive.version
        template = self._templates.get(about)
        if template is None:
            if len(self._templates) >= TEMPLATES_MAX:
                self._templates.clear()
            template = self._templates[about] = _of_version(incentive)
        encode = msgspec.json.encode
        return template % (
            encode(incentive.id),
            encode(incentive.customer_id),
            encode(incentive.code),
            incentive.serial,
            _moment(incentive.issued_at_ms),
            _moment(incentive.expires_at_ms),
        )


@lru_cache(maxsize=MOMENTS_MAX)
def _moment(moment_ms: int | None) -> bytes:
    return msgspec.json.encode(rfc3339_or_none(moment_ms))


def _of_version(incentive: Incentive) -> bytes:
    marks = {field: f"\0{field}" for field in _OF_EACH}
    view = replace(show(incentive), **marks)
    body = msgspec.json.encode(Claimed(Outcome.ISSUED, view)).replace(b"%", b"%%")
    for field, place in _OF_EACH.items():
        mark = msgspec.json.encode(marks[field])
        assert body.count(mark) == 1
        body = body.replace(mark, place.encode())
    return body
