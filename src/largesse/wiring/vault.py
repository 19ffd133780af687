"""The secrets of draws: by which they roll, how their customers are hidden, who signs."""

from functools import lru_cache
from hmac import digest

from largesse.campaigns.model import Campaign
from largesse.draws.bundle import Pseudonyms, Signer
from largesse.draws.commitment import has_one_secret
from largesse.draws.proofs import Vault

SECRETS = 1_024
"""Secrets of versions kept at hand: one is worked out in microseconds, but for each draw."""

SALT_BYTES = 16


def make_vault(rolls: bytes, salts: bytes, signing: bytes) -> Vault:
    """The vault of an installation, by three secrets that are good for nothing else.

    A version of a campaign rolls by a secret of its own, which tells nothing of others'.
    """

    @lru_cache(maxsize=SECRETS)
    def secret(campaign_id: str, version: int) -> bytes:
        return digest(rolls, f"{campaign_id}|{version}".encode(), "sha256")

    def salt_of(campaign: Campaign, customer: str) -> str:
        return digest(salts, f"{campaign.id}|{customer}".encode(), "sha256")[:SALT_BYTES].hex()

    def open_signer() -> Signer:
        from largesse.draws.signing import signer_of  # noqa: PLC0415 — it costs memory when idle

        return signer_of(signing)

    def secret_of(campaign: Campaign) -> bytes:
        return secret(campaign.id, 0 if has_one_secret(campaign) else campaign.version)

    return Vault(secret_of, Pseudonyms(salt_of), open_signer)
