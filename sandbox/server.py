"""How the stand-in serves: patches ministack, wraps its application and stops when told.

The patches are modules of `sandbox`, each with an `install()`. The order matters only where one wraps
what another replaced.
"""

import asyncio
import importlib
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

logger = logging.getLogger("sandbox")

PATCHES = (
    # Services and credentials: what they answer.
    "by_place",
    "refusals",
    "credentials",
    "regions",
    "organizations",
    "trail_api",
    "trail_resource",
    "log_delivery",
    # Stacks: how they live, and with whose rights.
    "clock",
    "names",
    "template_conditions",
    "stacks",
    "requests",
    "nested",
    "rights",
    "conditions",
    "simulation",
    "roles",
    "buckets",
    "functions",
    "custom_resources",
    "scripted",
)
"""Modules whose `install()` makes ministack behave as AWS does."""

STOP_WITHIN_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line decides; all but host, port and company can be changed while running."""

    host: str
    port: int
    speed: float
    latency_ms: float
    log_delivery_seconds: float
    enabled_regions: int | None
    company: Path
    seed: str | None


def install_patches() -> None:
    """Apply each patch module, once."""
    for name in PATCHES:
        importlib.import_module(f"sandbox.{name}").install()


def _application(options: Options) -> Callable[..., Any]:
    install_patches()
    from ministack.app import app

    from sandbox import clock, gateway, regions, scenarios, seeds, settings

    clock.set_speed(options.speed)
    settings.change(latency_ms=options.latency_ms, log_delivery_seconds=options.log_delivery_seconds)
    regions.enable_unless_said_otherwise(options.enabled_regions)
    seeds.read_company(options.company)
    if options.seed and options.seed not in scenarios.SCENARIOS:
        raise SystemExit(f"There is no scenario {options.seed!r}.")
    return gateway.wrap(app)


def _seed(options: Options) -> None:
    from sandbox import seeds

    seeds.play_central_side()
    if options.seed:
        seeds.play(options.seed, {})
    seeds.sown.set()


def _quiet() -> None:
    # Says at each start that a package for a service that we don't offer is missing.
    logging.getLogger("kms").setLevel(logging.ERROR)


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(options: Options, listener: socket.socket) -> None:
    application = _application(options)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stopping.set()
        # Custom resources that never answer hold threads which Python would join for an hour.
        watchdog = threading.Timer(STOP_WITHIN_SECONDS, os._exit, (0,))
        watchdog.daemon = True
        watchdog.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.3
    config.loglevel = os.environ["LOG_LEVEL"].upper()
    config.accesslog = None
    server = asyncio.ensure_future(serve(application, config, shutdown_trigger=stopping.wait))
    seeding = asyncio.ensure_future(asyncio.to_thread(_seed, options))
    await asyncio.wait({server, seeding}, return_when=asyncio.FIRST_COMPLETED)
    if seeding.done() and (failure := seeding.exception()) is not None:
        logger.error("seeding failed", exc_info=failure)
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.write(
        f"Stand-in cloud ready: http://{options.host}:{options.port} "
        f"(console: http://{options.host}:{options.port}/_sandbox/)\n"
    )
    sys.stdout.flush()
    await server


def run(options: Options, listener: socket.socket) -> int:
    """Serve until SIGTERM or SIGINT, then leave at once, whatever is still in flight."""
    _allow_many_connections()
    _quiet()
    asyncio.run(_serve(options, listener))
    sys.stdout.flush()
    # Not sys.exit: ministack's threads for functions and stacks are no daemons, and nothing is left to save.
    os._exit(0)
