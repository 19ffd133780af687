"""A network between a server and its database that fails when the test says so."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CHUNK_BYTES = 65_536
START_S_MAX = 10.0


class FaultProxy:
    """Passes bytes on to a port of this machine until told otherwise; listens at `port`.

    Held, it takes bytes and connections and passes nothing on: neither end hears of it, and what
    was on its way arrives when it heals. Cut, it resets every connection and each new one. Slow, it
    lets each piece wait. It has a loop and a thread of its own, so that nobody need be running.
    """

    def __init__(self, upstream: int) -> None:
        self.port = 0
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._is_cut = False
        self._delay_s = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    def hold(self) -> None:
        """Pass nothing on any more, without a word."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def cut(self) -> None:
        """Reset everything; what was on its way is lost."""
        self._loop.call_soon_threadsafe(self._cut)

    def slow(self, delay_s: float) -> None:
        """Let each piece wait for so long, either way."""
        self._delay_s = delay_s

    def heal(self) -> None:
        """Be a network again."""
        self._is_cut, self._delay_s = False, 0.0
        self._loop.call_soon_threadsafe(self._open.set)

    def run(self, listening: Callable[[], None]) -> None:
        """Listen, tell so, and go on until stopped."""
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        listening()
        self._loop.run_forever()
        server.close()
        self._cut()
        for pump in self._pumps:
            pump.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._pumps, return_exceptions=True))
        self._loop.close()

    def stop(self) -> None:
        """Have `run` return."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._is_cut:
            writer.transport.abort()
            return
        upstream, there = await asyncio.open_connection("127.0.0.1", self._upstream)
        self._writers.add(there)
        for one, other in ((reader, there), (upstream, writer)):
            pump = self._loop.create_task(self._pump(one, other))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                if self._delay_s:
                    arrived = asyncio.Event()
                    self._loop.call_later(self._delay_s, arrived.set)
                    await arrived.wait()
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            writer.close()


@contextmanager
def fault_proxy(upstream: int) -> Iterator[FaultProxy]:
    """A network to a port of this machine, sound at first."""
    proxy, listening = FaultProxy(upstream), threading.Event()
    thread = threading.Thread(target=proxy.run, args=(listening.set,))
    thread.start()
    assert listening.wait(START_S_MAX)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()
