"""What can be claimed, in memory: every campaign but drafts, as its last commit left it."""

from collections.abc import Callable

from largesse.campaigns.model import Campaign, Status


class Offers:
    """The campaigns that a wish may name. Read and written in the loop's thread only.

    The store publishes a campaign after the commit that changed it and before its writer is
    answered, so whoever reads his own answer finds his own change.
    """

    def __init__(self) -> None:
        self._campaigns: dict[str, Campaign] = {}
        self._numbered: dict[int, Campaign] = {}
        self._owners: dict[int, Campaign] = {}
        self._versions: dict[tuple[int, int], Campaign] = {}
        self._listeners: list[Callable[[Campaign], None]] = []

    def listen(self, listener: Callable[[Campaign], None]) -> None:
        """Call a listener with each campaign known now, and with each that is published later."""
        self._listeners.append(listener)
        for campaign in self._campaigns.values():
            listener(campaign)

    def publish(self, campaign: Campaign) -> None:
        """Know a campaign, or what has changed about it. Drafts give nothing: they are left out."""
        if campaign.status is Status.DRAFT:
            return
        self._campaigns[campaign.id] = self._numbered[campaign.number] = campaign
        self.keep_version(campaign)
        for reward in campaign.rewards:
            self._owners[reward.number] = campaign
        for listener in self._listeners:
            listener(campaign)

    def campaign(self, campaign_id: str) -> Campaign | None:
        """A campaign by its id."""
        return self._campaigns.get(campaign_id)

    def numbered(self, number: int) -> Campaign | None:
        """A campaign by its number."""
        return self._numbered.get(number)

    def count(self, tenant: int) -> int:
        """How many campaigns of a tenant are known."""
        return sum(campaign.tenant == tenant for campaign in self._campaigns.values())

    def campaign_of_reward(self, reward: int) -> Campaign | None:
        """The campaign that has a reward, by the reward's number."""
        return self._owners.get(reward)

    def version(self, campaign: int, version: int) -> Campaign | None:
        """A campaign as one of its versions was, where that version was met before."""
        return self._versions.get((campaign, version))

    def keep_version(self, campaign: Campaign) -> None:
        """Remember a version; versions never change."""
        self._versions[campaign.number, campaign.version] = campaign
