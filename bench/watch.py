"""`python -m bench.watch [WATCHERS]`: how soon does a recorded change reach everybody who watches one run?

One web process, one run with 34 regions, 1,000 people of whom one has a browser and the others a socket. From
the commit of the change to the message in the socket, and to the browser's next painted frame. Beside it the
same people asking for the page every two seconds, as a polling page would. Then the web process is killed and
started again, and the browser must be live, with nothing missed.

On SQLite in a file of its own, or on DATABASE_URL's server, where a database is made and dropped.
"""

import asyncio
import re
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, time

from bench.figures import Report
from bench.watched import Web, World, a_database, change, make_world

from asgiref.sync import sync_to_async  # isort: skip - Django is set up first
from django.conf import settings  # isort: skip
from django.db import connection  # isort: skip
from playwright.async_api import Page, async_playwright  # isort: skip

from demo.processes import Processes  # isort: skip
from demo.stack import start_redis  # isort: skip
from onboarding.models import Run  # isort: skip
from tests.browser import CHROMIUM_ARGUMENTS, find_chromium  # isort: skip

WATCHERS = 1000
CHANGES = 40
CHANGES_WHILE_POLLING = 8
POLL_SECONDS = 2.0
# A change, and time for it to be everywhere before the next.
BETWEEN_SECONDS = 0.7
CONNECT_AT_ONCE = 50

LIMIT_MILLISECONDS = 250.0
LIMIT_KIB = 60.0
LIMIT_RESTART_SECONDS = 10.0


@dataclass
class Seen:
    """When each event number reached each socket, in seconds since the epoch."""

    at: dict[int, list[float]] = field(default_factory=dict)
    opened: int = 0
    ended: int = 0

    def note(self, number: int) -> None:
        self.at.setdefault(number, []).append(time())


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds from the commit of a change."""

    p50: float
    p95: float
    p99: float
    count: int

    @classmethod
    def of(cls, delays: list[float]) -> "Delays":
        if len(delays) < 2:
            return cls(float("nan"), float("nan"), float("nan"), len(delays))
        cuts = statistics.quantiles(delays, n=100, method="inclusive")
        return cls(round(cuts[49], 1), round(cuts[94], 1), round(cuts[98], 1), len(delays))

    def __str__(self) -> str:
        return f"{self.p50:.0f}/{self.p95:.0f}/{self.p99:.0f} ms ({self.count:,})"


# --- Those who watch ------------------------------------------------------------------------------


async def stream(
    web: Web, world: World, session: str, after: int, seen: Seen, opened: asyncio.Semaphore
) -> None:
    """One open stream: notes when each event number arrives."""
    async with opened:
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        path = f"/runs/{world.run.pk}/events?after={after}"
        writer.write(_request(web, path, session))
        await reader.readuntil(b"retry:")
        seen.opened += 1
    try:
        while line := await reader.readline():
            if line.startswith(b"id: "):
                seen.note(int(line[4:]))
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        seen.ended += 1
        writer.close()


async def poll(web: Web, world: World, session: str, seen: Seen, first_in_seconds: float) -> None:
    """One page that asks again every two seconds: notes the event number it was answered."""
    last = 0
    await asyncio.sleep(first_in_seconds)
    while True:
        began = monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
            writer.write(_request(web, f"/runs/{world.run.pk}/", session, keep=False))
            body = await reader.read(-1)
            writer.close()
        except ConnectionError:
            body = b""
        if found := re.search(rb"events\?after=(\d+)", body):
            number = int(found[1])
            for each in range(last + 1, number + 1):
                seen.note(each)
            last = number
        await asyncio.sleep(max(0.0, POLL_SECONDS - (monotonic() - began)))


def _request(web: Web, path: str, session: str, *, keep: bool = True) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nCookie: sessionid={session}\r\n"
        f"Accept: text/html, text/event-stream\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode()


# In the page: when a frame that shows the region's change was painted.
WATCH_CELLS = """
() => {
  window.painted = {};
  new MutationObserver((changes) => {
    const at = new Set();
    for (const change of changes) {
      const nodes = change.type === "attributes" ? [change.target] : [...change.addedNodes];
      for (const node of nodes) {
        const around = node.closest?.('[id^="cell-"]');
        const within = around ? [around] : node.querySelectorAll?.('[id^="cell-"]') || [];
        for (const cell of within) at.add(cell.id.slice(5));
      }
    }
    if (at.size) requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        for (const region of at) window.painted[region] = performance.timeOrigin + performance.now();
      };
      channel.port2.postMessage(0);
    });
  }).observe(document.getElementById("main"), { childList: true, subtree: true, attributes: true });
}
"""


async def open_page(page: Page, web: Web, world: World) -> None:
    await page.context.add_cookies([{"name": "sessionid", "value": world.sessions[0], "url": web.address}])
    await page.goto(f"{web.address}/runs/{world.run.pk}/")
    await page.wait_for_selector("#connection.is-live", timeout=30_000)
    await page.evaluate(WATCH_CELLS)


async def painted(page: Page, region: str, since: float, *, within_seconds: float) -> float | None:
    """When the browser painted the region's change, in seconds since the epoch; None if it never did."""
    deadline = monotonic() + within_seconds
    while monotonic() < deadline:
        at = await page.evaluate("(region) => window.painted[region] || 0", region)
        if at / 1000 > since - 0.05:
            return float(at) / 1000
        await asyncio.sleep(0.05)
    return None


# --- The measurements -----------------------------------------------------------------------------


@dataclass
class Figures:
    watchers: int
    streamed_sockets: Delays | None = None
    streamed_pixels: Delays | None = None
    polled_sockets: Delays | None = None
    kib_per_watcher: float = 0.0
    threads: int = 0
    cpu_ms_per_change: float = 0.0
    idle_cpu_percent: float = 0.0
    live_again_seconds: float = 0.0
    missed_after_restart: int = 0


async def measure_streams(web: Web, world: World, page: Page, figures: Figures) -> None:
    seen, opened = Seen(), asyncio.Semaphore(CONNECT_AT_ONCE)
    await open_page(page, web, world)
    empty = web.memory_kib()
    after = await sync_to_async(_last_number)(world.run)
    tasks = [
        asyncio.ensure_future(stream(web, world, session, after, seen, opened))
        for session in world.sessions[1:]
    ]
    while seen.opened + seen.ended < len(tasks):  # noqa: ASYNC110 - counted by many, polled by one
        await asyncio.sleep(0.1)
    await asyncio.sleep(3)
    before_idle = web.cpu_seconds()
    await asyncio.sleep(10)
    figures.idle_cpu_percent = round((web.cpu_seconds() - before_idle) * 10, 1)
    before_changes = web.cpu_seconds()
    pixels: list[float] = []
    committed: dict[int, float] = {}
    for turn in range(CHANGES):
        number, region, at = await sync_to_async(change)(world.run, turn)
        committed[number] = at
        shown = await painted(page, region, at, within_seconds=10)
        if shown is not None:
            pixels.append(max(0.0, shown - at) * 1000)
        await asyncio.sleep(BETWEEN_SECONDS)
    figures.kib_per_watcher = round((web.memory_kib() - empty) / len(tasks), 1)
    figures.cpu_ms_per_change = round((web.cpu_seconds() - before_changes) * 1000 / CHANGES, 1)
    figures.threads = web.threads()
    figures.streamed_pixels = Delays.of(pixels)
    figures.streamed_sockets = _delays(committed, seen)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def measure_restart(web: Web, world: World, page: Page, figures: Figures) -> None:
    """Kill the web process, record a change while it is away, and wait until the page shows it."""
    await asyncio.to_thread(web.kill)
    _number, region, at = await sync_to_async(change)(world.run, 3)
    await asyncio.sleep(1)
    began = monotonic()
    await asyncio.to_thread(web.start)
    started = monotonic() - began
    shown = await painted(page, region, at, within_seconds=30)
    await page.wait_for_selector("#connection.is-live", timeout=30_000)
    figures.missed_after_restart = 0 if shown is not None else 1
    figures.live_again_seconds = round(monotonic() - began - started, 1)


async def measure_polling(web: Web, world: World, figures: Figures) -> None:
    seen = Seen()
    tasks = [
        asyncio.ensure_future(poll(web, world, session, seen, POLL_SECONDS * n / len(world.sessions)))
        for n, session in enumerate(world.sessions)
    ]
    await asyncio.sleep(2 * POLL_SECONDS)
    committed: dict[int, float] = {}
    for turn in range(CHANGES_WHILE_POLLING):
        number, _region, at = await sync_to_async(change)(world.run, turn)
        committed[number] = at
        await asyncio.sleep(POLL_SECONDS)
    await asyncio.sleep(8 * POLL_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    figures.polled_sockets = _delays(committed, seen)


def _delays(committed: dict[int, float], seen: Seen) -> Delays:
    return Delays.of(
        [max(0.0, at - began) * 1000 for number, began in committed.items() for at in seen.at.get(number, [])]
    )


def _last_number(run: Run) -> int:
    return Run.objects.values_list("last_event_number", flat=True).get(pk=run.pk)


async def measure(watchers: int, web: Web, world: World) -> Figures:
    figures = Figures(watchers)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGUMENTS)
        page = await browser.new_page()
        await measure_streams(web, world, page, figures)
        await measure_restart(web, world, page, figures)
        await browser.close()
    if "--no-polling" not in sys.argv:
        await measure_polling(web, world, figures)
    return figures


def report_of(figures: Figures) -> Report:
    """What was measured, beside what is wanted. A watcher whom a change never reached fails it."""
    streamed, pixels, polled = figures.streamed_sockets, figures.streamed_pixels, figures.polled_sockets
    assert streamed is not None
    assert pixels is not None
    conditions = {"watchers": figures.watchers, "database": connection.vendor, "processes": 1}
    report = Report("One run, watched by many", conditions)
    everybody = CHANGES * (figures.watchers - 1)
    report.add(
        "to the pixel, p50/p95/p99",
        str(pixels),
        beside=f"polled every {POLL_SECONDS:.0f} s: {polled or 'not measured'}",
        wanted=f"all {CHANGES}, p95 at most {LIMIT_MILLISECONDS:.0f} ms",
        is_met=pixels.p95 <= LIMIT_MILLISECONDS and pixels.count == CHANGES,
    )
    report.add(
        "to the other sockets, p50/p95/p99",
        str(streamed),
        wanted=f"all {everybody:,}",
        is_met=streamed.count == everybody,
    )
    report.add(
        "memory of a watcher",
        f"{figures.kib_per_watcher} KiB",
        wanted=f"at most {LIMIT_KIB:.0f} KiB",
        is_met=figures.kib_per_watcher <= LIMIT_KIB,
    )
    report.add(
        "live again after a restart",
        f"{figures.live_again_seconds} s",
        beside=f"missed {figures.missed_after_restart}",
        wanted=f"at most {LIMIT_RESTART_SECONDS:.0f} s, nothing missed",
        is_met=figures.live_again_seconds <= LIMIT_RESTART_SECONDS and not figures.missed_after_restart,
    )
    report.add("processor time per change", f"{figures.cpu_ms_per_change} ms")
    report.add("one core's share when idle", f"{figures.idle_cpu_percent} %")
    report.add("threads", str(figures.threads))
    return report


def main() -> int:
    watchers = int(sys.argv[1]) if len(sys.argv) > 1 else WATCHERS
    with (
        a_database(),
        tempfile.TemporaryDirectory() as directory,
        Processes(Path(directory), Path(__file__).parent.parent) as processes,
    ):
        redis_url = start_redis(processes, Path(directory))
        settings.REDIS_URL = redis_url
        world = make_world(watchers)
        web = Web(processes, redis_url)
        web.start()
        return report_of(asyncio.run(measure(watchers, web, world))).tell("watch")


if __name__ == "__main__":
    sys.exit(main())
