"""The body of the answer that a sale gives most: an incentive that was issued.

All that a version of a reward gives differs in few places only: its moments are filled in once for
each batch, the rest for each incentive.
"""

from typing import TypeVar

import msgspec
from msgspec.structs import replace

from largesse.http.shapes.claims import Claimed
from largesse.http.shapes.incentives import show
from largesse.http.times import rfc3339, rfc3339_or_none
from largesse.issuance.model import Incentive
from largesse.kernel.outcome import Outcome

TEMPLATES_MAX = 1_024
"""Templates kept of either kind; one with its moments filled in lives for a millisecond."""

# Marks begin with a character that no id, key or value may contain.
_OF_EACH = {"id": "%b", "customer_id": "%b", "code": "%b", "serial": "%d"}
_OF_BATCH = ("issued_at", "expires_at")
_ENCODED = {field: msgspec.json.encode(f"\0{field}") for field in (*_OF_EACH, *_OF_BATCH)}


Key = TypeVar("Key")


class IssuedBodies:
    """Writes what `msgspec.json.encode(Claimed(ISSUED, show(incentive)))` would, in less time."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str, int], bytes] = {}
        self._moments: dict[tuple[str, str, int, int], bytes] = {}

    def body(self, incentive: Incentive) -> bytes:
        """The body of one answer, as JSON."""
        about = incentive.campaign_id, incentive.reward, incentive.version, incentive.issued_at_ms
        template = self._moments.get(about)
        if template is None:
            template = _kept(self._moments, about, self._of_moment(incentive))
        encode = msgspec.json.encode
        return template % (
            encode(incentive.id),
            encode(incentive.customer_id),
            encode(incentive.code),
            incentive.serial,
        )

    def _of_moment(self, incentive: Incentive) -> bytes:
        about = incentive.campaign_id, incentive.reward, incentive.version
        template = self._versions.get(about)
        if template is None:
            template = _kept(self._versions, about, _of_version(incentive))
        moments = rfc3339(incentive.issued_at_ms), rfc3339_or_none(incentive.expires_at_ms)
        for field, moment in zip(_OF_BATCH, moments, strict=True):
            template = template.replace(_ENCODED[field], msgspec.json.encode(moment))
        return template


def _of_version(incentive: Incentive) -> bytes:
    marks = {field: f"\0{field}" for field in _ENCODED}
    view = replace(show(incentive), **marks)
    body = msgspec.json.encode(Claimed(Outcome.ISSUED, view)).replace(b"%", b"%%")
    for field, place in _OF_EACH.items():
        assert body.count(_ENCODED[field]) == 1
        body = body.replace(_ENCODED[field], place.encode())
    return body


def _kept(templates: dict[Key, bytes], key: Key, template: bytes) -> bytes:
    """The template, kept for the next one like it."""
    if len(templates) >= TEMPLATES_MAX:
        templates.clear()
    templates[key] = template
    return template
