"""Draws over HTTP: the handler behind the fast lane and behind the plain route alike."""

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from largesse.campaigns.model import Campaign, CampaignType
from largesse.customers.decide import check_id
from largesse.draws.dice import seed_of_key
from largesse.draws.model import SEED_CHARACTERS_MAX, DrawAnswer, DrawWish
from largesse.draws.service import Draws
from largesse.http import body, errors, exchange
from largesse.http.admission import Admission, Offered
from largesse.http.answers import answer_created, answer_json, answer_problem
from largesse.http.auth import customer_of
from largesse.http.drawn import DrawnBodies
from largesse.http.errors import Known
from largesse.http.exchange import Exchange, Handler
from largesse.http.parsing import parse_key
from largesse.http.request_ids import REQUEST_ID, request_id_of
from largesse.http.shapes.claims import Accepted
from largesse.http.shapes.draws import DrawBody
from largesse.http.wishes import check_type, opening_of, waits_for
from largesse.kernel.errors import InvalidInputError, LargesseError
from largesse.kernel.outcome import Outcome

PREFIX = b"/api/v1/campaigns/"


class DrawDesk:
    """Answers draws. Each campaign of that type has its target among the lane's `routes`."""

    def __init__(
        self,
        admission: Admission,
        draws: Draws,
        routes: dict[bytes, Handler],
        new_request_id: Callable[[], str],
    ) -> None:
        self._admission = admission
        self._draws = draws
        self._routes = routes
        self._new_request_id = new_request_id
        self._read = msgspec.json.Decoder(DrawBody)
        self._drawn = DrawnBodies()
        admission.offers.listen(self._open_route)

    async def answer(
        self, campaign_id: str, headers: Mapping[bytes, bytes], content: bytes, *, dry_run: bool
    ) -> exchange.Answer:
        """What the route answers outside the lane: drafts and dry runs are known here, too."""
        offered = await self._admission.find(campaign_id, headers)
        handle = self._try_out if dry_run else self._draw
        return await exchange.ask(partial(handle, offered), headers, content)

    def _open_route(self, campaign: Campaign) -> None:
        target = PREFIX + campaign.id.encode() + b"/draws"
        if target not in self._routes and campaign.definition.type is CampaignType.DRAW:
            offered = partial(self._admission.offers.campaign, campaign.id)
            self._routes[target] = partial(self._draw, offered)

    def _draw(self, offered: Offered, asked: Exchange) -> None:
        headers = asked.headers
        request_id = request_id_of(headers.get(REQUEST_ID), self._new_request_id)
        try:
            campaign, own = self._admission.admit(offered, headers)
            key = parse_key(headers, required=True) or ""
            wish = self._wish(campaign, own, asked, key)
            self._draws.submit(wish, partial(self._deliver, asked, request_id, campaign))
        except LargesseError as error:
            answer_problem(asked, errors.problem_of_error(error, request_id))

    def _try_out(self, offered: Offered, asked: Exchange) -> None:
        headers = asked.headers
        request_id = request_id_of(headers.get(REQUEST_ID), self._new_request_id)
        try:
            campaign, own = self._admission.admit(offered, headers)
            wish = self._wish(campaign, own, asked, "")
            wish.dry_run = True
            self._draws.submit(wish, partial(self._accept, asked, request_id))
        except LargesseError as error:
            answer_problem(asked, errors.problem_of_error(error, request_id))

    def _wish(self, campaign: Campaign, own: str | None, asked: Exchange, key: str) -> DrawWish:
        said = body.read(self._read, asked.headers, asked.body)
        customer = customer_of(own, said.customer_id)
        check_id(customer, "/customer_id")
        check_type(campaign, CampaignType.DRAW)
        seed = said.client_seed
        if seed is not None and not (0 < len(seed) <= SEED_CHARACTERS_MAX and seed.isprintable()):
            message = f"client_seed has 1 to {SEED_CHARACTERS_MAX} printable characters"
            raise InvalidInputError(message, "/client_seed")
        return DrawWish(
            campaign.tenant,
            campaign.number,
            customer,
            key,
            seed_of_key(key) if seed is None else seed,
        )

    def _deliver(
        self,
        asked: Exchange,
        request_id: str,
        campaign: Campaign,
        ending: DrawAnswer | LargesseError,
    ) -> None:
        if isinstance(ending, LargesseError):
            answer_problem(asked, errors.problem_of_error(ending, request_id))
        elif ending.outcome is Outcome.DRAWN:
            answer_created(asked, request_id, self._drawn.body(ending), replayed=ending.replayed)
        else:
            early = ending.outcome is Outcome.NOT_OPEN_YET
            detail = waits_for(campaign, ending.now_ms) if early else None
            known = known_of_draw(ending, campaign)
            problem = errors.problem_of_outcome(ending.outcome, request_id, detail, known)
            answer_problem(asked, problem)

    def _accept(self, asked: Exchange, request_id: str, ending: DrawAnswer | LargesseError) -> None:
        if isinstance(ending, LargesseError):
            answer_problem(asked, errors.problem_of_error(ending, request_id))
        else:
            outcome = ending.outcome
            accepted = Accepted(outcome.success, outcome, outcome.transient)
            answer_json(asked, request_id, accepted)


def known_of_draw(answer: DrawAnswer, campaign: Campaign) -> Known:
    """What a refused caller may know beside the outcome."""
    if answer.outcome is Outcome.NOT_OPEN_YET:
        return opening_of(campaign, answer.now_ms)
    return Known(
        incentive_id=None if answer.incentive is None else answer.incentive.id,
        draw_id=None if answer.draw is None else answer.draw.id,
    )
