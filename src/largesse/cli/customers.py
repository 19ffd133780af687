"""`largesse customer …`: whom a tenant knows."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from largesse.cli.options import CustomerId, Piece, Remote
from largesse.cli.shown import Shown, facts, fields, onward, table
from largesse.client import customers
from largesse.client.model import CustomerDescription


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is known of a customer; what is left out is forgotten."""

    phone: str | None = None
    """As +821012345678."""

    verified: Annotated[bool, Parameter(negative=())] = False
    """You have made sure who it is."""


_LOCAL = Remote()
_FIRST = Piece()
_PLAIN = Described()


def register(
    customer: CustomerId, /, *, described: Described = _PLAIN, remote: Remote = _LOCAL
) -> Shown:
    """Register a customer."""
    made = remote.ask(customers.register(customer, _description(described)))
    return Shown(made, [facts(fields(made))])


def replace(
    customer: CustomerId, /, *, described: Described = _PLAIN, remote: Remote = _LOCAL
) -> Shown:
    """Replace all that is known of a registered customer, attributes included."""
    changed = remote.ask(customers.replace(customer, _description(described)))
    return Shown(changed, [facts(fields(changed))])


def list_all(
    *,
    phone: Annotated[str | None, Parameter(help="Only who has this phone.")] = None,
    piece: Piece = _FIRST,
    remote: Remote = _LOCAL,
) -> Shown:
    """List registered customers by their ids."""
    found = remote.ask(customers.list_all(phone=phone, limit=piece.limit, cursor=piece.cursor))
    columns = ("customer_id", "phone", "verified", "registered_at")
    rows = ([getattr(one, column) for column in columns] for one in found.items)
    return Shown(found, [table(columns, rows), *onward(found)])


def show(customer: CustomerId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Show a registered customer."""
    found = remote.ask(customers.show(customer))
    return Shown(found, [facts(fields(found))])


def remove(customer: CustomerId, /, *, remote: Remote = _LOCAL) -> Shown:
    """Forget a customer; what he was given stays in the ledger under his id."""
    remote.ask(customers.remove(customer))
    return Shown({"customer_id": customer}, [Text(f"{customer} is forgotten.")])


def token(
    customer: CustomerId,
    /,
    *,
    expires_in_s: Annotated[int | None, Parameter(help="Seconds; 900 by default.")] = None,
    remote: Remote = _LOCAL,
) -> Shown:
    """Make a token by which a customer's browser speaks for him; it is shown this once."""
    made = remote.ask(customers.token(customer, expires_in_s=expires_in_s))
    return Shown(made, [facts(fields(made))])


def _description(described: Described) -> CustomerDescription:
    return CustomerDescription(phone=described.phone, verified=described.verified)
