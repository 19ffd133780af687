"""What a winner is told, and how a channel may take it."""

from enum import Enum, auto
from typing import Any

from msgspec import Struct


class Notice(Struct, frozen=True, kw_only=True):
    """Somebody has won. `id` is the same whenever he is told again: receivers tell him once.

    `phone` is None where the tenant never said it; `won_at` and `expires_at` are RFC 3339.
    """

    id: str
    tenant_id: str
    test_mode: bool
    customer_id: str
    phone: str | None
    campaign_id: str
    campaign_name: str
    draw_number: int
    incentive_id: str
    reward: str
    value: dict[str, Any]
    code: str | None
    won_at: str
    expires_at: str | None


class Heard(Enum):
    """What became of a notice: taken, refused for good, or to be tried again later."""

    TAKEN = auto()
    REFUSED = auto()
    LATER = auto()
