"""Options that several commands share."""

from dataclasses import dataclass
from typing import Annotated, TypeVar

from cyclopts import Parameter

from largesse.cli.chosen import KEY_VARIABLE, URL_VARIABLE, Chosen
from largesse.cli.errors import CommandError
from largesse.client.address import TIMEOUT_S
from largesse.client.blocking import Client
from largesse.client.call import Call
from largesse.client.errors import RefusedError
from largesse.client.model import Refusal
from largesse.client.retries import Retries

T = TypeVar("T")

_RETRIES = Retries(attempts_max=2)
"""Whoever sits before it does not wait long, and can press the key again."""

CampaignId = Annotated[str, Parameter(help="The id of the campaign.")]
CustomerId = Annotated[str, Parameter(help="The customer, by your own id.")]

Settling = Annotated[Chosen, Parameter(name="*")]
"""Settings given on the command line, each as an option."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """The running server that a command speaks to."""

    url: Annotated[str, Parameter(env_var=URL_VARIABLE)] = "http://127.0.0.1:8000"
    """Where the server listens."""

    key: Annotated[str | None, Parameter(env_var=KEY_VARIABLE)] = None
    """The API key to ask with; in the variable no list of processes shows it."""

    def ask(self, call: Call[T]) -> T:
        """The result of one call. Raises `CommandError`, and what `Client.ask` raises."""
        with self.client() as client:
            return client.ask(call)

    def have(self, call: Call[T | Refusal]) -> T:
        """What one call was for. Raises `RefusedError` where it is refused, else as `ask`."""
        answer = self.ask(call)
        if isinstance(answer, Refusal):
            raise RefusedError(answer)
        return answer

    def client(self, timeout_s: float = TIMEOUT_S) -> Client:
        """A client of that server. Raises `CommandError` where there is no key."""
        return Client(self.url, self.opened_by(), retries=_RETRIES, timeout_s=timeout_s)

    def opened_by(self) -> str:
        """The API key. Raises `CommandError` where none is given."""
        if self.key is None:
            raise CommandError("no API key: set LARGESSE_KEY, or give --key")
        return self.key


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Which piece of a list to show."""

    limit: int = 50
    """How many to show, at most 200."""

    cursor: str | None = None
    """Where the piece before this one ended."""
