"""Calls about what was given, and about codes."""

from largesse.client.call import Call, deciding, get, path_of, post, reading
from largesse.client.model import Incentive, Page, Refusal, Verdict

_INCENTIVE = reading(Incentive)
_INCENTIVES = reading(Page[Incentive])
_INCENTIVE_OR_REFUSAL = deciding(Incentive)
_VERDICT = reading(Verdict)


def list_all(
    campaign: str, *, limit: int | None = None, cursor: str | None = None
) -> Call[Page[Incentive]]:
    """List a campaign's incentives by reward and serial, new ones at the end."""
    path = path_of("campaigns", campaign, "incentives")
    return get(path, _INCENTIVES, limit=limit, cursor=cursor)


def show(incentive: str) -> Call[Incentive]:
    """Show an incentive as it stands now."""
    return get(path_of("incentives", incentive), _INCENTIVE)


def find_code(code: str) -> Call[Incentive | Refusal]:
    """Find an incentive by its code as somebody typed it; UNKNOWN_CODE is a refusal."""
    return get(path_of("codes", code), _INCENTIVE_OR_REFUSAL)


def revoke(incentive: str, *, key: str | None = None) -> Call[Incentive | Refusal]:
    """Take an incentive back; its unit returns to the stock, once."""
    return post(_revoking(incentive), None, _INCENTIVE_OR_REFUSAL, key)


def would_revoke(incentive: str) -> Call[Verdict]:
    """Ask whether it could be taken back; nothing changes."""
    return post(_revoking(incentive) + "?dry_run=true", None, _VERDICT)


def _revoking(incentive: str) -> str:
    return path_of("incentives", f"{incentive}:revoke")
