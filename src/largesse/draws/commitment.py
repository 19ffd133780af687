"""What a campaign promises before its first draw, so that nobody can change it afterwards.

A commitment is the SHA-256 of a secret and of the terms of a draw. Who has the commitment cannot
find the secret; once the secret is told, everybody sees that secret and terms were those.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from largesse.campaigns.decide import shown_status
from largesse.campaigns.model import Campaign, CampaignType, RewardDefinition, Status
from largesse.kernel.calendar import rfc3339, rfc3339_or_none

SCHEME = "largesse-commitment/1"

REVEAL_AFTER_MS = 10_000
"""So long after `ends_at` no draw of before it can still be under way in any process."""

SecretOf = Callable[[Campaign], bytes]
"""The secret by which a campaign in one of its versions rolls."""


class Commitment(Struct, frozen=True):
    """A version's commitment. `secret` and `terms` are None until they may be told."""

    version: int
    digest: str
    secret: str | None = None
    terms: str | None = None


def commit(campaign: Campaign, secret: bytes, *, told: bool) -> Commitment:
    """What a version of a campaign commits itself to; `told` reveals what is behind it."""
    terms = terms_of(campaign)
    digest = digest_of(secret.hex(), terms)
    if not told:
        return Commitment(campaign.version, digest)
    return Commitment(campaign.version, digest, secret.hex(), terms)


def digest_of(secret: str, terms: str) -> str:
    """The commitment itself, in hexadecimal: SHA-256 of `largesse-commitment/1|secret|terms`."""
    return sha256(f"{SCHEME}|{secret}|{terms}".encode()).hexdigest()


def terms_of(campaign: Campaign) -> str:
    """All that decides what a draw wins, as JSON: a text, so that nobody has to write it again."""
    definition = campaign.definition
    terms = {
        "campaign": campaign.id,
        "version": campaign.version,
        "type": definition.type,
        "time_zone": definition.time_zone,
        "starts_at": rfc3339(definition.starts_at_ms),
        "ends_at": rfc3339_or_none(definition.ends_at_ms),
        "draws_per": msgspec.to_builtins(definition.draws_per),
        "per_customer_max": definition.per_customer_max,
        "revoke_keeps_cap": definition.revoke_keeps_cap,
        "on_exhausted": definition.on_exhausted,
        "fallback_reward": definition.fallback_reward,
        "beacon": msgspec.to_builtins(definition.beacon),
        "rewards": [_reward(reward) for reward in definition.rewards],
    }
    return msgspec.json.encode(terms).decode()


def is_provable(campaign: Campaign) -> bool:
    """Whether a campaign commits itself: a draw or a raffle that was activated."""
    drawn = campaign.definition.type in (CampaignType.DRAW, CampaignType.RAFFLE)
    return drawn and campaign.status is not Status.DRAFT


def has_one_secret(campaign: Campaign) -> bool:
    """Whether all versions roll by one secret, which was promised with the first of them.

    Elsewhere each version has its own. A secret made once the beacon's value or the entries are
    known could have been chosen.
    """
    definition = campaign.definition
    return definition.type is CampaignType.RAFFLE or definition.beacon is not None


def may_tell(campaign: Campaign, now_ms: int) -> bool:
    """Whether the secrets may be told: no draw will ever be made by them again.

    An edit that moves `ends_at` makes a new version, which has a secret of its own.
    """
    if campaign.status is Status.ENDED:
        return True
    ends_at_ms = campaign.definition.ends_at_ms
    over = ends_at_ms is not None and now_ms >= ends_at_ms + REVEAL_AFTER_MS
    return over and shown_status(campaign, now_ms) is Status.ENDED


def _reward(reward: RewardDefinition) -> dict[str, Any]:
    return {
        "key": reward.key,
        "kind": reward.kind,
        "value": msgspec.to_builtins(reward.value),
        "weight_ppm": reward.weight_ppm,
        "quota_total": reward.quota_total,
        "quota_daily": reward.quota_daily,
        "per_customer_max": reward.per_customer_max,
    }
