"""Campaigns, their versions, rewards and code patterns in this process."""

from msgspec.structs import replace

from largesse.campaigns.decide import check_quota, shown_status
from largesse.campaigns.model import Campaign, CampaignFilter, CodeBlock, Counters, Reward
from largesse.campaigns.ports import PatternState
from largesse.kernel.fact import AuditEntry, FactKind
from largesse.storage.memory.state import Fact, KeptBlock, MemoryState


class MemoryCampaignRecords:
    """See `CampaignRecords`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def campaign(self, tenant: int, campaign_id: str) -> Campaign | None:
        """See `CampaignRecords`."""
        return self._find(tenant, campaign_id, None)

    def campaign_numbered(self, tenant: int, number: int) -> Campaign | None:
        """See `CampaignRecords`."""
        campaign = self._state.campaign(number)
        return campaign if campaign is not None and campaign.tenant == tenant else None

    def campaigns(
        self, tenant: int, which: CampaignFilter, before: int | None, limit: int
    ) -> list[Campaign]:
        """See `CampaignRecords`."""
        present = [self._present(number) for number in sorted(self._state.campaigns, reverse=True)]
        matching = [
            campaign
            for campaign in present
            if campaign.tenant == tenant
            and (before is None or campaign.number < before)
            and _matches(campaign, which)
        ]
        return matching[:limit]

    def version(self, tenant: int, campaign_id: str, version: int) -> Campaign | None:
        """See `CampaignRecords`."""
        return self._find(tenant, campaign_id, version)

    def add_campaign(self, campaign: Campaign) -> Campaign:
        """See `CampaignRecords`."""
        return self._keep(replace(campaign, number=self._state.new_number("campaign")))

    def save_campaign(self, campaign: Campaign) -> Campaign:
        """See `CampaignRecords`."""
        kept = {reward.number for reward in campaign.rewards}
        for reward in self._state.campaigns[campaign.number].rewards:
            if reward.number not in kept:
                self._remove_reward(reward)
        return self._keep(campaign)

    def remove_campaign(self, campaign: Campaign) -> None:
        """See `CampaignRecords`."""
        for reward in campaign.rewards:
            self._remove_reward(reward)
        state, number = self._state, campaign.number
        kept = state.definitions.items()
        state.definitions = {at: definition for at, definition in kept if at[0] != number}
        del state.campaigns[number]
        state.touched.add(number)

    def patterns(self, tenant: int) -> list[PatternState]:
        """See `CampaignRecords`."""
        return [state for (owner, *_), state in self._state.patterns.items() if owner == tenant]

    def add_pattern(self, tenant: int, pattern: str, source: str) -> PatternState:
        """See `CampaignRecords`."""
        patterns, place = self._state.patterns, (tenant, pattern, source)
        if place not in patterns:
            number = self._state.new_number("pattern")
            patterns[place] = PatternState(number, pattern, source, taken=0)
        return patterns[place]

    def blocks(self, reward: int) -> list[CodeBlock]:
        """See `CampaignRecords`."""
        return [kept.block for kept in self._state.blocks if kept.reward == reward]

    def take_block(self, pattern: int, reward: int, count: int) -> CodeBlock:
        """See `CampaignRecords`."""
        patterns = self._state.patterns
        place, state = next(item for item in patterns.items() if item[1].id == pattern)
        patterns[place] = replace(state, taken=state.taken + count)
        serial = 1 + sum(block.count for block in self.blocks(reward))
        block = CodeBlock(serial, state.taken, count)
        self._state.blocks.append(KeptBlock(pattern, reward, block))
        return block

    def audit(self, entry: AuditEntry) -> None:
        """See `CampaignRecords`."""
        self._state.audit.append(entry)

    def tell(self, kind: FactKind, campaign: Campaign, at_ms: int) -> None:
        """See `CampaignRecords`."""
        told = Fact(kind, at_ms, campaign.number, campaign.version, status=campaign.status.value)
        self._state.facts.append(told)

    def _find(self, tenant: int, campaign_id: str, version: int | None) -> Campaign | None:
        for campaign in self._state.campaigns.values():
            if campaign.tenant == tenant and campaign.id == campaign_id:
                return self._state.campaign(campaign.number, version)
        return None

    def _present(self, number: int) -> Campaign:
        campaign = self._state.campaign(number)
        assert campaign is not None
        return campaign

    def _keep(self, campaign: Campaign) -> Campaign:
        state = self._state
        kept = replace(campaign, rewards=tuple(self._numbered(one) for one in campaign.rewards))
        for index, reward in enumerate(kept.rewards):
            counters = state.counters.setdefault(reward.number, Counters())
            pointer = f"/rewards/{index}/quota_total"
            check_quota(pointer, counters, reward.definition.quota_total)
        state.campaigns[kept.number] = kept
        state.definitions.setdefault((kept.number, kept.version), kept.definition)
        state.touched.add(kept.number)
        return self._present(kept.number)

    def _numbered(self, reward: Reward) -> Reward:
        return reward if reward.number else replace(reward, number=self._state.new_number("reward"))

    def _remove_reward(self, reward: Reward) -> None:
        state = self._state
        assert not state.counters[reward.number].serials, "a reward that was issued stays for ever"
        del state.counters[reward.number]
        state.blocks = [kept for kept in state.blocks if kept.reward != reward.number]


def _matches(campaign: Campaign, which: CampaignFilter) -> bool:
    definition = campaign.definition
    if which.status is not None and shown_status(campaign, which.now_ms) is not which.status:
        return False
    if which.type is not None and definition.type is not which.type:
        return False
    wanted = which.name_contains
    return wanted is None or wanted.casefold() in definition.name.casefold()
