"""The proof of draws over HTTP."""

from base64 import b64encode
from typing import Annotated

from msgspec import Meta, Struct

from largesse.campaigns.model import Beacon, CampaignType, RewardKind, Value
from largesse.draws.commitment import Commitment
from largesse.draws.proofs import Promised
from largesse.http.times import ShownMoment
from largesse.kernel.calendar import rfc3339, rfc3339_or_none


class CommitmentView(Struct, frozen=True):
    """What one version of a campaign committed itself to; the rest is null until it is over."""

    version: int
    commitment: Annotated[
        str,
        Meta(
            description="SHA-256, in hexadecimal, of `largesse-commitment/1|secret|terms`.",
            examples=["9b5b8a5c…"],
        ),
    ]
    secret: Annotated[str | None, Meta(description="32 bytes in hexadecimal.")]
    terms: Annotated[str | None, Meta(description="JSON, byte for byte as it was hashed.")]


class ChanceView(Struct, frozen=True):
    """What a draw may bring."""

    key: str
    kind: RewardKind
    value: Value


class CommitmentList(Struct, frozen=True):
    """What a campaign promised about its draws, by version; `told` when it is over."""

    campaign_id: str
    name: str
    type: CampaignType
    starts_at: ShownMoment
    ends_at: ShownMoment | None
    beacon: Annotated[
        Beacon | None,
        Meta(description="The round of public randomness that it is bound to, and its value."),
    ]
    rewards: list[ChanceView]
    told: bool
    items: list[CommitmentView]


class ProofKey(Struct, frozen=True):
    """The key that proofs of this installation are signed with."""

    algorithm: str
    public_key: Annotated[str, Meta(description="The 32 bytes in Base64.")]


def show_promised(promised: Promised) -> CommitmentList:
    """The view of what a campaign promised."""
    campaign = promised.campaign
    definition = campaign.definition
    return CommitmentList(
        campaign.id,
        definition.name,
        definition.type,
        rfc3339(definition.starts_at_ms),
        rfc3339_or_none(definition.ends_at_ms),
        definition.beacon,
        [ChanceView(one.key, one.kind, one.value) for one in definition.rewards],
        promised.told,
        [_show(one) for one in promised.commitments],
    )


def show_key(public_key: bytes) -> ProofKey:
    """The view of a public key."""
    return ProofKey("Ed25519", b64encode(public_key).decode())


def _show(one: Commitment) -> CommitmentView:
    return CommitmentView(one.version, one.digest, one.secret, one.terms)
