"""Calls about draws: a refusal is an outcome, never raised, and so is a draw that wins nothing."""

from http import HTTPStatus

from largesse.client.call import Answer, Call, deciding, get, path_of, post, reading, refusal_of
from largesse.client.draw_model import Commitments, Drawn, Draws, ProofKey, ShownDraw
from largesse.client.errors import RefusedError
from largesse.client.model import Refusal, Verdict

_DRAWN = deciding(Drawn)
_DRAWS = reading(Draws)
_SHOWN = reading(ShownDraw)
_VERDICT = reading(Verdict)
_COMMITMENTS = reading(Commitments)
_KEY = reading(ProofKey)


def draw(
    campaign: str, customer: str, *, seed: str | None = None, key: str | None = None
) -> Call[Drawn | Refusal]:
    """Draw for a customer; `seed` is his own part in the number, of which he keeps a note."""
    return post(path_of("campaigns", campaign, "draws"), _body(customer, seed), _DRAWN, key)


def would_draw(campaign: str, customer: str) -> Call[Verdict]:
    """Ask whether a customer may draw; nothing is told of what he would win."""
    path = path_of("campaigns", campaign, "draws") + "?dry_run=true"
    return post(path, _body(customer, None), _VERDICT)


def list_all(
    campaign: str, customer: str, *, limit: int | None = None, cursor: str | None = None
) -> Call[Draws]:
    """List a customer's draws in a campaign, the newest first, and whether he may draw now."""
    query = {"customer_id": customer, "limit": limit, "cursor": cursor}
    return get(path_of("campaigns", campaign, "draws"), _DRAWS, **query)


def show(draw_id: str) -> Call[ShownDraw]:
    """Show a draw, and what it won."""
    return get(path_of("draws", draw_id), _SHOWN)


def receipt(draw_id: str) -> Call[bytes]:
    """The receipt of a draw, for its customer to keep."""
    return get(path_of("draws", draw_id, "receipt"), _read)


def commitments(campaign: str) -> Call[Commitments]:
    """Show what a draw promises, and once it is over what was behind it."""
    return get(path_of("campaigns", campaign, "commitments"), _COMMITMENTS)


def proof(campaign: str) -> Call[bytes]:
    """The proof of a draw that is over; `Client.download` takes one too large to be held."""
    return get(path_of("campaigns", campaign, "proof"), _read)


def proof_key() -> Call[ProofKey]:
    """Show the key that proofs are signed with."""
    return get(path_of("proof-key"), _KEY)


def _read(answer: Answer) -> bytes:
    if answer.status == HTTPStatus.OK:
        return answer.body
    raise RefusedError(refusal_of(answer))


def _body(customer: str, seed: str | None) -> dict[str, str]:
    return {"customer_id": customer} | ({} if seed is None else {"client_seed": seed})
