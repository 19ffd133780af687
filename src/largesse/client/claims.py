"""Calls by which customers are given something: a refusal is an outcome, never raised."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from largesse.client.call import Answer, Call, deciding, path_of, post, reading
from largesse.client.errors import StrangeAnswerError
from largesse.client.model import Claimed, Refusal, Verdict, Wish


class _Results(Struct, frozen=True):
    results: list[dict[str, Any]]


class _Verdicts(Struct, frozen=True):
    results: list[Verdict]


_CLAIMED = deciding(Claimed)
_VERDICT = reading(Verdict)
_RESULTS = reading(_Results)
_VERDICTS = reading(_Verdicts)


def claim(
    campaign: str, customer: str, *, reward: str | None = None, key: str | None = None
) -> Call[Claimed | Refusal]:
    """Claim one unit of a campaign's reward; `reward` may be left out where there is one.

    The key is one intention's: take the order's number, and the same wherever it is asked again.
    """
    return post(_claims(campaign), _body(customer, reward), _claimed, key)


def would_claim(campaign: str, customer: str, *, reward: str | None = None) -> Call[Verdict]:
    """Ask whether a claim would be accepted; nothing is given away."""
    return post(_claims(campaign) + "?dry_run=true", _body(customer, reward), _VERDICT)


def claim_all(campaign: str, wishes: Sequence[Wish]) -> Call[list[Claimed | Refusal]]:
    """Up to 1,000 claims, settled in their order: one result each.

    A result that is `transient`, such as BUSY, is the caller's to ask again, with its key.
    """
    return post(_claims(campaign) + ":batch", {"claims": wishes}, _results)


def would_claim_all(campaign: str, wishes: Sequence[Wish]) -> Call[list[Verdict]]:
    """Ask of each claim whether it would be accepted, were it the only one."""
    path = _claims(campaign) + ":batch?dry_run=true"
    return post(path, {"claims": wishes}, _verdicts)


def _claims(campaign: str) -> str:
    return path_of("campaigns", campaign, "claims")


def _body(customer: str, reward: str | None) -> dict[str, str]:
    return {"customer_id": customer} | ({} if reward is None else {"reward": reward})


def _claimed(answer: Answer) -> Claimed | Refusal:
    result = _CLAIMED(answer)
    if answer.replayed and isinstance(result, Claimed):
        return Claimed(result.outcome, result.incentive, replayed=True)
    return result


def _results(answer: Answer) -> list[Claimed | Refusal]:
    return [_result(one) for one in _RESULTS(answer).results]


def _result(one: dict[str, Any]) -> Claimed | Refusal:
    """Of a batch: a refusal has its outcome under that name, where a problem says `code`."""
    try:
        if "incentive" in one:
            return msgspec.convert(one, Claimed)
        return msgspec.convert({**one, "code": one.get("outcome")}, Refusal)
    except msgspec.ValidationError as error:
        message = f"a result of the batch makes no sense: {error}"
        raise StrangeAnswerError(message) from error


def _verdicts(answer: Answer) -> list[Verdict]:
    return _VERDICTS(answer).results
