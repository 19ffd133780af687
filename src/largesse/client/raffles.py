"""Calls about raffles."""

from largesse.client.call import Call, deciding, get, path_of, post, reading
from largesse.client.draw_model import Entry, Raffle
from largesse.client.model import Refusal

_ENTRY = deciding(Entry)
_RAFFLE = reading(Raffle)


def enter(campaign: str, customer: str, *, key: str | None = None) -> Call[Entry | Refusal]:
    """Have a customer take part; a refusal is an outcome, never raised."""
    return post(path_of("campaigns", campaign, "entries"), {"customer_id": customer}, _ENTRY, key)


def show(campaign: str) -> Call[Raffle]:
    """Show what a raffle closed with."""
    return get(path_of("campaigns", campaign, "raffle"), _RAFFLE)


def pick(campaign: str) -> Call[Raffle]:
    """Pick the winners and give them their prizes; asked again, it gives nothing twice."""
    return post(path_of("campaigns", f"{campaign}:pick"), None, _RAFFLE)
