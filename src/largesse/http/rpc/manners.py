"""How each service speaks on the fast lane: its `IssueCoupon`, read, answered and refused.

The messages are read and written without the libraries; see `messages`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec import Struct

from largesse.campaigns.model import Campaign
from largesse.http.errors import OUTCOMES, Known, problem_of_error, problem_of_outcome
from largesse.http.rpc.coupons import Wanted
from largesse.http.rpc.described import COMPAT, V1
from largesse.http.rpc.messages import (
    code_binary,
    code_json,
    issued_binary,
    issued_json,
    number_alone,
    read_binary,
    read_json,
)
from largesse.http.rpc.refusals import Refusal, of_error, of_outcome
from largesse.http.wishes import known_of
from largesse.issuance.model import Incentive
from largesse.issuance.service import Ending
from largesse.kernel.errors import LargesseError

JSON, BINARY = b"application/json", b"application/proto"
"""The content types that the lane takes, as libraries write them."""


class Form(Struct, frozen=True):
    """A content type's way to read a wish and to write what was given, a replay or not."""

    read: Callable[[bytes], Wanted]
    write: Callable[[Incentive, bool], bytes]


class Manner(Struct, frozen=True):
    """A service's own way.

    `refusal` says (how a wish ended without success, its campaign, the call's request id) in the
    words that the service has for it.
    """

    target: str
    forms: Mapping[bytes, Form]
    refusal: Callable[[Ending, Campaign, str], Refusal]


def refusal_of_today(ending: Ending, campaign: Campaign, request_id: str) -> Refusal:
    """With the problem as its detail."""
    if isinstance(ending, LargesseError):
        return of_error(ending, problem_of_error(ending, request_id))
    known = known_of(ending, campaign) or Known()
    return of_outcome(ending.outcome, problem_of_outcome(ending.outcome, request_id, known=known))


def older_refusal(ending: Ending, _: Campaign, request_id: str) -> Refusal:
    """An unknown error with a text that its clients compare."""
    if isinstance(ending, LargesseError):
        return Refusal("unknown", problem_of_error(ending, request_id).detail)
    return Refusal("unknown", OUTCOMES[ending.outcome].older)


TODAY = Manner(
    f"{V1.prefix}/IssueCoupon",
    MappingProxyType(
        {JSON: Form(read_json, issued_json), BINARY: Form(read_binary, issued_binary)}
    ),
    refusal_of_today,
)
OLDER = Manner(
    f"{COMPAT.prefix}/IssueCoupon",
    MappingProxyType(
        {
            JSON: Form(lambda body: number_alone(read_json(body)), code_json),
            BINARY: Form(lambda body: number_alone(read_binary(body)), code_binary),
        }
    ),
    older_refusal,
)
