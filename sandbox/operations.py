"""What is going on in a stack right now, and how is it told to stop?

One operation at a time works on a stack. Whoever wants it to end early stops it: nothing new begins,
whatever waits gives up at once, and a function that is running is no longer waited for.
"""

import asyncio
import contextvars
import threading
from dataclasses import dataclass, field

from sandbox import clock
from sandbox.events import Record


@dataclass(slots=True)
class Operation:
    """A creation, change or deletion under way; lives on the server's event loop."""

    stack: Record
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    abandoned: threading.Event = field(default_factory=threading.Event)
    """The same as `stopped` for those who wait on a thread."""
    stop_reason: str = ""
    failed: list[str] = field(default_factory=list)
    children: list["Operation"] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def stop(self, reason: str) -> None:
        """Start nothing new; the first reason counts. Nested stacks stop too."""
        if not self.stopped.is_set():
            self.stop_reason = reason
        self.stopped.set()
        self.abandoned.set()
        for child in self.children:
            child.stop(reason)

    async def pause(self, seconds: float) -> None:
        """So many stand-in seconds, or less when stopped."""
        until = clock.now() + seconds
        while (left := until - clock.now()) > 0 and not self.stopped.is_set():
            try:
                # Short slices, so that a change of the clock's speed is noticed.
                await asyncio.wait_for(self.stopped.wait(), min(left / clock.speed(), 0.25))
            except TimeoutError:
                continue


FORGOTTEN = "forgotten"
"""Why an operation stops when the stand-in forgets everything: it leaves what it has made to nobody."""

_running: dict[str, Operation] = {}

CURRENT: contextvars.ContextVar[Operation | None] = contextvars.ContextVar("operation", default=None)
"""The operation on whose behalf this thread or task works."""


def begin(stack: Record) -> Operation:
    """Register an operation on the stack, beneath the one that is running here if there is one."""
    operation = Operation(stack)
    parent = CURRENT.get()
    if parent is not None and parent.stack["StackId"] != stack["StackId"]:
        parent.children.append(operation)
    _running[stack["StackId"]] = operation
    CURRENT.set(operation)
    return operation


def end(operation: Operation) -> None:
    """The stack is at rest again."""
    if _running.get(operation.stack["StackId"]) is operation:
        del _running[operation.stack["StackId"]]
    operation.done.set()


def running(stack_id: str) -> Operation | None:
    """What goes on in this stack, if anything."""
    return _running.get(stack_id)


def forget_all() -> None:
    """Let every operation stop where it is; may be called from any thread."""
    for operation in list(_running.values()):
        operation.loop.call_soon_threadsafe(operation.stop, FORGOTTEN)
    _running.clear()
