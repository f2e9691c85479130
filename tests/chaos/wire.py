"""The line between the portal and AWS: it can be cut, or go silent, while AWS itself works on.

Stopping the stand-in would stop its clock's stacks too, which real AWS never does to anybody.
"""

import asyncio
import threading
from contextlib import suppress
from typing import Literal

State = Literal["open", "cut", "silent"]


class Wire:
    """A TCP relay to `port` on loopback; `state` may be changed at any time. A thread of its own serves
    it.
    """

    def __init__(self, port: int) -> None:
        self.state: State = "open"
        self.port = 0
        self._to = port
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        threading.Thread(target=self._serve, daemon=True, name="wire").start()
        self._ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set(self, state: State) -> None:
        """Cutting breaks what is under way, too."""
        self.state = state
        if state == "cut":
            self._loop.call_soon_threadsafe(self._break_all)

    def _break_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._relay, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.state == "cut":
            writer.transport.abort()
            return
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._to)
        ends = {writer, ours}
        self._writers |= ends
        try:
            await asyncio.gather(self._pass(reader, ours), self._pass(theirs, writer))
        finally:
            self._writers -= ends
            for end in ends:
                with suppress(OSError):
                    end.close()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                while self.state == "silent":
                    await asyncio.sleep(0.05)
                target.write(data)
                await target.drain()
        with suppress(OSError):
            target.close()
