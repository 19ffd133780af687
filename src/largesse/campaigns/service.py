"""What one can do with campaigns."""

from typing import Any

import msgspec
from msgspec.structs import replace

from largesse.campaigns import decide
from largesse.campaigns.codes import CodeKeeper
from largesse.campaigns.decide import Verb
from largesse.campaigns.model import (
    Campaign,
    CampaignDefinition,
    CampaignFilter,
    Removed,
    Reward,
    Saved,
    Status,
)
from largesse.campaigns.ports import CampaignRecords, CampaignStore, CodeSpaces
from largesse.kernel.clock import TenantClocks
from largesse.kernel.command import Command, Done
from largesse.kernel.errors import EditConflictError, NotFoundError
from largesse.kernel.fact import AuditEntry, FactKind
from largesse.kernel.ids import Ids


class Campaigns:
    """Sets campaigns up and leads them through their lives."""

    def __init__(
        self, store: CampaignStore, spaces: CodeSpaces, clocks: TenantClocks, ids: Ids
    ) -> None:
        self._store = store
        self._codes = CodeKeeper(spaces)
        self._clocks = clocks
        self._ids = ids

    async def create(
        self, command: Command, definition: CampaignDefinition, *, activate: bool
    ) -> Done[Saved]:
        """Make a draft, or an active campaign in one step."""
        decide.check(definition)
        if activate:
            decide.check_not_over(definition, command.now_ms)

        def work(records: CampaignRecords) -> Saved:
            warnings = self._codes.check(records, command.tenant, definition)
            campaign = records.add_campaign(self._draft(command, definition))
            if activate:
                campaign = self._activated(records, campaign)
            self._record(records, command, None, campaign)
            return Saved(campaign, command.now_ms, warnings)

        return await self._store.write(command, work, Saved)

    async def edit(
        self, command: Command, campaign_id: str, version: int, definition: CampaignDefinition
    ) -> Done[Saved]:
        """Replace the definition, if the campaign still stands at `version`; makes the next one.

        Raises `EditConflictError` where somebody else was faster.
        """

        def work(records: CampaignRecords) -> Saved:
            before = _find(records, command.tenant, campaign_id)
            if before.version != version:
                message = f"the campaign is at version {before.version}, not {version}: read it"
                raise EditConflictError(message + " again, then repeat the change")
            decide.check_edit(before, definition, command.now_ms)
            warnings = self._codes.check(records, command.tenant, definition, before)
            edited = replace(before, definition=definition, version=version + 1)
            saved = records.save_campaign(replace(edited, rewards=_rewards(before, definition)))
            if saved.status is not Status.DRAFT:
                self._codes.cover(records, saved)
            self._record(records, command, before, saved)
            return Saved(saved, command.now_ms, warnings)

        return await self._store.write(command, work, Saved)

    async def step(self, command: Command, campaign_id: str, verb: Verb) -> Done[Saved]:
        """Activate, pause or end. A step that changes nothing is answered with what is."""

        def work(records: CampaignRecords) -> Saved:
            before = _find(records, command.tenant, campaign_id)
            status = decide.step(before, verb, command.now_ms)
            if status is before.status:
                return Saved(before, command.now_ms)
            warnings: tuple[str, ...] = ()
            if before.status is Status.DRAFT and status is Status.ACTIVE:
                warnings = self._codes.check(records, command.tenant, before.definition, before)
                after = self._activated(records, before)
            else:
                after = records.save_campaign(replace(before, status=status))
            self._record(records, command, before, after)
            return Saved(after, command.now_ms, warnings)

        return await self._store.write(command, work, Saved)

    async def remove(self, command: Command, campaign_id: str) -> Done[Removed]:
        """Take away a draft that never issued anything; end any other campaign."""

        def work(records: CampaignRecords) -> Removed:
            before = _find(records, command.tenant, campaign_id)
            given = sum(reward.counters.serials for reward in before.rewards)
            if before.status is Status.DRAFT and not given:
                records.remove_campaign(before)
                records.audit(AuditEntry.of(command, before.id, _shown(before), None))
                return Removed(None)
            if before.status is Status.ENDED:
                return Removed(Saved(before, command.now_ms))
            after = records.save_campaign(replace(before, status=Status.ENDED))
            self._record(records, command, before, after)
            return Removed(Saved(after, command.now_ms))

        return await self._store.write(command, work, Removed)

    async def campaign(self, tenant: int, campaign_id: str) -> Saved:
        """One campaign, with its stock of this moment."""
        campaign = await self._store.read(lambda records: _find(records, tenant, campaign_id))
        return Saved(campaign, self._clocks.now_ms(tenant))

    async def numbered(self, tenant: int, number: int) -> Saved:
        """As `campaign`, by the campaign's number."""

        def find(records: CampaignRecords) -> Campaign:
            found = records.campaign_numbered(tenant, number)
            if found is None:
                raise NotFoundError(f"there is no campaign {number} here")
            return found

        return Saved(await self._store.read(find), self._clocks.now_ms(tenant))

    async def version(self, tenant: int, campaign_id: str, version: int) -> Saved:
        """A campaign as one of its versions was, with its stock of this moment."""

        def find(records: CampaignRecords) -> Campaign:
            found = records.version(tenant, campaign_id, version)
            if found is None:
                message = f"there is no version {version} of campaign {campaign_id!r} here"
                raise NotFoundError(message)
            return found

        return Saved(await self._store.read(find), self._clocks.now_ms(tenant))

    async def campaigns(
        self, tenant: int, which: CampaignFilter, before: int | None, limit: int
    ) -> list[Saved]:
        """A tenant's campaigns, newest first, those with a number below `before`."""
        found = await self._store.read(
            lambda records: records.campaigns(tenant, which, before, limit)
        )
        return [Saved(campaign, which.now_ms) for campaign in found]

    def _draft(self, command: Command, definition: CampaignDefinition) -> Campaign:
        return Campaign(
            number=0,
            id=self._ids.new("camp"),
            tenant=command.tenant,
            status=Status.DRAFT,
            version=1,
            definition=definition,
            rewards=tuple(Reward(0, reward) for reward in definition.rewards),
            created_at_ms=command.now_ms,
        )

    def _activated(self, records: CampaignRecords, draft: Campaign) -> Campaign:
        campaign = records.save_campaign(replace(draft, status=Status.ACTIVE))
        self._codes.cover(records, campaign)
        return campaign

    def _record(
        self, records: CampaignRecords, command: Command, before: Campaign | None, after: Campaign
    ) -> None:
        shown = None if before is None else _shown(before)
        records.audit(AuditEntry.of(command, after.id, shown, _shown(after)))
        records.tell(FactKind.CAMPAIGN_CHANGED, after, command.now_ms)


def _find(records: CampaignRecords, tenant: int, campaign_id: str) -> Campaign:
    campaign = records.campaign(tenant, campaign_id)
    if campaign is None:
        raise NotFoundError(f"there is no campaign {campaign_id!r} here")
    return campaign


def _rewards(before: Campaign, definition: CampaignDefinition) -> tuple[Reward, ...]:
    """The rewards of an edited definition, under the numbers that their keys already have."""
    known = {reward.definition.key: reward for reward in before.rewards}
    return tuple(
        replace(known[reward.key], definition=reward) if reward.key in known else Reward(0, reward)
        for reward in definition.rewards
    )


def _shown(campaign: Campaign) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(campaign.definition)
    return {"status": campaign.status, "version": campaign.version, **shown}
