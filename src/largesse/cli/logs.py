"""What is told on standard error: one line per event, in JSON for machines, coloured for people."""

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

import msgspec
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from largesse.settings.secret import MASK, Secret
from largesse.settings.tree import Log

NOISY = ("asyncio", "uvicorn")
"""Libraries that tell of each step at level info, which is for what largesse itself does."""

_API_KEY = re.compile(r"lgs_[\w-]+|eyJ[\w-]+\.[\w-]+\.[\w-]+")
"""Customer tokens open something, too."""


class Masked:
    """Writes a line without what must not be read in it: API keys, and the secrets it is given."""

    def __init__(self, renderer: Processor, secrets: Sequence[Secret]) -> None:
        self._renderer = renderer
        self._secrets = [secret.reveal() for secret in secrets]

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        """The line, with a mask where a secret was."""
        line = _API_KEY.sub(MASK, str(self._renderer(logger, name, event)))
        for secret in self._secrets:
            line = line.replace(secret, MASK)
        return line


class NamedLogger(structlog.WriteLogger):
    """Writes lines to a stream, and knows which module speaks.

    A line that cannot be written is lost: on a full disk the log must not cost answers, too.
    """

    def __init__(self, name: str, stream: TextIO) -> None:
        super().__init__(stream)
        self.name = name

    def msg(self, message: str) -> None:
        """Write a line."""
        with suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = msg


def set_up_logs(settings: Log, stream: TextIO, secrets: Sequence[Secret] = ()) -> None:
    """Send what largesse and its libraries have to say to `stream`, as the settings want it."""
    json = settings.format == "json" or (settings.format == "auto" and not stream.isatty())
    renderers = _renderers(secrets, json=json)
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Our own lines go straight to the stream: the detour through `logging` would cost a batch of
    # claims more than its settling.
    structlog.configure(
        processors=[*before, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        logger_factory=lambda name: NamedLogger(name, stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.level.upper(), force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.root.level))


def _renderers(secrets: Sequence[Secret], *, json: bool) -> list[Processor]:
    """Tracebacks are plain: those that show local variables show secrets, too."""
    if json:
        renderer: Processor = structlog.processors.JSONRenderer(serializer=_to_json)
        return [structlog.processors.format_exc_info, Masked(renderer, secrets)]
    traceback = structlog.dev.plain_traceback
    return [Masked(structlog.dev.ConsoleRenderer(exception_formatter=traceback), secrets)]


def _to_json(event: EventDict, **_: object) -> str:
    """One JSON object; what JSON has no shape for is written as Python would show it."""
    return msgspec.json.encode(event, enc_hook=repr).decode()
