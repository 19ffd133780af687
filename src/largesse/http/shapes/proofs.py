"""The proof of draws over HTTP."""

from base64 import b64encode
from typing import Annotated

from msgspec import Meta, Struct

from largesse.draws.commitment import Commitment
from largesse.draws.proofs import Promised


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


class CommitmentList(Struct, frozen=True):
    """What a campaign promised about its draws, by version; `told` when it is over."""

    campaign_id: str
    name: str
    told: bool
    items: list[CommitmentView]


class ProofKey(Struct, frozen=True):
    """The key that proofs of this installation are signed with."""

    algorithm: str
    public_key: Annotated[str, Meta(description="The 32 bytes in Base64.")]


def show_promised(promised: Promised) -> CommitmentList:
    """The view of what a campaign promised."""
    campaign = promised.campaign
    items = [_show(one) for one in promised.commitments]
    return CommitmentList(campaign.id, campaign.definition.name, promised.told, items)


def show_key(public_key: bytes) -> ProofKey:
    """The view of a public key."""
    return ProofKey("Ed25519", b64encode(public_key).decode())


def _show(one: Commitment) -> CommitmentView:
    return CommitmentView(one.version, one.digest, one.secret, one.terms)
