"""Calls about tenants; the key needs the scope `operator` to make one."""

from largesse.client.call import Call, get, path_of, post, reading
from largesse.client.model import NewTenant, Tenant

_NEW = reading(NewTenant)
_TENANT = reading(Tenant)


def create(
    name: str, *, time_zone: str = "UTC", test_mode: bool = False, key: str | None = None
) -> Call[NewTenant]:
    """Make a tenant and its first admin key, which is shown this once."""
    body = {"name": name, "time_zone": time_zone, "test_mode": test_mode}
    return post(path_of("tenants"), body, _NEW, key)


def show(tenant: str) -> Call[Tenant]:
    """Show a tenant."""
    return get(path_of("tenants", tenant), _TENANT)
