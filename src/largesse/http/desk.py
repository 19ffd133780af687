"""Claims over HTTP: the handlers behind the fast lane and behind the plain routes alike.

What a claim's answer looks like is decided here alone, so both ways give the same bytes.
"""

from collections.abc import Callable, Mapping
from functools import partial

import msgspec
from msgspec import Struct

from largesse.campaigns.model import Campaign
from largesse.http import body, errors, exchange
from largesse.http.admission import Admission, Offered
from largesse.http.answers import answer_created, answer_json, answer_problem, head_of
from largesse.http.auth import customer_of
from largesse.http.errors import Known, Problem
from largesse.http.exchange import Exchange, Handler
from largesse.http.issued import IssuedBodies
from largesse.http.parsing import parse_key
from largesse.http.request_ids import REQUEST_ID, request_id_of
from largesse.http.shapes.claims import (
    Accepted,
    BatchAnswer,
    BatchBody,
    ClaimBody,
    Claimed,
    Refused,
)
from largesse.http.shapes.incentives import show
from largesse.http.wishes import known_of, wish_of
from largesse.issuance.model import Answer
from largesse.issuance.service import Ending, Issuance
from largesse.kernel.command import KEY_CHARACTERS_MAX, is_key
from largesse.kernel.errors import InvalidInputError, LargesseError
from largesse.kernel.outcome import Outcome

PREFIX = b"/api/v1/campaigns/"


class How(Struct, frozen=True):
    """In which way claims are asked for: one or many, in earnest or to see what would happen."""

    batch: bool = False
    dry_run: bool = False


IN_EARNEST = How()


class ClaimDesk:
    """Answers claims, single and in batches.

    `routes` holds the targets of every campaign that is no draft; the lane looks requests up there.
    """

    def __init__(
        self,
        admission: Admission,
        issuance: Issuance,
        new_request_id: Callable[[], str],
    ) -> None:
        self.routes: dict[bytes, Handler] = {}
        self._admission = admission
        self._issuance = issuance
        self._new_request_id = new_request_id
        self._read_claim = msgspec.json.Decoder(ClaimBody)
        self._read_batch = msgspec.json.Decoder(BatchBody)
        self._issued = IssuedBodies(partial(Claimed, Outcome.ISSUED))
        self._refusals = {outcome: _Refusal(outcome) for outcome in errors.OUTCOMES}
        issuance.offers.listen(self._open_routes)

    async def answer(
        self, campaign_id: str, how: How, headers: Mapping[bytes, bytes], content: bytes
    ) -> exchange.Answer:
        """What a claim route answers outside the lane: drafts and dry runs are known here, too."""
        offered = await self._admission.find(campaign_id, headers)
        handle = self._claim_batch if how.batch else self._claim
        return await exchange.ask(partial(handle, offered, how), headers, content)

    def _open_routes(self, campaign: Campaign) -> None:
        target = PREFIX + campaign.id.encode() + b"/claims"
        if target not in self.routes:
            offered = partial(self._issuance.offers.campaign, campaign.id)
            self.routes[target] = partial(self._claim, offered, IN_EARNEST)
            self.routes[target + b":batch"] = partial(self._claim_batch, offered, IN_EARNEST)

    def _claim(self, offered: Offered, how: How, asked: Exchange) -> None:
        headers = asked.headers
        request_id = request_id_of(headers.get(REQUEST_ID), self._new_request_id)
        try:
            campaign, own = self._admission.admit(offered, headers)
            key = parse_key(headers, required=not how.dry_run) or ""
            claim = body.read(self._read_claim, headers, asked.body)
            wish = wish_of(campaign, customer_of(own, claim.customer_id), claim.reward, key)
            wish.dry_run = how.dry_run
            deliver = self._accept if how.dry_run else self._deliver
            self._issuance.submit(wish, partial(deliver, asked, request_id, campaign))
        except LargesseError as error:
            answer_problem(asked, errors.problem_of_error(error, request_id))

    def _deliver(
        self, asked: Exchange, request_id: str, campaign: Campaign, ending: Ending
    ) -> None:
        if isinstance(ending, LargesseError):
            answer_problem(asked, errors.problem_of_error(ending, request_id))
        elif ending.outcome is Outcome.ISSUED:
            assert ending.incentive is not None
            content = self._issued.body(ending.incentive)
            answer_created(asked, request_id, content, replayed=ending.replayed)
        elif ending.outcome.success:
            assert ending.incentive is not None
            answer_json(asked, request_id, Claimed(ending.outcome, show(ending.incentive)))
        else:
            known = known_of(ending, campaign)
            if known is None:
                self._refusals[ending.outcome].answer(asked, request_id)
            else:
                problem = errors.problem_of_outcome(ending.outcome, request_id, known=known)
                answer_problem(asked, problem)

    def _accept(self, asked: Exchange, request_id: str, campaign: Campaign, ending: Ending) -> None:
        if isinstance(ending, LargesseError):
            answer_problem(asked, errors.problem_of_error(ending, request_id))
        else:
            answer_json(asked, request_id, _accepted(ending))

    def _claim_batch(self, offered: Offered, how: How, asked: Exchange) -> None:
        headers = asked.headers
        request_id = request_id_of(headers.get(REQUEST_ID), self._new_request_id)
        try:
            campaign, own = self._admission.admit(offered, headers)
            batch = body.read(self._read_batch, headers, asked.body)
            wishes = []
            for index, item in enumerate(batch.claims):
                pointer = f"/claims/{index}"
                _check_key(item.key, f"{pointer}/key")
                key = "" if how.dry_run else item.key
                customer = customer_of(own, item.customer_id, f"{pointer}/customer_id")
                wishes.append(wish_of(campaign, customer, item.reward, key, pointer))
                wishes[-1].dry_run = how.dry_run
        except LargesseError as error:
            answer_problem(asked, errors.problem_of_error(error, request_id))
            return
        gathering = _Gathering(asked, request_id, campaign, how, len(wishes))
        for index, wish in enumerate(wishes):
            try:
                self._issuance.submit(wish, partial(gathering.deliver, index))
            except LargesseError as error:
                gathering.deliver(index, error)


class _Gathering:
    """The results of a batch until the last one has come."""

    def __init__(
        self, asked: Exchange, request_id: str, campaign: Campaign, how: How, count: int
    ) -> None:
        self._asked = asked
        self._request_id = request_id
        self._campaign = campaign
        self._how = how
        self._endings: list[Ending | None] = [None] * count
        self._missing = count

    def deliver(self, index: int, ending: Ending) -> None:
        """Take one result; answer when it was the last."""
        self._endings[index] = ending
        self._missing -= 1
        if not self._missing:
            results = [self._result(ending) for ending in self._endings if ending is not None]
            answer_json(self._asked, self._request_id, BatchAnswer(results))

    def _result(self, ending: Ending) -> Claimed | Refused | Accepted:
        if isinstance(ending, LargesseError):
            return _refused(errors.problem_of_error(ending, ""))
        if self._how.dry_run:
            return _accepted(ending)
        if ending.outcome.success:
            assert ending.incentive is not None
            return Claimed(ending.outcome, show(ending.incentive), ending.replayed)
        known = known_of(ending, self._campaign) or Known()
        return _refused(errors.problem_of_outcome(ending.outcome, "", known=known))


class _Refusal:
    """A refusal that says nothing but its outcome, ready but for the request's id."""

    def __init__(self, outcome: Outcome) -> None:
        problem = errors.problem_of_outcome(outcome, _MARK)
        more = b"".join(b"%b: %b\r\n" % pair for pair in errors.headers_of(problem)[1:])
        self._head = head_of(problem.status, errors.CONTENT_TYPE) + more.replace(b"%", b"%%")
        self._before, self._after = errors.encode(problem).split(_MARK.encode())
        self._length = len(self._before) + len(self._after)

    def answer(self, asked: Exchange, request_id: str) -> None:
        """Refuse a request."""
        name = request_id.encode("ascii")
        content = b"".join((self._before, name, self._after))
        asked.answer(self._head % (len(content), name), content)


_MARK = "?"
"""Stands for the request's id; appears nowhere else in a problem."""


def _check_key(key: str, pointer: str) -> None:
    if not is_key(key):
        message = f"a key has 1 to {KEY_CHARACTERS_MAX} visible ASCII characters"
        raise InvalidInputError(message, pointer)


def _refused(problem: Problem) -> Refused:
    return Refused(
        problem.code,
        problem.title,
        problem.detail,
        problem.transient,
        problem.opens_at,
        problem.retry_after,
        problem.incentive_id,
    )


def _accepted(answer: Answer) -> Accepted:
    return Accepted(answer.outcome.success, answer.outcome, answer.outcome.transient)
