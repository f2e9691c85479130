"""In which order, and which at the same time, are a stack's resources worked on?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from ministack.services.cloudformation.engine import _extract_deps

from sandbox.events import Record

Act = Callable[[str], Awaitable[bool]]
"""Works on one resource; says whether those who need it may go on."""


def needs(definitions: Record, present: set[str]) -> dict[str, set[str]]:
    """For each present resource those that must exist before it."""
    return {
        name: {d for d in _extract_deps(definitions.get(name) or {}, present) if d != name}
        for name in present
    }


def reversed_needs(before: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """For each resource those that must be gone before it."""
    after: dict[str, set[str]] = {name: set() for name in before}
    for name, required in before.items():
        for one in required:
            after[one].add(name)
    return after


async def visit(
    before: Mapping[str, set[str]], act: Act, *, go_on: Callable[[], bool] = lambda: True
) -> None:
    """Act on each resource as soon as all it waits for is done; what waits for a failure is never begun."""
    waiting = dict(sorted(before.items()))
    finished: set[str] = set()
    working: dict[asyncio.Task[bool], str] = {}
    while True:
        if go_on():
            for name in [n for n, required in waiting.items() if required <= finished]:
                del waiting[name]
                working[asyncio.ensure_future(act(name))] = name
        if not working:
            return
        done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            name = working.pop(task)
            if task.result():
                finished.add(name)
