"""Calls about the API keys of a tenant."""

from collections.abc import Sequence

from largesse.client.call import Call, Request, get, path_of, post, reading
from largesse.client.model import Key, NewKey, Page

_NEW = reading(NewKey)
_KEY = reading(Key)
_KEYS = reading(Page[Key])


def create(
    name: str, scopes: Sequence[str], *, expires_at: str | None = None, key: str | None = None
) -> Call[NewKey]:
    """Make a key, whose secret is shown this once."""
    body = {"name": name, "scopes": scopes, "expires_at": expires_at}
    return post(path_of("keys"), body, _NEW, key)


def list_all(*, limit: int | None = None, cursor: str | None = None) -> Call[Page[Key]]:
    """List the tenant's keys, revoked ones included."""
    return get(path_of("keys"), _KEYS, limit=limit, cursor=cursor)


def revoke(key_id: str) -> Call[Key]:
    """Make a key useless at once and for ever."""
    return Call(Request("DELETE", path_of("keys", key_id)), _KEY)
