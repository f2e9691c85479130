"""Which clients are there, and with whose credentials does each request go out?

A client costs 3 ms and 260 kB, and a thousand accounts have 34 regions each: so there is one client for each
service and region, and sessions borrow it. A borrowed client belongs to one session. It names that session's
credentials for each request, which signs with those and nothing else: the client itself has none that any
account knows, and a request for which nobody was named is not sent.
"""

import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError
from botocore.loaders import Loader

# One loader for the process: each further session with a loader of its own costs 90 ms and 10 MB.
_LOADER = Loader()

Handler = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: with which credentials, and who is told of each answer."""

    credentials: Credentials = field(repr=False)
    hears: tuple[Handler, ...] = field(repr=False, default=())


# Set around each call of a borrowed client, on the thread that calls.
_asking: contextvars.ContextVar[Asker | None] = contextvars.ContextVar("asking", default=None)


def new_core() -> botocore.session.Session:
    """A botocore session with the process's loader."""
    core = botocore.session.Session()
    core.register_component("data_loader", _LOADER)
    # Tokens of the global endpoint aren't valid in opt-in regions.
    core.set_config_variable("sts_regional_endpoints", "regional")
    return core


class Clients:
    """The clients of one cloud, each made once and shared by every session of handed-over credentials."""

    def __init__(self, endpoint_url: str | None, config: Config, hears: tuple[Handler, ...]) -> None:
        self._endpoint_url, self._config, self._hears = endpoint_url, config, hears
        self._core = new_core()
        self._made: dict[tuple[str, str], Any] = {}
        # botocore sessions must not make two clients at once; the clients themselves may be shared.
        self._lock = threading.Lock()

    def lend(self, service: str, region: str, asker: Asker) -> Any:
        """The client for a service and region, for this asker. Raises botocore's errors."""
        with self._lock:
            if (service, region) not in self._made:
                self._made[service, region] = self._make(service, region)
        return Lent(self._made[service, region], asker)

    def _make(self, service: str, region: str) -> Any:
        make: Any = self._core.create_client
        made = make(
            service,
            region_name=region,
            endpoint_url=self._endpoint_url,
            config=self._config,
            # Nobody's. Without any, botocore would look for the worker's own.
            aws_access_key_id="nobody",
            aws_secret_access_key="nobody",  # noqa: S106 - nobody's
            aws_session_token="nobody",  # noqa: S106 - nobody's
        )
        # Last of all handlers, so that none before it can take the credentials away again.
        made.meta.events.register_last("before-call", _sign_as_asker)
        for hear in self._hears:
            made.meta.events.register("after-call", hear)
        made.meta.events.register("after-call", _tell_asker)
        return made

    def close(self) -> None:
        """Close the connections. The clients are made anew when they are asked for again."""
        with self._lock:
            made, self._made = list(self._made.values()), {}
        for client in made:
            client.close()


def _sign_as_asker(*, context: dict[str, Any], **_rest: Any) -> None:
    asker = _asking.get()
    if asker is None:
        raise NoCredentialsError
    context["signing"] = {**context.get("signing", {}), "request_credentials": asker.credentials}


def _tell_asker(**answer: Any) -> None:
    asker = _asking.get()
    for hear in asker.hears if asker is not None else ():
        hear(**answer)


class Lent:
    """A shared client in the hands of one session: looks like the client, asks as that session."""

    __slots__ = ("_asker", "_client")

    def __init__(self, client: Any, asker: Asker) -> None:
        self._client, self._asker = client, asker

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        is_call = name in self._client.meta.method_to_api_mapping
        return _Method(self, name, found, self._asker) if is_call else found

    def get_paginator(self, operation_name: str) -> Any:
        """botocore's own, whose pages are asked for by the methods of this."""
        found: Any = BaseClient.get_paginator(self, operation_name)  # type: ignore[arg-type]  # botocore's own
        return found

    def __repr__(self) -> str:
        return f"<Lent {type(self._client).__name__} in {self._client.meta.region_name}>"


class _Method:
    """One method of a borrowed client."""

    __slots__ = ("__name__", "__self__", "_asker", "_call")

    def __init__(self, client: Lent, name: str, call: Callable[..., Any], asker: Asker) -> None:
        self.__self__, self.__name__ = client, name
        self._call, self._asker = call, asker

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        token = _asking.set(self._asker)
        try:
            return self._call(*arguments, **keywords)
        finally:
            _asking.reset(token)
