"""What a command line chooses of the settings; it brings nothing along that reads command lines."""

import os
from dataclasses import dataclass
from pathlib import Path

from largesse.settings.load import Loaded, load

URL_VARIABLE = "LARGESSE_URL"
KEY_VARIABLE = "LARGESSE_KEY"


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
