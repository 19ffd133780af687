"""`largesse tenant …`: organisations that run campaigns."""

from typing import Annotated

from cyclopts import Parameter

from largesse.cli.client import path_of
from largesse.cli.options import Remote
from largesse.cli.shown import KEEP, Shown, facts

_TEST_MODE = "Give it a clock of its own, which is moved forward over the API."
_LOCAL = Remote()


def create(
    name: Annotated[str, Parameter(help="What it is called.")],
    /,
    *,
    time_zone: Annotated[str, Parameter(help="The IANA zone of its calendar days.")] = "UTC",
    test_mode: Annotated[bool, Parameter(negative=(), help=_TEST_MODE)] = False,
    remote: Remote = _LOCAL,
) -> Shown:
    """Make a tenant and its first admin key, which is shown this once."""
    body = {"name": name, "time_zone": time_zone, "test_mode": test_mode}
    made = remote.client().post(path_of("tenants"), body)
    return Shown(made, [facts(made.items()), KEEP])


def show(tenant: Annotated[str, Parameter(help="Its id.")], /, *, remote: Remote = _LOCAL) -> Shown:
    """Show a tenant."""
    found = remote.client().get(path_of("tenants", tenant))
    return Shown(found, [facts(found.items())])
