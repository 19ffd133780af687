"""Several processes on one port show their metrics together, whichever of them is asked."""

import asyncio
import os
import re
from contextlib import suppress
from pathlib import Path

from largesse.http.metrics import Metrics

SIBLING_S_MAX = 1.0
"""A process that does not answer by then is left out: it is starting, or ending."""

_NAME = re.compile(rb"[A-Za-z_:][\w:]*")
_HELP = b"# HELP "


class Together:
    """A process among those that meet in a folder, and the metrics of all of them.

    Each has a socket there by its number; one that takes another's place takes its socket.
    """

    def __init__(self, folder: Path, number: int, metrics: Metrics) -> None:
        self._folder = folder
        self._number = number
        self._metrics = metrics
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Answer the others, and show what all of them counted from now on."""
        mine = self._folder / f"{self._number}"
        new = self._folder / f"{self._number}.{os.getpid()}"
        self._server = await asyncio.start_unix_server(self._answer, new)
        new.rename(mine)
        self._metrics.shown = self.text

    async def close(self) -> None:
        """Answer nobody."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def text(self) -> bytes:
        """The metrics of all processes, each with its number as the label `worker`."""
        numbers = sorted(int(one.name) for one in self._folder.iterdir() if one.name.isdecimal())
        texts = await asyncio.gather(*(self._text_of(number) for number in numbers))
        return merge({number: text for number, text in zip(numbers, texts, strict=True) if text})

    async def _text_of(self, number: int) -> bytes:
        if number == self._number:
            return self._metrics.text()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(SIBLING_S_MAX):
                reader, writer = await asyncio.open_unix_connection(self._folder / str(number))
                try:
                    return await reader.read()
                finally:
                    writer.close()
        return b""

    async def _answer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            writer.write(self._metrics.text())
            await writer.drain()
        writer.close()


def merge(texts: dict[int, bytes]) -> bytes:
    """Expositions of several processes as one, by their numbers.

    What is said of one metric must stand together (Prometheus, text-based format).
    """
    families: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
    for number, text in texts.items():
        headers: list[bytes] = []
        samples: list[bytes] = []
        for line in text.splitlines():
            if line.startswith(_HELP):
                headers, samples = families.setdefault(line.split(b" ", 3)[2], ([], []))
            if line.startswith(b"#"):
                if line not in headers:
                    headers.append(line)
            elif line:
                samples.append(_labelled(line, number))
    lines = [line for family in families.values() for part in family for line in part]
    return b"".join(line + b"\n" for line in lines)


def _labelled(sample: bytes, number: int) -> bytes:
    """A sample with the label of its process before its own."""
    name = _NAME.match(sample)
    assert name is not None, sample
    rest = sample[name.end() :]
    label = b'worker="%d"' % number
    if rest.startswith(b"{"):
        return name[0] + b"{" + label + b"," + rest[1:]
    return name[0] + b"{" + label + b"}" + rest
