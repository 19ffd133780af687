"""Options that several commands share."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import Parameter

from largesse.cli.errors import CommandError
from largesse.client.address import TIMEOUT_S
from largesse.client.blocking import Client
from largesse.client.call import Call
from largesse.client.errors import RefusedError
from largesse.client.model import Refusal
from largesse.client.retries import Retries
from largesse.settings.load import Loaded, load

URL_VARIABLE = "LARGESSE_URL"
KEY_VARIABLE = "LARGESSE_KEY"

T = TypeVar("T")

_RETRIES = Retries(attempts_max=2)
"""Whoever sits before it does not wait long, and can press the key again."""

CampaignId = Annotated[str, Parameter(help="The id of the campaign.")]
CustomerId = Annotated[str, Parameter(help="The customer, by your own id.")]


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


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Settings given on the command line: stronger than the environment and the file."""

    config: Path | None = None
    """A TOML file with settings; by default largesse.toml where it is there."""

    database: str | None = None
    """The ledger, as sqlite:///FILE or postgresql://…"""

    host: str | None = None
    """Where to listen."""

    port: int | None = None
    """Where to listen; 0 takes a free port."""

    workers: int | None = None
    """How many processes serve the port together, on one PostgreSQL database."""

    grpc_port: int | None = None
    """Where to answer native gRPC; off without it."""

    compat_port: int | None = None
    """Where to answer clients of the older coupon service, without keys; off without it."""

    compat_tenant: str | None = None
    """The tenant they see, by its id or its name."""

    compat_host: str | None = None
    """Where to listen for them; 127.0.0.1 without it."""

    log_level: str | None = None
    """The least important line that is logged: debug, info, warning or error."""

    log_format: str | None = None
    """How the log looks: auto, json or console."""

    def load(self) -> Loaded:
        """Settings from all sources. Raises `SettingsError`."""
        overrides = {
            "database.url": self.database,
            "server.host": self.host,
            "server.port": self.port,
            "server.workers": self.workers,
            "rpc.grpc_port": self.grpc_port,
            "rpc.compat_port": self.compat_port,
            "rpc.compat_tenant": self.compat_tenant,
            "rpc.compat_host": self.compat_host,
            "log.level": self.log_level,
            "log.format": self.log_format,
        }
        # Whoever starts a server may have told the client where it is and what opens it.
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in (URL_VARIABLE, KEY_VARIABLE)
        }
        given = {name: value for name, value in overrides.items() if value is not None}
        return load(environment, config=self.config, overrides=given)
