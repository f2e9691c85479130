"""`python -m bench.watch [WATCHERS]`: how soon does a recorded change reach everybody who watches one run?

One web process, one run with 34 regions, 1,000 people of whom one has a browser and the others a socket. From
the commit of the change to the message in the socket, and to the browser's next painted frame. Beside it the
same people asking for the page every two seconds, as a polling page would. Then the web process is killed and
started again, and the browser must be live, with nothing missed.

On SQLite in a file of its own, or on DATABASE_URL's server, where a database is made and dropped.
"""

# ruff: noqa: E402, PLC0415 - Django is set up first

import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, time

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
os.environ["LOG_LEVEL"] = "WARNING"
django.setup()

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.utils import timezone
from playwright.async_api import Page, async_playwright

from demo.processes import Processes, free_port
from demo.stack import start_redis
from onboarding.models import AwsAccount, Event, Ownership, OwnershipRole, RegionReading, Run
from onboarding.models.history import record
from onboarding.progress.places import PLACES
from onboarding.states import RegionState, RunStatus
from tests.browser import CHROMIUM_ARGUMENTS, find_chromium

WATCHERS = 1000
REGIONS = sorted(PLACES)[:34]
CHANGES = 40
CHANGES_WHILE_POLLING = 8
POLL_SECONDS = 2.0
# A change, and time for it to be everywhere before the next.
BETWEEN_SECONDS = 0.7
CONNECT_AT_ONCE = 50

LIMIT_MILLISECONDS = 250.0
LIMIT_KIB = 60.0
LIMIT_RESTART_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class World:
    run: Run
    sessions: tuple[str, ...]


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
        return f"p50 {self.p50:7.1f} ms   p95 {self.p95:7.1f} ms   p99 {self.p99:7.1f} ms   ({self.count})"


def make_world(watchers: int) -> World:
    """One account at work, with as many owners as there are watchers, all signed in."""
    account = AwsAccount.objects.create(
        number="484535289196", name="Watched by many", contact_email="owner@example.org"
    )
    run = Run.objects.create(account=account, status=RunStatus.VERIFYING)
    record(run.pk, "run.status", status=RunStatus.VERIFYING)
    now = timezone.now()
    RegionReading.objects.bulk_create(
        RegionReading(
            account=account,
            region=region,
            state=RegionState.LOGGING,
            stack_status="CREATE_COMPLETE",
            trail_arn=f"arn:aws:cloudtrail:{region}:484535289196:trail/InfosecTrail",
            is_logging=True,
            read_at=now,
        )
        for region in REGIONS
    )
    users = User.objects.bulk_create(
        User(username=f"watcher-{n}", email=f"watcher-{n}@example.org", password="!") for n in range(watchers)
    )
    Ownership.objects.bulk_create(
        Ownership(account=account, user=user, role=OwnershipRole.OWNER if n == 0 else OwnershipRole.CO_OWNER)
        for n, user in enumerate(users)
    )
    return World(run, tuple(_session_of(user) for user in users))


def _session_of(user: User) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def change(run: Run, turn: int) -> tuple[int, str, float]:
    """Record a region's change as the worker does: the event's number, the region, when it was committed."""
    region = REGIONS[turn * 7 % len(REGIONS)]
    reading = RegionReading.objects.get(account=run.account_id, region=region)
    state = RegionState.COVERED if reading.state == RegionState.LOGGING else RegionState.LOGGING
    with transaction.atomic():
        RegionReading.objects.filter(pk=reading.pk).update(
            state=state, latest_delivery_at=timezone.now(), read_at=timezone.now()
        )
        event: Event = record(run.pk, "region.reading", region=region, state=state)
    return event.number, region, time()


# --- The web process ------------------------------------------------------------------------------


class Web:
    """One uvicorn on a port of its own."""

    def __init__(self, processes: Processes, redis_url: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._processes = processes
        self._environment = os.environ | {
            "DATABASE_URL": _database_url(),
            "REDIS_URL": redis_url,
            "PUBLIC_URL": self.address,
        }
        self._environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)

    def start(self) -> None:
        words = (
            f"portal.asgi:application --port {self.port} --lifespan off --no-access-log --log-level warning"
        )
        command = [Path(sys.executable).parent / "uvicorn", *words.split()]
        self._processes.start("web", command, self._environment)
        self._processes.wait_until("web", self._listens)

    def kill(self) -> None:
        self._processes.kill("web")

    def memory_kib(self) -> float:
        """Resident memory, as the kernel counts it."""
        found = re.search(r"VmRSS:\s+(\d+) kB", self._proc("status"))
        return float(found[1]) if found else 0.0

    def cpu_seconds(self) -> float:
        """Processor time that the process has had, in user and kernel mode."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def threads(self) -> int:
        found = re.search(r"Threads:\s+(\d+)", self._proc("status"))
        return int(found[1]) if found else 0

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self._processes.pid('web')}/{name}").read_text()

    def _listens(self) -> bool:
        import http.client

        try:
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=5).request("GET", "/health/live")
        except OSError:
            return False
        return True


def _database_url() -> str:
    parts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{parts['NAME']}"
    port = parts["PORT"] or 5432
    return f"postgres://{parts['USER']}:{parts['PASSWORD']}@{parts['HOST']}:{port}/{parts['NAME']}"


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
    database: str
    cores: int
    load: float
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
    figures = Figures(watchers, connection.vendor, os.cpu_count() or 1, round(os.getloadavg()[0], 1))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGUMENTS)
        page = await browser.new_page()
        await measure_streams(web, world, page, figures)
        await measure_restart(web, world, page, figures)
        await browser.close()
    if "--no-polling" not in sys.argv:
        await measure_polling(web, world, figures)
    return figures


def show(figures: Figures) -> bool:
    print(
        f"{figures.watchers} watch one run in one process; {figures.database}, {figures.cores} cores, "
        f"load {figures.load} before"
    )
    print(f"  streamed, to the socket     {figures.streamed_sockets}")
    print(f"  streamed, to the pixel      {figures.streamed_pixels}")
    print(f"  polled every {POLL_SECONDS:.0f} s           {figures.polled_sockets}")
    print(f"  server's work per change    {figures.cpu_ms_per_change} ms")
    print(f"  threads                     {figures.threads}")
    print(f"  memory per watcher          {figures.kib_per_watcher} KiB")
    print(f"  one core's share when idle  {figures.idle_cpu_percent} %")
    print(
        f"  live again after a restart  {figures.live_again_seconds} s, missed {figures.missed_after_restart}"
    )
    streamed, pixels = figures.streamed_sockets, figures.streamed_pixels
    assert streamed is not None
    assert pixels is not None
    return (
        streamed.p95 <= LIMIT_MILLISECONDS
        and pixels.p95 <= LIMIT_MILLISECONDS
        and streamed.count == CHANGES * (figures.watchers - 1)
        and pixels.count == CHANGES
        and figures.kib_per_watcher <= LIMIT_KIB
        and figures.live_again_seconds <= LIMIT_RESTART_SECONDS
        and figures.missed_after_restart == 0
    )


@contextmanager
def a_database() -> Iterator[None]:
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db("", verbosity=0)


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
        figures = asyncio.run(measure(watchers, web, world))
        is_good = show(figures)
        print(json.dumps(asdict(figures)))
        return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
