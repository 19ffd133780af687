"""From what a caller says to a wish, and from its answer to what he may know of it."""

import unicodedata

from largesse.campaigns.model import Campaign
from largesse.http.errors import Known
from largesse.http.times import rfc3339
from largesse.issuance import decide
from largesse.issuance.model import CUSTOMER_BYTES_MAX, Answer, Wish
from largesse.kernel.errors import InvalidInputError
from largesse.kernel.outcome import Outcome


def wish_of(
    campaign: Campaign, customer: str, reward_key: str | None, key: str, pointer: str = ""
) -> Wish:
    """A customer's wish; `InvalidInputError` below `pointer` where it makes no sense."""
    _check_customer(customer, pointer)
    reward = decide.reward_meant(campaign, reward_key)
    if reward is None:
        names = ", ".join(one.definition.key for one in campaign.rewards)
        code = "INVALID" if reward_key is not None else Outcome.REWARD_REQUIRED
        message = f"name one of this campaign's rewards: {names}"
        raise InvalidInputError(message, f"{pointer}/reward", code)
    return Wish(campaign.tenant, campaign.number, reward.number, customer, key)


def known_of(answer: Answer, campaign: Campaign) -> Known | None:
    """What a refused caller may know beside the outcome."""
    if answer.outcome is Outcome.NOT_OPEN_YET:
        starts_at_ms = campaign.definition.starts_at_ms
        wait_s = max(1, -(-(starts_at_ms - answer.now_ms) // 1000))
        return Known(opens_at=rfc3339(starts_at_ms), retry_after=wait_s)
    if answer.incentive is not None:
        return Known(incentive_id=answer.incentive.id)
    return None


def _check_customer(customer: str, pointer: str) -> None:
    printable = customer.isascii() and customer.isprintable()
    if printable and 0 < len(customer) <= CUSTOMER_BYTES_MAX:
        return
    long = len(customer.encode("utf-8", "surrogatepass")) > CUSTOMER_BYTES_MAX
    strange = any(unicodedata.category(character) in {"Cc", "Cs"} for character in customer)
    if long or strange or not customer:
        message = f"customer_id has 1 to {CUSTOMER_BYTES_MAX} bytes of UTF-8, no control characters"
        raise InvalidInputError(message, f"{pointer}/customer_id")
