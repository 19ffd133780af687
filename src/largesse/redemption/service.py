"""What one can do with coupons that were given: use them."""

from hashlib import sha256

import msgspec
from msgspec.structs import replace

from largesse.issuance import decide as issuing
from largesse.issuance.model import IncentiveStatus, LedgerEntry, Place
from largesse.issuance.service import Issuance
from largesse.kernel.command import Command, Done
from largesse.kernel.errors import InvalidInputError
from largesse.kernel.outcome import Outcome
from largesse.redemption import decide
from largesse.redemption.model import Redeemed, Redemption, RedemptionWish
from largesse.redemption.ports import RedemptionRecords, RedemptionStore


class RedemptionRefusedError(Exception):
    """The coupon cannot be used; `outcome` says why. Nothing was kept, the key is free."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Redemptions:
    """Lets coupons be used, each once."""

    def __init__(self, store: RedemptionStore, issuance: Issuance) -> None:
        self._store = store
        self._issuance = issuance

    async def redeem(self, command: Command, wish: RedemptionWish) -> Done[Redemption]:
        """Use a coupon: it is on stable storage once this returns.

        Raises `RedemptionRefusedError` for a refusal, and `InvalidInputError` for an incentive
        without a code. The wish has passed `decide.check`. Its content is the coupon that it means
        and its customer: the same code typed otherwise is the same wish.
        """
        place = await self._place(command.tenant, wish)
        if place is None:
            raise RedemptionRefusedError(Outcome.UNKNOWN_CODE)
        content = msgspec.json.encode([*place, wish.customer])

        def work(records: RedemptionRecords) -> Redeemed:
            return _redeem(records, place, wish, command.now_ms)

        envelope = replace(command, content=sha256(content).digest())
        done = await self._store.write(envelope, work, Redeemed)
        [incentive] = await self._issuance.shown([done.answer.issued])
        used = replace(incentive, status=IncentiveStatus.REDEEMED)
        return Done(Redemption(used, done.answer.at_ms), done.replayed)

    async def _place(self, tenant: int, wish: RedemptionWish) -> Place | None:
        if wish.code is not None:
            return await self._issuance.place_of_code(tenant, wish.code)
        assert wish.incentive_id is not None
        return self._issuance.place_of_id(tenant, wish.incentive_id)


def _redeem(
    records: RedemptionRecords, place: Place, wish: RedemptionWish, now_ms: int
) -> Redeemed:
    """Load, decide, apply; a refusal is raised, so that its key stays free."""
    entry = records.entry(place)
    outcome = decide.redeem(wish, entry, _expires_at_ms(records, entry), now_ms)
    if outcome is not Outcome.REDEEMED:
        raise RedemptionRefusedError(outcome)
    assert entry is not None
    if not decide.has_code(entry):
        message = "this incentive has no code: only coupons are redeemed"
        raise InvalidInputError(message, "/incentive_id", "NO_COUPON")
    records.redeem(entry.issued, now_ms)
    return Redeemed(entry.issued, now_ms)


def _expires_at_ms(records: RedemptionRecords, entry: LedgerEntry | None) -> int | None:
    """When a coupon expires, by the version that it was issued under."""
    if entry is None:
        return None
    issued = entry.issued
    campaign = records.campaign_at(issued.campaign, issued.version)
    return issuing.expires_at_ms(issuing.definition_of(campaign, issued.reward), issued.at_ms)
