"""Redemptions over HTTP: the handler behind the fast lane and behind the plain route alike."""

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from largesse.customers.decide import check_id
from largesse.http import body, errors, exchange
from largesse.http.answers import answer_json, answer_ok, answer_problem
from largesse.http.auth import Callers, authorize
from largesse.http.exchange import Exchange, Handler
from largesse.http.guessing import Guess
from largesse.http.limits import GuessLimiter
from largesse.http.parsing import parse_key
from largesse.http.redeemed import RedeemedBodies
from largesse.http.request_ids import REQUEST_ID, request_id_of
from largesse.http.shapes.claims import Accepted
from largesse.http.shapes.redemptions import RedemptionBody
from largesse.kernel.errors import InvalidInputError, LargesseError
from largesse.kernel.outcome import Outcome
from largesse.redemption.decide import check
from largesse.redemption.model import RedemptionAnswer, RedemptionWish
from largesse.redemption.service import Redemptions
from largesse.tenants.model import Principal, Scope
from largesse.tenants.service import Tenants

TARGET = b"/api/v1/redemptions"

_SCOPES = (Scope.REDEEM,)

_Ending = RedemptionAnswer | LargesseError


class RedemptionDesk:
    """Answers redemptions, under one target among the lane's `routes`.

    A customer's wrong codes are counted by `guesses`.
    """

    def __init__(
        self,
        tenants: Tenants,
        redemptions: Redemptions,
        guesses: GuessLimiter,
        routes: dict[bytes, Handler],
        new_request_id: Callable[[], str],
    ) -> None:
        self._callers = Callers(tenants, _check)
        self._redemptions = redemptions
        self._guesses = guesses
        self._new_request_id = new_request_id
        self._read = msgspec.json.Decoder(RedemptionBody)
        self._bodies = RedeemedBodies()
        routes[TARGET] = partial(self._redeem, dry_run=False)

    async def answer(
        self, headers: Mapping[bytes, bytes], content: bytes, *, dry_run: bool
    ) -> exchange.Answer:
        """What the route answers outside the lane: dry runs are known here, too."""
        return await exchange.ask(partial(self._redeem, dry_run=dry_run), headers, content)

    def _redeem(self, asked: Exchange, *, dry_run: bool) -> None:
        headers = asked.headers
        request_id = request_id_of(headers.get(REQUEST_ID), self._new_request_id)
        try:
            tenant = self._callers.admit(headers).tenant
            wish = self._wish(tenant.number, asked, dry_run=dry_run)
            guess = None
            if wish.code is not None:
                guess = Guess.of_customer(self._guesses, tenant.id, wish.customer)
            deliver = self._accept if dry_run else self._deliver
            answer = partial(deliver, asked, request_id)
            self._redemptions.submit(wish, partial(_judge, guess, answer))
        except LargesseError as error:
            answer_problem(asked, errors.problem_of_error(error, request_id))

    def _wish(self, tenant: int, asked: Exchange, *, dry_run: bool) -> RedemptionWish:
        said = body.read(self._read, asked.headers, asked.body)
        key = parse_key(asked.headers, required=not dry_run) or ""
        check_id(said.customer_id, "/customer_id")
        wish = RedemptionWish(
            tenant=tenant,
            customer=said.customer_id,
            key="" if dry_run else key,
            code=said.code,
            incentive_id=said.incentive_id,
            dry_run=dry_run,
        )
        check(wish)
        return wish

    def _deliver(self, asked: Exchange, request_id: str, ending: _Ending) -> None:
        if isinstance(ending, LargesseError):
            answer_problem(asked, errors.problem_of_error(ending, request_id))
        elif ending.redemption is not None:
            content = self._bodies.body(ending.redemption)
            answer_ok(asked, request_id, content, replayed=ending.replayed)
        else:
            answer_problem(asked, errors.problem_of_outcome(ending.outcome, request_id))

    def _accept(self, asked: Exchange, request_id: str, ending: _Ending) -> None:
        if isinstance(ending, LargesseError):
            answer_problem(asked, errors.problem_of_error(ending, request_id))
        else:
            outcome = ending.outcome
            answer_json(asked, request_id, Accepted(outcome.success, outcome, outcome.transient))


def _judge(guess: Guess | None, answer: Callable[[_Ending], None], ending: _Ending) -> None:
    """Forgive a guess that was right, and answer."""
    if not isinstance(ending, LargesseError):
        if guess is not None and ending.outcome not in _UNTOLD:
            guess.forgive()
        if not ending.is_coupon:
            message = "this incentive has no code: only coupons are redeemed"
            ending = InvalidInputError(message, "/incentive_id", "NO_COUPON")
    answer(ending)


_UNTOLD = (Outcome.UNKNOWN_CODE, Outcome.IDEMPOTENCY_KEY_REUSED)
"""Endings that do not say that the code is the customer's."""


def _check(principal: Principal) -> None:
    authorize(principal, _SCOPES)
