"""Calls about campaigns."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from largesse.client.call import Answer, Call, Request, get, path_of, post, reading
from largesse.client.model import Campaign, CampaignAccepted, CampaignDefinition, Page

Definition = CampaignDefinition | Mapping[str, object]
"""A campaign as its author writes it; a mapping is sent as it is."""

_CAMPAIGN = reading(Campaign)
_CAMPAIGNS = reading(Page[Campaign])
_ACCEPTED = reading(CampaignAccepted)


def create(
    definition: Definition, *, activate: bool = False, key: str | None = None
) -> Call[Campaign]:
    """Make a draft, or an active campaign."""
    return post(path_of("campaigns"), _body(definition, activate=activate), _CAMPAIGN, key)


def try_out(definition: Definition, *, activate: bool = False) -> Call[CampaignAccepted]:
    """Ask whether a campaign could be created as it is; nothing is made."""
    body = _body(definition, activate=activate)
    return post(path_of("campaigns") + "?dry_run=true", body, _ACCEPTED)


def list_all(
    *,
    status: str | None = None,
    name: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[Campaign]]:
    """List campaigns, the newest first; those with a status, or with a part of a name."""
    query = {"status": status, "name": name, "limit": limit, "cursor": cursor}
    return get(path_of("campaigns"), _CAMPAIGNS, **query)


def show(campaign: str) -> Call[Campaign]:
    """Show a campaign with its stock of this moment."""
    return get(path_of("campaigns", campaign), _CAMPAIGN)


def show_version(campaign: str, version: int) -> Call[Campaign]:
    """Show a campaign as one of its versions was."""
    return get(path_of("campaigns", campaign, "versions", str(version)), _CAMPAIGN)


def edit(campaign: str, definition: Definition, *, version: int) -> Call[Campaign]:
    """Replace what its author decides, unless it is no longer the version that was read."""
    content = msgspec.json.encode(definition)
    request = Request(
        "PUT", path_of("campaigns", campaign), content, (("If-Match", f'"{version}"'),)
    )
    return Call(request, _CAMPAIGN, repeatable=False)


def definition_of(campaign: Campaign) -> CampaignDefinition:
    """What the author of a shown campaign decided: to be changed, and sent back by `edit`."""
    said = _given(campaign)
    said["rewards"] = [_given(reward) for reward in campaign.rewards]
    return msgspec.convert(said, CampaignDefinition)


def _given(shown: Struct) -> dict[str, Any]:
    """The fields that have a value: the others have none in a definition, either."""
    fields = msgspec.to_builtins(shown)
    return {name: value for name, value in fields.items() if value is not None}


def activate(campaign: str, *, key: str | None = None) -> Call[Campaign]:
    """Activate a campaign; it opens and closes by itself."""
    return _step(campaign, "activate", key)


def pause(campaign: str, *, key: str | None = None) -> Call[Campaign]:
    """Pause a campaign, until it is activated again."""
    return _step(campaign, "pause", key)


def end(campaign: str, *, key: str | None = None) -> Call[Campaign]:
    """End a campaign for ever; what was issued stays valid."""
    return _step(campaign, "end", key)


def delete(campaign: str) -> Call[Campaign | None]:
    """Delete a draft that issued nothing: None. End any other campaign, and show it."""
    return Call(Request("DELETE", path_of("campaigns", campaign)), _remains, repeatable=False)


def _step(campaign: str, verb: str, key: str | None) -> Call[Campaign]:
    return post(path_of("campaigns", f"{campaign}:{verb}"), None, _CAMPAIGN, key)


def _remains(answer: Answer) -> Campaign | None:
    return None if answer.status == HTTPStatus.NO_CONTENT else _CAMPAIGN(answer)


def _body(definition: Definition, *, activate: bool) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(definition)
    return {**fields, "activate": True} if activate else fields
