"""What one can do with the proof of a draw: see what was promised, take all of it away."""

from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from largesse.campaigns.model import Campaign, CampaignType
from largesse.draws.bundle import BundleWriter, Pseudonyms, Signer
from largesse.draws.commitment import Commitment, SecretOf, commit, is_provable, may_tell
from largesse.draws.model import Drawn
from largesse.draws.raffles import Raffles, Stores
from largesse.draws.receipt import ReceiptWriter
from largesse.kernel.clock import TenantClocks
from largesse.kernel.errors import NotFoundError, WrongStatusError

KEPT_MAX = 1_024
"""Campaigns whose commitments are at hand: anybody may ask for them, as often as he likes."""


class Vault(Struct, frozen=True):
    """The secrets of draws; `open_signer` loads what signing needs, when it is needed."""

    secret_of: SecretOf
    pseudonyms: Pseudonyms
    open_signer: Callable[[], Signer]


class Promised(Struct, frozen=True):
    """What a campaign promises about its draws; `told` when the secrets are out."""

    campaign: Campaign
    commitments: list[Commitment]
    told: bool


class Proofs:
    """Shows what campaigns promised before their draws, and gives away the proof after them."""

    def __init__(
        self,
        stores: Stores,
        raffles: Raffles,
        clocks: TenantClocks,
        vault: Vault,
    ) -> None:
        self._store = stores.draws
        self._campaigns = stores.campaigns
        self._offers = stores.offers
        self.raffles = raffles
        """What one can do with raffles."""
        self._clocks = clocks
        self._vault = vault
        self._kept: dict[tuple[int, int, bool], list[Commitment]] = {}

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the Ed25519 key that all bundles of this installation are signed with."""
        return self._vault.open_signer().public_key

    async def promised(self, campaign_id: str) -> Promised:
        """What a campaign of whichever tenant promises: it is for everybody to see.

        `NotFoundError` for a draft and for whatever is no draw.
        """
        campaign = self._offers.campaign(campaign_id)
        if campaign is None or not is_provable(campaign):
            message = f"there is no draw {campaign_id!r} here that promised anything"
            raise NotFoundError(message)
        told = may_tell(campaign, self._clocks.now_ms(campaign.tenant))
        return Promised(campaign, await self._commitments(campaign, told=told), told)

    def salt(self, campaign: Campaign, customer: str) -> str:
        """What a customer needs to find his draws in the bundle."""
        return self._vault.pseudonyms.salt_of(campaign, customer)

    async def receipt(self, drawn: Drawn) -> bytes:
        """The receipt of a draw, at any time after it: the same whenever it is asked for."""
        campaign = self._offers.numbered(drawn.campaign)
        assert campaign is not None, "a draw's campaign is known"
        saved = await self._campaigns.version(campaign.tenant, campaign.id, drawn.version)
        version = saved.campaign
        commitment = commit(version, self._vault.secret_of(version), told=False)
        writer = ReceiptWriter(self._vault.open_signer(), self._vault.pseudonyms)
        return writer.receipt(campaign, version.definition.name, commitment, drawn)

    async def bundle(self, tenant: int, campaign_id: str) -> AsyncIterator[bytes]:
        """The proof of a campaign that is over, in pieces.

        Raises `WrongStatusError` while secrets are still needed.
        """
        campaign = (await self._campaigns.campaign(tenant, campaign_id)).campaign
        if not is_provable(campaign):
            message = f"campaign {campaign_id} made no draws that could be proven"
            raise WrongStatusError(message)
        if not may_tell(campaign, self._clocks.now_ms(tenant)):
            message = (
                "the proof tells the secret: it is made ten seconds after the campaign's end, or "
                "once it is ended by hand"
            )
            raise WrongStatusError(message)
        writer = BundleWriter(self._store, self._vault.open_signer(), self._vault.pseudonyms)
        closing = None
        if campaign.definition.type is CampaignType.RAFFLE:
            closing = await self.raffles.close(campaign)
        return writer.pieces(campaign, await self._commitments(campaign, told=True), closing)

    async def _commitments(self, campaign: Campaign, *, told: bool) -> list[Commitment]:
        """One for each version that made draws or may make some: from the first draw's on.

        Only the newest version makes draws, so what was found for it stays true.
        """
        found = self._kept.get((campaign.number, campaign.version, told))
        if found is not None:
            return found
        first = next(iter(await self._store.draws(campaign.number, 0, 1)), None)
        oldest = campaign.version if first is None else first.version
        found = []
        for version in range(oldest, campaign.version + 1):
            saved = await self._campaigns.version(campaign.tenant, campaign.id, version)
            one = saved.campaign
            found.append(commit(one, self._vault.secret_of(one), told=told))
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[campaign.number, campaign.version, told] = found
        return found
