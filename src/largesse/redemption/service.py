"""What one can do with coupons that were given: use them."""

import asyncio
from collections import Counter
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from largesse.issuance import decide as issuing
from largesse.issuance.batcher import Batch, Deliver, Report
from largesse.issuance.model import IncentiveStatus, LedgerEntry, Place
from largesse.issuance.service import Issuance
from largesse.kernel.clock import Clock, TenantClocks, stopwatch_s
from largesse.kernel.command import Command
from largesse.kernel.errors import KeyReusedError, LargesseError, UnavailableError
from largesse.kernel.outcome import Outcome
from largesse.redemption import decide
from largesse.redemption.model import Redeemed, Redemption, RedemptionAnswer, RedemptionWish
from largesse.redemption.ports import RedemptionRecords, RedemptionStore


class _RefusedError(Exception):
    """The coupon cannot be used. Nothing is kept, the key is free."""

    def __init__(self, answer: RedemptionAnswer) -> None:
        super().__init__(answer)
        self.answer = answer


class Redemptions:
    """Lets coupons be used, each once."""

    def __init__(
        self, store: RedemptionStore, issuance: Issuance, clock: Clock, clocks: TenantClocks
    ) -> None:
        self._store = store
        self._issuance = issuance
        self._clock = clock
        self._clocks = clocks
        self._report: Report = lambda _: None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many wishes wait for their answers."""
        return len(self._running)

    def report_to(self, report: Report) -> None:
        """Let somebody hear of each wish once it is answered."""
        self._report = report

    async def close(self) -> None:
        """Settle what was taken."""
        await asyncio.gather(*self._running)

    def submit(self, wish: RedemptionWish, deliver: Deliver[RedemptionAnswer]) -> None:
        """Use a coupon; `deliver` is told how it ended, a use once it is on stable storage.

        The wish has passed `decide.check`. Its content is the coupon that it means and its
        customer: the same code typed otherwise is the same wish.
        """
        task = asyncio.get_running_loop().create_task(self._settle(wish, deliver))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _settle(self, wish: RedemptionWish, deliver: Deliver[RedemptionAnswer]) -> None:
        started_s = stopwatch_s()
        error: LargesseError | None = None
        try:
            answer = await self._answer(wish)
        except Exception as bug:  # noqa: BLE001 - whoever waits must hear of a bug of ours, too
            if isinstance(bug, LargesseError):
                error = bug
            else:
                error = UnavailableError()
                error.__cause__ = bug
            deliver(error)
            name = type(error).__name__
        else:
            deliver(answer)
            name = answer.outcome
        took_s = stopwatch_s() - started_s
        self._report(Batch(Counter([name]), at_ledger=True, took_s=took_s, error=error))

    async def _answer(self, wish: RedemptionWish) -> RedemptionAnswer:
        place = await self._place(wish)
        if place is None:
            return RedemptionAnswer(Outcome.UNKNOWN_CODE)
        wish.now_ms = self._clocks.now_ms(wish.tenant)

        def work(records: RedemptionRecords) -> Redeemed:
            return _redeem(records, place, wish)

        try:
            done = await self._store.write(self._command(wish, place), work, Redeemed)
        except _RefusedError as refusal:
            return refusal.answer
        except KeyReusedError:
            return RedemptionAnswer(Outcome.IDEMPOTENCY_KEY_REUSED)
        [incentive] = await self._issuance.shown([done.answer.issued])
        used = replace(incentive, status=IncentiveStatus.REDEEMED)
        redemption = Redemption(used, done.answer.at_ms)
        return RedemptionAnswer(Outcome.REDEEMED, redemption, done.replayed)

    async def _place(self, wish: RedemptionWish) -> Place | None:
        if wish.code is not None:
            return await self._issuance.place_of_code(wish.tenant, wish.code)
        assert wish.incentive_id is not None
        return self._issuance.place_of_id(wish.tenant, wish.incentive_id)

    def _command(self, wish: RedemptionWish, place: Place) -> Command:
        return Command(
            tenant=wish.tenant,
            actor="",
            operation="redeem",
            now_ms=wish.now_ms,
            machine_ms=self._clock.now_ms(),
            key=None if wish.dry_run else wish.key,
            content=sha256(msgspec.json.encode([*place, wish.customer])).digest(),
            dry_run=wish.dry_run,
        )


def _redeem(records: RedemptionRecords, place: Place, wish: RedemptionWish) -> Redeemed:
    """Load, decide, apply; a refusal is raised, so that its key stays free."""
    entry = records.entry(place)
    outcome = decide.redeem(wish, entry, _expires_at_ms(records, entry), wish.now_ms)
    if outcome is not Outcome.REDEEMED:
        raise _RefusedError(RedemptionAnswer(outcome))
    assert entry is not None
    if not decide.has_code(entry):
        raise _RefusedError(RedemptionAnswer(Outcome.UNKNOWN_CODE, is_coupon=False))
    records.redeem(entry.issued, wish.now_ms)
    return Redeemed(entry.issued, wish.now_ms)


def _expires_at_ms(records: RedemptionRecords, entry: LedgerEntry | None) -> int | None:
    """When a coupon expires, by the version that it was issued under."""
    if entry is None:
        return None
    issued = entry.issued
    campaign = records.campaign_at(issued.campaign, issued.version)
    return issuing.expires_at_ms(issuing.definition_of(campaign, issued.reward), issued.at_ms)
