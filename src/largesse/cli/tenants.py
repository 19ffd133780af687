"""`largesse tenant …`: organisations that run campaigns."""

from typing import Annotated

from cyclopts import Parameter

from largesse.cli.options import Remote
from largesse.cli.shown import KEEP, Shown, facts, fields
from largesse.client import tenants

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
    made = remote.ask(tenants.create(name, time_zone=time_zone, test_mode=test_mode))
    return Shown(made, [facts(fields(made)), KEEP])


def show(tenant: Annotated[str, Parameter(help="Its id.")], /, *, remote: Remote = _LOCAL) -> Shown:
    """Show a tenant."""
    found = remote.ask(tenants.show(tenant))
    return Shown(found, [facts(fields(found))])
